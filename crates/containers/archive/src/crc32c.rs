//! CRC-32C (Castagnoli), and the form in which TensorFlow's files hold it.

/// The polynomial, its bits reversed.
const POLYNOMIAL: u32 = 0x82f6_3b78;

/// `TABLES[k][b]` is what byte `b` adds to the sum `k` bytes before the end of eight.
static TABLES: [[u32; 256]; 8] = {
    let mut tables = [[0; 256]; 8];
    let mut byte = 0;
    while byte < 256 {
        let mut crc = byte as u32;
        let mut bit = 0;
        while bit < 8 {
            crc = if crc & 1 == 1 { crc >> 1 ^ POLYNOMIAL } else { crc >> 1 };
            bit += 1;
        }
        tables[0][byte] = crc;
        byte += 1;
    }
    let mut k = 1;
    while k < 8 {
        let mut byte = 0;
        while byte < 256 {
            let before: u32 = tables[k - 1][byte];
            tables[k][byte] = before >> 8 ^ tables[0][(before & 0xff) as usize];
            byte += 1;
        }
        k += 1;
    }
    tables
};

/// The CRC-32C of bytes that come piece by piece.
///
/// ```
/// use cornet_archive::Crc32c;
/// let mut sum = Crc32c::default();
/// sum.update(b"12345");
/// sum.update(b"6789");
/// assert_eq!(sum.sum(), 0xe306_9283);
/// ```
#[derive(Clone, Copy, Debug, Default)]
pub struct Crc32c(u32);

impl Crc32c {
    /// The sum of these bytes.
    pub fn of(bytes: &[u8]) -> Self {
        let mut sum = Self::default();
        sum.update(bytes);
        sum
    }

    /// Adds bytes.
    pub fn update(&mut self, bytes: &[u8]) {
        let mut crc = !self.0;
        let (eights, rest) = bytes.as_chunks::<8>();
        for eight in eights {
            let x = u64::from_le_bytes(*eight) ^ u64::from(crc);
            crc = (0..8).fold(0, |sum, k| sum ^ TABLES[7 - k][(x >> (8 * k)) as usize & 0xff]);
        }
        crc = rest.iter().fold(crc, |crc, &byte| crc >> 8 ^ TABLES[0][(crc as u8 ^ byte) as usize]);
        self.0 = !crc;
    }

    /// The sum.
    pub fn sum(self) -> u32 {
        self.0
    }

    /// The sum as it stands in TensorFlow's files: rotated and shifted, so that sums of data with sums in them stay
    /// apart.
    pub fn masked(self) -> u32 {
        self.0.rotate_right(15).wrapping_add(0xa282_ead8)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sums_are_those_of_rfc_3720() {
        assert_eq!(Crc32c::of(b"123456789").sum(), 0xe306_9283);
        assert_eq!(Crc32c::of(&[0; 32]).sum(), 0x8a91_36aa);
        assert_eq!(Crc32c::of(&[0xff; 32]).sum(), 0x62a8_ab43);
    }

    #[test]
    fn pieces_add_up() {
        let bytes: Vec<u8> = (0..100).collect();
        for at in 0..bytes.len() {
            let mut sum = Crc32c::of(&bytes[..at]);
            sum.update(&bytes[at..]);
            assert_eq!(sum.sum(), Crc32c::of(&bytes).sum(), "{at}");
        }
    }
}
