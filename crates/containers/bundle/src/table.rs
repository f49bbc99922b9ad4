//! Tables: sorted keys with values, in LevelDB's form.

use std::collections::BTreeMap;

use cornet_archive::{Crc32c, ReadAt};
use cornet_error::{Limits, Result, err, fail};

use crate::block::{BlockWriter, entries, put_varint, varint};
use crate::snappy;

const MAGIC: u64 = 0xdb47_7524_8b80_fb57;
const FOOTER: u64 = 48;
/// Bytes after which a written block is closed.
const BLOCK: usize = 256 << 10;

/// All keys of a table with their values, which are small: those of an index.
#[derive(Clone, Debug, Default)]
pub struct Table(BTreeMap<Vec<u8>, Vec<u8>>);

fn damaged(what: &str) -> cornet_error::Error {
    err!(Corrupt, "table: {what}").help("the file is truncated, damaged, or no index of a TensorFlow checkpoint")
}

/// Where a block lies.
type Handle = (u64, u64);

fn handle(bytes: &[u8]) -> Option<(Handle, &[u8])> {
    let (offset, rest) = varint(bytes)?;
    let (size, rest) = varint(rest)?;
    Some(((offset, size), rest))
}

fn block(source: &dyn ReadAt, (offset, size): Handle, limits: &Limits) -> Result<Vec<u8>> {
    let fits = offset.checked_add(size).and_then(|end| end.checked_add(5)).is_some_and(|end| end <= source.len());
    if !fits {
        return Err(damaged("a block beyond the end of the file"));
    }
    Limits::check("table: bytes of a block", size, limits.object_bytes)?;
    let mut bytes = vec![0; size as usize + 5];
    source.read_exact_at(offset, &mut bytes).map_err(|e| err!(Io, "table: cannot read a block: {e}"))?;
    let sum = bytes.split_off(size as usize + 1);
    if Crc32c::of(&bytes).masked().to_le_bytes() != *sum {
        return Err(damaged("the sum of a block is wrong"));
    }
    match bytes.pop() {
        Some(0) => Ok(bytes),
        Some(1) => snappy::decode(&bytes, limits),
        other => Err(damaged(&format!("a block of compression {other:?}"))),
    }
}

impl Table {
    /// Whether a file ends as tables do.
    pub fn is_table(source: &dyn ReadAt) -> bool {
        let mut magic = [0; 8];
        source.len().checked_sub(8).is_some_and(|at| source.read_exact_at(at, &mut magic).is_ok())
            && u64::from_le_bytes(magic) == MAGIC
    }

    /// Reads a whole table.
    ///
    /// # Errors
    /// `corrupt`, also where a sum is wrong; `limit_exceeded`; `io`.
    pub fn read(source: &dyn ReadAt, limits: &Limits) -> Result<Self> {
        let at = source.len().checked_sub(FOOTER).ok_or_else(|| damaged("a file shorter than a footer"))?;
        let mut footer = [0; FOOTER as usize];
        source.read_exact_at(at, &mut footer).map_err(|e| err!(Io, "table: cannot read the footer: {e}"))?;
        if !footer.ends_with(&MAGIC.to_le_bytes()) {
            return Err(damaged("the footer is not that of a table"));
        }
        let index = handle(&footer).and_then(|(_, rest)| handle(rest)).ok_or_else(|| damaged("a damaged footer"))?.0;
        let mut handles = Vec::new();
        entries(&block(source, index, limits)?, |_, value| {
            handles.push(handle(value).ok_or_else(|| damaged("a damaged place of a block"))?.0);
            Limits::check("table: blocks", handles.len() as u64, limits.entries as u64)
        })?;
        let (mut table, mut total) = (BTreeMap::new(), 0_u64);
        for at in handles {
            let block = block(source, at, limits)?;
            total = total.saturating_add(block.len() as u64);
            Limits::check(
                "table: bytes",
                total,
                limits.total_bytes.min(source.len().saturating_mul(limits.expansion)),
            )?;
            entries(&block, |key, value| {
                if table.last_key_value().is_some_and(|(last, _): (&Vec<u8>, &Vec<u8>)| last.as_slice() >= key) {
                    fail!(Corrupt, "table: keys out of order");
                }
                // Prefixes are shared: short entries may stand for long keys.
                total = total.saturating_add(key.len() as u64);
                Limits::check("table: bytes of keys", total, limits.object_bytes.min(1 << 30))?;
                table.insert(key.to_vec(), value.to_vec());
                Limits::check("table: keys", table.len() as u64, limits.entries as u64 * 16)
            })?;
        }
        Ok(Self(table))
    }

