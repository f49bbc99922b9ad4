//! How windows lie over spatial axes: the arithmetic that convolutions and pools share.

use std::str::FromStr;

use cornet_tensor::{Dims, Error, Result, Shape, err, fail};
use smallvec::SmallVec;

use crate::core::attrs::Attrs;
use crate::core::op::Call;
use crate::core::point::for_each_index;

/// What lies around the input of a convolution or a pool.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Padding {
    /// Nothing: windows lie wholly inside.
    #[default]
    Valid,
    /// As much as makes the output ⌈input / stride⌉ long; an odd rest goes to the end.
    Same,
    /// All of it in front, so that an output sees no later input. One spatial axis.
    Causal,
    /// This much before and after each spatial axis.
    Explicit(Vec<(usize, usize)>),
}

/// Where the channels are.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum DataFormat {
    /// `[batch, spatial…, channels]`.
    #[default]
    ChannelsLast,
    /// `[batch, channels, spatial…]`.
    ChannelsFirst,
}

impl FromStr for Padding {
    type Err = Error;
    fn from_str(word: &str) -> Result<Self> {
        match word.to_ascii_lowercase().as_str() {
            "valid" => Ok(Padding::Valid),
            "same" => Ok(Padding::Same),
            "causal" => Ok(Padding::Causal),
            _ => Err(err!(InvalidArgument, "padding: expected 'valid', 'same' or 'causal', found '{word}'")),
        }
    }
}

impl FromStr for DataFormat {
    type Err = Error;
    fn from_str(word: &str) -> Result<Self> {
        match word {
            "channels_last" => Ok(DataFormat::ChannelsLast),
            "channels_first" => Ok(DataFormat::ChannelsFirst),
            _ => {
                Err(err!(InvalidArgument, "data_format: expected 'channels_last' or 'channels_first', found '{word}'"))
            }
        }
    }
}

impl std::fmt::Display for Padding {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Padding::Valid => f.write_str("valid"),
            Padding::Same => f.write_str("same"),
            Padding::Causal => f.write_str("causal"),
            Padding::Explicit(pairs) => write!(f, "{pairs:?}"),
        }
    }
}

impl std::fmt::Display for DataFormat {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            DataFormat::ChannelsLast => "channels_last",
            DataFormat::ChannelsFirst => "channels_first",
        })
    }
}

impl Padding {
    /// Before and after each spatial axis, flattened: `[before, after, before, after, …]`.
    ///
    /// # Errors
    /// `invalid_argument` for explicit pairs of another count, or causal padding of more than one axis.
    pub fn pairs(
        &self,
        input: &[usize],
        kernel: &[usize],
        strides: &[usize],
        dilation: &[usize],
    ) -> Result<Vec<usize>> {
        let reach = |a: usize| (kernel[a].max(1) - 1).saturating_mul(dilation[a]) + 1;
        match self {
            Padding::Valid => Ok(vec![0; 2 * input.len()]),
            Padding::Same => Ok((0..input.len())
                .flat_map(|a| {
                    let stride = strides[a].max(1);
                    let covered = (input[a].div_ceil(stride).max(1) - 1) * stride + reach(a);
                    let total = covered.saturating_sub(input[a]);
                    [total / 2, total - total / 2]
                })
                .collect()),
            Padding::Causal if input.len() == 1 => Ok(vec![reach(0) - 1, 0]),
            Padding::Causal => {
                Err(err!(InvalidArgument, "causal padding: expected 1 spatial axis, found {}", input.len()))
            }
            Padding::Explicit(pairs) if pairs.len() == input.len() => {
                Ok(pairs.iter().flat_map(|&(a, b)| [a, b]).collect())
            }
            Padding::Explicit(pairs) => {
                Err(err!(InvalidArgument, "padding: expected {} pairs, found {}", input.len(), pairs.len()))
            }
        }
    }
}

