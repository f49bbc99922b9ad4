//! Decimal digits of floats: the shortest ones that name the value among its type, or a given number of them.

use half::f16;

/// The float types whose digits are told apart; every value is carried as the f64 it is exactly.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    F16,
    F32,
    F64,
}

impl Kind {
    /// The nearest value of this type to a decimal text, ties to even.
    fn parse(self, text: &str) -> f64 {
        match self {
            // No decimal of so few digits lies so near a tie of float16 that rounding to f64 first would move it.
            Kind::F16 => text.parse().map_or(f64::NAN, |x| f16::from_f64(x).to_f64()),
            Kind::F32 => text.parse::<f32>().map_or(f64::NAN, f64::from),
            Kind::F64 => text.parse().unwrap_or(f64::NAN),
        }
    }
}

/// A finite number: sign, digits `d` without point, and the power of ten of the first: `d[0].d[1]… · 10^exponent`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Decimal {
    pub negative: bool,
    pub digits: String,
    pub exponent: i32,
}

impl Decimal {
    /// The fewest digits that read back as `x`, and of those the nearest to it.
    pub fn shortest(x: f64, kind: Kind) -> Self {
        let text = match kind {
            Kind::F16 => {
                return (0..5)
                    .map(|places| Decimal::with_places(x, kind, places))
                    .find(|d| kind.parse(&d.to_text()) == x)
                    .unwrap_or_else(|| Decimal::with_places(x, kind, 5));
            }
            Kind::F32 => format!("{:e}", x as f32),
            Kind::F64 => format!("{x:e}"),
        };
        // Rust rounds a tie between two equally short candidates up, NumPy to even.
        Decimal::with_places(x, kind, Decimal::from_text(&text).digits.len() - 1)
    }

    /// `places` digits after the first, rounded to nearest even, except that a neighbour which reads back as `x` is
    /// preferred to a nearest one that does not (possible at powers of two, where the floats below lie closer).
    pub fn with_places(x: f64, kind: Kind, places: usize) -> Self {
        let nearest = Decimal::from_text(&format!("{x:.places$e}"));
        if kind.parse(&nearest.to_text()) == x {
            return nearest;
        }
        let above = nearest.next_above();
        if kind.parse(&above.to_text()) == x { above } else { nearest }
    }

    /// Rounded to `places` digits after the point where the shortest form has more.
    pub fn with_fraction(x: f64, kind: Kind, places: usize) -> Self {
        let shortest = Decimal::shortest(x, kind);
        if shortest.digits.len() as i32 - 1 - shortest.exponent <= places as i32 {
            return shortest;
        }
        let text = format!("{x:.places$}");
        let negative = text.starts_with('-');
        let unsigned = text.trim_start_matches('-');
        let (whole, fraction) = unsigned.split_once('.').unwrap_or((unsigned, ""));
        let all: String = [whole, fraction].concat();
        let lead = all.len() - all.trim_start_matches('0').len();
        let digits = if lead == all.len() { "0".to_string() } else { all[lead..].to_string() };
        let exponent = if lead == all.len() { 0 } else { whole.len() as i32 - 1 - lead as i32 };
        Decimal { negative, digits, exponent }.trimmed()
    }

    /// Without trailing zeros; at least one digit stays.
    pub fn trimmed(mut self) -> Self {
        let kept = self.digits.trim_end_matches('0').len().max(1);
        self.digits.truncate(kept);
        self
    }

    /// Digits before and after the decimal point, both possibly empty of significance: `("0", "05")` for 0.05.
    pub fn positional(&self) -> (String, String) {
        let sign = if self.negative { "-" } else { "" };
        let digits = self.digits.as_str();
        if self.exponent < 0 {
            let zeros = "0".repeat((-self.exponent - 1) as usize);
            let fraction = if digits == "0" { String::new() } else { zeros + digits };
            return (format!("{sign}0"), fraction);
        }
        let whole = self.exponent as usize + 1;
        if digits.len() <= whole {
            return (format!("{sign}{digits}{}", "0".repeat(whole - digits.len())), String::new());
        }
        let fraction = digits[whole..].trim_end_matches('0');
        (format!("{sign}{}", &digits[..whole]), fraction.to_string())
    }

    /// `e-05`: at least `width` digits.
    pub fn exponent_text(&self, width: usize) -> String {
        let sign = if self.exponent < 0 { '-' } else { '+' };
        format!("e{sign}{:0width$}", self.exponent.unsigned_abs())
    }

    fn from_text(text: &str) -> Self {
        let (mantissa, exponent) = text.split_once('e').unwrap_or((text, "0"));
        Decimal {
            negative: mantissa.starts_with('-'),
            digits: mantissa.chars().filter(char::is_ascii_digit).collect(),
            exponent: exponent.parse().unwrap_or(0),
        }
    }

    fn to_text(&self) -> String {
        let sign = if self.negative { "-" } else { "" };
        format!("{sign}{}.{}e{}", &self.digits[..1], &self.digits[1..], self.exponent)
    }

    /// One more in the last digit.
    fn next_above(&self) -> Self {
        let mut digits = self.digits.clone().into_bytes();
        for digit in digits.iter_mut().rev() {
            if *digit < b'9' {
                *digit += 1;
                return Decimal { digits: String::from_utf8_lossy(&digits).into_owned(), ..self.clone() };
            }
            *digit = b'0';
        }
        let digits = format!("1{}", "0".repeat(digits.len() - 1));
        Decimal { negative: self.negative, digits, exponent: self.exponent + 1 }
    }
}
