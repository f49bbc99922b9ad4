//! Downloads into the cache.

use std::io::{Read, Write};
use std::path::{Path, PathBuf};
use std::time::Duration;

use cornet_archive::atomic_write;
use cornet_error::{Code, Error, Limits, Result, err};

use crate::cache::{cache_folder, home, present, read_verified};
use crate::registry::{DataFile, Dataset, info};
use crate::verify::{Verifier, check};

/// How a dataset is downloaded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FetchOptions {
    /// The folder to write to; `$CORNET_HOME/datasets/<name>` if `None`.
    pub folder: Option<PathBuf>,
    /// Address of a folder that is asked instead of the dataset's own addresses: a mirror in a closed network.
    pub mirror: Option<String>,
    /// A PEM file of the certificates to trust; `None` means the file named by `SSL_CERT_FILE`, or else Mozilla's list.
    pub certificates: Option<PathBuf>,
    /// How long a connection may take to be made.
    pub connect_timeout: Duration,
    /// How long nothing may arrive before the transfer counts as dead.
    pub stall_timeout: Duration,
}

impl Default for FetchOptions {
    fn default() -> Self {
        Self {
            folder: None,
            mirror: None,
            certificates: None,
            connect_timeout: Duration::from_secs(15),
            stall_timeout: Duration::from_secs(30),
        }
    }
}

/// How far a download is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Transfer<'a> {
    /// Name of the file.
    pub file: &'a str,
    /// Its place among the files of the dataset, from 0.
    pub index: usize,
    /// How many files the dataset has.
    pub count: usize,
    /// Bytes received of this file.
    pub received: u64,
    /// Bytes of this file as the server announced them, or else as the registry has them.
    pub total: u64,
    /// True in the last report of each file: it is complete, its content verified.
    pub done: bool,
}

/// Downloads a dataset into the cache; returns the folder. Files that are there with the right content stay.
///
/// Each file is written under a temporary name and verified while it arrives; it takes its own name only once its
/// content has the right SHA-256. `progress` is called for every block received.
///
/// # Errors
/// `not_found` for an unknown name; `network` when no address answers; `corrupt` when what arrives is cut short or of
/// another content; `unsupported` for a build without the feature `download`; what writing fails with.
pub fn fetch(name: &str, options: &FetchOptions, progress: &mut dyn FnMut(Transfer<'_>)) -> Result<PathBuf> {
    fetch_dataset(info(name)?, options, progress)
}

/// Downloads a dataset.
///
/// # Errors
/// As [`fetch`].
pub fn fetch_dataset(
    dataset: &Dataset,
    options: &FetchOptions,
    progress: &mut dyn FnMut(Transfer<'_>),
) -> Result<PathBuf> {
    let folder = match &options.folder {
        Some(folder) => folder.clone(),
        None => cache_folder(&home()?, dataset),
    };
    if dataset.is_embedded() {
        return Ok(folder);
    }
    std::fs::create_dir_all(&folder).map_err(|e| Error::io("create the folder", &folder, &e))?;
    let count = dataset.files.len();
    for (index, file) in dataset.files.iter().enumerate() {
        let state = Transfer { file: file.name, index, count, received: 0, total: file.compressed_bytes, done: false };
        let there = present(&folder, file).is_some_and(|path| read_verified(file, &path, &Limits::default()).is_ok());
        if there {
            progress(Transfer { received: state.total, done: true, ..state });
        } else {
            fetch_file(dataset, file, &folder, options, state, progress).map_err(|e| e.within(dataset.name))?;
        }
    }
    Ok(folder)
}

/// Tries one address after the other.
fn fetch_file(
    dataset: &Dataset,
    file: &DataFile,
    folder: &Path,
    options: &FetchOptions,
    state: Transfer<'_>,
    progress: &mut dyn FnMut(Transfer<'_>),
) -> Result<()> {
    let path = folder.join(file.name);
    let bases: Vec<&str> = options.mirror.as_deref().map_or(dataset.addresses.to_vec(), |mirror| vec![mirror]);
    let mut failures: Vec<(String, Error)> = Vec::new();
    for base in bases {
        let url = format!("{}/{}", base.trim_end_matches('/'), file.name);
        match transfer(&url, file, &path, options, state, progress) {
            Ok(()) => return Ok(()),
            // What is wrong on this side is the same at every address.
            Err(e) if !matches!(e.code(), Code::Network | Code::Corrupt | Code::LimitExceeded) => return Err(e),
            Err(e) => failures.push((url, e)),
        }
    }
    let code = failures.first().map_or(Code::Network, |(_, e)| e.code());
    let mut error = Error::new(code, format!("{}: could not be downloaded", file.name));
    for (url, failure) in failures {
        error = error.operand(url, failure.message());
    }
    let help = format!(
        "check the connection (HTTPS_PROXY names a proxy); or put {} into {}, or name a folder that has it with --data DIR",
        file.name,
        folder.display()
    );
    Err(error.help(help))
}

/// Receives one file from one address.
fn transfer(
    url: &str,
    file: &DataFile,
    path: &Path,
    options: &FetchOptions,
    mut state: Transfer<'_>,
    progress: &mut dyn FnMut(Transfer<'_>),
) -> Result<()> {
    // Room for a mirror that stores the file plain or compressed in another way; never for an endless answer.
    let allowed = file.bytes.max(file.compressed_bytes).saturating_add(1 << 20);
    let (announced, mut body) = open(url, options)?;
    if let Some(length) = announced {
        Limits::check("bytes of the answer", length, allowed)?;
        state.total = length;
    }
    progress(state);
    atomic_write(path, |out| -> Result<()> {
        let mut verifier = Verifier::new(file.bytes);
        let mut block = vec![0; 64 << 10];
        loop {
            let n = match body.read(&mut block) {
                Ok(0) => break,
                Ok(n) => n,
                Err(e) if e.kind() == std::io::ErrorKind::Interrupted => continue,
                Err(e) => return Err(broken(&e, state)),
            };
            state.received += n as u64;
            Limits::check("bytes of the answer", state.received, allowed)?;
            verifier.write(&block[..n])?;
            out.write_all(&block[..n]).map_err(|e| Error::io("write", path, &e))?;
            progress(state);
        }
        if announced.is_some_and(|length| length != state.received) {
            return Err(broken(&std::io::ErrorKind::UnexpectedEof.into(), state));
        }
        let (bytes, sha256) = verifier.finish()?;
        check(file, bytes, &sha256)
    })
    .map_err(flat)?;
    progress(Transfer { done: true, ..state });
    Ok(())
}

fn broken(cause: &std::io::Error, state: Transfer<'_>) -> Error {
    err!(Network, "the connection broke after {} of {} bytes: {cause}", state.received, state.total)
}

/// An error whose operands are part of its sentence, since it becomes one line of another.
fn flat(error: Error) -> Error {
    match error.help_text() {
        Some(help) => Error::new(error.code(), format!("{} ({help})", error.message())),
        None => error,
    }
}

#[cfg(feature = "download")]
fn open(url: &str, options: &FetchOptions) -> Result<(Option<u64>, Box<dyn Read>)> {
    crate::http::get(url, options)
}

#[cfg(not(feature = "download"))]
fn open(_url: &str, _options: &FetchOptions) -> Result<(Option<u64>, Box<dyn Read>)> {
    Err(err!(Unsupported, "downloads: this build has none")
        .help("build with the feature `download`, or name a folder that has the files with --data DIR"))
}
