//! Convolutions with Keras's arguments: padding words, data formats, depthwise, separable and transposed ones.

use super::geometry::{DataFormat, Padding, per_axis, transposed_size};
use crate::arithmetic::common_dtype;
use crate::core::prelude::*;

/// Arguments of a convolution; the defaults are Keras's.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConvOptions {
    /// Distance between windows: one for all spatial axes, or one each.
    pub strides: Vec<usize>,
    /// What lies around the input.
    pub padding: Padding,
    /// Where the channels are.
    pub data_format: DataFormat,
    /// Distance between the taps of the kernel: one for all spatial axes, or one each.
    pub dilation_rate: Vec<usize>,
}

impl Default for ConvOptions {
    fn default() -> Self {
        Self {
            strides: vec![1],
            padding: Padding::Valid,
            data_format: DataFormat::ChannelsLast,
            dilation_rate: vec![1],
        }
    }
}

/// Brings `[batch, channels, spatial…]` to channels last.
#[track_caller]
pub(crate) fn to_last(x: &Tensor, format: DataFormat) -> Result<Tensor> {
    let rank = x.rank()? as isize;
    if rank < 3 {
        return Err(err!(RankMismatch, "input: expected at least 3 axes, found {rank}")
            .operand("input", x.ty()?)
            .help("expected batch, one or more spatial axes, and channels"));
    }
    Ok(match format {
        DataFormat::ChannelsLast => x.clone(),
        DataFormat::ChannelsFirst => x.transpose(&[0].into_iter().chain(2..rank).chain([1]).collect::<Vec<_>>()),
    })
}

/// Brings a channels-last result to the format that was asked for.
#[track_caller]
pub(crate) fn from_last(y: &Tensor, format: DataFormat) -> Result<Tensor> {
    let rank = y.rank()? as isize;
    Ok(match format {
        DataFormat::ChannelsLast => y.clone(),
        DataFormat::ChannelsFirst => y.transpose(&[0, rank - 1].into_iter().chain(1..rank - 1).collect::<Vec<_>>()),
    })
}

/// Input and kernel in the float dtype where they meet.
fn meet(x: &Tensor, kernel: &Tensor) -> Result<(Tensor, Tensor)> {
    let dtype = match common_dtype(&[x.into(), kernel.into()])? {
        d if d.is_float() => d,
        DType::C64 => fail!(DtypeMismatch, "dtype: expected a float, found {}", DType::C64),
        _ => DType::F32,
    };
    Ok((x.cast(dtype), kernel.cast(dtype)))
}

/// A channels-last convolution in as many groups as the channels ask for.
fn grouped(x: &Tensor, kernel: &Tensor, options: &ConvOptions) -> Result<Tensor> {
    let (shape, taps) = (x.shape()?, kernel.shape()?);
    if shape.rank() != taps.rank() {
        return Err(err!(RankMismatch, "kernel: expected {} axes, found {}", shape.rank(), taps.rank())
            .operand("input", &shape)
            .operand("kernel", &taps)
            .help("a kernel is [spatial…, input channels of a group, output channels]"));
    }
    let (channels, own) = (shape[shape.rank() - 1], taps[taps.rank() - 2]);
    let groups = channels.checked_div(own).unwrap_or(1).max(1);
    let (input, kernel_size) = (&shape[1..shape.rank() - 1], &taps[..taps.rank() - 2]);
    let strides = per_axis("strides", &options.strides, input.len())?;
    let dilation = per_axis("dilation_rate", &options.dilation_rate, input.len())?;
    let padding = options.padding.pairs(input, kernel_size, &strides, &dilation)?;
    Ok(super::conv::conv(x, kernel, super::conv_attrs(&strides, &padding, &dilation, groups)))
}

impl Tensor {
    /// Convolution over one or more spatial axes.
    ///
    /// # Shapes
    /// `self` `[batch, spatial…, inputs]` (or channels first), `kernel` `[taps…, inputs / groups, outputs]`: the number
    /// of groups follows from the channels. The result is `[batch, windows…, outputs]` in the same format.
    ///
    /// ```
    /// use cornet_ops::Tensor;
    /// use cornet_ops::nn::{ConvOptions, geometry::Padding};
    /// let x = Tensor::from_slice(&[1.0_f32, 2.0, 3.0, 4.0], [1, 4, 1]);
    /// let kernel = Tensor::from_slice(&[1.0_f32, 1.0], [2, 1, 1]);
    /// assert_eq!(x.conv(&kernel, &ConvOptions::default()).to_vec::<f32>()?, [3.0, 5.0, 7.0]);
    /// let same = ConvOptions { strides: vec![2], padding: Padding::Same, ..ConvOptions::default() };
    /// assert_eq!(x.conv(&kernel, &same).to_vec::<f32>()?, [3.0, 7.0]);
    /// # Ok::<(), cornet_tensor::Error>(())
    /// ```
    ///
    /// # Errors
    /// `rank_mismatch`, `dim_mismatch` where the operands do not fit or no window does; `invalid_argument` for options
    /// of another count than there are spatial axes.
    ///
    /// # Source
    /// Keras 3 `keras.ops.conv`.
    #[track_caller]
    pub fn conv(&self, kernel: &Tensor, options: &ConvOptions) -> Tensor {
        Tensor::lift(|| {
            let (x, kernel) = meet(self, kernel)?;
            let y = grouped(&to_last(&x, options.data_format)?, &kernel, options)?;
            from_last(&y, options.data_format)
        })
    }

