use std::collections::BTreeSet;
use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::Path;

use cornet_error::{Error, Limits, Result, fail};
use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, ZipWriter};

use crate::atomic::atomic_write;
use crate::names::check_entry_name;

/// Sizes from which an entry needs the 64-bit form.
const ZIP64_FROM: u64 = u32::MAX as u64;

/// Writes a zip archive, of stored entries unless compression is asked for. Times are fixed, so the same entries give the same bytes.
pub struct ArchiveWriter<'a> {
    zip: ZipWriter<&'a mut BufWriter<File>>,
    names: BTreeSet<String>,
    path: &'a Path,
    compressed: bool,
}

impl ArchiveWriter<'_> {
    /// Writes the archive that `fill` describes, atomically ([`atomic_write`]): `path` holds the whole new archive or
    /// keeps what it held.
    ///
    /// # Errors
    /// Those of `fill`; `io`, `not_found` or `permission_denied` when the folder cannot be written.
    pub fn write<T>(path: &Path, fill: impl FnOnce(&mut ArchiveWriter<'_>) -> Result<T>) -> Result<T> {
        atomic_write(path, |file| {
            let mut writer =
                ArchiveWriter { zip: ZipWriter::new(file), names: BTreeSet::new(), path, compressed: false };
            let value = fill(&mut writer)?;
            writer.zip.finish().map_err(|e| failed(path, e.into()))?;
            Ok::<T, Error>(value)
        })
    }

    /// Whether the entries added from now on are compressed (deflate). They are stored unless this is called.
    pub fn set_compressed(&mut self, compressed: bool) {
        self.compressed = compressed;
    }

    /// Adds an entry with its content.
    ///
    /// # Errors
    /// `already_exists` for a name used before, `unsafe_content` for one that no reader would accept, `io`.
    pub fn add(&mut self, name: &str, content: &[u8]) -> Result<()> {
        self.add_with(name, content.len() as u64, |writer| {
            writer.write_all(content).map_err(|e| Error::io("write", Path::new(name), &e))
        })
    }

    /// Adds an entry whose content `fill` writes, in pieces; nothing is kept in memory. `size_hint` is an upper bound
    /// of its bytes; it decides whether the entry gets the 64-bit form, which is needed from 4 GiB on.
    ///
    /// # Errors
    /// As [`ArchiveWriter::add`], and those of `fill`.
    pub fn add_with(
        &mut self,
        name: &str,
        size_hint: u64,
        fill: impl FnOnce(&mut dyn Write) -> Result<()>,
    ) -> Result<()> {
        check_entry_name(name, &Limits::default())?;
        if !self.names.insert(name.to_owned()) {
            fail!(AlreadyExists, "zip archive: entry {name:?} was added before");
        }
        let method = if self.compressed { CompressionMethod::Deflated } else { CompressionMethod::Stored };
        let options = SimpleFileOptions::default().compression_method(method).large_file(size_hint >= ZIP64_FROM);
        self.zip.start_file(name, options).map_err(|e| failed(self.path, e.into()))?;
        fill(&mut self.zip)
    }
}

fn failed(path: &Path, error: std::io::Error) -> Error {
    Error::io("write", path, &error)
}
