//! Connectionist temporal classification (Graves et al., 2006): the lattice that its ops walk, and Keras's methods.

use crate::core::prelude::*;

/// Inputs of one example: log-probabilities `[time, classes]` and its labels.
pub(super) struct Example<'a> {
    pub log: Vec<f64>,
    pub classes: usize,
    pub steps: usize,
    pub labels: &'a [usize],
    pub blank: usize,
}

/// ln(e^a + e^b).
pub(super) fn log_add(a: f64, b: f64) -> f64 {
    let top = a.max(b);
    if top == f64::NEG_INFINITY { top } else { top + ((a - top).exp() + (b - top).exp()).ln() }
}

/// ln softmax of each row.
pub(super) fn log_softmax(rows: &[f64], classes: usize) -> Vec<f64> {
    let mut log = rows.to_vec();
    for row in log.chunks_exact_mut(classes.max(1)) {
        let top = row.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        let sum = row.iter().map(|v| (v - top).exp()).sum::<f64>().ln() + top;
        row.iter_mut().for_each(|v| *v -= sum);
    }
    log
}

impl Example<'_> {
    fn states(&self) -> usize {
        2 * self.labels.len() + 1
    }

    /// The class of a state: blanks between labels.
    fn class(&self, state: usize) -> usize {
        if state.is_multiple_of(2) { self.blank } else { self.labels[state / 2] }
    }

    /// Whether a state may follow the one two before it: it is a label, and another one.
    fn may_skip(&self, state: usize) -> bool {
        state % 2 == 1 && state >= 2 && self.class(state) != self.class(state - 2)
    }

    fn at(&self, step: usize, state: usize) -> f64 {
        self.log[step * self.classes + self.class(state)]
    }

    /// Log-probabilities of being in each state at each step, the step's own included: `[steps, states]`.
    fn forward(&self) -> Vec<f64> {
        let n = self.states();
        let mut alpha = vec![f64::NEG_INFINITY; self.steps * n];
        for t in 0..self.steps {
            for s in 0..n {
                let before = |back: usize| if s >= back { alpha[(t - 1) * n + s - back] } else { f64::NEG_INFINITY };
                let reach = match t {
                    0 if s < 2 => 0.0,
                    0 => f64::NEG_INFINITY,
                    _ => {
                        let near = log_add(before(0), before(1));
                        if self.may_skip(s) { log_add(near, before(2)) } else { near }
                    }
                };
                alpha[t * n + s] = reach + self.at(t, s);
            }
        }
        alpha
    }

    /// Log-probabilities of what follows each state, the step's own excluded: `[steps, states]`.
    fn backward(&self) -> Vec<f64> {
        let n = self.states();
        let mut beta = vec![f64::NEG_INFINITY; self.steps * n];
        for t in (0..self.steps).rev() {
            for s in 0..n {
                beta[t * n + s] = if t + 1 == self.steps {
                    if s + 2 >= n { 0.0 } else { f64::NEG_INFINITY }
                } else {
                    let after = |on: usize| {
                        if s + on < n { beta[(t + 1) * n + s + on] + self.at(t + 1, s + on) } else { f64::NEG_INFINITY }
                    };
                    let near = log_add(after(0), after(1));
                    if s + 2 < n && self.may_skip(s + 2) { log_add(near, after(2)) } else { near }
                };
            }
        }
        beta
    }

    /// -ln of the probability of the labels; infinite if the steps are too few.
    pub fn loss(&self) -> f64 {
        let (alpha, n) = (self.forward(), self.states());
        if self.steps == 0 {
            return if n == 1 { 0.0 } else { f64::INFINITY };
        }
        let last = &alpha[(self.steps - 1) * n..];
        -log_add(last[n - 1], if n > 1 { last[n - 2] } else { f64::NEG_INFINITY })
    }

    /// The derivative of the loss by the logits, `[steps, classes]`; zeros if the loss is infinite.
    pub fn gradient(&self) -> Vec<f64> {
        let loss = self.loss();
        let mut out = vec![0.0; self.steps * self.classes];
        if !loss.is_finite() {
            return out;
        }
        let (alpha, beta, n) = (self.forward(), self.backward(), self.states());
        out.iter_mut().zip(&self.log).for_each(|(o, l)| *o = l.exp());
        for t in 0..self.steps {
            for s in 0..n {
                out[t * self.classes + self.class(s)] -= (alpha[t * n + s] + beta[t * n + s] + loss).exp();
            }
        }
        out
    }
}

/// Fails unless the inputs are logits `[batch, time, classes]`, labels `[batch, length]`, and both lengths `[batch]`.
pub(super) fn check(call: &Call<'_>) -> Result<()> {
    infer::rank(call, 0, 3)?;
    infer::rank(call, 1, 2)?;
    let batch = call.shape(0)[0];
    for (i, shape) in [(1, &call.shape(1)[..1]), (2, &call.shape(2)[..]), (3, &call.shape(3)[..])] {
        if shape != [batch] {
            fail!(ShapeMismatch, "input {i}: expected {batch} examples, found {}", call.shape(i));
        }
        if !call.dtype(i).is_int() {
            fail!(DtypeMismatch, "input {i}: expected an integer, found {}", call.dtype(i));
        }
    }
    let (classes, blank) = (call.shape(0)[2], call.attrs.size("blank")?);
    if blank >= classes {
        fail!(OutOfRange, "blank: expected 0 to {}, found {blank}", classes as isize - 1);
    }
    Ok(())
}

