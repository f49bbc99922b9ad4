//! What `predict` reads: arrays, tables, JSON, images.

mod images;
mod table;
mod text;

use std::path::{Path, PathBuf};

use cornet_error::{Error, Limits, Result, err};
use cornet_tensor::Array;

pub use images::Pixels;

/// Bytes of a table or a JSON text, beyond which it is none.
const TEXT_BYTES_MAX: u64 = 1 << 30;

/// Reads inputs for a model that takes examples of this shape; axes that are not known are None.
///
/// # Errors
/// `not_found`, `io`; `unsupported_format` for other files; what their readers fail with.
pub fn read(paths: &[PathBuf], example: &[Option<usize>], pixels: Pixels) -> Result<Array> {
    let limits = Limits::default();
    match paths {
        [] => Err(err!(EmptyData, "--input: expected a file, found none")),
        [one] if one.is_dir() => images::read(&images::in_folder(one)?, example, pixels, &limits),
        [one] => read_one(one, example, pixels, &limits),
        several => images::read(several, example, pixels, &limits),
    }
}

fn read_one(path: &Path, example: &[Option<usize>], pixels: Pixels, limits: &Limits) -> Result<Array> {
    let within = |e: Error| e.within(path.display().to_string());
    match ending(path).as_str() {
        "npy" => Array::read_npy_within(path, limits),
        "npz" => only(Array::read_npz_within(path, limits)?).map_err(within),
        "csv" => table::parse(&whole(path)?, limits).map_err(within),
        "json" => text::parse(&whole(path)?, limits).map_err(within),
        _ if images::is_image(path) => images::read(&[path.to_path_buf()], example, pixels, limits),
        _ if !path.exists() => Err(Error::io("read", path, &std::io::ErrorKind::NotFound.into())),
        _ => Err(err!(UnsupportedFormat, "{}: expected .npy, .npz, .csv, .json, .png or .jpg", path.display())),
    }
}

fn ending(path: &Path) -> String {
    path.extension().map(|e| e.to_string_lossy().to_lowercase()).unwrap_or_default()
}

/// The one array of an archive, or the one called `x`.
fn only(arrays: Vec<(String, Array)>) -> Result<Array> {
    let names: Vec<String> = arrays.iter().map(|(name, _)| name.clone()).collect();
    let single = arrays.len() == 1;
    arrays.into_iter().find(|(name, _)| single || name == "x").map(|(_, array)| array).ok_or_else(|| {
        err!(InvalidArgument, "expected one array or one called x, found {}", names.join(", "))
            .help("the model has one input; save its examples under the name x")
    })
}

/// The bytes of a file that is not too large.
fn whole(path: &Path) -> Result<Vec<u8>> {
    let failed = |e: std::io::Error| Error::io("read", path, &e);
    let size = std::fs::metadata(path).map_err(failed)?.len();
    Limits::check("bytes of the file", size, TEXT_BYTES_MAX).map_err(|e| e.within(path.display().to_string()))?;
    std::fs::read(path).map_err(failed)
}
