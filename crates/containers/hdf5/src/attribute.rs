//! Attributes: small named values of a group or a dataset.

use cornet_error::Result;

use crate::datatype::{self, Dtype, Stored};
use crate::header;
use crate::heap;
use crate::input::{Fields, Input, corrupt};

/// The value of an attribute.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum Attribute {
    /// One text.
    Text(String),
    /// A list of texts. Written as texts of one fixed width, as Keras's older files have them.
    Texts(Vec<String>),
    /// One integer or boolean.
    Int(i64),
    /// A list of integers or booleans, whatever its shape.
    Ints(Vec<i64>),
    /// One float.
    Float(f64),
    /// A list of floats, whatever its shape.
    Floats(Vec<f64>),
    /// A value this crate does not decode, described in words. It cannot be written.
    Other(String),
}

impl Attribute {
    /// The text, if it is one.
    pub fn as_text(&self) -> Option<&str> {
        match self {
            Self::Text(text) => Some(text),
            _ => None,
        }
    }

    /// The texts; a single one counts as a list.
    pub fn as_texts(&self) -> Option<&[String]> {
        match self {
            Self::Text(text) => Some(std::slice::from_ref(text)),
            Self::Texts(texts) => Some(texts),
            // NumPy turns an empty list of names into one of floats.
            Self::Floats(none) if none.is_empty() => Some(&[]),
            _ => None,
        }
    }
}

/// Reads an attribute message: its name and value.
pub(crate) fn parse(input: &Input, body: &[u8]) -> Result<(String, Attribute)> {
    let mut fields = Fields::new(body);
    let (version, flags) = (fields.u8()?, fields.u8()?);
    let sizes = [fields.u16()?, fields.u16()?, fields.u16()?].map(usize::from);
    match version {
        1 | 2 => {}
        3 => fields.skip(1)?,
        other => return Err(corrupt(format!("HDF5 attribute: expected version 1 to 3, found {other}"))),
    }
    let mut part = |size: usize| {
        let taken = fields.take(size);
        if version == 1 {
            fields.align();
        }
        taken
    };
    let (name, datatype, dataspace) = (part(sizes[0])?, part(sizes[1])?, part(sizes[2])?);
    let name = Fields::new(name).text()?.to_owned();
    if version > 1 && flags & 3 != 0 {
        return Ok((name, Attribute::Other("a value of a type that is defined elsewhere".into())));
    }
    let stored = datatype::parse(datatype)?;
    let Some(shape) = header::shape(input, dataspace)? else {
        return Ok((name, Attribute::Other("nothing".into())));
    };
    let count = shape.iter().try_fold(1_u64, |all, axis| all.checked_mul(*axis));
    let bytes = count.and_then(|count| count.checked_mul(u64::from(stored.size)));
    let bytes = bytes.and_then(|bytes| usize::try_from(bytes).ok()).filter(|bytes| *bytes <= fields.left());
    let bytes = bytes.ok_or_else(|| corrupt(format!("HDF5 attribute {name:?}: its values are missing")))?;
    let value = decode(input, stored, fields.take(bytes)?, shape.is_empty())?;
    Ok((name, value))
}

fn decode(input: &Input, stored: Stored, bytes: &[u8], scalar: bool) -> Result<Attribute> {
    let values = bytes.chunks_exact(stored.size as usize);
    let undecoded = |what: &str| Ok(Attribute::Other(what.to_owned()));
    match stored.dtype {
        Dtype::Text => {
            let Some(mut texts) = texts(input, stored, bytes)? else { return undecoded("text that is not UTF-8") };
            Ok(if scalar { Attribute::Text(texts.pop().unwrap_or_default()) } else { Attribute::Texts(texts) })
        }
        Dtype::F16 | Dtype::Bf16 | Dtype::Complex64 | Dtype::Opaque(_) | Dtype::Other => undecoded(stored.dtype.name()),
        Dtype::F32 | Dtype::F64 => {
            let floats: Vec<f64> = values.map(|value| float(value, stored.big_endian)).collect();
            Ok(if scalar { Attribute::Float(floats[0]) } else { Attribute::Floats(floats) })
        }
        _ => {
            let signed = matches!(stored.dtype, Dtype::I8 | Dtype::I16 | Dtype::I32 | Dtype::I64);
            let integers: Option<Vec<i64>> = values.map(|value| integer(value, stored.big_endian, signed)).collect();
            let Some(integers) = integers else { return undecoded("an integer beyond 64 bits with sign") };
            Ok(if scalar { Attribute::Int(integers[0]) } else { Attribute::Ints(integers) })
        }
    }
}

/// Texts stored one after the other; `None` if one is not UTF-8.
pub(crate) fn texts(input: &Input, stored: Stored, bytes: &[u8]) -> Result<Option<Vec<String>>> {
    let mut all = Vec::new();
    for value in bytes.chunks_exact(stored.size as usize) {
        let text = if stored.in_heap {
            heap::text(input, &mut Fields::new(value))?
        } else {
            let end = value.iter().position(|b| *b == 0).unwrap_or(value.len());
            std::str::from_utf8(&value[..end]).ok().map(str::to_owned)
        };
        match text {
            Some(text) => all.push(text),
            None => return Ok(None),
        }
    }
    Ok(Some(all))
}

fn little(value: &[u8], big_endian: bool) -> [u8; 8] {
    let mut bytes = [0; 8];
    bytes[..value.len()].copy_from_slice(value);
    if big_endian {
        bytes[..value.len()].reverse();
    }
    bytes
}

fn float(value: &[u8], big_endian: bool) -> f64 {
    let bytes = little(value, big_endian);
    match value.len() {
        4 => f64::from(f32::from_le_bytes([bytes[0], bytes[1], bytes[2], bytes[3]])),
        _ => f64::from_le_bytes(bytes),
    }
}

fn integer(value: &[u8], big_endian: bool, signed: bool) -> Option<i64> {
    let wide = u64::from_le_bytes(little(value, big_endian));
    if !signed {
        return i64::try_from(wide).ok();
    }
    let unused = 64 - 8 * value.len() as u32;
    Some((wide << unused) as i64 >> unused)
}
