use cornet_error::{Limits, Result, fail};

/// Longest entry name, in bytes, that is accepted.
const NAME_BYTES_MAX: usize = 4096;

/// Refuses the names of archive entries that could reach outside the archive or that two systems read differently.
///
/// Accepted: relative paths of ordinary components separated by `/`, with one trailing `/` for a folder.
///
/// # Errors
/// `unsafe_content` for an absolute path, `.` and `..`, empty components, backslashes, drive letters, NUL and other
/// control characters; `limit_exceeded` for names that are longer or deeper than the limits.
pub fn check_entry_name(name: &str, limits: &Limits) -> Result<()> {
    Limits::check("length of an archive entry's name", name.len() as u64, NAME_BYTES_MAX as u64)?;
    let path = name.strip_suffix('/').unwrap_or(name);
    let wrong = if path.is_empty() {
        Some("an empty name")
    } else if path.starts_with('/') {
        Some("an absolute path")
    } else if path.contains('\\') {
        Some("a backslash")
    } else if path.chars().any(char::is_control) {
        Some("a control character")
    } else if path.as_bytes().get(1) == Some(&b':') {
        Some("a drive letter")
    } else if path.split('/').any(|part| part == "..") {
        Some("a step to the parent folder")
    } else if path.split('/').any(|part| part.is_empty() || part == ".") {
        Some("an empty or '.' component")
    } else {
        None
    };
    if let Some(wrong) = wrong {
        fail!(Unsafe, "archive entry {name:?}: expected a relative path inside the archive, found {wrong}");
    }
    Limits::check("depth of an archive entry's path", path.split('/').count() as u64, limits.depth as u64)
}

#[cfg(test)]
mod tests {
    use super::*;
    use cornet_error::Code;

    #[test]
    fn ordinary_names_are_accepted() {
        for name in ["config.json", "assets/", "assets/layers/text/vocabulary.txt", "a..b", "…/ü"] {
            check_entry_name(name, &Limits::default()).unwrap();
        }
    }

    #[test]
    fn names_that_escape_are_refused() {
        let bad =
            ["", "/", "/etc/passwd", "../x", "a/../../x", "a/..", "..", "a\\b", "C:x", "c:/x", "a//b", "./a", "a\0b"];
        for name in bad {
            let error = check_entry_name(name, &Limits::default()).unwrap_err();
            assert_eq!(error.code(), Code::Unsafe, "{name:?}");
        }
        let deep = "a/".repeat(100) + "b";
        assert_eq!(check_entry_name(&deep, &Limits::default()).unwrap_err().code(), Code::LimitExceeded);
    }
}
