//! `argsort`: where the elements of a sorted axis come from.

use super::for_each_sorted_lane;
use crate::core::prelude::*;

/// The op.
pub static OP: Op = Op {
    name: "argsort",
    doc: "The int32 indices that sort x along the attribute `axis`, ascending or `descending`; equal elements keep their \
          order either way. NaN stands after everything else when ascending, and before when descending.",
    source: "Keras 3 keras.ops.argsort",
    attrs: &["axis", "descending"],
    dtypes: DTypes::Ordered,
    infer: |call| {
        super::sort::infer(call)?;
        Ok(smallvec![Type::new(DType::I32, call.shape(0))])
    },
    reference: Reference::Whole(reference),
    gradient: Gradient::Zero,
    cases: Cases::Of(super::sort::cases),
    ..Op::BASE
};

fn reference(call: &Call<'_>, x: &[Array]) -> Result<Vec<Array>> {
    let mut out = vec![0_i32; x[0].elements()];
    for_each_sorted_lane(&x[0], call.attrs.size("axis")?, call.attrs.bool("descending")?, |first, stride, order| {
        order.iter().enumerate().for_each(|(to, &o)| out[first + to * stride] = o as i32);
    })?;
    Ok(vec![Array::from_slice(&out, x[0].shape())?])
}

impl Tensor {
    /// The int32 indices that sort an axis, ascending; equal elements keep their order.
    ///
    /// # Errors
    /// `out_of_range` for an axis that is none.
    #[track_caller]
    pub fn argsort(&self, axis: isize) -> Tensor {
        self.argsort_with(axis, false)
    }

    /// The same, or descending; equal elements keep their order there too.
    #[track_caller]
    pub fn argsort_with(&self, axis: isize, descending: bool) -> Tensor {
        match self.shape().and_then(|s| s.axis(axis)) {
            Ok(axis) => call1(&OP, &[self], attrs! { axis: axis, descending: descending }),
            Err(error) => Tensor::failed(error),
        }
    }
}
