//! Arrays as text: `Display` is NumPy's `str`, `Debug` NumPy's `repr`, `describe` TensorFlow's.
//!
//! The rules are those of NumPy 2.4 with its default print options: 8 digits of precision, lines of 75 columns, and
//! beyond 1000 elements only the 3 outermost of each end of an axis. bfloat16 is printed as `ml_dtypes` prints it.

mod decimal;
mod number;

use std::fmt;

use half::f16;
use num_complex::Complex32;

use crate::{Array, DType, Shape};
use decimal::Kind;
use number::{FloatColumn, complex_scalar, float_scalar, six_digits};

/// More elements than this are summarised.
const THRESHOLD: usize = 1000;
/// Elements shown at each end of a summarised axis.
const EDGE: usize = 3;
/// Columns of a line.
const WIDTH: usize = 75;

impl fmt::Display for Array {
    /// NumPy's `str(a)`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.shape().is_empty() {
            return f.pad(&scalar_text(self));
        }
        f.write_str(&layout(self, " ", WIDTH, 0))
    }
}

impl fmt::Debug for Array {
    /// NumPy's `repr(a)`: `array([1., 2.], dtype=float32)`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let prefix = "array(";
        let body = format!("{prefix}{}", layout(self, ", ", WIDTH - 1, prefix.len()));
        let mut extras = Vec::new();
        let empty = self.elements() == 0;
        if empty && self.shape().as_slice() != [0] || self.elements() > THRESHOLD {
            extras.push(format!("shape={}", tuple(self.shape())));
        }
        if empty || !matches!(self.dtype(), DType::Bool | DType::I64 | DType::F64) {
            extras.push(format!("dtype={}", self.dtype()));
        }
        if extras.is_empty() {
            return write!(f, "{body})");
        }
        let extras = extras.join(", ") + ")";
        let last_line = body.len() + 1 - body.rfind('\n').map_or(0, |i| i + 1);
        let break_line = last_line + extras.len() + 1 > WIDTH;
        let space = if break_line { format!("\n{}", " ".repeat(prefix.len())) } else { " ".into() };
        write!(f, "{body},{space}{extras}")
    }
}

impl Array {
    /// Values, shape and dtype, as TensorFlow prints a tensor.
    ///
    /// ```
    /// use cornet_tensor::Array;
    /// let a = Array::from_literal([[1.0_f32, 2.0], [3.0, 4.5]])?;
    /// assert_eq!(a.describe(), "tensor(\n[[1.  2. ]\n [3.  4.5]], shape=(2, 2), dtype=float32)");
    /// # Ok::<(), cornet_tensor::Error>(())
    /// ```
    pub fn describe(&self) -> String {
        let text = self.to_string();
        let start = if text.contains('\n') { "\n" } else { "" };
        format!("tensor({start}{text}, shape={}, dtype={})", tuple(self.shape()), self.dtype())
    }
}

/// A shape as Python writes a tuple.
fn tuple(shape: &Shape) -> String {
    match shape.as_slice() {
        [one] => format!("({one},)"),
        all => format!("({})", all.iter().map(usize::to_string).collect::<Vec<_>>().join(", ")),
    }
}

/// An axis as it is shown: all its indices, or those of both ends.
struct Axis {
    indices: Vec<usize>,
    is_cut: bool,
}

impl Axis {
    fn new(size: usize, summarise: bool) -> Self {
        let is_cut = summarise && size > 2 * EDGE;
        let indices = if is_cut { (0..EDGE).chain(size - EDGE..size).collect() } else { (0..size).collect() };
        Self { indices, is_cut }
    }
}

/// The elements in brackets, starting `prefix` columns to the right.
fn layout(array: &Array, separator: &str, width: usize, prefix: usize) -> String {
    if array.elements() == 0 {
        return "[]".into();
    }
    let summarise = array.elements() > THRESHOLD;
    let axes: Vec<Axis> = array.shape().iter().map(|&size| Axis::new(size, summarise)).collect();
    let shown = axes.iter().zip(array.shape().strides()).fold(vec![0], |offsets, (axis, stride)| {
        offsets.iter().flat_map(|&offset| axis.indices.iter().map(move |&i| offset + i * stride)).collect()
    });
    block(&axes, &words(array, &shown), separator, 1 + prefix, width)
}

/// One bracketed block; `indent` is the column of what follows its bracket, `width` the columns left.
fn block(axes: &[Axis], words: &[String], separator: &str, indent: usize, width: usize) -> String {
    let (axis, inner) = match axes {
        [] => return words.first().cloned().unwrap_or_default(),
        [axis] => return row(axis, words, separator, indent, width),
        [axis, inner @ ..] => (axis, inner),
    };
    let line_break = format!("{}{}{}", separator.trim_end(), "\n".repeat(inner.len()), " ".repeat(indent));
    let each = words.len() / axis.indices.len();
    let mut blocks: Vec<String> =
        words.chunks(each).map(|chunk| block(inner, chunk, separator, indent + 1, width.saturating_sub(1))).collect();
    if axis.is_cut {
        blocks.insert(EDGE, "...".into());
    }
    format!("[{}]", blocks.join(&line_break))
}