/// Calls `visit` with every example and the place of its first logit.
pub(super) fn for_each(call: &Call<'_>, x: &[Array], mut visit: impl FnMut(usize, &Example<'_>)) -> Result<()> {
    let (logits, labels) = (x[0].to_f64()?, x[1].to_i64()?);
    let (label_lengths, steps) = (x[2].to_i64()?, x[3].to_i64()?);
    let &[batch, time, classes] = call.shape(0).as_slice() else { return check(call) };
    let (longest, blank) = (call.shape(1)[1], call.attrs.size("blank")?);
    for i in 0..batch {
        let within = |name: &str, found: i64, most: usize| {
            usize::try_from(found)
                .ok()
                .filter(|&n| n <= most)
                .ok_or_else(|| err!(OutOfRange, "{name} of example {i}: expected 0 to {most}, found {found}"))
        };
        let steps = within("output length", steps[i], time)?;
        let length = within("target length", label_lengths[i], longest)?;
        let own = labels[i * longest..i * longest + length]
            .iter()
            .map(|&l| within("label", l, classes - 1))
            .collect::<Result<Vec<_>>>()?;
        let start = i * time * classes;
        let log = log_softmax(&logits[start..start + steps * classes], classes);
        visit(start, &Example { log, classes, steps, labels: &own, blank });
    }
    Ok(())
}

/// How sequences are decoded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CtcDecoder {
    /// The likeliest class at each step.
    Greedy {
        /// Whether a class that is repeated without a blank between counts once.
        merge_repeated: bool,
    },
    /// The likeliest sequences that a beam of this width finds, this many of them.
    Beam {
        /// Sequences kept at each step.
        width: usize,
        /// Sequences given back.
        top_paths: usize,
    },
}

/// The class of the blank, counted from the front.
fn blank_of(classes: usize, mask_index: isize) -> Result<usize> {
    let found = if mask_index < 0 { mask_index + classes as isize } else { mask_index };
    usize::try_from(found).ok().filter(|&i| i < classes).ok_or_else(|| {
        let classes = classes as isize;
        err!(OutOfRange, "mask_index: expected {} to {}, found {mask_index}", -classes, classes - 1)
    })
}

fn last(x: &Tensor) -> Result<usize> {
    x.shape()?.last().copied().ok_or_else(|| err!(RankMismatch, "outputs: expected 3 axes, found 0"))
}

impl Tensor {
    /// -ln of the probability that a labelling makes of `output`, whatever its alignment, one number an example; infinite
    /// where there are too few steps.
    ///
    /// # Shapes
    /// `self` (the labels) `[batch, length]`, `output` (logits) `[batch, time, classes]`, both lengths `[batch]`.
    /// `mask_index` is the class that stands for a blank.
    ///
    /// # Errors
    /// `rank_mismatch`, `shape_mismatch`; `out_of_range` for a label or length that does not fit.
    ///
    /// # Source
    /// Keras 3 `keras.ops.ctc_loss`.
    #[track_caller]
    pub fn ctc_loss(
        &self,
        output: &Tensor,
        target_length: &Tensor,
        output_length: &Tensor,
        mask_index: isize,
    ) -> Tensor {
        Tensor::lift(|| {
            let blank = blank_of(last(output)?, mask_index)?;
            let logits = if output.dtype()? == DType::F64 { output.clone() } else { output.cast(DType::F32) };
            let ints = |t: &Tensor| t.cast(DType::I32);
            let inputs = [&logits, &ints(self), &ints(target_length), &ints(output_length)];
            Ok(call1(&super::ctc_loss::OP, &inputs, attrs! { blank: blank }))
        })
    }

    /// The labels that `self` (logits) `[batch, time, classes]` stands for, `[paths, batch, time]`, int32, filled up with
    /// -1; and scores `[batch, paths]`: minus the sum of the greatest logits for the greedy decoder, log-probabilities
    /// for a beam.
    ///
    /// # Errors
    /// `rank_mismatch`, `shape_mismatch`; `out_of_range` for a length that does not fit; `invalid_argument` for a beam of
    /// width zero or more paths than its width.
    ///
    /// # Source
    /// Keras 3 `keras.ops.ctc_decode`.
    #[track_caller]
    pub fn ctc_decode(&self, sequence_lengths: &Tensor, decoder: CtcDecoder, mask_index: isize) -> (Tensor, Tensor) {
        let decoded = (|| {
            let blank = blank_of(last(self)?, mask_index)?;
            let logits = if self.dtype()? == DType::F64 { self.clone() } else { self.cast(DType::F32) };
            let lengths = sequence_lengths.cast(DType::I32);
            Ok(match decoder {
                CtcDecoder::Greedy { merge_repeated } => {
                    let attrs = attrs! { blank: blank, merge_repeated: merge_repeated };
                    call_n::<2>(&super::ctc_greedy::OP, &[&logits, &lengths], attrs)
                }
                CtcDecoder::Beam { width, top_paths } => {
                    let attrs = attrs! { blank: blank, width: width, paths: top_paths };
                    call_n::<2>(&super::ctc_beam::OP, &[&logits, &lengths], attrs)
                }
            })
        })();
        match decoded {
            Ok([labels, scores]) => (labels, scores),
            Err(error) => (Tensor::failed(Clone::clone(&error)), Tensor::failed(error)),
        }
    }
}
