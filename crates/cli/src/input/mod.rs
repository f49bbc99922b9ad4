//! What `predict` reads: arrays, tables, JSON, images.

mod images;
mod table;
mod text;

use std::path::{Path, PathBuf};

use cornet_error::{Error, Limits, Result, err};
use cornet_program::{Signature, TensorSpec};
use cornet_tensor::{Array, DType};

use crate::suggest::nearest;
pub use images::Pixels;

/// Bytes of a table or a JSON text, beyond which it is none.
const TEXT_BYTES_MAX: u64 = 1 << 30;

/// Reads inputs for a function: an array for each of its inputs, in their order.
///
/// Words `NAME=FILE` say which input a file is for; else one file has all of them, or several images are the examples of
/// the one input.
///
/// # Errors
/// `not_found`, `io`; `unsupported_format` for other files; `invalid_argument` for inputs that are missing; what the
/// files' readers fail with.
pub fn read(words: &[PathBuf], signature: &Signature, pixels: Pixels) -> Result<Vec<Array>> {
    let limits = Limits::default();
    let named = words.iter().map(|word| named(word, signature)).collect::<Result<Vec<_>>>()?;
    if named.iter().any(Option::is_some) {
        return read_named(words, named, signature, pixels, &limits);
    }
    let [one] = words else {
        let spec = only(signature, "several files")?;
        return Ok(vec![images::read(words, spec, pixels, &limits)?]);
    };
    if one.is_dir() {
        let spec = only(signature, "a folder of images")?;
        return Ok(vec![images::read(&images::in_folder(one)?, spec, pixels, &limits)?]);
    }
    let within = |e: Error| e.within(one.display().to_string());
    match ending(one).as_str() {
        "npz" => from_archive(Array::read_npz_within(one, &limits)?, signature).map_err(within),
        "json" => text::read(&whole(one)?, signature, &limits).map_err(within),
        "csv" if signature.inputs.len() > 1 => {
            table::parse(&whole(one)?, &limits).and_then(|table| by_column(&table, signature)).map_err(within)
        }
        _ => Ok(vec![read_one(one, only(signature, "one file")?, pixels, &limits)?]),
    }
}

/// The input and the file of a word `NAME=FILE`, if the part before the first `=` is the name of an input, or could be.
fn named<'a>(word: &Path, signature: &'a Signature) -> Result<Option<(&'a TensorSpec, PathBuf)>> {
    let Some((name, file)) = word.to_str().and_then(|word| word.split_once('=')) else { return Ok(None) };
    let names = signature.inputs.iter().map(|spec| spec.name.as_str());
    match signature.inputs.iter().find(|spec| spec.name == name) {
        Some(spec) => Ok(Some((spec, file.into()))),
        None if word.exists() => Ok(None),
        None => {
            let expected = names.clone().collect::<Vec<_>>().join(", ");
            let error = err!(InvalidArgument, "--input: expected one of the inputs {expected}, found '{name}'");
            Err(match nearest(name, names) {
                Some(near) => error.help(format!("did you mean '{near}'?")),
                None => error,
            })
        }
    }
}

fn read_named(
    words: &[PathBuf],
    named: Vec<Option<(&TensorSpec, PathBuf)>>,
    signature: &Signature,
    pixels: Pixels,
    limits: &Limits,
) -> Result<Vec<Array>> {
    let mut arrays = Vec::new();
    for (word, named) in words.iter().zip(named) {
        let Some((spec, file)) = named else {
            let error =
                err!(InvalidArgument, "--input: expected NAME=FILE, as the others are, found {}", word.display());
            return Err(error);
        };
        let array = match ending(&file).as_str() {
            "npz" => {
                let arrays = Array::read_npz_within(&file, limits)?;
                one_of(arrays, &spec.name).map_err(|e| e.within(file.display().to_string()))?
            }
            _ => read_one(&file, spec, pixels, limits)?,
        };
        arrays.push((spec.name.clone(), array));
    }
    signature.arrange(arrays)
}

/// The one input of a function.
fn only<'a>(signature: &'a Signature, found: &str) -> Result<&'a TensorSpec> {
    match signature.inputs.as_slice() {
        [one] => Ok(one),
        several => {
            let names = several.iter().map(|spec| spec.name.as_str()).collect::<Vec<_>>();
            let words = names.iter().map(|name| format!("{name}=FILE")).collect::<Vec<_>>().join(" --input ");
            Err(err!(InvalidArgument, "--input: expected arrays for {}, found {found}", names.join(", "))
                .help(format!("give an .npz with these names, or --input {words}")))
        }
    }
}

