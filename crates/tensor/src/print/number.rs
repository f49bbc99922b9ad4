//! How NumPy writes one number, or many in columns of equal width.

use half::f16;

use super::decimal::{Decimal, Kind};

/// NumPy's default `precision`: digits after the point at most.
const PRECISION: usize = 8;

/// The layout that suits all the floats of one array.
pub(super) struct FloatColumn {
    kind: Kind,
    plus: bool,
    left: usize,
    right: usize,
    /// Digits after the point and digits of the exponent, where the column is in scientific notation.
    scientific: Option<(usize, usize)>,
}

impl FloatColumn {
    /// Measures `values`; with `plus`, positive ones get a sign too.
    pub fn new(values: &[f64], kind: Kind, plus: bool) -> Self {
        let finite: Vec<f64> = values.iter().copied().filter(|x| x.is_finite()).collect();
        let mut column = Self { kind, plus, left: 0, right: 0, scientific: None };
        if wants_scientific(&finite, kind) {
            column.measure_scientific(&finite);
        } else {
            for &x in &finite {
                let (whole, fraction) = column.positional(x);
                column.left = column.left.max(whole.len());
                column.right = column.right.max(fraction.len());
            }
        }
        if finite.len() < values.len() {
            let sign = usize::from(plus || values.contains(&f64::NEG_INFINITY));
            column.left = column.left.max((3 + sign).saturating_sub(column.right + 1));
        }
        column
    }

    /// One value, padded to the column's width.
    pub fn format(&self, x: f64) -> String {
        let width = self.left + self.right + 1;
        if !x.is_finite() {
            return format!("{:>width$}", self.signed(special(x).to_string(), !x.is_nan() && x < 0.0));
        }
        let Some((places, exponent_digits)) = self.scientific else {
            let (whole, fraction) = self.positional(x);
            return format!("{whole:>0$}.{fraction:<1$}", self.left, self.right);
        };
        let shortest = Decimal::shortest(x, self.kind);
        let decimal = match shortest.digits.len() - 1 == places {
            true => shortest,
            false => Decimal::with_places(x, self.kind, places),
        };
        let first = self.signed(decimal.digits[..1].to_string(), decimal.negative);
        let exponent = decimal.exponent_text(exponent_digits);
        format!("{first:>0$}.{1}{exponent}", self.left, &decimal.digits[1..])
    }

    fn measure_scientific(&mut self, finite: &[f64]) {
        let (mut places, mut exponent_digits) = (0, 0);
        for &x in finite {
            let mut decimal = Decimal::shortest(x, self.kind);
            if decimal.digits.len() > PRECISION + 1 {
                decimal = Decimal::with_places(x, self.kind, PRECISION).trimmed();
            }
            places = places.max(decimal.digits.len() - 1);
            exponent_digits = exponent_digits.max(decimal.exponent_text(2).len() - 2);
            self.left = self.left.max(1 + usize::from(decimal.negative || self.plus));
        }
        self.right = exponent_digits + 2 + places;
        self.scientific = Some((places, exponent_digits));
    }

    fn positional(&self, x: f64) -> (String, String) {
        let (whole, fraction) = Decimal::with_fraction(x, self.kind, PRECISION).positional();
        (self.signed(whole, x.is_sign_negative()), fraction)
    }

    /// Puts the sign that `text` lacks before it.
    fn signed(&self, text: String, negative: bool) -> String {
        match (negative, self.plus) {
            (true, _) if !text.starts_with('-') => format!("-{text}"),
            (false, true) => format!("+{text}"),
            _ => text,
        }
    }
}

/// NumPy's rule: a value too large for its type's digits or below 1e-4, or a ratio above 1000.
fn wants_scientific(finite: &[f64], kind: Kind) -> bool {
    let nonzero = finite.iter().map(|x| x.abs()).filter(|&x| x > 0.0);
    let (low, high) = nonzero.fold((f64::INFINITY, 0.0_f64), |(low, high), x| (low.min(x), high.max(x)));
    if high == 0.0 {
        return false;
    }
    // The threshold and the ratio are rounded to the array's own type, as NumPy computes with them.
    let (large, small, ratio) = match kind {
        Kind::F16 => (1e3, f16::from_f64(1e-4).to_f64(), f16::from_f64(high / low).to_f64()),
        Kind::F32 => (1e6, f64::from(1e-4_f32), f64::from(high as f32 / low as f32)),
        Kind::F64 => (1e8, 1e-4, high / low),
    };
    high >= large || low < small || ratio > 1000.0
}

fn special(x: f64) -> &'static str {
    if x.is_nan() { "nan" } else { "inf" }
}

/// A float alone, as `str` of a NumPy scalar; a whole number ends with `.0` if `point`.
pub(super) fn float_scalar(x: f64, kind: Kind, point: bool) -> String {
    if !x.is_finite() {
        return format!("{}{}", if x < 0.0 { "-" } else { "" }, special(x));
    }
    let large = match kind {
        Kind::F16 => 1e3,
        Kind::F32 => 1e6,
        Kind::F64 => 1e16,
    };
    let decimal = Decimal::shortest(x, kind);
    if x == 0.0 || (1e-4..large).contains(&x.abs()) {
        return match decimal.positional() {
            (whole, fraction) if !fraction.is_empty() => format!("{whole}.{fraction}"),
            (whole, _) if point => format!("{whole}.0"),
            (whole, _) => whole,
        };
    }
    scientific_text(&decimal)
}

/// A complex number alone: the real part is left out when it is +0.
pub(super) fn complex_scalar(re: f64, im: f64) -> String {
    let imaginary = float_scalar(im, Kind::F32, false);
    if re == 0.0 && re.is_sign_positive() {
        return format!("{imaginary}j");
    }
    let plus = if im.is_nan() || im.is_sign_positive() { "+" } else { "" };
    format!("({}{plus}{imaginary}j)", float_scalar(re, Kind::F32, false))
}

/// C's `%g`: six significant digits without trailing zeros, as `ml_dtypes` prints bfloat16.
pub(super) fn six_digits(x: f64) -> String {
    if !x.is_finite() {
        return format!("{}{}", if x < 0.0 { "-" } else { "" }, special(x));
    }
    let decimal = Decimal::with_places(x, Kind::F64, 5).trimmed();
    if !(-4..6).contains(&decimal.exponent) {
        return scientific_text(&decimal);
    }
    match decimal.positional() {
        (whole, fraction) if fraction.is_empty() => whole,
        (whole, fraction) => format!("{whole}.{fraction}"),
    }
}

fn scientific_text(decimal: &Decimal) -> String {
    let sign = if decimal.negative { "-" } else { "" };
    let point = if decimal.digits.len() > 1 { "." } else { "" };
    format!("{sign}{}{point}{}{}", &decimal.digits[..1], &decimal.digits[1..], decimal.exponent_text(2))
}
