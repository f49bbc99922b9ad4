//! `as_string`: numbers as text.

use super::STRINGS;
use crate::core::prelude::*;

/// The op.
pub static OP: Op = Op {
    name: "as_string",
    doc: "Every number as C's printf writes it: integers by %d; floats by %f, or %e with the attribute `style` `e`, or %g \
          with `g`, to `precision` digits (-1: six); true and false; complex numbers in parentheses. Padded to `width` by \
          `fill`: a space, `0`, or `-` for spaces behind.",
    source: "TensorFlow tf.strings.as_string",
    attrs: &["style", "precision", "width", "fill"],
    dtypes: DTypes::Plain,
    infer: |call| {
        let (style, fill) = (call.attrs.str("style")?, call.attrs.str("fill")?);
        if !["f", "e", "g"].contains(&style) || !["", " ", "0", "-"].contains(&fill) {
            fail!(InvalidArgument, "expected style f, e or g and fill space, 0 or -, found {style:?} and {fill:?}");
        }
        let (precision, width) = (call.attrs.int("precision")?, call.attrs.size("width")?);
        if precision > 1000 || width > 1000 {
            fail!(LimitExceeded, "expected at most 1000 digits and places, found {precision} and {width}");
        }
        Ok(smallvec![Type::new(DType::Str, call.shape(0))])
    },
    reference: Reference::Whole(reference),
    cases: Cases::Of(|| {
        let with = |style: &str, precision: i64, width: usize, fill: &str| {
            let attrs = attrs! { style: style, precision: precision, width: width, fill: fill };
            Case::new([between(&[5], -1.0e3, 1.0e3)], attrs)
        };
        vec![with("f", -1, 0, ""), with("e", 3, 12, "0"), with("g", -1, 9, "-"), with("f", 0, 7, " ")]
    }),
    ..STRINGS
};

/// How [`Tensor::as_string_with`] writes numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NumberFormat {
    /// `f` for fixed digits, `e` for an exponent, `g` for the shorter of the two; floats only.
    pub style: char,
    /// Digits behind the point, or for `g` digits in all; six by default.
    pub precision: Option<usize>,
    /// Least length.
    pub width: usize,
    /// What fills the width: a space, `0`, or `-` for spaces behind.
    pub fill: char,
}

impl Default for NumberFormat {
    fn default() -> Self {
        Self { style: 'f', precision: None, width: 0, fill: ' ' }
    }
}

/// A float as C's printf writes it.
fn float(x: f64, style: &str, precision: i64) -> String {
    let digits = usize::try_from(precision).unwrap_or(6);
    if x.is_nan() {
        return "nan".to_string();
    }
    if x.is_infinite() {
        return if x > 0.0 { "inf" } else { "-inf" }.to_string();
    }
    match style {
        "e" => exponent(x, digits),
        "g" => {
            let digits = digits.max(1);
            let long = exponent(x, digits - 1);
            let power: i64 = long.split('e').nth(1).and_then(|p| p.parse().ok()).unwrap_or(0);
            if (-4..digits as i64).contains(&power) {
                return trimmed(&format!("{x:.*}", (digits as i64 - 1 - power) as usize));
            }
            let (mantissa, power) = long.split_once('e').unwrap_or((&long, "+00"));
            format!("{}e{power}", trimmed(mantissa))
        }
        _ => format!("{x:.digits$}"),
    }
}

fn exponent(x: f64, digits: usize) -> String {
    let text = format!("{x:.digits$e}");
    let (mantissa, power) = text.split_once('e').unwrap_or((&text, "0"));
    let power: i32 = power.parse().unwrap_or(0);
    format!("{mantissa}e{}{:02}", if power < 0 { '-' } else { '+' }, power.abs())
}

/// Without zeros at the end of a fraction.
fn trimmed(text: &str) -> String {
    if text.contains('.') { text.trim_end_matches('0').trim_end_matches('.').to_string() } else { text.to_string() }
}

/// Padded as printf pads; zeros go behind the sign, and before numbers only.
fn padded(text: String, width: usize, fill: &str) -> String {
    match fill {
        "-" => format!("{text:width$}"),
        "0" if text.ends_with(|c: char| c.is_ascii_digit()) => {
            let (sign, digits) = text.strip_prefix('-').map_or(("", text.as_str()), |d| ("-", d));
            format!("{sign}{digits:0>0$}", width.saturating_sub(sign.len()))
        }
        _ => format!("{text:>width$}"),
    }
}

fn reference(call: &Call<'_>, x: &[Array]) -> Result<Vec<Array>> {
    let (style, precision) = (call.attrs.str("style")?, call.attrs.int("precision")?);
    let (width, fill) = (call.attrs.size("width")?, call.attrs.str("fill")?);
    let texts: Vec<String> = match x[0].dtype() {
        DType::Bool => x[0].to_i64()?.iter().map(|&b| if b != 0 { "true" } else { "false" }.to_string()).collect(),
        DType::U64 => x[0].to_i64()?.iter().map(|&v| (v as u64).to_string()).collect(),
        d if d.is_float() => x[0].to_f64()?.iter().map(|&v| float(v, style, precision)).collect(),
        d if d.is_complex() => {
            let part = |v| float(v, style, precision);
            x[0].to_c128()?.iter().map(|c| format!("({},{})", part(c.re), part(c.im))).collect()
        }
        _ => x[0].to_i64()?.iter().map(i64::to_string).collect(),
    };
    let texts = texts.into_iter().map(|t| padded(t, width, fill).into_bytes()).collect();
    Ok(vec![Array::from_strings(texts, x[0].shape())?])
}

impl Tensor {
    /// Every number as text: integers in full, floats to six digits behind the point, `true` and `false`.
    ///
    /// # Errors
    /// `dtype_mismatch` for strings.
    #[track_caller]
    pub fn as_string(&self) -> Tensor {
        self.as_string_with(NumberFormat::default())
    }

    /// The same in another format.
    ///
    /// # Errors
    /// `invalid_argument` for a style or fill that is none; `dtype_mismatch` for strings.
    ///
    /// ```
    /// use cornet_ops::{Tensor, string::NumberFormat};
    /// let short = NumberFormat { style: 'g', ..NumberFormat::default() };
    /// assert_eq!(Tensor::of([1.5, 1e10]).as_string_with(short).to_vec::<String>()?, ["1.5", "1e+10"]);
    /// # Ok::<(), cornet_tensor::Error>(())
    /// ```
    #[track_caller]
    pub fn as_string_with(&self, format: NumberFormat) -> Tensor {
        let precision = format.precision.map_or(-1, |p| p as i64);
        let (style, fill) = (format.style.to_string(), format.fill.to_string());
        call1(&OP, &[self], attrs! { style: style, precision: precision, width: format.width, fill: fill })
    }
}
