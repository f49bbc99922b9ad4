//! The names in a group and the objects they name.

use cornet_error::{Error, Limits, Result, err};

use crate::dense;
use crate::header::{Message, kind};
use crate::input::{Fields, Input, corrupt};

/// Deepest B-tree of names that is followed; real ones have two or three levels.
const TREE_LEVELS_MAX: u8 = 16;

/// Every name in the group that `messages` describe, with the address of its object.
pub(crate) fn names(input: &Input, messages: &[Message]) -> Result<Vec<(String, u64)>> {
    let mut found = Vec::new();
    for message in messages {
        match message.kind {
            kind::SYMBOL_TABLE => symbol_table(input, &message.body, &mut found)?,
            kind::LINK_INFO => {
                if let Some((heap, tree)) = dense::places(input, &message.body, 8)? {
                    for body in dense::objects(input, heap, tree, dense::record::LINK)? {
                        found.push(link(input, &body)?);
                    }
                }
            }
            kind::LINK => found.push(link(input, &message.body)?),
            _ => {}
        }
    }
    check_count(input, found.len())?;
    if let Some((name, _)) = found.iter().find(|(name, _)| name.is_empty() || name.contains('/')) {
        return Err(corrupt(format!("HDF5 group: expected names without '/', found {name:?}")));
    }
    Ok(found)
}

fn check_count(input: &Input, count: usize) -> Result<()> {
    Limits::check("names in an HDF5 group", count as u64, input.limits.entries as u64)
}

fn leads_away(name: &str, how: &str) -> Error {
    err!(Unsafe, "HDF5 link {name:?}: expected a direct link to an object of the file, found {how}")
}

/// A link message: one name.
fn link(input: &Input, body: &[u8]) -> Result<(String, u64)> {
    let mut fields = Fields::new(body);
    let (_version, flags) = (fields.u8()?, fields.u8()?);
    let class = if flags & 8 != 0 { fields.u8()? } else { 0 };
    fields.skip(if flags & 4 != 0 { 8 } else { 0 } + if flags & 0x10 != 0 { 1 } else { 0 })?;
    let length = fields.word(1 << (flags & 3))?;
    let name = fields.take(usize::try_from(length).map_err(|_| corrupt("HDF5 link: a name beyond memory"))?)?;
    let name = std::str::from_utf8(name).map_err(|_| corrupt("HDF5 link: a name that is not UTF-8"))?;
    match class {
        0 => {
            let at = input.address(&mut fields)?;
            Ok((name.to_owned(), at.ok_or_else(|| corrupt(format!("HDF5 link {name:?}: it names nothing")))?))
        }
        1 => Err(leads_away(name, "a soft link")),
        64 => Err(leads_away(name, "a link into another file")),
        other => Err(leads_away(name, &format!("a link of kind {other}"))),
    }
}

/// The older form: a B-tree of tables whose names are in a heap of the group.
fn symbol_table(input: &Input, body: &[u8], found: &mut Vec<(String, u64)>) -> Result<()> {
    let mut fields = Fields::new(body);
    let nothing = || corrupt("HDF5 group: its table of names is missing");
    let tree = input.address(&mut fields)?.ok_or_else(nothing)?;
    let heap = input.address(&mut fields)?.ok_or_else(nothing)?;

    let head = input.read(heap, 8 + 2 * 8 + 8)?;
    let mut fields = Fields::new(&head);
    fields.signature(b"HEAP")?;
    fields.skip(4)?;
    let length = input.length(&mut fields)?;
    input.length(&mut fields)?;
    let data = input.address(&mut fields)?.ok_or_else(nothing)?;
    let heap = input.read(data, length)?;
    tree_node(input, tree, None, &heap, found)
}

/// A node of the B-tree. Each level must be one below its parent's, so the walk ends.
fn tree_node(
    input: &Input,
    address: u64,
    parent_level: Option<u8>,
    heap: &[u8],
    found: &mut Vec<(String, u64)>,
) -> Result<()> {
    let width = input.offset_size();
    let head = input.read(address, 8)?;
    let mut fields = Fields::new(&head);
    fields.signature(b"TREE")?;
    let (class, level, count) = (fields.u8()?, fields.u8()?, fields.u16()?);
    let expected = parent_level.map_or(level, |above| above.wrapping_sub(1));
    if class != 0 || level != expected || level > TREE_LEVELS_MAX {
        return Err(corrupt(format!(
            "HDF5 group: expected names at level {expected}, found kind {class}, level {level}"
        )));
    }
    let children = input.read(address.saturating_add(8 + 2 * width as u64), u64::from(count) * 2 * 8)?;
    let mut fields = Fields::new(&children);
    for _ in 0..count {
        input.length(&mut fields)?;
        let child = input.address(&mut fields)?.ok_or_else(|| corrupt("HDF5 group: a branch that leads nowhere"))?;
        if level == 0 {
            table(input, child, heap, found)?;
        } else {
            tree_node(input, child, Some(level), heap, found)?;
        }
        check_count(input, found.len())?;
    }
    Ok(())
}

/// A table of names at the leaves.
fn table(input: &Input, address: u64, heap: &[u8], found: &mut Vec<(String, u64)>) -> Result<()> {
    let head = input.read(address, 8)?;
    let mut fields = Fields::new(&head);
    fields.signature(b"SNOD")?;
    fields.skip(2)?;
    let count = fields.u16()?;
    let entry = 2 * input.offset_size() + 24;
    let entries = input.read(address.saturating_add(8), u64::from(count) * entry as u64)?;
    for entry in entries.chunks_exact(entry) {
        let mut fields = Fields::new(entry);
        let at = usize::try_from(fields.word(input.offset_size())?).ok();
        let object = input.address(&mut fields)?;
        let cached = fields.u32()?;
        let name = at.and_then(|at| heap.get(at..)).ok_or_else(|| corrupt("HDF5 group: a name outside its heap"))?;
        let name = Fields::new(name).text()?;
        if cached == 2 {
            return Err(leads_away(name, "a soft link"));
        }
        let object = object.ok_or_else(|| corrupt(format!("HDF5 group: the name {name:?} names nothing")))?;
        found.push((name.to_owned(), object));
    }
    Ok(())
}
