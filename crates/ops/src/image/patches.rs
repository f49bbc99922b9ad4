//! Moving pixels about: patches, borders, blocks.

use super::batched;
use crate::core::prelude::*;
use crate::nn::ConvOptions;
use crate::nn::geometry::{DataFormat, Windows, per_axis};

/// How much to add or take at each edge; what is not given follows from the target size.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Edges {
    /// At the top.
    pub top: Option<usize>,
    /// At the left.
    pub left: Option<usize>,
    /// At the bottom.
    pub bottom: Option<usize>,
    /// At the right.
    pub right: Option<usize>,
    /// The height of the result.
    pub target_height: Option<usize>,
    /// The width of the result.
    pub target_width: Option<usize>,
}

/// Before and after, two of three numbers of one axis being given; `whole` is what all three sum to.
fn ends(
    name: &str,
    before: Option<usize>,
    after: Option<usize>,
    middle: Option<usize>,
    whole: usize,
) -> Result<(usize, usize)> {
    let rest = |a: usize, b: usize| {
        whole
            .checked_sub(a)
            .and_then(|n| n.checked_sub(b))
            .ok_or_else(|| err!(InvalidArgument, "{name}: {a} and {b} together are more than {whole}"))
    };
    match (before, after, middle) {
        (Some(before), Some(after), None) => Ok((before, after)),
        (Some(before), None, Some(middle)) => Ok((before, rest(before, middle)?)),
        (None, Some(after), Some(middle)) => Ok((rest(after, middle)?, after)),
        _ => Err(err!(InvalidArgument, "{name}: expected two of before, after and target size, and no more")),
    }
}

/// Patches of `[batch, spatial…, channels]`, each flattened: `[batch, windows…, taps · channels]`.
fn patches(x: &Tensor, size: &[usize], strides: &[usize], options: &ConvOptions) -> Result<Tensor> {
    let shape = x.shape()?;
    let axes = shape.rank() - 2;
    let (size, strides) = (per_axis("size", size, axes)?, per_axis("strides", strides, axes)?);
    let dilation = per_axis("dilation_rate", &options.dilation_rate, axes)?;
    let input = &shape[1..=axes];
    let padding = options.padding.pairs(input, &size, &strides, &dilation)?;
    let attrs = crate::nn::conv_attrs(&strides, &padding, &dilation, 1);
    let windows = Windows::from_attrs(&attrs, input, &size)?;
    let mut widths = vec![(0, 0); shape.rank()];
    widths[1..=axes].copy_from_slice(&windows.padding);
    let padded = x.pad(&widths);
    let lead = |middle: &[usize]| [&[shape[0]], middle, &[shape[axes + 1]]].concat();
    let step: Vec<i64> =
        lead(&strides).iter().enumerate().map(|(a, &s)| if a == 0 || a > axes { 1 } else { s as i64 }).collect();
    let mut taps = Vec::new();
    for_each_index(&size, |tap| {
        let mut start = vec![0_i64; shape.rank()];
        (0..axes).for_each(|a| start[a + 1] = (tap[a] * dilation[a]) as i64);
        taps.push(padded.slice_with(&start, &lead(&windows.output), &step));
    });
    Ok(Tensor::concat(&taps.iter().collect::<Vec<_>>(), -1))
}

impl Tensor {
    /// Every patch of images, flattened into channels: rows, then columns, then channels. Strides are the size unless
    /// given; of the options, padding, data format and dilation count.
    ///
    /// # Shapes
    /// `[batch, height, width, channels]` gives `[batch, rows, columns, size · size · channels]`; without a batch axis,
    /// no batch axis.
    ///
    /// # Errors
    /// `rank_mismatch` unless 3 or 4 axes; `dim_mismatch` where no patch fits.
    ///
    /// # Source
    /// Keras 3 `keras.ops.image.extract_patches`.
    #[track_caller]
    pub fn extract_patches(&self, size: &[usize], strides: Option<&[usize]>, options: &ConvOptions) -> Tensor {
        Tensor::lift(|| batched(self, options.data_format, |x| patches(x, size, strides.unwrap_or(size), options)))
    }

