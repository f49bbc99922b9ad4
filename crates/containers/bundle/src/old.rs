//! Checkpoints of TensorFlow's first format: one table that holds tensors and all.

use std::collections::BTreeMap;
use std::path::Path;

use cornet_archive::DiskFile;
use cornet_error::{Limits, Result, err, fail};
use cornet_proto::{Message, Value};

use crate::bundle::parse_shape;
use crate::ordered::slice_key;
use crate::slices::{Slice, runs};
use crate::{Table, data_type};

/// A checkpoint of a single file, as TensorFlow wrote them before 2017.
pub struct OldCheckpoint {
    table: Table,
    tensors: BTreeMap<String, Tensor>,
    limits: Limits,
}

#[derive(Default)]
struct Tensor {
    data_type: i32,
    shape: Vec<u64>,
    slices: Vec<Slice>,
}

impl OldCheckpoint {
    /// Opens one.
    ///
    /// # Errors
    /// `not_found`; `corrupt`; `limit_exceeded`.
    pub fn open(path: &Path, limits: &Limits) -> Result<Self> {
        let table = Table::read(&DiskFile::open(path)?, limits)?;
        let header = table.get(b"").ok_or_else(|| err!(Corrupt, "checkpoint: expected a header, found none"))?;
        let mut tensors = BTreeMap::new();
        for field in Message::of(header.to_vec(), limits).fields() {
            let (1, Value::Bytes(meta)) = field? else { continue };
            for field in meta.fields() {
                let (1, Value::Bytes(meta)) = field? else { continue };
                let (mut name, mut tensor) = (String::new(), Tensor::default());
                for field in meta.fields() {
                    match field? {
                        (1, v) => name = v.text()?,
                        (2, Value::Bytes(shape)) => tensor.shape = parse_shape(&shape)?,
                        (3, v) => tensor.data_type = v.int()? as i32,
                        (4, Value::Bytes(slice)) => tensor.slices.push(Slice::parse(&slice)?),
                        _ => {}
                    }
                }
                tensors.insert(name, tensor);
            }
        }
        Ok(Self { table, tensors, limits: *limits })
    }

    /// The names of the tensors, in order.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.tensors.keys().map(String::as_str)
    }

    /// The data type and shape of a tensor.
    pub fn get(&self, name: &str) -> Option<(i32, &[u64])> {
        self.tensors.get(name).map(|t| (t.data_type, t.shape.as_slice()))
    }

    /// The bytes of a tensor of numbers.
    ///
    /// # Errors
    /// `not_found`; `unsupported_format` for strings; `corrupt`; `limit_exceeded`.
    pub fn read(&self, name: &str) -> Result<Vec<u8>> {
        let tensor = self.tensors.get(name);
        let tensor = tensor.ok_or_else(|| err!(NotFound, "checkpoint: there is no tensor '{name}'"))?;
        let element = data_type::size(tensor.data_type).ok_or_else(|| {
            err!(UnsupportedFormat, "tensor '{name}': expected numbers, found data type {}", tensor.data_type)
        })?;
        let damaged = || err!(Corrupt, "checkpoint: tensor '{name}': its parts do not make up the whole");
        let total = tensor.shape.iter().try_fold(element as u64, |n, &s| n.checked_mul(s)).ok_or_else(damaged)?;
        Limits::check("checkpoint: bytes of a tensor", total, self.limits.object_bytes)?;
        // Numbers take a byte at least, but for runs of equal ones at the end.
        let mut parts = Vec::new();
        let mut covered = 0_u64;
        for slice in &tensor.slices {
            let (start, size) = slice.within(&tensor.shape)?;
            let data = self.table.get(&slice_key(name.as_bytes(), slice)).ok_or_else(damaged)?;
            let count = size.iter().try_fold(1_u64, |n, &s| n.checked_mul(s)).ok_or_else(damaged)?;
            let bytes = values(data, tensor.data_type, &self.limits)?;
            if bytes.len() as u64 != count * element as u64 {
                return Err(damaged());
            }
            covered = covered.saturating_add(bytes.len() as u64);
            parts.push((start, size, bytes));
        }
        if covered != total {
            return Err(damaged());
        }
        let mut out = vec![0; total as usize];
        for (start, size, bytes) in parts {
            let run = size.last().map_or(1, |&s| s as usize) * element;
            for (at, row) in runs(&tensor.shape, &start, &size).zip(bytes.chunks_exact(run.max(1))) {
                let at = at as usize * element;
                out.get_mut(at..at + run).ok_or_else(damaged)?.copy_from_slice(row);
            }
        }
        Ok(out)
    }
}

