//! Programs and examples of the workspace.

use std::path::PathBuf;
use std::process::Command;

use serde_json::Value;

use crate::steps::{Outcome, cargo, output, root, run};

/// Runs what is in the folder of examples, each of which checks its own result.
pub fn run_examples() -> Outcome {
    let entries = std::fs::read_dir(root().join("examples")).map_err(|e| format!("examples: {e}"))?;
    let mut names = Vec::new();
    for entry in entries {
        let path = entry.map_err(|e| format!("examples: {e}"))?.path();
        if path.extension().is_some_and(|e| e == "rs") {
            names.extend(path.file_stem().map(|s| s.to_string_lossy().into_owned()));
        }
    }
    names.sort();
    let built = build()?;
    for name in names {
        let (_, path) = built.iter().find(|(n, _)| *n == name).ok_or_else(|| {
            format!("examples/{name}.rs is no example of a crate; name it in crates/cornet/Cargo.toml")
        })?;
        eprintln!("xtask: examples/{name}.rs");
        run(Command::new(path).current_dir(root()))?;
    }
    Ok(())
}

/// Prints the path of a program.
pub fn print(name: &str) -> Outcome {
    let built = build()?;
    let (_, path) = built.iter().find(|(n, _)| n == name).ok_or_else(|| format!("there is no program '{name}'"))?;
    println!("{}", path.display());
    Ok(())
}

/// Builds all programs and examples, with the features that the tests have too; their names and paths.
fn build() -> Result<Vec<(String, PathBuf)>, String> {
    let arguments = ["build", "--release", "--workspace", "--bins", "--examples", "--quiet", "--message-format=json"];
    let lines = output(cargo().args(arguments).stderr(std::process::Stdio::inherit()))?;
    Ok(lines.lines().filter_map(program).collect())
}

/// The program that a line of cargo's messages says is built.
fn program(line: &str) -> Option<(String, PathBuf)> {
    let message: Value = serde_json::from_str(line).ok()?;
    Some((message["target"]["name"].as_str()?.to_string(), PathBuf::from(message["executable"].as_str()?)))
}

#[cfg(test)]
mod tests {
    use super::program;

    #[test]
    fn only_messages_about_programs_name_one() {
        let line = r#"{"reason":"compiler-artifact","target":{"name":"cornet"},"executable":"/t/release/cornet"}"#;
        assert_eq!(program(line), Some(("cornet".into(), "/t/release/cornet".into())));
        assert_eq!(program(r#"{"target":{"name":"cornet"},"executable":null}"#), None);
        assert_eq!(program("warning: text"), None);
    }
}
