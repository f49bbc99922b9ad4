//! The header: names, dtypes, shapes and places, checked against each other and the file.

use std::collections::{BTreeMap, HashSet};
use std::fmt;

use cornet_archive::ReadAt;
use cornet_error::{Error, Limits, Result, err, fail};
use cornet_tensor::{DType, Shape};
use serde::de::{Deserialize, Deserializer, MapAccess, Visitor};
use serde_json::Value;

/// Bytes of a header at most, as the format's own reader has it.
pub(crate) const HEADER_BYTES_MAX: u64 = 100_000_000;
/// The member that is no array.
pub(crate) const METADATA: &str = "__metadata__";

/// Each dtype's name and bits of an element, and our dtype if there is one.
const DTYPES: [(&str, u64, Option<DType>); 22] = [
    ("BOOL", 8, Some(DType::Bool)),
    ("U8", 8, Some(DType::U8)),
    ("I8", 8, Some(DType::I8)),
    ("U16", 16, Some(DType::U16)),
    ("I16", 16, Some(DType::I16)),
    ("F16", 16, Some(DType::F16)),
    ("BF16", 16, Some(DType::BF16)),
    ("U32", 32, Some(DType::U32)),
    ("I32", 32, Some(DType::I32)),
    ("F32", 32, Some(DType::F32)),
    ("U64", 64, Some(DType::U64)),
    ("I64", 64, Some(DType::I64)),
    ("F64", 64, Some(DType::F64)),
    ("C64", 64, Some(DType::C64)),
    ("F8_E5M2", 8, None),
    ("F8_E4M3", 8, None),
    ("F8_E8M0", 8, None),
    ("F8_E4M3FNUZ", 8, None),
    ("F8_E5M2FNUZ", 8, None),
    ("F6_E2M3", 6, None),
    ("F6_E3M2", 6, None),
    ("F4", 4, None),
];

/// The name of a dtype in the file.
pub(crate) fn name_of(dtype: DType) -> Option<&'static str> {
    DTYPES.iter().find(|(_, _, own)| *own == Some(dtype)).map(|(name, ..)| *name)
}

/// What the header says of one array.
#[derive(Clone, Debug, PartialEq)]
pub struct Entry {
    /// Its name.
    pub name: String,
    /// Its dtype, if arrays have it.
    pub dtype: Option<DType>,
    /// The word for the dtype in the file, such as `F8_E4M3`.
    pub dtype_name: &'static str,
    /// Its shape.
    pub shape: Shape,
    /// Its first byte, counted from the header's end.
    pub start: u64,
    /// The byte behind its last.
    pub end: u64,
}

/// A JSON object with every member in order, those of one name too.
struct Members(Vec<(String, Value)>);

impl<'de> Deserialize<'de> for Members {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> std::result::Result<Self, D::Error> {
        struct Collect;
        impl<'de> Visitor<'de> for Collect {
            type Value = Members;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a JSON object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> std::result::Result<Members, A::Error> {
                let mut members = Vec::new();
                while let Some(member) = map.next_entry()? {
                    members.push(member);
                }
                Ok(Members(members))
            }
        }
        deserializer.deserialize_map(Collect)
    }
}

type Header = (u64, BTreeMap<String, String>, Vec<Entry>);

/// Reads the header: where the arrays' bytes begin, the metadata, and the arrays in the order of their bytes.
pub(crate) fn read(source: &dyn ReadAt, limits: &Limits) -> Result<Header> {
    let failed = |e: std::io::Error| err!(Io, "cannot read: {e}");
    let mut length = [0; 8];
    if source.len() < 8 {
        fail!(Corrupt, "safetensors: expected 8 bytes with the header's length, found {} in all", source.len());
    }
    source.read_exact_at(0, &mut length).map_err(failed)?;
    let length = u64::from_le_bytes(length);
    let left = source.len() - 8;
    if length > left {
        return Err(err!(Corrupt, "safetensors header: expected {length} bytes, found {left}")
            .help("the file may be incomplete; copy or download it again"));
    }
    Limits::check("bytes of a safetensors header", length, HEADER_BYTES_MAX.min(limits.object_bytes))?;
    let mut text = vec![0; length as usize];
    source.read_exact_at(8, &mut text).map_err(failed)?;
    let members: Members =
        serde_json::from_slice(&text).map_err(|e| err!(Corrupt, "safetensors header: expected JSON, found {e}"))?;
    drop(text);
    Limits::check("arrays of a safetensors file", members.0.len() as u64, limits.entries as u64)?;
    let (metadata, mut entries) = entries_of(members)?;
    entries.sort_by(|a, b| (a.start, a.end, &a.name).cmp(&(b.start, b.end, &b.name)));
    check_cover(&entries, left - length)?;
    for entry in &entries {
        let what = format!("bytes of the array '{}'", entry.name);
        Limits::check(&what, entry.end - entry.start, limits.object_bytes)?;
    }
    Ok((8 + length, metadata, entries))
}

