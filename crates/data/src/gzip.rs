//! Gzip within limits.

use std::io::Read;

use cornet_error::{Limits, Result, err, fail};
use flate2::bufread::MultiGzDecoder;

/// True when the bytes begin as gzip does.
pub fn is_gzip(bytes: &[u8]) -> bool {
    bytes.starts_with(&[0x1f, 0x8b])
}

/// Decompresses gzip, one member or several; their checksums are verified.
///
/// # Errors
/// `corrupt` for anything that does not decode to its end; `limit_exceeded` when the content is larger than
/// `object_bytes`, or than `expansion` times the input.
///
/// Source: RFC 1952.
pub fn gunzip(bytes: &[u8], limits: &Limits) -> Result<Vec<u8>> {
    let expansion = limits.expanded(bytes.len() as u64);
    let allowed = limits.object_bytes.min(limits.total_bytes).min(expansion);
    let mut content = Vec::new();
    let mut decoder = MultiGzDecoder::new(bytes).take(allowed.saturating_add(1));
    if let Err(cause) = decoder.read_to_end(&mut content) {
        fail!(Corrupt, "gzip data: cannot be decompressed after {} bytes: {cause}", content.len());
    }
    if content.len() as u64 > allowed {
        return Err(err!(LimitExceeded, "gzip content: expected at most {allowed} bytes, found more")
            .operand("compressed", format!("{} bytes", bytes.len())));
    }
    Ok(content)
}

#[cfg(test)]
mod tests {
    use super::*;
    use cornet_error::Code;
    use flate2::{Compression, write::GzEncoder};
    use std::io::Write;

    fn gzip(content: &[u8]) -> Vec<u8> {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
        encoder.write_all(content).unwrap();
        encoder.finish().unwrap()
    }

    #[test]
    fn content_and_several_members_come_back() {
        let two = [gzip(b"one, "), gzip(b"two")].concat();
        assert!(is_gzip(&two));
        assert_eq!(gunzip(&two, &Limits::default()).unwrap(), b"one, two");
    }

    #[test]
    fn every_truncation_is_corrupt() {
        let whole = gzip(b"the quick brown fox jumps over the lazy dog");
        for n in 0..whole.len() {
            assert_eq!(gunzip(&whole[..n], &Limits::default()).unwrap_err().code(), Code::Corrupt, "{n} bytes");
        }
    }

    #[test]
    fn a_flipped_bit_never_gives_another_content() {
        let content = b"the quick brown fox jumps over the lazy dog";
        let whole = gzip(content);
        // The first ten bytes are a header whose flags, time and system do not concern the content.
        for bit in 80..whole.len() * 8 {
            let mut bad = whole.clone();
            bad[bit / 8] ^= 1 << (bit % 8);
            // Bits between the end of the compressed data and the checksum mean nothing.
            let passes = gunzip(&bad, &Limits::default()).is_ok_and(|found| found != content);
            assert!(!passes, "bit {bit}");
        }
    }

    #[test]
    fn a_bomb_is_refused() {
        let bomb = gzip(&vec![0; 1 << 20]);
        let tight = Limits { object_bytes: 1 << 16, ..Limits::default() };
        assert_eq!(gunzip(&bomb, &tight).unwrap_err().code(), Code::LimitExceeded);
        let expansion = Limits { expansion: 100, harmless_bytes: 0, ..Limits::default() };
        assert_eq!(gunzip(&bomb, &expansion).unwrap_err().code(), Code::LimitExceeded);
        assert_eq!(gunzip(&bomb, &Limits::default()).unwrap().len(), 1 << 20);
    }
}
