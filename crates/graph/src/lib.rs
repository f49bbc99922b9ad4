//! Graphs: verifier, printer, parser, autodiff and passes.
