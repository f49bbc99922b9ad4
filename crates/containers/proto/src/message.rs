//! Reading fields without decoding what nobody asks for.

use std::fmt;
use std::sync::Arc;

use cornet_archive::{Bytes, ReadAt, Section};
use cornet_error::{Error, Limits, Result, err};

/// How much of the source is read at once.
const WINDOW: u64 = 64 << 10;

/// A message, or a string or bytes: a place in a source, of which nothing is read yet.
#[derive(Clone)]
pub struct Message {
    source: Arc<dyn ReadAt>,
    window: Window,
    start: u64,
    end: u64,
    depth: usize,
    limits: Limits,
}

/// A stretch of the source that was read.
#[derive(Clone, Default)]
struct Window {
    start: u64,
    bytes: Arc<[u8]>,
}

impl Window {
    fn get(&self, start: u64, end: u64) -> Option<&[u8]> {
        let from = usize::try_from(start.checked_sub(self.start)?).ok()?;
        let to = usize::try_from(end.checked_sub(self.start)?).ok()?;
        self.bytes.get(from..to)
    }
}

/// What a field holds, by its wire type.
#[derive(Clone, Debug)]
pub enum Value {
    /// int32, int64, uint32, uint64, bool or enum.
    Varint(u64),
    /// fixed64, sfixed64 or double.
    Fixed64(u64),
    /// A string, bytes, a message, or a packed list.
    Bytes(Message),
    /// fixed32, sfixed32 or float.
    Fixed32(u32),
}

fn corrupt(at: u64, what: &str) -> Error {
    err!(Corrupt, "protocol buffer: {what} at byte {at}").help("the file is truncated, damaged, or of another format")
}

impl Message {
    /// The message that is the whole of `source`.
    pub fn new(source: Arc<dyn ReadAt>, limits: &Limits) -> Self {
        let end = source.len();
        Self { source, window: Window::default(), start: 0, end, depth: 0, limits: *limits }
    }

    /// The message of these bytes.
    pub fn of(bytes: Vec<u8>, limits: &Limits) -> Self {
        Self::new(Arc::new(Bytes::new(bytes)), limits)
    }

    /// Length in bytes.
    pub fn len(&self) -> u64 {
        self.end - self.start
    }

    /// Whether there are no bytes.
    pub fn is_empty(&self) -> bool {
        self.start == self.end
    }

    /// The limits it is read under.
    pub fn limits(&self) -> &Limits {
        &self.limits
    }

    /// The fields, in the order of the source.
    pub fn fields(&self) -> Fields {
        Fields { window: self.window.clone(), at: self.start, message: self.clone(), failed: false }
    }

    /// Its bytes as a source of their own, unread: for large arrays.
    ///
    /// # Errors
    /// `corrupt` if the source has become shorter.
    pub fn section(&self) -> Result<Section> {
        Section::new(self.source.clone(), self.start, self.len()).ok_or_else(|| corrupt(self.start, "a lost range"))
    }

    /// Reads its bytes from `offset` on into `buffer`, without another copy.
    ///
    /// # Errors
    /// `corrupt` past the end; `io`.
    pub fn read_into(&self, offset: u64, buffer: &mut [u8]) -> Result<()> {
        let wanted = offset.checked_add(buffer.len() as u64).filter(|&end| end <= self.len());
        let Some(_) = wanted else {
            let found = self.len();
            return Err(err!(Corrupt, "protocol buffer: expected {} bytes at {offset}, found {found}", buffer.len()));
        };
        self.fill(self.start + offset, buffer)
    }

    /// A copy of its bytes.
    ///
    /// # Errors
    /// `limit_exceeded` if there are more than one object may have; `io`.
    pub fn bytes(&self) -> Result<Vec<u8>> {
        if let Some(bytes) = self.window.get(self.start, self.end) {
            return Ok(bytes.to_vec());
        }
        Limits::check("protocol buffer: bytes of one field", self.len(), self.limits.object_bytes)?;
        let mut bytes = vec![0; self.len() as usize];
        self.fill(self.start, &mut bytes)?;
        Ok(bytes)
    }

    /// Its bytes as text.
    ///
    /// # Errors
    /// As [`Message::bytes`]; `corrupt` if they are not UTF-8.
    pub fn text(&self) -> Result<String> {
        String::from_utf8(self.bytes()?).map_err(|_| corrupt(self.start, "a text that is not UTF-8"))
    }

    fn fill(&self, start: u64, buffer: &mut [u8]) -> Result<()> {
        match self.window.get(start, start + buffer.len() as u64) {
            Some(bytes) => buffer.copy_from_slice(bytes),
            None => self.source.read_exact_at(start, buffer).map_err(|e| match e.kind() {
                std::io::ErrorKind::UnexpectedEof => corrupt(start, "a lost range"),
                _ => err!(Io, "protocol buffer: cannot read {} bytes at {start}: {e}", buffer.len()),
            })?,
        }
        Ok(())
    }
}

impl fmt::Debug for Message {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Message({}..{})", self.start, self.end)
    }
}

/// The fields of a message: their numbers and values. Ends at the first that is damaged, with an error.
pub struct Fields {
    message: Message,
    window: Window,
    at: u64,
    failed: bool,
}

impl Fields {
    /// The next `count` bytes, at most eight.
    fn take<const N: usize>(&mut self) -> Result<[u8; N]> {
        let end = self.at + N as u64;
        if end > self.message.end {
            return Err(corrupt(self.at, "a field cut short"));
        }
        self.load(end)?;
        let bytes = self.window.get(self.at, end).and_then(|b| b.try_into().ok());
        self.at = end;
        bytes.ok_or_else(|| corrupt(end, "a lost range"))
    }

