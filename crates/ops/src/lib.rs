//! Ops: one file an op, with its rules, gradient and reference.
