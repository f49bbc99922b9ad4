//! Reading a bundle.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use cornet_archive::{Crc32c, DiskFile, ReadAt};
use cornet_error::{Limits, Result, err, fail};
use cornet_proto::{Message, Value};

use crate::ordered::slice_key;
use crate::slices::{Slice, runs};
use crate::{Table, block, data_type};

/// What the index says of a tensor.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Entry {
    /// The number of its [`data_type`](crate::data_type).
    pub data_type: i32,
    /// Its sizes.
    pub shape: Vec<u64>,
    /// The parts it is kept in, for a partitioned variable; otherwise none.
    pub slices: Vec<Slice>,
    shard: u64,
    offset: u64,
    size: u64,
    sum: u32,
}

/// An open bundle. Data are read when they are asked for.
pub struct Bundle {
    prefix: PathBuf,
    entries: BTreeMap<Vec<u8>, Entry>,
    shards: Vec<Mutex<Option<Arc<dyn ReadAt>>>>,
    limits: Limits,
}

/// The file of an index.
pub(crate) fn index_path(prefix: &Path) -> PathBuf {
    let mut path = prefix.as_os_str().to_owned();
    path.push(".index");
    path.into()
}

/// The file of a shard.
pub(crate) fn shard_path(prefix: &Path, shard: usize, of: usize) -> PathBuf {
    let mut path = prefix.as_os_str().to_owned();
    path.push(format!(".data-{shard:05}-of-{of:05}"));
    path.into()
}

/// The sizes of a `TensorShapeProto`.
pub(crate) fn parse_shape(message: &Message) -> Result<Vec<u64>> {
    let mut shape = Vec::new();
    for field in message.fields() {
        let (2, Value::Bytes(dim)) = field? else { continue };
        let mut size = 0;
        for field in dim.fields() {
            if let (1, value) = field? {
                size = value.int()?;
            }
        }
        shape.push(u64::try_from(size).map_err(|_| err!(Corrupt, "shape: expected sizes, found {size}"))?);
        if shape.len() > 254 {
            fail!(Corrupt, "shape: expected at most 254 axes, found more");
        }
    }
    Ok(shape)
}

impl Entry {
    fn parse(bytes: &[u8], limits: &Limits) -> Result<Self> {
        let mut entry = Self::default();
        for field in Message::of(bytes.to_vec(), limits).fields() {
            let number = |v: &Value| v.int().map(|v| v as u64);
            match field? {
                (1, v) => entry.data_type = v.int()? as i32,
                (2, Value::Bytes(shape)) => entry.shape = parse_shape(&shape)?,
                (3, v) => entry.shard = number(&v)?,
                (4, v) => entry.offset = number(&v)?,
                (5, v) => entry.size = number(&v)?,
                (6, Value::Fixed32(sum)) => entry.sum = sum,
                (7, Value::Bytes(slice)) => entry.slices.push(Slice::parse(&slice)?),
                _ => {}
            }
        }
        Ok(entry)
    }

    /// The number of elements.
    ///
    /// # Errors
    /// `corrupt` where it has no 64 bits.
    pub fn elements(&self) -> Result<u64> {
        let count = self.shape.iter().try_fold(1_u64, |n, &s| n.checked_mul(s));
        count.ok_or_else(|| err!(Corrupt, "shape: expected fewer elements, found {:?}", self.shape))
    }

    /// The bytes of its data in memory, which its elements' fixed size tells.
    ///
    /// # Errors
    /// `unsupported_format` for a data type without one; `corrupt`.
    pub fn bytes(&self) -> Result<u64> {
        let found = self.data_type;
        let size = data_type::size(found)
            .ok_or_else(|| err!(UnsupportedFormat, "tensor: expected numbers, found data type {found}"))?;
        let bytes = self.elements()?.checked_mul(size as u64);
        bytes.ok_or_else(|| err!(Corrupt, "shape: expected fewer elements, found {:?}", self.shape))
    }
}

impl Bundle {
    /// Whether there is a bundle of this prefix.
    pub fn exists(prefix: &Path) -> bool {
        index_path(prefix).is_file()
    }

