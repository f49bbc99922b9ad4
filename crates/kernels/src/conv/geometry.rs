//! Sizes of a convolution.

/// A convolution over up to three spatial axes, channels last.
///
/// Input `[batch, depth, height, width, in_channels]`, filter `[kd, kh, kw, in_channels / groups, out_channels]`, output
/// `[batch, od, oh, ow, out_channels]`, all row-major without gaps. One and two axes have leading sizes of 1. With
/// groups, the `g`-th share of the output channels sees the `g`-th share of the input channels; a depthwise filter
/// `[kh, kw, channels, multiplier]` is the case `groups = in_channels` in the same memory order.
///
/// `y[n, o, c] = Σ_{k, i} x[n, o · stride + k · dilation − pad, i] · w[k, i, c]`, where positions outside of the input
/// hold zero: the cross-correlation that deep learning calls a convolution.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct ConvGeometry {
    /// Images.
    pub batch: usize,
    /// Depth, height and width of the input.
    pub input: [usize; 3],
    /// Channels of the input.
    pub in_channels: usize,
    /// Depth, height and width of the filter.
    pub kernel: [usize; 3],
    /// Channels of the output.
    pub out_channels: usize,
    /// Steps between output positions.
    pub strides: [usize; 3],
    /// Steps between positions of the filter.
    pub dilations: [usize; 3],
    /// Zeros before and after each axis.
    pub pads: [[usize; 2]; 3],
    /// Independent shares of the channels.
    pub groups: usize,
}

impl ConvGeometry {
    /// Over one axis: stride 1, no padding.
    #[must_use]
    pub const fn conv1d(batch: usize, width: usize, in_channels: usize, kernel: usize, out_channels: usize) -> Self {
        Self::conv3d(batch, [1, 1, width], in_channels, [1, 1, kernel], out_channels)
    }

    /// Over two axes: stride 1, no padding.
    #[must_use]
    pub const fn conv2d(
        batch: usize,
        [height, width]: [usize; 2],
        in_channels: usize,
        [kh, kw]: [usize; 2],
        out_channels: usize,
    ) -> Self {
        Self::conv3d(batch, [1, height, width], in_channels, [1, kh, kw], out_channels)
    }

    /// Over three axes: stride 1, no padding.
    #[must_use]
    pub const fn conv3d(
        batch: usize,
        input: [usize; 3],
        in_channels: usize,
        kernel: [usize; 3],
        out_channels: usize,
    ) -> Self {
        ConvGeometry {
            batch,
            input,
            in_channels,
            kernel,
            out_channels,
            strides: [1; 3],
            dilations: [1; 3],
            pads: [[0; 2]; 3],
            groups: 1,
        }
    }

    /// The same with other strides.
    #[must_use]
    pub const fn strides(self, strides: [usize; 3]) -> Self {
        ConvGeometry { strides, ..self }
    }

    /// The same with other dilations.
    #[must_use]
    pub const fn dilations(self, dilations: [usize; 3]) -> Self {
        ConvGeometry { dilations, ..self }
    }

    /// The same with other padding.
    #[must_use]
    pub const fn pads(self, pads: [[usize; 2]; 3]) -> Self {
        ConvGeometry { pads, ..self }
    }

    /// The same in groups.
    #[must_use]
    pub const fn groups(self, groups: usize) -> Self {
        ConvGeometry { groups, ..self }
    }

    /// The same with TensorFlow's `SAME` padding: `ceil(input / stride)` positions, the odd zero after.
    #[must_use]
    pub fn same(self) -> Self {
        let pads = std::array::from_fn(|axis| {
            let (input, stride) = (self.input[axis], self.strides[axis].max(1));
            let reach = self.reach(axis);
            let total = (input.div_ceil(stride).saturating_sub(1) * stride + reach).saturating_sub(input);
            [total / 2, total - total / 2]
        });
        ConvGeometry { pads, ..self }
    }

    /// Input positions that one output position spans on an axis.
    #[must_use]
    pub const fn reach(&self, axis: usize) -> usize {
        if self.kernel[axis] == 0 { 0 } else { (self.kernel[axis] - 1) * self.dilations[axis] + 1 }
    }

    /// Depth, height and width of the output; 0 where the filter does not fit.
    #[must_use]
    pub fn output(&self) -> [usize; 3] {
        std::array::from_fn(|axis| {
            let padded = self.input[axis] + self.pads[axis][0] + self.pads[axis][1];
            match padded.checked_sub(self.reach(axis)) {
                Some(free) if self.kernel[axis] > 0 && self.strides[axis] > 0 => free / self.strides[axis] + 1,
                _ => 0,
            }
        })
    }

    /// Elements of the input.
    #[must_use]
    pub fn input_len(&self) -> usize {
        product(&[self.batch, self.input[0], self.input[1], self.input[2], self.in_channels])
    }

