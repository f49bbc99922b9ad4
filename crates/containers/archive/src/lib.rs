//! Zip archives, read within limits and written atomically.
//!
//! * [`Archive`] opens a zip file or its bytes, checks every entry before anything is decoded, and reads entries with
//!   their checksums verified. Nothing is ever unpacked to disk.
//! * [`ArchiveWriter`] writes stored (uncompressed) entries, as Keras does, and the same input gives the same bytes.
//! * [`atomic_write`] writes any file so that whoever looks sees the old content or the new one, never a part.
//! * [`Crc32c`] is the checksum of TensorFlow's files.
//! * [`ReadAt`] is random access to a file, to bytes in memory, or to a [`Section`] of either; the readers of other
//!   containers take it, so that a weights file inside an archive needs no copy in memory.
//!
//! ```
//! use cornet_archive::{Archive, ArchiveWriter};
//! use cornet_error::Limits;
//! # let dir = std::env::temp_dir().join(format!("cornet-archive-doc-{}", std::process::id()));
//! # std::fs::create_dir_all(&dir).unwrap();
//! let path = dir.join("a.zip");
//! ArchiveWriter::write(&path, |zip| zip.add("notes/one.txt", b"1"))?;
//! let archive = Archive::open(&path, &Limits::default())?;
//! assert_eq!(archive.read("notes/one.txt")?, b"1");
//! # std::fs::remove_dir_all(&dir).unwrap();
//! # Ok::<(), cornet_error::Error>(())
//! ```

mod atomic;
mod crc32c;
mod names;
mod read;
mod source;
mod write;

#[cfg(test)]
mod test_folder;

pub use atomic::{WriteFailure, atomic_write};
pub use crc32c::Crc32c;
pub use names::check_entry_name;
pub use read::{Archive, Entry};
pub use source::{Bytes, DiskFile, ReadAt, Section, SourceReader};
pub use write::ArchiveWriter;
