//! Writing a bundle of one shard.

use std::collections::BTreeMap;
use std::io::Write;
use std::path::Path;

use cornet_archive::{Crc32c, atomic_write};
use cornet_error::Result;
use cornet_proto::Encoder;

use crate::bundle::{index_path, shard_path};
use crate::{Table, block, data_type};

/// The tensors of a bundle to be written, as TensorFlow writes it.
#[derive(Default)]
pub struct BundleWriter<'a> {
    tensors: BTreeMap<String, Tensor<'a>>,
}

struct Tensor<'a> {
    data_type: i32,
    shape: Vec<usize>,
    data: Data<'a>,
}

enum Data<'a> {
    Bytes(std::borrow::Cow<'a, [u8]>),
    Strings(Vec<Vec<u8>>),
}

/// The `TensorShapeProto` of sizes.
fn shape_proto(shape: &[usize]) -> Encoder {
    Encoder::new().messages(2, shape.iter().map(|&size| Encoder::new().int(1, size as i64)))
}

impl<'a> BundleWriter<'a> {
    /// No tensors.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a tensor of numbers: row-major and little-endian bytes. One of the same name is replaced.
    pub fn add(&mut self, name: &str, data_type: i32, shape: &[usize], bytes: impl Into<std::borrow::Cow<'a, [u8]>>) {
        let data = Data::Bytes(bytes.into());
        self.tensors.insert(name.to_owned(), Tensor { data_type, shape: shape.to_vec(), data });
    }

    /// Adds a tensor of strings.
    pub fn add_strings(&mut self, name: &str, shape: &[usize], strings: Vec<Vec<u8>>) {
        let tensor = Tensor { data_type: data_type::STRING, shape: shape.to_vec(), data: Data::Strings(strings) };
        self.tensors.insert(name.to_owned(), tensor);
    }

    /// Writes `prefix.data-00000-of-00001`, then `prefix.index`, each whole or not at all.
    ///
    /// # Errors
    /// `not_found`, `permission_denied` or `io`.
    pub fn write(&self, prefix: &Path) -> Result<()> {
        let mut index = Table::default();
        let version = Encoder::new().int(1, 1);
        index.insert(Vec::new(), Encoder::new().int(1, 1).message(3, version).finish());
        atomic_write(&shard_path(prefix, 0, 1), |file| {
            let mut offset = 0_u64;
            for (name, tensor) in &self.tensors {
                let (size, sum) = match &tensor.data {
                    Data::Bytes(bytes) => {
                        file.write_all(bytes)?;
                        (bytes.len() as u64, Crc32c::of(bytes).masked())
                    }
                    Data::Strings(strings) => {
                        let (bytes, sum) = strings_data(strings);
                        file.write_all(&bytes)?;
                        (bytes.len() as u64, sum)
                    }
                };
                let mut entry = Encoder::new().int(1, tensor.data_type.into()).message(2, shape_proto(&tensor.shape));
                if offset > 0 {
                    entry = entry.uint(4, offset);
                }
                if size > 0 {
                    entry = entry.uint(5, size);
                }
                index.insert(name.clone().into_bytes(), entry.fixed32(6, sum).finish());
                offset += size;
            }
            Ok::<_, std::io::Error>(())
        })?;
        atomic_write(&index_path(prefix), |file| file.write_all(&index.to_bytes()))
    }
}

/// Lengths, their sum, and the strings; and the sum of all.
fn strings_data(strings: &[Vec<u8>]) -> (Vec<u8>, u32) {
    let (mut bytes, mut sum) = (Vec::new(), Crc32c::default());
    for string in strings {
        block::put_varint(&mut bytes, string.len() as u64);
        match u32::try_from(string.len()) {
            Ok(length) => sum.update(&length.to_le_bytes()),
            Err(_) => sum.update(&(string.len() as u64).to_le_bytes()),
        }
    }
    let lengths = sum.masked().to_le_bytes();
    bytes.extend(lengths);
    sum.update(&lengths);
    for string in strings {
        bytes.extend(string);
        sum.update(string);
    }
    (bytes, sum.masked())
}

#[cfg(test)]
mod tests {
    use cornet_error::{Code, Limits};

    use super::*;
    use crate::Bundle;

    fn folder(name: &str) -> std::path::PathBuf {
        let folder = std::env::temp_dir().join(format!("cornet-bundle-{name}-{}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        folder
    }

    #[test]
    fn what_is_written_is_read() {
        let folder = folder("round");
        let prefix = folder.join("v");
        let mut writer = BundleWriter::new();
        writer.add("b/kernel", data_type::INT32, &[2, 2], vec![7; 16]);
        writer.add("a", data_type::FLOAT, &[], vec![1, 2, 3, 4]);
        writer.add_strings("words", &[3], vec![b"cat".to_vec(), Vec::new(), vec![b'x'; 300]]);
        writer.add("empty", data_type::FLOAT, &[0, 3], Vec::new());
        writer.write(&prefix).unwrap();
        let bundle = Bundle::open(&prefix, &Limits::default()).unwrap();
        assert_eq!(bundle.names().collect::<Vec<_>>(), ["a", "b/kernel", "empty", "words"]);
        assert_eq!(bundle.read("b/kernel").unwrap(), [7; 16]);
        assert_eq!(bundle.get("b/kernel").unwrap().shape, [2, 2]);
        assert_eq!(bundle.read("a").unwrap(), [1, 2, 3, 4]);
        assert_eq!(bundle.read("empty").unwrap(), []);
        assert_eq!(bundle.read_strings("words").unwrap()[2].len(), 300);
        assert_eq!(bundle.read("c").unwrap_err().code(), Code::NotFound);
        assert!(bundle.read("words").is_err() && bundle.read_strings("a").is_err());
        std::fs::remove_dir_all(folder).unwrap();
    }

    #[test]
    fn damaged_data_are_found() {
        let folder = folder("damage");
        let prefix = folder.join("v");
        let mut writer = BundleWriter::new();
        writer.add("a", data_type::FLOAT, &[4], vec![1; 16]);
        writer.add_strings("s", &[1], vec![b"cat".to_vec()]);
        writer.write(&prefix).unwrap();
        let data = shard_path(&prefix, 0, 1);
        let whole = std::fs::read(&data).unwrap();
        for at in 0..whole.len() {
            let mut wrong = whole.clone();
            wrong[at] ^= 4;
            std::fs::write(&data, wrong).unwrap();
            let bundle = Bundle::open(&prefix, &Limits::default()).unwrap();
            assert!(bundle.read("a").is_err() || bundle.read_strings("s").is_err(), "{at}");
        }
        std::fs::write(&data, &whole[..12]).unwrap();
        let bundle = Bundle::open(&prefix, &Limits::default()).unwrap();
        assert_eq!(bundle.read("a").unwrap_err().code(), Code::Corrupt);
        std::fs::remove_dir_all(folder).unwrap();
    }
}