    /// Every patch of volumes `[batch, depth, height, width, channels]`, flattened into channels; see
    /// [`Tensor::extract_patches`].
    ///
    /// # Errors
    /// `rank_mismatch` unless 4 or 5 axes; `dim_mismatch` where no patch fits.
    ///
    /// # Source
    /// Keras 3 `keras.ops.image.extract_patches_3d`.
    #[track_caller]
    pub fn extract_patches_3d(&self, size: &[usize], strides: Option<&[usize]>, options: &ConvOptions) -> Tensor {
        Tensor::lift(|| {
            let rank = self.rank()?;
            let x = match rank {
                4 => self.expand_dims(&[0]),
                5 => self.clone(),
                _ => fail!(RankMismatch, "volumes: expected 4 or 5 axes, found {rank}"),
            };
            let first = options.data_format == DataFormat::ChannelsFirst;
            let x = if first { x.transpose(&[0, 2, 3, 4, 1]) } else { x };
            let y = patches(&x, size, strides.unwrap_or(size), options)?;
            let y = if first { y.transpose(&[0, 4, 1, 2, 3]) } else { y };
            Ok(if rank == 4 { y.squeeze(&[0]) } else { y })
        })
    }

    /// Every patch of images `[batch, channels, height, width]` as a column: `[batch, channels · taps, patches]`, zeros
    /// of `padding` around.
    ///
    /// # Errors
    /// `rank_mismatch` unless 4 axes; `dim_mismatch` where no patch fits.
    ///
    /// # Source
    /// Keras 3 `keras.ops.unfold`.
    #[track_caller]
    pub fn unfold(
        &self,
        kernel_size: (usize, usize),
        dilation: (usize, usize),
        padding: (usize, usize),
        stride: (usize, usize),
    ) -> Tensor {
        Tensor::lift(|| {
            let shape = self.shape()?;
            let &[batch, channels, _, _] = shape.as_slice() else {
                fail!(RankMismatch, "unfold: expected 4 axes, found {}", shape.rank());
            };
            let options = ConvOptions {
                padding: crate::nn::geometry::Padding::Explicit(vec![(padding.0, padding.0), (padding.1, padding.1)]),
                dilation_rate: vec![dilation.0, dilation.1],
                ..ConvOptions::default()
            };
            let (size, strides) = ([kernel_size.0, kernel_size.1], [stride.0, stride.1]);
            let y = patches(&self.transpose(&[0, 2, 3, 1]), &size, &strides, &options)?;
            let s = y.shape()?;
            let taps = size[0] * size[1];
            let y = y.reshape([batch, s[1] * s[2], taps, channels]).transpose(&[0, 3, 2, 1]);
            Ok(y.reshape([batch, channels * taps, s[1] * s[2]]))
        })
    }

    /// The sum of patches `[batch, channels · taps, patches]` at their places in images
    /// `[batch, channels, height, width]`: the transpose of [`Tensor::unfold`].
    ///
    /// # Errors
    /// `rank_mismatch` unless 3 axes; `dim_mismatch` where the patches do not make up such an image.
    ///
    /// # Source
    /// Keras 3 `keras.ops.fold`.
    #[track_caller]
    pub fn fold(
        &self,
        output_size: (usize, usize),
        kernel_size: (usize, usize),
        dilation: (usize, usize),
        padding: (usize, usize),
        stride: (usize, usize),
    ) -> Tensor {
        Tensor::lift(|| {
            let shape = self.shape()?;
            let &[batch, rows, count] = shape.as_slice() else {
                fail!(RankMismatch, "fold: expected 3 axes, found {}", shape.rank());
            };
            let flat = [padding.0, padding.0, padding.1, padding.1];
            let attrs = crate::nn::conv_attrs(&[stride.0, stride.1], &flat, &[dilation.0, dilation.1], 1);
            let size = [kernel_size.0, kernel_size.1];
            let windows = Windows::from_attrs(&attrs, &[output_size.0, output_size.1], &size)?;
            let (taps, places) = (size[0] * size[1], windows.output.clone());
            if rows % taps != 0 || count != places[0] * places[1] {
                fail!(
                    DimMismatch,
                    "fold: expected [batch, channels · {taps}, {}], found {shape}",
                    places[0] * places[1]
                );
            }
            let channels = rows / taps;
            let y = self.reshape([batch, channels, taps, places[0], places[1]]);
            let mut sum: Option<Tensor> = None;
            for tap in 0..taps {
                let at = [tap / size[1] * dilation.0, tap % size[1] * dilation.1];
                let widths = |a: usize| {
                    let whole = [output_size.0 + 2 * padding.0, output_size.1 + 2 * padding.1][a];
                    let step = windows.strides[a];
                    (at[a], whole - at[a] - ((places[a] - 1) * step + 1), step - 1)
                };
                let part = y.slice_axis(2, tap, 1).squeeze(&[2]);
                let placed = part.pad_interior(&[(0, 0, 0), (0, 0, 0), widths(0), widths(1)], 0.0);
                sum = Some(sum.map_or(placed.clone(), |held| held + placed));
            }
            let Some(sum) = sum else { fail!(InvalidArgument, "fold: expected a kernel of at least 1 tap") };
            Ok(sum.slice(&[0, 0, padding.0, padding.1], &[batch, channels, output_size.0, output_size.1]))
        })
    }

