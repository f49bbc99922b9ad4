use std::ffi::OsString;
use std::fs::{self, File, OpenOptions};
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use cornet_error::{Error, Result, err};

/// A temporary file older than this that no process holds is left over from one that was killed.
const LEFTOVER_AGE: Duration = Duration::from_secs(60);

/// Writes a file so that a reader sees the old content or the new one, whole, whatever happens in between.
///
/// `fill` writes to a temporary file in the same folder; then its bytes are forced to disk and it takes the name
/// `path` in one step. If `fill` fails or panics, or the process dies, `path` keeps its old content; the temporary
/// file is removed, by this call or, after a kill, by a later one to the same `path`. A `path` that is a symbolic link
/// keeps being one: the file it names is replaced. The permissions of a replaced file stay.
///
/// Returns what `fill` returns.
///
/// # Errors
/// Those of `fill`; `not_found`, `permission_denied` or `io` when the folder cannot be written.
///
/// ```
/// use std::io::Write;
/// # let path = std::env::temp_dir().join(format!("cornet-atomic-doc-{}", std::process::id()));
/// cornet_archive::atomic_write(&path, |w| w.write_all(b"whole"))?;
/// assert_eq!(std::fs::read(&path).unwrap(), b"whole");
/// # std::fs::remove_file(&path).unwrap();
/// # Ok::<(), cornet_error::Error>(())
/// ```
pub fn atomic_write<T, E: WriteFailure>(
    path: &Path,
    fill: impl FnOnce(&mut BufWriter<File>) -> Result<T, E>,
) -> Result<T> {
    let path = fs::canonicalize(path).unwrap_or_else(|_| path.to_path_buf());
    let failed = |e: io::Error| Error::io("write", &path, &e);
    let name = path.file_name().ok_or_else(|| err!(InvalidArgument, "{}: expected a file name", path.display()))?;
    let folder = match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent.to_path_buf(),
        _ => PathBuf::from("."),
    };
    let mut prefix = OsString::from(".");
    prefix.push(name);
    prefix.push(".cornet-");
    remove_leftovers(&folder, &prefix);

    let mut temporary = Temporary::create(&folder, &prefix).map_err(failed)?;
    let value = fill(&mut temporary.writer).map_err(|e| e.into_error(&path))?;
    temporary.writer.flush().map_err(failed)?;
    if let Ok(old) = fs::metadata(&path) {
        temporary.writer.get_ref().set_permissions(old.permissions()).map_err(failed)?;
    }
    temporary.writer.get_ref().sync_all().map_err(failed)?;
    fs::rename(&temporary.path, &path).map_err(failed)?;
    temporary.renamed = true;
    // The rename itself is durable once the folder is; a system that cannot sync folders still has a whole file.
    #[cfg(unix)]
    let _ = File::open(&folder).and_then(|folder| folder.sync_all());
    Ok(value)
}

/// How the closure given to [`atomic_write`] may fail: with the system's error or with one of Cornet's.
pub trait WriteFailure {
    /// The error to report, for a file that was to become `path`.
    fn into_error(self, path: &Path) -> Error;
}

impl WriteFailure for io::Error {
    fn into_error(self, path: &Path) -> Error {
        Error::io("write", path, &self)
    }
}

impl WriteFailure for Error {
    fn into_error(self, _path: &Path) -> Error {
        self
    }
}

/// A locked file that is deleted when it goes out of scope, unless it was renamed.
struct Temporary {
    path: PathBuf,
    writer: BufWriter<File>,
    renamed: bool,
}

impl Temporary {
    fn create(folder: &Path, prefix: &OsString) -> io::Result<Self> {
        static NEXT: AtomicU64 = AtomicU64::new(0);
        loop {
            let mut name = prefix.clone();
            name.push(format!("{}-{}.tmp", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed)));
            let path = folder.join(name);
            match OpenOptions::new().write(true).create_new(true).open(&path) {
                Ok(file) => {
                    // The lock tells a later call that this file is in use; where locks do not exist, age must do.
                    let _ = file.try_lock();
                    return Ok(Self { path, writer: BufWriter::with_capacity(1 << 16, file), renamed: false });
                }
                Err(e) if e.kind() == io::ErrorKind::AlreadyExists => {}
                Err(e) => return Err(e),
            }
        }
    }
}

