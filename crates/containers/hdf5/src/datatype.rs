//! What one value is, and how it is stored.

use cornet_error::Result;

use crate::input::{Fields, corrupt};

/// Types inside types that are followed; h5py makes two or three levels.
const NESTING_MAX: usize = 16;

/// The type of a dataset's values.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Dtype {
    /// A byte that is 0 or 1; h5py's enumeration of FALSE and TRUE.
    Bool,
    /// Signed 8-bit integer.
    I8,
    /// Signed 16-bit integer.
    I16,
    /// Signed 32-bit integer.
    I32,
    /// Signed 64-bit integer.
    I64,
    /// Unsigned 8-bit integer.
    U8,
    /// Unsigned 16-bit integer.
    U16,
    /// Unsigned 32-bit integer.
    U32,
    /// Unsigned 64-bit integer.
    U64,
    /// IEEE 754 half precision.
    F16,
    /// The upper half of a single-precision float.
    Bf16,
    /// IEEE 754 single precision.
    F32,
    /// IEEE 754 double precision.
    F64,
    /// Two single-precision floats: the real part, then the imaginary one.
    Complex64,
    /// That many bytes without a meaning; h5py stores bfloat16 so.
    Opaque(u32),
    /// Texts, of fixed or of variable length; read with [`crate::Dataset::read_texts`].
    Text,
    /// Anything else; its values cannot be read.
    Other,
}

impl Dtype {
    /// NumPy's word for it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Bool => "bool",
            Self::I8 => "int8",
            Self::I16 => "int16",
            Self::I32 => "int32",
            Self::I64 => "int64",
            Self::U8 => "uint8",
            Self::U16 => "uint16",
            Self::U32 => "uint32",
            Self::U64 => "uint64",
            Self::F16 => "float16",
            Self::Bf16 => "bfloat16",
            Self::F32 => "float32",
            Self::F64 => "float64",
            Self::Complex64 => "complex64",
            Self::Opaque(_) => "opaque",
            Self::Text => "string",
            Self::Other => "other",
        }
    }

    /// Bytes of one value as [`crate::Dataset::read_bytes`] gives it; `None` for texts and other types.
    pub fn size(self) -> Option<usize> {
        Some(match self {
            Self::Bool | Self::I8 | Self::U8 => 1,
            Self::I16 | Self::U16 | Self::F16 | Self::Bf16 => 2,
            Self::I32 | Self::U32 | Self::F32 => 4,
            Self::I64 | Self::U64 | Self::F64 | Self::Complex64 => 8,
            Self::Opaque(size) => size as usize,
            Self::Text | Self::Other => return None,
        })
    }
}

/// A type as the file declares it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Stored {
    pub(crate) dtype: Dtype,
    /// Bytes of one value in the file; never zero.
    pub(crate) size: u32,
    /// Whether each number has its highest byte first.
    pub(crate) big_endian: bool,
    /// For texts: whether each is a reference into the global heap.
    pub(crate) in_heap: bool,
}

/// Reads a datatype message.
pub(crate) fn parse(body: &[u8]) -> Result<Stored> {
    parse_at(&mut Fields::new(body), 0)
}

fn parse_at(fields: &mut Fields<'_>, depth: usize) -> Result<Stored> {
    if depth > NESTING_MAX {
        return Err(corrupt(format!("HDF5 datatype: types nested more than {NESTING_MAX} deep")));
    }
    let (head, bits, size) = (fields.u8()?, fields.word(3)?, fields.u32()?);
    let (version, class) = (head >> 4, head & 15);
    if size == 0 {
        return Err(corrupt("HDF5 datatype: values of no bytes"));
    }
    let mut stored = Stored { dtype: Dtype::Other, size, big_endian: bits & 1 != 0, in_heap: false };
    match class {
        0 => stored.dtype = integer(fields, size, bits & 8 != 0)?,
        1 => {
            stored.big_endian = bits & 0x41 == 1;
            // A VAX order has both bits set; nothing here reads it.
            stored.dtype = if bits & 0x40 != 0 { Dtype::Other } else { float(fields, size)? };
        }
        2 => fields.skip(2)?,
        3 => stored.dtype = Dtype::Text,
        4 => fields.skip(4)?,
        5 => {
            fields.skip((bits & 0xff) as usize)?;
            stored.dtype = Dtype::Opaque(size);
        }
        6 => compound(fields, version, (bits & 0xffff) as usize, depth, &mut stored)?,
        7 => {}
        8 => enumeration(fields, version, (bits & 0xffff) as usize, depth, &mut stored)?,
        9 => {
            parse_at(fields, depth + 1)?;
            if bits & 15 == 1 {
                (stored.dtype, stored.in_heap) = (Dtype::Text, true);
            }
        }
        10 => {
            let axes = usize::from(fields.u8()?);
            fields.skip(if version < 3 { 3 } else { 0 } + axes * if version < 3 { 8 } else { 4 })?;
            parse_at(fields, depth + 1)?;
        }
        other => return Err(corrupt(format!("HDF5 datatype: expected class 0 to 10, found {other}"))),
    }
    Ok(stored)
}

