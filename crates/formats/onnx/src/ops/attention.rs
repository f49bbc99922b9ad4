//! Attention.

use cornet_error::{Result, err, fail};
use cornet_ops::Tensor;
use cornet_tensor::{Array, DType};

use super::index::count_to;
use super::{Entry, many, one};
use crate::call::Call;
use crate::element::Element;
use crate::value::Value;

pub(super) const OPS: &[Entry] = &[
    many("Attention", attention).since(23),
    many("CausalConvWithState", causal_conv).since(26),
    one("FlexAttention", flex_attention).preview(),
    many("LinearAttention", linear_attention).since(26),
    one("RotaryEmbedding", rotary).since(23),
];

fn heads(call: &Call<'_>, name: &str) -> Result<usize> {
    let found = call.int(name)?.and_then(|h| usize::try_from(h).ok()).filter(|&h| h > 0);
    found.ok_or_else(|| err!(InvalidArgument, "{name}: expected at least 1 for tensors of 3 axes"))
}

/// `[batch, time, heads · size]` to `[batch, heads, time, size]`; four axes stay.
fn split_heads(x: &Tensor, heads: impl FnOnce() -> Result<usize>) -> Result<Tensor> {
    let shape = x.shape()?;
    match shape[..] {
        [_, _, _, _] => Ok(x.clone()),
        [batch, time, width] => {
            let heads = heads()?;
            if heads == 0 || width % heads != 0 {
                fail!(DimMismatch, "heads: {width} does not divide into {heads}");
            }
            Ok(x.reshape([batch, time, heads, width / heads]).transpose(&[0, 2, 1, 3]))
        }
        _ => fail!(RankMismatch, "input: expected 3 or 4 axes, found {}", shape.rank()),
    }
}

/// `[batch, heads, time, size]` to `[batch, time, heads · size]`.
fn join_heads(y: &Tensor) -> Result<Tensor> {
    let shape = y.shape()?;
    Ok(y.transpose(&[0, 2, 1, 3]).reshape([shape[0], shape[2], shape[1] * shape[3]]))
}

/// Heads of keys and values repeated for the heads of the queries.
fn repeat_heads(x: &Tensor, heads: usize) -> Result<Tensor> {
    let own = x.shape()?[1];
    if own == heads {
        return Ok(x.clone());
    }
    if own == 0 || !heads.is_multiple_of(own) {
        fail!(DimMismatch, "heads: expected a multiple of {own}, found {heads}");
    }
    Ok(x.repeat(heads / own, Some(1)))
}

fn negative_infinity(dtype: DType) -> Result<Tensor> {
    Ok(Array::full(dtype, [], f64::NEG_INFINITY)?.into())
}

/// Zero where `allowed` holds, else minus infinity.
fn bias_of(allowed: &Tensor, dtype: DType) -> Result<Tensor> {
    Ok(allowed.where_(Tensor::from(Array::full(dtype, [], 0.0)?), negative_infinity(dtype)?))
}

/// The places of queries and keys, and what is added to their products.
struct Mask {
    bias: Option<Tensor>,
    dtype: DType,
    queries: usize,
    keys: usize,
}

impl Mask {
    fn add(&mut self, bias: Tensor) {
        self.bias = Some(match self.bias.take() {
            Some(old) => old + bias,
            None => bias,
        });
    }

    /// The distance of each key behind its query, whose first stands `offset` keys in.
    fn behind(&self, offset: Option<&Tensor>, before: usize) -> Result<Tensor> {
        let i = count_to(self.queries)?.reshape([self.queries, 1]);
        let j = count_to(self.keys)?.reshape([1, self.keys]);
        let i = match offset {
            Some(offset) => i + offset.cast(DType::I64).reshape([offset.shape()?.elements(), 1, 1, 1]),
            None => i + before as i64,
        };
        Ok(i - j)
    }

    fn given(&mut self, mask: Option<&Tensor>) -> Result<()> {
        let Some(mask) = mask else { return Ok(()) };
        let bool = mask.dtype()? == DType::Bool;
        let mut bias = if bool { bias_of(mask, self.dtype)? } else { mask.cast(self.dtype) };
        let shape = bias.shape()?;
        let missing = self.keys.saturating_sub(shape.last().copied().unwrap_or(1));
        if missing > 0 && shape.rank() > 0 {
            let mut dims = shape.to_vec();
            dims[shape.rank() - 1] = missing;
            let rest = negative_infinity(self.dtype)?.broadcast_to(dims);
            bias = Tensor::concat(&[&bias, &rest], -1);
        }
        self.add(bias);
        Ok(())
    }
}

