//! Tensors that lie in files beside the model.

use std::collections::HashMap;
use std::path::{Component, Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use cornet_archive::{DiskFile, ReadAt};
use cornet_error::{Error, Result, err, fail};

/// The folder of a model, and the files in it that its tensors name.
pub struct Folder {
    path: PathBuf,
    open: Mutex<HashMap<PathBuf, Arc<DiskFile>>>,
}

/// Where a tensor's bytes lie.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Location {
    /// The file, relative to the model's folder.
    pub file: String,
    /// The first byte.
    pub offset: u64,
    /// How many bytes; all the rest if not given.
    pub length: Option<u64>,
}

impl Location {
    /// The location that the entries of `external_data` tell.
    ///
    /// # Errors
    /// `corrupt` without a location or for sizes that are no numbers.
    pub fn of(entries: &[(String, String)]) -> Result<Self> {
        let mut found = Self::default();
        for (key, value) in entries {
            let number = || value.parse::<u64>().map_err(|_| err!(Corrupt, "external data: {key}: found '{value}'"));
            match key.as_str() {
                "location" => found.file.clone_from(value),
                "offset" => found.offset = number()?,
                "length" => found.length = Some(number()?),
                _ => {}
            }
        }
        if found.file.is_empty() {
            fail!(Corrupt, "external data: expected a location, found none");
        }
        Ok(found)
    }
}

impl Folder {
    /// The folder in which a model file lies.
    pub fn of(model: &Path) -> Self {
        let parent = model.parent().filter(|p| !p.as_os_str().is_empty()).unwrap_or(Path::new("."));
        Self { path: parent.to_path_buf(), open: Mutex::default() }
    }

    /// Opens the file of a location.
    ///
    /// # Errors
    /// `unsafe_content` for a path that leaves the folder, by its name or over a link; `not_found`, `io`.
    pub fn open(&self, name: &str) -> Result<Arc<DiskFile>> {
        let relative = Path::new(name);
        let plain = relative.components().all(|c| matches!(c, Component::Normal(_) | Component::CurDir));
        if !plain || name.contains(['\\', '\0', ':']) {
            return Err(refused(name, "leaves the model's folder"));
        }
        let path = self.path.join(relative);
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(file) = open.get(&path) {
            return Ok(file.clone());
        }
        let resolve = |path: &Path| path.canonicalize().map_err(|e| Error::io("open external data", path, &e));
        let (root, target) = (resolve(&self.path)?, resolve(&path)?);
        if !target.starts_with(&root) {
            return Err(refused(name, "is a link out of the model's folder"));
        }
        if !target.is_file() {
            return Err(refused(name, "is not a file"));
        }
        let file = Arc::new(DiskFile::open(&target)?);
        open.insert(path, file.clone());
        Ok(file)
    }

    /// Fills a buffer with a tensor's bytes.
    ///
    /// # Errors
    /// As [`Folder::open`]; `corrupt` where the file has fewer bytes or the entry states another number.
    pub fn read(&self, at: &Location, buffer: &mut [u8]) -> Result<()> {
        let file = self.check(at, buffer.len() as u64)?;
        file.read_exact_at(at.offset, buffer).map_err(|e| err!(Io, "external data '{}': {e}", at.file))
    }

    /// Opens a tensor's file and checks that it has the bytes.
    ///
    /// # Errors
    /// As [`Folder::read`].
    pub fn check(&self, at: &Location, bytes: u64) -> Result<Arc<DiskFile>> {
        let file = self.open(&at.file)?;
        if at.length.is_some_and(|length| length != bytes) {
            let found = at.length.unwrap_or_default();
            fail!(Corrupt, "external data '{}': expected {bytes} bytes, found {found} stated", at.file);
        }
        if at.offset.checked_add(bytes).is_none_or(|end| end > file.len()) {
            let (offset, length) = (at.offset, file.len());
            fail!(Corrupt, "external data '{}': expected {bytes} bytes at {offset}, found {length} in all", at.file);
        }
        Ok(file)
    }
}

fn refused(name: &str, why: &str) -> Error {
    err!(Unsafe, "external data: expected a file beside the model, found '{name}', which {why}")
        .help("external data must be named relative to the model's folder, without '..'")
}
