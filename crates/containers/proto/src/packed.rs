//! Lists of numbers, packed or one field each.

use cornet_error::{Limits, Result, err};

use crate::{Message, Value};

impl Value {
    /// The number of an int32, int64, bool or enum field.
    ///
    /// # Errors
    /// `corrupt` for another wire type; so too below.
    pub fn int(&self) -> Result<i64> {
        match self {
            Value::Varint(v) => Ok(*v as i64),
            other => Err(wrong("a whole number", other)),
        }
    }

    /// The number of a float field.
    pub fn float(&self) -> Result<f32> {
        match self {
            Value::Fixed32(bits) => Ok(f32::from_bits(*bits)),
            other => Err(wrong("a float", other)),
        }
    }

    /// The number of a double field.
    pub fn double(&self) -> Result<f64> {
        match self {
            Value::Fixed64(bits) => Ok(f64::from_bits(*bits)),
            other => Err(wrong("a double", other)),
        }
    }

    /// The nested message, or the bytes.
    pub fn message(&self) -> Result<&Message> {
        match self {
            Value::Bytes(message) => Ok(message),
            other => Err(wrong("a message or bytes", other)),
        }
    }

    /// The text of a string field.
    pub fn text(&self) -> Result<String> {
        self.message()?.text()
    }

    /// Appends the numbers of a repeated int32, int64, bool or enum field: packed or one.
    ///
    /// # Errors
    /// `corrupt`; `limit_exceeded`.
    pub fn ints(&self, into: &mut Vec<i64>) -> Result<()> {
        match self {
            Value::Varint(v) => into.push(*v as i64),
            Value::Bytes(packed) => {
                let bytes = packed.bytes()?;
                let count = bytes.iter().filter(|&&b| b < 0x80).count() as u64;
                let total = (into.len() as u64 + count).saturating_mul(8);
                Limits::check("protocol buffer: bytes of a list of numbers", total, packed.limits().object_bytes)?;
                into.reserve(count as usize);
                let (mut value, mut shift) = (0_u64, 0);
                for byte in bytes {
                    if shift > 63 {
                        return Err(err!(Corrupt, "protocol buffer: a number of more than 64 bits in a list"));
                    }
                    value |= u64::from(byte & 0x7f) << shift;
                    shift += 7;
                    if byte < 0x80 {
                        into.push(value as i64);
                        (value, shift) = (0, 0);
                    }
                }
                if shift != 0 {
                    return Err(err!(Corrupt, "protocol buffer: a list of numbers cut short"));
                }
            }
            other => return Err(wrong("whole numbers", other)),
        }
        Ok(())
    }

    /// Appends the numbers of a repeated float field: packed or one.
    ///
    /// # Errors
    /// `corrupt`; `limit_exceeded`.
    pub fn floats(&self, into: &mut Vec<f32>) -> Result<()> {
        match self {
            Value::Bytes(packed) => fixed(packed, into, f32::from_le_bytes),
            one => {
                into.push(one.float()?);
                Ok(())
            }
        }
    }

    /// Appends the numbers of a repeated double field: packed or one.
    ///
    /// # Errors
    /// `corrupt`; `limit_exceeded`.
    pub fn doubles(&self, into: &mut Vec<f64>) -> Result<()> {
        match self {
            Value::Bytes(packed) => fixed(packed, into, f64::from_le_bytes),
            one => {
                into.push(one.double()?);
                Ok(())
            }
        }
    }
}

fn wrong(expected: &str, found: &Value) -> cornet_error::Error {
    let found = match found {
        Value::Varint(_) => "a varint",
        Value::Fixed64(_) => "eight bytes",
        Value::Bytes(_) => "bytes",
        Value::Fixed32(_) => "four bytes",
    };
    err!(Corrupt, "protocol buffer: expected {expected}, found {found}")
}

fn fixed<T, const N: usize>(packed: &Message, into: &mut Vec<T>, read: fn([u8; N]) -> T) -> Result<()> {
    if !packed.len().is_multiple_of(N as u64) {
        return Err(err!(Corrupt, "protocol buffer: a list of {N}-byte numbers in {} bytes", packed.len()));
    }
    let bytes = packed.bytes()?;
    into.reserve(bytes.len() / N);
    into.extend(bytes.as_chunks::<N>().0.iter().map(|chunk| read(*chunk)));
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Encoder;

    fn first(bytes: Vec<u8>) -> Value {
        Message::of(bytes, &Limits::default()).fields().next().unwrap().unwrap().1
    }

    #[test]
    fn lists_are_read_packed_and_not() {
        let mut ints = Vec::new();
        first(Encoder::new().packed_ints(1, [3, -1, 270]).finish()).ints(&mut ints).unwrap();
        first(Encoder::new().int(1, 9).finish()).ints(&mut ints).unwrap();
        assert_eq!(ints, [3, -1, 270, 9]);
        let mut floats = Vec::new();
        first(Encoder::new().packed_floats(1, [1.0, 2.5]).finish()).floats(&mut floats).unwrap();
        first(Encoder::new().float(1, -3.0).finish()).floats(&mut floats).unwrap();
        assert_eq!(floats, [1.0, 2.5, -3.0]);
    }

    #[test]
    fn damaged_lists_are_refused() {
        assert!(first(Encoder::new().bytes(1, &[0x80]).finish()).ints(&mut Vec::new()).is_err());
        assert!(first(Encoder::new().bytes(1, &[0xff; 11]).finish()).ints(&mut Vec::new()).is_err());
        assert!(first(Encoder::new().bytes(1, &[0; 6]).finish()).floats(&mut Vec::new()).is_err());
        assert!(first(Encoder::new().int(1, 1).finish()).floats(&mut Vec::new()).is_err());
    }
}
