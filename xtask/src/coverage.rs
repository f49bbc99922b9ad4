//! The page that says which public names of Keras Cornet has, made from Keras's list and Cornet's sources.
//!
//! A name is there if a registry or a public item of the section's folder has it; it is compared with Keras if a script
//! in crates/conformance/python names it. Comments and tests of Cornet's sources do not count.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use crate::steps::{Outcome, root};

const NAMES: &str = "crates/conformance/data/keras-3.15.1.txt";
const PAGE: &str = "docs/coverage.md";
const SCRIPTS: &str = "crates/conformance/python";

/// A section: where Cornet has its names, and how they are found there.
struct Section {
    name: &'static str,
    places: &'static [&'static str],
    /// Words of registries count, quoted or bare; otherwise public items alone.
    has_registry: bool,
    /// Names that Cornet writes otherwise, as Rust does.
    renamed: &'static [(&'static str, &'static str)],
}

const SECTIONS: &[Section] = &[
    Section { name: "layers", places: &["crates/nn/src/layers"], has_registry: false, renamed: LAYERS },
    Section {
        name: "losses",
        places: &["crates/nn/src/losses"],
        has_registry: true,
        renamed: &[("deserialize", "from_json"), ("serialize", "to_json")],
    },
    Section {
        name: "metrics",
        places: &["crates/nn/src/metrics", "crates/nn/src/losses/functions.rs", "crates/nn/src/losses/mod.rs"],
        has_registry: true,
        renamed: &[
            ("deserialize", "from_json"),
            ("serialize", "metric_to_json"),
            ("MeanMetricWrapper", "MetricFunction"),
        ],
    },
    Section {
        name: "optimizers",
        places: &["crates/nn/src/optimizers"],
        has_registry: true,
        renamed: &[("deserialize", "from_json"), ("serialize", "to_json"), ("get", "OptimizerArg")],
    },
    Section {
        name: "optimizers.schedules",
        places: &["crates/nn/src/optimizers/schedules"],
        has_registry: true,
        renamed: &[("deserialize", "from_json"), ("serialize", "to_json")],
    },
    Section {
        name: "callbacks",
        places: &["crates/nn/src/callbacks", "crates/nn/src/training/history.rs"],
        has_registry: false,
        renamed: &[],
    },
    Section { name: "initializers", places: &["crates/nn/src/initializers"], has_registry: true, renamed: OBJECT },
    Section { name: "regularizers", places: &["crates/nn/src/regularizers"], has_registry: true, renamed: OBJECT },
    Section { name: "constraints", places: &["crates/nn/src/constraints"], has_registry: true, renamed: OBJECT },
    Section { name: "activations", places: &["crates/nn/src/activations"], has_registry: true, renamed: OBJECT },
    Section {
        name: "ops",
        places: &["crates/ops/src", "crates/conformance/src/ops.rs", "crates/runtime/src/autodiff.rs"],
        has_registry: true,
        renamed: OPS,
    },
    Section { name: "random", places: &["crates/ops/src/random"], has_registry: false, renamed: &[] },
];

/// Functions that make a layer and call it are `Layer::new().on(…)`.
const LAYERS: &[(&str, &str)] = &[
    ("deserialize", "layer_from_json"),
    ("serialize", "layer_to_json"),
    ("add", "Add"),
    ("average", "Average"),
    ("concatenate", "Concatenate"),
    ("dot", "Dot"),
    ("maximum", "Maximum"),
    ("minimum", "Minimum"),
    ("multiply", "Multiply"),
    ("subtract", "Subtract"),
    ("Layer", "Layer"),
];

const OBJECT: &[(&str, &str)] = &[("deserialize", "from_json"), ("serialize", "to_json"), ("get", "from_json")];

/// Ops that are other things in Rust, by the item that does their work.
const OPS: &[(&str, &str)] = &[
    ("is_tensor", "Tensor"),
    ("dtype", "dtype"),
    ("empty_like", "zeros_like"),
    ("jvp", "jvp"),
    ("mod", "mod_"),
    ("where", "where_"),
];

