//! Folders that are there as a whole or not at all.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

use cornet_error::{Error, Result, err, fail};

/// A folder that is removed unless it has found its place.
struct Temporary(PathBuf);

impl Drop for Temporary {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// Makes a folder with what `fill` puts into it, beside its place, then renames it. A SavedModel that is there is
/// replaced; anything else is not.
pub(super) fn replace(path: &Path, fill: impl FnOnce(&Path) -> Result<()>) -> Result<()> {
    static NEXT: AtomicU64 = AtomicU64::new(0);
    let failed = |e: std::io::Error| Error::io("write", path, &e);
    let Some(name) = path.file_name() else {
        return Err(err!(InvalidArgument, "{}: expected the name of a folder", path.display()));
    };
    let is_there = path.symlink_metadata().is_ok();
    let is_empty = || fs::read_dir(path).is_ok_and(|mut entries| entries.next().is_none());
    if is_there && !path.join("saved_model.pb").is_file() && !(path.is_dir() && is_empty()) {
        fail!(InvalidArgument, "{}: expected a SavedModel or nothing to replace, found something else", path.display());
    }
    let beside = |end: &str| {
        let mut hidden = std::ffi::OsString::from(".");
        hidden.push(name);
        hidden.push(format!(".cornet-{}-{}{end}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed)));
        path.with_file_name(hidden)
    };
    let made = Temporary(beside(""));
    fs::create_dir(&made.0).map_err(failed)?;
    fill(&made.0)?;
    if !is_there {
        return fs::rename(&made.0, path).map_err(failed);
    }
    let old = Temporary(beside("-old"));
    fs::rename(path, &old.0).map_err(failed)?;
    if let Err(error) = fs::rename(&made.0, path) {
        fs::rename(&old.0, path).map_err(failed)?;
        return Err(failed(error));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_model_is_not_replaced() {
        let root = std::env::temp_dir().join(format!("cornet-folder-{}", std::process::id()));
        fs::create_dir_all(root.join("mine")).unwrap();
        fs::write(root.join("mine/notes.txt"), "notes").unwrap();
        assert!(replace(&root.join("mine"), |_| Ok(())).is_err());
        let fill = |to: &Path| fs::write(to.join("saved_model.pb"), "1").map_err(|e| Error::io("write", to, &e));
        replace(&root.join("model"), fill).unwrap();
        assert!(replace(&root.join("model"), |_| Err(err!(Internal, "stopped"))).is_err());
        assert_eq!(fs::read(root.join("model/saved_model.pb")).unwrap(), b"1");
        replace(&root.join("model"), fill).unwrap();
        assert_eq!(fs::read_dir(&root).unwrap().count(), 2);
        fs::remove_dir_all(&root).unwrap();
    }
}
