//! Which crate may depend on which.
//!
//! The order and the rules are those of ARCHITECTURE.md. Dependencies for tests alone are free: a lower crate's tests
//! may use a higher one.

use serde_json::Value;

use crate::steps::{Outcome, cargo, output};

/// Every crate, from the ground up: each depends on crates before it alone.
const ORDER: &[&str] = &[
    "cornet-error",
    "cornet-archive",
    "cornet-proto",
    "cornet-bundle",
    "cornet-events",
    "cornet-hdf5",
    "cornet-plot",
    "cornet-kernels",
    "cornet-tensor",
    "cornet-macros",
    "cornet-ops",
    "cornet-graph",
    "cornet-runtime",
    "cornet-cpu",
    "cornet-program",
    "cornet-serve",
    "cornet-export",
    "cornet-format-onnx",
    "cornet-format-keras",
    "cornet-format-safetensors",
    "cornet-format-savedmodel",
    "cornet-data",
    "cornet-nn",
    "cornet-files",
    "cornet",
    "cornet-bench",
    "cornet-cli",
    "cornet-conformance",
    "xtask",
];

const CONTAINERS: &[&str] = &["cornet-archive", "cornet-bundle", "cornet-events", "cornet-hdf5", "cornet-proto"];
const BACKENDS: &[&str] = &["cornet-cpu"];
/// The façade, the binaries and what measures or compares them.
const NAME_BACKENDS: &[&str] = &["cornet", "cornet-bench", "cornet-cli", "cornet-conformance"];

/// Crates that depend on a few others of the workspace only, and why.
fn confined() -> Vec<(&'static str, Vec<&'static str>, &'static str)> {
    let ground = ["cornet-error"];
    let with = |more: &[&'static str]| ground.iter().chain(more).copied().collect::<Vec<_>>();
    vec![
        ("cornet-error", Vec::new(), "errors are the ground"),
        ("cornet-macros", Vec::new(), "macros produce text for others"),
        ("cornet-kernels", with(&[]), "kernels see slices and strides, never tensors, ops or graphs"),
        ("cornet-archive", with(CONTAINERS), "containers parse bytes and know nothing of tensors"),
        ("cornet-bundle", with(CONTAINERS), "containers parse bytes and know nothing of tensors"),
        ("cornet-events", with(CONTAINERS), "containers parse bytes and know nothing of tensors"),
        ("cornet-proto", with(CONTAINERS), "containers parse bytes and know nothing of tensors"),
        ("cornet-hdf5", with(CONTAINERS), "containers parse bytes and know nothing of tensors"),
        ("cornet-plot", with(&["cornet-archive"]), "pictures are lines and texts, whatever they show"),
        ("cornet-tensor", with(CONTAINERS), "a tensor is data: it knows no op"),
        ("cornet-format-keras", with(&["cornet-archive", "cornet-hdf5", "cornet-tensor"]), "files know no op or layer"),
        ("cornet-format-safetensors", with(&["cornet-archive", "cornet-tensor"]), "files know no op or layer"),
        ("cornet-data", with(&["cornet-archive", "cornet-hdf5", "cornet-tensor"]), "datasets are arrays"),
        (
            "cornet-serve",
            with(&["cornet-program", "cornet-tensor"]),
            "served models are programs, whatever format or protocol",
        ),
        ("xtask", with(&[]), "checks must build when the rest does not"),
    ]
}

/// A package of the workspace and the packages of the workspace it depends on, tests aside.
struct Package {
    name: String,
    depends_on: Vec<String>,
}

/// Checks the workspace.
pub fn check() -> Outcome {
    let broken = broken_rules(&packages()?);
    if broken.is_empty() { Ok(()) } else { Err(format!("dependencies against the rules:\n  {}", broken.join("\n  "))) }
}

fn packages() -> Result<Vec<Package>, String> {
    let text = output(cargo().args(["metadata", "--no-deps", "--format-version", "1"]))?;
    let metadata: Value = serde_json::from_str(&text).map_err(|e| format!("cargo metadata: {e}"))?;
    let listed = metadata["packages"].as_array().ok_or("cargo metadata: no packages")?;
    Ok(listed.iter().map(package).collect())
}

fn package(value: &Value) -> Package {
    let text = |v: &Value| v.as_str().unwrap_or_default().to_string();
    let dependencies = value["dependencies"].as_array().map_or(&[][..], Vec::as_slice);
    let depends_on = dependencies
        .iter()
        .filter(|d| d["kind"].as_str() != Some("dev") && d["source"].is_null())
        .map(|d| text(&d["name"]))
        .collect();
    Package { name: text(&value["name"]), depends_on }
}

/// One sentence for each rule that is broken.
fn broken_rules(packages: &[Package]) -> Vec<String> {
    let place = |name: &str| ORDER.iter().position(|n| *n == name);
    let confined = confined();
    let mut broken = Vec::new();
    for Package { name, depends_on } in packages {
        let Some(own) = place(name) else {
            broken.push(format!("{name} has no place in xtask/src/layers.rs"));
            continue;
        };
        for other in depends_on {
            if place(other).is_some_and(|p| p >= own) {
                broken.push(format!("{name} depends on {other}, which stands above it"));
            }
            if BACKENDS.contains(&other.as_str()) && !NAME_BACKENDS.contains(&name.as_str()) {
                broken.push(format!("{name} names the backend {other}; only the façade and the binaries do"));
            }
            if let Some((_, allowed, why)) = confined.iter().find(|(c, ..)| c == name)
                && !allowed.contains(&other.as_str())
            {
                broken.push(format!("{name} depends on {other}: {why}"));
            }
        }
    }
    broken
}

#[cfg(test)]
mod tests {
    use super::*;

    fn package(name: &str, depends_on: &[&str]) -> Package {
        Package { name: name.into(), depends_on: depends_on.iter().map(ToString::to_string).collect() }
    }

    #[test]
    fn dependencies_of_the_workspace_point_down() {
        check().unwrap();
    }

    #[test]
    fn every_place_in_the_order_is_a_package() {
        let packages = packages().unwrap();
        for name in ORDER {
            assert!(packages.iter().any(|p| p.name == *name), "{name} is in the order and not in the workspace");
        }
    }

    #[test]
    fn a_dependency_that_points_up_is_named() {
        let broken = broken_rules(&[package("cornet-graph", &["cornet-nn"])]);
        assert_eq!(broken, ["cornet-graph depends on cornet-nn, which stands above it"]);
    }

    #[test]
    fn a_layer_that_names_a_backend_is_refused() {
        let broken = broken_rules(&[package("cornet-nn", &["cornet-cpu"]), package("cornet-cli", &["cornet-cpu"])]);
        assert_eq!(broken.len(), 1);
        assert!(broken[0].starts_with("cornet-nn names the backend cornet-cpu"));
    }

    #[test]
    fn kernels_and_containers_know_no_tensor() {
        for name in ["cornet-kernels", "cornet-hdf5"] {
            assert!(!broken_rules(&[package(name, &["cornet-tensor"])]).is_empty(), "{name}");
        }
    }

    #[test]
    fn a_crate_without_a_place_is_named() {
        assert_eq!(broken_rules(&[package("cornet-new", &[])]), ["cornet-new has no place in xtask/src/layers.rs"]);
    }
}
