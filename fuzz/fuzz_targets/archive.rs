//! Zip archives.
#![no_main]

use cornet_archive::Archive;
use cornet_error::Limits;
use libfuzzer_sys::fuzz_target;

/// Little enough that taking it all is no crash, and enough for what a reader does.
fn limits() -> Limits {
    Limits { object_bytes: 64 << 20, total_bytes: 256 << 20, ..Limits::default() }
}

fuzz_target!(|bytes: &[u8]| {
    let Ok(archive) = Archive::from_bytes(bytes, &limits()) else { return };
    for entry in archive.entries() {
        let _ = archive.read(&entry.name);
    }
});
