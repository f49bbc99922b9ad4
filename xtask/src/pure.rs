//! The default build is Rust alone: no C compiler, no system library, no download.

use crate::steps::{Outcome, cargo, output};

/// Crates that compile or look for something that is not Rust.
const REFUSED: &[&str] = &[
    "aws-lc-sys",
    "bindgen",
    "bzip2-sys",
    "cc",
    "clang-sys",
    "cmake",
    "native-tls",
    "nasm-rs",
    "openssl-sys",
    "pkg-config",
    "protobuf-src",
    "ring",
    "vcpkg",
    "zstd-sys",
];

/// Fails with the names of refused crates among the dependencies of the default build, and what needs them.
pub fn check() -> Outcome {
    let tree = output(cargo().args([
        "tree",
        "--workspace",
        "--edges",
        "normal,build",
        "--prefix",
        "none",
        "--format",
        "{p}",
    ]))?;
    let found = refused(&tree);
    if found.is_empty() {
        return Ok(());
    }
    let mut message = String::from("the default build must be pure Rust; it depends on");
    for name in found {
        let why = output(cargo().args(["tree", "--workspace", "--edges", "normal,build", "--invert", name]))?;
        message.push_str(&format!("\n{why}"));
    }
    Err(message)
}

/// The refused crates that a list of packages, one a line, names.
fn refused(tree: &str) -> Vec<&'static str> {
    let present: std::collections::BTreeSet<&str> =
        tree.lines().filter_map(|line| line.split_whitespace().next()).collect();
    REFUSED.iter().copied().filter(|name| present.contains(name)).collect()
}

#[cfg(test)]
mod tests {
    use super::refused;

    #[test]
    fn a_refused_crate_is_found_by_its_whole_name() {
        assert_eq!(refused("cornet v0.1.0\ncc v1.2.0\nccc v1.0.0\n"), ["cc"]);
        assert!(refused("cornet v0.1.0 (/x)\nrayon v1.12.0\n").is_empty());
    }
}
