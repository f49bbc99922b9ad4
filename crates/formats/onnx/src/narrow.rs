//! Types of fewer than sixteen bits that our arrays have no dtype for: small integers, and floats of eight bits or
//! fewer. Their tensors hold one code a byte; arithmetic decodes them first.

use cornet_error::{Result, fail};
use cornet_tensor::{Array, DType};

/// A narrow type.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Narrow {
    /// Signed integer of this many bits.
    Int(u32),
    /// Unsigned integer of this many bits.
    Uint(u32),
    /// A float.
    Float(Mini),
}

/// A float of eight bits or fewer: its fields and which codes are not numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Mini {
    code: i64,
    name: &'static str,
    bits: u32,
    exponent: u32,
    mantissa: u32,
    bias: i32,
    special: Special,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Special {
    /// All ones of the magnitude are NaN; no infinity.
    LastIsNan,
    /// As IEEE 754: the largest exponent is infinity and NaN.
    Ieee,
    /// The code of minus zero is the only NaN; no infinity.
    MinusZeroIsNan,
    /// Every code is a number.
    None,
    /// An exponent alone: 255 is NaN.
    Scale,
}

const MINIS: [Mini; 8] = [
    mini(17, "float8e4m3fn", 8, 4, 3, 7, Special::LastIsNan),
    mini(18, "float8e4m3fnuz", 8, 4, 3, 8, Special::MinusZeroIsNan),
    mini(19, "float8e5m2", 8, 5, 2, 15, Special::Ieee),
    mini(20, "float8e5m2fnuz", 8, 5, 2, 16, Special::MinusZeroIsNan),
    mini(23, "float4e2m1", 4, 2, 1, 1, Special::None),
    mini(24, "float8e8m0", 8, 8, 0, 127, Special::Scale),
    mini(27, "float6e2m3", 6, 2, 3, 1, Special::None),
    mini(28, "float6e3m2", 6, 3, 2, 3, Special::None),
];

const fn mini(
    code: i64,
    name: &'static str,
    bits: u32,
    exponent: u32,
    mantissa: u32,
    bias: i32,
    special: Special,
) -> Mini {
    Mini { code, name, bits, exponent, mantissa, bias, special }
}

impl Narrow {
    /// The type of the format's number.
    pub fn of(code: i64) -> Option<Self> {
        match code {
            21 => Some(Self::Uint(4)),
            22 => Some(Self::Int(4)),
            25 => Some(Self::Uint(2)),
            26 => Some(Self::Int(2)),
            _ => MINIS.into_iter().find(|m| m.code == code).map(Self::Float),
        }
    }

    /// The format's number.
    pub fn code(self) -> i64 {
        match self {
            Self::Uint(2) => 25,
            Self::Int(2) => 26,
            Self::Uint(_) => 21,
            Self::Int(_) => 22,
            Self::Float(mini) => mini.code,
        }
    }

    /// The format's name in lower case.
    pub fn name(self) -> String {
        match self {
            Self::Uint(bits) => format!("uint{bits}"),
            Self::Int(bits) => format!("int{bits}"),
            Self::Float(mini) => mini.name.to_owned(),
        }
    }

    /// The dtype of its codes: int8 for signed integers, whose codes are their values, else uint8.
    pub fn codes(self) -> DType {
        if matches!(self, Self::Int(_)) { DType::I8 } else { DType::U8 }
    }

    /// Bits of an element as files pack them.
    pub fn bits(self) -> u32 {
        match self {
            Self::Uint(bits) | Self::Int(bits) => bits,
            Self::Float(mini) => mini.bits,
        }
    }

    /// Whether it is an integer.
    pub fn is_int(self) -> bool {
        !matches!(self, Self::Float(_))
    }

    /// The least and the greatest number.
    pub fn range(self) -> (f64, f64) {
        match self {
            Self::Uint(bits) => (0.0, f64::from((1_u32 << bits) - 1)),
            Self::Int(bits) => (-f64::from(1_u32 << (bits - 1)), f64::from((1_u32 << (bits - 1)) - 1)),
            Self::Float(mini) => (-mini.greatest(), mini.greatest()),
        }
    }

    /// Bytes in which files pack this many elements.
    pub fn packed_bytes(self, elements: usize) -> Option<usize> {
        Some(elements.checked_mul(self.bits() as usize)?.div_ceil(8))
    }

    /// One code a byte, of bytes in which the first element lies lowest.
    ///
    /// # Errors
    /// `shape_mismatch` for another number of bytes.
    pub fn unpack(self, packed: &[u8], elements: usize) -> Result<Vec<u8>> {
        if self.packed_bytes(elements) != Some(packed.len()) {
            fail!(ShapeMismatch, "data: expected {elements} elements of {}, found {} bytes", self.name(), packed.len());
        }
        let bits = self.bits() as usize;
        let bit = |at: usize| packed.get(at / 8).map_or(0, |byte| byte >> (at % 8) & 1);
        let one = |i: usize| {
            let code = (0..bits).fold(0, |code, b| code | bit(i * bits + b) << b);
            let negative = matches!(self, Self::Int(_)) && code >> (bits - 1) & 1 == 1;
            if negative { code | 0xff << bits } else { code }
        };
        Ok((0..elements).map(one).collect())
    }

