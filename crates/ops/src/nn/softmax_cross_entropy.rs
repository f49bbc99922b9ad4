//! `softmax_cross_entropy`: the loss of logits against class numbers.

use crate::core::prelude::*;

/// The op.
pub static OP: Op = Op {
    name: "softmax_cross_entropy",
    doc: "-log_softmax(logits)[label] along the last axis: max x + ln Σ exp(x - max x) - x[label]. Labels are integers \
          of the shape of logits without its last axis; one outside the classes is refused (out_of_range). Primitive \
          because the loss reads each row once and writes one number of it, where log_softmax and a gather write and \
          read back rows as long as the number of classes; its gradient likewise needs no one-hot rows.",
    source: "TensorFlow tf.nn.sparse_softmax_cross_entropy_with_logits",
    arity: (2, 2),
    dtypes: DTypes::Float,
    infer: |call| {
        check(call)?;
        let shape = call.shape(0);
        Ok(smallvec![Type::new(call.dtype(0), &shape[..shape.rank() - 1])])
    },
    reference: Reference::Whole(|call, x| {
        let mut losses = Vec::new();
        for_each_row(x, |row, label| {
            let top = row.iter().copied().fold(f64::NEG_INFINITY, f64::max);
            losses.push(row.iter().map(|v| (v - top).exp()).sum::<f64>().ln() + top - row[label]);
        })?;
        Ok(vec![Array::from_f64(x[0].dtype(), call.shape(1), &losses)?])
    }),
    gradient: Gradient::Rule(|g| {
        grads![
            g.want(0, || call1(
                &super::softmax_cross_entropy_gradient::OP,
                &[g.x(0), g.x(1), &g.dy()],
                Attrs::default()
            )),
            None
        ]
    }),
    cases: Cases::Of(|| {
        vec![
            Case::new([any(&[4, 5]), ints(&[4], 0, 5)], Attrs::default()),
            Case::new([any(&[2, 3, 7]), ints(&[2, 3], 0, 7)], Attrs::default()),
            Case::new([any(&[3]), ints(&[], 0, 3)], Attrs::default()),
            Case::new([any(&[2, 1]), ints(&[2], 0, 1)], Attrs::default()),
            Case::new([between(&[3, 70], -40.0, 40.0), ints(&[3], 0, 70)], Attrs::default()).without_gradient(),
            Case::new([any(&[0, 3]), ints(&[0], 0, 3)], Attrs::default()).without_gradient(),
        ]
    }),
    max_rel_err_f32: 8.0 * f32::EPSILON as f64,
    ..Op::BASE
};

/// Fails unless input 1 holds integer labels for the rows of input 0.
pub(super) fn check(call: &Call<'_>) -> Result<()> {
    let (logits, labels) = (call.shape(0), call.shape(1));
    if !call.dtype(1).is_int() {
        fail!(DtypeMismatch, "labels: expected an integer, found {}", call.dtype(1));
    }
    if logits.rank() == 0 {
        fail!(RankMismatch, "logits: expected at least 1 axis, found 0");
    }
    if logits[..logits.rank() - 1] != labels[..] {
        let expected = Shape::new(&logits[..logits.rank() - 1]);
        fail!(ShapeMismatch, "labels: expected {expected}, one a row of the logits, found {labels}");
    }
    Ok(())
}

/// Calls `visit` with every row of logits and its label.
pub(super) fn for_each_row(x: &[Array], mut visit: impl FnMut(&[f64], usize)) -> Result<()> {
    let (logits, labels) = (x[0].to_f64()?, x[1].to_i64()?);
    let classes = x[0].shape().last().copied().unwrap_or(0);
    for (i, &label) in labels.iter().enumerate() {
        let Some(label) = usize::try_from(label).ok().filter(|&l| l < classes) else {
            return Err(err!(OutOfRange, "label {i}: expected 0 to {}, found {label}", classes as isize - 1)
                .help("the last layer needs as many units as there are classes, counted from 0"));
        };
        visit(&logits[i * classes..(i + 1) * classes], label);
    }
    Ok(())
}

impl Tensor {
    /// The crossentropy of logits `[…, classes]` against integer labels `[…]`: `-log_softmax(self)[label]`.
    ///
    /// # Errors
    /// `shape_mismatch`, `dtype_mismatch`; `out_of_range` for a label that is no class.
    #[track_caller]
    pub fn softmax_cross_entropy(&self, labels: &Tensor) -> Tensor {
        call1(&OP, &[self, labels], Attrs::default())
    }
}