fn entries_of(members: Members) -> Result<(BTreeMap<String, String>, Vec<Entry>)> {
    let (mut metadata, mut entries, mut seen) = (BTreeMap::new(), Vec::new(), HashSet::new());
    for (name, value) in members.0 {
        if !seen.insert(name.clone()) {
            fail!(Corrupt, "safetensors header: the name '{}' is there twice", name.escape_default());
        }
        if name == METADATA {
            let object = value.as_object();
            let text = |(key, value): (&String, &Value)| Some((key.clone(), value.as_str()?.to_owned()));
            let texts = object.and_then(|object| object.iter().map(text).collect::<Option<BTreeMap<_, _>>>());
            metadata = texts.ok_or_else(|| err!(Corrupt, "safetensors header: expected texts as {METADATA}"))?;
            continue;
        }
        entries.push(entry(&name, &value).map_err(|e| e.within(format!("array '{}'", name.escape_default())))?);
    }
    Ok((metadata, entries))
}

fn entry(name: &str, value: &Value) -> Result<Entry> {
    let wrong = |key: &str, expected: &str| -> Error {
        let found: String = value[key].to_string().chars().take(60).collect();
        err!(Corrupt, "safetensors header: expected {expected} as {key}, found {found}")
    };
    let word = value["dtype"].as_str().ok_or_else(|| wrong("dtype", "a word"))?;
    let known = DTYPES.iter().find(|(known, ..)| *known == word);
    let (dtype_name, bits, dtype) = *known.ok_or_else(|| wrong("dtype", "a dtype of the format"))?;
    let numbers =
        |key: &str| value[key].as_array().and_then(|all| all.iter().map(Value::as_u64).collect::<Option<Vec<_>>>());
    let size = |n: u64| usize::try_from(n).ok();
    let dims = numbers("shape").and_then(|dims| dims.into_iter().map(size).collect::<Option<Vec<_>>>());
    let dims = dims.ok_or_else(|| wrong("shape", "a list of sizes"))?;
    let Some(&[start, end]) = numbers("data_offsets").as_deref() else {
        return Err(wrong("data_offsets", "two places"));
    };
    let shape = Shape::checked(&dims, bits.div_ceil(8) as usize)?;
    let expected = (shape.elements() as u64).checked_mul(bits).filter(|bits| bits % 8 == 0).map(|bits| bits / 8);
    match end.checked_sub(start) {
        Some(found) if Some(found) == expected => {
            Ok(Entry { name: name.to_owned(), dtype, dtype_name, shape, start, end })
        }
        Some(found) => {
            let expected = expected.map_or("a whole number of".to_owned(), |n| n.to_string());
            Err(err!(Corrupt, "expected {expected} bytes for {dtype_name} {shape}, found {found}"))
        }
        None => Err(err!(Corrupt, "expected an end behind the start {start}, found {end}")),
    }
}

/// Arrays follow each other from the first byte to the last.
fn check_cover(entries: &[Entry], bytes: u64) -> Result<()> {
    let mut at = 0;
    for Entry { name, start, end, .. } in entries {
        if *start != at {
            let what = if *start < at { "an overlap" } else { "a gap" };
            fail!(Corrupt, "array '{name}': expected its bytes to begin at {at}, found {what}: {start}");
        }
        at = *end;
    }
    if at != bytes {
        return Err(err!(Corrupt, "safetensors: expected {at} bytes of arrays, found {bytes}")
            .help("the file may be incomplete; copy or download it again"));
    }
    Ok(())
}
