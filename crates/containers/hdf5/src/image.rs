//! Writing: a tree described in memory, its structure laid out, its values streamed.
//!
//! The layout is what the HDF5 library writes by default: superblock 0, object headers of version 1, names in symbol
//! tables, texts in a global heap, values contiguous. Structure comes first, values last, each in one piece.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::io::Write;

use cornet_error::{Error, Limits, Result, err, fail};

use crate::attribute::Attribute;
use crate::datatype::{self, Dtype};
use crate::header::kind;

/// Bytes of the superblock.
const SUPERBLOCK: u64 = 96;
/// The address that stands for none.
const UNDEFINED: u64 = u64::MAX;
/// Names in one symbol table, and tables or nodes under one node of a B-tree: the library's defaults.
const TABLE_NAMES: usize = 8;
const NODE_CHILDREN: usize = 32;
/// A message's size is a 16-bit field.
const MESSAGE_BYTES_MAX: usize = 65_528;
/// The smallest global heap collection, and the objects one can number.
const COLLECTION_BYTES_MIN: usize = 4096;
const COLLECTION_OBJECTS_MAX: usize = 65_000;

/// A group to be written.
#[derive(Clone, Debug, Default)]
pub struct GroupSpec<'a> {
    /// Its attributes by name.
    pub attributes: BTreeMap<String, Attribute>,
    groups: BTreeMap<String, GroupSpec<'a>>,
    datasets: BTreeMap<String, DatasetSpec<'a>>,
}

/// A dataset to be written; its values are borrowed where the caller can lend them.
#[derive(Clone, Debug)]
pub struct DatasetSpec<'a> {
    /// Its attributes by name.
    pub attributes: BTreeMap<String, Attribute>,
    dtype: Dtype,
    shape: Vec<usize>,
    values: Cow<'a, [u8]>,
}

impl<'a> GroupSpec<'a> {
    /// The group at a path such as `layers/dense/vars`, made if it is not there. The empty path is this group.
    ///
    /// # Errors
    /// `already_exists` if a dataset has one of the names; `invalid_argument` for names that HDF5 cannot hold.
    pub fn group(&mut self, path: &str) -> Result<&mut Self> {
        path.split('/').filter(|part| !part.is_empty()).try_fold(self, |group, name| {
            check_name(name)?;
            if group.datasets.contains_key(name) {
                fail!(AlreadyExists, "HDF5 group {name:?}: a dataset has that name");
            }
            Ok(group.groups.entry(name.to_owned()).or_default())
        })
    }

    /// Adds a dataset directly to this group; `values` are row-major and little-endian.
    ///
    /// # Errors
    /// `already_exists`; `invalid_argument` for a name that HDF5 cannot hold; `dtype_mismatch` for texts and other
    /// types; `shape_mismatch` when the values are not as many bytes as type and shape need.
    pub fn dataset(
        &mut self,
        name: &str,
        dtype: Dtype,
        shape: &[usize],
        values: impl Into<Cow<'a, [u8]>>,
    ) -> Result<&mut DatasetSpec<'a>> {
        check_name(name)?;
        if self.groups.contains_key(name) || self.datasets.contains_key(name) {
            fail!(AlreadyExists, "HDF5 dataset {name:?}: the name is taken");
        }
        let values = values.into();
        let Some(size) = dtype.size() else {
            fail!(DtypeMismatch, "HDF5 dataset {name:?}: values of type {} cannot be written", dtype.name());
        };
        if shape.len() > 32 {
            fail!(RankMismatch, "HDF5 dataset {name:?}: expected at most 32 axes, found {}", shape.len());
        }
        let bytes = shape.iter().try_fold(size, |all, axis| all.checked_mul(*axis));
        if bytes != Some(values.len()) {
            return Err(err!(ShapeMismatch, "HDF5 dataset {name:?}: expected as many bytes as its shape needs")
                .operand("shape", format!("{shape:?} of {}", dtype.name()))
                .operand("values", format!("{} bytes", values.len())));
        }
        let spec = DatasetSpec { attributes: BTreeMap::new(), dtype, shape: shape.to_vec(), values };
        Ok(self.datasets.entry(name.to_owned()).or_insert(spec))
    }
}

