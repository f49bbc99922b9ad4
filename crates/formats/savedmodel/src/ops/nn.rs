//! Neural networks: convolutions, pools, normalisations, losses.

use cornet_error::{Result, err, fail};
use cornet_ops::nn::geometry::{DataFormat, Padding};
use cornet_ops::nn::{ConvOptions, PoolOptions};
use cornet_ops::{Attrs, Tensor, call1};
use cornet_tensor::{Array, DType};

use super::{Family, many, one};
use crate::attr::Attr;
use crate::interpret::{Call, sizes};
use crate::value::Value;

pub(super) static OPS: Family = &[
    ("AvgPool", |c| one(average(c)?)),
    ("AvgPool3D", |c| one(average(c)?)),
    ("BiasAdd", |c| one(bias(&c.x(0)?, &c.x(1)?, format(c))?)),
    ("BiasAddV1", |c| one(bias(&c.x(0)?, &c.x(1)?, DataFormat::ChannelsLast)?)),
    ("Conv", |c| one(convolution(c)?)),
    ("Conv2D", |c| one(convolution(c)?)),
    ("Conv2DBackpropInput", transposed),
    ("Conv3D", |c| one(convolution(c)?)),
    ("Conv3DBackpropInputV2", transposed),
    ("DepthwiseConv2dNative", |c| one(depthwise(c)?)),
    ("FusedBatchNorm", batch_norm),
    ("FusedBatchNormV2", batch_norm),
    ("FusedBatchNormV3", batch_norm),
    ("LRN", local_response),
    ("LogSoftmax", |c| one(c.x(0)?.log_softmax(-1))),
    ("MaxPool", |c| one(c.x(0)?.max_pool(&pool(c)?))),
    ("MaxPool3D", |c| one(c.x(0)?.max_pool(&pool(c)?))),
    ("MaxPoolV2", |c| {
        let (sizes, strides) = (c.ints(1)?, c.ints(2)?);
        one(c.x(0)?.max_pool(&pool_of(c, &sizes, &strides)?))
    }),
    ("Softmax", |c| one(c.x(0)?.softmax(-1))),
    ("SoftmaxCrossEntropyWithLogits", |c| {
        let (logits, labels) = (c.x(0)?, c.x(1)?);
        let loss = (&labels * logits.log_softmax(-1)).sum(&[-1], false).negative();
        many([loss, logits.softmax(-1) - labels])
    }),
    ("SparseSoftmaxCrossEntropyWithLogits", |c| {
        let (logits, labels) = (c.x(0)?, c.x(1)?);
        let classes = logits.shape()?.last().copied().unwrap_or(0);
        let labels = labels.one_hot(classes, -1, logits.dtype()?);
        let loss = (&labels * logits.log_softmax(-1)).sum(&[-1], false).negative();
        many([loss, logits.softmax(-1) - labels])
    }),
    ("_FusedBatchNormEx", |c| {
        let mut found = batch_norm(c)?;
        if c.attr_text("activation_mode", "Identity") == "Relu"
            && let Some(y) = found.first_mut()
        {
            *y = y.tensor()?.relu().into();
        }
        Ok(found)
    }),
    ("_FusedConv2D", |c| {
        let y = convolution(c)?;
        one(fused(c, y, 2, format(c) == DataFormat::ChannelsLast)?)
    }),
    ("_FusedDepthwiseConv2dNative", |c| {
        let y = depthwise(c)?;
        one(fused(c, y, 2, format(c) == DataFormat::ChannelsLast)?)
    }),
];

fn format(call: &Call<'_, '_>) -> DataFormat {
    match call.attr_text("data_format", "NHWC").as_str() {
        "NCHW" | "NCDHW" | "CHANNELS_FIRST" => DataFormat::ChannelsFirst,
        _ => DataFormat::ChannelsLast,
    }
}

/// The numbers of the spatial axes out of those of all axes.
fn spatial(all: &[i64], format: DataFormat) -> Result<Vec<usize>> {
    let inner = match format {
        _ if all.len() < 3 => return sizes(all),
        DataFormat::ChannelsLast => &all[1..all.len() - 1],
        DataFormat::ChannelsFirst => &all[2..],
    };
    sizes(inner)
}

/// An attribute with a number for each axis; ones where the graph has none.
fn attr_spatial(call: &Call<'_, '_>, name: &str, axes: usize, format: DataFormat) -> Result<Vec<usize>> {
    let all = call.attr_ints(name);
    if all.is_empty() { Ok(vec![1; axes]) } else { spatial(&all, format) }
}