fn attention(call: &Call<'_>) -> Result<Vec<Value>> {
    let (q, flat) = (call.tensor(0)?, call.tensor(0)?.rank()? == 3);
    let q = split_heads(q, || heads(call, "q_num_heads"))?;
    let mut k = split_heads(call.tensor(1)?, || heads(call, "kv_num_heads"))?;
    let mut v = split_heads(call.tensor(2)?, || heads(call, "kv_num_heads"))?;
    let mut before = 0;
    if let (Some(past_k), Some(past_v)) = (call.maybe_tensor(4)?, call.maybe_tensor(5)?) {
        before = past_k.shape()?.get(2).copied().unwrap_or(0);
        k = Tensor::concat(&[past_k, &k], 2);
        v = Tensor::concat(&[past_v, &v], 2);
    }
    let (present_k, present_v) = (k.clone(), v.clone());
    let (shape, dtype) = (q.shape()?, q.dtype()?);
    let mut mask = Mask { bias: None, dtype, queries: shape[2], keys: k.shape()?[2] };
    fill_mask(call, &mut mask, before)?;
    let scale = call.float("scale")?.filter(|&s| s != 0.0).unwrap_or(1.0 / (shape[3] as f64).sqrt());
    // Both sides are scaled by the root, so that neither overflows in half precision.
    let root = Tensor::from(Array::full(dtype, [], scale.sqrt())?);
    let (k, v) = (repeat_heads(&k, shape[1])?, repeat_heads(&v, shape[1])?);
    let mut scores = (&q * &root).matmul((&k * &root).swap_last());
    let mode = call.int_or("qk_matmul_output_mode", 0)?;
    // Before opset 25 the modes count the mask before the cap.
    let mut shown = scores.clone();
    let cap = call.float_or("softcap", 0.0)?;
    if cap > 0.0 {
        scores = (scores / cap).tanh() * cap;
    }
    if mode == 1 {
        shown = scores.clone();
    }
    let masked = mask.bias.as_ref().map_or(scores.clone(), |bias| &scores + bias);
    if mode == 2 {
        shown = masked.clone();
    }
    let wide = call.int("softmax_precision")?.map_or(Ok(dtype), |code| Element::of(code).dtype())?;
    let weights = guarded_softmax(&masked.cast(wide), mask.bias.as_ref())?.cast(dtype);
    if mode == 3 {
        shown = weights.clone();
    }
    let y = weights.matmul(&v);
    let y = if flat { join_heads(&y)? } else { y };
    Ok(vec![y.into(), present_k.into(), present_v.into(), shown.cast(dtype).into()])
}

fn fill_mask(call: &Call<'_>, mask: &mut Mask, before: usize) -> Result<()> {
    mask.given(call.maybe_tensor(3)?)?;
    let lengths = call.maybe_tensor(6)?;
    let offset = lengths.map(|l| l.cast(DType::I64) - mask.queries as i64);
    let causal = call.flag("is_causal")?;
    let (left, right) = (call.int_or("left_window_size", -1)?, call.int_or("right_window_size", -1)?);
    if causal || left >= 0 || right >= 0 {
        let behind = mask.behind(offset.as_ref(), before)?;
        let mut allow = |allowed: Tensor| -> Result<()> {
            let bias = bias_of(&allowed, mask.dtype)?;
            mask.add(bias);
            Ok(())
        };
        if causal {
            allow(behind.greater_equal(0))?;
        }
        if left >= 0 {
            allow(behind.less_equal(left))?;
        }
        if right >= 0 {
            allow(behind.greater_equal(-right))?;
        }
    }
    if let Some(lengths) = lengths {
        let n = lengths.shape()?.elements();
        let there = count_to(mask.keys)?.less(lengths.cast(DType::I64).reshape([n, 1, 1, 1]));
        let bias = bias_of(&there, mask.dtype)?;
        mask.add(bias);
    }
    Ok(())
}