    /// Reads a stretch of the source that begins here and holds what lies before `end`.
    fn load(&mut self, end: u64) -> Result<()> {
        if self.window.get(self.at, end).is_none() {
            let size = (self.message.end - self.at).min(WINDOW) as usize;
            let mut bytes = vec![0; size];
            self.message.fill(self.at, &mut bytes)?;
            self.window = Window { start: self.at, bytes: bytes.into() };
        }
        Ok(())
    }

    fn varint(&mut self) -> Result<u64> {
        let mut value = 0;
        for shift in (0..64).step_by(7) {
            let [byte] = self.take::<1>()?;
            if shift == 63 && byte > 1 {
                break;
            }
            value |= u64::from(byte & 0x7f) << shift;
            if byte < 0x80 {
                return Ok(value);
            }
        }
        Err(corrupt(self.at, "a number of more than 64 bits"))
    }

    fn field(&mut self) -> Result<(u32, Value)> {
        let key = self.varint()?;
        let number = u32::try_from(key >> 3).ok().filter(|&n| n > 0 && n < 1 << 29);
        let number = number.ok_or_else(|| corrupt(self.at, "a field number out of range"))?;
        let value = match key & 7 {
            0 => Value::Varint(self.varint()?),
            1 => Value::Fixed64(u64::from_le_bytes(self.take()?)),
            2 => Value::Bytes(self.nested()?),
            5 => Value::Fixed32(u32::from_le_bytes(self.take()?)),
            other => return Err(corrupt(self.at, &format!("wire type {other}"))),
        };
        Ok((number, value))
    }

    fn nested(&mut self) -> Result<Message> {
        let length = self.varint()?;
        let message = &self.message;
        let end = self.at.checked_add(length).filter(|&end| end <= message.end);
        let end = end.ok_or_else(|| corrupt(self.at, &format!("a field of {length} bytes, more than there are,")))?;
        let depth = message.depth + 1;
        Limits::check("protocol buffer: levels of nesting", depth as u64, message.limits.depth as u64)?;
        let (source, window, limits) = (message.source.clone(), self.window.clone(), message.limits);
        let nested = Message { source, window, start: self.at, end, depth, limits };
        self.at = end;
        Ok(nested)
    }
}

impl Iterator for Fields {
    type Item = Result<(u32, Value)>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.failed || self.at >= self.message.end {
            return None;
        }
        let field = self.field();
        self.failed = field.is_err();
        Some(field)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Encoder;

    fn read(bytes: &[u8]) -> Result<Vec<(u32, Value)>> {
        Message::of(bytes.to_vec(), &Limits::default()).fields().collect()
    }

    #[test]
    fn every_wire_type_is_read() {
        let bytes = Encoder::new().int(1, -1).float(2, 1.5).double(3, -2.0).bytes(4, b"abc").finish();
        let fields = read(&bytes).unwrap();
        assert!(matches!(fields[0], (1, Value::Varint(u64::MAX))));
        assert!(matches!(fields[1], (2, Value::Fixed32(bits)) if f32::from_bits(bits) == 1.5));
        assert!(matches!(fields[2], (3, Value::Fixed64(bits)) if f64::from_bits(bits) == -2.0));
        assert!(matches!(&fields[3], (4, Value::Bytes(m)) if m.bytes().unwrap() == b"abc"));
    }

    #[test]
    fn a_message_larger_than_a_window_is_read_where_it_lies() {
        let large = vec![7_u8; 200_000];
        let inner = Encoder::new().bytes(1, &large).int(2, 5);
        let bytes = Encoder::new().int(9, 1).message(3, inner).text(4, "end").finish();
        let fields = read(&bytes).unwrap();
        let (3, Value::Bytes(inner)) = &fields[1] else { panic!("{fields:?}") };
        let inner: Vec<_> = inner.fields().collect::<Result<_>>().unwrap();
        let (1, Value::Bytes(weights)) = &inner[0] else { panic!("{inner:?}") };
        let mut part = [0; 10];
        weights.read_into(199_990, &mut part).unwrap();
        assert_eq!((weights.len(), part), (200_000, [7; 10]));
        assert!(weights.read_into(199_991, &mut part).is_err());
        assert!(matches!(inner[1], (2, Value::Varint(5))));
        assert!(matches!(&fields[2], (4, Value::Bytes(m)) if m.text().unwrap() == "end"));
    }

    #[test]
    fn damage_is_refused() {
        let cases: [&[u8]; 7] = [
            &[0x08],
            &[0x08, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x02],
            &[0x12, 0x05, 1],
            &[0x12, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01],
            &[0x00, 0x01],
            &[0x0b],
            &[0x0d, 1, 2],
        ];
        for bytes in cases {
            let error = read(bytes).unwrap_err();
            assert_eq!(error.code(), cornet_error::Code::Corrupt, "{bytes:?}: {error}");
        }
    }

    #[test]
    fn nesting_is_limited() {
        let deep = (0..100).fold(Encoder::new(), |inner, _| Encoder::new().message(1, inner)).finish();
        fn descend(message: &Message) -> Result<()> {
            message.fields().try_for_each(|field| match field?.1 {
                Value::Bytes(nested) => descend(&nested),
                _ => Ok(()),
            })
        }
        let error = descend(&Message::of(deep, &Limits::default())).unwrap_err();
        assert_eq!(error.code(), cornet_error::Code::LimitExceeded, "{error}");
    }
}
