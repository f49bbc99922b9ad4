//! "Dense" storage: links and attributes that are kept in a heap of their own, with a tree of their places.
//!
//! Source: HDF5 File Format Specification 3.0, III.A.2 (version 2 B-trees) and III.G (fractal heap).

use cornet_error::{Limits, Result, err, fail};

use crate::input::{Fields, Input, corrupt};

/// Deepest tree or heap that is followed; real ones have two or three levels.
const LEVELS_MAX: u16 = 16;

/// The kinds of records that are read.
pub(crate) mod record {
    /// Where a huge object of a heap is.
    pub(crate) const HUGE: u8 = 1;
    /// A link, by the hash of its name.
    pub(crate) const LINK: u8 = 5;
    /// An attribute, by the hash of its name.
    pub(crate) const ATTRIBUTE: u8 = 8;
}

/// Heap and tree of a link info or attribute info message, if the group or object has any. `order_bytes` is the width of
/// the creation order that may come first.
pub(crate) fn places(input: &Input, body: &[u8], order_bytes: usize) -> Result<Option<(u64, u64)>> {
    let mut fields = Fields::new(body);
    fields.skip(1)?;
    if fields.u8()? & 1 != 0 {
        fields.skip(order_bytes)?;
    }
    let heap = input.address(&mut fields)?;
    let tree = input.address(&mut fields)?;
    Ok(heap.zip(tree))
}

/// Every object that the tree at `tree` names in the heap at `heap`: messages without their heads.
pub(crate) fn objects(input: &Input, heap: u64, tree: u64, kind: u8) -> Result<Vec<Vec<u8>>> {
    let heap = Heap::open(input, heap)?;
    let records = Tree::open(input, tree)?.records(kind)?;
    let mut found = Vec::with_capacity(records.len());
    for record in records {
        let mut fields = Fields::new(&record);
        if kind == record::LINK {
            fields.skip(4)?;
        } else {
            // Flags of the message follow the object's place; shared ones are in yet another heap.
            let flags = record.get(heap.id_size).copied().unwrap_or_default();
            if flags & 2 != 0 {
                continue;
            }
        }
        found.push(heap.object(fields.take(heap.id_size)?)?);
    }
    Ok(found)
}

/// Bytes that hold every number up to this one.
fn bytes_up_to(most: u64) -> usize {
    (64 - most.max(1).leading_zeros() as usize).div_ceil(8)
}

/// A version 2 B-tree.
struct Tree<'a> {
    input: &'a Input,
    kind: u8,
    node_size: u64,
    record_size: usize,
    depth: u16,
    root: Option<u64>,
    root_records: u16,
    total: u64,
    /// For each level above the leaves: bytes of the count of all records below a node.
    count_sizes: Vec<usize>,
    /// Bytes of the count of records of a node.
    own_count_size: usize,
}

impl<'a> Tree<'a> {
    fn open(input: &'a Input, address: u64) -> Result<Self> {
        let head = input.read(address, 18 + input.offset_size() as u64)?;
        let mut fields = Fields::new(&head);
        fields.signature(b"BTHD")?;
        let (version, kind) = (fields.u8()?, fields.u8()?);
        let (node_size, record_size, depth) = (u64::from(fields.u32()?), usize::from(fields.u16()?), fields.u16()?);
        fields.skip(2)?;
        let root = input.address(&mut fields)?;
        let rest =
            input.read(address.saturating_add(16 + input.offset_size() as u64), 2 + input.length_size() as u64)?;
        let mut fields = Fields::new(&rest);
        let (root_records, total) = (fields.u16()?, input.length(&mut fields)?);
        if version != 0 || depth > LEVELS_MAX || record_size == 0 || node_size < 10 + record_size as u64 {
            return Err(corrupt(format!(
                "HDF5 tree: expected version 0 and at most {LEVELS_MAX} levels, found version {version} and {depth}"
            )));
        }
        Limits::check("names in an HDF5 group", total, input.limits.entries as u64)?;
        let mut tree = Self {
            input,
            kind,
            node_size,
            record_size,
            depth,
            root,
            root_records,
            total,
            count_sizes: vec![0],
            own_count_size: 0,
        };
        tree.measure();
        Ok(tree)
    }

    /// How wide counts are, which follows from how many records a node can hold.
    fn measure(&mut self) {
        let record = self.record_size as u64;
        let mut cumulative = (self.node_size - 10) / record;
        self.own_count_size = bytes_up_to(cumulative);
        for level in 1..=usize::from(self.depth) {
            let pointer = (self.input.offset_size() + self.own_count_size + self.count_sizes[level - 1]) as u64;
            let most = self.node_size.saturating_sub(10 + pointer) / (record + pointer);
            cumulative = most.saturating_add(1).saturating_mul(cumulative).saturating_add(most);
            self.count_sizes.push(bytes_up_to(cumulative));
        }
    }

