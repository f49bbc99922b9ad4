//! `string_reduce_join`: the strings along an axis, one after the other.

use super::{STRINGS, sample};
use crate::core::prelude::*;

/// The op.
pub static OP: Op = Op {
    name: "string_reduce_join",
    doc: "The strings along the attribute `axis` joined by `separator`; the axis vanishes.",
    source: "TensorFlow tf.strings.reduce_join",
    attrs: &["axis", "separator"],
    infer: |call| {
        call.attrs.str("separator")?;
        let mut to = Dims::from_slice(call.shape(0));
        to.remove(call.shape(0).axis(call.attrs.size("axis")? as isize)?);
        Ok(smallvec![Type::new(DType::Str, to)])
    },
    reference: Reference::Whole(reference),
    cases: Cases::Of(|| {
        let along = |axis: usize| Case::new([exactly(sample())], attrs! { axis: axis, separator: "+" });
        let none = Array::zeros(DType::Str, [2, 0]);
        vec![along(0), along(1), Case::new([exactly(none)], attrs! { axis: 1, separator: "+" })]
    }),
    ..STRINGS
};

fn reference(call: &Call<'_>, x: &[Array]) -> Result<Vec<Array>> {
    let (separator, axis) = (call.attrs.str("separator")?.as_bytes(), call.attrs.size("axis")?);
    let (strings, shape, to) = (x[0].strings()?, x[0].shape(), call.infer()?.remove(0).shape);
    let inner: usize = shape[axis + 1..].iter().product();
    let lane = |at: usize| {
        let first = at / inner * shape[axis] * inner + at % inner;
        let words: Vec<&[u8]> = (0..shape[axis]).map(|i| strings[first + i * inner].as_slice()).collect();
        words.join(separator)
    };
    Ok(vec![Array::from_strings((0..to.elements()).map(lane).collect(), to)?])
}

impl Tensor {
    /// The strings along an axis joined by a separator; the axis vanishes.
    ///
    /// # Errors
    /// `out_of_range` for an axis that is none; `dtype_mismatch` for what is no string.
    #[track_caller]
    pub fn string_reduce_join(&self, axis: isize, separator: &str) -> Tensor {
        match self.shape().and_then(|s| s.axis(axis)) {
            Ok(axis) => call1(&OP, &[self], attrs! { axis: axis, separator: separator }),
            Err(error) => Tensor::failed(error),
        }
    }
}
