//! Where the files of a dataset lie.

use std::path::{Path, PathBuf};

use cornet_error::{Code, Error, Limits, Result, err};

use crate::idx::read_content;
use crate::registry::{DataFile, Dataset, info};
use crate::verify;

/// Where a dataset is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Location {
    /// Part of the program.
    Embedded,
    /// Files in a folder, in the order of [`Dataset::files`].
    Files {
        /// The folder.
        folder: PathBuf,
        /// The files, plain or with `.gz`.
        paths: Vec<PathBuf>,
    },
}

/// Cornet's folder: `$CORNET_HOME`, or `.cornet` in the user's home.
///
/// # Errors
/// `not_found` when neither is known.
pub fn home() -> Result<PathBuf> {
    match std::env::var_os("CORNET_HOME").filter(|v| !v.is_empty()) {
        Some(home) => Ok(PathBuf::from(home)),
        None => {
            std::env::home_dir().filter(|p| !p.as_os_str().is_empty()).map(|p| p.join(".cornet")).ok_or_else(|| {
                err!(NotFound, "home folder: not known").help("set CORNET_HOME to a folder that Cornet may write to")
            })
        }
    }
}

/// The folder of a dataset in the cache under `home`.
pub(crate) fn cache_folder(home: &Path, dataset: &Dataset) -> PathBuf {
    home.join("datasets").join(dataset.name)
}

/// Finds the files of a dataset and verifies their contents.
///
/// With `data` they are looked for there and nowhere else: directly, in a folder of the dataset's name or in
/// `datasets/<name>`. Without it, in the same places under [`home`], the cache first.
///
/// # Errors
/// `not_found`, with the folders where they were looked for; `corrupt` when a file has another content; whatever reading
/// them fails with.
pub fn locate(name: &str, data: Option<&Path>) -> Result<Location> {
    let dataset = info(name)?;
    if dataset.is_embedded() {
        return Ok(Location::Embedded);
    }
    let Found { folder, files } = contents(dataset, data, &Limits::default())?;
    Ok(Location::Files { folder, paths: files.into_iter().map(|(path, _)| path).collect() })
}

/// True when the files of a dataset are all in the cache (or the dataset is embedded). Their contents are not read.
pub fn is_cached(dataset: &Dataset) -> bool {
    let files_in = |folder: &Path| dataset.files.iter().all(|file| present(folder, file).is_some());
    dataset.is_embedded() || home().is_ok_and(|home| files_in(&cache_folder(&home, dataset)))
}

/// The verified files of a dataset.
pub(crate) struct Found {
    folder: PathBuf,
    /// The path and content of each file, in the order of [`Dataset::files`].
    pub(crate) files: Vec<(PathBuf, Vec<u8>)>,
}

/// The first folder that has every file of a dataset with the right content.
pub(crate) fn contents(dataset: &Dataset, data: Option<&Path>, limits: &Limits) -> Result<Found> {
    let root = match data {
        Some(folder) => folder.to_path_buf(),
        None => home()?,
    };
    let folders = folders(&root, dataset, data.is_some());
    let mut wrong: Option<Error> = None;
    for folder in &folders {
        let paths: Vec<PathBuf> = dataset.files.iter().filter_map(|file| present(folder, file)).collect();
        if paths.len() != dataset.files.len() {
            continue;
        }
        let read = |(file, path): (&DataFile, PathBuf)| {
            let content = read_verified(file, &path, limits)?;
            Ok((path, content))
        };
        match dataset.files.iter().zip(paths).map(read).collect::<Result<Vec<_>>>() {
            Ok(files) => return Ok(Found { folder: folder.clone(), files }),
            Err(error) => wrong = wrong.or(Some(error.within(dataset.name))),
        }
    }
    Err(wrong.unwrap_or_else(|| missing(dataset, &folders, data)))
}

/// The folders to look into.
fn folders(root: &Path, dataset: &Dataset, given: bool) -> Vec<PathBuf> {
    let names = || std::iter::once(dataset.name).chain(dataset.aliases.iter().copied());
    let direct = names().map(|name| root.join(name));
    let cached = names().map(|name| root.join("datasets").join(name));
    let itself = std::iter::once(root.to_path_buf());
    if given { itself.chain(direct).chain(cached).collect() } else { cached.chain(direct).chain(itself).collect() }
}

/// The path of a file in a folder, if it is there: with `.gz`, plain, or plain with Kaggle's dot before `idx`.
pub(crate) fn present(folder: &Path, file: &DataFile) -> Option<PathBuf> {
    let plain = file.name.strip_suffix(".gz").unwrap_or(file.name);
    let names = [file.name.to_string(), plain.to_string(), plain.replace("-idx", ".idx")];
    names.iter().map(|name| folder.join(name)).find(|path| path.is_file())
}

/// The content of a file, if it is the right one.
pub(crate) fn read_verified(file: &DataFile, path: &Path, limits: &Limits) -> Result<Vec<u8>> {
    // What is larger than the right content need not be read to know that it is not it.
    let bound = limits.object_bytes.min(file.bytes.saturating_mul(2).saturating_add(1 << 16));
    let limits = Limits { object_bytes: bound, ..*limits };
    let content = read_content(path, &limits)?;
    verify::check(file, content.len() as u64, &verify::sha256(&content))
        .map_err(|e| e.within(path.display().to_string()).help("remove the file, then fetch the dataset again"))?;
    Ok(content)
}

fn missing(dataset: &Dataset, folders: &[PathBuf], data: Option<&Path>) -> Error {
    let names: Vec<&str> = dataset.files.iter().map(|f| f.name).collect();
    let mut error = Error::new(Code::NotFound, format!("dataset '{}': its files are not there", dataset.name))
        .operand("expected", format!("{} (or without .gz)", names.join(", ")));
    for folder in folders.iter().take(if data.is_some() { 2 } else { 1 }) {
        error = error.operand("looked in", folder.display());
    }
    let megabytes = dataset.download_bytes() as f64 / 1e6;
    error.help(match data {
        Some(_) => "name the folder that has them with --data DIR".to_string(),
        None => format!(
            "`cornet datasets fetch {}` downloads them ({megabytes:.0} MB); or name a folder that has them with --data DIR",
            dataset.name
        ),
    })
}