/// How long an axis of `size` becomes in a transposed convolution whose windows reach so far. `extra` is its output
/// padding, if it is given.
///
/// # Errors
/// `invalid_argument` for causal padding, and for explicit padding that has no pair for the axis or is more than there
/// is; `limit_exceeded` for sizes beyond numbers.
pub fn transposed_size(
    size: usize,
    reach: usize,
    stride: usize,
    padding: &Padding,
    axis: usize,
    extra: Option<usize>,
) -> Result<usize> {
    let spread = (size.max(1) - 1).checked_mul(stride);
    let with = |more: usize| spread.and_then(|n| n.checked_add(more));
    let found = match padding {
        Padding::Valid => with(reach.saturating_add(extra.unwrap_or(stride.saturating_sub(reach)))),
        Padding::Same => match extra {
            Some(extra) => with((reach % 2).saturating_add(extra)),
            None => size.checked_mul(stride),
        },
        Padding::Explicit(pairs) => {
            let Some((before, after)) = pairs.get(axis) else {
                fail!(InvalidArgument, "padding: expected a pair for axis {axis}, found {pairs:?}");
            };
            let whole = with(reach.saturating_add(extra.unwrap_or(0))).unwrap_or(usize::MAX);
            let Some(size) = before.checked_add(*after).and_then(|around| whole.checked_sub(around)) else {
                fail!(InvalidArgument, "padding {pairs:?} is more than the {whole} positions of axis {axis}");
            };
            Some(size)
        }
        Padding::Causal => {
            fail!(InvalidArgument, "padding of a transposed convolution: expected valid or same, found causal")
        }
    };
    found.ok_or_else(|| err!(LimitExceeded, "spatial axis {axis}: size, strides or dilation are too large"))
}

/// One value an axis, from one for all of them or one each.
///
/// # Errors
/// `invalid_argument` for another count, or a value of zero.
pub fn per_axis(name: &str, values: &[usize], axes: usize) -> Result<Dims> {
    if values.contains(&0) {
        fail!(InvalidArgument, "{name}: expected positive sizes, found {values:?}");
    }
    match values {
        [one] => Ok(Dims::from_elem(*one, axes)),
        _ if values.len() == axes => Ok(Dims::from_slice(values)),
        _ => Err(err!(InvalidArgument, "{name}: expected 1 or {axes} sizes, found {values:?}")),
    }
}

/// Windows of `kernel` taps an axis, laid every `strides` over an `input` with `padding` around it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Windows {
    /// Spatial sizes of the input.
    pub input: Dims,
    /// Taps of a window along each axis.
    pub kernel: Dims,
    /// Windows along each axis.
    pub output: Dims,
    /// Distance between windows.
    pub strides: Dims,
    /// Padding before and after.
    pub padding: SmallVec<[(usize, usize); 3]>,
    /// Distance between taps.
    pub dilation: Dims,
}

impl Windows {
    /// The windows that the attributes `strides`, `padding` and, if there, `dilation` describe.
    ///
    /// # Errors
    /// `invalid_argument` for attributes of another count or zero; `dim_mismatch` where no window fits.
    pub fn from_attrs(attrs: &Attrs, input: &[usize], kernel: &[usize]) -> Result<Self> {
        let axes = input.len();
        let strides = per_axis("strides", &attrs.sizes("strides")?, axes)?;
        let dilation = match attrs.get("dilation") {
            Some(_) => per_axis("dilation", &attrs.sizes("dilation")?, axes)?,
            None => Dims::from_elem(1, axes),
        };
        let flat = attrs.sizes("padding")?;
        if flat.len() != 2 * axes {
            fail!(InvalidArgument, "padding: expected {} values, before and after each axis, found {flat:?}", 2 * axes);
        }
        let padding: SmallVec<[(usize, usize); 3]> = flat.chunks_exact(2).map(|p| (p[0], p[1])).collect();
        let mut output = Dims::new();
        for a in 0..axes {
            if kernel[a] == 0 {
                fail!(InvalidArgument, "window: expected positive sizes, found {kernel:?}");
            }
            let reach = (kernel[a] - 1).checked_mul(dilation[a]).and_then(|r| r.checked_add(1));
            let padded = input[a].checked_add(padding[a].0).and_then(|n| n.checked_add(padding[a].1));
            let (Some(reach), Some(padded)) = (reach, padded) else {
                fail!(LimitExceeded, "spatial axis {a}: padding or dilation is too large");
            };
            if padded < reach {
                return Err(err!(
                    DimMismatch,
                    "spatial axis {a}: expected at least {reach} positions, found {padded} with padding"
                )
                .help("make the input larger, or the window, its dilation or the strides before it smaller"));
            }
            output.push((padded - reach) / strides[a] + 1);
        }
        Ok(Self { input: input.into(), kernel: kernel.into(), output, strides, padding, dilation })
    }

