//! `broadcast_to`: stretches axes of size 1 and adds leading ones.

use crate::core::prelude::*;

/// The op.
pub static OP: Op = Op {
    name: "broadcast_to",
    doc: "x stretched to the attribute `shape` by NumPy's rule.",
    source: "Keras 3 keras.ops.broadcast_to",
    attrs: &["shape"],
    infer,
    reference: Reference::Whole(reference),
    gradient: Gradient::Rule(|g| grads![g.dy().sum_to_shape(&g.shape(0))]),
    cases: Cases::Of(|| {
        vec![
            Case::new([any(&[])], attrs! { shape: vec![2, 3_usize] }),
            Case::new([any(&[3])], attrs! { shape: vec![2, 3_usize] }),
            Case::new([any(&[2, 1])], attrs! { shape: vec![4, 2, 3_usize] }),
            Case::new([any(&[1])], attrs! { shape: vec![0_usize] }).without_gradient(),
        ]
    }),
    ..Op::BASE
};

fn infer(call: &Call<'_>) -> Result<Types> {
    let to = call.attrs.shape("shape")?;
    let from = call.shape(0);
    if from.broadcast(&to).ok().as_ref() != Some(&to) {
        fail!(ShapeMismatch, "expected a shape that stretches to {to}, found {from}");
    }
    Ok(smallvec![Type::new(call.dtype(0), to)])
}

fn reference(call: &Call<'_>, x: &[Array]) -> Result<Vec<Array>> {
    let to = call.attrs.shape("shape")?;
    let strides = x[0].shape().broadcast_strides(&to);
    Ok(vec![crate::shape::pick(&x[0], &to, |index| index.iter().zip(&strides).map(|(i, s)| i * s).sum())?])
}

impl Tensor {
    /// Stretches axes of size 1, and adds leading axes, up to `shape`.
    #[track_caller]
    pub fn broadcast_to(&self, shape: impl Into<Shape>) -> Tensor {
        let shape = shape.into();
        if self.type_ref().is_ok_and(|t| t.shape == shape) {
            return self.clone();
        }
        call1(&OP, &[self], attrs! { shape: shape })
    }

    /// Sums over the axes that were stretched, so that the result has `shape`: the reverse of broadcasting.
    #[track_caller]
    pub fn sum_to_shape(&self, shape: &Shape) -> Tensor {
        Tensor::lift(|| {
            let own = self.shape()?;
            if own == *shape {
                return Ok(self.clone());
            }
            let lead = own.rank().saturating_sub(shape.rank());
            let stretched = |i: usize| i < lead || shape[i - lead] == 1 && own[i] != 1;
            let axes: Vec<isize> = (0..own.rank()).filter(|&i| stretched(i)).map(|i| i as isize).collect();
            let summed = if axes.is_empty() { self.clone() } else { self.sum(&axes, true) };
            Ok(summed.reshape(shape.clone()))
        })
    }
}
