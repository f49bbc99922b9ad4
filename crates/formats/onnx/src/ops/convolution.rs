//! Convolutions.

use cornet_error::{Result, err, fail};
use cornet_ops::Tensor;
use cornet_ops::nn::ConvOptions;
use cornet_ops::nn::geometry::Padding;
use cornet_tensor::DType;

use super::math::CHANNELS_FIRST;
use super::{Entry, one};
use crate::call::Call;

pub(super) const OPS: &[Entry] = &[
    one("Conv", |c| convolve(c, c.tensor(0)?, c.tensor(1)?, c.maybe_tensor(2)?)),
    one("ConvTranspose", conv_transpose),
];

/// How windows lie over the spatial axes.
pub(super) struct Windows {
    pub kernel: Vec<usize>,
    pub strides: Vec<usize>,
    pub dilations: Vec<usize>,
    /// Before and after each axis.
    pub pads: Vec<(usize, usize)>,
}

/// Whole numbers of an attribute, one an axis, all of them at least `least`.
pub(super) fn per_axis(call: &Call<'_>, name: &str, axes: usize, default: usize, least: usize) -> Result<Vec<usize>> {
    let Some(given) = call.ints(name)? else { return Ok(vec![default; axes]) };
    let found: Option<Vec<usize>> = given.iter().map(|&v| usize::try_from(v).ok().filter(|&v| v >= least)).collect();
    match found {
        Some(found) if found.len() == axes => Ok(found),
        _ => fail!(InvalidArgument, "{name}: expected {axes} numbers from {least} on, found {given:?}"),
    }
}

/// Pads before and after each axis.
pub(super) fn pad_pairs(call: &Call<'_>, axes: usize) -> Result<Vec<(usize, usize)>> {
    let pads = per_axis(call, "pads", 2 * axes, 0, 0)?;
    Ok((0..axes).map(|a| (pads[a], pads[axes + a])).collect())
}

impl Windows {
    pub fn of(call: &Call<'_>, input: &[usize], kernel: Vec<usize>) -> Result<Self> {
        let axes = input.len();
        let strides = per_axis(call, "strides", axes, 1, 1)?;
        let dilations = per_axis(call, "dilations", axes, 1, 1)?;
        let reach = |a: usize| (kernel[a].max(1) - 1).saturating_mul(dilations[a]).saturating_add(1);
        let pads = match call.text_or("auto_pad", "NOTSET")? {
            "NOTSET" => pad_pairs(call, axes)?,
            "VALID" => vec![(0, 0); axes],
            word @ ("SAME_UPPER" | "SAME_LOWER") => (0..axes)
                .map(|a| {
                    let covered = (input[a].div_ceil(strides[a]).max(1) - 1).saturating_mul(strides[a]);
                    let total = covered.saturating_add(reach(a)).saturating_sub(input[a]);
                    let (less, more) = (total / 2, total - total / 2);
                    if word == "SAME_UPPER" { (less, more) } else { (more, less) }
                })
                .collect(),
            other => fail!(InvalidArgument, "auto_pad: expected a word of the format, found '{other}'"),
        };
        Ok(Self { kernel, strides, dilations, pads })
    }

    /// From the first tap of a window to its last, both included.
    pub fn reach(&self, axis: usize) -> usize {
        (self.kernel[axis].max(1) - 1).saturating_mul(self.dilations[axis]).saturating_add(1)
    }
}

/// The spatial sizes of an input, and of a kernel whose first two axes are channels.
pub(super) fn spatial(x: &Tensor, kernel: Option<&Tensor>) -> Result<(Vec<usize>, Vec<usize>)> {
    let shape = x.shape()?;
    if shape.rank() < 3 {
        fail!(RankMismatch, "input: expected at least 3 axes, found {}", shape.rank());
    }
    let taps = match kernel {
        Some(kernel) if kernel.rank()? == shape.rank() => kernel.shape()?[2..].to_vec(),
        Some(kernel) => fail!(RankMismatch, "kernel: expected {} axes, found {}", shape.rank(), kernel.rank()?),
        None => Vec::new(),
    };
    Ok((shape[2..].to_vec(), taps))
}

/// `[outputs, inputs, taps…]` to `[taps…, inputs, outputs]`.
fn taps_first(kernel: &Tensor) -> Result<Tensor> {
    let rank = kernel.rank()? as isize;
    Ok(kernel.transpose(&(2..rank).chain([1, 0]).collect::<Vec<_>>()))
}

/// Adds one number a channel.
pub(super) fn add_bias(y: &Tensor, bias: Option<&Tensor>) -> Result<Tensor> {
    let Some(bias) = bias else { return Ok(y.clone()) };
    let mut dims = vec![1; y.rank()?];
    dims[1] = bias.shape()?.elements();
    Ok(y + bias.reshape(dims))
}