fn padding(call: &Call<'_, '_>, format: DataFormat) -> Result<Padding> {
    Ok(match call.attr_text("padding", "VALID").as_str() {
        "SAME" => Padding::Same,
        "VALID" => Padding::Valid,
        "EXPLICIT" => {
            let pairs = sizes(&call.attr_ints("explicit_paddings"))?;
            let pairs: Vec<(usize, usize)> = pairs.as_chunks::<2>().0.iter().map(|p| (p[0], p[1])).collect();
            let inner = match format {
                _ if pairs.len() < 3 => fail!(Corrupt, "padding: expected a pair for each axis"),
                DataFormat::ChannelsLast => &pairs[1..pairs.len() - 1],
                DataFormat::ChannelsFirst => &pairs[2..],
            };
            Padding::Explicit(inner.to_vec())
        }
        other => fail!(Unsupported, "padding: expected SAME, VALID or EXPLICIT, found {other}"),
    })
}

fn conv_options(call: &Call<'_, '_>, axes: usize) -> Result<ConvOptions> {
    let data_format = format(call);
    Ok(ConvOptions {
        strides: attr_spatial(call, "strides", axes, data_format)?,
        padding: padding(call, data_format)?,
        data_format,
        dilation_rate: attr_spatial(call, "dilations", axes, data_format)?,
    })
}

fn convolution(call: &Call<'_, '_>) -> Result<Tensor> {
    let (x, kernel) = (call.x(0)?, call.x(1)?);
    let axes = x.rank()?.saturating_sub(2);
    Ok(x.conv(&kernel, &conv_options(call, axes)?))
}

fn depthwise(call: &Call<'_, '_>) -> Result<Tensor> {
    Ok(call.x(0)?.depthwise_conv(&call.x(1)?, &conv_options(call, 2)?))
}

/// The gradient of a convolution by its input, of a known shape.
fn transposed(call: &mut Call<'_, '_>) -> Result<Vec<Value>> {
    let (to, kernel, y) = (call.sizes(0)?, call.x(1)?, call.x(2)?);
    let options = conv_options(call, to.len().saturating_sub(2))?;
    let rank = to.len() as isize;
    let first = options.data_format == DataFormat::ChannelsFirst;
    let (y, spatial) = match first {
        true => {
            let order: Vec<isize> = [0].into_iter().chain(2..rank).chain([1]).collect();
            (y.transpose(&order), to.get(2..))
        }
        false => (y, to.len().checked_sub(1).and_then(|last| to.get(1..last))),
    };
    let spatial = spatial.ok_or_else(|| err!(RankMismatch, "expected at least 3 axes, found {rank}"))?;
    let taps = kernel.shape()?;
    let taps = taps.get(..spatial.len()).ok_or_else(|| err!(RankMismatch, "kernel: expected {rank} axes"))?;
    let padding = options.padding.pairs(spatial, taps, &options.strides, &options.dilation_rate)?;
    let channels = to.get(if first { 1 } else { to.len() - 1 }).copied().unwrap_or(1);
    let own = kernel.shape()?.get(spatial.len()).copied().unwrap_or(1);
    let groups = channels.checked_div(own).unwrap_or(1).max(1);
    let attrs = Attrs::default()
        .with("strides", options.strides.as_slice())
        .with("padding", padding.as_slice())
        .with("dilation", options.dilation_rate.as_slice())
        .with("groups", groups)
        .with("sizes", spatial);
    let op =
        cornet_ops::find("conv_input_gradient").ok_or_else(|| err!(Internal, "there is no conv_input_gradient"))?;
    let x = call1(op, &[&y, &kernel], attrs);
    if first {
        let order: Vec<isize> = [0, rank - 1].into_iter().chain(1..rank - 1).collect();
        return one(x.transpose(&order));
    }
    one(x)
}

fn bias(x: &Tensor, bias: &Tensor, format: DataFormat) -> Result<Tensor> {
    let rank = x.rank()?;
    Ok(match format {
        DataFormat::ChannelsFirst if rank > 2 => {
            let mut to = vec![1; rank];
            to[1] = bias.shape()?.elements();
            x + bias.reshape(to)
        }
        _ => x + bias,
    })
}

