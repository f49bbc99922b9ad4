//! The page of error codes, made from the table of codes.

use std::path::PathBuf;

use cornet_error::Code;

use crate::steps::{Outcome, root};

const BEGIN: &str = "<!-- codes: written by `cargo xtask codes` -->\n";
const END: &str = "<!-- end of codes -->\n";

fn page() -> PathBuf {
    root().join("docs/errors.md")
}

/// Writes the table into the page.
pub fn write() -> Outcome {
    let text = read()?;
    std::fs::write(page(), with_table(&text)?).map_err(|e| format!("{}: {e}", page().display()))
}

/// Fails if the page has another table.
pub fn check() -> Outcome {
    let text = read()?;
    if with_table(&text)? == text { Ok(()) } else { Err("docs/errors.md is stale; run `cargo xtask codes`".into()) }
}

fn read() -> Result<String, String> {
    std::fs::read_to_string(page()).map_err(|e| format!("{}: {e}", page().display()))
}

/// The page with the current table between its marks.
fn with_table(text: &str) -> Result<String, String> {
    let marks = || format!("docs/errors.md lacks its marks {BEGIN}");
    let (before, rest) = text.split_once(BEGIN).ok_or_else(marks)?;
    let (_, after) = rest.split_once(END).ok_or_else(marks)?;
    Ok(format!("{before}{BEGIN}{}{END}{after}", table()))
}

fn table() -> String {
    let mut text = String::from("| code | when |\n|---|---|\n");
    for code in Code::ALL {
        text.push_str(&format!("| `{code}` | {} |\n", code.meaning()));
    }
    text
}

#[cfg(test)]
mod tests {
    #[test]
    fn the_page_of_errors_has_every_code() {
        super::check().unwrap();
    }
}
