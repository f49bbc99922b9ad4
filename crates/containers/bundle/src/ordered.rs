//! Numbers and strings encoded so that their bytes sort as they do: the keys of slices.

use crate::slices::Slice;

fn put_unsigned(out: &mut Vec<u8>, value: u64) {
    let bytes = value.to_be_bytes();
    let skip = (value.leading_zeros() / 8) as usize;
    out.push((8 - skip) as u8);
    out.extend(&bytes[skip..]);
}

fn put_string(out: &mut Vec<u8>, text: &[u8]) {
    for &byte in text {
        out.push(byte);
        match byte {
            0 => out.push(0xff),
            0xff => out.push(0),
            _ => {}
        }
    }
    out.extend([0, 1]);
}

/// The first bits tell the length, the next the sign.
fn put_signed(out: &mut Vec<u8>, value: i64) {
    const HEADERS: [[u8; 2]; 11] = [
        [0, 0],
        [0x80, 0],
        [0xc0, 0],
        [0xe0, 0],
        [0xf0, 0],
        [0xf8, 0],
        [0xfc, 0],
        [0xfe, 0],
        [0xff, 0],
        [0xff, 0x80],
        [0xff, 0xc0],
    ];
    let bits = 64 - (if value < 0 { !value } else { value } as u64).leading_zeros() as usize;
    let length = bits / 7 + 1;
    let mut bytes = [if value < 0 { 0xff } else { 0 }; 10];
    bytes[2..].copy_from_slice(&value.to_be_bytes());
    let begin = 10 - length;
    bytes[begin] ^= HEADERS[length][0];
    if length > 1 {
        bytes[begin + 1] ^= HEADERS[length][1];
    }
    out.extend(&bytes[begin..]);
}

/// The key under which a slice of a tensor stands.
pub(crate) fn slice_key(name: &[u8], slice: &Slice) -> Vec<u8> {
    let mut key = Vec::new();
    put_unsigned(&mut key, 0);
    put_string(&mut key, name);
    put_unsigned(&mut key, slice.extents.len() as u64);
    for &extent in &slice.extents {
        let (start, length) = extent.map_or((0, -1), |(s, l)| (s as i64, l as i64));
        put_signed(&mut key, start);
        put_signed(&mut key, length);
    }
    key
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_encoded_as_ordered_code_has_it() {
        let signed = |v: i64| {
            let mut out = Vec::new();
            put_signed(&mut out, v);
            out
        };
        // From the comments of ordered_code.cc: one byte for -64..64, two below 2^13.
        assert_eq!(signed(0), [0x80]);
        assert_eq!(signed(63), [0xbf]);
        assert_eq!(signed(64), [0xc0, 0x40]);
        assert_eq!(signed(-1), [0x7f]);
        assert_eq!(signed(-64), [0x40]);
        assert_eq!(signed(-65), [0x3f, 0xbf]);
        assert_eq!(signed(8191), [0xdf, 0xff]);
        assert_eq!(signed(8192), [0xe0, 0x20, 0x00]);
        let unsigned = |v: u64| {
            let mut out = Vec::new();
            put_unsigned(&mut out, v);
            out
        };
        assert_eq!(unsigned(0), [0]);
        assert_eq!(unsigned(0x1ff), [2, 1, 0xff]);
    }

    #[test]
    fn every_length_is_in_order() {
        let numbers = (0..63).flat_map(|b| [-(1_i64 << b), (1 << b) - 1, 1 << b]);
        let mut numbers: Vec<i64> = numbers.chain([i64::MIN, i64::MAX]).collect();
        numbers.sort_unstable();
        numbers.dedup();
        let encoded: Vec<Vec<u8>> = numbers
            .iter()
            .map(|&v| {
                let mut out = Vec::new();
                put_signed(&mut out, v);
                out
            })
            .collect();
        assert!(encoded.is_sorted());
    }
}
