//! The global heap, where texts of variable length are.

use std::collections::HashMap;
use std::ops::Range;
use std::sync::{Arc, PoisonError};

use cornet_error::Result;

use crate::input::{Fields, Input, corrupt};

/// The collections read so far, by address.
pub(crate) type Collections = HashMap<u64, Arc<Collection>>;

/// One collection: its bytes and where each object lies in them.
pub(crate) struct Collection {
    bytes: Vec<u8>,
    objects: HashMap<u64, Range<usize>>,
}

/// The text that the reference in `fields` names: a length, a collection and an index in it. Bytes that are no UTF-8
/// give `None`.
pub(crate) fn text(input: &Input, fields: &mut Fields<'_>) -> Result<Option<String>> {
    let length = u64::from(fields.u32()?);
    let address = input.address(fields)?;
    let index = u64::from(fields.u32()?);
    let Some(address) = address.filter(|at| *at != 0 && length != 0) else { return Ok(Some(String::new())) };
    let collection = collection(input, address)?;
    let missing = || corrupt(format!("HDF5 heap: object {index} of the collection at {address} is missing"));
    let object = &collection.bytes[collection.objects.get(&index).ok_or_else(missing)?.clone()];
    let length = usize::try_from(length).unwrap_or(usize::MAX);
    let bytes = object.get(..length).ok_or_else(|| corrupt("HDF5 heap: a text longer than its object"))?;
    input.spend(bytes.len() as u64)?;
    // h5py counts no final zero, other writers do.
    let end = bytes.iter().position(|b| *b == 0).unwrap_or(bytes.len());
    Ok(std::str::from_utf8(&bytes[..end]).ok().map(str::to_owned))
}

fn collection(input: &Input, address: u64) -> Result<Arc<Collection>> {
    let mut known = input.collections.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(collection) = known.get(&address) {
        return Ok(collection.clone());
    }
    let head = input.read(address, 16)?;
    let mut fields = Fields::new(&head);
    fields.signature(b"GCOL")?;
    fields.skip(4)?;
    let size = input.length(&mut fields)?;
    let bytes = input.read(address, size)?;
    let mut objects = HashMap::new();
    let mut fields = Fields::new(&bytes);
    fields.skip(16)?;
    while fields.left() >= 16 {
        let index = fields.word(2)?;
        fields.skip(6)?;
        let length = input.length(&mut fields)?;
        if index == 0 {
            break;
        }
        fields.align();
        let start = fields.position();
        let length = usize::try_from(length).map_err(|_| corrupt("HDF5 heap: an object beyond memory"))?;
        fields.skip(length)?;
        objects.insert(index, start..start + length);
        fields.align();
    }
    let collection = Arc::new(Collection { bytes, objects });
    known.insert(address, collection.clone());
    Ok(collection)
}