/// A convolution with the node's attributes.
pub(super) fn convolve(call: &Call<'_>, x: &Tensor, kernel: &Tensor, bias: Option<&Tensor>) -> Result<Tensor> {
    let (input, taps) = spatial(x, Some(kernel))?;
    let windows = Windows::of(call, &input, taps)?;
    let (channels, own) = (x.shape()?[1], kernel.shape()?[1]);
    let groups = usize::try_from(call.int_or("group", 1)?).unwrap_or(0);
    if own.checked_mul(groups) != Some(channels) || groups == 0 {
        fail!(DimMismatch, "kernel: expected {channels} channels over {groups} groups, found {own} a group");
    }
    let mut dims = vec![x.shape()?[0], kernel.shape()?[0]];
    dims.extend((0..input.len()).map(|a| {
        let (before, after) = windows.pads[a];
        input[a].saturating_add(before).saturating_add(after) / windows.strides[a] + 1
    }));
    call.admit(&dims, DType::F64)?;
    let options = ConvOptions {
        strides: windows.strides,
        padding: Padding::Explicit(windows.pads),
        data_format: CHANNELS_FIRST,
        dilation_rate: windows.dilations,
    };
    add_bias(&x.conv(&taps_first(kernel)?, &options), bias)
}

fn conv_transpose(call: &Call<'_>) -> Result<Tensor> {
    let (x, kernel) = (call.tensor(0)?, call.tensor(1)?);
    let (input, taps) = spatial(x, Some(kernel))?;
    let axes = input.len();
    let groups = usize::try_from(call.int_or("group", 1)?).unwrap_or(0);
    let channels = x.shape()?[1];
    if groups == 0 || channels % groups != 0 || kernel.shape()?[0] != channels {
        fail!(DimMismatch, "kernel: expected {channels} channels over {groups} groups, found {}", kernel.shape()?);
    }
    let strides = per_axis(call, "strides", axes, 1, 1)?;
    let dilations = per_axis(call, "dilations", axes, 1, 1)?;
    let options = ConvOptions {
        strides: strides.clone(),
        padding: Padding::Valid,
        data_format: CHANNELS_FIRST,
        dilation_rate: dilations.clone(),
    };
    let each = channels / groups;
    let cuts = transposed_cuts(call, &input, &taps, &strides, &dilations)?;
    let mut dims = vec![x.shape()?[0], kernel.shape()?[1].saturating_mul(groups)];
    dims.extend(cuts.iter().map(|c| c.1));
    call.admit(&dims, DType::F64)?;
    let one = |g: usize| {
        let (x, w) = (x.slice_axis(1, g * each, each), kernel.slice_axis(0, g * each, each));
        Ok(x.conv_transpose(&taps_first(&w)?, Some(&vec![0; axes]), &options))
    };
    let parts = (0..groups).map(one).collect::<Result<Vec<_>>>()?;
    let whole = if groups == 1 { parts[0].clone() } else { Tensor::concat(&parts.iter().collect::<Vec<_>>(), 1) };
    add_bias(&cut(&whole, &cuts)?, call.maybe_tensor(2)?)
}

/// How much of the whole transposed convolution is left out before each axis, and how long it is then.
fn transposed_cuts(
    call: &Call<'_>,
    input: &[usize],
    taps: &[usize],
    strides: &[usize],
    dilations: &[usize],
) -> Result<Vec<(usize, usize)>> {
    let axes = input.len();
    let extra = per_axis(call, "output_padding", axes, 0, 0)?;
    let pads = pad_pairs(call, axes)?;
    let word = call.text_or("auto_pad", "NOTSET")?;
    // A shape may be given with batch and channels in front.
    let wanted = call.ints("output_shape")?.map(crate::call::sizes).transpose()?;
    let wanted = wanted.map(|w| w[w.len().saturating_sub(axes)..].to_vec());
    if wanted.as_ref().is_some_and(|w| w.len() != axes) {
        fail!(InvalidArgument, "output_shape: expected {axes} sizes, found others");
    }
    let mut cuts = Vec::with_capacity(axes);
    for a in 0..axes {
        let reach = (taps[a].max(1) - 1).saturating_mul(dilations[a]).saturating_add(1);
        let whole = (input[a].max(1) - 1).saturating_mul(strides[a]).saturating_add(reach).saturating_add(extra[a]);
        call.admit(&[whole], DType::F64)?;
        let size = match (&wanted, word) {
            (Some(wanted), _) => Some(wanted[a]),
            (None, "SAME_UPPER" | "SAME_LOWER") => Some(input[a].saturating_mul(strides[a])),
            _ => None,
        };
        cuts.push(match size {
            Some(size) => {
                let total = whole.saturating_sub(size);
                let before = if word == "SAME_UPPER" { total / 2 } else { total - total / 2 };
                (if word == "NOTSET" { total / 2 } else { before }, size)
            }
            None => {
                let cut = pads[a].0.checked_add(pads[a].1).and_then(|p| whole.checked_sub(p));
                (pads[a].0, cut.ok_or_else(|| err!(InvalidArgument, "pads: more than there is of axis {a}"))?)
            }
        });
    }
    Ok(cuts)
}

/// Cuts the spatial axes, with zeros where there is nothing to cut.
fn cut(y: &Tensor, cuts: &[(usize, usize)]) -> Result<Tensor> {
    let shape = y.shape()?;
    let (mut start, mut size, mut widths) = (vec![0; shape.rank()], shape.to_vec(), vec![(0, 0); shape.rank()]);
    for (i, &(before, wanted)) in cuts.iter().enumerate() {
        let a = i + 2;
        start[a] = before.min(shape[a]);
        size[a] = wanted.min(shape[a] - start[a]);
        widths[a] = (0, wanted - size[a]);
    }
    cornet_tensor::Shape::checked(&cuts.iter().map(|c| c.1).collect::<Vec<_>>(), DType::F64.size())?;
    let y = y.slice(&start, &size);
    Ok(if widths.iter().all(|w| *w == (0, 0)) { y } else { y.pad(&widths) })
}
