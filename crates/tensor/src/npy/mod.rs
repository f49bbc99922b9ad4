//! NumPy's `.npy` files: one array, its dtype and shape in a short header.
//!
//! | file | array |
//! |---|---|
//! | `b1`, `i1` to `i8`, `u1` to `u8`, `f2`, `f4`, `f8`, `c8` | the dtype of that name; either byte order |
//! | `V2` | bfloat16: `ml_dtypes` arrays are saved so, since the format has no name for them |
//! | `S`, `U` | string; padding NULs removed, `U` as UTF-8 |
//! | `O`, records, `c16`, long double, dates | refused with a reason |
//!
//! Versions 1, 2 and 3 are read; version 1 is written, byte for byte as `numpy.save` writes C-ordered arrays. Strings
//! are written as `S`, or as `U` where asked. Fortran-ordered files are read into row-major arrays.

mod header;

use std::borrow::Cow;
use std::fs::File;
use std::io::{self, BufReader, BufWriter, Read, Write};
use std::path::Path;

use cornet_archive::atomic_write;

use crate::shape::strides_of;
use crate::{Array, DType, Error, Limits, Result, Shape, err, fail};
use header::{Header, Stored};

const MAGIC: &[u8; 6] = b"\x93NUMPY";
/// Longest header read. NumPy's own limit for untrusted files is 10,000 characters; ours never needs 1,500.
const HEADER_BYTES_MAX: u64 = 1 << 16;

impl Array {
    /// Reads a `.npy` file within the default [`Limits`].
    ///
    /// # Errors
    /// As [`Array::read_npy_within`].
    pub fn read_npy(path: impl AsRef<Path>) -> Result<Self> {
        Self::read_npy_within(path, &Limits::default())
    }

    /// Reads a `.npy` file. The declared shape is checked against the file's length and the limits before memory is
    /// taken.
    ///
    /// # Errors
    /// `not_found`, `permission_denied`, `io`; `corrupt` for a damaged file; `unsupported_format` for a dtype or
    /// version that is not read; `unsafe_content` for pickled objects; `limit_exceeded`.
    pub fn read_npy_within(path: impl AsRef<Path>, limits: &Limits) -> Result<Self> {
        let path = path.as_ref();
        let failed = |e: io::Error| Error::io("read", path, &e);
        let file = File::open(path).map_err(failed)?;
        let metadata = file.metadata().map_err(failed)?;
        let array = if metadata.is_file() {
            read(&mut BufReader::new(file), metadata.len(), limits)
        } else {
            // A pipe does not know its length; only what really arrives is kept.
            let mut bytes = Vec::new();
            let bytes_max = limits.object_bytes.saturating_add(HEADER_BYTES_MAX);
            file.take(bytes_max).read_to_end(&mut bytes).map_err(failed)?;
            Self::from_npy_bytes(&bytes, limits)
        };
        array.map_err(|e| e.within(path.display().to_string()))
    }

    /// Reads the bytes of a `.npy` file.
    ///
    /// # Errors
    /// As [`Array::read_npy_within`].
    ///
    /// ```
    /// use cornet_tensor::{Array, Limits};
    /// let a = Array::from_literal([[1_i16, 2], [3, 4]])?;
    /// assert_eq!(Array::from_npy_bytes(&a.to_npy_bytes()?, &Limits::default())?, a);
    /// # Ok::<(), cornet_tensor::Error>(())
    /// ```
    pub fn from_npy_bytes(bytes: &[u8], limits: &Limits) -> Result<Self> {
        let mut rest = bytes;
        read(&mut rest, bytes.len() as u64, limits)
    }

    /// Writes a `.npy` file, atomically: `path` holds the whole new file or keeps what it held.
    ///
    /// # Errors
    /// `not_found`, `permission_denied` or `io`; `invalid_argument` for a string that ends in NUL, which the format
    /// cannot tell from padding; `limit_exceeded` if padding strings to equal length would take more than the default
    /// [`Limits`] allow.
    pub fn write_npy(&self, path: impl AsRef<Path>) -> Result<()> {
        let path = path.as_ref();
        let layout = NpyLayout::of(self).map_err(|e| e.within(path.display().to_string()))?;
        atomic_write(path, |file: &mut BufWriter<File>| layout.write(self, file))
    }

