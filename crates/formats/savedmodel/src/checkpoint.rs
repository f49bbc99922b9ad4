//! Checkpoints of either form, as arrays.

use std::path::Path;

use cornet_archive::DiskFile;
use cornet_bundle::{Bundle, OldCheckpoint, Table};
use cornet_error::{Limits, Result, err, fail};
use cornet_tensor::{Array, DType, Shape};

use crate::attr::dtype;

/// An open checkpoint.
///
/// ```no_run
/// use cornet_format_savedmodel::Checkpoint;
/// let checkpoint = Checkpoint::open("model.ckpt-1000".as_ref(), &Default::default())?;
/// for name in checkpoint.names() {
///     println!("{name} {}", checkpoint.read(name)?.shape());
/// }
/// # Ok::<(), cornet_error::Error>(())
/// ```
pub struct Checkpoint(Kind);

enum Kind {
    Bundle(Bundle),
    Old(OldCheckpoint),
}

fn shape_of(sizes: &[u64], dtype: DType) -> Result<Shape> {
    let sizes = sizes.iter().map(|&s| usize::try_from(s).ok()).collect::<Option<Vec<_>>>();
    let sizes = sizes.ok_or_else(|| err!(Corrupt, "checkpoint: a shape beyond memory"))?;
    Shape::checked(&sizes, if dtype == DType::Str { size_of::<Vec<u8>>() } else { dtype.size() })
}

impl Checkpoint {
    /// Opens the checkpoint of a prefix, such as `variables/variables`: a bundle, or the single file that it names.
    ///
    /// # Errors
    /// `not_found`; `corrupt`; `unsupported_format`; `limit_exceeded`.
    pub fn open(prefix: &Path, limits: &Limits) -> Result<Self> {
        if !Bundle::exists(prefix) && prefix.is_file() && Table::is_table(&DiskFile::open(prefix)?) {
            return Ok(Self(Kind::Old(OldCheckpoint::open(prefix, limits)?)));
        }
        Ok(Self(Kind::Bundle(Bundle::open(prefix, limits)?)))
    }

    /// The names of its tensors, in order.
    pub fn names(&self) -> Vec<&str> {
        match &self.0 {
            Kind::Bundle(bundle) => bundle.names().collect(),
            Kind::Old(old) => old.names().collect(),
        }
    }

    /// Dtype and shape of a tensor.
    ///
    /// # Errors
    /// `not_found`; `unsupported` for a type that has no dtype.
    pub fn ty(&self, name: &str) -> Result<(DType, Shape)> {
        let (data_type, shape) = match &self.0 {
            Kind::Bundle(bundle) => bundle.entry(name).map(|e| (e.data_type, e.shape.as_slice()))?,
            Kind::Old(old) => old.get(name).ok_or_else(|| err!(NotFound, "checkpoint: there is no tensor '{name}'"))?,
        };
        let dtype = dtype(data_type)?;
        Ok((dtype, shape_of(shape, dtype)?))
    }

    /// A tensor, its checksum verified.
    ///
    /// # Errors
    /// As [`Checkpoint::ty`]; `corrupt`; `limit_exceeded`; `io`.
    pub fn read(&self, name: &str) -> Result<Array> {
        let (dtype, shape) = self.ty(name)?;
        match &self.0 {
            Kind::Bundle(bundle) if dtype == DType::Str => Array::from_strings(bundle.read_strings(name)?, shape),
            Kind::Bundle(bundle) => {
                bundle.size(name)?;
                let mut array = Array::try_zeros(dtype, shape)?;
                bundle.read_into(name, array.bytes_mut())?;
                if dtype == DType::Bool && array.bytes().iter().any(|&b| b > 1) {
                    fail!(Corrupt, "checkpoint: tensor '{name}': expected bools");
                }
                Ok(array)
            }
            Kind::Old(old) => Array::from_bytes(dtype, shape, &old.read(name)?),
        }
    }
}