    /// Elements of the filter.
    #[must_use]
    pub fn filter_len(&self) -> usize {
        product(&[self.taps(), self.group_in(), self.out_channels])
    }

    /// Elements of the output.
    #[must_use]
    pub fn output_len(&self) -> usize {
        let [d, h, w] = self.output();
        product(&[self.batch, d, h, w, self.out_channels])
    }

    /// Positions of the filter.
    #[must_use]
    pub fn taps(&self) -> usize {
        product(&self.kernel)
    }

    /// Input channels of a group.
    #[must_use]
    pub fn group_in(&self) -> usize {
        self.in_channels.checked_div(self.groups).unwrap_or(0)
    }

    /// Output channels of a group.
    #[must_use]
    pub fn group_out(&self) -> usize {
        self.out_channels.checked_div(self.groups).unwrap_or(0)
    }

    /// Output positions over the batch.
    #[must_use]
    pub fn positions(&self) -> usize {
        let [d, h, w] = self.output();
        product(&[self.batch, d, h, w])
    }

    /// Floating-point operations of one pass, padding included: a multiply-add counts two.
    #[must_use]
    pub fn flops(&self) -> f64 {
        2.0 * self.positions() as f64 * self.taps() as f64 * self.group_in() as f64 * self.out_channels as f64
    }

    /// Whether any zero padding is ever read.
    #[must_use]
    pub fn is_padded(&self) -> bool {
        let output = self.output();
        (0..3).any(|axis| {
            let last = output[axis].saturating_sub(1) * self.strides[axis] + self.reach(axis);
            self.pads[axis][0] > 0 || last > self.input[axis]
        })
    }

    /// One filter for each channel.
    #[must_use]
    pub const fn is_depthwise(&self) -> bool {
        self.groups > 1 && self.groups == self.in_channels && self.out_channels == self.in_channels
    }

    /// # Panics
    /// When a step is zero or groups do not divide the channels.
    pub(crate) fn assert_sound(&self) {
        assert!(self.strides.iter().all(|&s| s > 0), "a stride is zero: {self:?}");
        assert!(self.dilations.iter().all(|&d| d > 0), "a dilation is zero: {self:?}");
        let divides = |channels: usize| self.groups > 0 && channels.is_multiple_of(self.groups);
        assert!(divides(self.in_channels) && divides(self.out_channels), "groups do not divide the channels: {self:?}");
        let limit = i32::MAX as usize / 4;
        let small = |x: usize| x <= limit;
        let axis_small =
            |a: usize| small(self.input[a]) && small(self.pads[a][0]) && small(self.pads[a][1]) && small(self.reach(a));
        assert!((0..3).all(|a| axis_small(a) && small(self.strides[a])), "an axis is too long: {self:?}");
    }
}

/// The product of sizes, held at the largest number where it overflows, so that no slice is long enough for it.
fn product(sizes: &[usize]) -> usize {
    if sizes.contains(&0) {
        return 0;
    }
    sizes.iter().fold(1usize, |product, &size| product.saturating_mul(size))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn same_padding_is_tensorflows() {
        let g = ConvGeometry::conv2d(1, [28, 28], 1, [3, 3], 1);
        assert_eq!(g.output(), [1, 26, 26]);
        assert_eq!(g.same().pads, [[0, 0], [1, 1], [1, 1]]);
        assert_eq!(g.same().output(), [1, 28, 28]);
        // 224 with stride 2 and a kernel of 3 pads one row, after.
        let g = ConvGeometry::conv2d(1, [224, 224], 3, [3, 3], 8).strides([1, 2, 2]).same();
        assert_eq!(g.pads[1], [0, 1]);
        assert_eq!(g.output(), [1, 112, 112]);
        let g = ConvGeometry::conv1d(1, 10, 1, 3, 1).dilations([1, 1, 4]).same();
        assert_eq!((g.pads[2], g.output()[2]), ([4, 4], 10));
    }

    #[test]
    fn a_filter_that_does_not_fit_leaves_no_output() {
        let g = ConvGeometry::conv2d(2, [2, 2], 1, [3, 3], 4);
        assert_eq!((g.output(), g.output_len()), ([1, 0, 0], 0));
        assert_eq!(ConvGeometry::conv2d(2, [2, 2], 1, [0, 1], 4).output_len(), 0);
    }

    #[test]
    fn padding_that_nothing_reads_is_not_padding() {
        let g = ConvGeometry::conv1d(1, 8, 1, 2, 1).strides([1, 1, 2]).pads([[0, 0], [0, 0], [0, 1]]);
        assert!(!g.is_padded());
        assert!(g.pads([[0, 0], [0, 0], [0, 2]]).is_padded());
    }
}