    /// The same with strings as `U`, which NumPy reads as texts.
    ///
    /// # Errors
    /// As [`Array::write_npy`]; `invalid_argument` for a string that is no UTF-8.
    pub fn write_npy_unicode(&self, path: impl AsRef<Path>) -> Result<()> {
        let path = path.as_ref();
        let layout = NpyLayout::unicode(self).map_err(|e| e.within(path.display().to_string()))?;
        atomic_write(path, |file: &mut BufWriter<File>| layout.write(self, file))
    }

    /// The bytes of a `.npy` file.
    ///
    /// # Errors
    /// As [`Array::write_npy`].
    pub fn to_npy_bytes(&self) -> Result<Vec<u8>> {
        let layout = NpyLayout::of(self)?;
        let mut bytes = Vec::with_capacity(layout.file_bytes(self));
        layout.write(self, &mut bytes).map_err(|e| err!(Io, "cannot write to memory: {e}"))?;
        Ok(bytes)
    }
}

/// Reads an array of which `len` bytes are there, header included.
pub(crate) fn read(source: &mut dyn Read, len: u64, limits: &Limits) -> Result<Array> {
    let (header, header_bytes) = read_header(source, len)?;
    let place = |e: Error| e.within("npy header");
    let shape = Shape::checked(&header.dims, memory_per_item(&header)).map_err(place)?;
    let memory = shape.elements() as u64 * memory_per_item(&header) as u64;
    Limits::check("bytes of an array", memory, limits.object_bytes).map_err(place)?;
    if header.item_bytes == 0 {
        // Strings of no width take memory but no bytes of the file, so its length does not bound them.
        Limits::check("strings of no width", shape.elements() as u64, limits.entries as u64).map_err(place)?;
    }
    let expected = shape.elements() as u64 * header.item_bytes as u64;
    let found = len - header_bytes;
    if found != expected {
        let error = err!(Corrupt, "npy data: expected {expected} bytes, found {found}").operand("shape", &shape);
        return Err(error.help(match found < expected {
            true => "the file may be incomplete; copy or download it again",
            false => "a file of several arrays is not read; save them in an .npz",
        }));
    }
    let failed = |e: io::Error| err!(Io, "npy data: {e}");
    let Stored::Plain(dtype) = header.stored else {
        let strings = read_strings(source, &header, shape.elements())?;
        let strings = if header.fortran_order { row_major(&strings, &header.dims) } else { strings };
        return Array::from_strings(strings, shape);
    };
    let mut array = Array::try_zeros(dtype, shape)?;
    source.read_exact(array.bytes_mut()).map_err(failed)?;
    if header.big_endian != cfg!(target_endian = "big") {
        swap_bytes(array.bytes_mut(), swap_unit(dtype));
    }
    if dtype == DType::Bool {
        array.bytes_mut().iter_mut().for_each(|b| *b = u8::from(*b != 0));
    }
    if !header.fortran_order || header.dims.len() < 2 {
        return Ok(array);
    }
    let bytes = row_major_bytes(array.bytes(), header.item_bytes, &header.dims);
    Array::from_bytes(dtype, array.shape().clone(), &bytes)
}

/// Bytes an element takes in memory, its heap block included.
fn memory_per_item(header: &Header) -> usize {
    match header.stored {
        Stored::Plain(dtype) => dtype.size(),
        _ => header.item_bytes.saturating_add(size_of::<Vec<u8>>()),
    }
}

/// The header, and the bytes before the data.
fn read_header(source: &mut dyn Read, len: u64) -> Result<(Header, u64)> {
    let truncated = |e: io::Error| match e.kind() {
        io::ErrorKind::UnexpectedEof => err!(Corrupt, "npy header: the file ends within it"),
        _ => err!(Io, "npy header: {e}"),
    };
    let mut start = [0; 8];
    let there = start.len().min(len as usize);
    source.read_exact(&mut start[..there]).map_err(truncated)?;
    if start[0] == 0x80 && there > 1 && (2..=5).contains(&start[1]) {
        return Err(err!(Unsafe, "expected a .npy file, found a Python pickle, which is a program")
            .help("save the array with np.save and a number or string dtype"));
    }
    if start[..6] != *MAGIC {
        fail!(
            UnsupportedFormat,
            "expected a .npy file, found one that starts with {:?}",
            String::from_utf8_lossy(&start[..there])
        );
    }
    let mut size = [0; 4];
    let size_bytes = match (start[6], start[7]) {
        (1, 0) => 2,
        (2 | 3, 0) => 4,
        (major, minor) => fail!(UnsupportedFormat, "npy version: expected 1.0, 2.0 or 3.0, found {major}.{minor}"),
    };
    source.read_exact(&mut size[..size_bytes]).map_err(truncated)?;
    let text_bytes = u64::from(u32::from_le_bytes(size));
    Limits::check("bytes of a npy header", text_bytes, HEADER_BYTES_MAX)?;
    let header_bytes = 8 + size_bytes as u64 + text_bytes;
    if header_bytes > len {
        fail!(Corrupt, "npy header: expected {header_bytes} bytes, found {len} in the whole file");
    }
    let mut text = vec![0; text_bytes as usize];
    source.read_exact(&mut text).map_err(truncated)?;
    Ok((Header::parse(&text).map_err(|e| e.within("npy header"))?, header_bytes))
}

