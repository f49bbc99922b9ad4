//! Whole `.keras` files. The archive is made here, so that its checksums hold: the first bytes say how long the config is.
#![no_main]

use std::io::{Cursor, Write};

use cornet_cpu as _;
use cornet_error::Limits;
use cornet_nn::saving::{LoadOptions, load_model_from_bytes};
use libfuzzer_sys::fuzz_target;
use zip::CompressionMethod::Stored;
use zip::write::SimpleFileOptions;

/// Little enough that taking it all is no crash, and enough for what a reader does.
fn limits() -> Limits {
    Limits { object_bytes: 64 << 20, total_bytes: 256 << 20, ..Limits::default() }
}

fuzz_target!(|bytes: &[u8]| {
    let Some((length, rest)) = bytes.split_first_chunk::<2>() else { return };
    let (config, weights) = rest.split_at(usize::from(u16::from_le_bytes(*length)).min(rest.len()));
    let mut archive = zip::ZipWriter::new(Cursor::new(Vec::new()));
    let metadata = br#"{"keras_version": "3.15.1", "date_saved": "2026-01-31@23:59:59"}"#;
    for (name, content) in [("metadata.json", &metadata[..]), ("config.json", config), ("model.weights.h5", weights)] {
        let options = SimpleFileOptions::default().compression_method(Stored);
        if archive.start_file(name, options).is_err() || archive.write_all(content).is_err() {
            return;
        }
    }
    if let Ok(archive) = archive.finish() {
        let _ = load_model_from_bytes(archive.into_inner(), &LoadOptions::new().limits(limits()));
    }
});
