use cornet_archive::Bytes;
use cornet_error::Code;

use super::*;

fn file(header: &str, data: &[u8]) -> Vec<u8> {
    [&(header.len() as u64).to_le_bytes(), header.as_bytes(), data].concat()
}

fn opened(bytes: Vec<u8>) -> Result<File> {
    File::from_source(Arc::new(Bytes::new(bytes)), &Limits::default())
}

fn refusal(header: &str, data: &[u8]) -> String {
    opened(file(header, data)).err().expect("it is refused").to_string()
}

fn temporary(name: &str) -> std::path::PathBuf {
    std::env::temp_dir().join(format!("cornet-safetensors-{name}-{}", std::process::id()))
}

#[test]
fn a_file_of_the_reference_writer_is_read() {
    // safetensors 0.8 for {"b": int64 [1], "a": float16 [2], "t": bool []} with metadata {"k": "v"}.
    let header = concat!(
        r#"{"__metadata__":{"k":"v"},"b":{"dtype":"I64","shape":[1],"data_offsets":[0,8]},"#,
        r#""a":{"dtype":"F16","shape":[2],"data_offsets":[8,12]},"t":{"dtype":"BOOL","shape":[],"data_offsets":[12,13]}}   "#
    );
    let file = opened(file(header, &[7, 0, 0, 0, 0, 0, 0, 0, 0, 0x3C, 0, 0xC0, 1])).unwrap();
    assert_eq!(file.metadata()["k"], "v");
    assert_eq!(file.read("b").unwrap().to_vec::<i64>().unwrap(), [7]);
    assert_eq!(file.read("a").unwrap().to_f64().unwrap(), [1.0, -2.0]);
    assert_eq!(file.read("t").unwrap().shape().rank(), 0);
    assert_eq!(file.read("z").unwrap_err().code(), Code::NotFound);
    assert_eq!(file.read_all().unwrap().len(), 3);
}

#[test]
fn every_dtype_goes_there_and_back_and_wide_ones_come_first() {
    let path = temporary("dtypes");
    let numbers = DType::ALL.iter().copied().filter(|&dtype| dtype != DType::Str);
    let arrays: Vec<(String, Array)> =
        numbers.map(|d| (d.name().to_owned(), Array::from_f64(d, [2, 2], &[0.0, 1.0, 1.0, 0.0]).unwrap())).collect();
    let empty = Array::zeros(DType::F32, [0, 3]);
    let all = arrays.iter().map(|(n, a)| (n.as_str(), a)).chain([("empty", &empty)]);
    write(&path, all, &BTreeMap::new()).unwrap();
    let file = File::open(&path, &Limits::default()).unwrap();
    std::fs::remove_file(&path).unwrap();
    for (name, array) in &arrays {
        assert_eq!(file.read(name).unwrap(), *array, "{name}");
    }
    assert_eq!(file.read("empty").unwrap(), empty);
    assert_eq!(file.entries()[0].name, "complex64");
    assert_eq!(file.data_start % 8, 0);
}

#[test]
fn headers_that_lie_are_refused() {
    let one = |rest: &str| format!(r#"{{"a":{{"dtype":"F32",{rest}}}}}"#);
    let cases = [
        (one(r#""shape":[2],"data_offsets":[0,4]"#), "expected 8 bytes for F32 [2], found 4"),
        (one(r#""shape":[1],"data_offsets":[0,8]"#), "expected 4 bytes for F32 [1], found 8"),
        (one(r#""shape":[1],"data_offsets":[4,8]"#), "found a gap: 4"),
        (one(r#""shape":[1],"data_offsets":[0,4]"#), "expected 4 bytes of arrays, found 8"),
        (one(r#""shape":[1],"data_offsets":[8,4]"#), "expected an end behind the start 8, found 4"),
        (one(r#""shape":[-1],"data_offsets":[0,4]"#), "expected a list of sizes as shape"),
        (one(r#""shape":[4294967296,4294967296,4294967296],"data_offsets":[0,8]"#), "[limit_exceeded]"),
        (r#"{"a":{"dtype":"F9","shape":[1],"data_offsets":[0,4]}}"#.into(), "found \"F9\""),
        (r#"{"a":{"dtype":"F4","shape":[3],"data_offsets":[0,1]}}"#.into(), "expected a whole number of bytes"),
        ("[]".into(), "expected JSON"),
        (r#"{"__metadata__":{"k":1}}"#.into(), "expected texts"),
    ];
    for (header, expected) in cases {
        let found = refusal(&header, &[0; 8]);
        assert!(found.contains(expected), "{header}: {found}");
    }
    let twice = r#"{"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]},"a":{"dtype":"F32","shape":[1],"data_offsets":[4,8]}}"#;
    assert!(refusal(twice, &[0; 8]).contains("'a' is there twice"));
    let overlap = r#"{"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]},"b":{"dtype":"F32","shape":[1],"data_offsets":[2,6]}}"#;
    assert!(refusal(overlap, &[0; 6]).contains("found an overlap: 2"));
    let mut long = u64::MAX.to_le_bytes().to_vec();
    long.extend(b"{}");
    assert_eq!(opened(long).err().unwrap().code(), Code::Corrupt);
    assert_eq!(opened(vec![2, 0, 0]).err().unwrap().code(), Code::Corrupt);
}

#[test]
fn small_floats_are_listed_and_not_read() {
    let header = r#"{"a":{"dtype":"F8_E4M3","shape":[2],"data_offsets":[0,2]}}"#;
    let file = opened(file(header, &[0, 0])).unwrap();
    assert_eq!((file.entries()[0].dtype, file.entries()[0].dtype_name), (None, "F8_E4M3"));
    assert_eq!(file.read("a").unwrap_err().code(), Code::UnsupportedFormat);
}

#[test]
fn texts_and_doubled_names_are_not_written() {
    let path = temporary("refused");
    let texts = Array::from_strings(vec![b"a".to_vec()], [1]).unwrap();
    assert_eq!(write(&path, [("a", &texts)], &BTreeMap::new()).unwrap_err().code(), Code::DtypeMismatch);
    let one = Array::scalar(1.0_f32);
    assert_eq!(write(&path, [("a", &one), ("a", &one)], &BTreeMap::new()).unwrap_err().code(), Code::AlreadyExists);
    assert_eq!(write(&path, [(METADATA, &one)], &BTreeMap::new()).unwrap_err().code(), Code::InvalidArgument);
    assert!(!path.exists());
}

const METADATA: &str = "__metadata__";
