//! Numbers and templates as Python writes them, since files and messages are read by what reads Keras's.

use cornet_error::{Result, err, fail};

use crate::training::Logs;

/// A float as Python prints it: `0.001`, `1e-05`, `nan`.
pub(super) fn python_float(value: f64) -> String {
    if !value.is_finite() {
        return if value.is_nan() { "nan".into() } else { format!("{value}") };
    }
    if value == 0.0 || (1e-4..1e16).contains(&value.abs()) {
        return format!("{value:?}");
    }
    exponent(&format!("{value:e}"))
}

/// Rust's exponent as Python's: a sign and two digits at least.
fn exponent(text: &str) -> String {
    match text.split_once('e') {
        Some((mantissa, power)) => {
            let (sign, digits) = power.strip_prefix('-').map_or(('+', power), |digits| ('-', digits));
            format!("{mantissa}e{sign}{digits:0>2}")
        }
        None => text.into(),
    }
}

/// A number that a template names.
#[derive(Clone, Copy)]
enum Number {
    Whole(usize),
    Float(f64),
}

/// A path with its fields filled in: `{epoch:02d}-{val_loss:.2f}.keras`, as Python's `str.format` does. `epoch` and
/// `batch` are counted from 1.
///
/// # Errors
/// `invalid_argument` for a field that is neither a log, `epoch` nor `batch`, or a format that numbers do not have.
pub(super) fn fill(template: &str, epoch: usize, batch: Option<usize>, logs: &Logs) -> Result<String> {
    let mut out = String::new();
    let mut rest = template;
    while let Some(at) = rest.find(['{', '}']) {
        out.push_str(&rest[..at]);
        let (brace, after) = rest[at..].split_at(1);
        if let Some(doubled) = after.strip_prefix(brace) {
            out.push_str(brace);
            rest = doubled;
            continue;
        }
        let Some((field, next)) = after.split_once('}').filter(|_| brace == "{") else {
            return Err(err!(InvalidArgument, "filepath: expected braces in pairs, found '{template}'"));
        };
        let (name, spec) = field.split_once(':').unwrap_or((field, ""));
        let number = match name {
            "epoch" => Some(Number::Whole(epoch)),
            "batch" if logs.get("batch").is_none() => batch.map(Number::Whole),
            name => logs.get(name).map(Number::Float),
        };
        let Some(number) = number else {
            let names: Vec<&str> = logs.iter().map(|(name, _)| name).collect();
            let known = format!("epoch{}, {}", if batch.is_some() { ", batch" } else { "" }, names.join(", "));
            return Err(err!(InvalidArgument, "filepath '{template}': expected fields among {known}, found '{name}'"));
        };
        out.push_str(&format_number(number, spec).map_err(|e| e.within(format!("filepath '{template}'")))?);
        rest = next;
    }
    out.push_str(rest);
    Ok(out)
}

/// How a number is written: `[[fill]align][sign][0][width][.precision][type]`.
struct Spec {
    fill: char,
    align: Option<char>,
    sign: char,
    width: usize,
    precision: Option<usize>,
    kind: Option<char>,
}

/// Neither paths nor numbers are longer.
const WIDTH_MAX: usize = 255;

impl Spec {
    fn parse(text: &str) -> Result<Self> {
        let wrong = || err!(InvalidArgument, "expected a format such as 02d or .2f, found '{text}'");
        let letters: Vec<char> = text.chars().collect();
        let mut at = 0;
        let mut spec = Self { fill: ' ', align: None, sign: '-', width: 0, precision: None, kind: None };
        let is_align = |c: Option<&char>| matches!(c, Some('<' | '>' | '=' | '^'));
        if is_align(letters.get(1)) {
            (spec.fill, spec.align, at) = (letters[0], letters.get(1).copied(), 2);
        } else if is_align(letters.first()) {
            (spec.align, at) = (letters.first().copied(), 1);
        }
        if let Some(&sign @ ('+' | '-' | ' ')) = letters.get(at) {
            (spec.sign, at) = (sign, at + 1);
        }
        if letters.get(at) == Some(&'0') {
            at += 1;
            if spec.align.is_none() {
                (spec.fill, spec.align) = ('0', Some('='));
            }
        }
        let digits = |at: &mut usize| {
            let start = *at;
            while letters.get(*at).is_some_and(char::is_ascii_digit) {
                *at += 1;
            }
            letters[start..*at].iter().collect::<String>()
        };
        let width = digits(&mut at);
        if !width.is_empty() {
            spec.width = width.parse().ok().filter(|&w| w <= WIDTH_MAX).ok_or_else(wrong)?;
        }
        if letters.get(at) == Some(&'.') {
            at += 1;
            spec.precision = Some(digits(&mut at).parse().ok().filter(|&p| p <= WIDTH_MAX).ok_or_else(wrong)?);
        }
        if let Some(&kind) = letters.get(at) {
            (spec.kind, at) = (Some(kind), at + 1);
        }
        if at < letters.len() { Err(wrong()) } else { Ok(spec) }
    }
}