fn integer(fields: &mut Fields<'_>, size: u32, signed: bool) -> Result<Dtype> {
    let (offset, precision) = (fields.u16()?, fields.u16()?);
    if offset != 0 || u32::from(precision) != size.saturating_mul(8) {
        return Ok(Dtype::Other);
    }
    Ok(match (size, signed) {
        (1, true) => Dtype::I8,
        (2, true) => Dtype::I16,
        (4, true) => Dtype::I32,
        (8, true) => Dtype::I64,
        (1, false) => Dtype::U8,
        (2, false) => Dtype::U16,
        (4, false) => Dtype::U32,
        (8, false) => Dtype::U64,
        _ => Dtype::Other,
    })
}

fn float(fields: &mut Fields<'_>, size: u32) -> Result<Dtype> {
    let (offset, precision) = (fields.u16()?, fields.u16()?);
    let layout = [fields.u8()?, fields.u8()?, fields.u8()?, fields.u8()?];
    let bias = fields.u32()?;
    Ok(match (size, offset, precision, layout, bias) {
        (2, 0, 16, [10, 5, 0, 10], 15) => Dtype::F16,
        (2, 0, 16, [7, 8, 0, 7], 127) => Dtype::Bf16,
        (4, 0, 32, [23, 8, 0, 23], 127) => Dtype::F32,
        (8, 0, 64, [52, 11, 0, 52], 1023) => Dtype::F64,
        _ => Dtype::Other,
    })
}

fn compound(fields: &mut Fields<'_>, version: u8, count: usize, depth: usize, stored: &mut Stored) -> Result<()> {
    let mut members = Vec::new();
    for _ in 0..count {
        let before = fields.position();
        let name = fields.text()?.to_owned();
        if version < 3 {
            let used = fields.position() - before;
            fields.skip(used.next_multiple_of(8) - used)?;
        }
        let offset = match version {
            1 | 2 => u64::from(fields.u32()?),
            _ => fields.word(bytes_for(stored.size))?,
        };
        if version == 1 {
            fields.skip(28)?;
        }
        members.push((name, offset, parse_at(fields, depth + 1)?));
    }
    if let [(real, 0, re), (imaginary, 4, im)] = &members[..]
        && (real.as_str(), imaginary.as_str()) == ("r", "i")
        && (re.dtype, im.dtype, stored.size) == (Dtype::F32, Dtype::F32, 8)
        && re.big_endian == im.big_endian
    {
        (stored.dtype, stored.big_endian) = (Dtype::Complex64, re.big_endian);
    }
    Ok(())
}

/// Bytes of an offset inside a value of `size` bytes, as version 3 counts them.
fn bytes_for(size: u32) -> usize {
    (u32::BITS - size.leading_zeros()).div_ceil(8).max(1) as usize
}

fn enumeration(fields: &mut Fields<'_>, version: u8, count: usize, depth: usize, stored: &mut Stored) -> Result<()> {
    let base = parse_at(fields, depth + 1)?;
    let mut names = Vec::new();
    for _ in 0..count {
        let before = fields.position();
        names.push(fields.text()?.to_owned());
        if version < 3 {
            let used = fields.position() - before;
            fields.skip(used.next_multiple_of(8) - used)?;
        }
    }
    let values = fields.take(count.saturating_mul(base.size as usize))?;
    if names == ["FALSE", "TRUE"] && values == [0, 1] {
        stored.dtype = Dtype::Bool;
    }
    Ok(())
}

