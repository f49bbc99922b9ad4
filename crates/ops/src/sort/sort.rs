//! `sort`: the elements of an axis in order.

use super::for_each_sorted_lane;
use crate::core::prelude::*;
use crate::index::ScatterMode;

/// The op.
pub static OP: Op = Op {
    name: "sort",
    doc: "x sorted along the attribute `axis`, ascending or `descending`. NaN stands after everything else when \
          ascending, and before when descending.",
    source: "Keras 3 keras.ops.sort",
    attrs: &["axis", "descending"],
    dtypes: DTypes::Ordered,
    infer,
    reference: Reference::Whole(reference),
    gradient: Gradient::Rule(|g| {
        g.lift(|| {
            let (axis, descending) = (g.attrs.size("axis")? as isize, g.attrs.bool("descending")?);
            let order = g.x(0).argsort_with(axis, descending);
            Ok(grads![Tensor::zeros_like(g.x(0)).put_along_axis(&order, &g.dy(), axis, ScatterMode::Update)])
        })
    }),
    cases: Cases::Of(cases),
    ..Op::BASE
};

pub(super) fn cases() -> Vec<Case> {
    let by = |axis: usize, descending: bool| attrs! { axis: axis, descending: descending };
    vec![
        Case::new([distinct(&[7])], by(0, false)),
        Case::new([distinct(&[3, 4])], by(0, true)),
        Case::new([distinct(&[2, 5, 3])], by(1, false)),
        Case::new([distinct(&[1])], by(0, true)),
        Case::new([distinct(&[2, 0])], by(1, false)).without_gradient(),
        Case::new([ints(&[40], 0, 4)], by(0, true)),
    ]
}

pub(super) fn infer(call: &Call<'_>) -> Result<Types> {
    call.shape(0).axis(call.attrs.size("axis")? as isize)?;
    call.attrs.bool("descending")?;
    infer::same(call)
}

fn reference(call: &Call<'_>, x: &[Array]) -> Result<Vec<Array>> {
    let mut from = vec![0; x[0].elements()];
    for_each_sorted_lane(&x[0], call.attrs.size("axis")?, call.attrs.bool("descending")?, |first, stride, order| {
        order.iter().enumerate().for_each(|(to, &o)| from[first + to * stride] = first + o * stride);
    })?;
    let mut next = from.into_iter();
    Ok(vec![crate::shape::pick(&x[0], x[0].shape(), |_| next.next().unwrap_or(0))?])
}

impl Tensor {
    /// Sorted along an axis, ascending; NaN stands last.
    ///
    /// # Errors
    /// `out_of_range` for an axis that is none.
    #[track_caller]
    pub fn sort(&self, axis: isize) -> Tensor {
        self.sort_with(axis, false)
    }

    /// The same, or descending, where NaN stands first.
    #[track_caller]
    pub fn sort_with(&self, axis: isize, descending: bool) -> Tensor {
        match self.shape().and_then(|s| s.axis(axis)) {
            Ok(axis) => call1(&OP, &[self], attrs! { axis: axis, descending: descending }),
            Err(error) => Tensor::failed(error),
        }
    }
}