fn read_strings(source: &mut dyn Read, header: &Header, count: usize) -> Result<Vec<Vec<u8>>> {
    let mut item = vec![0; header.item_bytes];
    let mut strings = Vec::with_capacity(count);
    for index in 0..count {
        source.read_exact(&mut item).map_err(|e| err!(Io, "npy data: {e}"))?;
        let text = match header.stored {
            Stored::Unicode => utf8(&item, header.big_endian)
                .ok_or_else(|| err!(Corrupt, "npy data: text {index} has a code that is no Unicode character"))?,
            _ => Cow::Borrowed(item.as_slice()),
        };
        let end = text.iter().rposition(|&b| b != 0).map_or(0, |last| last + 1);
        strings.push(text[..end].to_vec());
    }
    Ok(strings)
}

fn utf8(utf32: &[u8], big_endian: bool) -> Option<Cow<'static, [u8]>> {
    let (quads, _) = utf32.as_chunks::<4>();
    let code = |quad: &[u8; 4]| if big_endian { u32::from_be_bytes(*quad) } else { u32::from_le_bytes(*quad) };
    let text: Option<String> = quads.iter().map(|quad| char::from_u32(code(quad))).collect();
    Some(Cow::Owned(text?.into_bytes()))
}

/// Bytes that are reversed together when the byte order changes.
fn swap_unit(dtype: DType) -> usize {
    if dtype == DType::C64 { 4 } else { dtype.size() }
}

fn swap_bytes(bytes: &mut [u8], unit: usize) {
    if unit > 1 {
        bytes.chunks_exact_mut(unit).for_each(<[u8]>::reverse);
    }
}

/// For each element of the row-major array, where a Fortran-ordered file has it.
fn fortran_positions(dims: &[usize]) -> impl Iterator<Item = usize> {
    let reversed: Vec<usize> = dims.iter().rev().copied().collect();
    let mut strides = strides_of(&reversed);
    strides.reverse();
    let (dims, mut index, mut at) = (dims.to_vec(), vec![0; dims.len()], 0);
    let count: usize = dims.iter().product();
    (0..count).map(move |_| {
        let now = at;
        for axis in (0..dims.len()).rev() {
            index[axis] += 1;
            at += strides[axis];
            if index[axis] < dims[axis] {
                break;
            }
            at -= index[axis] * strides[axis];
            index[axis] = 0;
        }
        now
    })
}

/// The elements of a Fortran-ordered file in row-major order.
fn row_major<T: Clone + Default>(from: &[T], dims: &[usize]) -> Vec<T> {
    let [first, middle @ .., last] = dims else { return from.to_vec() };
    let mut to = vec![T::default(); from.len()];
    if from.is_empty() {
        return to;
    }
    // The first axis is dense in the file and the last one in memory: between them, a transposition by tiles that
    // stay in the cache.
    const TILE: usize = 16;
    let (from_step, to_step) = (from.len() / last, from.len() / first);
    for (k, at) in fortran_positions(middle).enumerate() {
        let (from, to) = (&from[at * first..], &mut to[k * last..]);
        for i0 in (0..*first).step_by(TILE) {
            for j0 in (0..*last).step_by(TILE) {
                for i in i0..(i0 + TILE).min(*first) {
                    for j in j0..(j0 + TILE).min(*last) {
                        to[i * to_step + j] = from[i + j * from_step].clone();
                    }
                }
            }
        }
    }
    to
}

fn row_major_bytes(bytes: &[u8], item_bytes: usize, dims: &[usize]) -> Vec<u8> {
    match item_bytes {
        1 => row_major(bytes, dims),
        2 => row_major(bytes.as_chunks::<2>().0, dims).into_flattened(),
        4 => row_major(bytes.as_chunks::<4>().0, dims).into_flattened(),
        _ => row_major(bytes.as_chunks::<8>().0, dims).into_flattened(),
    }
}

/// What is written before the data, and how wide each element is.
pub(crate) struct NpyLayout {
    header: Vec<u8>,
    item_bytes: usize,
    unicode: bool,
}

