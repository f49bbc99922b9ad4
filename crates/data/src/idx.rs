//! The IDX format: arrays as MNIST's files hold them.
//!
//! Two zero bytes, a byte for the type, a byte for the number of axes, the size of each axis and the elements, all
//! big-endian and row-major.
//!
//! Source: Y. LeCun, "The MNIST database of handwritten digits", file formats.

use std::fs::File;
use std::io::Read;
use std::path::Path;

use cornet_error::{Error, Limits, Result, err, fail};
use cornet_tensor::{Array, DType, Shape};

use crate::gzip::{gunzip, is_gzip};

/// Most axes that are accepted. The format could say 255.
const MAX_RANK: usize = 32;

/// Parses IDX data.
///
/// # Errors
/// `unsupported_format` for another format, an unknown type or too many axes; `corrupt` when the bytes are fewer or more
/// than the axes say; `limit_exceeded` when the elements take more than `object_bytes`.
///
/// ```
/// use cornet_data::{Limits, idx};
/// let labels = idx::parse(&[0, 0, 8, 1, 0, 0, 0, 3, 7, 2, 1], &Limits::default())?;
/// assert_eq!(labels.to_vec::<u8>()?, [7, 2, 1]);
/// # Ok::<(), cornet_data::Error>(())
/// ```
pub fn parse(bytes: &[u8], limits: &Limits) -> Result<Array> {
    let Some((&[zero, zero2, kind, rank], rest)) = bytes.split_first_chunk::<4>() else {
        fail!(Corrupt, "IDX header: expected at least 4 bytes, found {}", bytes.len());
    };
    if [zero, zero2] != [0, 0] {
        return Err(err!(UnsupportedFormat, "IDX header: expected to begin with 0, 0, found {zero}, {zero2}")
            .help("the file is of another format"));
    }
    let dtype = match kind {
        0x08 => DType::U8,
        0x09 => DType::I8,
        0x0b => DType::I16,
        0x0c => DType::I32,
        0x0d => DType::F32,
        0x0e => DType::F64,
        _ => fail!(UnsupportedFormat, "IDX type: expected 0x08, 0x09 or 0x0b to 0x0e, found {kind:#04x}"),
    };
    let rank = usize::from(rank);
    if rank > MAX_RANK {
        fail!(UnsupportedFormat, "IDX axes: expected at most {MAX_RANK}, found {rank}");
    }
    let Some((sizes, data)) = rest.split_at_checked(rank * 4) else {
        fail!(Corrupt, "IDX axes: expected {rank} sizes of 4 bytes, found {} bytes", rest.len());
    };
    let (sizes, _) = sizes.as_chunks::<4>();
    let dims: Vec<usize> = sizes.iter().map(|&size| u32::from_be_bytes(size) as usize).collect();
    let shape = Shape::checked(&dims, dtype.size())?;
    let expected = shape.elements() * dtype.size();
    Limits::check("bytes of an IDX array", expected as u64, limits.object_bytes.min(limits.total_bytes))?;
    if data.len() != expected {
        let what = if data.len() < expected { "the file is cut short" } else { "something follows the elements" };
        return Err(err!(Corrupt, "IDX elements: expected {expected} bytes, found {}", data.len())
            .operand("shape", &shape)
            .operand("dtype", dtype)
            .help(what));
    }
    if dtype.size() == 1 || cfg!(target_endian = "big") {
        return Array::from_bytes(dtype, shape, data);
    }
    let mut native = data.to_vec();
    native.chunks_exact_mut(dtype.size()).for_each(<[u8]>::reverse);
    Array::from_bytes(dtype, shape, &native)
}

/// Reads an IDX file, plain or compressed with gzip.
///
/// # Errors
/// Those of [`parse`] and [`gunzip`]; `not_found`, `permission_denied` or `io` when the file cannot be read.
pub fn read(path: &Path, limits: &Limits) -> Result<Array> {
    let content = read_content(path, limits)?;
    parse(&content, limits).map_err(|e| e.within(path.display().to_string()))
}

