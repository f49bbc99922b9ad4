//! Normalisations, products of matrices and dropout.

use cornet_error::{Result, err, fail};
use cornet_ops::Tensor;
use cornet_tensor::{Array, DType};

use super::{Entry, axis_of, many, one};
use crate::call::Call;
use crate::value::Value;

pub(super) const OPS: &[Entry] = &[
    many("BatchNormalization", batch_normalization),
    one("Det", |c| Ok(c.tensor(0)?.det())).since(11),
    many("Dropout", dropout),
    one("Einsum", einsum).since(12),
    one("Gemm", gemm),
    one("GroupNormalization", group_normalization).since(18),
    one("InstanceNormalization", instance_normalization),
    one("LRN", local_response).since(1),
    many("LayerNormalization", layer_normalization).since(17),
    one("LpNormalization", lp_normalization),
    one("MatMul", |c| Ok(c.tensor(0)?.matmul(c.tensor(1)?))),
    one("MeanVarianceNormalization", mean_variance).since(9),
    one("RMSNormalization", rms_normalization).since(23),
];

/// One number a channel, to be broadcast.
fn per_channel(x: &Tensor, rank: usize) -> Result<Tensor> {
    let mut dims = vec![1; rank];
    if rank < 2 {
        fail!(RankMismatch, "input: expected at least 2 axes, found {rank}");
    }
    dims[1] = x.shape()?.elements();
    Ok(x.reshape(dims))
}

fn batch_normalization(call: &Call<'_>) -> Result<Vec<Value>> {
    let (x, epsilon) = (call.tensor(0)?, call.float_or("epsilon", 1e-5)?);
    let rank = x.rank()?;
    let parameter = |i: usize| per_channel(call.tensor(i)?, rank);
    let (scale, bias, mean, variance) = (parameter(1)?, parameter(2)?, parameter(3)?, parameter(4)?);
    let dtype = x.dtype()?;
    let wide = mean.dtype()?.max(dtype.accumulator());
    let apply = |mean: &Tensor, variance: &Tensor| {
        let factor = scale.cast(wide) * (variance.cast(wide) + epsilon).rsqrt();
        let shift = bias.cast(wide) - mean.cast(wide) * &factor;
        (x.cast(wide) * factor + shift).cast(dtype)
    };
    let training = call.flag("training_mode")? || call.opset() < 14 && call.outputs() > 1;
    if !training {
        return Ok(vec![apply(&mean, &variance).into()]);
    }
    let axes: Vec<isize> = (0..rank as isize).filter(|&a| a != 1).collect();
    let (now, spread) = x.cast(wide).moments(&axes, true);
    let momentum = call.float_or("momentum", 0.9)?;
    let mixed = |old: &Tensor, new: &Tensor, i: usize| -> Result<Value> {
        let to = call.tensor(i)?;
        let mixed = old.cast(wide) * momentum + new * (1.0 - momentum);
        Ok(mixed.reshape(to.shape()?).cast(to.dtype()?).into())
    };
    Ok(vec![apply(&now, &spread).into(), mixed(&mean, &now, 3)?, mixed(&variance, &spread, 4)?])
}

/// Statistics over axes in float32 at least: the normalised tensor, the mean, and one over the deviation.
fn standardized(x: &Tensor, axes: &[isize], epsilon: f64, wide: DType) -> (Tensor, Tensor, Tensor) {
    let x = x.cast(wide);
    let mean = x.mean(axes, true);
    let centred = &x - &mean;
    let inverse = (centred.square().mean(axes, true) + epsilon).rsqrt();
    (&centred * &inverse, mean, inverse)
}

fn wide_of(x: &Tensor) -> Result<DType> {
    Ok(x.dtype()?.accumulator())
}