/// The numbers of the `TensorProto` in a `SavedTensorSlices`, as bytes.
fn values(record: &[u8], data_type: i32, limits: &Limits) -> Result<Vec<u8>> {
    let mut out = Vec::new();
    for field in Message::of(record.to_vec(), limits).fields() {
        let (2, Value::Bytes(slice)) = field? else { continue };
        for field in slice.fields() {
            let (3, Value::Bytes(tensor)) = field? else { continue };
            for field in tensor.fields() {
                append(&mut out, field?, data_type)?;
            }
        }
    }
    Ok(out)
}

fn append(out: &mut Vec<u8>, (number, value): (u32, Value), kind: i32) -> Result<()> {
    let (mut ints, mut floats, mut doubles) = (Vec::new(), Vec::new(), Vec::new());
    match number {
        4 => out.extend(value.message()?.bytes()?),
        5 | 9 => value.floats(&mut floats)?,
        6 | 12 => value.doubles(&mut doubles)?,
        7 | 10 | 11 | 13 | 16 | 17 => value.ints(&mut ints)?,
        8 => fail!(UnsupportedFormat, "checkpoint: expected numbers, found strings"),
        _ => {}
    }
    out.extend(floats.iter().flat_map(|f| f.to_le_bytes()));
    out.extend(doubles.iter().flat_map(|f| f.to_le_bytes()));
    let size = data_type::size(kind).unwrap_or(8);
    ints.iter().for_each(|v| out.extend(v.to_le_bytes().iter().take(size)));
    Ok(())
}

#[cfg(test)]
mod tests {
    use cornet_proto::Encoder;

    use super::*;

    #[test]
    fn parts_are_put_together() {
        let folder = std::env::temp_dir().join(format!("cornet-old-checkpoint-{}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        let path = folder.join("model.ckpt");
        let extent = |start: i64, length: i64| Encoder::new().int(1, start).int(2, length);
        let slice = |start| Encoder::new().message(1, extent(start, 1)).message(1, Encoder::new());
        let shape = Encoder::new().messages(2, [2, 3].map(|s| Encoder::new().int(1, s)));
        let meta = Encoder::new().text(1, "w").message(2, shape).int(3, 1).messages(4, [slice(0), slice(1)]);
        let mut table = Table::default();
        table.insert(Vec::new(), Encoder::new().message(1, Encoder::new().message(1, meta)).finish());
        for row in 0..2 {
            let tensor = Encoder::new().int(1, 1).packed_floats(5, [0.0, 1.0, 2.0].map(|x| x + 3.0 * row as f32));
            let saved = Encoder::new().text(1, "w").message(2, slice(row)).message(3, tensor);
            let key = slice_key(b"w", &Slice { extents: vec![Some((row as u64, 1)), None] });
            table.insert(key, Encoder::new().message(2, saved).finish());
        }
        std::fs::write(&path, table.to_bytes()).unwrap();
        let checkpoint = OldCheckpoint::open(&path, &Limits::default()).unwrap();
        assert_eq!(checkpoint.names().collect::<Vec<_>>(), ["w"]);
        assert_eq!(checkpoint.get("w").unwrap(), (1, &[2, 3][..]));
        let expected: Vec<u8> = (0..6).flat_map(|i| (i as f32).to_le_bytes()).collect();
        assert_eq!(checkpoint.read("w").unwrap(), expected);
        std::fs::remove_dir_all(folder).unwrap();
    }
}
