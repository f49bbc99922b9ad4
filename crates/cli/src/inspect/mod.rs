//! What files hold.

mod arrays;
mod hdf5;
mod keras;

use std::fs::File;
use std::io::Read;
use std::path::Path;

use cornet_archive::Archive;
use cornet_error::{Error, Limits, Result, err};
use serde_json::Value;

/// What a file holds, for people and for programs.
pub struct Report {
    pub text: String,
    pub json: Value,
}

/// The formats that are told apart by their content.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    Npy,
    Npz,
    Keras,
    Hdf5,
}

/// Bytes that tell the formats apart.
const HEAD_BYTES: u64 = 8;

/// The format of a file, from its content.
///
/// # Errors
/// `not_found`, `permission_denied`, `io`; `unsupported_format` for any other content; what opening an archive fails with.
pub fn format_of(path: &Path, limits: &Limits) -> Result<Format> {
    let failed = |e: std::io::Error| Error::io("read", path, &e);
    let file = File::open(path).map_err(failed)?;
    if file.metadata().map_err(failed)?.is_dir() {
        return Err(err!(UnsupportedFormat, "{}: expected a file, found a folder", path.display()));
    }
    let mut head = Vec::new();
    file.take(HEAD_BYTES).read_to_end(&mut head).map_err(failed)?;
    if head.starts_with(b"\x93NUMPY") {
        return Ok(Format::Npy);
    }
    if cornet_hdf5::is_hdf5(&head) {
        return Ok(Format::Hdf5);
    }
    if head.starts_with(b"PK\x03\x04") || head.starts_with(b"PK\x05\x06") {
        let archive = Archive::open(path, limits)?;
        if archive.entry("config.json").is_some() {
            return Ok(Format::Keras);
        }
        if archive.entries().all(|e| e.is_folder || e.name.ends_with(".npy")) {
            return Ok(Format::Npz);
        }
        return Err(unknown(path, "a zip archive of something else"));
    }
    Err(unknown(path, if head.is_empty() { "an empty file" } else { "other content" }))
}

fn unknown(path: &Path, found: &str) -> Error {
    err!(UnsupportedFormat, "{}: expected a .keras, .h5, .npy or .npz file, found {found}", path.display())
}

/// Reads a file and says what it holds.
///
/// # Errors
/// As [`format_of`], and what its reader fails with.
pub fn look(path: &Path) -> Result<Report> {
    let limits = Limits::default();
    match format_of(path, &limits)? {
        Format::Npy => arrays::npy(path, &limits),
        Format::Npz => arrays::npz(path, &limits),
        Format::Keras => keras::model(path, &limits),
        Format::Hdf5 => hdf5::file(path, &limits),
    }
}

/// Text of a file as it may be shown on a terminal: control characters are spelled out, length is bounded.
pub fn shown(text: &str) -> String {
    const CHARS_MAX: usize = 200;
    let mut safe: String = text.chars().take(CHARS_MAX).flat_map(escaped).collect();
    if text.chars().nth(CHARS_MAX).is_some() {
        safe.push('…');
    }
    safe
}

fn escaped(c: char) -> Vec<char> {
    if c.is_control() { c.escape_default().collect() } else { vec![c] }
}

#[cfg(test)]
mod tests {
    use super::shown;

    #[test]
    fn control_characters_do_not_reach_the_terminal() {
        assert_eq!(shown("a\u{1b}[2Jé"), "a\\u{1b}[2Jé");
        assert_eq!(shown(&"x".repeat(300)).chars().count(), 201);
    }
}