impl NpyLayout {
    /// The layout of `array`, checked to be writable.
    pub fn of(array: &Array) -> Result<Self> {
        let (descr, item_bytes) = match array.dtype() {
            DType::Bool => ("|b1".to_string(), 1),
            DType::I8 => ("|i1".to_string(), 1),
            DType::U8 => ("|u1".to_string(), 1),
            DType::BF16 => ("<V2".to_string(), 2),
            DType::Str => {
                let width = string_width(array)?;
                (format!("|S{width}"), width)
            }
            dtype => {
                let kind = match dtype {
                    dtype if dtype.is_float() => 'f',
                    dtype if dtype.is_complex() => 'c',
                    dtype if dtype.is_unsigned_int() => 'u',
                    _ => 'i',
                };
                (format!("<{kind}{}", dtype.size()), dtype.size())
            }
        };
        Self::described(&descr, item_bytes, false, array)
    }

    /// The layout of `array`, with strings as `U`.
    pub fn unicode(array: &Array) -> Result<Self> {
        if array.dtype() != DType::Str {
            return Self::of(array);
        }
        let characters = unicode_width(array)?;
        Self::described(&format!("<U{characters}"), 4 * characters, true, array)
    }

    fn described(descr: &str, item_bytes: usize, unicode: bool, array: &Array) -> Result<Self> {
        let short = Header::write(descr, array.shape(), MAGIC.len() + 4);
        let mut header = MAGIC.to_vec();
        if let Ok(size) = u16::try_from(short.len()) {
            header.extend([1, 0]);
            header.extend(size.to_le_bytes());
            header.extend(short.bytes());
        } else {
            fail!(LimitExceeded, "npy header of {} axes: expected at most 64", array.shape().rank());
        }
        Ok(Self { header, item_bytes, unicode })
    }

    /// Bytes of the whole file.
    pub fn file_bytes(&self, array: &Array) -> usize {
        self.header.len() + array.elements() * self.item_bytes
    }

    /// Writes header and data.
    pub fn write(&self, array: &Array, to: &mut dyn Write) -> io::Result<()> {
        to.write_all(&self.header)?;
        if let Ok(strings) = array.strings() {
            let padding = vec![0; self.item_bytes];
            if self.unicode {
                return strings.iter().try_for_each(|s| {
                    let codes: Vec<u8> =
                        String::from_utf8_lossy(s).chars().flat_map(|c| u32::from(c).to_le_bytes()).collect();
                    to.write_all(&codes)?;
                    to.write_all(padding.get(codes.len()..).unwrap_or_default())
                });
            }
            return strings.iter().try_for_each(|s| {
                to.write_all(s)?;
                to.write_all(&padding[s.len()..])
            });
        }
        let mut bytes = Cow::Borrowed(array.bytes());
        if cfg!(target_endian = "big") {
            swap_bytes(bytes.to_mut(), swap_unit(array.dtype()));
        }
        to.write_all(&bytes)
    }
}

/// Characters of the longest text, at least 1 as NumPy has it.
fn unicode_width(array: &Array) -> Result<usize> {
    let strings = padded_strings(array)?;
    let mut width = 1;
    for (index, string) in strings.iter().enumerate() {
        let text = std::str::from_utf8(string)
            .map_err(|_| err!(InvalidArgument, "npy: expected texts in UTF-8, found other bytes in string {index}"))?;
        width = width.max(text.chars().count());
    }
    check_padded(4 * width as u64, strings.len())?;
    Ok(width)
}

/// Bytes of the longest string, at least 1 as NumPy has it.
fn string_width(array: &Array) -> Result<usize> {
    let strings = padded_strings(array)?;
    let width = strings.iter().map(Vec::len).max().unwrap_or(0).max(1);
    check_padded(width as u64, strings.len())?;
    Ok(width)
}

fn check_padded(width: u64, count: usize) -> Result<()> {
    let bytes = width.saturating_mul(count as u64);
    Limits::check("bytes of strings padded to the longest", bytes, Limits::default().object_bytes)
}

/// Strings that padding with NUL does not change.
fn padded_strings(array: &Array) -> Result<&[Vec<u8>]> {
    let strings = array.strings()?;
    if let Some(index) = strings.iter().position(|s| s.last() == Some(&0)) {
        return Err(err!(InvalidArgument, "npy: string {index} ends in NUL, which the format takes for padding")
            .help("keep such bytes as a uint8 array"));
    }
    Ok(strings)
}
