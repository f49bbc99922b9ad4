//! Small files that `fixtures/make.py` had h5py write: forms that Keras does not use, and forms that are refused.

use std::path::PathBuf;

use cornet_error::{Code, Limits};
use cornet_hdf5::{Attribute, Dtype, File, Group, GroupSpec, Image};

fn path(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures").join(name).with_extension("h5")
}

fn open(name: &str) -> File {
    File::open(&path(name), &Limits::default()).unwrap()
}

fn refusal(name: &str) -> Code {
    File::open(&path(name), &Limits::default()).err().expect("a refusal").code()
}

#[test]
fn values_of_odd_types_are_read() {
    let file = open("types");
    let dataset = |name: &str| file.root().dataset(name).unwrap();
    assert_eq!(dataset("be_f8").read::<f64>().unwrap(), [1.0, -2.5]);
    assert_eq!(dataset("be_i2").read::<i16>().unwrap(), [1, -2, 3, 256]);
    for name in ["be_i2", "half", "one", "unwritten"] {
        let mut values = vec![7; dataset(name).byte_len()];
        dataset(name).read_into(&mut values).unwrap();
        assert_eq!(values, dataset(name).read_bytes().unwrap());
    }
    assert_eq!(dataset("one").read_into(&mut [0; 7]).unwrap_err().code(), Code::ShapeMismatch);
    assert_eq!(dataset("be_c8").dtype(), Dtype::Complex64);
    let complex: Vec<u8> = [1.0_f32, -2.0].iter().flat_map(|x| x.to_le_bytes()).collect();
    assert_eq!(dataset("be_c8").read_bytes().unwrap(), complex);
    assert_eq!((dataset("half").dtype(), dataset("half").read_bytes().unwrap()), (Dtype::F16, vec![0, 0x3e, 0, 0xb4]));
    assert_eq!((dataset("truth").dtype(), dataset("truth").read_bytes().unwrap()), (Dtype::Bool, vec![1, 0, 1]));
    assert_eq!(dataset("fixed").read_texts().unwrap(), ["abc", "", "de"]);
    assert_eq!(dataset("texts").read_texts().unwrap(), ["x", "", "längere"]);
    let many: Vec<String> = (0..50).map(|i| i.to_string()).collect();
    assert_eq!(dataset("many").read_texts().unwrap(), many);
    assert_eq!((dataset("one").shape(), dataset("one").read::<i64>().unwrap()), (&[][..], vec![7]));
    assert_eq!(dataset("null").read::<f32>().unwrap(), []);
    assert_eq!(dataset("unwritten").read::<i32>().unwrap(), [9; 6]);
    assert_eq!(dataset("record").dtype(), Dtype::Other);
    assert_eq!(dataset("record").read_bytes().unwrap_err().code(), Code::DtypeMismatch);
}

#[test]
fn attributes_of_odd_types_are_read() {
    let file = open("types");
    let attribute = |name: &str| file.root().attribute(name).unwrap();
    assert_eq!(attribute("text").as_text(), Some("käse"));
    assert_eq!(attribute("bytes").as_text(), Some("old"));
    assert_eq!(attribute("names").as_texts().unwrap(), ["dense", "dense_1"]);
    assert_eq!(attribute("words").as_texts().unwrap(), ["a", "bc"]);
    assert_eq!(attribute("none").as_texts(), Some(&[][..]));
    assert_eq!(attribute("truth"), &Attribute::Ints(vec![1, 0]));
    assert!(matches!(attribute("empty"), Attribute::Other(_)));
    assert!(matches!(attribute("half"), Attribute::Other(_)));
}

#[test]
fn chunked_and_compressed_values_are_read_in_old_and_new_files() {
    let grid: Vec<f32> = (0..1200_u16).map(f32::from).collect();
    for name in ["chunks", "modern"] {
        let file = open(name);
        for dataset in ["plain", "gzip", "lzf", "grows"] {
            let dataset = file.root().dataset(dataset).unwrap();
            assert_eq!(dataset.shape(), [40, 30]);
            assert_eq!(dataset.read::<f32>().unwrap(), grid, "{name} {}", dataset.path());
        }
    }
    let file = open("modern");
    assert_eq!(file.root().group("a/b").unwrap().attribute("name").unwrap().as_text(), Some("modern"));
    assert_eq!(file.root().dataset("a/b/x").unwrap().read::<u8>().unwrap(), [0, 1, 2]);
}

