//! Writing.

use std::borrow::{Borrow, Cow};
use std::collections::BTreeMap;
use std::io::Write;
use std::path::Path;

use cornet_archive::atomic_write;
use cornet_error::{Error, Result, err, fail};
use cornet_tensor::Array;
use serde_json::{Map, Value, json};

use crate::header::{HEADER_BYTES_MAX, METADATA, name_of};
use crate::in_native_order;

/// Writes a file with these arrays and this metadata, in one step or not at all. Wide dtypes come first and names in
/// order, as the format's own writer has it, so that every array is aligned; the same content gives the same bytes.
///
/// # Errors
/// `dtype_mismatch` for texts; `already_exists` for a name given twice; `invalid_argument` for the name `__metadata__`;
/// `io`, `not_found`, `permission_denied`.
pub fn write<N: AsRef<str>, A: Borrow<Array>>(
    path: &Path,
    arrays: impl IntoIterator<Item = (N, A)>,
    metadata: &BTreeMap<String, String>,
) -> Result<()> {
    let mut arrays: Vec<(N, A)> = arrays.into_iter().collect();
    let key = |(name, array): &(N, A)| (std::cmp::Reverse(array.borrow().dtype().size()), name.as_ref().to_owned());
    arrays.sort_by_cached_key(key);
    let header = header(&arrays, metadata)?;
    atomic_write(path, |file| {
        let failed = |e: std::io::Error| Error::io("write", path, &e);
        file.write_all(&(header.len() as u64).to_le_bytes()).map_err(failed)?;
        file.write_all(&header).map_err(failed)?;
        for (_, array) in &arrays {
            let array = array.borrow();
            let mut bytes = Cow::Borrowed(array.bytes());
            if cfg!(target_endian = "big") {
                in_native_order(bytes.to_mut(), array.dtype());
            }
            file.write_all(&bytes).map_err(failed)?;
        }
        Ok::<(), Error>(())
    })
}

/// The JSON text, padded with blanks to a multiple of eight bytes.
fn header<N: AsRef<str>, A: Borrow<Array>>(arrays: &[(N, A)], metadata: &BTreeMap<String, String>) -> Result<Vec<u8>> {
    let mut object = Map::new();
    if !metadata.is_empty() {
        object.insert(METADATA.into(), json!(metadata));
    }
    let mut start = 0_u64;
    for (name, array) in arrays {
        let (name, array) = (name.as_ref(), array.borrow());
        if name == METADATA {
            fail!(InvalidArgument, "safetensors: expected another name than {METADATA}");
        }
        let Some(dtype) = name_of(array.dtype()) else {
            return Err(err!(DtypeMismatch, "array '{name}': expected numbers, found strings")
                .help("safetensors have no texts; keep vocabularies in the model's own file"));
        };
        let end = start + array.bytes().len() as u64;
        let value: Value = json!({"dtype": dtype, "shape": array.shape().as_slice(), "data_offsets": [start, end]});
        if object.insert(name.to_owned(), value).is_some() {
            fail!(AlreadyExists, "safetensors: the name '{name}' was given twice");
        }
        start = end;
    }
    let mut text = Value::Object(object).to_string().into_bytes();
    text.resize(text.len().next_multiple_of(8), b' ');
    if text.len() as u64 > HEADER_BYTES_MAX {
        fail!(LimitExceeded, "safetensors header: expected at most {HEADER_BYTES_MAX} bytes, found {}", text.len());
    }
    Ok(text)
}
