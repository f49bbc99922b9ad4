//! Reading: the tree of a file, and the values of its datasets.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use cornet_archive::{Bytes, DiskFile, ReadAt};
use cornet_error::{Error, Limits, Result, err, fail};

use crate::attribute::{self, Attribute};
use crate::datatype::{self, Dtype, Stored};
use crate::dense;
use crate::header::{self, Message, kind};
use crate::input::{Fields, Input, corrupt, guarded};
use crate::links;
use crate::values::Element;

/// An HDF5 file whose whole tree has been read and checked; values are read when asked for.
pub struct File {
    root: Group,
}

/// A group: attributes, groups and datasets by name.
#[derive(Default)]
pub struct Group {
    attributes: BTreeMap<String, Attribute>,
    groups: BTreeMap<String, Group>,
    datasets: BTreeMap<String, Dataset>,
}

/// A dataset: type, shape and attributes, and where the values are.
pub struct Dataset {
    path: String,
    stored: Stored,
    shape: Vec<usize>,
    byte_len: usize,
    storage: Storage,
    attributes: BTreeMap<String, Attribute>,
    input: Arc<Input>,
}

enum Storage {
    /// In the header itself.
    Header(Vec<u8>),
    /// In one run at this address.
    Run(u64),
    /// Chunked, filtered or never written: the decoder's work.
    Decoder,
}

impl File {
    /// Opens a file on disk.
    ///
    /// # Errors
    /// `not_found`, `permission_denied`, `io`; `unsupported_format` if it is no HDF5 file or uses a form this crate
    /// does not read; `corrupt`; `unsafe_content` for links and values outside the file; `limit_exceeded`.
    pub fn open(path: &Path, limits: &Limits) -> Result<Self> {
        Self::from_source(Arc::new(DiskFile::open(path)?), limits).map_err(|e| e.within(path.display().to_string()))
    }

    /// Opens a file in memory.
    ///
    /// # Errors
    /// As [`File::open`].
    pub fn from_bytes(bytes: impl Into<Arc<[u8]>>, limits: &Limits) -> Result<Self> {
        Self::from_source(Arc::new(Bytes::new(bytes)), limits)
    }

    /// Opens a file from any source, such as a stored entry of an archive.
    ///
    /// # Errors
    /// As [`File::open`].
    pub fn from_source(source: Arc<dyn ReadAt>, limits: &Limits) -> Result<Self> {
        let input = Arc::new(Input::open(source, limits)?);
        let root = input.root;
        let mut walk = Walk { input, above: Vec::new(), objects: 0, total_bytes: 0 };
        match walk.object(root, "")? {
            Object::Group(root) => Ok(Self { root }),
            _ => Err(corrupt("HDF5 file: expected a group at its root, found something else")),
        }
    }

    /// The group that holds everything.
    pub fn root(&self) -> &Group {
        &self.root
    }
}

impl Group {
    /// The attribute of that name.
    pub fn attribute(&self, name: &str) -> Option<&Attribute> {
        self.attributes.get(name)
    }

    /// All attributes by name.
    pub fn attributes(&self) -> &BTreeMap<String, Attribute> {
        &self.attributes
    }

    /// The groups directly inside, by name.
    pub fn groups(&self) -> &BTreeMap<String, Group> {
        &self.groups
    }

    /// The datasets directly inside, by name.
    pub fn datasets(&self) -> &BTreeMap<String, Dataset> {
        &self.datasets
    }

    /// The group at a path such as `layers/dense/vars`; the empty path is this group.
    pub fn group(&self, path: &str) -> Option<&Group> {
        path.split('/').filter(|part| !part.is_empty()).try_fold(self, |group, part| group.groups.get(part))
    }

    /// The dataset at a path such as `layers/dense/vars/0`.
    pub fn dataset(&self, path: &str) -> Option<&Dataset> {
        let (group, name) = path.rsplit_once('/').unwrap_or(("", path));
        self.group(group)?.datasets.get(name)
    }
}

impl Dataset {
    /// Its place in the file.
    pub fn path(&self) -> &str {
        &self.path
    }

    /// The type of its values.
    pub fn dtype(&self) -> Dtype {
        self.stored.dtype
    }

    /// Its shape; empty for a single value.
    pub fn shape(&self) -> &[usize] {
        &self.shape
    }

    /// The attribute of that name.
    pub fn attribute(&self, name: &str) -> Option<&Attribute> {
        self.attributes.get(name)
    }

    /// All attributes by name.
    pub fn attributes(&self) -> &BTreeMap<String, Attribute> {
        &self.attributes
    }

