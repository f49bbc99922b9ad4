//! The header of a `.npy` file: a Python dict literal of exactly `descr`, `fortran_order` and `shape`.

use crate::{DType, Result, Shape, err, fail};

/// Axes that NumPy allows at most.
const RANK_MAX: usize = 64;

/// How the file stores one element.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stored {
    /// As an array does, but for the byte order.
    Plain(DType),
    /// `S`: bytes padded with NUL.
    Bytes,
    /// `U`: UTF-32 padded with NUL.
    Unicode,
}

/// What the header says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Header {
    pub stored: Stored,
    /// Bytes of one element in the file.
    pub item_bytes: usize,
    pub big_endian: bool,
    pub fortran_order: bool,
    pub dims: Vec<usize>,
}

impl Header {
    /// Reads the text between the length and the data.
    pub fn parse(text: &[u8]) -> Result<Self> {
        let mut literal = Literal { rest: text };
        let (mut descr, mut fortran_order, mut dims) = (None, None, None);
        literal.expect(b'{')?;
        while !literal.take(b'}') {
            let key = literal.string()?;
            literal.expect(b':')?;
            let is_new = match key {
                b"descr" => descr.replace(parse_descr(literal.descr()?)?).is_none(),
                b"fortran_order" => fortran_order.replace(literal.truth()?).is_none(),
                b"shape" => dims.replace(literal.tuple()?).is_none(),
                _ => fail!(Corrupt, "unknown key '{}'", String::from_utf8_lossy(key)),
            };
            if !is_new {
                fail!(Corrupt, "key '{}' is there twice", String::from_utf8_lossy(key));
            }
            if !literal.take(b',') && literal.peek() != Some(b'}') {
                return Err(literal.unexpected("',' or '}'"));
            }
        }
        if let Some(found) = literal.peek() {
            fail!(Corrupt, "expected nothing after the dict, found {:?}", char::from(found));
        }
        let missing = |key: &str| err!(Corrupt, "key '{key}' is missing");
        let (stored, item_bytes, big_endian) = descr.ok_or_else(|| missing("descr"))?;
        Ok(Self {
            stored,
            item_bytes,
            big_endian,
            fortran_order: fortran_order.ok_or_else(|| missing("fortran_order"))?,
            dims: dims.ok_or_else(|| missing("shape"))?,
        })
    }

    /// The text that NumPy writes for such an array, padded so that data after `before` bytes are aligned to 64.
    pub fn write(descr: &str, shape: &Shape, before: usize) -> String {
        let dims: Vec<String> = shape.iter().map(usize::to_string).collect();
        let comma = if dims.len() == 1 { "," } else { "" };
        let mut text =
            format!("{{'descr': '{descr}', 'fortran_order': False, 'shape': ({}{comma}), }}", dims.join(", "));
        // NumPy leaves room for the first axis to grow in place, up to the digits of 8 · (2^64 - 1).
        text.push_str(&" ".repeat(dims.first().map_or(0, |first| 21_usize.saturating_sub(first.len()))));
        let padding = 64 - (before + text.len() + 1) % 64;
        text.push_str(&" ".repeat(padding));
        text.push('\n');
        text
    }
}

/// A type string such as `<f4`: storage, bytes of an element, and whether the first byte is the highest.
fn parse_descr(descr: &[u8]) -> Result<(Stored, usize, bool)> {
    let text = String::from_utf8_lossy(descr);
    let shown = || format!("dtype '{text}'");
    let (order, code) = match descr {
        [order @ (b'<' | b'>' | b'|' | b'='), code @ ..] => (*order, code),
        code => (b'|', code),
    };
    let (Some(&kind), digits) = (code.first(), code.get(1..).unwrap_or_default()) else {
        fail!(Corrupt, "{}: expected a kind and a size", shown());
    };
    if kind == b'O' {
        return Err(err!(Unsafe, "{}: Python objects are pickled, and a pickle is a program", shown())
            .help("save it with a number or string dtype: np.save(path, a.astype('float32')) or a.astype('S')"));
    }
    if matches!(kind, b'M' | b'm') {
        return Err(err!(UnsupportedFormat, "{}: dates and durations have no dtype here", shown())
            .help("save them as integers: np.save(path, a.astype('int64'))"));
    }
    let size: usize = match std::str::from_utf8(digits).ok().filter(|d| d.bytes().all(|b| b.is_ascii_digit())) {
        Some(digits) => digits.parse().map_err(|_| err!(Corrupt, "{}: expected a size", shown()))?,
        None => fail!(UnsupportedFormat, "{}: not a type of this reader", shown()),
    };
    let big_endian = order == b'>' || order == b'=' && cfg!(target_endian = "big");
    let plain = |dtype: DType| Ok((Stored::Plain(dtype), size, big_endian));
    match (kind, size) {
        (b'b', 1) => plain(DType::Bool),
        (b'i', 1) => plain(DType::I8),
        (b'i', 2) => plain(DType::I16),
        (b'i', 4) => plain(DType::I32),
        (b'i', 8) => plain(DType::I64),
        (b'u', 1) => plain(DType::U8),
        (b'u', 2) => plain(DType::U16),
        (b'u', 4) => plain(DType::U32),
        (b'u', 8) => plain(DType::U64),
        (b'f', 2) => plain(DType::F16),
        (b'f', 4) => plain(DType::F32),
        (b'f', 8) => plain(DType::F64),
        (b'c', 8) => plain(DType::C64),
        (b'V', 2) => plain(DType::BF16),
        (b'S' | b'a', _) => Ok((Stored::Bytes, size, false)),
        (b'U', _) => {
            let bytes = size.checked_mul(4).ok_or_else(|| err!(LimitExceeded, "{}: too long", shown()))?;
            Ok((Stored::Unicode, bytes, big_endian))
        }
        (b'f', 10 | 12 | 16) => Err(err!(UnsupportedFormat, "{}: long double has no dtype here", shown())
            .help("save it as float64: np.save(path, a.astype('float64'))")),
        (b'c', _) => Err(err!(UnsupportedFormat, "{}: complex64 is the only complex dtype", shown())
            .help("save it as complex64: np.save(path, a.astype('complex64'))")),
        _ => Err(err!(UnsupportedFormat, "{}: not a type of this reader", shown())
            .help("bool, integers, float16 to float64, bfloat16 (V2), complex64, S and U are read")),
    }
}