    /// Opens the bundle of a prefix: `variables/variables` for `variables/variables.index`.
    ///
    /// # Errors
    /// `not_found`; `corrupt`; `unsupported_format`; `limit_exceeded`.
    pub fn open(prefix: &Path, limits: &Limits) -> Result<Self> {
        let path = index_path(prefix);
        let table = Table::read(&DiskFile::open(&path)?, limits).map_err(|e| e.within(path.display().to_string()))?;
        let (mut shards, mut endianness) = (0, 0);
        let header = table.get(b"").ok_or_else(|| err!(Corrupt, "bundle: expected a header, found none"))?;
        for field in Message::of(header.to_vec(), limits).fields() {
            match field? {
                (1, v) => shards = v.int()?,
                (2, v) => endianness = v.int()?,
                _ => {}
            }
        }
        if endianness != 0 {
            fail!(UnsupportedFormat, "bundle: expected little-endian numbers, found big-endian ones");
        }
        let count = usize::try_from(shards).ok().filter(|&n| n <= limits.entries);
        let count = count.ok_or_else(|| err!(Corrupt, "bundle: expected a number of shards, found {shards}"))?;
        let entries = table.iter().filter(|(key, _)| !key.is_empty());
        let entries = entries.map(|(key, value)| Ok((key.to_vec(), Entry::parse(value, limits)?)));
        Ok(Self {
            prefix: prefix.to_path_buf(),
            entries: entries.collect::<Result<_>>()?,
            shards: (0..count).map(|_| Mutex::default()).collect(),
            limits: *limits,
        })
    }

