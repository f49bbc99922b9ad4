//! `cumprod`: the running product along an axis.

use crate::core::prelude::*;

/// The op.
pub static OP: Op = Op {
    name: "cumprod",
    doc: "The running product along the attribute `axis`: of the elements up to each place, without its own if `exclusive`, \
          from the end if `reverse`. Integers wrap.",
    source: "Keras 3 keras.ops.cumprod; TensorFlow tf.math.cumprod",
    attrs: &["axis", "exclusive", "reverse"],
    dtypes: DTypes::Real,
    infer,
    reference: Reference::Whole(reference),
    gradient: Gradient::Rule(gradient),
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
        let out = super::scan(call, &x[0].to_f64()?, 1.0, |a, b| a * b)?;
        return Ok(vec![Array::from_f64(dtype, shape, &out)?]);
    }
    let out = super::scan(call, &x[0].to_i64()?, 1_i64, |a, b| a.wrapping_mul(b))?;
    Ok(vec![Array::from_i64(dtype, shape, &out)?])
}

/// Each element is a factor of all results from its place on, so dx = (reverse sum of dy y) / x. Where x is 0 for the
/// first time on its way, the results are taken again without that factor; further zeros stay under the first one's.
fn gradient(g: &crate::Grad<'_>) -> crate::Cotangents {
    g.lift(|| {
        let (exclusive, reverse) = (g.attrs.bool("exclusive")?, g.attrs.bool("reverse")?);
        let (axis, x, dy) = (g.attrs.size("axis")?, g.x(0), g.dy());
        let flow = |y: &Tensor| super::cumsum::running(&(&dy * y), axis, exclusive, !reverse);
        let zero = x.equal(0);
        let before = super::cumsum::running(&zero.cast(DType::I32), axis, true, reverse);
        let first = zero.logical_and(before.equal(0));
        let without = running(&first.where_(1, x), axis, exclusive, reverse);
        Ok(grads![first.where_(flow(&without), flow(g.y()).divide_no_nan(x))])
    })
}

/// The running product along an axis counted from the front.
#[track_caller]
pub(crate) fn running(x: &Tensor, axis: usize, exclusive: bool, reverse: bool) -> Tensor {
    call1(&OP, &[x], attrs! { axis: axis, exclusive: exclusive, reverse: reverse })
}

impl Tensor {
    /// The running product along `axis`, or of all elements in row-major order if `None`. Bools count as int32.
    ///
    /// ```
    /// # use cornet_ops::Tensor;
    /// let x = Tensor::of([1_i32, 2, 3]).cumprod(Some(0));
    /// assert_eq!(x.to_vec::<i32>()?, [1, 2, 6]);
    /// # Ok::<(), cornet_tensor::Error>(())
    /// ```
    #[track_caller]
    pub fn cumprod(&self, axis: Option<isize>) -> Tensor {
        self.cumprod_with(axis, false, false)
    }

    /// The same, of the elements before each place if `exclusive`, and from the end if `reverse`.
    #[track_caller]
    pub fn cumprod_with(&self, axis: Option<isize>, exclusive: bool, reverse: bool) -> Tensor {
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
