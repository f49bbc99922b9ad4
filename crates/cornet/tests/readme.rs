//! The README shows what works.

use std::path::Path;

fn read(name: &str) -> String {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    std::fs::read_to_string(root.join(name)).unwrap()
}

/// The program that `examples/digits.rs` is, without its first comment.
#[test]
fn the_program_of_the_readme_is_the_example() {
    let example = read("examples/digits.rs");
    let program = example.split_once("\n\n").unwrap().1;
    let readme = read("README.md");
    let shown = readme.split_once("```rust\n").unwrap().1.split_once("```").unwrap().0;
    assert_eq!(shown, program);
}

#[test]
fn links_of_the_documents_lead_somewhere() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    for (file, folder) in [("README.md", "."), ("ARCHITECTURE.md", "."), ("docs/command-line.md", "docs")] {
        for link in read(file).split("](").skip(1).map(|rest| rest.split(')').next().unwrap()) {
            assert!(link.starts_with("https://") || root.join(folder).join(link).exists(), "{file}: {link}");
        }
    }
}
