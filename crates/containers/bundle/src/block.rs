//! Blocks of a table: keys with shared prefixes.

use cornet_error::{Result, err};

/// A base-128 number, and what follows it.
pub(crate) fn varint(bytes: &[u8]) -> Option<(u64, &[u8])> {
    let mut value = 0_u64;
    for (i, byte) in bytes.iter().enumerate().take(10) {
        if i == 9 && *byte > 1 {
            return None;
        }
        value |= u64::from(byte & 0x7f) << (7 * i);
        if *byte < 0x80 {
            return Some((value, &bytes[i + 1..]));
        }
    }
    None
}

/// Appends a base-128 number.
pub(crate) fn put_varint(out: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        out.push(value as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}

/// Visits the keys and values of a block.
///
/// # Errors
/// `corrupt`; what `visit` returns.
pub(crate) fn entries(block: &[u8], mut visit: impl FnMut(&[u8], &[u8]) -> Result<()>) -> Result<()> {
    let damaged = || err!(Corrupt, "table: a damaged block of {} bytes", block.len());
    let (content, restarts) = block.split_last_chunk::<4>().ok_or_else(damaged)?;
    let restarts = u32::from_le_bytes(*restarts) as usize;
    let end = restarts.checked_mul(4).and_then(|bytes| content.len().checked_sub(bytes)).ok_or_else(damaged)?;
    let mut rest = &content[..end];
    let mut key: Vec<u8> = Vec::new();
    while !rest.is_empty() {
        let (shared, after) = varint(rest).ok_or_else(damaged)?;
        let (own, after) = varint(after).ok_or_else(damaged)?;
        let (size, after) = varint(after).ok_or_else(damaged)?;
        let shared = usize::try_from(shared).ok().filter(|&s| s <= key.len()).ok_or_else(damaged)?;
        let split = |bytes: &'_ [u8], at: u64| usize::try_from(at).ok().filter(|&at| at <= bytes.len());
        let (tail, after) = after.split_at(split(after, own).ok_or_else(damaged)?);
        let (value, after) = after.split_at(split(after, size).ok_or_else(damaged)?);
        key.truncate(shared);
        key.extend(tail);
        visit(&key, value)?;
        rest = after;
    }
    Ok(())
}

/// Keys between two restarts, as LevelDB has it.
const RESTART: usize = 16;

/// A block under construction; keys come in order.
#[derive(Default)]
pub(crate) struct BlockWriter {
    bytes: Vec<u8>,
    restarts: Vec<u32>,
    last: Vec<u8>,
    count: usize,
}

impl BlockWriter {
    /// Adds an entry.
    pub fn add(&mut self, key: &[u8], value: &[u8]) {
        let shared = if self.count.is_multiple_of(RESTART) {
            self.restarts.push(self.bytes.len() as u32);
            0
        } else {
            key.iter().zip(&self.last).take_while(|(a, b)| a == b).count()
        };
        put_varint(&mut self.bytes, shared as u64);
        put_varint(&mut self.bytes, (key.len() - shared) as u64);
        put_varint(&mut self.bytes, value.len() as u64);
        self.bytes.extend(&key[shared..]);
        self.bytes.extend(value);
        self.last = key.to_vec();
        self.count += 1;
    }

    /// Bytes so far.
    pub fn len(&self) -> usize {
        self.bytes.len()
    }

    /// Whether there is no entry.
    pub fn is_empty(&self) -> bool {
        self.count == 0
    }

    /// The last key.
    pub fn last(&self) -> &[u8] {
        &self.last
    }

    /// The block.
    pub fn finish(mut self) -> Vec<u8> {
        if self.restarts.is_empty() {
            self.restarts.push(0);
        }
        self.restarts.iter().for_each(|r| self.bytes.extend(r.to_le_bytes()));
        self.bytes.extend((self.restarts.len() as u32).to_le_bytes());
        self.bytes
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read() {
        let mut block = BlockWriter::default();
        let keys: Vec<String> = (0..40).map(|i| format!("layer/{i:03}/kernel")).collect();
        keys.iter().for_each(|k| block.add(k.as_bytes(), k.to_uppercase().as_bytes()));
        let bytes = block.finish();
        let mut found = Vec::new();
        entries(&bytes, |k, v| {
            found.push((String::from_utf8_lossy(k).into_owned(), v.to_vec()));
            Ok(())
        })
        .unwrap();
        assert!(found.iter().map(|(k, _)| k).eq(&keys));
        assert!(found.iter().all(|(k, v)| k.to_uppercase().as_bytes() == v));
    }

    #[test]
    fn damage_is_refused() {
        for bytes in [&[][..], &[1, 0, 0], &[0, 0, 0, 9], &[1, 1, 0, b'a', 0, 0, 0, 0], &[0, 9, 9, 0, 0, 0, 0]] {
            assert!(entries(bytes, |_, _| Ok(())).is_err(), "{bytes:?}");
        }
    }
}
