//! `reshape`: the same elements in row-major order under another shape.

use crate::core::prelude::*;

/// The op.
pub static OP: Op = Op {
    name: "reshape",
    doc: "x under the attribute `shape`, elements in row-major order.",
    source: "Keras 3 keras.ops.reshape",
    attrs: &["shape"],
    infer,
    reference: Reference::Whole(|call, x| Ok(vec![x[0].reshaped(call.attrs.shape("shape")?)?])),
    gradient: Gradient::Rule(|g| grads![g.dy().reshape(g.shape(0))]),
    cases: Cases::Of(|| {
        vec![
            Case::new([any(&[2, 6])], attrs! { shape: vec![3, 4_usize] }),
            Case::new([any(&[1])], attrs! { shape: Vec::<usize>::new() }),
            Case::new([any(&[0, 3])], attrs! { shape: vec![3, 0_usize] }).without_gradient(),
        ]
    }),
    ..Op::BASE
};

fn infer(call: &Call<'_>) -> Result<Types> {
    let (from, to) = (call.shape(0), call.attrs.shape("shape")?);
    if from.elements() != to.elements() {
        fail!(ShapeMismatch, "expected a shape of {} elements, found {to} with {}", from.elements(), to.elements());
    }
    Ok(smallvec![Type::new(call.dtype(0), to)])
}

impl Tensor {
    /// The same elements under another shape.
    #[track_caller]
    pub fn reshape(&self, shape: impl Into<Shape>) -> Tensor {
        let shape = shape.into();
        if self.type_ref().is_ok_and(|t| t.shape == shape) {
            return self.clone();
        }
        call1(&OP, &[self], attrs! { shape: shape })
    }

    /// The same elements under a shape in which one size may be -1: what the others leave.
    #[track_caller]
    pub fn reshape_infer(&self, shape: &[isize]) -> Tensor {
        Tensor::lift(|| {
            let elements = self.shape()?.elements();
            let free = shape.iter().filter(|&&d| d < 0).count();
            let known: usize = shape.iter().filter(|&&d| d >= 0).map(|&d| d as usize).product();
            if free > 1 || free == 1 && (known == 0 || elements % known != 0) {
                fail!(ShapeMismatch, "reshape: {elements} elements do not fit {shape:?}");
            }
            Ok(self
                .reshape(shape.iter().map(|&d| if d < 0 { elements / known } else { d as usize }).collect::<Shape>()))
        })
    }
}