    /// The input position that tap `tap` of window `window` sees along `axis`; `None` in the padding.
    pub fn source(&self, axis: usize, window: usize, tap: usize) -> Option<usize> {
        let at = window * self.strides[axis] + tap * self.dilation[axis];
        at.checked_sub(self.padding[axis].0).filter(|&i| i < self.input[axis])
    }

    /// Calls `visit(window, tap, input)` with flat positions for every tap that does not see padding: windows in
    /// row-major order, and a window's taps in row-major order.
    pub fn for_each(&self, mut visit: impl FnMut(usize, usize, usize)) {
        let strides = Shape::new(&self.input).strides();
        let mut o = 0;
        for_each_index(&self.output, |window| {
            let mut k = 0;
            for_each_index(&self.kernel, |tap| {
                let at =
                    (0..window.len()).try_fold(0, |at, a| Some(at + self.source(a, window[a], tap[a])? * strides[a]));
                if let Some(at) = at {
                    visit(o, k, at);
                }
                k += 1;
            });
            o += 1;
        });
    }
}

/// The sizes of a convolution.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Convolution {
    /// Images.
    pub batch: usize,
    /// Channels of the input.
    pub inputs: usize,
    /// Channels of the output.
    pub outputs: usize,
    /// Groups of channels that see only each other.
    pub groups: usize,
    /// The windows.
    pub windows: Windows,
}

/// The ends and the middle of `[batch, spatial…, channels]`.
fn split<'a>(call: &'a Call<'_>, i: usize) -> Result<(usize, &'a [usize], usize)> {
    match call.shape(i).as_slice() {
        [first, middle @ .., last] => Ok((*first, middle, *last)),
        shape => Err(err!(RankMismatch, "input {i}: expected at least 2 axes, found {}", shape.len())),
    }
}

impl Convolution {
    /// The sizes of `conv(x, kernel)`.
    ///
    /// # Errors
    /// `rank_mismatch`, `dim_mismatch` or `invalid_argument` where operands and attributes do not fit.
    pub fn of_forward(call: &Call<'_>) -> Result<Self> {
        let (batch, input, inputs) = split(call, 0)?;
        let (taps, own, outputs) = kernel_sizes(call.shape(1), input.len())?;
        Self::new(call, batch, input, inputs, taps, own, outputs)
    }

    /// The sizes of the convolution whose input gradient `conv_input_gradient(dy, kernel)` is.
    ///
    /// # Errors
    /// As [`Convolution::of_forward`].
    pub fn of_input_gradient(call: &Call<'_>) -> Result<Self> {
        let (batch, output, outputs) = split(call, 0)?;
        let (taps, own, kernel_outputs) = kernel_sizes(call.shape(1), output.len())?;
        let input = spatial(call, output.len())?;
        let inputs = own.saturating_mul(call.attrs.size("groups")?);
        let this = Self::new(call, batch, &input, inputs, taps, own, kernel_outputs)?;
        this.check_output(output, outputs)?;
        Ok(this)
    }