fn check_name(name: &str) -> Result<()> {
    if name.is_empty() || name == "." || name.contains(['/', '\0']) {
        fail!(InvalidArgument, "HDF5 name: expected a word without '/' and zero bytes, found {name:?}");
    }
    Ok(())
}

/// A file ready to be written: its length is known and its structure is laid out.
pub struct Image<'a> {
    structure: Vec<u8>,
    values: Vec<&'a [u8]>,
    length: u64,
}

impl<'a> Image<'a> {
    /// Lays out the tree under `root`.
    ///
    /// # Errors
    /// `limit_exceeded` for an attribute larger than HDF5 can hold in an object header; `invalid_argument` for one
    /// that cannot be written.
    pub fn new(root: &'a GroupSpec<'_>) -> Result<Self> {
        let mut layout = Layout::default();
        let root = layout.group(root)?;
        layout.finish_collection();
        layout.finish(root)
    }

    /// Bytes of the file.
    pub fn byte_len(&self) -> u64 {
        self.length
    }

    /// Writes the file from its first byte to its last, without seeking.
    ///
    /// # Errors
    /// What `writer` reports.
    pub fn write_to(&self, writer: &mut (impl Write + ?Sized)) -> std::io::Result<()> {
        writer.write_all(&self.structure)?;
        for values in &self.values {
            writer.write_all(values)?;
            writer.write_all(&[0; 8][..padding(values.len())])?;
        }
        Ok(())
    }

    /// The file in memory.
    ///
    /// # Errors
    /// `limit_exceeded` if there is not that much.
    pub fn to_vec(&self) -> Result<Vec<u8>> {
        let mut bytes = Vec::new();
        let room = usize::try_from(self.length).ok().and_then(|length| bytes.try_reserve_exact(length).ok());
        room.ok_or_else(|| err!(LimitExceeded, "no memory for an HDF5 file of {} bytes", self.length))?;
        self.write_to(&mut bytes).map_err(|e| err!(Io, "HDF5 file in memory: {e}"))?;
        Ok(bytes)
    }
}

fn padding(length: usize) -> usize {
    length.next_multiple_of(8) - length
}

/// A group's place in the file.
#[derive(Clone, Copy)]
struct GroupAt {
    header: u64,
    tree: u64,
    heap: u64,
}

/// The structure so far. Objects come after those they name, so that addresses are known when they are needed; those
/// of values and of texts are filled in at the end.
#[derive(Default)]
struct Layout<'a> {
    bytes: Vec<u8>,
    values: Vec<&'a [u8]>,
    /// Bytes of the values so far, padding included.
    values_length: u64,
    /// Where in `bytes` an address counted from the first value stands.
    value_addresses: Vec<(usize, u64)>,
    /// The texts of the collection being filled, and where in `bytes` its address is wanted.
    texts: Vec<u8>,
    text_count: usize,
    text_addresses: Vec<usize>,
}

impl<'a> Layout<'a> {
    fn here(&self) -> u64 {
        SUPERBLOCK + self.bytes.len() as u64
    }

    fn word(&mut self, value: u64) {
        self.bytes.extend(value.to_le_bytes());
    }

    fn group(&mut self, group: &'a GroupSpec<'_>) -> Result<GroupAt> {
        let mut names = BTreeMap::new();
        for (name, inner) in &group.groups {
            let at = self.group(inner).map_err(|e| e.within(name.clone()))?;
            names.insert(name.as_str(), (at.header, Some(at)));
        }
        for (name, inner) in &group.datasets {
            names.insert(name.as_str(), (self.dataset(inner).map_err(|e| e.within(name.clone()))?, None));
        }
        let (heap, offsets) = self.name_heap(names.keys().copied());
        let entries: Vec<_> = offsets.into_iter().zip(names.into_values()).collect();
        let tree = self.tree(&entries);
        let mut messages = Messages::default();
        let mut body = tree.to_le_bytes().to_vec();
        body.extend(heap.to_le_bytes());
        messages.add(kind::SYMBOL_TABLE, &body)?;
        let header = self.header(messages, &group.attributes)?;
        Ok(GroupAt { header, tree, heap })
    }