/// The last axis: words on lines of at most `width` columns, one of them for the bracket or separator that follows.
fn row(axis: &Axis, words: &[String], separator: &str, indent: usize, width: usize) -> String {
    let width = width.saturating_sub(1);
    let margin = " ".repeat(indent);
    let (mut done, mut line) = (String::new(), margin.clone());
    let mut pieces: Vec<&str> = words.iter().map(String::as_str).collect();
    if axis.is_cut {
        pieces.insert(EDGE, "...");
    }
    for (i, piece) in pieces.iter().enumerate() {
        if line.len() + piece.len() > width && line.len() > indent {
            done.push_str(line.trim_end());
            done.push('\n');
            line.clone_from(&margin);
        }
        line.push_str(piece);
        if i + 1 < pieces.len() {
            line.push_str(separator);
        }
    }
    done.push_str(&line);
    format!("[{}]", &done[indent..])
}

/// The text of each element at `indices`, in columns of equal width where NumPy aligns them.
fn words(array: &Array, indices: &[usize]) -> Vec<String> {
    let scalar = array.shape().is_empty();
    match array.dtype() {
        DType::Bool => {
            let (yes, no) = (if scalar { "True" } else { " True" }, "False");
            indices.iter().map(|&i| (if array.bytes()[i] != 0 { yes } else { no }).to_string()).collect()
        }
        DType::Str => indices.iter().map(|&i| bytes_text(&array.strings().unwrap_or(&[])[i])).collect(),
        DType::C64 => {
            let all = array.as_slice::<Complex32>().unwrap_or(&[]);
            let re: Vec<f64> = indices.iter().map(|&i| all[i].re.into()).collect();
            let im: Vec<f64> = indices.iter().map(|&i| all[i].im.into()).collect();
            let (left, right) = (FloatColumn::new(&re, Kind::F32, false), FloatColumn::new(&im, Kind::F32, true));
            re.iter().zip(&im).map(|(&re, &im)| left.format(re) + &with_j(&right.format(im))).collect()
        }
        DType::BF16 => floats(array, indices).into_iter().map(six_digits).collect(),
        DType::F16 | DType::F32 | DType::F64 => {
            let values = floats(array, indices);
            let column = FloatColumn::new(&values, kind(array.dtype()), false);
            values.into_iter().map(|x| column.format(x)).collect()
        }
        _ => {
            let texts: Vec<String> = indices.iter().map(|&i| integer(array, i)).collect();
            let width = texts.iter().map(String::len).max().unwrap_or(0);
            texts.into_iter().map(|text| format!("{text:>width$}")).collect()
        }
    }
}

fn kind(dtype: DType) -> Kind {
    match dtype {
        DType::F16 => Kind::F16,
        DType::F64 => Kind::F64,
        _ => Kind::F32,
    }
}

fn floats(array: &Array, indices: &[usize]) -> Vec<f64> {
    fn gather<T: crate::Element>(array: &Array, indices: &[usize], wide: impl Fn(T) -> f64) -> Vec<f64> {
        let all = array.as_slice::<T>().unwrap_or(&[]);
        indices.iter().map(|&i| wide(all[i])).collect()
    }
    match array.dtype() {
        DType::F16 => gather(array, indices, f16::to_f64),
        DType::BF16 => gather(array, indices, half::bf16::to_f64),
        DType::F32 => gather(array, indices, |x: f32| x.into()),
        _ => gather(array, indices, |x: f64| x),
    }
}

fn integer(array: &Array, index: usize) -> String {
    fn text<T: crate::Element + ToString>(array: &Array, index: usize) -> String {
        array.as_slice::<T>().map(|all| all[index].to_string()).unwrap_or_default()
    }
    match array.dtype() {
        DType::I8 => text::<i8>(array, index),
        DType::I16 => text::<i16>(array, index),
        DType::I32 => text::<i32>(array, index),
        DType::U8 => text::<u8>(array, index),
        DType::U16 => text::<u16>(array, index),
        DType::U32 => text::<u32>(array, index),
        DType::U64 => text::<u64>(array, index),
        _ => text::<i64>(array, index),
    }
}

/// The `j` goes before the padding.
fn with_j(imaginary: &str) -> String {
    let digits = imaginary.trim_end();
    format!("{digits}j{}", &imaginary[digits.len()..])
}

/// An array without axes, as `str` of a NumPy scalar.
fn scalar_text(array: &Array) -> String {
    match array.dtype() {
        dtype @ (DType::F16 | DType::F32 | DType::F64) => float_scalar(floats(array, &[0])[0], kind(dtype), true),
        DType::C64 => {
            let c = array.as_slice::<Complex32>().unwrap_or(&[]).first().copied().unwrap_or_default();
            complex_scalar(c.re.into(), c.im.into())
        }
        _ => words(array, &[0]).remove(0),
    }
}

/// A byte string as Python writes it: `b'caf\xc3\xa9'`.
fn bytes_text(bytes: &[u8]) -> String {
    let quote = if bytes.contains(&b'\'') && !bytes.contains(&b'"') { '"' } else { '\'' };
    let mut text = format!("b{quote}");
    for &byte in bytes {
        match byte {
            b'\t' => text.push_str("\\t"),
            b'\n' => text.push_str("\\n"),
            b'\r' => text.push_str("\\r"),
            b'\\' => text.push_str("\\\\"),
            _ if byte == quote as u8 => text.extend(['\\', quote]),
            0x20..0x7f => text.push(byte.into()),
            _ => text.push_str(&format!("\\x{byte:02x}")),
        }
    }
    text.push(quote);
    text
}