fn format_number(number: Number, text: &str) -> Result<String> {
    let spec = Spec::parse(text)?;
    let value = match number {
        Number::Whole(n) => n as f64,
        Number::Float(x) => x,
    };
    let magnitude = value.abs();
    let digits = match (spec.kind, number) {
        (None | Some('d'), Number::Whole(n)) if spec.precision.is_none() => n.to_string(),
        (Some('d'), Number::Float(_)) => {
            fail!(InvalidArgument, "expected a format of floats such as .2f, found '{text}'")
        }
        (None, _) if spec.precision.is_none() => python_float(magnitude),
        (Some('f' | 'F'), _) => format!("{magnitude:.*}", spec.precision.unwrap_or(6)),
        (Some('%'), _) => format!("{:.*}%", spec.precision.unwrap_or(6), magnitude * 100.0),
        (Some('e'), _) => exponent(&format!("{magnitude:.*e}", spec.precision.unwrap_or(6))),
        (Some('E'), _) => exponent(&format!("{magnitude:.*e}", spec.precision.unwrap_or(6))).to_uppercase(),
        (Some('g') | None, _) => general(magnitude, spec.precision.unwrap_or(6).max(1)),
        _ => fail!(InvalidArgument, "expected a format such as 02d or .2f, found '{text}'"),
    };
    let digits = if value.is_finite() { digits } else { digits.to_lowercase() };
    let sign = match (value.is_sign_negative() && !value.is_nan(), spec.sign) {
        (true, _) => "-",
        (false, '+') => "+",
        (false, ' ') => " ",
        _ => "",
    };
    let room = spec.width.saturating_sub(sign.len() + digits.chars().count());
    let fill = |n: usize| spec.fill.to_string().repeat(n);
    Ok(match spec.align.unwrap_or('>') {
        '<' => format!("{sign}{digits}{}", fill(room)),
        '^' => format!("{}{sign}{digits}{}", fill(room / 2), fill(room - room / 2)),
        '=' => format!("{sign}{}{digits}", fill(room)),
        _ => format!("{}{sign}{digits}", fill(room)),
    })
}

/// C's `%g`: so many digits, without zeros behind.
fn general(value: f64, digits: usize) -> String {
    if !value.is_finite() {
        return python_float(value);
    }
    let scientific = format!("{value:.*e}", digits - 1);
    let power: i32 = scientific.split_once('e').and_then(|(_, power)| power.parse().ok()).unwrap_or(0);
    let trim = |text: &str| match text.contains('.') {
        true => text.trim_end_matches('0').trim_end_matches('.').to_owned(),
        false => text.to_owned(),
    };
    if (-4..digits as i32).contains(&power) {
        return trim(&format!("{value:.*}", (digits as i32 - 1 - power).max(0) as usize));
    }
    match scientific.split_once('e') {
        Some((mantissa, power)) => exponent(&format!("{}e{power}", trim(mantissa))),
        None => scientific,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn floats_are_written_as_python_writes_them() {
        let found = [0.1, 1.0, 1e-4, 1e-5, 1.5e-7, 123456789.0, 1e16, 1.25e22, f64::NAN, f64::NEG_INFINITY, 0.0];
        let expected =
            ["0.1", "1.0", "0.0001", "1e-05", "1.5e-07", "123456789.0", "1e+16", "1.25e+22", "nan", "-inf", "0.0"];
        assert_eq!(found.map(python_float), expected);
    }

    #[test]
    fn fields_are_filled_as_python_fills_them() {
        // Python 3.12: template.format(epoch=7, batch=12, val_loss=0.0123456, loss=-12.5, acc=1234567.0)
        let logs =
            Logs::sorted([("val_loss", 0.0123456), ("loss", -12.5), ("acc", 1234567.0)].map(|(n, v)| (n.into(), v)));
        for (template, expected) in [
            ("{epoch:02d}-{val_loss:.2f}.keras", "07-0.01.keras"),
            ("{epoch}/{batch:4}|{{x}}", "7/  12|{x}"),
            ("{epoch:.1f} {epoch:<3}| {epoch:*^5}", "7.0 7  | **7**"),
            ("{loss:08.3f} {loss:+} {acc:+.1f} {loss:e}", "-012.500 -12.5 +1234567.0 -1.250000e+01"),
            ("{val_loss:g} {acc:g} {val_loss:.2g} {val_loss:.1%}", "0.0123456 1.23457e+06 0.012 1.2%"),
            ("{val_loss:.3} {acc:.3} {acc:E}", "0.0123 1.23e+06 1.234567E+06"),
        ] {
            assert_eq!(fill(template, 7, Some(12), &logs).unwrap(), expected, "{template}");
        }
    }

    #[test]
    fn fields_that_there_are_not_are_named() {
        let logs = Logs::sorted([("loss".into(), 0.5)]);
        let error = |template: &str| fill(template, 1, None, &logs).unwrap_err().to_string();
        assert!(error("{val_loss:.2f}").contains("expected fields among epoch, loss, found 'val_loss'"));
        assert!(error("{batch}").contains("found 'batch'"));
        assert!(error("{epoch").contains("braces"));
        assert!(error("epoch}").contains("braces"));
        assert!(error("{loss:02d}").contains("floats"));
        assert!(error("{loss:.}").contains("format such as"));
        assert!(error("{loss:999999999999f}").contains("format such as"));
    }
}