#[test]
fn names_and_attributes_in_heaps_are_read() {
    assert_eq!(open("dense").root().groups().len(), 20);
    for name in ["links", "links_modern"] {
        let file = open(name);
        assert_eq!(file.root().datasets().len(), 301, "{name}");
        for i in 0..300 {
            let dataset = file.root().dataset(&format!("a name that is rather long, number {i}")).unwrap();
            assert_eq!(dataset.read::<f32>().unwrap(), [1.5]);
        }
    }
    let file = open("attributes");
    assert_eq!(file.root().attributes().len(), 41);
    for i in 0..40 {
        let expected = format!("{}{i}", "x".repeat(200));
        assert_eq!(file.root().attribute(&format!("note {i}")).unwrap().as_text(), Some(&*expected));
    }
    let names = file.root().attribute("names").unwrap().as_texts().unwrap();
    assert_eq!((names.len(), &*names[599]), (600, "layer_0599"));
    let dataset = file.root().dataset("x").unwrap();
    assert_eq!((dataset.attributes().len(), dataset.attribute("n7")), (20, Some(&Attribute::Int(7))));
    assert_eq!(open("user_block").root().dataset("x").unwrap().read::<f32>().unwrap(), [3.5]);
}

#[test]
fn damaged_heaps_and_trees_are_refused_without_panic() {
    for name in ["links_modern", "attributes", "dense"] {
        let whole = std::fs::read(path(name)).unwrap();
        let structures = [b"FRHP", b"FHDB", b"FHIB", b"BTHD", b"BTLF", b"BTIN"];
        let starts = whole.windows(4).enumerate().filter(|(_, w)| structures.iter().any(|s| w == *s)).map(|(at, _)| at);
        for at in starts {
            for offset in 0..64.min(whole.len() - at) {
                for value in [0, 0x7f, 0xff] {
                    let mut bytes = whole.clone();
                    bytes[at + offset] = value;
                    if let Ok(file) = File::from_bytes(bytes, &Limits::default()) {
                        for dataset in file.root().datasets().values().take(2) {
                            let _ = dataset.read_bytes();
                        }
                    }
                }
            }
        }
    }
}

#[test]
fn what_leads_out_of_the_file_is_refused() {
    for name in ["soft", "soft_modern", "external_link", "external_values", "virtual", "cycle"] {
        assert_eq!(refusal(name), Code::Unsafe, "{name}");
    }
    assert_eq!(refusal("nowhere"), Code::NotFound);
    let other = File::from_bytes(
        &b"PK\x03\x04 no HDF5 at all, but long enough to look for a signature in it ........."[..],
        &Limits::default(),
    );
    assert_eq!(other.err().unwrap().code(), Code::UnsupportedFormat);
}

#[test]
fn sizes_are_checked_before_memory_is_taken() {
    assert_eq!(refusal("bomb"), Code::LimitExceeded);
    let larger = Limits { object_bytes: 1 << 40, total_bytes: 1 << 40, ..Limits::default() };
    let error = File::open(&path("bomb"), &larger).err().unwrap();
    assert_eq!(error.code(), Code::LimitExceeded, "a file of 1400 bytes cannot hold 256 GiB");
    let types = std::fs::read(path("types")).unwrap();
    for limits in [
        Limits { object_bytes: 15, ..Limits::default() },
        Limits { total_bytes: 100, ..Limits::default() },
        Limits { entries: 10, ..Limits::default() },
    ] {
        let error = File::from_bytes(types.clone(), &limits).err().unwrap();
        assert_eq!(error.code(), Code::LimitExceeded, "{limits:?}");
    }
    let shallow = Limits { depth: 1, ..Limits::default() };
    assert_eq!(File::open(&path("modern"), &shallow).err().unwrap().code(), Code::LimitExceeded);
}

