//! Object headers: the list of messages that describes a group or a dataset.

use cornet_error::{Result, fail};

use crate::input::{Fields, Input, corrupt};

/// The kinds of messages this crate looks at, by their number in the file.
pub(crate) mod kind {
    pub(crate) const DATASPACE: u16 = 0x01;
    pub(crate) const LINK_INFO: u16 = 0x02;
    pub(crate) const DATATYPE: u16 = 0x03;
    pub(crate) const FILL: u16 = 0x05;
    pub(crate) const LINK: u16 = 0x06;
    pub(crate) const EXTERNAL_FILES: u16 = 0x07;
    pub(crate) const LAYOUT: u16 = 0x08;
    pub(crate) const FILTERS: u16 = 0x0b;
    pub(crate) const ATTRIBUTE: u16 = 0x0c;
    pub(crate) const CONTINUATION: u16 = 0x10;
    pub(crate) const SYMBOL_TABLE: u16 = 0x11;
    pub(crate) const ATTRIBUTE_INFO: u16 = 0x15;
}

/// One message; `is_shared` ones hold a reference to their content instead of it.
pub(crate) struct Message {
    pub(crate) kind: u16,
    pub(crate) is_shared: bool,
    pub(crate) body: Vec<u8>,
}

/// All messages of the object at `address`, continuation blocks included.
pub(crate) fn messages(input: &Input, address: u64) -> Result<Vec<Message>> {
    let start = input.read(address, 6)?;
    let mut reader = Reader { input, messages: Vec::new(), blocks: Vec::new(), has_order: false };
    if start.starts_with(b"OHDR") {
        reader.second_form(address, start[5])?;
    } else if start[0] == 1 {
        let prefix = input.read(address, 16)?;
        let size = Fields::new(&prefix[8..]).u32()?;
        let block = input.read(address.saturating_add(16), u64::from(size))?;
        reader.first_form(&block)?;
        while let Some((at, length)) = reader.blocks.pop() {
            let block = input.read(at, length)?;
            reader.first_form(&block)?;
        }
    } else {
        return Err(corrupt(format!("HDF5 object at {address}: expected an object header, found none")));
    }
    Ok(reader.messages)
}

struct Reader<'a> {
    input: &'a Input,
    messages: Vec<Message>,
    /// Continuation blocks still to read.
    blocks: Vec<(u64, u64)>,
    has_order: bool,
}

impl Reader<'_> {
    fn first_form(&mut self, block: &[u8]) -> Result<()> {
        let mut fields = Fields::new(block);
        while fields.left() >= 8 {
            let (kind, size, flags) = (fields.u16()?, fields.u16()?, fields.u8()?);
            fields.skip(3)?;
            let body = fields.take(usize::from(size))?;
            self.push(kind, flags, body)?;
        }
        Ok(())
    }

    fn second_form(&mut self, address: u64, flags: u8) -> Result<()> {
        let skipped = 6 + if flags & 0x20 != 0 { 16 } else { 0 } + if flags & 0x10 != 0 { 4 } else { 0 };
        let width = 1_usize << (flags & 3);
        self.has_order = flags & 4 != 0;
        let size = self.input.read(address.saturating_add(skipped), width as u64)?;
        let size = Fields::new(&size).word(width)?;
        let start = address.saturating_add(skipped + width as u64);
        let block = self.input.read(start, size)?;
        self.second_form_messages(&block)?;
        while let Some((at, length)) = self.blocks.pop() {
            let block = self.input.read(at, length)?;
            let mut fields = Fields::new(&block);
            fields.signature(b"OCHK")?;
            let inner = fields.left().checked_sub(4).ok_or_else(|| corrupt("HDF5 header: a block without checksum"))?;
            self.second_form_messages(fields.take(inner)?)?;
        }
        Ok(())
    }

    fn second_form_messages(&mut self, block: &[u8]) -> Result<()> {
        let head = if self.has_order { 6 } else { 4 };
        let mut fields = Fields::new(block);
        while fields.left() >= head {
            let (kind, size, flags) = (u16::from(fields.u8()?), fields.u16()?, fields.u8()?);
            fields.skip(head - 4)?;
            let body = fields.take(usize::from(size))?;
            self.push(kind, flags, body)?;
        }
        Ok(())
    }

    fn push(&mut self, kind: u16, flags: u8, body: &[u8]) -> Result<()> {
        if kind == kind::CONTINUATION {
            let mut fields = Fields::new(body);
            let at = self.input.address(&mut fields)?.ok_or_else(|| corrupt("HDF5 header: it continues nowhere"))?;
            self.blocks.push((at, self.input.length(&mut fields)?));
        } else if kind != 0 {
            self.messages.push(Message { kind, is_shared: flags & 2 != 0, body: body.to_vec() });
        }
        if self.messages.len() > self.input.limits.entries {
            fail!(LimitExceeded, "HDF5 header: more than {} messages", self.input.limits.entries);
        }
        Ok(())
    }
}

/// The shape a dataspace message describes; `None` for one that holds no value at all ("null").
pub(crate) fn shape(input: &Input, body: &[u8]) -> Result<Option<Vec<u64>>> {
    let mut fields = Fields::new(body);
    let (version, rank, _flags) = (fields.u8()?, fields.u8()?, fields.u8()?);
    match version {
        1 => fields.skip(5)?,
        2 => {
            if fields.u8()? == 2 {
                return Ok(None);
            }
        }
        other => return Err(corrupt(format!("HDF5 dataspace: expected version 1 or 2, found {other}"))),
    }
    if rank > 32 {
        return Err(corrupt(format!("HDF5 dataspace: expected at most 32 axes, found {rank}")));
    }
    (0..rank).map(|_| input.length(&mut fields)).collect::<Result<_>>().map(Some)
}