/// The part of Python's literal syntax that headers use.
struct Literal<'a> {
    rest: &'a [u8],
}

impl<'a> Literal<'a> {
    fn peek(&mut self) -> Option<u8> {
        self.rest = self.rest.trim_ascii_start();
        self.rest.first().copied()
    }

    fn take(&mut self, byte: u8) -> bool {
        let found = self.peek() == Some(byte);
        if found {
            self.rest = &self.rest[1..];
        }
        found
    }

    fn expect(&mut self, byte: u8) -> Result<()> {
        if self.take(byte) { Ok(()) } else { Err(self.unexpected(&format!("'{}'", char::from(byte)))) }
    }

    fn unexpected(&mut self, expected: &str) -> crate::Error {
        match self.peek() {
            Some(found) => err!(Corrupt, "expected {expected}, found {:?}", char::from(found)),
            None => err!(Corrupt, "expected {expected}, found the end"),
        }
    }

    fn string(&mut self) -> Result<&'a [u8]> {
        let Some(quote @ (b'\'' | b'"')) = self.peek() else {
            return Err(self.unexpected("a quoted text"));
        };
        let text = &self.rest[1..];
        match text.iter().position(|&b| b == quote || b == b'\\') {
            Some(end) if text[end] == quote => {
                self.rest = &text[end + 1..];
                Ok(&text[..end])
            }
            _ => fail!(Corrupt, "expected a closed text without escapes, found {:?}", self.shown()),
        }
    }

    fn descr(&mut self) -> Result<&'a [u8]> {
        if matches!(self.peek(), Some(b'[' | b'(' | b'{')) {
            return Err(err!(UnsupportedFormat, "structured dtypes (records) have no dtype here")
                .help("save each field as an array of its own, in an .npz"));
        }
        self.string()
    }

    fn truth(&mut self) -> Result<bool> {
        self.peek();
        for (word, value) in [(&b"True"[..], true), (b"False", false)] {
            if let Some(rest) = self.rest.strip_prefix(word) {
                self.rest = rest;
                return Ok(value);
            }
        }
        Err(self.unexpected("True or False"))
    }

    fn tuple(&mut self) -> Result<Vec<usize>> {
        let mut dims = Vec::new();
        self.expect(b'(')?;
        while !self.take(b')') {
            if dims.len() == RANK_MAX {
                fail!(LimitExceeded, "axes: expected at most {RANK_MAX}, found more");
            }
            dims.push(self.size()?);
            if !self.take(b',') && self.peek() != Some(b')') {
                return Err(self.unexpected("',' or ')'"));
            }
        }
        Ok(dims)
    }

    fn size(&mut self) -> Result<usize> {
        self.peek();
        let end = self.rest.iter().position(|b| !b.is_ascii_digit()).unwrap_or(self.rest.len());
        if end == 0 {
            return Err(self.unexpected("the size of an axis"));
        }
        let (digits, rest) = self.rest.split_at(end);
        // Python 2 wrote long integers as `3L`.
        self.rest = rest.strip_prefix(b"L").unwrap_or(rest);
        let digits = String::from_utf8_lossy(digits);
        digits.parse().map_err(|_| err!(LimitExceeded, "size of an axis: {digits} is more than memory can address"))
    }

    fn shown(&self) -> String {
        String::from_utf8_lossy(&self.rest[..self.rest.len().min(40)]).into_owned()
    }
}
