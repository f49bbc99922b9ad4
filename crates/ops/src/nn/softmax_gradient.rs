//! `softmax_gradient`: what flows back through `softmax`.

use super::lanes;
use crate::core::prelude::*;

/// The op.
pub static OP: Op = Op {
    name: "softmax_gradient",
    doc: "y · (dy - Σ y · dy) along the attribute `axis`, where y is what softmax gave. Primitive because one pass over \
          each lane, in cache, replaces three over memory.",
    source: "TensorFlow SoftmaxGrad",
    arity: (2, 2),
    attrs: &["axis"],
    dtypes: DTypes::Float,
    infer: |call| {
        infer::one_dtype(call, 0)?;
        if call.shape(1) != call.shape(0) {
            fail!(ShapeMismatch, "dy: expected {}, found {}", call.inputs[0], call.inputs[1]);
        }
        lanes::infer(call)
    },
    reference: Reference::Whole(|call, x| {
        let (y, dy) = (x[0].to_f64()?, x[1].to_f64()?);
        let flow: Vec<f64> = y.iter().zip(&dy).map(|(y, dy)| y * dy).collect();
        let flow = Array::from_f64(DType::F64, x[0].shape(), &flow)?;
        let sums = lanes::map(call, &flow, |lane| {
            let sum = lane.iter().sum();
            lane.fill(sum);
        })?;
        let sums = sums[0].to_f64()?;
        let out: Vec<f64> = y.iter().zip(&dy).zip(sums).map(|((y, dy), sum)| y * (dy - sum)).collect();
        Ok(vec![Array::from_f64(x[0].dtype(), x[0].shape(), &out)?])
    }),
    gradient: Gradient::Rule(|g| {
        g.lift(|| {
            let axis = [g.attrs.int("axis")? as isize];
            let (y, dy, v) = (g.x(0), g.x(1), g.dy());
            // Linear in dy, with a matrix that is its own transpose.
            let slope = g.want(1, || call1(&OP, &[y, &v], g.attrs.clone()));
            let curve = g.want(0, || &v * (dy - (dy * y).sum(&axis, true)) - dy * (&v * y).sum(&axis, true));
            Ok(grads![curve, slope])
        })
    }),
    cases: Cases::Of(|| {
        let case = |shape: &[usize], axis: i64| Case::new([any(shape), any(shape)], attrs! { axis: axis });
        vec![
            case(&[3, 5], 1),
            case(&[3, 5], 0),
            case(&[2, 3, 4], 1),
            case(&[7], 0),
            case(&[4, 1], 1),
            case(&[2, 70], 1).without_gradient(),
            case(&[2, 0], 1).without_gradient(),
        ]
    }),
    max_rel_err_f32: 8.0 * f32::EPSILON as f64,
    ..Op::BASE
};
