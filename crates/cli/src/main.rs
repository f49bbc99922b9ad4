//! The `cornet` command. Results go to stdout, progress and errors to stderr; it ends with 0 when done, 1 when
//! something failed, 2 for a wrong command line.

mod commands;
mod input;
mod output;
mod recipe;
mod source;
mod suggest;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

const EXAMPLES: &str = "\
Examples:
  cornet quickstart                                   train, test, save and load a model
  cornet train mnist-mlp                              train after a recipe
  cornet predict mnist-mlp.keras --input digit.png    use a model
  cornet inspect model.onnx                           what a file holds
  cornet convert model.keras model.onnx               another format
  cornet datasets fetch mnist                         download a dataset into the cache
  cornet bench gemm conv elementwise                  how near to the machine's ceilings
  cornet env                                          CPU, threads, versions, settings";

/// Deep learning from the first tensor to production.
#[derive(Parser)]
#[command(name = "cornet", version, after_help = EXAMPLES, arg_required_else_help = true)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    Quickstart(commands::quickstart::Quickstart),
    Train(commands::train::Train),
    Evaluate(commands::evaluate::Evaluate),
    Predict(commands::predict::Predict),
    Summary(commands::summary::Summary),
    Inspect(commands::inspect::Inspect),
    Convert(commands::convert::Convert),
    Datasets(commands::datasets::Datasets),
    Bench(commands::bench::Bench),
    Env(commands::env::Env),
}

fn main() -> ExitCode {
    let outcome = match Cli::parse().command {
        Command::Quickstart(command) => command.run(),
        Command::Train(command) => command.run(),
        Command::Evaluate(command) => command.run(),
        Command::Predict(command) => command.run(),
        Command::Summary(command) => command.run(),
        Command::Inspect(command) => command.run(),
        Command::Convert(command) => command.run(),
        Command::Datasets(command) => command.run(),
        Command::Bench(command) => command.run(),
        Command::Env(command) => command.run(),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            output::say(&format!("error: {error}"));
            ExitCode::FAILURE
        }
    }
}
