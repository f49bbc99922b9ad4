//! What is written is what is read.

use std::collections::BTreeMap;

use cornet_error::{Code, Limits};
use cornet_hdf5::{Attribute, Dtype, File, GroupSpec, Image};

fn written(root: &GroupSpec<'_>) -> File {
    File::from_bytes(Image::new(root).unwrap().to_vec().unwrap(), &Limits::default()).unwrap()
}

#[test]
fn attributes_of_every_kind_come_back() {
    let mut root = GroupSpec::default();
    root.attributes = BTreeMap::from([
        ("text".into(), Attribute::Text("käse \u{1f9c0}".into())),
        ("empty".into(), Attribute::Text(String::new())),
        ("long".into(), Attribute::Text("{\"a\": 1}".repeat(20_000))),
        ("texts".into(), Attribute::Texts(vec!["dense".into(), "dense_1".into(), "ü".into()])),
        ("int".into(), Attribute::Int(-3)),
        ("ints".into(), Attribute::Ints(vec![i64::MIN, 0, i64::MAX])),
        ("float".into(), Attribute::Float(0.1)),
        ("floats".into(), Attribute::Floats(vec![])),
    ]);
    let file = written(&root);
    assert_eq!(file.root().attributes(), &root.attributes);
    assert_eq!(file.root().attribute("floats").unwrap().as_texts(), Some(&[][..]));
}

#[test]
fn numbers_of_every_type_come_back() {
    use Dtype::*;
    let bytes: Vec<u8> = (0..48).map(|x| x % 2).collect();
    let mut root = GroupSpec::default();
    for dtype in [Bool, I8, I16, I32, I64, U8, U16, U32, U64, F16, F32, F64, Complex64, Opaque(3)] {
        let size = dtype.size().unwrap();
        let vars = root.group("a/b").unwrap();
        vars.dataset(&format!("{}{size}", dtype.name()), dtype, &[2, 3], &bytes[..6 * size]).unwrap();
        vars.dataset(&format!("one {}{size}", dtype.name()), dtype, &[], &bytes[..size]).unwrap();
        vars.dataset(&format!("no {}{size}", dtype.name()), dtype, &[4, 0], &[][..]).unwrap();
    }
    let file = written(&root);
    let group = file.root().group("a/b").unwrap();
    assert_eq!(group.datasets().len(), 3 * 14);
    for (name, dataset) in group.datasets() {
        let size = dataset.dtype().size().unwrap();
        assert!(name.ends_with(&format!("{}{size}", dataset.dtype().name())));
        let (shape, count): (&[usize], usize) = match name.split_once(' ') {
            Some(("one", _)) => (&[], 1),
            Some(_) => (&[4, 0], 0),
            None => (&[2, 3], 6),
        };
        assert_eq!(dataset.shape(), shape);
        assert_eq!(dataset.read_bytes().unwrap(), bytes[..count * size], "{name}");
    }
    let int32 = file.root().dataset("a/b/int324").unwrap();
    assert_eq!(int32.read::<i32>().unwrap(), [0x0100_0100; 6]);
    assert_eq!(int32.read::<f32>().unwrap_err().code(), Code::DtypeMismatch);
    assert_eq!(int32.read_texts().unwrap_err().code(), Code::DtypeMismatch);
}

#[test]
fn groups_of_any_size_keep_every_name() {
    // One table, several tables, several nodes, several levels.
    for count in [0, 1, 8, 9, 255, 257, 9000] {
        let values: Vec<u8> = (0..count as u32).flat_map(u32::to_le_bytes).collect();
        let mut root = GroupSpec::default();
        let vars = root.group("vars").unwrap();
        for (i, value) in values.chunks(4).enumerate() {
            vars.dataset(&i.to_string(), Dtype::U32, &[], value).unwrap();
        }
        let file = written(&root);
        let vars = file.root().group("vars").unwrap();
        assert_eq!(vars.datasets().len(), count);
        for (name, dataset) in vars.datasets() {
            assert_eq!(dataset.read::<u32>().unwrap(), [name.parse::<u32>().unwrap()]);
        }
    }
}

#[test]
fn more_texts_than_one_heap_collection_holds_come_back() {
    let mut root = GroupSpec::default();
    for i in 0..70_000 {
        let group = root.group(&format!("{}/{i}", i / 1000)).unwrap();
        group.attributes.insert("name".into(), Attribute::Text(format!("layer {i}")));
    }
    let file = File::from_bytes(Image::new(&root).unwrap().to_vec().unwrap(), &Limits::default()).unwrap();
    for i in [0, 64_999, 65_000, 69_999] {
        let group = file.root().group(&format!("{}/{i}", i / 1000)).unwrap();
        assert_eq!(group.attribute("name").unwrap().as_text(), Some(format!("layer {i}").as_str()));
    }
}

#[test]
fn what_does_not_fit_is_refused() {
    let mut root = GroupSpec::default();
    let code = |e: cornet_error::Error| e.code();
    assert_eq!(root.dataset("x", Dtype::F32, &[2], &[0; 4][..]).map_err(code).unwrap_err(), Code::ShapeMismatch);
    assert_eq!(root.dataset("x", Dtype::Text, &[], &[][..]).map_err(code).unwrap_err(), Code::DtypeMismatch);
    assert_eq!(root.dataset("a/b", Dtype::U8, &[0], &[][..]).map_err(code).unwrap_err(), Code::InvalidArgument);
    root.dataset("x", Dtype::U8, &[0], &[][..]).unwrap();
    assert_eq!(root.dataset("x", Dtype::U8, &[0], &[][..]).map_err(code).unwrap_err(), Code::AlreadyExists);
    assert_eq!(root.group("x/y").map_err(code).unwrap_err(), Code::AlreadyExists);
    root.attributes.insert("names".into(), Attribute::Texts(vec!["x".repeat(1000); 70]));
    assert_eq!(Image::new(&root).map(|_| ()).map_err(code).unwrap_err(), Code::LimitExceeded);
}