/// The bytes of a file, decompressed if they are gzip.
pub(crate) fn read_content(path: &Path, limits: &Limits) -> Result<Vec<u8>> {
    let failed = |e: std::io::Error| Error::io("read", path, &e);
    let mut file = File::open(path).map_err(failed)?;
    let allowed = limits.object_bytes.min(limits.total_bytes);
    let mut bytes = Vec::new();
    (&mut file).take(allowed.saturating_add(1)).read_to_end(&mut bytes).map_err(failed)?;
    Limits::check("bytes of a file", bytes.len() as u64, allowed).map_err(|e| e.within(path.display().to_string()))?;
    if is_gzip(&bytes) {
        return gunzip(&bytes, limits).map_err(|e| e.within(path.display().to_string()));
    }
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;
    use cornet_error::Code;

    fn file(kind: u8, dims: &[u32], data: &[u8]) -> Vec<u8> {
        let mut bytes = vec![0, 0, kind, dims.len() as u8];
        bytes.extend(dims.iter().flat_map(|d| d.to_be_bytes()));
        bytes.extend(data);
        bytes
    }

    fn code(bytes: &[u8]) -> Code {
        parse(bytes, &Limits::default()).unwrap_err().code()
    }

    #[test]
    fn every_type_is_read_big_endian() {
        let all = Limits::default();
        let a = parse(&file(0x08, &[2, 2], &[0, 1, 254, 255]), &all).unwrap();
        assert_eq!((a.shape().as_slice(), a.to_vec::<u8>().unwrap()), (&[2, 2][..], vec![0, 1, 254, 255]));
        assert_eq!(parse(&file(0x09, &[2], &[255, 1]), &all).unwrap().to_vec::<i8>().unwrap(), [-1, 1]);
        assert_eq!(parse(&file(0x0b, &[2], &[255, 254, 1, 2]), &all).unwrap().to_vec::<i16>().unwrap(), [-2, 258]);
        let i32s = [(-3_i32).to_be_bytes(), 70_000_i32.to_be_bytes()].concat();
        assert_eq!(parse(&file(0x0c, &[2], &i32s), &all).unwrap().to_vec::<i32>().unwrap(), [-3, 70_000]);
        let f32s = [1.5_f32.to_be_bytes(), (-0.1_f32).to_be_bytes()].concat();
        assert_eq!(parse(&file(0x0d, &[2], &f32s), &all).unwrap().to_vec::<f32>().unwrap(), [1.5, -0.1]);
        assert_eq!(parse(&file(0x0e, &[1, 1], &0.1_f64.to_be_bytes()), &all).unwrap().to_vec::<f64>().unwrap(), [0.1]);
        assert_eq!(parse(&file(0x08, &[], &[7]), &all).unwrap().shape().rank(), 0);
        assert_eq!(parse(&file(0x08, &[0, 28, 28], &[]), &all).unwrap().elements(), 0);
    }

    #[test]
    fn truncated_and_overlong_files_are_corrupt() {
        let whole = file(0x0b, &[2, 3], &[0; 12]);
        for n in 0..whole.len() {
            assert_eq!(code(&whole[..n]), Code::Corrupt, "{n} bytes");
        }
        assert_eq!(code(&[whole, vec![0]].concat()), Code::Corrupt);
    }

    #[test]
    fn hostile_headers_are_refused_without_memory() {
        assert_eq!(code(b"PK\x03\x04"), Code::UnsupportedFormat);
        assert_eq!(code(&file(0x0a, &[1], &[0])), Code::UnsupportedFormat);
        assert_eq!(code(&file(0x08, &[1; 33], &[0])), Code::UnsupportedFormat);
        assert_eq!(code(&file(0x0e, &[u32::MAX; 32], &[0])), Code::LimitExceeded);
        assert_eq!(code(&file(0x0e, &[u32::MAX, u32::MAX, 0], &[])), Code::LimitExceeded);
        assert_eq!(code(&file(0x08, &[u32::MAX, 2], &[0; 8])), Code::Corrupt);
        let tight = Limits { object_bytes: 3, ..Limits::default() };
        assert_eq!(parse(&file(0x08, &[4], &[0; 4]), &tight).unwrap_err().code(), Code::LimitExceeded);
    }

    #[test]
    fn the_message_says_what_was_expected() {
        let error = parse(&file(0x08, &[2, 3], &[0; 5]), &Limits::default()).unwrap_err();
        let expected = "IDX elements: expected 6 bytes, found 5 [corrupt]\n  shape  [2, 3]\n  dtype  uint8\n  help: the file \
                        is cut short";
        assert_eq!(error.to_string(), expected);
    }
}
