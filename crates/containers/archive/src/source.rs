use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::path::Path;
use std::sync::Arc;

use cornet_error::{Error, Result};

/// Random access to bytes of known length: a file, memory, or a part of either.
///
/// Reading takes `&self`, so one source serves several readers and threads.
pub trait ReadAt: Send + Sync {
    /// Length in bytes.
    fn len(&self) -> u64;

    /// Fills `buffer` from `offset` on.
    ///
    /// # Errors
    /// `UnexpectedEof` when the range passes the end; whatever the system reports otherwise.
    fn read_exact_at(&self, offset: u64, buffer: &mut [u8]) -> io::Result<()>;

    /// Whether there are no bytes at all.
    fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

fn past_end() -> io::Error {
    io::Error::new(io::ErrorKind::UnexpectedEof, "a read past the end")
}

/// Bytes in memory as a [`ReadAt`].
#[derive(Clone, Debug)]
pub struct Bytes(Arc<[u8]>);

impl Bytes {
    /// Takes the bytes.
    pub fn new(bytes: impl Into<Arc<[u8]>>) -> Self {
        Self(bytes.into())
    }
}

impl ReadAt for Bytes {
    fn len(&self) -> u64 {
        self.0.len() as u64
    }

    fn read_exact_at(&self, offset: u64, buffer: &mut [u8]) -> io::Result<()> {
        let start = usize::try_from(offset).map_err(|_| past_end())?;
        let end = start.checked_add(buffer.len()).ok_or_else(past_end)?;
        buffer.copy_from_slice(self.0.get(start..end).ok_or_else(past_end)?);
        Ok(())
    }
}

/// An open file as a [`ReadAt`]. Its length is taken once, when it is opened.
#[derive(Debug)]
pub struct DiskFile {
    #[cfg(unix)]
    file: File,
    #[cfg(not(unix))]
    file: std::sync::Mutex<File>,
    len: u64,
}

impl DiskFile {
    /// Opens `path` for reading.
    ///
    /// # Errors
    /// `not_found`, `permission_denied` or `io`.
    pub fn open(path: &Path) -> Result<Self> {
        let file = File::open(path).map_err(|e| Error::io("open", path, &e))?;
        let metadata = file.metadata().map_err(|e| Error::io("read", path, &e))?;
        if metadata.is_dir() {
            return Err(Error::io("read", path, &io::Error::from(io::ErrorKind::IsADirectory)));
        }
        let len = metadata.len();
        #[cfg(not(unix))]
        let file = std::sync::Mutex::new(file);
        Ok(Self { file, len })
    }
}

impl ReadAt for DiskFile {
    fn len(&self) -> u64 {
        self.len
    }

    #[cfg(unix)]
    fn read_exact_at(&self, offset: u64, buffer: &mut [u8]) -> io::Result<()> {
        std::os::unix::fs::FileExt::read_exact_at(&self.file, buffer, offset)
    }

    #[cfg(not(unix))]
    fn read_exact_at(&self, offset: u64, buffer: &mut [u8]) -> io::Result<()> {
        let mut file = self.file.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        file.seek(SeekFrom::Start(offset))?;
        file.read_exact(buffer)
    }
}

/// A range of another source.
#[derive(Clone)]
pub struct Section {
    source: Arc<dyn ReadAt>,
    start: u64,
    len: u64,
}

impl Section {
    /// The `len` bytes of `source` from `start` on; `None` if they are not all there.
    pub fn new(source: Arc<dyn ReadAt>, start: u64, len: u64) -> Option<Self> {
        (start.checked_add(len)? <= source.len()).then_some(Self { source, start, len })
    }
}

impl ReadAt for Section {
    fn len(&self) -> u64 {
        self.len
    }

    fn read_exact_at(&self, offset: u64, buffer: &mut [u8]) -> io::Result<()> {
        let end = offset.checked_add(buffer.len() as u64).ok_or_else(past_end)?;
        if end > self.len {
            return Err(past_end());
        }
        self.source.read_exact_at(self.start + offset, buffer)
    }
}

/// Sequential reading of a [`ReadAt`], as [`Read`] and [`Seek`]. A clone continues from the same place on its own.
#[derive(Clone)]
pub struct SourceReader {
    source: Arc<dyn ReadAt>,
    at: u64,
}

impl SourceReader {
    /// Starts at the first byte.
    pub fn new(source: Arc<dyn ReadAt>) -> Self {
        Self { source, at: 0 }
    }
}

impl Read for SourceReader {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let left = self.source.len().saturating_sub(self.at);
        let count = left.min(buffer.len() as u64) as usize;
        if count > 0 {
            self.source.read_exact_at(self.at, &mut buffer[..count])?;
            self.at += count as u64;
        }
        Ok(count)
    }
}

impl Seek for SourceReader {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        let at = match to {
            SeekFrom::Start(at) => Some(at),
            SeekFrom::End(by) => self.source.len().checked_add_signed(by),
            SeekFrom::Current(by) => self.at.checked_add_signed(by),
        };
        self.at = at.ok_or_else(|| io::Error::new(io::ErrorKind::InvalidInput, "a seek before the start"))?;
        Ok(self.at)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_section_reads_its_range_and_nothing_else() {
        let whole: Arc<dyn ReadAt> = Arc::new(Bytes::new(&b"0123456789"[..]));
        let part = Section::new(whole.clone(), 2, 5).unwrap();
        let mut buffer = [0; 5];
        part.read_exact_at(0, &mut buffer).unwrap();
        assert_eq!(&buffer, b"23456");
        assert!(part.read_exact_at(1, &mut buffer).is_err());
        assert!(part.read_exact_at(u64::MAX, &mut buffer).is_err());
        assert!(Section::new(whole.clone(), 6, 5).is_none());
        assert!(Section::new(whole, u64::MAX, 2).is_none());
    }

    #[test]
    fn a_reader_seeks_and_stops_at_the_end() {
        let mut reader = SourceReader::new(Arc::new(Bytes::new(&b"abcdef"[..])));
        reader.seek(SeekFrom::End(-2)).unwrap();
        let mut text = String::new();
        reader.read_to_string(&mut text).unwrap();
        assert_eq!(text, "ef");
        assert!(reader.seek(SeekFrom::Current(-7)).is_err());
        reader.seek(SeekFrom::Start(100)).unwrap();
        assert_eq!(reader.read(&mut [0; 4]).unwrap(), 0);
    }
}