fn instance_normalization(call: &Call<'_>) -> Result<Tensor> {
    let x = call.tensor(0)?;
    let rank = x.rank()?;
    let axes: Vec<isize> = (2..rank as isize).collect();
    if axes.is_empty() {
        fail!(RankMismatch, "input: expected at least 3 axes, found {rank}");
    }
    let wide = wide_of(x)?;
    let (y, ..) = standardized(x, &axes, call.float_or("epsilon", 1e-5)?, wide);
    let (scale, bias) = (per_channel(call.tensor(1)?, rank)?, per_channel(call.tensor(2)?, rank)?);
    Ok((y * scale.cast(wide) + bias.cast(wide)).cast(x.dtype()?))
}

/// The dtype in which statistics are computed.
fn stash(call: &Call<'_>, x: &Tensor) -> Result<DType> {
    let stated = crate::element::Element::of(call.int_or("stash_type", 1)?).dtype()?;
    Ok(if x.dtype()? == DType::F64 { DType::F64 } else { stated.accumulator() })
}

fn layer_normalization(call: &Call<'_>) -> Result<Vec<Value>> {
    let x = call.tensor(0)?;
    let rank = x.rank()?;
    let first = axis_of(call.int_or("axis", -1)?, rank)?;
    let axes: Vec<isize> = (first as isize..rank as isize).collect();
    let wide = stash(call, x)?;
    let (y, mean, inverse) = standardized(x, &axes, call.float_or("epsilon", 1e-5)?, wide);
    let mut y = y.cast(x.dtype()?) * call.tensor(1)?;
    if let Some(bias) = call.maybe_tensor(2)? {
        y = y + bias;
    }
    Ok(vec![y.into(), mean.into(), inverse.into()])
}

fn rms_normalization(call: &Call<'_>) -> Result<Tensor> {
    let x = call.tensor(0)?;
    let rank = x.rank()?;
    let first = axis_of(call.int_or("axis", -1)?, rank)?;
    let axes: Vec<isize> = (first as isize..rank as isize).collect();
    let wide = x.cast(stash(call, x)?);
    let inverse = (wide.square().mean(&axes, true) + call.float_or("epsilon", 1e-5)?).rsqrt();
    Ok((wide * inverse).cast(x.dtype()?) * call.tensor(1)?)
}

fn group_normalization(call: &Call<'_>) -> Result<Tensor> {
    let x = call.tensor(0)?;
    let shape = x.shape()?;
    let groups = usize::try_from(call.int_or("num_groups", 0)?).unwrap_or(0);
    if shape.rank() < 2 || groups == 0 || shape[1] % groups != 0 {
        fail!(DimMismatch, "num_groups: expected a part of the channels of {shape}, found {groups}");
    }
    let rest: usize = shape[2..].iter().product();
    let grouped = x.reshape([shape[0], groups, shape[1] / groups * rest]);
    let wide = stash(call, x)?;
    let (y, ..) = standardized(&grouped, &[2], call.float_or("epsilon", 1e-5)?, wide);
    let (scale, bias) = (call.tensor(1)?.cast(wide), call.tensor(2)?.cast(wide));
    // Version 18 has one scale a group, later ones one a channel.
    let each = |t: &Tensor, rank: usize| per_channel(t, rank);
    let y = if scale.shape()?.elements() == groups && groups != shape[1] {
        (y * each(&scale, 3)? + each(&bias, 3)?).reshape(&shape)
    } else {
        y.reshape(&shape) * each(&scale, shape.rank())? + each(&bias, shape.rank())?
    };
    Ok(y.cast(x.dtype()?))
}

fn mean_variance(call: &Call<'_>) -> Result<Tensor> {
    let x = call.tensor(0)?;
    let rank = x.rank()?;
    let axes = call.ints("axes")?.unwrap_or(&[0, 2, 3]);
    let axes = axes.iter().map(|&a| Ok(axis_of(a, rank)? as isize)).collect::<Result<Vec<_>>>()?;
    let wide = x.cast(wide_of(x)?);
    let centred = &wide - &wide.mean(&axes, true);
    let deviation = centred.square().mean(&axes, true).sqrt();
    Ok((centred / (deviation + 1e-9)).cast(x.dtype()?))
}

