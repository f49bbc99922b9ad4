//! The tools that a check runs, one after the other.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Instant;

use crate::{codes, coverage, layers, programs, pure};

/// What failed, for a person.
pub type Outcome = Result<(), String>;

/// A named step of `check`.
type Step = (&'static str, fn() -> Outcome);

const STEPS: &[Step] = &[
    ("fmt", || format(true)),
    ("layers", layers::check),
    ("pure", pure::check),
    ("codes", codes::check),
    ("coverage", coverage::check),
    ("clippy", clippy),
    ("test", test),
    ("examples", programs::run_examples),
    ("doc", document),
];

/// Every step; the first that fails ends it.
pub fn check() -> Outcome {
    for (name, step) in STEPS {
        let start = Instant::now();
        eprintln!("xtask: {name}");
        step().map_err(|e| format!("{name}: {e}"))?;
        eprintln!("xtask: {name} passed in {:.1} s", start.elapsed().as_secs_f64());
    }
    Ok(())
}

/// The folder of the workspace.
pub fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().map(Path::to_path_buf).unwrap_or_default()
}

/// The cargo that runs this program.
pub fn cargo() -> Command {
    let mut command = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    command.current_dir(root());
    command
}

/// Runs a command and fails with its name if it fails.
pub fn run(command: &mut Command) -> Outcome {
    let status = command.status().map_err(|e| format!("cannot start {:?}: {e}", command.get_program()))?;
    if status.success() { Ok(()) } else { Err(format!("{:?} ended with {status}", command.get_program())) }
}

/// What a command prints on stdout.
pub fn output(command: &mut Command) -> Result<String, String> {
    let output = command.output().map_err(|e| format!("cannot start {:?}: {e}", command.get_program()))?;
    if !output.status.success() {
        let said = String::from_utf8_lossy(&output.stderr);
        return Err(format!("{:?} ended with {}: {said}", command.get_program(), output.status));
    }
    String::from_utf8(output.stdout).map_err(|e| e.to_string())
}

/// rustfmt over every tracked file: ops are declared in a macro, whose files `cargo fmt` does not find.
pub fn format(only_check: bool) -> Outcome {
    let tracked = output(Command::new("git").current_dir(root()).args(["ls-files", "-z", "*.rs"]))?;
    let files: Vec<&str> = tracked.split('\0').filter(|f| !f.is_empty() && root().join(f).exists()).collect();
    if files.is_empty() {
        return Err("git lists no Rust files".into());
    }
    let mut command = Command::new("rustfmt");
    command.current_dir(root()).args(["--edition", "2024"]).args(only_check.then_some("--check")).args(files);
    run(&mut command)
}

/// clippy with warnings denied.
pub fn clippy() -> Outcome {
    run(cargo().args(["clippy", "--workspace", "--all-targets", "--quiet", "--", "-D", "warnings"]))
}

/// The README's test command.
pub fn test() -> Outcome {
    run(cargo().args(["test", "--release", "--workspace", "--quiet"]))
}

/// The documentation of every crate, warnings denied.
pub fn document() -> Outcome {
    run(cargo().env("RUSTDOCFLAGS", "-D warnings").args(["doc", "--workspace", "--no-deps", "--quiet"]))
}
