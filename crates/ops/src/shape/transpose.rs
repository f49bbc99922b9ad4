//! `transpose`: axes in another order.

use crate::core::prelude::*;

/// The op.
pub static OP: Op = Op {
    name: "transpose",
    doc: "Axis i of the result is axis `axes[i]` of x.",
    source: "Keras 3 keras.ops.transpose",
    attrs: &["axes"],
    infer,
    reference: Reference::Whole(reference),
    gradient: Gradient::Rule(|g| {
        g.lift(|| {
            let axes = g.attrs.sizes("axes")?;
            let mut inverse = vec![0_isize; axes.len()];
            axes.iter().enumerate().for_each(|(i, &a)| inverse[a] = i as isize);
            Ok(grads![g.dy().transpose(&inverse)])
        })
    }),
    cases: Cases::Of(|| {
        vec![
            Case::new([any(&[2, 3])], attrs! { axes: vec![1, 0_usize] }),
            Case::new([any(&[2, 3, 4, 2])], attrs! { axes: vec![2, 0, 3, 1_usize] }),
            Case::new([any(&[2, 0, 3])], attrs! { axes: vec![2, 1, 0_usize] }).without_gradient(),
            Case::new([any(&[])], attrs! { axes: Vec::<usize>::new() }),
        ]
    }),
    ..Op::BASE
};

fn infer(call: &Call<'_>) -> Result<Types> {
    let (shape, axes) = (call.shape(0), call.attrs.sizes("axes")?);
    let mut sorted = axes.clone();
    sorted.sort_unstable();
    if !sorted.iter().copied().eq(0..shape.rank()) {
        fail!(InvalidArgument, "axes: expected an order of 0 to {}, found {axes:?}", shape.rank() as isize - 1);
    }
    Ok(smallvec![Type::new(call.dtype(0), axes.iter().map(|&a| shape[a]).collect::<Shape>())])
}

fn reference(call: &Call<'_>, x: &[Array]) -> Result<Vec<Array>> {
    let axes = call.attrs.sizes("axes")?;
    let own = x[0].shape().strides();
    let to: Shape = axes.iter().map(|&a| x[0].shape()[a]).collect();
    Ok(vec![crate::shape::pick(&x[0], &to, |index| index.iter().zip(&axes).map(|(i, &a)| i * own[a]).sum())?])
}

impl Tensor {
    /// Axes in another order; axis `i` of the result is axis `axes[i]`. No axes: reversed.
    #[track_caller]
    pub fn transpose(&self, axes: &[isize]) -> Tensor {
        Tensor::lift(|| {
            let shape = self.shape()?;
            let axes: Vec<usize> = if axes.is_empty() {
                (0..shape.rank()).rev().collect()
            } else {
                axes.iter().map(|&a| shape.axis(a)).collect::<Result<_>>()?
            };
            if axes.iter().copied().eq(0..shape.rank()) {
                return Ok(self.clone());
            }
            Ok(call1(&OP, &[self], attrs! { axes: axes }))
        })
    }

    /// The last two axes exchanged.
    #[track_caller]
    pub fn swap_last(&self) -> Tensor {
        Tensor::lift(|| {
            let rank = self.rank()? as isize;
            if rank < 2 {
                fail!(RankMismatch, "expected at least 2 axes, found {rank}");
            }
            Ok(self.transpose(&(0..rank - 2).chain([rank - 1, rank - 2]).collect::<Vec<_>>()))
        })
    }
}