#[test]
fn storage_that_is_larger_than_the_file_is_refused_before_it_is_read() {
    let mut bytes = std::fs::read(path("types")).unwrap();
    // The layout of `unwritten`: version 3, class 1, no address, 24 bytes.
    let layout = [&[3, 1][..], &[0xff; 8], &24_u64.to_le_bytes()].concat();
    let at = bytes.windows(18).position(|w| w == layout).unwrap();
    bytes[at + 10..at + 18].copy_from_slice(&0xff00_0000_u64.to_le_bytes());
    assert_eq!(File::from_bytes(bytes, &Limits::default()).err().unwrap().code(), Code::Corrupt);

    let mut bytes = std::fs::read(path("chunks")).unwrap();
    // A node of an index of chunks; its first key is the first chunk's stored size.
    let at = bytes.windows(5).position(|w| w == b"TREE\x01").unwrap() + 24;
    bytes[at..at + 4].copy_from_slice(&0xff00_0000_u32.to_le_bytes());
    let file = File::from_bytes(bytes, &Limits::default()).unwrap();
    let errors = file.root().datasets().values().filter_map(|dataset| dataset.read_bytes().err());
    let errors: Vec<String> = errors.map(|e| e.to_string()).collect();
    assert!(errors.len() == 1 && errors[0].contains("chunks passes the end of the file"), "{errors:?}");
}

#[test]
fn one_text_referred_to_a_thousand_times_is_refused() {
    let mut root = GroupSpec::default();
    let long = "x".repeat(1_000_000);
    root.attributes.insert("a".into(), Attribute::Text(long));
    for i in 0..1000 {
        root.attributes.insert(format!("b{i}"), Attribute::Text("y".into()));
    }
    let mut bytes = Image::new(&root).unwrap().to_vec().unwrap();
    assert!(File::from_bytes(bytes.clone(), &Limits::default()).is_ok());
    // Each reference is a length, an address and a number; turn every short one into the long one, number 1.
    let long_at = bytes.windows(4).position(|w| w == 1_000_000_u32.to_le_bytes()).unwrap();
    let reference: [u8; 16] = bytes[long_at..long_at + 16].try_into().unwrap();
    let mut turned = 0;
    for at in 0..bytes.len() - 16 {
        if bytes[at..at + 4] == [1, 0, 0, 0] && bytes[at + 4..at + 12] == reference[4..12] {
            bytes[at..at + 16].copy_from_slice(&reference);
            turned += 1;
        }
    }
    assert_eq!(turned, 1000);
    assert_eq!(File::from_bytes(bytes, &Limits::default()).err().unwrap().code(), Code::LimitExceeded);
}

fn read_all(group: &Group) -> Option<()> {
    for dataset in group.datasets().values() {
        match dataset.dtype() {
            Dtype::Text => drop(dataset.read_texts().ok()?),
            Dtype::Other => {}
            _ => drop(dataset.read_bytes().ok()?),
        }
    }
    group.groups().values().try_for_each(read_all)
}

#[test]
fn damaged_fixtures_never_panic() {
    let limits = Limits { object_bytes: 64 << 20, total_bytes: 256 << 20, ..Limits::default() };
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    let mut random = |below: usize| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        (state % below as u64) as usize
    };
    for name in ["types", "chunks", "modern", "dense", "virtual", "soft_modern"] {
        let bytes = std::fs::read(path(name)).unwrap();
        for turn in 0..1000 {
            let mut damaged = bytes.clone();
            if turn % 10 == 0 {
                damaged.truncate(random(bytes.len()));
            } else {
                for _ in 0..1 + turn % 3 {
                    let at = random(bytes.len());
                    damaged[at] = [0, 0xff, damaged[at] ^ (1 << random(8)), damaged[at].wrapping_add(1)][turn % 4];
                }
            }
            let _ = File::from_bytes(damaged, &limits).ok().and_then(|file| read_all(file.root()));
        }
    }
}