    /// Bytes of all values together.
    pub fn byte_len(&self) -> usize {
        self.byte_len
    }

    /// All values in row-major order, each little-endian.
    ///
    /// # Errors
    /// `dtype_mismatch` for texts and types this crate does not read; `corrupt`; `io`.
    pub fn read_bytes(&self) -> Result<Vec<u8>> {
        self.expect_numbers()?;
        let mut bytes = self.read_stored()?;
        self.order(&mut bytes);
        Ok(bytes)
    }

    /// [`Dataset::read_bytes`] into memory the caller has, [`Dataset::byte_len`] bytes of it. Values that lie in the
    /// file in one run are read into place.
    ///
    /// # Errors
    /// As [`Dataset::read_bytes`]; `shape_mismatch` for another number of bytes.
    pub fn read_into(&self, values: &mut [u8]) -> Result<()> {
        self.expect_numbers()?;
        if values.len() != self.byte_len {
            let (expected, found) = (self.byte_len, values.len());
            fail!(ShapeMismatch, "{}: expected room for {expected} bytes, found {found}", self.path);
        }
        match self.storage {
            Storage::Run(address) => self.input.read_values(address, values)?,
            _ => values.copy_from_slice(&self.read_stored()?),
        }
        self.order(values);
        Ok(())
    }

    fn expect_numbers(&self) -> Result<()> {
        if self.dtype().size().is_none() {
            fail!(DtypeMismatch, "{}: expected numbers, found values of type {}", self.path, self.dtype().name());
        }
        Ok(())
    }

    /// Turns the file's byte order into little-endian.
    fn order(&self, values: &mut [u8]) {
        if self.stored.big_endian {
            let parts = if self.dtype() == Dtype::Complex64 { 4 } else { self.stored.size as usize };
            values.chunks_exact_mut(parts).for_each(<[u8]>::reverse);
        }
    }

    /// All values in row-major order as Rust numbers of the same type.
    ///
    /// # Errors
    /// `dtype_mismatch` when the values are of another type; `corrupt`; `io`.
    pub fn read<T: Element>(&self) -> Result<Vec<T>> {
        if self.dtype() != T::DTYPE {
            let (expected, found) = (T::DTYPE.name(), self.dtype().name());
            fail!(DtypeMismatch, "{}: expected values of type {expected}, found {found}", self.path);
        }
        Ok(self.read_bytes()?.chunks_exact(size_of::<T>()).map(T::from_le).collect())
    }

    /// All texts in row-major order.
    ///
    /// # Errors
    /// `dtype_mismatch` when the values are no texts; `corrupt`; `io`.
    pub fn read_texts(&self) -> Result<Vec<String>> {
        if self.dtype() != Dtype::Text {
            fail!(DtypeMismatch, "{}: expected texts, found values of type {}", self.path, self.dtype().name());
        }
        let texts = attribute::texts(&self.input, self.stored, &self.read_stored()?)?;
        texts.ok_or_else(|| corrupt(format!("{}: expected UTF-8 texts, found other bytes", self.path)))
    }

    /// The values as the file has them.
    fn read_stored(&self) -> Result<Vec<u8>> {
        let values = match &self.storage {
            Storage::Header(bytes) => bytes.clone(),
            Storage::Run(address) => {
                let mut values = Vec::new();
                if values.try_reserve_exact(self.byte_len).is_err() {
                    fail!(LimitExceeded, "{}: no memory for its {} bytes", self.path, self.byte_len);
                }
                values.resize(self.byte_len, 0);
                self.input.read_values(*address, &mut values)?;
                values
            }
            Storage::Decoder => {
                let decoder = self.input.decoder()?;
                self.decode(decoder).map_err(|e| e.within(self.path.clone()))?
            }
        };
        if values.len() != self.byte_len {
            let (expected, found) = (self.byte_len, values.len());
            return Err(corrupt(format!("{}: expected {expected} bytes of values, found {found}", self.path)));
        }
        Ok(values)
    }
}

impl Dataset {
    /// The values through the decoder, which takes memory for a chunk as the index has it: so that is checked first.
    fn decode(&self, decoder: &hdf5_pure::File) -> Result<Vec<u8>> {
        let dataset = guarded(|| decoder.dataset(&self.path))?;
        if dataset.is_chunked() {
            for chunk in guarded(|| dataset.chunks())? {
                let end = chunk.address.checked_add(chunk.storage_size);
                if end.is_none_or(|end| end > self.input.len()) {
                    return Err(corrupt("HDF5 dataset: one of its chunks passes the end of the file"));
                }
            }
        }
        guarded(|| dataset.read_raw())
    }
}