    fn records(&self, kind: u8) -> Result<Vec<Vec<u8>>> {
        if self.kind != kind {
            return Err(corrupt(format!("HDF5 tree: expected records of kind {kind}, found {}", self.kind)));
        }
        let mut found = Vec::new();
        if let Some(root) = self.root.filter(|_| self.total > 0) {
            self.node(root, self.depth, self.root_records, &mut found)?;
        }
        if found.len() as u64 != self.total {
            return Err(corrupt(format!("HDF5 tree: expected {} records, found {}", self.total, found.len())));
        }
        Ok(found)
    }

    /// A node and what is below it. Each level is one below its parent's, so the walk ends.
    fn node(&self, address: u64, depth: u16, count: u16, found: &mut Vec<Vec<u8>>) -> Result<()> {
        let block = self.input.read(address, self.node_size)?;
        let mut fields = Fields::new(&block);
        fields.signature(if depth == 0 { b"BTLF" } else { b"BTIN" })?;
        let (version, kind) = (fields.u8()?, fields.u8()?);
        if version != 0 || kind != self.kind {
            return Err(corrupt(format!("HDF5 tree: expected records of kind {}, found {kind}", self.kind)));
        }
        for _ in 0..count {
            found.push(fields.take(self.record_size)?.to_vec());
        }
        if found.len() as u64 > self.total {
            return Err(corrupt(format!("HDF5 tree: expected {} records, found more", self.total)));
        }
        if depth == 0 {
            return Ok(());
        }
        for _ in 0..=count {
            let child = self.input.address(&mut fields)?;
            let records = fields.word(self.own_count_size)?;
            fields.skip(self.count_sizes[usize::from(depth) - 1])?;
            let child = child.ok_or_else(|| corrupt("HDF5 tree: a branch that leads nowhere"))?;
            let records = u16::try_from(records).map_err(|_| corrupt("HDF5 tree: a node of too many records"))?;
            self.node(child, depth - 1, records, found)?;
        }
        Ok(())
    }
}

/// A fractal heap: blocks whose sizes double from row to row.
struct Heap<'a> {
    input: &'a Input,
    id_size: usize,
    offset_size: usize,
    length_size: usize,
    width: u64,
    start: u64,
    direct_max: u64,
    direct_head: u64,
    root: Option<u64>,
    root_rows: u16,
    huge: Option<u64>,
    size: u64,
}

impl<'a> Heap<'a> {
    fn open(input: &'a Input, address: u64) -> Result<Self> {
        let (o, l) = (input.offset_size(), input.length_size());
        let head = input.read(address, (22 + 12 * l + 3 * o) as u64)?;
        let mut fields = Fields::new(&head);
        fields.signature(b"FRHP")?;
        let (version, id_size, filters, flags) = (fields.u8()?, fields.u16()?, fields.u16()?, fields.u8()?);
        if version != 0 {
            return Err(corrupt(format!("HDF5 heap: expected version 0, found {version}")));
        }
        if filters != 0 {
            return Err(err!(
                UnsupportedFormat,
                "HDF5 heap: expected names and attributes as they are, found them filtered"
            )
            .help("write the file with h5py's defaults"));
        }
        let managed_max = u64::from(fields.u32()?);
        fields.skip(l)?;
        let huge = input.address(&mut fields)?;
        fields.skip(l + o)?;
        let size = input.length(&mut fields)?;
        fields.skip(7 * l)?;
        let width = u64::from(fields.u16()?);
        let (start, direct_max) = (input.length(&mut fields)?, input.length(&mut fields)?);
        let bits = fields.u16()?;
        fields.skip(2)?;
        let root = input.address(&mut fields)?;
        let root_rows = fields.u16()?;
        let is_power = |n: u64| n.is_power_of_two();
        if !is_power(start) || !is_power(direct_max) || !is_power(width) || start > direct_max || bits > 64 {
            return Err(corrupt("HDF5 heap: expected blocks whose sizes are powers of two, found others"));
        }
        let offset_size = usize::from(bits).div_ceil(8);
        let of_direct = (direct_max.trailing_zeros() as usize).div_ceil(8).max(1);
        let checksum = if flags & 2 != 0 { 4 } else { 0 };
        Ok(Self {
            input,
            id_size: usize::from(id_size),
            offset_size,
            length_size: of_direct.min(bytes_up_to(managed_max)),
            width,
            start,
            direct_max,
            direct_head: (5 + o + offset_size + checksum) as u64,
            root,
            root_rows,
            huge,
            size,
        })
    }

