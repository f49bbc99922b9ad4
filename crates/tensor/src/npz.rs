//! NumPy's `.npz` archives: named arrays, each a `.npy` file in a zip archive.

use std::borrow::Borrow;
use std::io::BufReader;
use std::path::Path;
use std::sync::Arc;

use cornet_archive::{Archive, ArchiveWriter, SourceReader};

use crate::npy::{self, NpyLayout};
use crate::{Array, Error, Limits, Result, err};

impl Array {
    /// Reads a `.npz` file within the default [`Limits`]: names and arrays in the order of the file.
    ///
    /// # Errors
    /// As [`Array::read_npz_within`].
    pub fn read_npz(path: impl AsRef<Path>) -> Result<Vec<(String, Array)>> {
        Self::read_npz_within(path, &Limits::default())
    }

    /// Reads a `.npz` file, stored or compressed: names and arrays in the order of the file.
    ///
    /// # Errors
    /// Those of [`Array::read_npy_within`] for each array; `unsupported_format` for an entry that is no `.npy` file;
    /// `corrupt` for a damaged archive; `unsafe_content` for names that leave the archive; `limit_exceeded` for too
    /// many entries, too many bytes, or too high a compression.
    pub fn read_npz_within(path: impl AsRef<Path>, limits: &Limits) -> Result<Vec<(String, Array)>> {
        let path = path.as_ref();
        let archive = Archive::open(path, limits)?;
        read_all(&archive).map_err(|e| e.within(path.display().to_string()))
    }

    /// Reads the bytes of a `.npz` file.
    ///
    /// # Errors
    /// As [`Array::read_npz_within`].
    pub fn from_npz_bytes(bytes: &[u8], limits: &Limits) -> Result<Vec<(String, Array)>> {
        read_all(&Archive::from_bytes(bytes, limits)?)
    }

    /// Writes a `.npz` file as `numpy.savez` does, uncompressed and atomically.
    ///
    /// # Errors
    /// Those of [`Array::write_npy`]; `already_exists` for a name given twice; `unsafe_content` for one that no reader
    /// would accept, such as `../a`.
    ///
    /// ```
    /// use cornet_tensor::Array;
    /// # let path = std::env::temp_dir().join(format!("cornet-npz-doc-{}.npz", std::process::id()));
    /// let (x, y) = (Array::from_literal([1.0_f32, 2.0])?, Array::from_literal([3_i64])?);
    /// Array::write_npz(&path, [("x", &x), ("y", &y)])?;
    /// assert_eq!(Array::read_npz(&path)?, [("x".to_string(), x), ("y".to_string(), y)]);
    /// # std::fs::remove_file(&path).unwrap();
    /// # Ok::<(), cornet_tensor::Error>(())
    /// ```
    pub fn write_npz<N: AsRef<str>, A: Borrow<Array>>(
        path: impl AsRef<Path>,
        arrays: impl IntoIterator<Item = (N, A)>,
    ) -> Result<()> {
        write_all(path.as_ref(), arrays, false, false)
    }

    /// Writes a `.npz` file as `numpy.savez_compressed` does: deflated, and atomically.
    ///
    /// # Errors
    /// As [`Array::write_npz`].
    pub fn write_npz_compressed<N: AsRef<str>, A: Borrow<Array>>(
        path: impl AsRef<Path>,
        arrays: impl IntoIterator<Item = (N, A)>,
    ) -> Result<()> {
        write_all(path.as_ref(), arrays, true, false)
    }

    /// Writes a `.npz` file as [`Array::write_npz`] does, with strings as `U`, which NumPy reads as texts.
    ///
    /// # Errors
    /// As [`Array::write_npz`]; `invalid_argument` for a string that is no UTF-8.
    pub fn write_npz_unicode<N: AsRef<str>, A: Borrow<Array>>(
        path: impl AsRef<Path>,
        arrays: impl IntoIterator<Item = (N, A)>,
    ) -> Result<()> {
        write_all(path.as_ref(), arrays, false, true)
    }
}

fn read_all(archive: &Archive) -> Result<Vec<(String, Array)>> {
    let mut arrays = Vec::new();
    let mut left = archive.limits().total_bytes;
    for entry in archive.entries_in_file_order() {
        let place = |e: Error| e.within(format!("npz entry {:?}", entry.name));
        let Some(name) = entry.name.strip_suffix(".npy") else {
            return Err(place(err!(UnsupportedFormat, "expected names that end in .npy")));
        };
        let limits = Limits { object_bytes: archive.limits().object_bytes.min(left), ..*archive.limits() };
        let array = match archive.section(&entry.name)? {
            Some(section) => npy::read(&mut BufReader::new(SourceReader::new(Arc::new(section))), entry.size, &limits),
            None => Array::from_npy_bytes(&archive.read(&entry.name)?, &limits),
        };
        let array = array.map_err(place)?;
        left = left.saturating_sub(memory_bytes(&array));
        arrays.push((name.to_string(), array));
    }
    Ok(arrays)
}

fn memory_bytes(array: &Array) -> u64 {
    match array.strings() {
        Ok(strings) => strings.iter().map(|s| (s.len() + size_of::<Vec<u8>>()) as u64).sum(),
        Err(_) => array.bytes().len() as u64,
    }
}

fn write_all<N: AsRef<str>, A: Borrow<Array>>(
    path: &Path,
    arrays: impl IntoIterator<Item = (N, A)>,
    compressed: bool,
    unicode: bool,
) -> Result<()> {
    ArchiveWriter::write(path, |zip| {
        zip.set_compressed(compressed);
        for (name, array) in arrays {
            let (name, array) = (name.as_ref(), array.borrow());
            let entry = format!("{name}.npy");
            let layout = if unicode { NpyLayout::unicode(array) } else { NpyLayout::of(array) };
            let layout = layout.map_err(|e| e.within(format!("npz entry {entry:?}")))?;
            zip.add_with(&entry, layout.file_bytes(array) as u64, |to| {
                layout.write(array, to).map_err(|e| Error::io("write", Path::new(&entry), &e))
            })?;
        }
        Ok(())
    })
}
