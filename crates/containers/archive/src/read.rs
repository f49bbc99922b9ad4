use std::collections::BTreeMap;
use std::io::Read;
use std::path::Path;
use std::sync::Arc;

use cornet_error::{Code, Error, Limits, Result, err, fail};
use zip::result::ZipError;
use zip::{CompressionMethod, ZipArchive};

use crate::names::check_entry_name;
use crate::source::{Bytes, DiskFile, ReadAt, Section, SourceReader};

/// What the catalogue of an archive says about one entry.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// Path inside the archive; a folder's ends with `/`.
    pub name: String,
    /// Bytes once decoded.
    pub size: u64,
    /// Bytes in the file.
    pub stored_size: u64,
    /// Whether the bytes in the file are the content itself, uncompressed.
    pub is_stored: bool,
    /// Whether this is a folder.
    pub is_folder: bool,
    index: usize,
    data_start: u64,
}

/// A zip archive whose entries have all been checked against [`Limits`] when it was opened.
///
/// Checked at opening: the number of entries; every name ([`check_entry_name`]), none twice; no symbolic links, no
/// encryption; the decoded size of each entry and of all together; the ratio of decoded to stored bytes; that entries
/// do not overlap, lie in the file, and that the catalogue agrees with the headers before the entries. Checked when an
/// entry is read: that it decodes to exactly the declared size and checksum. Memory for an entry grows with the bytes
/// that are really decoded.
pub struct Archive {
    zip: ZipArchive<SourceReader>,
    source: Arc<dyn ReadAt>,
    entries: BTreeMap<String, Entry>,
    limits: Limits,
}

impl Archive {
    /// Opens a zip file. Only its catalogue is read now.
    ///
    /// # Errors
    /// `not_found`, `permission_denied`, `io`; `unsupported_format` if it is no zip file; `corrupt`; `unsafe_content`;
    /// `limit_exceeded`.
    pub fn open(path: &Path, limits: &Limits) -> Result<Self> {
        Self::from_source(Arc::new(DiskFile::open(path)?), limits).map_err(|e| e.within(path.display().to_string()))
    }

    /// Opens a zip file in memory.
    ///
    /// # Errors
    /// As [`Archive::open`].
    pub fn from_bytes(bytes: impl Into<Arc<[u8]>>, limits: &Limits) -> Result<Self> {
        Self::from_source(Arc::new(Bytes::new(bytes)), limits)
    }

    /// Opens a zip file from any source.
    ///
    /// # Errors
    /// As [`Archive::open`].
    pub fn from_source(source: Arc<dyn ReadAt>, limits: &Limits) -> Result<Self> {
        if !starts_like_a_zip(source.as_ref()) {
            fail!(UnsupportedFormat, "expected a zip archive, found a file that does not start like one");
        }
        let mut zip = ZipArchive::new(SourceReader::new(source.clone())).map_err(explain)?;
        if zip.has_duplicate_names() {
            fail!(Unsafe, "zip archive: expected every entry name once, found one twice");
        }
        Limits::check("entries of a zip archive", zip.len() as u64, limits.entries as u64)?;
        zip.validate_header_consistency().map_err(explain)?;
        let mut entries = BTreeMap::new();
        let mut total = 0_u64;
        for index in 0..zip.len() {
            let entry = inspect(&mut zip, index, limits)?;
            total = total.saturating_add(entry.size);
            Limits::check("decoded bytes of a zip archive", total, limits.total_bytes)?;
            if Section::new(source.clone(), entry.data_start, entry.stored_size).is_none() {
                fail!(Corrupt, "zip entry {:?}: its bytes pass the end of the file", entry.name);
            }
            if let Some(twin) = entries.insert(entry.name.clone(), entry) {
                fail!(Unsafe, "zip archive: expected every entry name once, found {:?} twice", twin.name);
            }
        }
        Ok(Self { zip, source, entries, limits: *limits })
    }

    /// The entries in the order of their names.
    pub fn entries(&self) -> impl ExactSizeIterator<Item = &Entry> {
        self.entries.values()
    }

    /// The entries in the order in which the archive lists them, which is that of their writing.
    pub fn entries_in_file_order(&self) -> Vec<&Entry> {
        let mut entries: Vec<&Entry> = self.entries.values().collect();
        entries.sort_by_key(|entry| entry.index);
        entries
    }

    /// The entry of that name, if there is one.
    pub fn entry(&self, name: &str) -> Option<&Entry> {
        self.entries.get(name)
    }

    /// The limits the archive was opened with.
    pub fn limits(&self) -> &Limits {
        &self.limits
    }

    /// Decodes one entry and verifies its size and checksum.
    ///
    /// # Errors
    /// `not_found`; `corrupt` when the bytes do not decode to the declared size and checksum.
    pub fn read(&self, name: &str) -> Result<Vec<u8>> {
        let entry = self.expect(name)?;
        let mut content = Vec::new();
        // Stored bytes are all in the file; of compressed ones only the real output tells how many there are.
        let expected = if entry.is_stored { entry.size } else { entry.size.min(entry.stored_size.saturating_mul(4)) };
        let reserved = usize::try_from(expected).ok().and_then(|bytes| content.try_reserve_exact(bytes).ok());
        if reserved.is_none() {
            fail!(LimitExceeded, "zip entry {name:?}: no memory for its {} bytes", entry.size);
        }
        self.decode(entry, &mut content)?;
        Ok(content)
    }

