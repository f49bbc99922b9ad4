//! Archives that somebody made to hurt, and real ones that were damaged.

use cornet_archive::Archive;
use cornet_error::{Code, Limits};

/// One entry of a zip file written byte by byte, so that it can lie.
struct Raw {
    name: Vec<u8>,
    stored: Vec<u8>,
    size: u32,
    crc: u32,
    method: u16,
    flags: u16,
    attributes: u32,
}

impl Raw {
    fn stored(name: &str, content: &[u8]) -> Self {
        let size = content.len() as u32;
        let crc = crc32(content);
        Self { name: name.into(), stored: content.into(), size, crc, method: 0, flags: 1 << 11, attributes: 0 }
    }
}

fn crc32(bytes: &[u8]) -> u32 {
    !bytes.iter().fold(!0_u32, |crc, byte| {
        (0..8).fold(crc ^ u32::from(*byte), |c, _| (c >> 1) ^ (0xedb8_8320 & (c & 1).wrapping_neg()))
    })
}

fn zip(entries: &[Raw]) -> Vec<u8> {
    let (mut file, mut catalogue) = (Vec::new(), Vec::new());
    for e in entries {
        let at = file.len() as u32;
        let mut common = Vec::new();
        for half in [20, e.flags, e.method, 0, 0x21] {
            common.extend(u16::to_le_bytes(half));
        }
        for word in [e.crc, e.stored.len() as u32, e.size] {
            common.extend(word.to_le_bytes());
        }
        common.extend((e.name.len() as u16).to_le_bytes());
        common.extend(0_u16.to_le_bytes());
        file.extend(b"PK\x03\x04");
        file.extend(&common);
        file.extend(&e.name);
        file.extend(&e.stored);
        catalogue.extend(b"PK\x01\x02");
        catalogue.extend([20, 3]);
        catalogue.extend(&common);
        catalogue.extend([0; 6]);
        catalogue.extend(e.attributes.to_le_bytes());
        catalogue.extend(at.to_le_bytes());
        catalogue.extend(&e.name);
    }
    let (start, count) = (file.len() as u32, entries.len() as u16);
    let length = catalogue.len() as u32;
    file.extend(catalogue);
    file.extend(b"PK\x05\x06\0\0\0\0");
    file.extend(count.to_le_bytes());
    file.extend(count.to_le_bytes());
    file.extend(length.to_le_bytes());
    file.extend(start.to_le_bytes());
    file.extend([0; 2]);
    file
}

fn open(bytes: &[u8], limits: &Limits) -> Result<Archive, Code> {
    Archive::from_bytes(bytes, limits).map_err(|e| e.code())
}

fn refusal(bytes: &[u8]) -> Code {
    open(bytes, &Limits::default()).err().expect("a refusal")
}

#[test]
fn the_builder_of_these_tests_makes_valid_archives() {
    let archive = open(&zip(&[Raw::stored("a", b"one"), Raw::stored("b/c", b"")]), &Limits::default()).unwrap();
    assert_eq!(archive.read("a").unwrap(), b"one");
    assert_eq!(archive.read("b/c").unwrap(), b"");
    assert_eq!(archive.read("x").unwrap_err().code(), Code::NotFound);
}

#[test]
fn names_that_escape_are_refused() {
    for name in ["../a", "/a", "a/../../b", "C:a", "a\\b", "a\0b", "..", ""] {
        let code = refusal(&zip(&[Raw::stored("good", b"1"), Raw::stored(name, b"2")]));
        assert!(matches!(code, Code::Unsafe | Code::Corrupt), "{name:?}: {code}");
    }
}

#[test]
fn duplicates_links_and_encryption_are_refused() {
    assert_eq!(refusal(&zip(&[Raw::stored("a", b"1"), Raw::stored("a", b"2")])), Code::Unsafe);
    let link = Raw { attributes: 0o120_777 << 16, ..Raw::stored("a", b"/etc/passwd") };
    assert_eq!(refusal(&zip(&[link])), Code::Unsafe);
    let secret = Raw { flags: 1, ..Raw::stored("a", b"0123456789abcdef") };
    assert_eq!(refusal(&zip(&[secret])), Code::UnsupportedFormat);
    let odd = Raw { method: 12, ..Raw::stored("a", b"BZh") };
    assert_eq!(refusal(&zip(&[odd])), Code::UnsupportedFormat);
}

