//! Losses, and steps of optimizers.

use cornet_error::{Result, err, fail};
use cornet_ops::Tensor;
use cornet_tensor::DType;

use super::{Entry, many, one};
use crate::call::Call;
use crate::value::Value;

pub(super) const OPS: &[Entry] = &[
    many("Adagrad", adagrad).training(),
    many("Adam", adam).training(),
    many("Momentum", momentum).training(),
    one("NegativeLogLikelihoodLoss", |c| likelihood(c, c.tensor(0)?)).since(12),
    many("SoftmaxCrossEntropyLoss", cross_entropy).since(12),
];

fn likelihood(call: &Call<'_>, logs: &Tensor) -> Result<Tensor> {
    let (shape, target) = (logs.shape()?, call.tensor(1)?.cast(DType::I64));
    if shape.rank() < 2 || target.rank()? + 1 != shape.rank() {
        fail!(RankMismatch, "target: expected {} axes, found {}", shape.rank().saturating_sub(1), target.rank()?);
    }
    let classes = shape[1];
    let ignored = call.int("ignore_index")?;
    let kept = ignored.map(|i| target.not_equal(i));
    // What is ignored may be no class at all.
    let safe = match &kept {
        Some(kept) => kept.where_(&target, Tensor::zeros_like(&target)),
        None => target.clone(),
    };
    let dtype = logs.dtype()?;
    let mut weight = match call.maybe_tensor(2)? {
        Some(weight) if weight.shape()?.elements() == classes => weight.take(&safe, 0),
        Some(weight) => fail!(DimMismatch, "weight: expected {classes} numbers, found {}", weight.shape()?),
        None => Tensor::ones_like(&safe.cast(dtype)),
    };
    if let Some(kept) = &kept {
        weight = kept.where_(&weight, Tensor::zeros_like(&weight));
    }
    let picked = logs.take_along_axis(&safe.expand_dims(&[1]), 1).squeeze(&[1]);
    let loss = picked.negative() * &weight;
    Ok(match call.text_or("reduction", "mean")? {
        "none" => loss,
        "sum" => loss.sum(&[], false),
        "mean" => loss.sum(&[], false) / weight.sum(&[], false),
        other => fail!(InvalidArgument, "reduction: expected none, sum or mean, found '{other}'"),
    })
}

fn cross_entropy(call: &Call<'_>) -> Result<Vec<Value>> {
    let logs = call.tensor(0)?.log_softmax(1);
    Ok(vec![likelihood(call, &logs)?.into(), logs.into()])
}

/// Learning rate, step, and for each variable the tensors that belong to it.
fn variables<'a>(call: &'a Call<'_>, each: usize) -> Result<(&'a Tensor, &'a Tensor, Vec<Vec<&'a Tensor>>)> {
    let all = call.tensors()?;
    let [rate, step, rest @ ..] = all.as_slice() else { fail!(InvalidArgument, "expected a rate and a step") };
    if !rest.len().is_multiple_of(each) {
        fail!(InvalidArgument, "expected {each} tensors for each variable, found {} in all", rest.len());
    }
    let n = rest.len() / each;
    let own = (0..n).map(|i| (0..each).map(|k| rest[k * n + i]).collect()).collect();
    Ok((rate, step, own))
}

/// Results of each variable, sorted by kind.
fn sorted(results: Vec<Vec<Tensor>>) -> Vec<Value> {
    let kinds = results.first().map_or(0, Vec::len);
    (0..kinds).flat_map(|k| results.iter().map(move |r| Value::Tensor(r[k].clone()))).collect()
}

fn adagrad(call: &Call<'_>) -> Result<Vec<Value>> {
    let (rate, step, all) = variables(call, 3)?;
    let norm = call.float_or("norm_coefficient", 0.0)?;
    let epsilon = call.float_or("epsilon", 0.0)?;
    let rate = rate / (step.cast(rate.dtype()?) * call.float_or("decay_factor", 0.0)? + 1.0);
    let one = |v: &Vec<&Tensor>| {
        let (x, g, h) = (v[0], v[1], v[2]);
        let g = x * norm + g;
        let h = h + &g.square();
        vec![x - &(&rate * &g / (h.sqrt() + epsilon)), h]
    };
    Ok(sorted(all.iter().map(one).collect()))
}

fn adam(call: &Call<'_>) -> Result<Vec<Value>> {
    let (rate, step, all) = variables(call, 4)?;
    let (alpha, beta) = (call.float_or("alpha", 0.9)?, call.float_or("beta", 0.999)?);
    let (norm, after) = (call.float_or("norm_coefficient", 0.0)?, call.float_or("norm_coefficient_post", 0.0)?);
    let epsilon = call.float_or("epsilon", 0.0)?;
    let t = step.array()?.to_f64()?.first().copied().ok_or_else(|| err!(InvalidArgument, "step: expected a number"))?;
    let correction = if t > 0.0 { (1.0 - beta.powf(t)).sqrt() / (1.0 - alpha.powf(t)) } else { 1.0 };
    let rate = rate * correction;
    let one = |v: &Vec<&Tensor>| {
        let (x, g, m, h) = (v[0], v[1], v[2], v[3]);
        let g = x * norm + g;
        let m = m * alpha + &g * (1.0 - alpha);
        let h = h * beta + g.square() * (1.0 - beta);
        let x = x - &(&rate * &(&m / (h.sqrt() + epsilon)));
        vec![x * (1.0 - after), m, h]
    };
    Ok(sorted(all.iter().map(one).collect()))
}

fn momentum(call: &Call<'_>) -> Result<Vec<Value>> {
    let (rate, step, all) = variables(call, 3)?;
    let (alpha, beta) = (call.float_or("alpha", 0.0)?, call.float_or("beta", 0.0)?);
    let norm = call.float_or("norm_coefficient", 0.0)?;
    let nesterov = call.text_or("mode", "standard")? == "nesterov";
    let beta = if step.array()?.to_f64()?.first().is_some_and(|&t| t > 0.0) { beta } else { 1.0 };
    let one = |v: &Vec<&Tensor>| {
        let (x, g, m) = (v[0], v[1], v[2]);
        let g = x * norm + g;
        let m = m * alpha + &g * beta;
        let by = if nesterov { g + &m * alpha } else { m.clone() };
        vec![x - &(rate * &by), m]
    };
    Ok(sorted(all.iter().map(one).collect()))
}
