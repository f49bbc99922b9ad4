//! `cornet bench`: times of workloads, beside the machine's ceilings.

use clap::Args;
use cornet_bench::{Line, Workload, workloads};
use cornet_error::{Result, err};
use serde_json::json;

use crate::output::{columns, print};
use crate::suggest::nearest;

const EXAMPLES: &str = "\
Examples:
  cornet bench --list
  cornet bench gemm conv elementwise
  cornet bench mlp_mnist cnn_fashion --threads 2 --json

Prints `name backend=cornet step_ms=M items_per_s=N`, a line a figure.";

/// Time workloads: training steps, kernels against the machine's ceilings.
#[derive(Args)]
#[command(after_help = EXAMPLES)]
pub struct Bench {
    /// The workloads; all of them if none is named.
    #[arg(value_name = "WORKLOAD")]
    names: Vec<String>,
    /// List the workloads.
    #[arg(long)]
    list: bool,
    /// Print one JSON object a line.
    #[arg(long)]
    json: bool,
    /// Threads to measure with; may be given several times. Kernels: 1 and all by default; training: all.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..))]
    threads: Vec<u16>,
}

impl Bench {
    pub fn run(self) -> Result<()> {
        if self.list {
            let rows: Vec<Vec<String>> = workloads().iter().map(|w| vec![w.name.into(), w.about.into()]).collect();
            return print(&columns(&rows));
        }
        let chosen = match self.names.as_slice() {
            [] => workloads().iter().collect(),
            names => names.iter().map(|n| named(n)).collect::<Result<Vec<_>>>()?,
        };
        let threads: Vec<usize> = self.threads.iter().map(|&n| usize::from(n)).collect();
        for workload in chosen {
            workload.run(&threads, &mut |line| print(&if self.json { as_json(line) } else { line.to_string() }))?;
        }
        Ok(())
    }
}

fn named(name: &str) -> Result<&'static Workload> {
    workloads().iter().find(|w| w.name == name).ok_or_else(|| {
        let names: Vec<&str> = workloads().iter().map(|w| w.name).collect();
        let error = err!(NotFound, "workload '{name}': expected one of {}", names.join(", "));
        match nearest(name, names) {
            Some(meant) => error.help(format!("did you mean '{meant}'?")),
            None => error.help("`cornet bench --list` says what each is"),
        }
    })
}

fn as_json(line: &Line) -> String {
    json!({
        "name": line.name,
        "backend": "cornet",
        "threads": line.threads,
        "step_ms": line.step_ms,
        "items_per_s": line.items_per_s,
        "rate": line.rate,
        "unit": line.unit,
        "percent_of_peak": line.percent_of_peak,
    })
    .to_string()
}
