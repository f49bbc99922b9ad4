//! `string_join`: strings of several tensors, one after the other.

use super::{STRINGS, sample};
use crate::core::prelude::*;

/// The op.
pub static OP: Op = Op {
    name: "string_join",
    doc: "Corresponding strings of all inputs, which broadcast, with the attribute `separator` between them.",
    source: "TensorFlow tf.strings.join",
    arity: (1, MANY),
    attrs: &["separator"],
    infer: |call| {
        call.attrs.str("separator")?;
        infer::broadcast(call)
    },
    reference: Reference::Whole(reference),
    cases: Cases::Of(|| {
        let one = Array::scalar("né".to_string());
        vec![
            Case::new([exactly(sample()), exactly(one), exactly(sample())], attrs! { separator: ", " }),
            Case::new([exactly(sample())], attrs! { separator: "" }),
        ]
    }),
    ..STRINGS
};

fn reference(call: &Call<'_>, x: &[Array]) -> Result<Vec<Array>> {
    let (separator, to) = (call.attrs.str("separator")?.as_bytes(), infer::broadcast_shape(call)?);
    let parts = x
        .iter()
        .map(|a| Ok((a.strings()?, a.shape().broadcast_strides(&to))))
        .collect::<Result<Vec<(&[Vec<u8>], Dims)>>>()?;
    let mut out = Vec::with_capacity(to.elements());
    for_each_index(&to, |index| {
        let at = |strides: &Dims| index.iter().zip(strides).map(|(i, s)| i * s).sum::<usize>();
        let words: Vec<&[u8]> = parts.iter().map(|(s, strides)| s[at(strides)].as_slice()).collect();
        out.push(words.join(separator));
    });
    Ok(vec![Array::from_strings(out, to)?])
}

impl Tensor {
    /// Corresponding strings of all tensors, which broadcast, with a separator between them.
    ///
    /// ```
    /// use cornet_ops::Tensor;
    /// let (a, b) = (Tensor::of(["x", "y"].map(String::from)), Tensor::of("z".to_string()));
    /// assert_eq!(Tensor::string_join(&[&a, &b], "-").to_vec::<String>()?, ["x-z", "y-z"]);
    /// # Ok::<(), cornet_tensor::Error>(())
    /// ```
    ///
    /// # Errors
    /// `shape_mismatch`; `dtype_mismatch` for what is no string.
    #[track_caller]
    pub fn string_join(tensors: &[&Tensor], separator: &str) -> Tensor {
        call1(&OP, tensors, attrs! { separator: separator })
    }
}