/// Reads a file for one input.
fn read_one(path: &Path, spec: &TensorSpec, pixels: Pixels, limits: &Limits) -> Result<Array> {
    let within = |e: Error| e.within(path.display().to_string());
    let is_text = spec.dtype == DType::Str;
    match ending(path).as_str() {
        "npy" => Array::read_npy_within(path, limits),
        "csv" if is_text => table::texts(&whole(path)?, limits).map_err(within),
        "csv" => table::parse(&whole(path)?, limits).and_then(|table| table.array()).map_err(within),
        "json" => text::parse(&whole(path)?, limits).map_err(within),
        "txt" if is_text => text::lines(&whole(path)?, limits).map_err(within),
        _ if path.is_dir() => images::read(&images::in_folder(path)?, spec, pixels, limits),
        _ if images::is_image(path) => images::read(&[path.to_path_buf()], spec, pixels, limits),
        _ if !path.exists() => Err(Error::io("read", path, &std::io::ErrorKind::NotFound.into())),
        _ => Err(err!(UnsupportedFormat, "{}: expected .npy, .npz, .csv, .json, .png or .jpg", path.display())),
    }
}

fn ending(path: &Path) -> String {
    path.extension().map(|e| e.to_string_lossy().to_lowercase()).unwrap_or_default()
}

/// The arrays of an archive for the inputs: by name, or `arr_0`, `arr_1`, … as `numpy.savez` calls those without.
fn from_archive(mut arrays: Vec<(String, Array)>, signature: &Signature) -> Result<Vec<Array>> {
    if let [spec] = signature.inputs.as_slice() {
        return Ok(vec![one_of(arrays, &spec.name)?]);
    }
    let numbered = |i: usize| format!("arr_{i}");
    let by_order =
        arrays.len() == signature.inputs.len() && arrays.iter().enumerate().all(|(i, (name, _))| *name == numbered(i));
    if by_order {
        return Ok(arrays.into_iter().map(|(_, array)| array).collect());
    }
    let found = arrays.iter().map(|(name, _)| name.clone()).collect::<Vec<_>>().join(", ");
    let take = |spec: &TensorSpec| {
        let at = arrays.iter().position(|(name, _)| *name == spec.name).ok_or_else(|| {
            let expected = signature.inputs.iter().map(|s| s.name.as_str()).collect::<Vec<_>>().join(", ");
            err!(InvalidArgument, "expected arrays {expected}, found {found}")
                .help(format!("'{}' is missing; numpy.savez(file, name=array, ...) gives names", spec.name))
        })?;
        Ok(arrays.swap_remove(at).1)
    };
    signature.inputs.iter().map(take).collect()
}

/// The one array of an archive, or the one of that name, or the one called `x`.
fn one_of(arrays: Vec<(String, Array)>, name: &str) -> Result<Array> {
    let names: Vec<String> = arrays.iter().map(|(name, _)| name.clone()).collect();
    let place = |name: &str| names.iter().position(|n| n == name);
    let chosen = if names.len() == 1 { Some(0) } else { place(name).or_else(|| place("x")) };
    let array = chosen.and_then(|at| arrays.into_iter().nth(at)).map(|(_, array)| array);
    array.ok_or_else(|| {
        err!(InvalidArgument, "expected one array, or one called {name} or x, found {}", names.join(", "))
            .help("the model has one input; save its examples under its name")
    })
}

/// The columns of a table for the inputs of their names.
fn by_column(table: &table::Table, signature: &Signature) -> Result<Vec<Array>> {
    signature.inputs.iter().map(|spec| table.column(&spec.name)).collect()
}

/// The bytes of a file that is not too large.
fn whole(path: &Path) -> Result<Vec<u8>> {
    let failed = |e: std::io::Error| Error::io("read", path, &e);
    let size = std::fs::metadata(path).map_err(failed)?.len();
    Limits::check("bytes of the file", size, TEXT_BYTES_MAX).map_err(|e| e.within(path.display().to_string()))?;
    std::fs::read(path).map_err(failed)
}