/// Softmax over the keys; zeros where the mask leaves none.
fn guarded_softmax(scores: &Tensor, bias: Option<&Tensor>) -> Result<Tensor> {
    let Some(bias) = bias else { return Ok(scores.softmax(-1)) };
    let none = bias.isneginf().all(&[-1], true);
    let safe = none.where_(Tensor::zeros_like(scores), scores);
    Ok(none.where_(Tensor::zeros_like(scores), safe.softmax(-1)))
}

fn flex_attention(call: &Call<'_>) -> Result<Tensor> {
    let (q, k, v) = (call.tensor(0)?, call.tensor(1)?, call.tensor(2)?);
    let (shape, dtype) = (q.shape()?, q.dtype()?);
    if shape.rank() != 4 || k.rank()? != 4 || v.rank()? != 4 {
        fail!(RankMismatch, "inputs: expected 4 axes, found {}", shape.rank());
    }
    let scale = call.float("scale")?.unwrap_or(1.0 / (shape[3] as f64).sqrt());
    let root = Tensor::from(Array::full(dtype, [], scale.sqrt())?);
    let (k, v) = (repeat_heads(k, shape[1])?, repeat_heads(v, shape[1])?);
    let wide = call.int("softmax_precision")?.map_or(Ok(dtype.accumulator()), |code| Element::of(code).dtype())?;
    let modified = |name: &str, x: Tensor| -> Result<Tensor> {
        if call.attribute(name).is_none() {
            return Ok(x);
        }
        let results = call.body(name)?.run(vec![x.into()])?;
        let first = results.first().ok_or_else(|| err!(InvalidArgument, "{name}: expected an output, found none"))?;
        Ok(first.tensor()?.cast(wide))
    };
    let scores = (q * &root).matmul((&k * &root).swap_last()).cast(wide);
    let weights = modified("prob_mod", modified("score_mod", scores)?.softmax(-1))?;
    Ok(weights.matmul(v.cast(wide)).cast(v.dtype()?))
}

fn causal_conv(call: &Call<'_>) -> Result<Vec<Value>> {
    let (x, kernel) = (call.tensor(0)?, call.tensor(1)?);
    let (shape, taps) = (x.shape()?, kernel.shape()?);
    let ([batch, channels, _], [_, 1, width]) = (&shape[..], &taps[..]) else {
        fail!(ShapeMismatch, "expected [batch, channels, time] and [channels, 1, taps], found {shape} and {taps}");
    };
    let before = width.saturating_sub(1);
    let past = match call.maybe_tensor(3)? {
        Some(past) => past.clone(),
        None => Array::try_zeros(x.dtype()?, [*batch, *channels, before])?.into(),
    };
    let padded = Tensor::concat(&[&past, x], 2);
    let options = cornet_ops::nn::ConvOptions {
        data_format: super::math::CHANNELS_FIRST,
        ..cornet_ops::nn::ConvOptions::default()
    };
    let y = super::convolution::add_bias(&padded.conv(&kernel.transpose(&[2, 1, 0]), &options), call.maybe_tensor(2)?)?;
    let y = match call.text_or("activation", "none")? {
        "none" => y,
        "silu" | "swish" => y.silu(),
        other => fail!(InvalidArgument, "activation: expected none, silu or swish, found '{other}'"),
    };
    let length = padded.shape()?[2];
    Ok(vec![y.into(), padded.slice_axis(2, length - before.min(length), before.min(length)).into()])
}

/// The pieces of a linear attention that depend on its rule.
struct Rule {
    decay: Option<Tensor>,
    beta: Option<Tensor>,
}