    /// The value of a key.
    pub fn get(&self, key: &[u8]) -> Option<&[u8]> {
        self.0.get(key).map(Vec::as_slice)
    }

    /// Keys and values in order.
    pub fn iter(&self) -> impl Iterator<Item = (&[u8], &[u8])> {
        self.0.iter().map(|(k, v)| (k.as_slice(), v.as_slice()))
    }

    /// Sets the value of a key.
    pub fn insert(&mut self, key: Vec<u8>, value: Vec<u8>) {
        self.0.insert(key, value);
    }

    /// The file.
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut out = Vec::new();
        let mut index = BlockWriter::default();
        let mut open = BlockWriter::default();
        for (key, value) in &self.0 {
            open.add(key, value);
            if open.len() >= BLOCK {
                close(&mut out, &mut index, std::mem::take(&mut open));
            }
        }
        if !open.is_empty() {
            close(&mut out, &mut index, open);
        }
        let metaindex = put_block(&mut out, BlockWriter::default().finish());
        let index = put_block(&mut out, index.finish());
        let mut footer = Vec::new();
        put_handle(&mut footer, metaindex);
        put_handle(&mut footer, index);
        footer.resize(FOOTER as usize - 8, 0);
        footer.extend(MAGIC.to_le_bytes());
        out.extend(footer);
        out
    }
}

fn close(out: &mut Vec<u8>, index: &mut BlockWriter, block: BlockWriter) {
    let key = block.last().to_vec();
    let at = put_block(out, block.finish());
    let mut value = Vec::new();
    put_handle(&mut value, at);
    index.add(&key, &value);
}

fn put_handle(out: &mut Vec<u8>, (offset, size): Handle) {
    put_varint(out, offset);
    put_varint(out, size);
}

fn put_block(out: &mut Vec<u8>, block: Vec<u8>) -> Handle {
    let (offset, size) = (out.len() as u64, block.len() as u64);
    out.extend(block);
    out.push(0);
    let sum = Crc32c::of(&out[offset as usize..]).masked();
    out.extend(sum.to_le_bytes());
    (offset, size)
}

#[cfg(test)]
mod tests {
    use cornet_archive::Bytes;

    use super::*;

    fn read(bytes: &[u8]) -> Result<Table> {
        Table::read(&Bytes::new(bytes), &Limits::default())
    }

    #[test]
    fn what_is_written_is_read() {
        let mut table = Table::default();
        (0..30_000_u32).for_each(|i| table.insert(format!("key {i:06}").into_bytes(), vec![i as u8; i as usize % 90]));
        let bytes = table.to_bytes();
        assert!(bytes.len() > 2 * BLOCK && Table::is_table(&Bytes::new(bytes.clone())));
        assert!(read(&bytes).unwrap().iter().eq(table.iter()));
        assert_eq!(read(&Table::default().to_bytes()).unwrap().iter().count(), 0);
    }

    #[test]
    fn every_flipped_byte_of_content_is_found() {
        let mut table = Table::default();
        (0..20_u32).for_each(|i| table.insert(format!("key {i:06}").into_bytes(), vec![i as u8; 9]));
        let bytes = table.to_bytes();
        for at in 0..bytes.len() {
            let mut wrong = bytes.clone();
            wrong[at] ^= 1;
            assert!(read(&wrong).map_or(true, |t| t.iter().eq(table.iter())), "{at}");
            let _ = read(&bytes[..at]);
        }
    }
}