/// What Cornet leaves out, and why.
const LEFT_OUT: &[(&str, &str, &str)] = &[
    ("layers", "FlaxLayer", "runs Flax programs in Python"),
    ("layers", "JaxLayer", "runs JAX programs in Python"),
    ("layers", "Lambda", "holds Python code, which Cornet does not run"),
    ("layers", "TFSMLayer", "runs TensorFlow SavedModels"),
    ("layers", "TorchModuleWrapper", "runs PyTorch modules in Python"),
    ("layers", "Wrapper", "a base class for Python subclasses; Rust layers hold others by composition"),
    (
        "callbacks",
        "OrbaxCheckpoint",
        "writes the stores of the Orbax library, which nothing but that library defines; ModelCheckpoint and BackupAndRestore do the work",
    ),
    ("callbacks", "ProgbarLogger", "fit prints progress itself: FitOptions::verbose"),
    ("ops", "vectorize", "wraps a Python function; vectorized_map does the work"),
];

/// Writes the page.
pub fn write() -> Outcome {
    let path = root().join(PAGE);
    std::fs::write(&path, page()?).map_err(|e| format!("{}: {e}", path.display()))
}

/// Fails if the page is another.
pub fn check() -> Outcome {
    match read(&root().join(PAGE))? == page()? {
        true => Ok(()),
        false => Err(format!("{PAGE} is stale; run `cargo xtask coverage`")),
    }
}

fn read(path: &Path) -> Result<String, String> {
    std::fs::read_to_string(path).map_err(|e| format!("{}: {e}", path.display()))
}

/// A name of Keras, and what Cornet makes of it.
struct Row {
    name: String,
    arguments: String,
    alias_of: Option<String>,
    left_out: Option<&'static str>,
    is_there: bool,
    is_compared: bool,
}

fn page() -> Result<String, String> {
    let names = read(&root().join(NAMES))?;
    let scripts = words_of_scripts()?;
    let mut sections = Vec::new();
    for section in SECTIONS {
        sections.push((section.name, rows(section, &names, &scripts)?));
    }
    Ok(written(&sections))
}

/// The names of a section with their arguments, as the list has them.
fn listed<'a>(names: &'a str, section: &str) -> impl Iterator<Item = &'a str> {
    let title = format!("[{section}]");
    let after = names.lines().skip_while(move |line| *line != title).skip(1);
    after.take_while(|line| !line.starts_with('[')).filter(|line| !line.is_empty())
}

fn rows(section: &Section, names: &str, scripts: &BTreeMap<String, BTreeSet<String>>) -> Result<Vec<Row>, String> {
    let own = words_of(section)?;
    let is_there = |name: &str| {
        let renamed = section.renamed.iter().find(|(keras, _)| *keras == name).map(|(_, rust)| *rust);
        own.contains(name) || renamed.is_some_and(|rust| own.contains(rust)) || own.contains(&camel(name))
    };
    let is_compared =
        |name: &str| scripts.iter().any(|(file, words)| serves(file, section.name) && words.contains(name));
    let aliases: Vec<(&str, &str)> = listed(names, section.name).filter_map(|line| line.split_once(" = ")).collect();
    // A script may name the object by any of its names.
    let is_compared = |real: &str| {
        is_compared(real) || aliases.iter().any(|(name, of)| *of == real && !name.contains('(') && is_compared(name))
    };
    let mut rows = Vec::new();
    for line in listed(names, section.name) {
        let (name, alias_of, arguments) = match (line.split_once(" = "), line.split_once('(')) {
            (Some((name, of)), _) if !name.contains('(') => (name, Some(of), String::new()),
            (_, Some((name, rest))) => (name, None, format!("({rest}")),
            _ => (line, None, String::new()),
        };
        let real = alias_of.unwrap_or(name);
        let of = |n: &str| LEFT_OUT.iter().find(|(s, l, _)| *s == section.name && *l == n).map(|(_, _, why)| *why);
        rows.push(Row {
            name: name.into(),
            arguments,
            alias_of: alias_of.map(Into::into),
            left_out: of(real),
            is_there: is_there(real),
            is_compared: is_compared(real),
        });
    }
    if rows.is_empty() {
        return Err(format!("{NAMES} has no section [{}]", section.name));
    }
    Ok(rows)
}