    /// Images with zeros around them. For each axis give two of before, after and target size.
    ///
    /// # Errors
    /// `rank_mismatch` unless 3 or 4 axes; `invalid_argument` for edges that do not determine the size.
    ///
    /// # Source
    /// Keras 3 `keras.ops.image.pad_images`.
    #[track_caller]
    pub fn pad_images(&self, edges: &Edges, data_format: DataFormat) -> Tensor {
        Tensor::lift(|| {
            batched(self, data_format, |x| {
                let shape = x.shape()?;
                let of = |name, before, after, target: Option<usize>, own: usize| {
                    ends(name, before, after, target.map(|_| own), target.unwrap_or(own))
                };
                let rows = of("height", edges.top, edges.bottom, edges.target_height, shape[1])?;
                let columns = of("width", edges.left, edges.right, edges.target_width, shape[2])?;
                Ok(x.pad(&[(0, 0), rows, columns, (0, 0)]))
            })
        })
    }

    /// The middle of images. For each axis give two of before, after and target size.
    ///
    /// # Errors
    /// `rank_mismatch` unless 3 or 4 axes; `invalid_argument` for edges that do not determine a size of at least 1.
    ///
    /// # Source
    /// Keras 3 `keras.ops.image.crop_images`.
    #[track_caller]
    pub fn crop_images(&self, edges: &Edges, data_format: DataFormat) -> Tensor {
        Tensor::lift(|| {
            batched(self, data_format, |x| {
                let shape = x.shape()?;
                let rows = ends("height", edges.top, edges.bottom, edges.target_height, shape[1])?;
                let columns = ends("width", edges.left, edges.right, edges.target_width, shape[2])?;
                let cut = |x: Tensor, axis: isize, (before, after): (usize, usize), own: usize| {
                    if before + after >= own {
                        fail!(InvalidArgument, "crop: {before} and {after} of {own} leave nothing");
                    }
                    Ok(x.slice_axis(axis, before, own - before - after))
                };
                cut(cut(x.clone(), 1, rows, shape[1])?, 2, columns, shape[2])
            })
        })
    }

    /// Channels in groups of `block²` laid out as blocks of pixels: `[batch, height, width, channels]` gives
    /// `[batch, height · block, width · block, channels / block²]`.
    ///
    /// # Errors
    /// `dim_mismatch` unless the channels divide.
    ///
    /// # Source
    /// Keras 3 `keras.ops.depth_to_space`.
    #[track_caller]
    pub fn depth_to_space(&self, block: usize, data_format: DataFormat) -> Tensor {
        Tensor::lift(|| {
            batched(self, data_format, |x| {
                let shape = x.shape()?;
                let (n, h, w, c) = (shape[0], shape[1], shape[2], shape[3]);
                if block == 0 || c % (block * block) != 0 {
                    fail!(DimMismatch, "channels: expected a multiple of {block} squared, found {c}");
                }
                let depth = c / (block * block);
                let blocks = x.reshape([n, h, w, block, block, depth]).transpose(&[0, 1, 3, 2, 4, 5]);
                Ok(blocks.reshape([n, h * block, w * block, depth]))
            })
        })
    }

    /// Blocks of pixels laid out as channels: the inverse of [`Tensor::depth_to_space`].
    ///
    /// # Errors
    /// `dim_mismatch` unless height and width divide.
    ///
    /// # Source
    /// Keras 3 `keras.ops.space_to_depth`.
    #[track_caller]
    pub fn space_to_depth(&self, block: usize, data_format: DataFormat) -> Tensor {
        Tensor::lift(|| {
            batched(self, data_format, |x| {
                let shape = x.shape()?;
                let (n, h, w, c) = (shape[0], shape[1], shape[2], shape[3]);
                if block == 0 || h % block != 0 || w % block != 0 {
                    fail!(DimMismatch, "images: expected multiples of {block}, found {h} by {w}");
                }
                let blocks = x.reshape([n, h / block, block, w / block, block, c]).transpose(&[0, 1, 3, 2, 4, 5]);
                Ok(blocks.reshape([n, h / block, w / block, block * block * c]))
            })
        })
    }
}