    /// The names of a group; returns the address of the heap and the offset of each name in it.
    fn name_heap<'n>(&mut self, names: impl Iterator<Item = &'n str>) -> (u64, Vec<u64>) {
        let mut data = vec![0; 8];
        let mut offsets = Vec::new();
        for name in names {
            offsets.push(data.len() as u64);
            data.extend(name.as_bytes());
            data.push(0);
            data.resize(data.len().next_multiple_of(8), 0);
        }
        let address = self.here();
        self.bytes.extend(b"HEAP\0\0\0\0");
        self.word(data.len() as u64);
        self.word(1); // no free space
        self.word(address + 32);
        self.bytes.extend(data);
        (address, offsets)
    }

    /// The B-tree over the sorted names of a group, from the leaves up; returns the address of its root.
    fn tree(&mut self, entries: &[(u64, (u64, Option<GroupAt>))]) -> u64 {
        // A child of the level above: its address and the offset of the largest name in it.
        let mut children: Vec<(u64, u64)> = Vec::new();
        for table in entries.chunks(TABLE_NAMES) {
            children.push((self.here(), table[table.len() - 1].0));
            self.bytes.extend(b"SNOD\x01\0");
            self.bytes.extend((table.len() as u16).to_le_bytes());
            let end = self.bytes.len() + TABLE_NAMES * 40;
            for (name, (object, group)) in table {
                self.word(*name);
                self.word(*object);
                self.word(u64::from(group.is_some()));
                self.word(group.map_or(0, |at| at.tree));
                self.word(group.map_or(0, |at| at.heap));
            }
            self.bytes.resize(end, 0);
        }
        let mut level = 0;
        loop {
            let mut parents = Vec::new();
            let mut smallest = 0;
            let nodes = children.len().div_ceil(NODE_CHILDREN).max(1);
            let (start, size) = (self.here(), 24 + (2 * NODE_CHILDREN as u64 + 1) * 8);
            for node in 0..nodes {
                let inside = &children[(node * NODE_CHILDREN).min(children.len())..];
                let inside = &inside[..inside.len().min(NODE_CHILDREN)];
                let address = start + node as u64 * size;
                let end = self.bytes.len() + size as usize;
                self.bytes.extend(b"TREE\0");
                self.bytes.push(level);
                self.bytes.extend((inside.len() as u16).to_le_bytes());
                self.word(if node == 0 { UNDEFINED } else { address - size });
                self.word(if node + 1 == nodes { UNDEFINED } else { address + size });
                self.word(smallest);
                for (child, largest) in inside {
                    self.word(*child);
                    self.word(*largest);
                    smallest = *largest;
                }
                self.bytes.resize(end, 0);
                parents.push((address, smallest));
            }
            if let [(root, _)] = parents[..] {
                return root;
            }
            (children, level) = (parents, level + 1);
        }
    }

    fn dataset(&mut self, dataset: &'a DatasetSpec<'_>) -> Result<u64> {
        let mut messages = Messages::default();
        messages.add(kind::DATASPACE, &dataspace(&dataset.shape))?;
        let datatype = datatype::encode(dataset.dtype);
        let datatype = datatype.ok_or_else(|| err!(DtypeMismatch, "{} cannot be written", dataset.dtype.name()))?;
        messages.add(kind::DATATYPE, &datatype)?;
        // Space taken late, filled if set, the default value.
        messages.add(kind::FILL, &[2, 2, 2, 1, 0, 0, 0, 0])?;
        let mut layout = vec![3, 1];
        layout.extend(UNDEFINED.to_le_bytes());
        layout.extend((dataset.values.len() as u64).to_le_bytes());
        let at = messages.add(kind::LAYOUT, &layout)? + 2;
        if !dataset.values.is_empty() {
            messages.value = Some((at, self.values_length));
            self.values.push(&dataset.values);
            self.values_length += dataset.values.len().next_multiple_of(8) as u64;
        }
        self.header(messages, &dataset.attributes)
    }

    /// Appends an object header with the messages and attributes; returns its address.
    fn header(&mut self, mut messages: Messages, attributes: &BTreeMap<String, Attribute>) -> Result<u64> {
        Limits::check("attributes of one object", attributes.len() as u64, COLLECTION_OBJECTS_MAX as u64)?;
        if self.text_count + attributes.len() > COLLECTION_OBJECTS_MAX {
            self.finish_collection();
        }
        for (name, value) in attributes {
            self.attribute(&mut messages, name, value).map_err(|e| e.within(format!("attribute {name:?}")))?;
        }
        let address = self.here();
        self.bytes.extend([1, 0]);
        self.bytes.extend(messages.count.to_le_bytes());
        self.bytes.extend(1_u32.to_le_bytes());
        let size = u32::try_from(messages.bytes.len()).map_err(|_| err!(LimitExceeded, "too many attributes"))?;
        self.bytes.extend(u64::from(size).to_le_bytes());
        let start = self.bytes.len();
        self.value_addresses.extend(messages.value.map(|(at, value)| (start + at, value)));
        self.text_addresses.extend(messages.texts.iter().map(|at| start + at));
        self.bytes.extend(messages.bytes);
        Ok(address)
    }

    fn attribute(&mut self, messages: &mut Messages, name: &str, value: &Attribute) -> Result<()> {
        let (datatype, shape, data) = match value {
            // No text is no reference.
            Attribute::Text(text) if text.is_empty() => (datatype::heap_text(), vec![], vec![0; 16]),
            Attribute::Text(text) => {
                let mut reference = u32::try_from(text.len()).map_err(too_long)?.to_le_bytes().to_vec();
                reference.extend([0; 8]);
                reference.extend(self.text(text).to_le_bytes());
                (datatype::heap_text(), vec![], reference)
            }
            Attribute::Texts(texts) => {
                let width = texts.iter().map(String::len).max().unwrap_or(0).max(1);
                let mut data = Vec::with_capacity(width.saturating_mul(texts.len()).min(MESSAGE_BYTES_MAX));
                for text in texts {
                    data.extend(text.as_bytes());
                    data.resize(data.len() + width - text.len(), 0);
                }
                (datatype::fixed_text(u32::try_from(width).map_err(too_long)?), vec![texts.len()], data)
            }
            Attribute::Int(x) => (number(Dtype::I64)?, vec![], x.to_le_bytes().to_vec()),
            Attribute::Ints(all) => {
                (number(Dtype::I64)?, vec![all.len()], all.iter().flat_map(|x| x.to_le_bytes()).collect())
            }
            Attribute::Float(x) => (number(Dtype::F64)?, vec![], x.to_le_bytes().to_vec()),
            Attribute::Floats(all) => {
                (number(Dtype::F64)?, vec![all.len()], all.iter().flat_map(|x| x.to_le_bytes()).collect())
            }
            Attribute::Other(what) => fail!(InvalidArgument, "a value that was not decoded cannot be written: {what}"),
        };
        let space = dataspace(&shape);
        let mut body = vec![1, 0];
        for size in [name.len() + 1, datatype.len(), space.len()] {
            body.extend(u16::try_from(size).map_err(too_long)?.to_le_bytes());
        }
        let named = [name.as_bytes(), &[0]].concat();
        for part in [&named, &datatype, &space] {
            body.extend(part);
            body.resize(body.len().next_multiple_of(8), 0);
        }
        let in_heap = matches!(value, Attribute::Text(text) if !text.is_empty());
        let at = messages.add(kind::ATTRIBUTE, &[&body[..], &data].concat())?;
        if in_heap {
            messages.texts.push(at + body.len() + 4);
        }
        Ok(())
    }

    /// Adds a text to the collection being filled; returns its number there.
    fn text(&mut self, text: &str) -> u32 {
        self.text_count += 1;
        let number = self.text_count as u32;
        self.texts.extend((number as u16).to_le_bytes());
        self.texts.extend([1, 0, 0, 0, 0, 0]);
        self.texts.extend((text.len() as u64).to_le_bytes());
        self.texts.extend(text.as_bytes());
        self.texts.resize(self.texts.len().next_multiple_of(8), 0);
        number
    }

    /// Appends the collection of texts and fills in its address where it is wanted.
    fn finish_collection(&mut self) {
        if self.text_count == 0 {
            return;
        }
        let address = self.here();
        for at in std::mem::take(&mut self.text_addresses) {
            self.bytes[at..at + 8].copy_from_slice(&address.to_le_bytes());
        }
        let used = 16 + self.texts.len();
        let size = (used + 16).max(COLLECTION_BYTES_MIN);
        self.bytes.extend(b"GCOL\x01\0\0\0");
        self.word(size as u64);
        let texts = std::mem::take(&mut self.texts);
        self.bytes.extend(texts);
        // The free space at the end is an object with the number 0.
        self.word(0);
        self.word((size - used) as u64);
        self.bytes.resize(self.bytes.len() + size - used - 16, 0);
        self.text_count = 0;
    }

    fn finish(mut self, root: GroupAt) -> Result<Image<'a>> {
        let first_value = self.here();
        for (at, offset) in std::mem::take(&mut self.value_addresses) {
            self.bytes[at..at + 8].copy_from_slice(&(first_value + offset).to_le_bytes());
        }
        let length = first_value + self.values_length;
        let mut structure = Vec::with_capacity(SUPERBLOCK as usize + self.bytes.len());
        structure.extend(b"\x89HDF\r\n\x1a\n\0\0\0\0\0\x08\x08\0");
        structure.extend([(TABLE_NAMES / 2) as u8, 0, (NODE_CHILDREN / 2) as u8, 0, 0, 0, 0, 0]);
        // Base address, no free-space information, end, no driver; then the root's entry.
        for word in [0, UNDEFINED, length, UNDEFINED, 0, root.header, 1, root.tree, root.heap] {
            structure.extend(word.to_le_bytes());
        }
        structure.append(&mut self.bytes);
        Ok(Image { structure, values: self.values, length })
    }
}

