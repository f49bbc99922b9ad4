//! `string_to_number`: numbers read from text.

use super::STRINGS;
use super::string_strip::strip;
use crate::core::prelude::*;

/// The op.
pub static OP: Op = Op {
    name: "string_to_number",
    doc: "The decimal number that each string spells, in the attribute `dtype`: float32, float64, int32 or int64. White \
          space at the ends does not count; anything else that is no number is an error.",
    source: "TensorFlow tf.strings.to_number",
    attrs: &["dtype"],
    infer: |call| {
        let dtype = call.attrs.dtype("dtype")?;
        if !matches!(dtype, DType::F32 | DType::F64 | DType::I32 | DType::I64) {
            fail!(DtypeMismatch, "dtype: expected float32, float64, int32 or int64, found {dtype}");
        }
        Ok(smallvec![Type::new(dtype, call.shape(0))])
    },
    reference: Reference::Whole(reference),
    cases: Cases::Of(|| {
        let of = |words: [&str; 3], dtype: DType| {
            let words = Array::from_strings(words.map(|w| w.as_bytes().to_vec()).to_vec(), [3]);
            Case::new([exactly(words.unwrap_or_else(|_| super::sample()))], attrs! { dtype: dtype })
        };
        vec![
            of(["1.5", " -2e3\n", "inf"], DType::F32),
            of(["0.1", "1e-300", "-0"], DType::F64),
            of(["7", "+3", " -2147483648 "], DType::I32),
            of(["0", "9223372036854775807", "-1"], DType::I64),
        ]
    }),
    ..STRINGS
};

fn reference(call: &Call<'_>, x: &[Array]) -> Result<Vec<Array>> {
    let (dtype, shape) = (call.attrs.dtype("dtype")?, x[0].shape());
    Ok(vec![match dtype {
        DType::F32 => Array::from_slice(&parse::<f32>(&x[0], dtype)?, shape)?,
        DType::F64 => Array::from_slice(&parse::<f64>(&x[0], dtype)?, shape)?,
        DType::I32 => Array::from_slice(&parse::<i32>(&x[0], dtype)?, shape)?,
        _ => Array::from_slice(&parse::<i64>(&x[0], dtype)?, shape)?,
    }])
}

fn parse<T: std::str::FromStr>(x: &Array, dtype: DType) -> Result<Vec<T>> {
    x.strings()?
        .iter()
        .map(|s| {
            let text = String::from_utf8_lossy(strip(s));
            text.parse().map_err(|_| err!(InvalidArgument, "expected a number of {dtype}, found {text:?}"))
        })
        .collect()
}

impl Tensor {
    /// The decimal number that each string spells, as float32, float64, int32 or int64.
    ///
    /// # Errors
    /// `dtype_mismatch` for another dtype; `invalid_argument` when it runs, for what is no number.
    #[track_caller]
    pub fn string_to_number(&self, dtype: DType) -> Tensor {
        call1(&OP, &[self], attrs! { dtype: dtype })
    }
}
