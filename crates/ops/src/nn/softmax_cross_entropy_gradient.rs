//! `softmax_cross_entropy_gradient`: what flows back through `softmax_cross_entropy`.

use super::softmax_cross_entropy::{check, for_each_row};
use crate::core::prelude::*;

/// The op.
pub static OP: Op = Op {
    name: "softmax_cross_entropy_gradient",
    doc: "(softmax(logits) - one_hot(labels)) · dy along the last axis, dy one number a row.",
    source: "TensorFlow tf.nn.sparse_softmax_cross_entropy_with_logits",
    arity: (3, 3),
    dtypes: DTypes::Float,
    infer: |call| {
        check(call)?;
        if call.shape(2) != call.shape(1) || call.dtype(2) != call.dtype(0) {
            fail!(ShapeMismatch, "dy: expected {}{}, found {}", call.dtype(0), call.shape(1), call.inputs[2]);
        }
        Ok(smallvec![call.inputs[0].clone()])
    },
    reference: Reference::Whole(|_, x| {
        let dy = x[2].to_f64()?;
        let (mut out, mut rows) = (Vec::with_capacity(x[0].elements()), dy.iter());
        for_each_row(x, |row, label| {
            let top = row.iter().copied().fold(f64::NEG_INFINITY, f64::max);
            let sum: f64 = row.iter().map(|v| (v - top).exp()).sum();
            let dy = rows.next().copied().unwrap_or(0.0);
            let hot = |c: usize| f64::from(c == label);
            out.extend(row.iter().enumerate().map(|(c, v)| ((v - top).exp() / sum - hot(c)) * dy));
        })?;
        Ok(vec![Array::from_f64(x[0].dtype(), x[0].shape(), &out)?])
    }),
    gradient: Gradient::Rule(|g| {
        g.lift(|| {
            let (logits, labels, dy, v) = (g.x(0), g.x(1), g.x(2), g.dy());
            let rows = g.shape(2).iter().copied().chain([1]).collect::<Shape>();
            // The Jacobian of softmax applied to v · dy.
            let curve = g.want(0, || {
                let p = logits.softmax(-1);
                let flow = &v * dy.reshape(rows) * &p;
                &flow - &p * flow.sum(&[-1], true)
            });
            let slope = g.want(2, || {
                let ones = Tensor::ones_like(dy);
                (call1(&OP, &[logits, labels, &ones], Attrs::default()) * &v).sum(&[-1], false)
            });
            Ok(grads![curve, None, slope])
        })
    }),
    cases: Cases::Of(|| {
        vec![
            Case::new([any(&[4, 5]), ints(&[4], 0, 5), any(&[4])], Attrs::default()),
            Case::new([any(&[2, 3, 7]), ints(&[2, 3], 0, 7), any(&[2, 3])], Attrs::default()),
            Case::new([any(&[2, 1]), ints(&[2], 0, 1), any(&[2])], Attrs::default()),
            Case::new([any(&[0, 3]), ints(&[0], 0, 3), any(&[0])], Attrs::default()).without_gradient(),
        ]
    }),
    max_rel_err_f32: 8.0 * f32::EPSILON as f64,
    ..Op::BASE
};
