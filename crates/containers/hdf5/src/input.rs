//! The bytes of a file, the sizes of its addresses, and the budgets that keep a hostile file cheap.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, OnceLock};

use cornet_archive::ReadAt;
use cornet_error::{Code, Error, Limits, Result, err, fail};

use crate::heap::Collections;

/// The eight bytes an HDF5 file starts with.
const SIGNATURE: &[u8; 8] = b"\x89HDF\r\n\x1a\n";

/// Whether these first bytes of a file are those of an HDF5 file.
pub fn is_hdf5(start: &[u8]) -> bool {
    start.starts_with(SIGNATURE)
}

/// A damaged file, in one sentence.
pub(crate) fn corrupt(text: impl Into<String>) -> Error {
    Error::new(Code::Corrupt, text).help("the file may be incomplete; copy or download it again")
}

/// An open file: where its bytes are and how its addresses are written.
pub(crate) struct Input {
    source: Arc<dyn ReadAt>,
    pub(crate) limits: Limits,
    pub(crate) root: u64,
    base: u64,
    offset_size: usize,
    length_size: usize,
    /// Bytes of structure, texts included, that may still be read: each is worth reading a few times at most.
    budget: AtomicU64,
    pub(crate) collections: Mutex<Collections>,
    decoder: OnceLock<Result<hdf5_pure::File>>,
}

impl Input {
    /// Finds and reads the superblock.
    pub(crate) fn open(source: Arc<dyn ReadAt>, limits: &Limits) -> Result<Self> {
        let budget = source.len().saturating_mul(8).saturating_add(1 << 20);
        let mut input = Self {
            source,
            limits: *limits,
            root: 0,
            base: 0,
            offset_size: 8,
            length_size: 8,
            budget: AtomicU64::new(budget),
            collections: Mutex::default(),
            decoder: OnceLock::new(),
        };
        let at = input.find_superblock()?;
        let length = (input.source.len() - at).min(128);
        let block = input.block(at, length)?;
        let mut fields = Fields::new(&block[8..]);
        let version = fields.u8()?;
        match version {
            0 | 1 => {
                fields.skip(4)?;
                input.set_sizes(fields.u8()?, fields.u8()?)?;
                fields.skip(if version == 0 { 9 } else { 13 })?;
            }
            2 | 3 => {
                input.set_sizes(fields.u8()?, fields.u8()?)?;
                fields.skip(1)?;
            }
            other => fail!(UnsupportedFormat, "HDF5 superblock: expected version 0 to 3, found {other}"),
        }
        let base = fields.word(input.offset_size)?;
        fields.skip(input.offset_size)?;
        let end = fields.word(input.offset_size)?;
        if version < 2 {
            fields.skip(2 * input.offset_size)?;
        }
        input.root = fields.word(input.offset_size)?;
        input.base = base;
        // The end is counted from the file's first byte, behind whatever block of the user's comes first.
        if base != at || end > input.source.len() {
            let found = input.source.len();
            return Err(corrupt(format!("HDF5 file: expected {end} bytes, found {found}: it is truncated or damaged")));
        }
        Ok(input)
    }

    fn find_superblock(&self) -> Result<u64> {
        let mut at = 0;
        while at + 64 <= self.source.len() {
            if self.block(at, 8)? == SIGNATURE {
                return Ok(at);
            }
            at = if at == 0 { 512 } else { at * 2 };
        }
        Err(err!(UnsupportedFormat, "expected an HDF5 file, found no HDF5 signature"))
    }

    fn set_sizes(&mut self, offset_size: u8, length_size: u8) -> Result<()> {
        for size in [offset_size, length_size] {
            if !matches!(size, 4 | 8) {
                fail!(UnsupportedFormat, "HDF5 addresses: expected 4 or 8 bytes, found {size}");
            }
        }
        (self.offset_size, self.length_size) = (usize::from(offset_size), usize::from(length_size));
        Ok(())
    }

    /// Length of the file in bytes.
    pub(crate) fn len(&self) -> u64 {
        self.source.len()
    }

    /// Counts bytes about to be read or decoded against the budget of the whole file.
    pub(crate) fn spend(&self, bytes: u64) -> Result<()> {
        let spent = self.budget.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| left.checked_sub(bytes));
        if spent.is_err() {
            fail!(LimitExceeded, "HDF5 file: its structure refers to the same bytes again and again");
        }
        Ok(())
    }

    /// `length` bytes of structure at file position `at`.
    fn block(&self, at: u64, length: u64) -> Result<Vec<u8>> {
        if at.checked_add(length).is_none_or(|end| end > self.source.len()) {
            return Err(corrupt(format!("HDF5 file: {length} bytes at {at} pass its end at {}", self.source.len())));
        }
        self.spend(length)?;
        let mut bytes = vec![0; usize::try_from(length).map_err(|_| corrupt("HDF5 file: a block beyond memory"))?];
        self.source.read_exact_at(at, &mut bytes).map_err(|e| err!(Io, "HDF5 file: {e}"))?;
        Ok(bytes)
    }

    /// `length` bytes of structure at a stored address.
    pub(crate) fn read(&self, address: u64, length: u64) -> Result<Vec<u8>> {
        let at = self.base.checked_add(address).ok_or_else(|| corrupt("HDF5 file: an address beyond any file"))?;
        self.block(at, length)
    }

    /// Whether the whole range lies in the file.
    pub(crate) fn contains(&self, address: u64, length: u64) -> bool {
        let end = self.base.checked_add(address).and_then(|at| at.checked_add(length));
        end.is_some_and(|end| end <= self.source.len())
    }

    /// Values at a stored address, straight into memory that the caller has taken.
    pub(crate) fn read_values(&self, address: u64, values: &mut [u8]) -> Result<()> {
        let at = self.base.saturating_add(address);
        self.source.read_exact_at(at, values).map_err(|e| match e.kind() {
            std::io::ErrorKind::UnexpectedEof => corrupt("HDF5 file: values pass its end"),
            _ => err!(Io, "HDF5 file: {e}"),
        })
    }

    /// A field of this file's address width; `None` for the undefined address.
    pub(crate) fn address(&self, fields: &mut Fields<'_>) -> Result<Option<u64>> {
        let value = fields.word(self.offset_size)?;
        let undefined = if self.offset_size == 8 { u64::MAX } else { u64::from(u32::MAX) };
        Ok((value != undefined).then_some(value))
    }

    /// A field of this file's length width.
    pub(crate) fn length(&self, fields: &mut Fields<'_>) -> Result<u64> {
        fields.word(self.length_size)
    }

    /// Bytes of an address field.
    pub(crate) fn offset_size(&self) -> usize {
        self.offset_size
    }

    /// Bytes of a length field.
    pub(crate) fn length_size(&self) -> usize {
        self.length_size
    }

    /// The decoder of chunked and filtered values, opened when the first of them is read.
    pub(crate) fn decoder(&self) -> Result<&hdf5_pure::File> {
        let opened = self.decoder.get_or_init(|| {
            let source = Decodable(self.source.clone());
            guarded(|| hdf5_pure::File::from_source(source))
        });
        opened.as_ref().map_err(Clone::clone)
    }
}