    /// Convolution of each channel by itself with `multiplier` kernels.
    ///
    /// # Shapes
    /// `kernel` `[taps…, inputs, multiplier]`; the result has `inputs · multiplier` channels, those of one input
    /// beside each other.
    ///
    /// # Errors
    /// As [`Tensor::conv`].
    ///
    /// # Source
    /// Keras 3 `keras.ops.depthwise_conv`.
    #[track_caller]
    pub fn depthwise_conv(&self, kernel: &Tensor, options: &ConvOptions) -> Tensor {
        Tensor::lift(|| {
            let (x, kernel) = meet(self, kernel)?;
            let x = to_last(&x, options.data_format)?;
            let (shape, taps) = (x.shape()?, kernel.shape()?);
            let channels = shape[shape.rank() - 1];
            match taps.as_slice() {
                [lead @ .., inputs, multiplier] if taps.rank() == shape.rank() && *inputs == channels => {
                    let to: Shape = lead.iter().copied().chain([1, inputs * multiplier]).collect();
                    from_last(&grouped(&x, &kernel.reshape(to), options)?, options.data_format)
                }
                _ => Err(err!(DimMismatch, "depthwise kernel: expected [taps…, {channels}, multiplier], found {taps}")
                    .operand("input", &shape)),
            }
        })
    }

    /// A depthwise convolution followed by one of single taps that mixes the channels.
    ///
    /// # Shapes
    /// `depthwise` `[taps…, inputs, multiplier]`, `pointwise` `[1…, inputs · multiplier, outputs]`.
    ///
    /// # Errors
    /// As [`Tensor::conv`].
    ///
    /// # Source
    /// Keras 3 `keras.ops.separable_conv`.
    #[track_caller]
    pub fn separable_conv(&self, depthwise: &Tensor, pointwise: &Tensor, options: &ConvOptions) -> Tensor {
        let mixing = ConvOptions { data_format: options.data_format, ..ConvOptions::default() };
        self.depthwise_conv(depthwise, options).conv(pointwise, &mixing)
    }

    /// Transposed convolution: what [`Tensor::conv`] with these options would have read to give `self`.
    ///
    /// # Shapes
    /// `self` `[batch, spatial…, inputs]`, `kernel` `[taps…, outputs, inputs]`. With reach = (taps - 1) · dilation + 1,
    /// an axis of n becomes (n - 1) · stride + reach + p for 'valid', where p is `output_padding` or else
    /// max(stride - reach, 0); and n · stride for 'same', or (n - 1) · stride + reach mod 2 + p.
    ///
    /// # Errors
    /// As [`Tensor::conv`]; `invalid_argument` for paddings that give no such size.
    ///
    /// # Source
    /// Keras 3 `keras.ops.conv_transpose` on TensorFlow.
    #[track_caller]
    pub fn conv_transpose(&self, kernel: &Tensor, output_padding: Option<&[usize]>, options: &ConvOptions) -> Tensor {
        Tensor::lift(|| {
            let (x, kernel) = meet(self, kernel)?;
            let x = to_last(&x, options.data_format)?;
            let y = transposed(&x, &kernel, output_padding, options)?;
            from_last(&y, options.data_format)
        })
    }
}

fn transposed(x: &Tensor, kernel: &Tensor, extra: Option<&[usize]>, options: &ConvOptions) -> Result<Tensor> {
    let (shape, taps) = (x.shape()?, kernel.shape()?);
    if shape.rank() != taps.rank() {
        fail!(RankMismatch, "kernel: expected {} axes, found {}", shape.rank(), taps.rank());
    }
    let (input, kernel_size) = (&shape[1..shape.rank() - 1], &taps[..taps.rank() - 2]);
    let axes = input.len();
    let strides = per_axis("strides", &options.strides, axes)?;
    let dilation = per_axis("dilation_rate", &options.dilation_rate, axes)?;
    let extra = match extra {
        Some([one]) => Some(vec![*one; axes]),
        Some(each) if each.len() == axes => Some(each.to_vec()),
        Some(each) => fail!(InvalidArgument, "output_padding: expected 1 or {axes} sizes, found {each:?}"),
        None => None,
    };
    if let Padding::Explicit(pairs) = &options.padding
        && pairs.len() != axes
    {
        fail!(InvalidArgument, "padding: expected {axes} pairs, found {}", pairs.len());
    }
    let (mut sizes, mut padding) = (Dims::new(), Vec::new());
    for a in 0..axes {
        let reach = (kernel_size[a].max(1) - 1) * dilation[a] + 1;
        let given = extra.as_ref().map(|e| e[a]);
        let size = transposed_size(input[a], reach, strides[a], &options.padding, a, given)?;
        sizes.push(size);
        padding.extend(match &options.padding {
            Padding::Explicit(pairs) => pairs.get(a).map_or([0, 0], |&(before, after)| [before, after]),
            Padding::Same => {
                let total = ((input[a].max(1) - 1) * strides[a] + reach).saturating_sub(size);
                [total / 2, total - total / 2]
            }
            _ => [0, 0],
        });
    }
    let attrs = super::conv_attrs(&strides, &padding, &dilation, 1);
    Ok(super::conv_input_gradient(x, kernel, &sizes, &attrs))
}