fn linear_attention(call: &Call<'_>) -> Result<Vec<Value>> {
    let (q_heads, kv_heads) = (heads(call, "q_num_heads")?, heads(call, "kv_num_heads")?);
    let wide = |t: Tensor| t.cast(DType::F32);
    let dtype = call.tensor(0)?.dtype()?;
    let q = wide(split_heads(call.tensor(0)?, || Ok(q_heads))?);
    let k = wide(split_heads(call.tensor(1)?, || Ok(kv_heads))?);
    let v = wide(split_heads(call.tensor(2)?, || Ok(kv_heads))?);
    let (shape, depth) = (q.shape()?, v.shape()?[3]);
    let (batch, time, size) = (shape[0], shape[2], shape[3]);
    let rule = call.text_or("update_rule", "gated_delta")?;
    if !["linear", "gated", "delta", "gated_delta"].contains(&rule) {
        fail!(InvalidArgument, "update_rule: expected linear, gated, delta or gated_delta, found '{rule}'");
    }
    let rows = |t: &Tensor| -> Result<Tensor> {
        let last = t.shape()?.last().copied().unwrap_or(0);
        let heads = if last == kv_heads * size { kv_heads } else { last };
        Ok(wide(split_heads(t, || Ok(heads))?))
    };
    let rule = Rule {
        decay: call.maybe_tensor(4)?.filter(|_| rule.starts_with("gated")).map(&rows).transpose()?,
        beta: call.maybe_tensor(5)?.filter(|_| rule.ends_with("delta")).map(&rows).transpose()?,
    };
    let (mut state, state_dtype) = match call.maybe_tensor(3)? {
        Some(past) => (past.cast(DType::F32), past.dtype()?),
        None => (Array::try_zeros(DType::F32, [batch, kv_heads, size, depth])?.into(), dtype),
    };
    let scale = call.float("scale")?.filter(|&s| s != 0.0).unwrap_or(1.0 / (size as f64).sqrt());
    if cornet_ops::is_tracing() && time > 2000 {
        return Err(err!(NotTraced, "linear attention over {time} steps is too long to be written out"));
    }
    let at = |t: &Tensor, i: usize| t.slice_axis(2, i, 1).squeeze(&[2]);
    let mut outputs = Vec::with_capacity(time);
    for i in 0..time {
        let (k, mut v) = (at(&k, i), at(&v, i));
        if let Some(decay) = &rule.decay {
            state = state * at(decay, i).exp().expand_dims(&[-1]);
        }
        if let Some(beta) = &rule.beta {
            let held = k.expand_dims(&[-2]).matmul(&state).squeeze(&[-2]);
            v = at(beta, i) * (v - held);
        }
        state = state + k.expand_dims(&[-1]) * v.expand_dims(&[-2]);
        let read = repeat_heads(&state, q_heads)?;
        outputs.push(at(&q, i).expand_dims(&[-2]).matmul(read).squeeze(&[-2]) * scale);
    }
    let Some(_) = outputs.first() else { fail!(EmptyData, "linear attention: expected at least one step, found none") };
    let y = join_heads(&Tensor::stack(&outputs.iter().collect::<Vec<_>>(), 2))?;
    Ok(vec![y.cast(dtype).into(), state.cast(state_dtype).into()])
}

fn rotary(call: &Call<'_>) -> Result<Tensor> {
    let given = call.tensor(0)?;
    let flat = given.rank()? == 3;
    // `[batch, heads, time, size]`.
    let x = split_heads(given, || heads(call, "num_heads"))?;
    let shape = x.shape()?;
    let size = shape[3];
    let turned = usize::try_from(call.int_or("rotary_embedding_dim", 0)?).ok().filter(|&r| r > 0).unwrap_or(size);
    if turned > size || turned % 2 != 0 {
        fail!(InvalidArgument, "rotary_embedding_dim: expected an even number up to {size}, found {turned}");
    }
    let cache = |i: usize| -> Result<Tensor> {
        let cache = call.tensor(i)?;
        let rows = match call.maybe_tensor(3)? {
            Some(places) => cache.take(places, 0),
            None => cache.clone(),
        };
        Ok(rows.expand_dims(&[1]))
    };
    let (cos, sin) = (cache(1)?, cache(2)?);
    let (front, rest) = (x.slice_axis(-1, 0, turned), x.slice_axis(-1, turned, size - turned));
    let half = turned / 2;
    let interleaved = call.flag("interleaved")?;
    let lead = [shape[0], shape[1], shape[2]];
    let (a, b) = if interleaved {
        let pairs = front.reshape([lead[0], lead[1], lead[2], half, 2]);
        (pairs.slice_axis(-1, 0, 1).squeeze(&[-1]), pairs.slice_axis(-1, 1, 1).squeeze(&[-1]))
    } else {
        (front.slice_axis(-1, 0, half), front.slice_axis(-1, half, half))
    };
    let (real, imaginary) = (&cos * &a - &sin * &b, &sin * &a + &cos * &b);
    let front = if interleaved {
        Tensor::stack(&[&real, &imaginary], -1).reshape([lead[0], lead[1], lead[2], turned])
    } else {
        Tensor::concat(&[&real, &imaginary], -1)
    };
    let y = if turned == size { front } else { Tensor::concat(&[&front, &rest], -1) };
    if flat { join_heads(&y) } else { Ok(y) }
}
