//! `.npy` and `.npz`: files of NumPy's (written by `golden/npy.py`), round trips, and hostile bytes.

use std::path::PathBuf;

use cornet_tensor::{Array, Code, Complex32, DType, Limits, bf16, f16};

fn unhex(text: &str) -> Vec<u8> {
    (0..text.len()).step_by(2).map(|i| u8::from_str_radix(&text[i..i + 2], 16).unwrap()).collect()
}

fn read(bytes: &[u8]) -> cornet_tensor::Result<Array> {
    Array::from_npy_bytes(bytes, &Limits::default())
}

/// Splits a golden line and returns its fields.
fn golden(kind: &str) -> Vec<Vec<&'static str>> {
    let all = include_str!("golden/npy.txt").lines().map(|l| l.split(' ').collect::<Vec<_>>());
    let found: Vec<_> = all.filter(|f| f[0] == kind).collect();
    assert!(!found.is_empty(), "golden lines '{kind}'");
    found
}

fn expected_array(fields: &[&str]) -> Array {
    let shape: Vec<usize> = fields[3].split(',').filter(|s| !s.is_empty()).map(|s| s.parse().unwrap()).collect();
    match fields[2].parse().unwrap() {
        DType::Str => Array::from_strings(fields[4].split(',').map(unhex).collect(), shape).unwrap(),
        dtype => Array::from_bytes(dtype, shape, &unhex(fields[4])).unwrap(),
    }
}

struct Folder(PathBuf);