fn lp_normalization(call: &Call<'_>) -> Result<Tensor> {
    let x = call.tensor(0)?;
    let axis = [axis_of(call.int_or("axis", -1)?, x.rank()?)? as isize];
    let norm = match call.int_or("p", 2)? {
        1 => x.absolute().sum(&axis, true),
        2 => x.square().sum(&axis, true).sqrt(),
        other => fail!(InvalidArgument, "p: expected 1 or 2, found {other}"),
    };
    // Nothing divided by nothing is nothing.
    let safe = norm.equal(0.0).where_(Tensor::ones_like(&norm), &norm);
    Ok(x / safe)
}

fn local_response(call: &Call<'_>) -> Result<Tensor> {
    let x = call.tensor(0)?;
    let shape = x.shape()?;
    let size = usize::try_from(call.int_or("size", 0)?).ok().filter(|&s| s > 0);
    let size = size.ok_or_else(|| err!(InvalidArgument, "size: expected at least 1"))?;
    if shape.rank() < 2 {
        fail!(RankMismatch, "input: expected at least 2 axes, found {}", shape.rank());
    }
    let (alpha, beta) = (call.float_or("alpha", 1e-4)?, call.float_or("beta", 0.75)?);
    let bias = call.float_or("bias", 1.0)?;
    let (before, after) = ((size - 1) / 2, size / 2);
    let reach = (before.min(shape[1]), after.min(shape[1]));
    let mut widths = vec![(0, 0); shape.rank()];
    widths[1] = reach;
    let squares = x.square().pad(&widths);
    let part = |i: usize| squares.slice_axis(1, i, shape[1]);
    let sum = (1..=reach.0 + reach.1).fold(part(0), |sum, i| sum + part(i));
    Ok(x / (sum * (alpha / size as f64) + bias).power(beta))
}

fn gemm(call: &Call<'_>) -> Result<Tensor> {
    let (a, b) = (call.tensor(0)?, call.tensor(1)?);
    let (a, b) = if call.opset() < 7 { (a.flatten_axes(1, -1), b.clone()) } else { (a.clone(), b.clone()) };
    let mut y = a.matmul_with(&b, call.flag("transA")?, call.flag("transB")?);
    let (alpha, beta) = (call.float_or("alpha", 1.0)?, call.float_or("beta", 1.0)?);
    let dtype = y.dtype()?;
    let scaled = |t: &Tensor, by: f64| if by == 1.0 { t.clone() } else { (t * by).cast(dtype) };
    y = scaled(&y, alpha);
    match call.maybe_tensor(2)? {
        Some(c) => Ok(y + scaled(c, beta)),
        None => Ok(y),
    }
}

fn einsum(call: &Call<'_>) -> Result<Tensor> {
    let equation: String = call.text_or("equation", "")?.chars().filter(|c| !c.is_whitespace()).collect();
    Ok(Tensor::einsum(&equation, &call.tensors()?))
}

fn dropout(call: &Call<'_>) -> Result<Vec<Value>> {
    let x = call.tensor(0)?;
    let ratio = match call.maybe_tensor(1)? {
        Some(ratio) => ratio.array()?.to_f64()?.first().copied().unwrap_or(0.5),
        None => call.float_or("ratio", 0.5)?,
    };
    let training = match call.maybe_tensor(2)? {
        Some(flag) => flag.array()?.to_i64()?.first().is_some_and(|&f| f != 0),
        None => false,
    };
    let shape = x.shape()?;
    if !training || ratio == 0.0 {
        let kept = Array::full(if call.opset() >= 10 { DType::Bool } else { x.dtype()? }, &shape, 1.0)?;
        return Ok(vec![x.clone().into(), kept.into()]);
    }
    if !(0.0..1.0).contains(&ratio) {
        fail!(InvalidArgument, "ratio: expected 0 to 1, found {ratio}");
    }
    let kept = super::random::kept(call, &shape, ratio)?;
    let y = kept.where_(x * (1.0 / (1.0 - ratio)), Tensor::zeros_like(x));
    Ok(vec![y.into(), kept.into()])
}
