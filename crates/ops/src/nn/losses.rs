//! Crossentropies, with the clipping and normalising of Keras.

use crate::arithmetic::common_dtype;
use crate::core::prelude::*;

/// Keras's fuzz factor: probabilities are kept this far from 0 and 1 before a logarithm.
pub const EPSILON: f64 = 1e-7;

fn probabilities(p: &Tensor) -> Tensor {
    p.clip(EPSILON, 1.0 - EPSILON)
}

/// Target and output in the dtype where they meet, of one shape.
fn pair(target: &Tensor, output: &Tensor) -> Result<(Tensor, Tensor)> {
    let (a, b) = (target.shape()?, output.shape()?);
    if a != b {
        return Err(err!(ShapeMismatch, "target: expected the shape of the output, {b}, found {a}")
            .help("class numbers instead of one-hot rows go to sparse_categorical_crossentropy"));
    }
    let dtype = match common_dtype(&[target.into(), output.into()])? {
        d if d.is_float() => d,
        _ => DType::F32,
    };
    Ok((target.cast(dtype), output.cast(dtype)))
}

impl Tensor {
    /// -Σ target · ln p along `axis`, where `self` holds the targets (one-hot or soft) and `output` the probabilities
    /// p, or the logits with `from_logits`. Probabilities are scaled to sum to 1 and clipped to [1e-7, 1 - 1e-7];
    /// those that come straight from [`Tensor::softmax`] are replaced by their logits, as in Keras on TensorFlow.
    ///
    /// ```
    /// use cornet_ops::Tensor;
    /// let target = Tensor::of([[0.0_f32, 1.0]]);
    /// let loss = target.categorical_crossentropy(&Tensor::of([[0.5_f32, 0.5]]), false, -1);
    /// assert!((loss.to_vec::<f32>()?[0] - 2.0_f32.ln()).abs() < 1e-6);
    /// # Ok::<(), cornet_tensor::Error>(())
    /// ```
    ///
    /// # Errors
    /// `shape_mismatch` unless both have one shape; `out_of_range` for an axis that is not there.
    #[track_caller]
    pub fn categorical_crossentropy(&self, output: &Tensor, from_logits: bool, axis: isize) -> Tensor {
        Tensor::lift(|| {
            let (output, from_logits) = output.logits_or(from_logits);
            let (target, output) = pair(self, &output)?;
            output.shape()?.axis(axis)?;
            let log = if from_logits {
                output.log_softmax(axis)
            } else {
                probabilities(&(&output / output.sum(&[axis], true))).log()
            };
            Ok(-(target * log).sum(&[axis], false))
        })
    }

    /// `-ln p[class]`, where `self` holds class numbers `[…]` or `[…, 1]` and `output` the probabilities p `[…, classes]`,
    /// or the logits with `from_logits`. Probabilities are clipped to `[1e-7, 1 - 1e-7]` and their logarithms taken as
    /// logits; those that come straight from [`Tensor::softmax`] are replaced by their logits.
    ///
    /// # Errors
    /// `shape_mismatch`; `out_of_range` for a class that is not there.
    #[track_caller]
    pub fn sparse_categorical_crossentropy(&self, output: &Tensor, from_logits: bool) -> Tensor {
        Tensor::lift(|| {
            let (output, from_logits) = output.logits_or(from_logits);
            let (own, shape) = (self.shape()?, output.shape()?);
            let labels = match own.as_slice() {
                [rows @ .., 1] if own.rank() == shape.rank() => self.reshape(rows),
                _ => self.clone(),
            };
            let labels = if labels.dtype()?.is_int() { labels } else { labels.cast(DType::I32) };
            let output = if output.dtype()?.is_float() { output } else { output.cast(DType::F32) };
            let logits = if from_logits { output } else { probabilities(&output).log() };
            Ok(logits.softmax_cross_entropy(&labels))
        })
    }

    /// -target · ln p - (1 - target) · ln(1 - p), element-wise, where `self` holds the targets and `output` the
    /// probabilities p, or the logits with `from_logits`. Probabilities are clipped to [1e-7, 1 - 1e-7]; those that
    /// come straight from a sigmoid are replaced by their logits.
    ///
    /// # Errors
    /// `shape_mismatch` unless both have one shape.
    #[track_caller]
    pub fn binary_crossentropy(&self, output: &Tensor, from_logits: bool) -> Tensor {
        Tensor::lift(|| {
            let (output, from_logits) = output.logits_or(from_logits);
            let (target, output) = pair(self, &output)?;
            if from_logits {
                // max(x, 0) - x · z + ln(1 + exp(-|x|)): no overflow on either side.
                let far = output.minimum(-&output);
                return Ok(output.maximum(0.0) - &output * target + far.exp().log1p());
            }
            let p = probabilities(&output);
            Ok(-(&target * p.log() + (1.0 - &target) * (1.0 - &p).log()))
        })
    }

    /// The logits behind this tensor if it came straight from an activation that remembers them.
    fn logits_or(&self, from_logits: bool) -> (Tensor, bool) {
        match self.logits() {
            Some(logits) => (logits.clone(), true),
            _ => (self.clone(), from_logits),
        }
    }
}
