//! What the pooling ops share: sizes, cases, and the walk over windows.

use cornet_tensor::{Result, Shape, err};

use super::geometry::Windows;
use crate::attrs;
use crate::core::attrs::Attrs;
use crate::core::op::Call;

/// The sizes of a pool over `[batch, spatial…, channels]`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pool {
    /// Images.
    pub batch: usize,
    /// Channels.
    pub channels: usize,
    /// The windows.
    pub windows: Windows,
}

impl Pool {
    /// The sizes for input `i` of the call; its spatial sizes are `input`, or the input's own.
    ///
    /// # Errors
    /// `rank_mismatch`, `dim_mismatch` or `invalid_argument` where operands and attributes do not fit.
    pub fn of(call: &Call<'_>, i: usize, input: Option<&[usize]>) -> Result<Self> {
        let [batch, own @ .., channels] = call.shape(i).as_slice() else {
            return Err(err!(RankMismatch, "input {i}: expected at least 2 axes, found {}", call.shape(i).rank()));
        };
        let size = call.attrs.sizes("size")?;
        if size.len() != own.len() || size.is_empty() {
            let (expected, found) = (size.len() + 2, own.len() + 2);
            return Err(err!(RankMismatch, "input {i}: expected {expected} axes for a window {size:?}, found {found}"));
        }
        let windows = Windows::from_attrs(call.attrs, input.unwrap_or(own), &size)?;
        Ok(Self { batch: *batch, channels: *channels, windows })
    }

    /// Fails unless input `i` has the pool's output shape.
    ///
    /// # Errors
    /// `shape_mismatch`.
    pub fn check_output(&self, call: &Call<'_>, i: usize) -> Result<()> {
        let (expected, found) = (self.output_shape(), call.shape(i));
        if *found == expected {
            return Ok(());
        }
        Err(err!(ShapeMismatch, "input {i}: expected {expected}, found {found}"))
    }

    /// `[batch, spatial…, channels]` of the input.
    pub fn input_shape(&self) -> Shape {
        self.shape(&self.windows.input)
    }

    /// `[batch, spatial…, channels]` of the output.
    pub fn output_shape(&self) -> Shape {
        self.shape(&self.windows.output)
    }

    fn shape(&self, spatial: &[usize]) -> Shape {
        [self.batch].into_iter().chain(spatial.iter().copied()).chain([self.channels]).collect()
    }

    /// Calls `visit(y, x)` with flat positions for every element that a window sees, windows and taps in order.
    pub(crate) fn for_each(&self, mut visit: impl FnMut(usize, usize)) {
        let pixels = |dims: &[usize]| dims.iter().product::<usize>();
        let (input, output) = (pixels(&self.windows.input), pixels(&self.windows.output));
        for n in 0..self.batch {
            self.windows.for_each(|o, _, i| {
                for c in 0..self.channels {
                    visit((n * output + o) * self.channels + c, (n * input + i) * self.channels + c);
                }
            });
        }
    }

    /// The flat position of the first maximum of each window, in scan order; a NaN counts as the maximum. `None` for
    /// a window that sees only padding.
    pub(crate) fn first_maxima(&self, x: &[f64]) -> Vec<Option<usize>> {
        let mut best: Vec<Option<usize>> = vec![None; self.output_shape().elements()];
        self.for_each(|y, i| {
            let beats = |held: usize| x[i] > x[held] || x[i].is_nan() && !x[held].is_nan();
            if best[y].is_none_or(beats) {
                best[y] = Some(i);
            }
        });
        best
    }

    /// How many elements each window sees, padding left out.
    pub(crate) fn counts(&self) -> Vec<f64> {
        let mut counts = vec![0.0; self.output_shape().elements()];
        self.for_each(|y, _| counts[y] += 1.0);
        counts
    }
}

/// The attributes of a pool.
pub(crate) fn attrs(size: &[usize], strides: &[usize], padding: &[usize]) -> Attrs {
    attrs! { size: size, strides: strides, padding: padding }
}

/// The pools that every op is sampled on.
pub(crate) fn cases() -> Vec<(Pool, Attrs)> {
    let case = |input: &[usize], channels: usize, size: &[usize], strides: &[usize], padding: &[usize]| {
        let attrs = attrs(size, strides, padding);
        let windows = Windows::from_attrs(&attrs, input, size).ok()?;
        Some((Pool { batch: 2, channels, windows }, attrs))
    };
    [
        case(&[6], 2, &[2], &[2], &[0, 0]),
        case(&[4, 6], 3, &[2, 2], &[2, 2], &[0, 0, 0, 0]),
        case(&[5, 5], 2, &[3, 3], &[2, 2], &[1, 1, 1, 1]),
        case(&[5, 4], 1, &[3, 2], &[1, 1], &[1, 1, 0, 1]),
        case(&[3, 4, 3], 2, &[2, 2, 2], &[1, 2, 1], &[0, 1, 0, 0, 0, 0]),
        case(&[4, 4], 17, &[2, 2], &[2, 2], &[0, 0, 0, 0]),
    ]
    .into_iter()
    .flatten()
    .collect()
}
