//! `cumsum`: the running sum along an axis.

use crate::core::prelude::*;

/// The op.
pub static OP: Op = Op {
    name: "cumsum",
    doc: "The running sum along the attribute `axis`: of the elements up to each place, without its own if `exclusive`, \
          from the end if `reverse`. Integers wrap.",
    source: "Keras 3 keras.ops.cumsum; TensorFlow tf.math.cumsum",
    attrs: &["axis", "exclusive", "reverse"],
    dtypes: DTypes::Real,
    infer,
    reference: Reference::Whole(reference),
    gradient: Gradient::Rule(|g| {
        g.lift(|| {
            let attrs = g.attrs;
            let (exclusive, reverse) = (attrs.bool("exclusive")?, attrs.bool("reverse")?);
            Ok(grads![running(&g.dy(), attrs.size("axis")?, exclusive, !reverse)])
        })
    }),
    cases: Cases::Of(|| {
        let case = |shape: &[usize], axis: usize, exclusive: bool, reverse: bool| {
            Case::new([between(shape, 0.5, 2.0)], attrs! { axis: axis, exclusive: exclusive, reverse: reverse })
        };
        vec![
            case(&[5], 0, false, false),
            case(&[2, 3], 1, true, false),
            case(&[2, 3], 0, false, true),
            case(&[2, 4, 3], 1, true, true),
            case(&[3, 37], 1, false, false),
            case(&[0, 3], 0, false, false).without_gradient(),
        ]
    }),
    max_rel_err_f32: 8.0 * f32::EPSILON as f64,
    ..Op::BASE
};

fn infer(call: &Call<'_>) -> Result<Types> {
    call.shape(0).axis(call.attrs.size("axis")? as isize)?;
    infer::same(call)
}

fn reference(call: &Call<'_>, x: &[Array]) -> Result<Vec<Array>> {
    let (dtype, shape) = (x[0].dtype(), x[0].shape());
    if dtype.is_float() {
        let out = super::scan(call, &x[0].to_f64()?, 0.0, |a, b| a + b)?;
        return Ok(vec![Array::from_f64(dtype, shape, &out)?]);
    }
    let out = super::scan(call, &x[0].to_i64()?, 0_i64, |a, b| a.wrapping_add(b))?;
    Ok(vec![Array::from_i64(dtype, shape, &out)?])
}

/// The running sum along an axis counted from the front.
#[track_caller]
pub(crate) fn running(x: &Tensor, axis: usize, exclusive: bool, reverse: bool) -> Tensor {
    call1(&OP, &[x], attrs! { axis: axis, exclusive: exclusive, reverse: reverse })
}

impl Tensor {
    /// The running sum along `axis`, or of all elements in row-major order if `None`. Bools count as int32.
    ///
    /// ```
    /// # use cornet_ops::Tensor;
    /// let x = Tensor::of([1_i32, 2, 3]).cumsum(Some(0));
    /// assert_eq!(x.to_vec::<i32>()?, [1, 3, 6]);
    /// # Ok::<(), cornet_tensor::Error>(())
    /// ```
    #[track_caller]
    pub fn cumsum(&self, axis: Option<isize>) -> Tensor {
        self.cumsum_with(axis, false, false)
    }

    /// The same, of the elements before each place if `exclusive`, and from the end if `reverse`.
    #[track_caller]
    pub fn cumsum_with(&self, axis: Option<isize>, exclusive: bool, reverse: bool) -> Tensor {
        Tensor::lift(|| {
            let x = if self.dtype()? == DType::Bool { self.cast(DType::I32) } else { self.clone() };
            let shape = x.shape()?;
            match axis {
                Some(axis) => Ok(running(&x, shape.axis(axis)?, exclusive, reverse)),
                None => Ok(running(&x.reshape([shape.elements()]), 0, exclusive, reverse)),
            }
        })
    }
}
