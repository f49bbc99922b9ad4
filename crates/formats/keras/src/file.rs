//! Reading and writing whole files.

use std::collections::BTreeMap;
use std::io;
use std::path::Path;
use std::sync::Arc;

use cornet_archive::{Archive, ArchiveWriter, Bytes, DiskFile, ReadAt, atomic_write, check_entry_name};
use cornet_error::{Error, Limits, Result, err, fail};
use cornet_hdf5::{File, Image, is_hdf5};
use serde_json::{Value, json};

use crate::config::{check_config, parse_config};
use crate::legacy::{self, Legacy};
use crate::metadata::Metadata;
use crate::weights::WeightStore;

const METADATA: &str = "metadata.json";
const CONFIG: &str = "config.json";
const WEIGHTS: &str = "model.weights.h5";
const ASSETS: &str = "assets/";

/// A model file in memory.
#[derive(Clone, Debug, PartialEq)]
pub struct KerasFile {
    /// Who saved it and when.
    pub metadata: Metadata,
    /// The model, as the grammar in the crate's documentation has it; null if an older file has weights only.
    pub config: Value,
    /// The variables; empty for older files.
    pub weights: WeightStore,
    /// Files of layers, by their path below `assets/`.
    pub assets: BTreeMap<String, Vec<u8>>,
    /// Weights and training of an older file; none for a `.keras` file.
    pub legacy: Option<Legacy>,
}

/// Reads a model file: `.keras`, or an older `.h5`. The content decides, not the name.
///
/// Only the variables' values are kept in memory; the file is read in place.
///
/// # Errors
/// `not_found`, `permission_denied`, `io`; `unsupported_format` if it is neither; `corrupt`; `unsafe_content` for
/// code, links out of the file and entries out of the archive; `limit_exceeded`.
pub fn read(path: &Path, limits: &Limits) -> Result<KerasFile> {
    from_source(Arc::new(DiskFile::open(path)?), limits).map_err(|e| e.within(path.display().to_string()))
}

/// Reads a model file from memory.
///
/// # Errors
/// As [`read`].
pub fn from_bytes(bytes: impl Into<Arc<[u8]>>, limits: &Limits) -> Result<KerasFile> {
    from_source(Arc::new(Bytes::new(bytes)), limits)
}

/// Whether the source is an HDF5 file, which may begin after a block of the user's of 512, 1024, … bytes.
fn is_hdf5_file(source: &dyn ReadAt) -> bool {
    let mut start = [0; 8];
    let mut begins =
        |at: u64, with: &dyn Fn(&[u8]) -> bool| source.read_exact_at(at, &mut start).is_ok() && with(&start);
    if begins(0, &|start| start.starts_with(b"PK")) {
        return false;
    }
    let places = std::iter::successors(Some(0_u64), |at| Some(if *at == 0 { 512 } else { at.checked_mul(2)? }));
    places.take_while(|at| *at < source.len()).any(|at| begins(at, &is_hdf5))
}

fn from_source(source: Arc<dyn ReadAt>, limits: &Limits) -> Result<KerasFile> {
    if is_hdf5_file(source.as_ref()) {
        let file = File::from_source(source, limits)?;
        if legacy::is_legacy(file.root()) {
            return legacy::read(file.root(), limits);
        }
        return Err(err!(UnsupportedFormat, "expected a model, found an HDF5 file without a model's config")
            .help("if it holds weights only, load them into a model with load_weights"));
    }
    let archive = Archive::from_source(source, limits).map_err(|e| {
        e.help("a model is a .keras file (a zip archive) or an .h5 file (HDF5); a SavedModel is a folder")
    })?;
    let metadata = read_metadata(&archive)?;
    let json = archive.read(CONFIG)?;
    let config = parse_config(&json, limits).map_err(|e| e.within(CONFIG))?;
    drop(json);
    let weights = match weights_of(&archive, limits)? {
        Some(file) => WeightStore::from_hdf5(file.root()).map_err(|e| e.within(WEIGHTS))?,
        None => fail!(UnsupportedFormat, "{WEIGHTS}: expected the variables there, found no such entry"),
    };
    let mut assets = BTreeMap::new();
    for entry in archive.entries().filter(|entry| !entry.is_folder) {
        if let Some(name) = entry.name.strip_prefix(ASSETS) {
            assets.insert(name.to_owned(), archive.read(&entry.name)?);
        }
    }
    Ok(KerasFile { metadata, config, weights, assets, legacy: None })
}

/// The HDF5 file in the archive: in place if it is stored as Keras stores it, from memory if it is compressed.
fn weights_of(archive: &Archive, limits: &Limits) -> Result<Option<File>> {
    if archive.entry(WEIGHTS).is_none() {
        return Ok(None);
    }
    let file = match archive.section(WEIGHTS)? {
        Some(section) => File::from_source(Arc::new(section), limits),
        None => File::from_bytes(archive.read(WEIGHTS)?, limits),
    };
    file.map(Some).map_err(|e| e.within(WEIGHTS))
}

