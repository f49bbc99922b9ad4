//! `dynamic_slice`: a box whose corner is known at run time only.

use crate::core::prelude::*;

/// The op.
pub static OP: Op = Op {
    name: "dynamic_slice",
    doc: "The box of the attribute `size` that begins at `start`, a vector of one integer an axis. A box that leaves x \
          is an error.",
    source: "Keras 3 keras.ops.slice; StableHLO dynamic_slice",
    arity: (2, 2),
    attrs: &["size"],
    infer,
    reference: Reference::Whole(reference),
    gradient: Gradient::Rule(|g| grads![Tensor::zeros_like(g.x(0)).dynamic_update_slice(&g.dy(), g.x(1)), None]),
    cases: Cases::Of(|| {
        vec![
            Case::new([any(&[4, 5]), ints(&[2], 0, 3)], attrs! { size: vec![2, 3_usize] }),
            Case::new([any(&[6]), ints(&[1], 0, 4)], attrs! { size: vec![3_usize] }),
            Case::new([any(&[2, 2]), ints(&[2], 0, 3)], attrs! { size: vec![0, 0_usize] }).without_gradient(),
        ]
    }),
    ..Op::BASE
};

/// Checks the vector of starts, input `i`, and that a box of `size` fits in the first input.
pub(super) fn check(call: &Call<'_>, i: usize, size: &[usize]) -> Result<()> {
    let shape = call.shape(0);
    if !call.dtype(i).is_int() {
        fail!(DtypeMismatch, "start: expected an integer, found {}", call.dtype(i));
    }
    if call.shape(i).as_slice() != [shape.rank()] {
        fail!(ShapeMismatch, "start: expected [{}], one an axis, found {}", shape.rank(), call.shape(i));
    }
    if size.len() != shape.rank() || size.iter().zip(shape.iter()).any(|(s, n)| s > n) {
        fail!(ShapeMismatch, "expected a box that fits in {shape}, found {size:?}");
    }
    Ok(())
}

/// The starts, once they are known to leave room for `size`.
pub(super) fn starts(start: &Array, shape: &Shape, size: &[usize]) -> Result<Vec<usize>> {
    let found = start.to_i64()?;
    (0..shape.rank())
        .map(|a| match usize::try_from(found[a]) {
            Ok(s) if s <= shape[a] - size[a] => Ok(s),
            _ => Err(err!(OutOfRange, "start of axis {a}: expected 0 to {}, found {}", shape[a] - size[a], found[a])
                .operand("shape", shape)
                .operand("size", format!("{size:?}"))),
        })
        .collect()
}

fn infer(call: &Call<'_>) -> Result<Types> {
    let size = call.attrs.sizes("size")?;
    check(call, 1, &size)?;
    Ok(smallvec![Type::new(call.dtype(0), size)])
}

fn reference(call: &Call<'_>, x: &[Array]) -> Result<Vec<Array>> {
    let size = call.attrs.shape("size")?;
    let start = starts(&x[1], x[0].shape(), &size)?;
    let (shape, strides) = (x[0].shape(), x[0].shape().strides());
    let outer = super::run_axes(size.rank(), |a| size[a] == shape[a], |_| true);
    let corner: usize = (outer..size.rank()).map(|a| start[a] * strides[a]).sum();
    Ok(vec![crate::shape::pick_runs(&x[0], &size, outer, |index| {
        corner + (0..index.len()).map(|a| (start[a] + index[a]) * strides[a]).sum::<usize>()
    })?])
}

impl Tensor {
    /// The box of this `size` that begins at `start`, a vector of integers that may be computed.
    ///
    /// # Errors
    /// `out_of_range` when it runs, if the box leaves the tensor.
    #[track_caller]
    pub fn dynamic_slice(&self, start: &Tensor, size: &[usize]) -> Tensor {
        call1(&OP, &[self, start], attrs! { size: size })
    }
}