    /// A stored entry as a range of the archive, after its checksum was verified in one pass that keeps nothing;
    /// `None` if the entry is compressed, so that only [`Archive::read`] can give its content.
    ///
    /// # Errors
    /// `not_found`, `corrupt`.
    pub fn section(&self, name: &str) -> Result<Option<Section>> {
        let entry = self.expect(name)?;
        if !entry.is_stored {
            return Ok(None);
        }
        self.decode(entry, &mut std::io::sink())?;
        Ok(Section::new(self.source.clone(), entry.data_start, entry.size))
    }

    fn expect(&self, name: &str) -> Result<&Entry> {
        self.entries.get(name).ok_or_else(|| {
            let known: Vec<&str> = self.entries.keys().take(8).map(String::as_str).collect();
            err!(NotFound, "zip archive: expected an entry {name:?}, found none").operand("entries", known.join(", "))
        })
    }

    /// Decodes into `to`, never more than the declared size, and checks size and checksum.
    fn decode(&self, entry: &Entry, to: &mut impl std::io::Write) -> Result<()> {
        let named = |e: Error| e.within(format!("zip entry {:?}", entry.name));
        let mut zip = self.zip.clone();
        let file = zip.by_index(entry.index).map_err(|e| named(explain(e)))?;
        // One byte more than declared shows an entry that lies; the checksum is verified when the data end.
        let mut limited = file.take(entry.size.saturating_add(1));
        let count = std::io::copy(&mut limited, to).map_err(|e| named(explain(ZipError::Io(e))))?;
        if count != entry.size {
            let more = if count > entry.size { "more" } else { "fewer" };
            return Err(named(err!(Corrupt, "expected {} decoded bytes, found {more}", entry.size)));
        }
        Ok(())
    }
}

fn starts_like_a_zip(source: &dyn ReadAt) -> bool {
    let mut magic = [0; 4];
    source.read_exact_at(0, &mut magic).is_ok() && matches!(&magic, b"PK\x03\x04" | b"PK\x05\x06")
}

/// Checks one entry of the catalogue.
fn inspect(zip: &mut ZipArchive<SourceReader>, index: usize, limits: &Limits) -> Result<Entry> {
    // Raw: nothing is decoded, and an encrypted entry can be looked at and refused with a reason.
    let file = zip.by_index_raw(index).map_err(explain)?;
    let name = file.name().map_err(explain)?.into_owned();
    check_entry_name(&name, limits)?;
    let place = |e: Error| e.within(format!("zip entry {name:?}"));
    if file.encrypted() {
        return Err(place(err!(UnsupportedFormat, "expected plain content, found an encrypted entry")));
    }
    if file.is_symlink() {
        return Err(place(err!(Unsafe, "expected a file or a folder, found a symbolic link")));
    }
    let is_stored = match file.compression() {
        CompressionMethod::Stored => true,
        CompressionMethod::Deflated => false,
        other => return Err(place(err!(UnsupportedFormat, "expected stored or deflate, found method {other}"))),
    };
    let (size, stored_size) = (file.size(), file.compressed_size());
    Limits::check("decoded bytes", size, limits.object_bytes).map_err(place)?;
    if is_stored && size != stored_size {
        return Err(place(err!(Corrupt, "expected {size} stored bytes, found {stored_size}")));
    }
    if size > limits.expanded(stored_size) {
        let text = format!("{size} bytes from {stored_size}: expected at most {} for one", limits.expansion);
        return Err(place(Error::new(Code::LimitExceeded, text)));
    }
    let data_start = file.data_start().ok_or_else(|| place(err!(Corrupt, "its data cannot be located")))?;
    let is_folder = file.is_dir();
    drop(file);
    Ok(Entry { name, size, stored_size, is_stored, is_folder, index, data_start })
}

/// The zip crate's failure in our terms.
fn explain(error: ZipError) -> Error {
    use std::io::ErrorKind::{InvalidData, InvalidInput, Other, UnexpectedEof};
    match error {
        ZipError::Io(e) if matches!(e.kind(), UnexpectedEof | InvalidData | InvalidInput | Other) => {
            err!(Corrupt, "zip archive: truncated or damaged ({e})")
                .help("the file may be incomplete; copy or download it again")
        }
        ZipError::Io(e) => err!(Io, "zip archive: {e}"),
        ZipError::UnsupportedArchive(what) => err!(UnsupportedFormat, "zip archive: {what}"),
        ZipError::CompressionMethodNotSupported(method) => {
            err!(UnsupportedFormat, "zip archive: expected stored or deflate, found compression method {method}")
        }
        other => err!(Corrupt, "zip archive: {other}").help("the file may be incomplete; copy or download it again"),
    }
}