fn read_metadata(archive: &Archive) -> Result<Metadata> {
    let json: Value = serde_json::from_slice(&archive.read(METADATA)?)
        .map_err(|e| err!(Corrupt, "{METADATA}: expected JSON, found {e}"))?;
    let text = |key: &str| json[key].as_str().unwrap_or_default().to_owned();
    Ok(Metadata { keras_version: text("keras_version"), date_saved: text("date_saved") })
}

/// Writes a `.keras` file that Keras 3.15.1 loads. The file is replaced in one step, or not at all; the variables are
/// written from where they are. The same content gives the same bytes.
///
/// # Errors
/// `unsafe_content` for a config with code or an asset whose name leaves its folder; `dtype_mismatch` for variables
/// that are strings; `invalid_argument` for a file with the weights of an older one; `io`, `not_found`,
/// `permission_denied`.
pub fn write(path: &Path, file: &KerasFile) -> Result<()> {
    let limits = Limits::default();
    if file.legacy.is_some() {
        fail!(InvalidArgument, "expected variables by path, found the weights of an older file")
    }
    check_config(&file.config, &limits).map_err(|e| e.within(CONFIG))?;
    let Metadata { keras_version, date_saved } = &file.metadata;
    let metadata = json!({"keras_version": keras_version, "date_saved": date_saved}).to_string();
    let config = file.config.to_string();
    let tree = file.weights.to_hdf5()?;
    let image = Image::new(&tree)?;
    for name in file.assets.keys() {
        check_entry_name(name, &limits)?;
    }
    ArchiveWriter::write(path, |zip| {
        zip.add(METADATA, metadata.as_bytes())?;
        zip.add(CONFIG, config.as_bytes())?;
        zip.add_with(WEIGHTS, image.byte_len(), |mut writer| {
            image.write_to(&mut writer).map_err(|e: io::Error| Error::io("write", path, &e))
        })?;
        file.assets.iter().try_for_each(|(name, content)| zip.add(&format!("{ASSETS}{name}"), content))
    })
}

/// What a file of weights has.
#[derive(Clone, Debug)]
pub enum WeightFile {
    /// Variables by the paths of layers: `.weights.h5` and `.keras`.
    Paths(WeightStore),
    /// Lists of variables by the names of layers: an older file, in [`KerasFile::legacy`].
    Layers(Box<KerasFile>),
}

/// Reads the variables alone: from a `.weights.h5` file of Keras 3, or from a `.keras` file.
///
/// # Errors
/// As [`read`]; `unsupported_format` for older files, which know layers by name and not by path.
pub fn read_weights(path: &Path, limits: &Limits) -> Result<WeightStore> {
    match read_weights_of_any(path, limits)? {
        WeightFile::Paths(store) => Ok(store),
        WeightFile::Layers(_) => Err(err!(
            UnsupportedFormat,
            "expected variables by path, found an older file, which has them by layer name"
        )
        .within(path.display().to_string())),
    }
}

/// Reads the variables of a `.weights.h5`, `.keras` or older `.h5` file.
///
/// # Errors
/// As [`read`].
pub fn read_weights_of_any(path: &Path, limits: &Limits) -> Result<WeightFile> {
    let source: Arc<dyn ReadAt> = Arc::new(DiskFile::open(path)?);
    let weights = || {
        if !is_hdf5_file(source.as_ref()) {
            let archive = Archive::from_source(source.clone(), limits)?;
            let file = weights_of(&archive, limits)?.ok_or_else(|| err!(NotFound, "{WEIGHTS}: no such entry"))?;
            return WeightStore::from_hdf5(file.root()).map(WeightFile::Paths);
        }
        let file = File::from_source(source.clone(), limits)?;
        if legacy::is_legacy(file.root()) {
            return legacy::read(file.root(), limits).map(|file| WeightFile::Layers(Box::new(file)));
        }
        WeightStore::from_hdf5(file.root()).map(WeightFile::Paths)
    };
    weights().map_err(|e: Error| e.within(path.display().to_string()))
}

/// Writes a `.weights.h5` file that `load_weights` of Keras 3.15.1 reads, in one step or not at all.
///
/// # Errors
/// `dtype_mismatch` for variables that are strings; `io`, `not_found`, `permission_denied`.
pub fn write_weights(path: &Path, weights: &WeightStore) -> Result<()> {
    let tree = weights.to_hdf5()?;
    let image = Image::new(&tree)?;
    atomic_write(path, |file| image.write_to(file))
}