/// The datatype message of a type that this crate writes; `None` for those it does not.
pub(crate) fn encode(dtype: Dtype) -> Option<Vec<u8>> {
    let integer = |size: u8, signed: u8| {
        let mut body = vec![0x10, signed << 3, 0, 0, size, 0, 0, 0, 0, 0];
        body.extend((u16::from(size) * 8).to_le_bytes());
        body
    };
    let float = |size: u8, exponent: u8, exponent_bits: u8, bias: u32| {
        let mut body = vec![0x11, 0x20, size * 8 - 1, 0, size, 0, 0, 0, 0, 0];
        body.extend((u16::from(size) * 8).to_le_bytes());
        body.extend([exponent, exponent_bits, 0, exponent]);
        body.extend(bias.to_le_bytes());
        body
    };
    Some(match dtype {
        Dtype::I8 => integer(1, 1),
        Dtype::I16 => integer(2, 1),
        Dtype::I32 => integer(4, 1),
        Dtype::I64 => integer(8, 1),
        Dtype::U8 => integer(1, 0),
        Dtype::U16 => integer(2, 0),
        Dtype::U32 => integer(4, 0),
        Dtype::U64 => integer(8, 0),
        Dtype::F16 => float(2, 10, 5, 15),
        Dtype::F32 => float(4, 23, 8, 127),
        Dtype::F64 => float(8, 52, 11, 1023),
        Dtype::Bool => {
            let mut body = vec![0x18, 2, 0, 0, 1, 0, 0, 0];
            body.extend(integer(1, 1));
            body.extend(b"FALSE\0\0\0TRUE\0\0\0\0\x00\x01");
            body
        }
        Dtype::Complex64 => {
            let mut body = vec![0x16, 2, 0, 0, 8, 0, 0, 0];
            for (name, offset) in [(b'r', 0), (b'i', 4)] {
                body.extend([name, 0, 0, 0, 0, 0, 0, 0, offset, 0, 0, 0]);
                body.extend([0; 28]);
                body.extend(float(4, 23, 8, 127));
            }
            body
        }
        Dtype::Opaque(size) => {
            let mut body = vec![0x15, 0, 0, 0];
            body.extend(size.to_le_bytes());
            body
        }
        // As h5py does, which knows no HDF5 type for it.
        Dtype::Bf16 => encode(Dtype::Opaque(2))?,
        Dtype::Text | Dtype::Other => return None,
    })
}

/// The datatype message of texts in the global heap, UTF-8.
pub(crate) fn heap_text() -> Vec<u8> {
    vec![0x19, 1, 1, 0, 16, 0, 0, 0, 0x10, 0, 0, 0, 1, 0, 0, 0, 0, 0, 8, 0]
}

/// The datatype message of texts of `size` bytes, padded with zeros.
pub(crate) fn fixed_text(size: u32) -> Vec<u8> {
    let mut body = vec![0x13, 1, 0, 0];
    body.extend(size.to_le_bytes());
    body
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_what_is_read() {
        use Dtype::*;
        for dtype in [Bool, I8, I16, I32, I64, U8, U16, U32, U64, F16, F32, F64, Complex64, Opaque(7)] {
            let stored = parse(&encode(dtype).unwrap()).unwrap();
            assert_eq!((stored.dtype, Some(stored.size as usize)), (dtype, dtype.size()));
            assert!(!stored.big_endian && !stored.in_heap);
        }
        assert_eq!(parse(&encode(Bf16).unwrap()).unwrap().dtype, Opaque(2));
        assert!(parse(&heap_text()).unwrap().in_heap);
        assert_eq!(parse(&fixed_text(9)).unwrap().size, 9);
    }

    #[test]
    fn endless_nesting_is_refused() {
        let arrays: Vec<u8> = [0x3a, 0, 0, 0, 8, 0, 0, 0, 1, 1, 0, 0, 0].repeat(5000);
        assert!(parse(&arrays).unwrap_err().to_string().contains("nested"));
    }

    #[test]
    fn offsets_in_compounds_have_the_bytes_the_size_needs() {
        for (size, bytes) in [(1, 1), (255, 1), (256, 2), (65_535, 2), (65_536, 3), (u32::MAX, 4)] {
            assert_eq!(bytes_for(size), bytes, "{size}");
        }
    }
}