    /// The names of the tensors, in order; the parts of partitioned ones have none.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.entries.keys().filter(|k| k.first() != Some(&0)).filter_map(|k| std::str::from_utf8(k).ok())
    }

    /// What the index says of a tensor.
    pub fn get(&self, name: &str) -> Option<&Entry> {
        self.entries.get(name.as_bytes())
    }

    /// The same, or an error that names the tensor.
    ///
    /// # Errors
    /// `not_found`.
    pub fn entry(&self, name: &str) -> Result<&Entry> {
        self.get(name).ok_or_else(|| err!(NotFound, "checkpoint: there is no tensor '{name}'"))
    }

    fn shard(&self, number: u64) -> Result<Arc<dyn ReadAt>> {
        let found = usize::try_from(number).ok().and_then(|n| Some((n, self.shards.get(n)?)));
        let of = self.shards.len();
        let (n, shard) = found.ok_or_else(|| err!(Corrupt, "bundle: expected a shard below {of}, found {number}"))?;
        let mut shard = shard.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(open) = &*shard {
            return Ok(open.clone());
        }
        let open: Arc<dyn ReadAt> = Arc::new(DiskFile::open(&shard_path(&self.prefix, n, of))?);
        Ok(shard.insert(open).clone())
    }

    /// Checks that an entry's data lie in its shard.
    fn source(&self, name: &str, entry: &Entry) -> Result<Arc<dyn ReadAt>> {
        let shard = self.shard(entry.shard)?;
        if entry.offset.checked_add(entry.size).is_none_or(|end| end > shard.len()) {
            let (expected, found) = (entry.size, shard.len().saturating_sub(entry.offset));
            return Err(err!(Corrupt, "checkpoint: tensor '{name}': expected {expected} bytes, found {found}")
                .help("the data file is truncated, or belongs to another index"));
        }
        Ok(shard)
    }

    fn raw(&self, name: &str, entry: &Entry, out: &mut [u8]) -> Result<()> {
        if entry.size != out.len() as u64 {
            let expected = out.len();
            fail!(Corrupt, "checkpoint: tensor '{name}': expected {expected} bytes of data, found {}", entry.size);
        }
        let source = self.source(name, entry)?;
        source
            .read_exact_at(entry.offset, out)
            .map_err(|e| err!(Io, "checkpoint: cannot read tensor '{name}': {e}"))?;
        self.verify(name, Crc32c::of(out), entry)
    }

    fn verify(&self, name: &str, sum: Crc32c, entry: &Entry) -> Result<()> {
        if sum.masked() != entry.sum {
            return Err(err!(Corrupt, "checkpoint: the sum of tensor '{name}' is wrong").help("the file is damaged"));
        }
        Ok(())
    }

    /// Reads a tensor of numbers into bytes, the parts of a partitioned one in their places.
    ///
    /// # Errors
    /// `not_found`; `invalid_argument` unless there is room for exactly its [`Entry::bytes`]; `corrupt`, also where the
    /// sum is wrong; `io`.
    pub fn read_into(&self, name: &str, out: &mut [u8]) -> Result<()> {
        let entry = self.entry(name)?;
        let bytes = entry.bytes()?;
        if bytes != out.len() as u64 {
            fail!(InvalidArgument, "tensor '{name}': expected room for {bytes} bytes, found {}", out.len());
        }
        if entry.slices.is_empty() {
            return self.raw(name, entry, out);
        }
        let element = data_type::size(entry.data_type).unwrap_or(1);
        let mut covered = 0_u64;
        for slice in &entry.slices {
            let part = self.entries.get(&slice_key(name.as_bytes(), slice));
            let part =
                part.ok_or_else(|| err!(Corrupt, "checkpoint: tensor '{name}': a part is missing: {slice:?}"))?;
            let (start, size) = slice.within(&entry.shape)?;
            if part.shape != size || part.data_type != entry.data_type || !part.slices.is_empty() {
                fail!(Corrupt, "checkpoint: tensor '{name}': expected a part of {size:?}, found {:?}", part.shape);
            }
            covered = covered.saturating_add(part.elements()?);
            let mut bytes = vec![0; usize::try_from(part.bytes()?).unwrap_or(usize::MAX).min(out.len())];
            self.raw(name, part, &mut bytes)?;
            let run = size.last().map_or(1, |&s| s as usize) * element;
            for (at, row) in runs(&entry.shape, &start, &size).zip(bytes.chunks_exact(run.max(1))) {
                let at = at as usize * element;
                let place = out.get_mut(at..at + run);
                place.ok_or_else(|| err!(Corrupt, "checkpoint: a part of '{name}' lies outside"))?.copy_from_slice(row);
            }
        }
        if covered != entry.elements()? {
            fail!(Corrupt, "checkpoint: tensor '{name}': its parts do not make up the whole");
        }
        Ok(())
    }

    /// The bytes that a tensor of numbers takes in memory, checked against what the files hold.
    ///
    /// # Errors
    /// As [`Bundle::read_into`]; `limit_exceeded`.
    pub fn size(&self, name: &str) -> Result<usize> {
        let entry = self.entry(name)?;
        let bytes = entry.bytes()?;
        Limits::check("checkpoint: bytes of a tensor", bytes, self.limits.object_bytes)?;
        let held = if entry.slices.is_empty() {
            self.source(name, entry)?;
            entry.size
        } else {
            (0..self.shards.len()).try_fold(0_u64, |sum, n| Ok(sum.saturating_add(self.shard(n as u64)?.len())))?
        };
        if held < bytes {
            fail!(Corrupt, "checkpoint: tensor '{name}': expected {bytes} bytes of data, found {held}");
        }
        usize::try_from(bytes).map_err(|_| err!(LimitExceeded, "tensor '{name}': {bytes} bytes are too many"))
    }

    /// The bytes of a tensor of numbers.
    ///
    /// # Errors
    /// As [`Bundle::read_into`]; `limit_exceeded`.
    pub fn read(&self, name: &str) -> Result<Vec<u8>> {
        let mut out = vec![0; self.size(name)?];
        self.read_into(name, &mut out)?;
        Ok(out)
    }

    /// The elements of a tensor of strings.
    ///
    /// # Errors
    /// `not_found`; `dtype_mismatch` for numbers; `corrupt`; `limit_exceeded`; `io`.
    pub fn read_strings(&self, name: &str) -> Result<Vec<Vec<u8>>> {
        let entry = self.entry(name)?;
        if entry.data_type != data_type::STRING {
            fail!(DtypeMismatch, "tensor '{name}': expected strings, found data type {}", entry.data_type);
        }
        let source = self.source(name, entry)?;
        Limits::check("checkpoint: bytes of a tensor", entry.size, self.limits.object_bytes)?;
        let mut bytes = vec![0; entry.size as usize];
        source
            .read_exact_at(entry.offset, &mut bytes)
            .map_err(|e| err!(Io, "checkpoint: cannot read tensor '{name}': {e}"))?;
        let damaged = || err!(Corrupt, "checkpoint: tensor '{name}': damaged strings");
        let count = entry.elements()?;
        if count > entry.size {
            return Err(damaged());
        }
        let (mut lengths, mut sum, mut rest) = (Vec::with_capacity(count as usize), Crc32c::default(), &bytes[..]);
        for _ in 0..count {
            let length;
            (length, rest) = block::varint(rest).ok_or_else(damaged)?;
            match u32::try_from(length) {
                Ok(length) => sum.update(&length.to_le_bytes()),
                Err(_) => sum.update(&length.to_le_bytes()),
            }
            lengths.push(length);
        }
        let (found, mut rest) = rest.split_first_chunk::<4>().ok_or_else(damaged)?;
        if sum.masked().to_le_bytes() != *found {
            return Err(damaged());
        }
        sum.update(found);
        sum.update(rest);
        self.verify(name, sum, entry)?;
        let mut strings = Vec::with_capacity(lengths.len());
        for length in lengths {
            let length = usize::try_from(length).map_err(|_| damaged())?;
            let string;
            (string, rest) = rest.split_at_checked(length).ok_or_else(damaged)?;
            strings.push(string.to_vec());
        }
        if rest.is_empty() { Ok(strings) } else { Err(damaged()) }
    }
}