    /// The number of a code.
    pub fn decode(self, code: u8) -> f32 {
        match self {
            Self::Uint(_) => f32::from(code),
            Self::Int(_) => f32::from(code as i8),
            Self::Float(mini) => mini.decode(code),
        }
    }

    /// The number of each code, from 0 to 255.
    pub fn table(self) -> Vec<f32> {
        (0..=255).map(|code| self.decode(code)).collect()
    }

    /// The codes of numbers, rounded to the nearest, ties to even. Integers wrap, or are cut off at the ends where
    /// `saturate` holds; floats beyond the ends become the greatest number where it holds, else NaN or infinity.
    ///
    /// # Errors
    /// `dtype_mismatch` for strings.
    pub fn encode(self, values: &Array, saturate: bool) -> Result<Array> {
        let numbers = values.to_f64()?;
        let codes: Vec<u8> = match self {
            Self::Float(mini) => numbers.iter().map(|&x| mini.encode(x, saturate)).collect(),
            _ => numbers.iter().map(|&x| self.encode_int(x, saturate)).collect(),
        };
        Array::from_bytes(self.codes(), values.shape(), &codes)
    }

    /// The codes of numbers as float8e8m0, exponents alone, rounded `up`, `down` or to the `nearest`.
    ///
    /// # Errors
    /// `dtype_mismatch` for strings; `invalid_argument` for another word.
    pub fn encode_scale(self, values: &Array, saturate: bool, mode: &str) -> Result<Array> {
        if !["up", "down", "nearest"].contains(&mode) {
            fail!(InvalidArgument, "round_mode: expected up, down or nearest, found '{mode}'");
        }
        let codes: Vec<u8> = values.to_f64()?.iter().map(|&x| exponent_code(x as f32, saturate, mode)).collect();
        Array::from_bytes(self.codes(), values.shape(), &codes)
    }

    fn encode_int(self, x: f64, saturate: bool) -> u8 {
        let (low, high) = self.range();
        if saturate {
            return x.round_ties_even().clamp(low, high) as i64 as u8;
        }
        let (code, bits) = (x as i64 as u8, self.bits());
        let kept = code & ((1 << bits) - 1);
        let negative = matches!(self, Self::Int(_)) && kept >> (bits - 1) == 1;
        if negative { kept | 0xff << bits } else { kept }
    }
}

impl Mini {
    fn decode(self, code: u8) -> f32 {
        if self.special == Special::Scale {
            return if code == 255 { f32::NAN } else { 2_f64.powi(i32::from(code) - self.bias) as f32 };
        }
        let magnitude = u32::from(code) & ((1 << (self.bits - 1)) - 1);
        let negative = u32::from(code) >> (self.bits - 1) & 1 == 1;
        let (exponent, mantissa) = (magnitude >> self.mantissa, magnitude & ((1 << self.mantissa) - 1));
        let last = (1 << self.exponent) - 1;
        let value = match self.special {
            Special::MinusZeroIsNan if negative && magnitude == 0 => f64::NAN,
            Special::LastIsNan if magnitude == (1 << (self.bits - 1)) - 1 => f64::NAN,
            Special::Ieee if exponent == last && mantissa > 0 => f64::NAN,
            Special::Ieee if exponent == last => f64::INFINITY,
            _ => self.magnitude(exponent, mantissa),
        };
        (if negative { -value } else { value }) as f32
    }

    fn magnitude(self, exponent: u32, mantissa: u32) -> f64 {
        let scale = 2_f64.powi(exponent.max(1) as i32 - self.bias - self.mantissa as i32);
        let hidden = if exponent > 0 { 1 << self.mantissa } else { 0 };
        f64::from(hidden + mantissa) * scale
    }

    /// The code of the greatest number.
    fn last(self) -> u8 {
        let all = ((1_u32 << (self.bits - 1)) - 1) as u8;
        match self.special {
            Special::LastIsNan => all - 1,
            Special::Ieee => all - (1 << self.mantissa),
            Special::Scale => 254,
            _ => all,
        }
    }

    fn greatest(self) -> f64 {
        f64::from(self.decode(self.last()))
    }

    /// The code of what lies beyond the greatest number, where nothing is cut off.
    fn beyond(self, negative: bool) -> u8 {
        match self.special {
            Special::MinusZeroIsNan => 0x80,
            Special::None => self.last() | u8::from(negative) << (self.bits - 1),
            Special::Scale => 255,
            Special::LastIsNan | Special::Ieee => (self.last() + 1) | (u8::from(negative) << 7),
        }
    }