    /// The sizes of the convolution whose kernel gradient `conv_kernel_gradient(x, dy)` is.
    ///
    /// # Errors
    /// As [`Convolution::of_forward`].
    pub fn of_kernel_gradient(call: &Call<'_>) -> Result<Self> {
        let (batch, input, inputs) = split(call, 0)?;
        let (batch_dy, output, outputs) = split(call, 1)?;
        if batch != batch_dy {
            fail!(DimMismatch, "batch: expected {batch}, found {batch_dy}");
        }
        let taps = spatial(call, input.len())?;
        let groups = call.attrs.size("groups")?.max(1);
        let this = Self::new(call, batch, input, inputs, &taps, inputs / groups, outputs)?;
        this.check_output(output, outputs)?;
        Ok(this)
    }

    fn new(
        call: &Call<'_>,
        batch: usize,
        input: &[usize],
        inputs: usize,
        taps: &[usize],
        own: usize,
        outputs: usize,
    ) -> Result<Self> {
        if input.is_empty() {
            fail!(RankMismatch, "expected [batch, spatial…, channels], found no spatial axis");
        }
        let groups = call.attrs.size("groups")?;
        if groups == 0 || own.checked_mul(groups) != Some(inputs) {
            fail!(DimMismatch, "input channels: expected {own} (kernel) times {groups} groups, found {inputs}");
        }
        if !outputs.is_multiple_of(groups) {
            fail!(DimMismatch, "output channels: expected a multiple of {groups} groups, found {outputs}");
        }
        Ok(Self { batch, inputs, outputs, groups, windows: Windows::from_attrs(call.attrs, input, taps)? })
    }

    fn check_output(&self, output: &[usize], outputs: usize) -> Result<()> {
        if self.windows.output.as_slice() != output || self.outputs != outputs {
            let (expected, channels) = (&self.windows.output, self.outputs);
            fail!(
                DimMismatch,
                "dy: expected {expected:?} windows and {channels} channels, found {output:?} and {outputs}"
            );
        }
        Ok(())
    }

    /// `[batch, spatial…, inputs]`.
    pub fn input_shape(&self) -> Shape {
        [self.batch].into_iter().chain(self.windows.input.iter().copied()).chain([self.inputs]).collect()
    }

    /// `[batch, spatial…, outputs]`.
    pub fn output_shape(&self) -> Shape {
        [self.batch].into_iter().chain(self.windows.output.iter().copied()).chain([self.outputs]).collect()
    }

    /// `[taps…, inputs / groups, outputs]`.
    pub fn kernel_shape(&self) -> Shape {
        self.windows.kernel.iter().copied().chain([self.inputs / self.groups, self.outputs]).collect()
    }

    /// Calls `visit(x, kernel, y)` with the flat positions of every product that the convolution sums.
    pub(crate) fn for_each(&self, mut visit: impl FnMut(usize, usize, usize)) {
        let (own, outputs) = (self.inputs / self.groups, self.outputs);
        let per_group = outputs / self.groups;
        let pixels = |dims: &[usize]| dims.iter().product::<usize>();
        let (input, output) = (pixels(&self.windows.input), pixels(&self.windows.output));
        for n in 0..self.batch {
            self.windows.for_each(|o, k, i| {
                let (x, y, w) = ((n * input + i) * self.inputs, (n * output + o) * outputs, k * own * outputs);
                for co in 0..outputs {
                    let group = co / per_group;
                    for ci in 0..own {
                        visit(x + group * own + ci, w + ci * outputs + co, y + co);
                    }
                }
            });
        }
    }
}

fn kernel_sizes(shape: &Shape, axes: usize) -> Result<(&[usize], usize, usize)> {
    match shape.as_slice() {
        [taps @ .., own, outputs] if taps.len() == axes => Ok((taps, *own, *outputs)),
        _ => Err(err!(RankMismatch, "kernel: expected {} axes, found {}", axes + 2, shape.rank())
            .help("a kernel is [spatial…, input channels of a group, output channels]")),
    }
}

/// The attribute `sizes`, one an axis.
pub(crate) fn spatial(call: &Call<'_>, axes: usize) -> Result<Dims> {
    let sizes = call.attrs.sizes("sizes")?;
    if sizes.len() != axes {
        fail!(InvalidArgument, "sizes: expected {axes}, found {sizes:?}");
    }
    Ok(sizes)
}