/// What a fused op does after its product, with the inputs from `first` on.
pub(super) fn fused(call: &Call<'_, '_>, y: Tensor, first: usize, last: bool) -> Result<Tensor> {
    let Attr::List(list) = call.attr("fused_ops") else { return Ok(y) };
    let (mut y, mut at) = (y, first);
    let mut take = || {
        at += 1;
        call.x(at - 1)
    };
    for op in &list.bytes {
        y = match op.as_slice() {
            b"BiasAdd" => bias(&y, &take()?, if last { DataFormat::ChannelsLast } else { DataFormat::ChannelsFirst })?,
            b"Add" => y + take()?,
            b"FusedBatchNorm" => {
                let (scale, offset, mean, variance) = (take()?, take()?, take()?, take()?);
                let axis = if last { -1 } else { 1 };
                y.batch_normalization(
                    &mean,
                    &variance,
                    axis,
                    Some(&offset),
                    Some(&scale),
                    call.attr_float("epsilon", 1e-4),
                )
            }
            b"Relu" => y.relu(),
            b"Relu6" => y.relu6(),
            b"Elu" => y.elu(1.0),
            b"LeakyRelu" => y.leaky_relu(call.attr_float("leakyrelu_alpha", 0.2)),
            b"Sigmoid" => y.sigmoid(),
            b"Tanh" => y.tanh(),
            b"GeluApproximate" => y.gelu(true),
            b"GeluExact" => y.gelu(false),
            other => fail!(Unsupported, "fused op {}", String::from_utf8_lossy(other)),
        };
    }
    Ok(y)
}

fn pool_of(call: &Call<'_, '_>, pool: &[i64], strides: &[i64]) -> Result<PoolOptions> {
    let data_format = format(call);
    Ok(PoolOptions {
        pool_size: spatial(pool, data_format)?,
        strides: Some(spatial(strides, data_format)?),
        padding: padding(call, data_format)?,
        data_format,
    })
}

fn pool(call: &Call<'_, '_>) -> Result<PoolOptions> {
    pool_of(call, &call.attr_ints("ksize"), &call.attr_ints("strides"))
}

fn average(call: &Call<'_, '_>) -> Result<Tensor> {
    let x = call.x(0)?;
    Ok(x.average_pool(&pool(call)?))
}

fn batch_norm(call: &mut Call<'_, '_>) -> Result<Vec<Value>> {
    let (x, scale, offset, mean, variance) = (call.x(0)?, call.x(1)?, call.x(2)?, call.x(3)?, call.x(4)?);
    let epsilon = call.attr_float("epsilon", 1e-4);
    let rank = x.rank()? as isize;
    let axis = if format(call) == DataFormat::ChannelsFirst { 1 } else { rank - 1 };
    let (mean, variance, kept) = if call.attr_bool("is_training", true) {
        let axes: Vec<isize> = (0..rank).filter(|&a| a != axis).collect();
        let (mean, variance) = x.cast(DType::F32).moments(&axes, false);
        let shape = x.shape()?;
        let n = shape.elements() / shape[axis as usize].max(1);
        let unbiased = &variance * (n as f64 / n.saturating_sub(1).max(1) as f64);
        (mean, variance, unbiased)
    } else {
        (mean, variance.clone(), variance)
    };
    let y = x.cast(mean.dtype()?).batch_normalization(&mean, &variance, axis, Some(&offset), Some(&scale), epsilon);
    many([y.cast_like(&x), mean.clone(), kept.clone(), mean, kept, Tensor::from(Array::scalar(0.0_f32))])
}

/// Local response normalisation: each channel by the squares of its neighbours.
fn local_response(call: &mut Call<'_, '_>) -> Result<Vec<Value>> {
    let x = call.x(0)?;
    let radius = call.attr_int("depth_radius", 5).clamp(0, 1 << 20) as usize;
    let (offset, alpha, beta) =
        (call.attr_float("bias", 1.0), call.attr_float("alpha", 1.0), call.attr_float("beta", 0.5));
    let shape = x.shape()?;
    let channels = shape.last().copied().unwrap_or(0);
    let weights: Vec<f64> = (0..channels * channels)
        .map(|k| if (k / channels).abs_diff(k % channels) <= radius { 1.0 } else { 0.0 })
        .collect();
    let band = Tensor::from(Array::from_f64(x.dtype()?, [channels, channels], &weights)?);
    let sums = x.square().reshape([shape.elements() / channels.max(1), channels]).matmul(band).reshape(&shape);
    one(x / (sums * alpha + offset).power(beta))
}