/// `RMSprop` as Rust writes it: `RmsProp`; and `SGD`: `Sgd`.
fn camel(name: &str) -> String {
    match name {
        "RMSprop" => "RmsProp".into(),
        "SGD" => "Sgd".into(),
        other => other.into(),
    }
}

/// Whether a script compares things of a section.
fn serves(file: &str, section: &str) -> bool {
    match section {
        "layers" => file.starts_with("_layers"),
        "ops" => file == "ops.py",
        "random" => file == "callbacks.py",
        "activations" | "initializers" | "regularizers" | "constraints" => {
            file.starts_with("_layers") || file == "_samples.py" || file == "optimizers.py"
        }
        other => !file.starts_with("_layers") && file != "ops.py" && !other.is_empty(),
    }
}

/// The words of each script, comments left out.
fn words_of_scripts() -> Result<BTreeMap<String, BTreeSet<String>>, String> {
    let mut found = BTreeMap::new();
    for path in files(&root().join(SCRIPTS), "py")? {
        let name = path.file_name().map(|n| n.to_string_lossy().into_owned()).unwrap_or_default();
        if name == "_api.py" {
            continue;
        }
        let text = read(&path)?;
        let code: String =
            text.lines().map(|line| line.split(" # ").next().unwrap_or_default().to_owned() + "\n").collect();
        found.insert(name, words(&code).map(Into::into).collect());
    }
    Ok(found)
}

fn words(text: &str) -> impl Iterator<Item = &str> {
    text.split(|c: char| !c.is_alphanumeric() && c != '_').filter(|word| !word.is_empty())
}

/// Every file under a folder, or the file itself.
fn files(at: &Path, extension: &str) -> Result<Vec<std::path::PathBuf>, String> {
    if at.is_file() {
        return Ok(vec![at.into()]);
    }
    let mut found = Vec::new();
    for entry in std::fs::read_dir(at).map_err(|e| format!("{}: {e}", at.display()))? {
        let path = entry.map_err(|e| e.to_string())?.path();
        if path.is_dir() {
            found.extend(files(&path, extension)?);
        } else if path.extension().is_some_and(|e| e == extension) {
            found.push(path);
        }
    }
    found.sort();
    Ok(found)
}

/// What the sources of a section offer.
fn words_of(section: &Section) -> Result<BTreeSet<String>, String> {
    let mut found = BTreeSet::new();
    for place in section.places {
        for path in files(&root().join(place), "rs")? {
            let text = read(&path)?;
            let text = text.split("#[cfg(test)]").next().unwrap_or_default();
            let code: Vec<&str> = text.lines().filter(|line| !line.trim_start().starts_with("//")).collect();
            offered(&code.join("\n"), section.has_registry, &mut found);
        }
    }
    Ok(found)
}

/// Public items and re-exports; bare rows of a macro; with a registry, quoted words and words of macro tables too.
fn offered(code: &str, has_registry: bool, found: &mut BTreeSet<String>) {
    for statement in code.split(';') {
        if let Some((_, list)) = statement.split_once("pub use ") {
            found.extend(words(list).map(String::from));
        }
    }
    for line in code.lines() {
        let line = line.trim();
        let item = line.strip_prefix("pub ").unwrap_or_default();
        for kind in ["struct ", "enum ", "type ", "trait ", "fn ", "const fn "] {
            found.extend(item.strip_prefix(kind).and_then(|rest| words(rest).next()).map(String::from));
        }
        if !line.is_empty() && line.chars().all(|c| c.is_alphanumeric() || c == '_' || c == ' ') {
            found.extend(words(line).map(String::from));
        }
        if has_registry {
            found.extend(line.split('"').skip(1).step_by(2).map(String::from));
            // Rows such as `unary! { t: add subtract }`.
            if line.contains("! { t:") {
                found.extend(words(line).map(String::from));
            }
        }
        // Rows of a macro's table: `segment_sum Add Zero "…";` and `Mean = MeanRule {`.
        let row = line.ends_with("\";") || line.ends_with("Rule {") || line.ends_with(",)") || line.contains(" = ");
        if row && !line.starts_with("let ") {
            let first = words(line).next().filter(|word| line.starts_with(word));
            found.extend(first.filter(|word| word.len() > 2).map(String::from));
        }
    }
}

