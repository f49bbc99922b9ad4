//! safetensors: named arrays behind a header of JSON.
//!
//! # The file
//!
//! Eight bytes with the length of the header (little endian); the header, a JSON object; the arrays' bytes, row-major and
//! little endian. The header has for each array `{"dtype": "F32", "shape": [2, 3], "data_offsets": [0, 24]}`, counted from
//! the header's end, and under `__metadata__` an object of texts. The arrays' bytes cover the rest of the file: no gaps, no
//! overlaps, nothing behind the last.
//!
//! [`File`] reads the header alone when it is opened; an array's bytes are read straight into their place when they are
//! asked for. Float8 and smaller dtypes are listed and not read.
//!
//! Source: the format's description in the repository huggingface/safetensors, version 0.8.
//!
//! ```
//! use std::collections::BTreeMap;
//! use cornet_error::Limits;
//! use cornet_format_safetensors::{File, write};
//! use cornet_tensor::Array;
//! # let path = std::env::temp_dir().join(format!("cornet-safetensors-doc-{}.safetensors", std::process::id()));
//! let kernel = Array::from_literal([[1.0_f32, 2.0], [3.0, 4.0]])?;
//! let metadata = BTreeMap::from([("format".to_string(), "keras".to_string())]);
//! write(&path, [("dense/kernel", &kernel)], &metadata)?;
//! let file = File::open(&path, &Limits::default())?;
//! assert_eq!(file.read("dense/kernel")?, kernel);
//! assert_eq!(file.metadata(), &metadata);
//! # std::fs::remove_file(&path).unwrap();
//! # Ok::<(), cornet_error::Error>(())
//! ```

mod header;
mod write;

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use cornet_archive::{DiskFile, ReadAt};
use cornet_error::{Error, Limits, Result, err};
use cornet_tensor::{Array, DType};

pub use header::Entry;
pub use write::write;

/// An open file: the header, and where the arrays are.
pub struct File {
    source: Arc<dyn ReadAt>,
    data_start: u64,
    metadata: BTreeMap<String, String>,
    entries: Vec<Entry>,
}

impl File {
    /// Opens a file and checks its header against its length.
    ///
    /// # Errors
    /// `not_found`, `permission_denied`, `io`; `corrupt` for a header that is no JSON or lies, for gaps and overlaps;
    /// `limit_exceeded`.
    pub fn open(path: &Path, limits: &Limits) -> Result<Self> {
        Self::from_source(Arc::new(DiskFile::open(path)?), limits).map_err(|e| e.within(path.display().to_string()))
    }

    /// The same for bytes from anywhere.
    ///
    /// # Errors
    /// As [`File::open`].
    pub fn from_source(source: Arc<dyn ReadAt>, limits: &Limits) -> Result<Self> {
        let (data_start, metadata, entries) = header::read(source.as_ref(), limits)?;
        Ok(Self { source, data_start, metadata, entries })
    }

    /// What the file says of itself.
    pub fn metadata(&self) -> &BTreeMap<String, String> {
        &self.metadata
    }

    /// The arrays in the order of their bytes.
    pub fn entries(&self) -> &[Entry] {
        &self.entries
    }

    /// The array of that name.
    ///
    /// # Errors
    /// `not_found`; `unsupported_format` for a dtype that arrays do not have; `io`.
    pub fn read(&self, name: &str) -> Result<Array> {
        let entry = self.entries.iter().find(|entry| entry.name == name);
        self.read_entry(entry.ok_or_else(|| err!(NotFound, "safetensors: expected an array '{name}', found none"))?)
    }

    /// The array of an entry.
    ///
    /// # Errors
    /// As [`File::read`].
    pub fn read_entry(&self, entry: &Entry) -> Result<Array> {
        let within = |e: Error| e.within(format!("array '{}'", entry.name));
        let dtype = entry.dtype.ok_or_else(|| {
            let error = err!(UnsupportedFormat, "expected a dtype of arrays, found {}", entry.dtype_name);
            within(error.help("convert it to BF16 or F32 where the file comes from"))
        })?;
        let mut array = Array::try_zeros(dtype, entry.shape.as_slice()).map_err(within)?;
        let start = self.data_start + entry.start;
        let failed = |e: std::io::Error| within(err!(Io, "cannot read: {e}"));
        self.source.read_exact_at(start, array.bytes_mut()).map_err(failed)?;
        in_native_order(array.bytes_mut(), dtype);
        if dtype == DType::Bool {
            array.bytes_mut().iter_mut().for_each(|b| *b = u8::from(*b != 0));
        }
        Ok(array)
    }

    /// All arrays by name, in the order of their bytes.
    ///
    /// # Errors
    /// As [`File::read`].
    pub fn read_all(&self) -> Result<Vec<(String, Array)>> {
        self.entries.iter().map(|entry| Ok((entry.name.clone(), self.read_entry(entry)?))).collect()
    }
}

/// Little endian to the machine's order, or back.
fn in_native_order(bytes: &mut [u8], dtype: DType) {
    let unit = if dtype == DType::C64 { 4 } else { dtype.size() };
    if cfg!(target_endian = "big") && unit > 1 {
        bytes.chunks_exact_mut(unit).for_each(<[u8]>::reverse);
    }
}

#[cfg(test)]
mod tests;