    fn nan(self) -> u8 {
        match self.special {
            Special::MinusZeroIsNan => 0x80,
            Special::Scale => 255,
            Special::None => 1 << (self.bits - 1),
            Special::LastIsNan => 0x7f,
            Special::Ieee => 0x7e,
        }
    }

    fn encode(self, x: f64, saturate: bool) -> u8 {
        if x.is_nan() {
            return self.nan();
        }
        if self.special == Special::Scale {
            return exponent_code(x as f32, saturate, "nearest");
        }
        let negative = x.is_sign_negative();
        let sign = u8::from(negative) << (self.bits - 1);
        let (magnitude, greatest) = (x.abs(), self.greatest());
        // Halfway to the number that would come next rounds to the even one of the two.
        let step = greatest - f64::from(self.decode(self.last() - 1));
        let over =
            if self.last() & 1 == 1 { magnitude >= greatest + step / 2.0 } else { magnitude > greatest + step / 2.0 };
        if over {
            return if saturate { self.last() | sign } else { self.beyond(negative) };
        }
        let code = self.nearest(magnitude);
        if code == 0 && self.special == Special::MinusZeroIsNan { 0 } else { code | sign }
    }

    /// The code of the nearest number to a magnitude within range, ties to the even code.
    fn nearest(self, magnitude: f64) -> u8 {
        let (mut low, mut high) = (0, self.last());
        while low < high {
            let middle = low + (high - low).div_ceil(2);
            if f64::from(self.decode(middle)) <= magnitude { low = middle } else { high = middle - 1 }
        }
        if low == self.last() {
            return low;
        }
        let (below, above) = (f64::from(self.decode(low)), f64::from(self.decode(low + 1)));
        let up = match (magnitude - below).total_cmp(&(above - magnitude)) {
            std::cmp::Ordering::Less => false,
            std::cmp::Ordering::Greater => true,
            std::cmp::Ordering::Equal => low & 1 == 1,
        };
        low + u8::from(up)
    }
}

/// The exponent of a number, rounded by `mode`: up, down or nearest.
fn exponent_code(x: f32, saturate: bool, mode: &str) -> u8 {
    let bits = x.to_bits();
    let (exponent, fraction) = (bits >> 23 & 0xff, bits & 0x7f_ffff);
    if exponent == 0xff {
        return 0xff;
    }
    let up = match mode {
        "nearest" => fraction > 0x40_0000 || fraction == 0x40_0000 && exponent > 0,
        "down" => false,
        _ => fraction > 0,
    };
    let last = if saturate { 0xfe } else { 0xff };
    (exponent + u32::from(up)).min(last) as u8
}

#[cfg(test)]
mod tests {
    use super::*;

    fn float(code: i64) -> Narrow {
        Narrow::of(code).unwrap()
    }

    #[test]
    fn codes_are_those_of_the_formats() {
        // OCP 8-bit floating point specification: the greatest numbers and the least above zero.
        assert_eq!(float(17).range().1, 448.0);
        assert_eq!(float(19).range().1, 57344.0);
        assert_eq!(float(18).range().1, 240.0);
        assert_eq!(float(20).range().1, 57344.0);
        assert_eq!(float(23).range().1, 6.0);
        assert_eq!(float(17).decode(1), 2_f32.powi(-9));
        assert_eq!(float(19).decode(1), 2_f32.powi(-16));
        assert_eq!(float(23).table()[..8], [0.0, 0.5, 1.0, 1.5, 2.0, 3.0, 4.0, 6.0]);
    }

    #[test]
    fn every_number_has_its_own_code() {
        for narrow in MINIS.into_iter().filter(|m| m.special != Special::Scale) {
            let codes = (0..=narrow.last()).map(|c| (c, f64::from(narrow.decode(c))));
            codes.for_each(|(code, x)| assert_eq!(narrow.encode(x, true), code, "{}: {x}", narrow.name));
        }
    }

    #[test]
    fn rounding_is_to_even_and_ends_are_kept_or_lost() {
        let four = float(23);
        let values = Array::from_slice(&[0.25_f32, 0.75, 5.0, 7.0, -100.0], [5]).unwrap();
        assert_eq!(four.encode(&values, true).unwrap().bytes(), [0, 2, 6, 7, 15]);
        let eight = float(17);
        let values = Array::from_slice(&[500.0_f32, f32::INFINITY, f32::NAN], [3]).unwrap();
        assert_eq!(eight.encode(&values, true).unwrap().bytes(), [0x7e, 0x7e, 0x7f]);
        assert_eq!(eight.encode(&values, false).unwrap().bytes(), [0x7f, 0x7f, 0x7f]);
    }

    #[test]
    fn packed_integers_begin_lowest() {
        assert_eq!(Narrow::Int(4).unpack(&[0x8f, 0x07], 3).unwrap(), [0xff, 0xf8, 7]);
        assert_eq!(Narrow::Uint(2).unpack(&[0b_1101_1000], 4).unwrap(), [0, 2, 1, 3]);
        assert!(Narrow::Uint(4).unpack(&[1], 3).is_err());
    }
}
