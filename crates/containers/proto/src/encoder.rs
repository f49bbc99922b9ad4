//! Writing.

/// A message under construction. Fields are written in the order of the calls.
#[derive(Clone, Debug, Default)]
pub struct Encoder(Vec<u8>);

impl Encoder {
    /// An empty message.
    pub fn new() -> Self {
        Self::default()
    }

    fn raw_varint(&mut self, mut value: u64) {
        while value >= 0x80 {
            self.0.push(value as u8 | 0x80);
            value >>= 7;
        }
        self.0.push(value as u8);
    }

    fn key(&mut self, field: u32, wire_type: u8) {
        self.raw_varint(u64::from(field) << 3 | u64::from(wire_type));
    }

    /// A number that the reader takes as int32, int64, bool or enum.
    pub fn int(self, field: u32, value: i64) -> Self {
        self.uint(field, value as u64)
    }

    /// A number that the reader takes as uint32 or uint64.
    pub fn uint(mut self, field: u32, value: u64) -> Self {
        self.key(field, 0);
        self.raw_varint(value);
        self
    }

    /// A bool; `false` is left out, as it is the default.
    pub fn bool(self, field: u32, value: bool) -> Self {
        if value { self.int(field, 1) } else { self }
    }

    /// A float.
    pub fn float(self, field: u32, value: f32) -> Self {
        self.fixed32(field, value.to_bits())
    }

    /// A fixed32.
    pub fn fixed32(mut self, field: u32, value: u32) -> Self {
        self.key(field, 5);
        self.0.extend(value.to_le_bytes());
        self
    }

    /// A double.
    pub fn double(mut self, field: u32, value: f64) -> Self {
        self.key(field, 1);
        self.0.extend(value.to_le_bytes());
        self
    }

    /// Bytes.
    pub fn bytes(mut self, field: u32, value: &[u8]) -> Self {
        self.key(field, 2);
        self.raw_varint(value.len() as u64);
        self.0.extend(value);
        self
    }

    /// A string.
    pub fn text(self, field: u32, value: &str) -> Self {
        self.bytes(field, value.as_bytes())
    }

    /// A nested message.
    pub fn message(self, field: u32, value: Self) -> Self {
        self.bytes(field, &value.0)
    }

    /// A nested message for each item.
    pub fn messages(self, field: u32, values: impl IntoIterator<Item = Self>) -> Self {
        values.into_iter().fold(self, |out, value| out.message(field, value))
    }

    /// A packed list of numbers that the reader takes as int32, int64, bool or enum; nothing if it is empty.
    pub fn packed_ints(self, field: u32, values: impl IntoIterator<Item = i64>) -> Self {
        let mut packed = Self::new();
        values.into_iter().for_each(|v| packed.raw_varint(v as u64));
        if packed.0.is_empty() { self } else { self.bytes(field, &packed.0) }
    }

    /// A packed list of floats; nothing if it is empty.
    pub fn packed_floats(self, field: u32, values: impl IntoIterator<Item = f32>) -> Self {
        let packed: Vec<u8> = values.into_iter().flat_map(f32::to_le_bytes).collect();
        if packed.is_empty() { self } else { self.bytes(field, &packed) }
    }

    /// An entry of a map whose keys are strings.
    pub fn entry(self, field: u32, key: &str, value: Self) -> Self {
        self.message(field, Self::new().text(1, key).message(2, value))
    }

    /// Length in bytes so far.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether nothing was written.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The bytes.
    pub fn finish(self) -> Vec<u8> {
        self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_are_those_of_the_documentation() {
        // protobuf.dev/programming-guides/encoding: a = 150, b = "testing", packed 3, 270, 86942.
        assert_eq!(Encoder::new().int(1, 150).finish(), [0x08, 0x96, 0x01]);
        assert_eq!(Encoder::new().text(2, "testing").finish(), b"\x12\x07testing");
        assert_eq!(Encoder::new().int(1, -2).finish(), [8, 254, 255, 255, 255, 255, 255, 255, 255, 255, 1]);
        assert_eq!(Encoder::new().double(1, 1.0).finish(), [9, 0, 0, 0, 0, 0, 0, 0xf0, 0x3f]);
        assert_eq!(Encoder::new().packed_ints(6, [3, 270, 86942]).finish(), b"\x32\x06\x03\x8e\x02\x9e\xa7\x05");
    }
}
