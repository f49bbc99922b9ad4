//! Checks and chores of the workspace: `cargo xtask check` is what a change must pass.

mod codes;
mod coverage;
mod layers;
mod programs;
mod pure;
mod steps;

use std::process::ExitCode;

const USAGE: &str = "\
usage: cargo xtask <task>

  check     every check below, then clippy, the tests and the documentation, in this order
  fmt       formats every Rust file; `fmt --check` only says which are not
  layers    checks which crate depends on which
  pure      checks that the default build needs no C compiler and nothing of the system
  codes     writes docs/errors.md from the table of codes; `codes --check` only says whether it is current
  coverage  writes docs/coverage.md, which names of Keras there are; `coverage --check` only says whether it is current
  clippy    clippy over everything, warnings are errors
  test      the tests, as the README runs them
  doc       builds the documentation, warnings are errors
  examples  runs every program in examples/
  program   prints the path of a program or example of the workspace, built: `program NAME`
";

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let outcome = match words.as_slice() {
        ["check"] => steps::check(),
        ["fmt"] => steps::format(false),
        ["fmt", "--check"] => steps::format(true),
        ["layers"] => layers::check(),
        ["pure"] => pure::check(),
        ["codes"] => codes::write(),
        ["codes", "--check"] => codes::check(),
        ["coverage"] => coverage::write(),
        ["coverage", "--check"] => coverage::check(),
        ["clippy"] => steps::clippy(),
        ["test"] => steps::test(),
        ["doc"] => steps::document(),
        ["examples"] => programs::run_examples(),
        ["program", name] => programs::print(name),
        _ => {
            eprint!("{USAGE}");
            return ExitCode::from(2);
        }
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(message) => {
            eprintln!("xtask: {message}");
            ExitCode::FAILURE
        }
    }
}
