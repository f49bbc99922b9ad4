//! `take`: slices of an axis by their indices.

use super::{index_dtype, wrap};
use crate::core::prelude::*;

/// The op.
pub static OP: Op = Op {
    name: "take",
    doc: "The slices of x along the attribute `axis` that `indices` names, in place of that axis. Negative indices \
          count from the end; others out of range are errors.",
    source: "Keras 3 keras.ops.take",
    arity: (2, 2),
    attrs: &["axis"],
    infer,
    reference: Reference::Whole(reference),
    gradient: Gradient::Rule(gradient),
    cases: Cases::Of(|| {
        vec![
            Case::new([any(&[5, 3]), ints(&[4], 0, 5)], attrs! { axis: 0 }),
            Case::new([any(&[2, 5, 3]), ints(&[2, 2], -5, 5)], attrs! { axis: 1 }),
            Case::new([any(&[2, 3]), ints(&[], 0, 3)], attrs! { axis: 1 }),
            Case::new([any(&[1]), ints(&[3], 0, 1)], attrs! { axis: 0 }),
            Case::new([any(&[2, 3]), ints(&[0], 0, 2)], attrs! { axis: 0 }).without_gradient(),
        ]
    }),
    ..Op::BASE
};

fn infer(call: &Call<'_>) -> Result<Types> {
    let (x, indices, axis) = (call.shape(0), call.shape(1), call.attrs.size("axis")?);
    x.axis(axis as isize)?;
    index_dtype(call.dtype(1))?;
    let to: Dims = x[..axis].iter().chain(indices.iter()).chain(&x[axis + 1..]).copied().collect();
    Ok(smallvec![Type::new(call.dtype(0), Shape::checked(&to, call.dtype(0).size())?)])
}

fn reference(call: &Call<'_>, x: &[Array]) -> Result<Vec<Array>> {
    let axis = call.attrs.size("axis")?;
    let (shape, to) = (x[0].shape(), call.infer()?.remove(0).shape);
    let n = shape[axis];
    let indices = x[1].to_i64()?.into_iter().map(|i| wrap(i, n, axis)).collect::<Result<Vec<_>>>()?;
    let inner: usize = shape[axis + 1..].iter().product();
    // Flat, the result is [outer, indices, inner].
    let flat = Shape::new(&[shape[..axis].iter().product(), indices.len(), inner]);
    let y = crate::shape::pick_runs(&x[0], &flat, 2, |at| (at[0] * n + indices[at[1]]) * inner)?;
    Ok(vec![y.reshaped(to)?])
}

/// Scatters the cotangent back, summing what was taken more than once.
fn gradient(g: &crate::Grad<'_>) -> crate::Cotangents {
    g.lift(|| {
        let (axis, shape, indices) = (g.attrs.size("axis")?, g.shape(0), g.x(1));
        let dx = g.want(0, || {
            let picks = indices.rank().unwrap_or(0);
            let dy = g.dy().move_axes_first(axis, picks);
            let mut target: Vec<usize> = shape.to_vec();
            target.remove(axis);
            target.insert(0, shape[axis]);
            let zeros = Tensor::zeros(target, g.type_of(0).dtype);
            let sum = zeros.scatter_nd(&indices.expand_dims(&[-1]), &dy, super::ScatterMode::Add);
            sum.moveaxis(&[0], &[axis as isize])
        });
        Ok(grads![dx, None])
    })
}

impl Tensor {
    /// The slices along `axis` that `indices` names; negative indices count from the end.
    ///
    /// # Shapes
    /// `x`: `[…a, n, …b]`, `indices`: `[…i]`; the result `[…a, …i, …b]`.
    ///
    /// # Errors
    /// `out_of_range` when it runs, for an index that no slice has; `dtype_mismatch` for indices that are no integers.
    ///
    /// ```
    /// use cornet_ops::Tensor;
    /// let x = Tensor::of([[1, 2], [3, 4], [5, 6]]);
    /// assert_eq!(x.take(&Tensor::of([2, -3]), 0).to_vec::<i32>()?, [5, 6, 1, 2]);
    /// # Ok::<(), cornet_tensor::Error>(())
    /// ```
    #[track_caller]
    pub fn take(&self, indices: &Tensor, axis: isize) -> Tensor {
        match self.shape().and_then(|s| s.axis(axis)) {
            Ok(axis) => call1(&OP, &[self, indices], attrs! { axis: axis }),
            Err(error) => Tensor::failed(error),
        }
    }

    /// The elements that `indices` names among all of this tensor's in row-major order.
    ///
    /// # Errors
    /// As [`Tensor::take`].
    #[track_caller]
    pub fn take_flat(&self, indices: &Tensor) -> Tensor {
        self.ravel().take(indices, 0)
    }

    /// Axes `axis` to `axis + count` moved to the front, in their order.
    #[track_caller]
    pub(crate) fn move_axes_first(&self, axis: usize, count: usize) -> Tensor {
        let from: Vec<isize> = (axis..axis + count).map(|a| a as isize).collect();
        let to: Vec<isize> = (0..count).map(|a| a as isize).collect();
        self.moveaxis(&from, &to)
    }
}