impl Folder {
    fn new(name: &str) -> Self {
        let path = std::env::temp_dir().join(format!("cornet-tensor-{name}-{}", std::process::id()));
        std::fs::create_dir_all(&path).unwrap();
        Self(path)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// One array of every dtype, and of unusual shapes.
fn samples() -> Vec<Array> {
    let strings = vec![b"caf\xc3\xa9".to_vec(), vec![], b"\xff\x00b".to_vec()];
    vec![
        Array::from_literal([[true, false], [false, true]]).unwrap(),
        Array::from_literal([i8::MIN, -1, i8::MAX]).unwrap(),
        Array::from_literal([i16::MIN, -1, i16::MAX]).unwrap(),
        Array::from_literal([i32::MIN, -1, i32::MAX]).unwrap(),
        Array::from_literal([[i64::MIN], [i64::MAX]]).unwrap(),
        Array::from_literal([0_u8, 255]).unwrap(),
        Array::from_literal([0_u16, u16::MAX]).unwrap(),
        Array::from_literal([0_u32, u32::MAX]).unwrap(),
        Array::from_literal([0_u64, u64::MAX]).unwrap(),
        Array::from_literal([f16::from_f32(1.5), f16::NAN, f16::NEG_INFINITY]).unwrap(),
        Array::from_literal([bf16::from_f32(1.5), bf16::MAX]).unwrap(),
        Array::from_literal([[[1.5_f32, -0.0, f32::NAN]]]).unwrap(),
        Array::from_literal([f64::MIN_POSITIVE, f64::MAX]).unwrap(),
        Array::from_literal([Complex32::new(1.0, -2.0)]).unwrap(),
        Array::from_strings(strings, [3, 1]).unwrap(),
        Array::scalar(7_i32),
        Array::zeros(DType::F32, [3, 0, 2]),
        Array::zeros(DType::Str, [0]),
        Array::scalar("text".to_string()),
    ]
}

#[test]
fn files_of_numpy_are_read() {
    for fields in golden("npy") {
        let found = read(&unhex(fields[5])).unwrap_or_else(|e| panic!("{}: {e}", fields[1]));
        assert_eq!(found, expected_array(&fields), "{} {}", fields[1], fields[2]);
    }
}

#[test]
fn files_are_written_as_numpy_writes_them() {
    for fields in golden("npy") {
        if ["plain", "bf16", "scalar", "empty", "bytes"].contains(&fields[1]) {
            let found = expected_array(&fields).to_npy_bytes().unwrap();
            assert_eq!(found, unhex(fields[5]), "{} {}", fields[1], fields[2]);
        }
    }
}

#[test]
fn what_numpy_saves_and_arrays_cannot_hold_is_refused() {
    for fields in golden("refused") {
        let error = read(&unhex(fields[2])).unwrap_err();
        assert_eq!(error.code().word(), fields[1], "{error}");
        assert!(error.help_text().is_some(), "{error}");
    }
}

#[test]
fn archives_of_numpy_are_read_in_file_order() {
    for fields in golden("npz") {
        let found = Array::from_npz_bytes(&unhex(fields[1]), &Limits::default()).unwrap();
        let x = Array::from_literal([[1.0_f32, 2.0], [3.0, 4.0]]).unwrap();
        assert_eq!(found, [("x".to_string(), x), ("empty/y".to_string(), Array::zeros(DType::I8, [0]))]);
    }
}

#[test]
fn every_dtype_survives_both_formats() {
    let folder = Folder::new("roundtrip");
    let arrays = samples();
    for (i, array) in arrays.iter().enumerate() {
        let path = folder.0.join(format!("{i}.npy"));
        array.write_npy(&path).unwrap();
        assert_eq!(&Array::read_npy(&path).unwrap(), array);
        assert_eq!(&read(&array.to_npy_bytes().unwrap()).unwrap(), array);
        assert_eq!(std::fs::read(&path).unwrap(), array.to_npy_bytes().unwrap());
    }
    // Names in an order that is not alphabetical.
    let named: Vec<(String, Array)> =
        arrays.into_iter().enumerate().map(|(i, a)| (format!("layer {}/{i}", 9 - i % 7), a)).collect();
    let path = folder.0.join("all.npz");
    Array::write_npz(&path, named.iter().map(|(n, a)| (n, a))).unwrap();
    assert_eq!(Array::read_npz(&path).unwrap(), named);
    let stored = std::fs::metadata(&path).unwrap().len();
    Array::write_npz_compressed(&path, named.clone()).unwrap();
    assert_eq!(Array::read_npz(&path).unwrap(), named);
    assert!(std::fs::metadata(&path).unwrap().len() < stored);
}

#[test]
fn texts_are_written_as_numpy_s_unicode() {
    let folder = Folder::new("unicode");
    let texts = Array::from_strings(vec!["é".into(), "ab".into(), "".into()], [3]).unwrap();
    texts.write_npy_unicode(folder.0.join("x.npy")).unwrap();
    let bytes = std::fs::read(folder.0.join("x.npy")).unwrap();
    let header = String::from_utf8_lossy(&bytes[10..128]).into_owned();
    assert!(header.contains("'descr': '<U2'"), "{header}");
    let codes: Vec<u32> = bytes[128..].as_chunks::<4>().0.iter().map(|c| u32::from_le_bytes(*c)).collect();
    assert_eq!(codes, [0xE9, 0, 0x61, 0x62, 0, 0]);
    let numbers = Array::from_vec(vec![1_i64], [1]).unwrap();
    Array::write_npz_unicode(folder.0.join("x.npz"), [("t", &texts), ("n", &numbers)]).unwrap();
    let read = Array::read_npz(folder.0.join("x.npz")).unwrap();
    assert_eq!(read, [("t".to_string(), texts), ("n".to_string(), numbers)]);
    let bytes = Array::from_strings(vec![vec![0xFF]], [1]).unwrap();
    assert_eq!(bytes.write_npy_unicode(folder.0.join("y.npy")).unwrap_err().code(), Code::InvalidArgument);
}

#[test]
fn a_failed_write_keeps_the_old_file() {
    let folder = Folder::new("failed");
    let path = folder.0.join("a.npz");
    let (good, bad) = (Array::scalar(1_i32), Array::from_strings(vec![b"a\0".to_vec()], [1]).unwrap());
    Array::write_npz(&path, [("good", &good)]).unwrap();
    let error = Array::write_npz(&path, [("good", &good), ("bad", &bad)]).unwrap_err();
    assert_eq!(error.code(), Code::InvalidArgument, "{error}");
    assert_eq!(Array::write_npz(&path, [("a", &good), ("a", &good)]).unwrap_err().code(), Code::AlreadyExists);
    assert_eq!(Array::write_npz(&path, [("../a", &good)]).unwrap_err().code(), Code::Unsafe);
    assert_eq!(Array::read_npz(&path).unwrap(), [("good".to_string(), good)]);
    assert_eq!(bad.write_npy(folder.0.join("b.npy")).unwrap_err().code(), Code::InvalidArgument);
    assert_eq!(Array::read_npy(folder.0.join("c.npy")).unwrap_err().code(), Code::NotFound);
}

/// A version 1 file with this header.
fn file(header: &str, data: &[u8]) -> Vec<u8> {
    let mut bytes = b"\x93NUMPY\x01\x00".to_vec();
    bytes.extend((header.len() as u16).to_le_bytes());
    bytes.extend(header.bytes());
    bytes.extend(data);
    bytes
}

fn header(descr: &str, shape: &str) -> String {
    format!("{{'descr': '{descr}', 'fortran_order': False, 'shape': {shape}, }}\n")
}

#[test]
fn headers_of_other_writers_are_read() {
    let two = Array::from_literal([1_u8, 2]).unwrap();
    for text in [
        "{\"shape\": (2,), \"fortran_order\": False, \"descr\": \"|u1\"}",
        "{'descr':'u1','fortran_order':True,'shape':(2L,)}   \n",
        "  { 'descr' : '<u1' , 'fortran_order' : False , 'shape' : ( 2 ) , } ",
        "{'descr': '=u1', 'fortran_order': False, 'shape': (2,)}",
    ] {
        assert_eq!(read(&file(text, &[1, 2])).unwrap(), two, "{text}");
    }
    let bools = read(&file(&header("|b1", "(3,)"), &[0, 1, 7])).unwrap();
    assert_eq!(bools.bytes(), [0, 1, 1]);
}

#[test]
fn bad_headers_are_refused_with_the_right_code() {
    use Code::{Corrupt, LimitExceeded, Unsafe, UnsupportedFormat};
    let max = usize::MAX;
    for (text, code) in [
        (header("<f4", "(-1,)"), Corrupt),
        (header("<f4", "(1.5,)"), Corrupt),
        (header("<f4", "2"), Corrupt),
        (header("<f4", "(2"), Corrupt),
        (header("<f4", "(2,,)"), Corrupt),
        (header("<f4", "[2]"), Corrupt),
        (header("<f4", "(2,) and 1"), Corrupt),
        (header("<f4", "(1_000,)"), Corrupt),
        (header("<f4", "(1000000000000,)"), LimitExceeded),
        (header("<f4", &format!("({max},)")), LimitExceeded),
        (header("<f4", &format!("({max}, {max})")), LimitExceeded),
        (header("<f4", &format!("({max}0,)")), LimitExceeded),
        (header("<f4", &format!("(0, {max}, {max})")), LimitExceeded),
        (header("<f4", &format!("({})", "1,".repeat(65))), LimitExceeded),
        (header("|S0", "(1000000000,)"), LimitExceeded),
        (header("<U18446744073709551615", "(1,)"), LimitExceeded),
        (header("<U4611686018427387904", "(1,)"), LimitExceeded),
        (header("|S99999999999999999999", "(1,)"), Corrupt),
        (header("<f4", "(2,)"), Corrupt),
        (header("<f4", "()"), Corrupt),
        (header("|O", "(1,)"), Unsafe),
        (header("|O8", "(1,)"), Unsafe),
        (header("<f3", "(1,)"), UnsupportedFormat),
        (header("<f+4", "(1,)"), UnsupportedFormat),
        (header("<q8", "(1,)"), UnsupportedFormat),
        (header("", "(1,)"), Corrupt),
        (header("<", "(1,)"), Corrupt),
        (header("<\\x664", "(1,)"), Corrupt),
        ("{'descr': [('a', '<f4')], 'fortran_order': False, 'shape': (1,)}".into(), UnsupportedFormat),
        ("{'descr': '<f4', 'fortran_order': 0, 'shape': (1,)}".into(), Corrupt),
        ("{'descr': '<f4', 'shape': (1,)}".into(), Corrupt),
        ("{'descr': '<f4', 'descr': '<f4', 'fortran_order': False, 'shape': (1,)}".into(), Corrupt),
        ("{'descr': '<f4', 'fortran_order': False, 'shape': (1,), 'x': 1}".into(), Corrupt),
        ("{'descr: '<f4'}".into(), Corrupt),
        ("".into(), Corrupt),
        ("{".into(), Corrupt),
        ("__import__('os').system('true')".into(), Corrupt),
    ] {
        let error = read(&file(&text, &[0; 6])).unwrap_err();
        assert_eq!(error.code(), code, "{text}: {error}");
    }
}

#[test]
fn bytes_that_are_no_npy_file_are_refused() {
    assert_eq!(read(b"").unwrap_err().code(), Code::UnsupportedFormat);
    assert_eq!(read(b"PK\x03\x04....").unwrap_err().code(), Code::UnsupportedFormat);
    assert_eq!(read(b"\x80\x04\x95....").unwrap_err().code(), Code::Unsafe);
    assert_eq!(read(b"\x93NUMPY\x04\x00\x00\x00").unwrap_err().code(), Code::UnsupportedFormat);
    assert_eq!(read(b"\x93NUMPY\x02\x00\xff\xff\xff\xff").unwrap_err().code(), Code::LimitExceeded);
    assert_eq!(read(b"\x93NUMPY\x01\x00\xff\xff").unwrap_err().code(), Code::Corrupt);
    // Surrogates and codes beyond Unicode.
    for code in [0xd800_u32, 0x11_0000] {
        assert_eq!(read(&file(&header("<U1", "(1,)"), &code.to_le_bytes())).unwrap_err().code(), Code::Corrupt);
    }
}

#[test]
fn truncated_and_lengthened_files_are_refused() {
    for array in samples() {
        let bytes = array.to_npy_bytes().unwrap();
        for end in 0..bytes.len() {
            assert!(read(&bytes[..end]).is_err(), "{array:?} cut at {end}");
        }
        let longer = [bytes, vec![0]].concat();
        assert_eq!(read(&longer).unwrap_err().code(), Code::Corrupt);
    }
    let folder = Folder::new("truncated");
    let path = folder.0.join("a.npz");
    Array::write_npz_compressed(&path, [("x", Array::zeros(DType::F32, [40]))]).unwrap();
    let bytes = std::fs::read(&path).unwrap();
    for end in 0..bytes.len() {
        assert!(Array::from_npz_bytes(&bytes[..end], &Limits::default()).is_err(), "cut at {end}");
    }
}

#[test]
fn damaged_bytes_never_panic() {
    // Every byte of the header and archive structure replaced by every of a few telling values.
    let folder = Folder::new("damaged");
    let path = folder.0.join("a.npz");
    let array = Array::from_literal([[1_i16, 2, 3], [4, 5, 6]]).unwrap();
    Array::write_npz(&path, [("x", &array)]).unwrap();
    let (npy, npz) = (array.to_npy_bytes().unwrap(), std::fs::read(&path).unwrap());
    let limits = Limits { object_bytes: 1 << 20, total_bytes: 1 << 20, ..Limits::default() };
    let mut outcomes = [0, 0];
    for value in [0_u8, 1, b' ', b'(', b')', b'\'', b'9', b'S', b'O', 0x7f, 0x80, 0xff] {
        for at in 0..npy.len() {
            let mut bytes = npy.clone();
            bytes[at] = value;
            outcomes[usize::from(Array::from_npy_bytes(&bytes, &limits).is_ok())] += 1;
        }
        for at in 0..npz.len() {
            let mut bytes = npz.clone();
            bytes[at] = value;
            let _ = Array::from_npz_bytes(&bytes, &limits);
        }
    }
    assert!(outcomes[0] > 100 && outcomes[1] > 100, "{outcomes:?}");
}

#[test]
fn limits_bound_what_is_read() {
    let folder = Folder::new("limits");
    let path = folder.0.join("a.npz");
    let array = Array::zeros(DType::F64, [1000]);
    let bytes = array.to_npy_bytes().unwrap();
    let small = Limits { object_bytes: 7_999, ..Limits::default() };
    assert_eq!(Array::from_npy_bytes(&bytes, &small).unwrap_err().code(), Code::LimitExceeded);
    Array::from_npy_bytes(&bytes, &Limits { object_bytes: 8_000, ..Limits::default() }).unwrap();
    // Strings are counted as memory holds them, which is more than the file does.
    let strings = Array::from_strings(vec![b"a".to_vec(); 1000], [1000]).unwrap().to_npy_bytes().unwrap();
    assert_eq!(Array::from_npy_bytes(&strings, &small).unwrap_err().code(), Code::LimitExceeded);

    Array::write_npz_compressed(&path, [("a", &array), ("b", &array)]).unwrap();
    for limits in [
        Limits { object_bytes: 8_000, ..Limits::default() },
        Limits { total_bytes: 12_000, ..Limits::default() },
        Limits { entries: 1, ..Limits::default() },
        Limits { expansion: 10, harmless_bytes: 0, ..Limits::default() },
    ] {
        assert_eq!(Array::read_npz_within(&path, &limits).unwrap_err().code(), Code::LimitExceeded, "{limits:?}");
    }
    assert_eq!(Array::read_npz(&path).unwrap().len(), 2);
}

#[test]
fn other_entries_in_an_archive_are_named() {
    let folder = Folder::new("entries");
    let path = folder.0.join("a.npz");
    cornet_archive::ArchiveWriter::write(&path, |zip| zip.add("readme.txt", b"x")).unwrap();
    let error = Array::read_npz(&path).unwrap_err();
    assert_eq!(error.code(), Code::UnsupportedFormat);
    assert!(error.to_string().contains("readme.txt"), "{error}");
}