fn share(part: usize, whole: usize) -> String {
    format!("{part} of {whole} ({} %)", (part * 100).checked_div(whole).unwrap_or(100))
}

fn written(sections: &[(&str, Vec<Row>)]) -> String {
    let mut text = String::from(
        "# Coverage of Keras 3.15.1\n\nWritten by `cargo xtask coverage` from `crates/conformance/data/keras-3.15.1.txt` \
         and Cornet's sources; `cargo xtask coverage --check` fails if it is stale. A name is compared if a script in \
         `crates/conformance/python` has cases for it. Aliases count as the name that they stand for.\n\n\
         | section | there | compared with Keras | left out |\n|---|---|---|---|\n",
    );
    let (mut there_all, mut compared_all, mut counted_all, mut left_all) = (0, 0, 0, 0);
    for (name, rows) in sections {
        let counted: Vec<&Row> = rows.iter().filter(|r| r.left_out.is_none()).collect();
        let there = counted.iter().filter(|r| r.is_there).count();
        let compared = counted.iter().filter(|r| r.is_there && r.is_compared).count();
        let left = rows.len() - counted.len();
        let (a, b) = (share(there, counted.len()), share(compared, counted.len()));
        text.push_str(&format!("| keras.{name} | {a} | {b} | {left} |\n"));
        there_all += there;
        compared_all += compared;
        counted_all += counted.len();
        left_all += left;
    }
    let (a, b) = (share(there_all, counted_all), share(compared_all, counted_all));
    text.push_str(&format!("| all | {a} | {b} | {left_all} |\n"));
    for (name, rows) in sections {
        text.push_str(&format!("\n## keras.{name}\n\n"));
        let missing: Vec<&Row> = rows.iter().filter(|r| !r.is_there && r.left_out.is_none()).collect();
        if missing.is_empty() {
            text.push_str("Nothing is missing.\n");
        } else {
            text.push_str("Missing:\n\n");
            for row in missing {
                text.push_str(&format!("* `{}{}`\n", row.name, row.arguments));
            }
        }
        let left: Vec<&Row> = rows.iter().filter(|r| r.left_out.is_some()).collect();
        if !left.is_empty() {
            text.push_str("\nLeft out:\n\n");
            for row in left {
                text.push_str(&format!("* `{}`: {}\n", row.name, row.left_out.unwrap_or_default()));
            }
        }
        let list = |compared: bool| {
            let of = rows.iter().filter(|r| r.is_there && r.left_out.is_none() && r.is_compared == compared);
            let shown = of.map(|r| match &r.alias_of {
                Some(of) => format!("`{}` ({of})", r.name),
                None => format!("`{}`", r.name),
            });
            shown.collect::<Vec<_>>().join(", ")
        };
        for (title, names) in [("Compared with Keras", list(true)), ("There, not compared by name", list(false))] {
            if !names.is_empty() {
                text.push_str(&format!("\n{title}: {names}.\n"));
            }
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_page_of_coverage_is_current() {
        check().unwrap();
    }

    #[test]
    fn what_is_offered_is_public_or_registered() {
        let mut found = BTreeSet::new();
        offered("pub use a::{Dense, Conv};\nlayers! {\n    Flatten\n}\nlet x = hidden;\n", false, &mut found);
        assert!(["Dense", "Conv", "Flatten"].iter().all(|name| found.contains(*name)));
        assert!(!found.contains("hidden"));
    }
}
