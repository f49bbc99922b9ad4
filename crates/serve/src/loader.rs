//! Bringing models in.

use std::path::Path;

use cornet_error::{Error, Result};
use cornet_program::Program;

/// Opens models. The manager calls it on threads of its own.
pub trait Loader: Send + Sync {
    /// Whether a file looks like a model that this loader opens. Tells models from the files beside them.
    fn accepts(&self, file: &Path) -> bool;

    /// The bytes of memory that the model at `path` will take, before anything is loaded.
    ///
    /// # Errors
    /// A path that cannot be read.
    fn estimate(&self, path: &Path) -> Result<u64> {
        // TensorFlow Serving's rule: a fifth more than the files have.
        Ok(on_disk_bytes(path)?.saturating_mul(6) / 5)
    }

    /// Opens the model at `path`, a file or a folder.
    ///
    /// # Errors
    /// What keeps it from being served.
    fn load(&self, path: &Path) -> Result<Box<dyn Program>>;
}

/// The bytes of a file, or of all files in a folder and in its folders. Links inside a folder are not followed.
///
/// # Errors
/// `not_found`, `permission_denied`, `io`.
pub fn on_disk_bytes(path: &Path) -> Result<u64> {
    let fail = |e| Error::io("read", path, &e);
    let meta = std::fs::metadata(path).map_err(fail)?;
    if !meta.is_dir() {
        return Ok(meta.len());
    }
    let mut folders = vec![path.to_owned()];
    let mut bytes = 0_u64;
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(&folder).map_err(fail)? {
            let entry = entry.map_err(fail)?;
            let kind = entry.file_type().map_err(fail)?;
            if kind.is_dir() {
                folders.push(entry.path());
            } else if kind.is_file() {
                bytes = bytes.saturating_add(entry.metadata().map_err(fail)?.len());
            }
        }
    }
    Ok(bytes)
}
