//! Writes an HDF5 file with attributes and values of every kind, for another program to read: `hdf5_write FILE`.

use std::path::Path;

use cornet_archive::atomic_write;
use cornet_error::{Result, err};
use cornet_hdf5::{Attribute, Dtype, GroupSpec, Image};

fn main() -> Result<()> {
    let path = std::env::args().nth(1).ok_or_else(|| err!(InvalidArgument, "usage: hdf5_write FILE"))?;
    let bytes: Vec<u8> = (0..24).map(|x| x % 2).collect();
    let mut root = GroupSpec::default();
    root.attributes = [
        ("text", Attribute::Text("käse".into())),
        ("empty", Attribute::Text(String::new())),
        ("long", Attribute::Text("0123456789".repeat(10_000))),
        ("texts", Attribute::Texts(vec!["dense".into(), "dense_1".into()])),
        ("int", Attribute::Int(-3)),
        ("ints", Attribute::Ints(vec![1, 2])),
        ("float", Attribute::Float(0.5)),
        ("floats", Attribute::Floats(vec![])),
    ]
    .map(|(name, value)| (name.to_owned(), value))
    .into();
    use Dtype::*;
    for dtype in [Bool, I8, I16, I32, I64, U8, U16, U32, U64, F16, F32, F64, Complex64, Opaque(3)] {
        let size = dtype.size().unwrap_or(0);
        let group = root.group("types")?;
        group.dataset(dtype.name(), dtype, &[3, 1], &bytes[..3 * size])?;
        group.dataset(&format!("{}_one", dtype.name()), dtype, &[], &bytes[..size])?;
        group.dataset(&format!("{}_none", dtype.name()), dtype, &[0, 2], &[][..])?;
    }
    let bf16 = root.dataset("bf16", Bf16, &[2], &bytes[..4])?;
    bf16.attributes.insert("dtype".into(), Attribute::Text("bfloat16".into()));
    for i in 0..3000_u32 {
        let group = root.group("many")?;
        group.dataset(&i.to_string(), U32, &[], i.to_le_bytes().to_vec())?;
        let name = Attribute::Text(format!("layer {i}"));
        root.group(&format!("groups/{i}"))?.attributes.insert("name".into(), name);
    }
    let image = Image::new(&root)?;
    atomic_write(Path::new(&path), |file| image.write_to(file))
}