/// The messages of one object header.
#[derive(Default)]
struct Messages {
    bytes: Vec<u8>,
    count: u16,
    /// Where the address of the object's values stands, and that address counted from the first value.
    value: Option<(usize, u64)>,
    /// Where addresses of the current collection of texts stand.
    texts: Vec<usize>,
}

impl Messages {
    /// Appends one message; returns where its body starts.
    fn add(&mut self, kind: u16, body: &[u8]) -> Result<usize> {
        let size = body.len().next_multiple_of(8);
        if size > MESSAGE_BYTES_MAX || self.count == u16::MAX {
            return Err(err!(LimitExceeded, "expected at most {MESSAGE_BYTES_MAX} bytes, found {size}")
                .help("split the list over several attributes, or store it as a dataset"));
        }
        self.count += 1;
        self.bytes.extend(kind.to_le_bytes());
        self.bytes.extend((size as u16).to_le_bytes());
        // Types never change, which a flag says.
        self.bytes.extend([u8::from(kind == kind::DATATYPE), 0, 0, 0]);
        let at = self.bytes.len();
        self.bytes.extend(body);
        self.bytes.resize(at + size, 0);
        Ok(at)
    }
}

fn too_long(_: std::num::TryFromIntError) -> Error {
    err!(LimitExceeded, "a name or text longer than HDF5 can hold")
}

fn number(dtype: Dtype) -> Result<Vec<u8>> {
    datatype::encode(dtype).ok_or_else(|| err!(Internal, "no HDF5 type for {}", dtype.name()))
}

fn dataspace(shape: &[usize]) -> Vec<u8> {
    let mut body = vec![1, shape.len() as u8, 0, 0, 0, 0, 0, 0];
    for axis in shape {
        body.extend((*axis as u64).to_le_bytes());
    }
    body
}
