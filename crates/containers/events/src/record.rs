//! TFRecord frames: the length, its sum, the content, its sum.

use cornet_archive::Crc32c;
use cornet_error::{Result, err};

fn masked(bytes: &[u8]) -> u32 {
    Crc32c::of(bytes).masked()
}

/// A frame around a content.
pub(crate) fn frame(content: &[u8]) -> Vec<u8> {
    let length = (content.len() as u64).to_le_bytes();
    let mut out = Vec::with_capacity(content.len() + 16);
    out.extend(length);
    out.extend(masked(&length).to_le_bytes());
    out.extend(content);
    out.extend(masked(content).to_le_bytes());
    out
}

/// The contents of the frames in a file, up to the first one that is cut off or damaged, which is an error.
pub fn records(bytes: &[u8]) -> impl Iterator<Item = Result<&[u8]>> {
    let mut rest = bytes;
    std::iter::from_fn(move || {
        if rest.is_empty() {
            return None;
        }
        let found = next(rest);
        rest = found.as_ref().map_or(&[], |(_, after)| after);
        Some(found.map(|(content, _)| content))
    })
}

/// The first content, and what follows it.
fn next(bytes: &[u8]) -> Result<(&[u8], &[u8])> {
    let cut = || err!(Corrupt, "record: expected a whole one, found the end of the file");
    let (length, rest) = bytes.split_first_chunk::<8>().ok_or_else(cut)?;
    let (sum, rest) = rest.split_first_chunk::<4>().ok_or_else(cut)?;
    if masked(length) != u32::from_le_bytes(*sum) {
        return Err(err!(Corrupt, "record: the sum of its length is wrong"));
    }
    let length = usize::try_from(u64::from_le_bytes(*length)).map_err(|_| cut())?;
    let (content, rest) = rest.split_at_checked(length).ok_or_else(cut)?;
    let (sum, rest) = rest.split_first_chunk::<4>().ok_or_else(cut)?;
    if masked(content) != u32::from_le_bytes(*sum) {
        return Err(err!(Corrupt, "record: the sum of its content is wrong"));
    }
    Ok((content, rest))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_framed_comes_back_and_damage_is_found() {
        let file = [frame(b"one"), frame(b""), frame(b"three")].concat();
        let all: Vec<&[u8]> = records(&file).map(Result::unwrap).collect();
        assert_eq!(all, [&b"one"[..], b"", b"three"]);
        for at in 0..file.len() {
            let mut damaged = file.clone();
            damaged[at] ^= 4;
            assert!(records(&damaged).any(|r| r.is_err()), "byte {at}");
            assert_eq!(records(&file[..at]).any(|r| r.is_err()), ![0, 19, 35].contains(&at), "cut at {at}");
        }
    }
}
