//! Snappy's raw format, decoded.

use cornet_error::{Limits, Result, err, fail};

/// The content of a snappy block.
///
/// # Errors
/// `corrupt`; `limit_exceeded` for a content larger than the limits allow.
pub(crate) fn decode(bytes: &[u8], limits: &Limits) -> Result<Vec<u8>> {
    let cut = || err!(Corrupt, "snappy: a block cut short");
    let (size, mut rest) = crate::block::varint(bytes).ok_or_else(cut)?;
    let most = (bytes.len() as u64).saturating_mul(limits.expansion).min(limits.object_bytes);
    Limits::check("snappy: bytes of a block", size, most)?;
    let size = size as usize;
    let mut out: Vec<u8> = Vec::with_capacity(size);
    while let [tag, after @ ..] = rest {
        let tag = *tag as usize;
        let number = |bytes: usize| {
            let (number, after) = after.split_at_checked(bytes).ok_or_else(cut)?;
            Ok::<_, cornet_error::Error>((number.iter().rev().fold(0, |n, &b| n << 8 | b as usize), after))
        };
        let (length, offset);
        match tag & 3 {
            0 => {
                (length, rest) = match tag >> 2 {
                    short @ 0..60 => (short, after),
                    long => number(long - 59)?,
                };
                let literal;
                (literal, rest) = rest.split_at_checked(length + 1).ok_or_else(cut)?;
                out.extend(literal);
            }
            kind => {
                (length, (offset, rest)) = match kind {
                    1 => number(1).map(|(low, rest)| ((tag >> 2 & 7) + 4, ((tag >> 5) << 8 | low, rest)))?,
                    2 => ((tag >> 2) + 1, number(2)?),
                    _ => ((tag >> 2) + 1, number(4)?),
                };
                let start = out.len().checked_sub(offset).filter(|_| offset > 0);
                let start = start.ok_or_else(|| err!(Corrupt, "snappy: a copy from before the start"))?;
                if out.len() + length > size {
                    fail!(Corrupt, "snappy: expected {size} bytes, found more");
                }
                (0..length).for_each(|i| out.push(out[start + i]));
            }
        }
        if out.len() > size {
            fail!(Corrupt, "snappy: expected {size} bytes, found more");
        }
    }
    if out.len() != size {
        fail!(Corrupt, "snappy: expected {size} bytes, found {}", out.len());
    }
    Ok(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(bytes: &[u8]) -> Result<Vec<u8>> {
        decode(bytes, &Limits::default())
    }

    #[test]
    fn literals_and_copies_are_decoded() {
        // "abcd", then six bytes from four back: by hand after format_description.txt.
        assert_eq!(read(&[10, 3 << 2, b'a', b'b', b'c', b'd', (6 - 4) << 2 | 1, 4]).unwrap(), b"abcdabcdab");
        assert_eq!(read(&[10, 3 << 2, b'a', b'b', b'c', b'd', 5 << 2 | 2, 4, 0]).unwrap(), b"abcdabcdab");
        assert_eq!(read(&[3, 60 << 2, 2, b'x', b'y', b'z']).unwrap(), b"xyz");
        assert_eq!(read(&[0]).unwrap(), b"");
    }

    #[test]
    fn damage_is_refused() {
        for bytes in [&[][..], &[5, 0, b'a'], &[4, 1, 1], &[2, 3 << 2, b'a'], &[1, 4, b'a', b'b'], &[9, 60 << 2]] {
            assert!(read(bytes).is_err(), "{bytes:?}");
        }
        assert!(read(&[0xff, 0xff, 0xff, 0xff, 0x0f, 0]).is_err());
    }
}