impl Drop for Temporary {
    fn drop(&mut self) {
        if !self.renamed {
            let _ = fs::remove_file(&self.path);
        }
    }
}

/// Deletes temporary files of the same target whose process is gone. Best effort: a failure here is no failure.
fn remove_leftovers(folder: &Path, prefix: &OsString) {
    let Ok(entries) = fs::read_dir(folder) else { return };
    for entry in entries.flatten() {
        if !entry.file_name().as_encoded_bytes().starts_with(prefix.as_encoded_bytes()) {
            continue;
        }
        let age = entry.metadata().and_then(|m| m.modified()).ok().and_then(|at| at.elapsed().ok());
        if age.is_none_or(|age| age < LEFTOVER_AGE) {
            continue;
        }
        if OpenOptions::new().write(true).open(entry.path()).is_ok_and(|file| file.try_lock().is_ok()) {
            let _ = fs::remove_file(entry.path());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::test_folder::Folder;

    #[test]
    fn a_failure_keeps_the_old_file_and_leaves_nothing_behind() {
        let folder = Folder::new("atomic-failure");
        let path = folder.path().join("model");
        atomic_write(&path, |w| w.write_all(b"old")).unwrap();
        let failed = atomic_write(&path, |w| {
            w.write_all(b"new, partly")?;
            Err::<(), _>(io::Error::other("disk full"))
        });
        assert!(failed.unwrap_err().to_string().contains("disk full"));
        let panicked = std::panic::catch_unwind(|| {
            atomic_write(&path, |w| -> io::Result<()> {
                w.write_all(b"new, partly")?;
                panic!("on purpose")
            })
        });
        assert!(panicked.is_err());
        assert_eq!(fs::read(&path).unwrap(), b"old");
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
    }

    #[test]
    fn leftovers_of_a_killed_process_go_and_files_in_use_stay() {
        let folder = Folder::new("atomic-leftovers");
        let path = folder.path().join("model");
        let old = std::time::SystemTime::now() - Duration::from_secs(3600);
        let dead = folder.path().join(".model.cornet-1-0.tmp");
        let used = folder.path().join(".model.cornet-1-1.tmp");
        let other = folder.path().join(".other.cornet-1-1.tmp");
        for file in [&dead, &used, &other] {
            File::create(file).unwrap().set_modified(old).unwrap();
        }
        let holder = File::open(&used).unwrap();
        holder.lock().unwrap();
        atomic_write(&path, |w| w.write_all(b"x")).unwrap();
        assert_eq!((dead.exists(), used.exists(), other.exists()), (false, true, true));
    }

    #[cfg(unix)]
    #[test]
    fn a_link_stays_a_link_and_permissions_stay() {
        use std::os::unix::fs::PermissionsExt;
        let folder = Folder::new("atomic-link");
        let (real, link) = (folder.path().join("real"), folder.path().join("link"));
        fs::write(&real, "old").unwrap();
        fs::set_permissions(&real, fs::Permissions::from_mode(0o640)).unwrap();
        std::os::unix::fs::symlink(&real, &link).unwrap();
        atomic_write(&link, |w| w.write_all(b"new")).unwrap();
        assert!(fs::symlink_metadata(&link).unwrap().is_symlink());
        assert_eq!(fs::read(&real).unwrap(), b"new");
        assert_eq!(fs::metadata(&real).unwrap().permissions().mode() & 0o777, 0o640);
    }

    #[test]
    fn a_missing_folder_is_named() {
        let error = atomic_write(Path::new("/nowhere/at/all/x"), |w| w.write_all(b"")).unwrap_err();
        assert!(error.to_string().contains("/nowhere/at/all/x"), "{error}");
    }
}