enum Object {
    Group(Group),
    Dataset(Dataset),
    /// A named type, which this crate has no use for.
    Nothing,
}

/// The walk over all objects when a file is opened.
struct Walk {
    input: Arc<Input>,
    /// The groups between the root and the current object.
    above: Vec<u64>,
    objects: usize,
    total_bytes: u64,
}

impl Walk {
    fn object(&mut self, address: u64, path: &str) -> Result<Object> {
        let place = |e: Error| if path.is_empty() { e } else { e.within(path.to_owned()) };
        self.objects += 1;
        Limits::check("objects of an HDF5 file", self.objects as u64, self.input.limits.entries as u64)?;
        let messages = header::messages(&self.input, address).map_err(place)?;
        let has = |kinds: &[u16]| messages.iter().any(|m| kinds.contains(&m.kind));
        if has(&[kind::LAYOUT]) {
            return self.dataset(&messages, path).map(Object::Dataset).map_err(place);
        }
        if !has(&[kind::SYMBOL_TABLE, kind::LINK_INFO, kind::LINK]) {
            return Ok(Object::Nothing);
        }
        if self.above.contains(&address) {
            return Err(place(err!(Unsafe, "HDF5 group: expected a tree, found a group that contains itself")));
        }
        Limits::check("depth of an HDF5 file", self.above.len() as u64, self.input.limits.depth as u64)?;
        let mut group = Group { attributes: self.attributes(&messages).map_err(place)?, ..Group::default() };
        self.above.push(address);
        for (name, address) in links::names(&self.input, &messages).map_err(place)? {
            let inner = if path.is_empty() { name.clone() } else { format!("{path}/{name}") };
            let twice = match self.object(address, &inner)? {
                Object::Group(inside) => group.groups.insert(name, inside).is_some(),
                Object::Dataset(inside) => group.datasets.insert(name, inside).is_some(),
                Object::Nothing => false,
            };
            if twice {
                return Err(corrupt(format!("HDF5 file: two objects are named {inner:?}")));
            }
        }
        self.above.pop();
        Ok(Object::Group(group))
    }

    fn attributes(&self, messages: &[Message]) -> Result<BTreeMap<String, Attribute>> {
        let mut attributes = BTreeMap::new();
        for message in messages {
            if message.kind == kind::ATTRIBUTE_INFO
                && let Some((heap, tree)) = dense::places(&self.input, &message.body, 2)?
            {
                for body in dense::objects(&self.input, heap, tree, dense::record::ATTRIBUTE)? {
                    let (name, value) = attribute::parse(&self.input, &body)?;
                    attributes.insert(name, value);
                }
            }
            if message.kind == kind::ATTRIBUTE && !message.is_shared {
                let (name, value) = attribute::parse(&self.input, &message.body)?;
                attributes.insert(name, value);
            }
        }
        Ok(attributes)
    }

    fn dataset(&mut self, messages: &[Message], path: &str) -> Result<Dataset> {
        let message = |kind: u16| messages.iter().find(|m| m.kind == kind);
        if message(kind::EXTERNAL_FILES).is_some() {
            fail!(Unsafe, "HDF5 dataset: expected values in the file, found them in other files");
        }
        let missing = |what: &str| corrupt(format!("HDF5 dataset: its {what} is missing"));
        let space = message(kind::DATASPACE).filter(|m| !m.is_shared).ok_or_else(|| missing("shape"))?;
        // "Null" has no values at all; an axis of none says the same.
        let axes = header::shape(&self.input, &space.body)?.unwrap_or_else(|| vec![0]);
        let datatype = message(kind::DATATYPE).ok_or_else(|| missing("type"))?;
        let stored = if datatype.is_shared {
            Stored { dtype: Dtype::Other, size: 1, big_endian: false, in_heap: false }
        } else {
            datatype::parse(&datatype.body)?
        };
        let shape = axes.iter().map(|axis| usize::try_from(*axis).ok()).collect::<Option<Vec<usize>>>();
        let count = axes.iter().try_fold(1_u64, |all, axis| all.checked_mul(*axis));
        let bytes = count.and_then(|count| count.checked_mul(u64::from(stored.size)));
        let byte_len = bytes.and_then(|bytes| usize::try_from(bytes).ok());
        let (Some(shape), Some(byte_len)) = (shape, byte_len) else {
            fail!(LimitExceeded, "HDF5 dataset: the shape {axes:?} is beyond any memory");
        };
        let limits = &self.input.limits;
        Limits::check("bytes of an HDF5 dataset", byte_len as u64, limits.object_bytes)?;
        self.total_bytes = self.total_bytes.saturating_add(byte_len as u64);
        Limits::check("bytes of all datasets of an HDF5 file", self.total_bytes, limits.total_bytes)?;

        let layout = message(kind::LAYOUT).filter(|m| !m.is_shared).ok_or_else(|| missing("layout"))?;
        let filtered = message(kind::FILTERS).is_some();
        let storage = self.storage(&layout.body, byte_len, filtered, path)?;
        let attributes = self.attributes(messages)?;
        Ok(Dataset { path: path.to_owned(), stored, shape, byte_len, storage, attributes, input: self.input.clone() })
    }

