//! `flip`: axes read backwards.

use crate::core::prelude::*;

/// The op.
pub static OP: Op = Op {
    name: "flip",
    doc: "x with the elements along each of the attribute `axes` in reverse order.",
    source: "Keras 3 keras.ops.flip",
    attrs: &["axes"],
    infer,
    reference: Reference::Whole(reference),
    gradient: Gradient::Rule(|g| {
        g.lift(|| {
            let axes: Vec<isize> = g.attrs.ints("axes")?.iter().map(|&a| a as isize).collect();
            Ok(grads![g.dy().flip(&axes)])
        })
    }),
    cases: Cases::Of(|| {
        vec![
            Case::new([any(&[2, 3])], attrs! { axes: vec![1_usize] }),
            Case::new([any(&[2, 3, 4])], attrs! { axes: vec![0, 2_usize] }),
            Case::new([any(&[1])], attrs! { axes: vec![0_usize] }),
            Case::new([any(&[3, 0])], attrs! { axes: vec![0, 1_usize] }).without_gradient(),
        ]
    }),
    ..Op::BASE
};

fn infer(call: &Call<'_>) -> Result<Types> {
    for axis in call.attrs.sizes("axes")? {
        call.shape(0).axis(axis as isize)?;
    }
    infer::same(call)
}

fn reference(call: &Call<'_>, x: &[Array]) -> Result<Vec<Array>> {
    let (axes, shape) = (call.attrs.sizes("axes")?, x[0].shape());
    let strides = shape.strides();
    Ok(vec![crate::shape::pick(&x[0], shape, |index| {
        let at = |a: usize| if axes.contains(&a) { shape[a] - 1 - index[a] } else { index[a] };
        (0..index.len()).map(|a| at(a) * strides[a]).sum()
    })?])
}

impl Tensor {
    /// The elements along these axes in reverse order; no axes: along all.
    ///
    /// # Errors
    /// `out_of_range` for an axis that is none.
    #[track_caller]
    pub fn flip(&self, axes: &[isize]) -> Tensor {
        Tensor::lift(|| {
            let axes = self.shape()?.axes(axes)?;
            if axes.is_empty() {
                return Ok(self.clone());
            }
            Ok(call1(&OP, &[self], attrs! { axes: axes }))
        })
    }

    /// Axis 1 in reverse order.
    #[track_caller]
    pub fn fliplr(&self) -> Tensor {
        self.flip(&[1])
    }

    /// Axis 0 in reverse order.
    #[track_caller]
    pub fn flipud(&self) -> Tensor {
        self.flip(&[0])
    }
}