/// Runs a call into the decoder: its failures, and any panic that damaged bytes lead it to, become errors.
pub(crate) fn guarded<T>(call: impl FnOnce() -> Result<T, hdf5_pure::Error>) -> Result<T> {
    use hdf5_pure::FormatError as F;
    match std::panic::catch_unwind(std::panic::AssertUnwindSafe(call)) {
        Ok(Ok(value)) => Ok(value),
        Ok(Err(hdf5_pure::Error::Format(F::UnsupportedExternalStorage))) => {
            Err(err!(Unsafe, "HDF5 dataset: expected values in the file, found them in other files"))
        }
        Ok(Err(hdf5_pure::Error::Io(e))) => Err(err!(Io, "HDF5 file: {e}")),
        Ok(Err(e)) => Err(corrupt(format!("HDF5 file: {e}"))),
        Err(_) => Err(corrupt("HDF5 file: its chunks are damaged beyond what the decoder can tell")),
    }
}

/// The source as the decoder wants it.
struct Decodable(Arc<dyn ReadAt>);

impl hdf5_pure::Source for Decodable {
    fn len(&self) -> u64 {
        self.0.len()
    }

    fn read_at(&self, offset: u64, buffer: &mut [u8]) -> Result<(), hdf5_pure::FormatError> {
        self.0.read_exact_at(offset, buffer).map_err(|e| hdf5_pure::FormatError::Source(e.to_string()))
    }
}

/// Little-endian fields, one after the other; reading past the end is a `corrupt` error.
#[derive(Clone)]
pub(crate) struct Fields<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl<'a> Fields<'a> {
    pub(crate) fn new(bytes: &'a [u8]) -> Self {
        Self { bytes, at: 0 }
    }

    pub(crate) fn left(&self) -> usize {
        self.bytes.len() - self.at
    }

    pub(crate) fn position(&self) -> usize {
        self.at
    }

    pub(crate) fn take(&mut self, count: usize) -> Result<&'a [u8]> {
        let end = self.at.checked_add(count).filter(|end| *end <= self.bytes.len());
        let end = end.ok_or_else(|| corrupt(format!("HDF5 file: {count} bytes of a structure are missing")))?;
        let taken = &self.bytes[self.at..end];
        self.at = end;
        Ok(taken)
    }

    pub(crate) fn skip(&mut self, count: usize) -> Result<()> {
        self.take(count).map(|_| ())
    }

    /// Skips to the next multiple of eight, counted from the start of these fields, as far as there are bytes.
    pub(crate) fn align(&mut self) {
        self.at = self.at.next_multiple_of(8).min(self.bytes.len());
    }

    /// An unsigned number of `size` bytes, at most 8.
    pub(crate) fn word(&mut self, size: usize) -> Result<u64> {
        let mut wide = [0; 8];
        let bytes = self.take(size)?;
        wide[..bytes.len()].copy_from_slice(bytes);
        Ok(u64::from_le_bytes(wide))
    }

    pub(crate) fn u8(&mut self) -> Result<u8> {
        Ok(self.word(1)? as u8)
    }

    pub(crate) fn u16(&mut self) -> Result<u16> {
        Ok(self.word(2)? as u16)
    }

    pub(crate) fn u32(&mut self) -> Result<u32> {
        Ok(self.word(4)? as u32)
    }

    /// Expects the four letters of a structure.
    pub(crate) fn signature(&mut self, letters: &[u8; 4]) -> Result<()> {
        let found = self.take(4)?;
        if found != letters {
            let expected = String::from_utf8_lossy(letters);
            return Err(corrupt(format!("HDF5 file: expected a structure {expected:?}, found {found:02x?}")));
        }
        Ok(())
    }

    /// A text that ends at a zero byte.
    pub(crate) fn text(&mut self) -> Result<&'a str> {
        let rest = &self.bytes[self.at..];
        let length = rest.iter().position(|b| *b == 0).ok_or_else(|| corrupt("HDF5 file: a name without an end"))?;
        self.at += length + 1;
        std::str::from_utf8(&rest[..length]).map_err(|_| corrupt("HDF5 file: a name that is not UTF-8"))
    }
}