    /// The object of this id.
    fn object(&self, id: &[u8]) -> Result<Vec<u8>> {
        let mut fields = Fields::new(id);
        let head = fields.u8()?;
        match head >> 4 & 3 {
            0 => {
                let (offset, length) = (fields.word(self.offset_size)?, fields.word(self.length_size)?);
                self.managed(offset, length)
            }
            1 => self.huge(fields),
            2 => {
                let length = usize::from(head & 15) + 1;
                Ok(fields.take(length)?.to_vec())
            }
            other => Err(corrupt(format!("HDF5 heap: expected an object of kind 0 to 2, found {other}"))),
        }
    }

    /// An object in a block.
    fn managed(&self, offset: u64, length: u64) -> Result<Vec<u8>> {
        let outside = || corrupt(format!("HDF5 heap: {length} bytes at {offset} are outside of it"));
        if offset.checked_add(length).is_none_or(|end| end > self.size) {
            return Err(outside());
        }
        let root = self.root.ok_or_else(outside)?;
        if self.root_rows == 0 {
            return self.of_block(root, self.start, offset, length);
        }
        let (mut block, mut rows, mut at) = (root, u64::from(self.root_rows), offset);
        for _ in 0..LEVELS_MAX {
            let (row, column, within, size) = self.entry(at);
            if row >= rows {
                return Err(outside());
            }
            let direct_rows = u64::from(self.direct_max.trailing_zeros() - self.start.trailing_zeros()) + 2;
            // Blocks with values come first in the list, then lists of further blocks; both are addresses alone.
            let index = row * self.width + column;
            let head = (5 + self.input.offset_size() + self.offset_size) as u64;
            let place = block.saturating_add(head).saturating_add(index * self.input.offset_size() as u64);
            let signature = self.input.read(block, 4)?;
            Fields::new(&signature).signature(b"FHIB")?;
            let entry = self.input.read(place, self.input.offset_size() as u64)?;
            let child = self.input.address(&mut Fields::new(&entry))?.ok_or_else(outside)?;
            if row < direct_rows {
                return self.of_block(child, size, within, length);
            }
            rows = u64::from(size.trailing_zeros().saturating_sub((self.start * self.width).trailing_zeros())) + 1;
            (block, at) = (child, within);
        }
        fail!(LimitExceeded, "HDF5 heap: expected at most {LEVELS_MAX} levels, found more")
    }

    /// Row and column of the block that has this place, the place in it, and its size.
    fn entry(&self, at: u64) -> (u64, u64, u64, u64) {
        let first = self.start.saturating_mul(self.width);
        if at < first {
            return (0, at / self.start, at % self.start, self.start);
        }
        let row = u64::from((at / first).ilog2()) + 1;
        let size = self.start << (row - 1).min(62);
        let within_row = at - first.saturating_mul(1 << (row - 1).min(62));
        (row, within_row / size.max(1), within_row % size.max(1), size)
    }

    /// Bytes of a direct block, whose head counts as part of it.
    fn of_block(&self, block: u64, size: u64, offset: u64, length: u64) -> Result<Vec<u8>> {
        if offset < self.direct_head || offset.checked_add(length).is_none_or(|end| end > size) {
            return Err(corrupt("HDF5 heap: an object outside its block"));
        }
        let signature = self.input.read(block, 4)?;
        Fields::new(&signature).signature(b"FHDB")?;
        self.input.read(block.saturating_add(offset), length)
    }

    /// An object too large for blocks: somewhere in the file, as a tree says.
    fn huge(&self, mut id: Fields<'_>) -> Result<Vec<u8>> {
        let (o, l) = (self.input.offset_size(), self.input.length_size());
        if self.id_size > o + l {
            let address =
                self.input.address(&mut id)?.ok_or_else(|| corrupt("HDF5 heap: an object that is nowhere"))?;
            let length = self.input.length(&mut id)?;
            return self.input.read(address, length);
        }
        let number = id.word((self.id_size - 1).min(l))?;
        let tree = self.huge.ok_or_else(|| corrupt("HDF5 heap: a large object without a tree of them"))?;
        for record in Tree::open(self.input, tree)?.records(record::HUGE)? {
            let mut fields = Fields::new(&record);
            let address = self.input.address(&mut fields)?;
            let length = self.input.length(&mut fields)?;
            if let (true, Some(address)) = (self.input.length(&mut fields)? == number, address) {
                return self.input.read(address, length);
            }
        }
        Err(corrupt(format!("HDF5 heap: the large object {number} is missing")))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_take_as_many_bytes_as_their_largest_value() {
        for (most, bytes) in [(0, 1), (1, 1), (255, 1), (256, 2), (65_535, 2), (65_536, 3), (u64::MAX, 8)] {
            assert_eq!(bytes_up_to(most), bytes, "{most}");
        }
    }
}
