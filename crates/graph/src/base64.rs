//! Base64 (RFC 4648, section 4), and the order of bytes in it.

use cornet_tensor::DType;

const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

pub(crate) fn encode(bytes: &[u8]) -> String {
    let mut out = String::with_capacity(bytes.len().div_ceil(3) * 4);
    for chunk in bytes.chunks(3) {
        let word = chunk.iter().fold(0_u32, |w, &b| w << 8 | u32::from(b)) << (8 * (3 - chunk.len()));
        for i in 0..4 {
            let digit = ALPHABET[(word >> (18 - 6 * i) & 63) as usize];
            out.push(if i <= chunk.len() { digit as char } else { '=' });
        }
    }
    out
}

/// The bytes; `None` unless the text is what [`encode`] gives for them.
pub(crate) fn decode(text: &[u8]) -> Option<Vec<u8>> {
    if !text.len().is_multiple_of(4) {
        return None;
    }
    let mut out = Vec::with_capacity(text.len() / 4 * 3);
    for (i, chunk) in text.chunks(4).enumerate() {
        let last = (i + 1) * 4 == text.len();
        let padding = chunk.iter().rev().take_while(|&&c| c == b'=').count();
        if padding > 2 || padding > 0 && !last {
            return None;
        }
        let mut word = 0_u32;
        for &c in &chunk[..4 - padding] {
            word = word << 6 | digit(c)?;
        }
        word <<= 6 * padding;
        if word & ((1 << (8 * padding)) - 1) != 0 {
            return None;
        }
        out.extend_from_slice(&word.to_be_bytes()[1..4 - padding]);
    }
    Some(out)
}

fn digit(c: u8) -> Option<u32> {
    Some(u32::from(match c {
        b'A'..=b'Z' => c - b'A',
        b'a'..=b'z' => c - b'a' + 26,
        b'0'..=b'9' => c - b'0' + 52,
        b'+' => 62,
        b'/' => 63,
        _ => return None,
    }))
}

/// Turns elements in this machine's order of bytes into little-endian ones, or back.
pub(crate) fn to_little_endian(dtype: DType, bytes: &mut [u8]) {
    if cfg!(target_endian = "big") {
        // A complex number is two floats, each turned by itself.
        let size = if dtype.is_complex() { dtype.size() / 2 } else { dtype.size() };
        bytes.chunks_mut(size.max(1)).for_each(<[u8]>::reverse);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_examples_of_rfc_4648_and_all_lengths_round_trip() {
        let examples = [("", ""), ("f", "Zg=="), ("fo", "Zm8="), ("foo", "Zm9v"), ("foobar", "Zm9vYmFy")];
        for (plain, coded) in examples {
            assert_eq!(encode(plain.as_bytes()), coded);
            assert_eq!(decode(coded.as_bytes()).as_deref(), Some(plain.as_bytes()));
        }
        for n in 0..100_usize {
            let bytes: Vec<u8> = (0..n).map(|i| (i * 73 + n) as u8).collect();
            assert_eq!(decode(encode(&bytes).as_bytes()), Some(bytes));
        }
        for wrong in ["Zg=", "Z===", "Zg==Zg==", "Zh==", "Z g=", "====", "Zm9v\n"] {
            assert_eq!(decode(wrong.as_bytes()), None, "{wrong}");
        }
    }
}