    /// Reads a layout message and checks that the file can hold what it claims.
    fn storage(&self, body: &[u8], byte_len: usize, filtered: bool, path: &str) -> Result<Storage> {
        let mut fields = Fields::new(body);
        let version = fields.u8()?;
        if byte_len == 0 {
            return Ok(Storage::Header(Vec::new()));
        }
        let class = match version {
            3 | 4 => fields.u8()?,
            1 | 2 => return self.older_storage(&mut fields, byte_len),
            other => fail!(UnsupportedFormat, "HDF5 layout: expected version 1 to 4, found {other}"),
        };
        match class {
            0 if !filtered => {
                let size = fields.u16()?;
                if usize::from(size) != byte_len {
                    return Err(corrupt(format!(
                        "HDF5 dataset: expected {byte_len} bytes in its header, found {size}"
                    )));
                }
                Ok(Storage::Header(fields.take(byte_len)?.to_vec()))
            }
            1 if !filtered => {
                let address = self.input.address(&mut fields)?;
                let size = self.input.length(&mut fields)?;
                // Values that were never written have no address; they read as the fill value.
                let Some(address) = address else {
                    if size != byte_len as u64 {
                        return Err(corrupt(format!(
                            "HDF5 dataset: expected {byte_len} bytes of values, found {size}"
                        )));
                    }
                    return self.decoded(byte_len);
                };
                if size < byte_len as u64 || !self.input.contains(address, byte_len as u64) {
                    return Err(corrupt(format!("HDF5 dataset: {byte_len} bytes of values pass the end of the file")));
                }
                Ok(Storage::Run(address))
            }
            2 => {
                self.check_chunk(&mut fields, version, path)?;
                self.decoded(byte_len)
            }
            3 => fail!(Unsafe, "HDF5 dataset: expected values in the file, found a virtual dataset"),
            other => fail!(UnsupportedFormat, "HDF5 layout: expected class 0 to 3 without odd filters, found {other}"),
        }
    }

    /// The layout messages of HDF5 before 1.6: the decoder's, once the sizes are checked.
    fn older_storage(&self, fields: &mut Fields<'_>, byte_len: usize) -> Result<Storage> {
        let (axes, class) = (fields.u8()?, fields.u8()?);
        fields.skip(5)?;
        if class != 0 {
            self.input.address(fields)?;
        }
        self.check_extent(fields, axes, 4)?;
        self.decoded(byte_len)
    }

    /// Values that do not lie in the file one by one: as many as its length can account for.
    fn decoded(&self, byte_len: usize) -> Result<Storage> {
        let possible = self.input.limits.expanded(self.input.len());
        Limits::check("bytes of an HDF5 dataset for a file of this length", byte_len as u64, possible)?;
        Ok(Storage::Decoder)
    }

    /// Checks the size of a chunk, which the decoder holds in memory.
    fn check_chunk(&self, fields: &mut Fields<'_>, version: u8, path: &str) -> Result<()> {
        let (axes, width) = if version == 3 {
            let axes = fields.u8()?;
            self.input.address(fields)?;
            (axes, 4)
        } else {
            fields.skip(1)?;
            (fields.u8()?, usize::from(fields.u8()?))
        };
        if width > 8 {
            return Err(corrupt(format!("{path}: chunk sizes of {width} bytes")));
        }
        self.check_extent(fields, axes, width)
    }

    /// Checks that the product of so many sizes is a number of bytes the file can account for.
    fn check_extent(&self, fields: &mut Fields<'_>, axes: u8, width: usize) -> Result<()> {
        let mut bytes = 1_u64;
        for _ in 0..axes {
            bytes = bytes.saturating_mul(fields.word(width)?);
        }
        let possible = self.input.limits.expanded(self.input.len());
        Limits::check("bytes of a chunk or run of an HDF5 dataset", bytes, possible.min(self.input.limits.object_bytes))
    }
}