#[test]
fn sizes_beyond_the_limits_are_refused_before_anything_is_decoded() {
    let bytes = zip(&[Raw::stored("a", &[1; 100]), Raw::stored("b", &[2; 100])]);
    let limits = Limits::default();
    for small in
        [Limits { object_bytes: 99, ..limits }, Limits { total_bytes: 199, ..limits }, Limits { entries: 1, ..limits }]
    {
        assert_eq!(open(&bytes, &small).err(), Some(Code::LimitExceeded), "{small:?}");
    }
    assert!(open(&bytes, &Limits { object_bytes: 100, total_bytes: 200, entries: 2, ..limits }).is_ok());
    let bomb = Raw { method: 8, size: u32::MAX - 1, ..Raw::stored("a", &[0; 64]) };
    assert_eq!(refusal(&zip(&[bomb])), Code::LimitExceeded);
}

#[test]
fn entries_that_lie_about_themselves_are_corrupt() {
    let wrong_sum = zip(&[Raw { crc: 7, ..Raw::stored("a", b"one") }]);
    assert_eq!(open(&wrong_sum, &Limits::default()).unwrap().read("a").unwrap_err().code(), Code::Corrupt);
    let wrong_size = Raw { size: 5, ..Raw::stored("a", b"one") };
    assert_eq!(refusal(&zip(&[wrong_size])), Code::Corrupt);
    // Deflate: an empty stored block, so nothing comes out where one byte was promised, then three where one was.
    for (stored, size) in [(&[1, 0, 0, 0xff, 0xff][..], 1), (&[1, 3, 0, 0xfc, 0xff, 1, 2, 3][..], 1)] {
        let lie = zip(&[Raw { method: 8, size, ..Raw::stored("a", stored) }]);
        assert_eq!(open(&lie, &Limits::default()).unwrap().read("a").unwrap_err().code(), Code::Corrupt);
    }
}

#[test]
fn files_of_other_kinds_are_named_as_such() {
    for bytes in [&b""[..], b"PK", b"\x89HDF\r\n\x1a\n and more", b"{}"] {
        assert_eq!(refusal(bytes), Code::UnsupportedFormat);
    }
    assert_eq!(refusal(b"PK\x03\x04 and nothing else"), Code::Corrupt);
}

/// Every entry that still reads has its old content: the checksum saw to it.
fn unchanged_or_refused(damaged: &[u8], original: &Archive) -> bool {
    let Ok(archive) = Archive::from_bytes(damaged, &Limits::default()) else { return false };
    let mut whole = true;
    for entry in original.entries() {
        match archive.read(&entry.name) {
            Ok(content) => assert!(content == original.read(&entry.name).unwrap(), "{} changed", entry.name),
            Err(_) => whole = false,
        }
    }
    whole
}

#[test]
fn damaged_real_files_are_refused_or_read_unchanged() {
    let Some(data) = std::env::var_os("CORNET_TEST_DATA") else {
        eprintln!("skipped: CORNET_TEST_DATA is not set");
        return;
    };
    let bytes = std::fs::read(std::path::Path::new(&data).join("models/keras/churn_ann.keras")).unwrap();
    let original = Archive::from_bytes(bytes.clone(), &Limits::default()).unwrap();
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    let mut random = |below: usize| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        (state % below as u64) as usize
    };
    for _ in 0..200 {
        assert!(!unchanged_or_refused(&bytes[..random(bytes.len())], &original), "a truncated file read whole");
    }
    for turn in 0..3000 {
        let mut damaged = bytes.clone();
        // Half of the flips go to the headers and the catalogue, where they hurt most.
        let at = match turn % 4 {
            0 => random(200),
            1 => bytes.len() - 1 - random(300),
            _ => random(bytes.len()),
        };
        damaged[at] ^= 1 << random(8);
        unchanged_or_refused(&damaged, &original);
    }
}
