//! What convolutions and pools have in common: sizes for each spatial axis, windows, and their arguments.

use cornet_error::{Result, err};
use cornet_ops::nn::geometry::{DataFormat, Padding};
use serde_json::Value;

use crate::arg::Choice;
use crate::saving::config::Config;

/// A size for each of `RANK` spatial axes, given as one for all or one each.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sizes<const RANK: usize>(pub [usize; RANK]);

impl<const RANK: usize> From<usize> for Sizes<RANK> {
    fn from(size: usize) -> Self {
        Self([size; RANK])
    }
}

impl<const RANK: usize> From<[usize; RANK]> for Sizes<RANK> {
    fn from(sizes: [usize; RANK]) -> Self {
        Self(sizes)
    }
}

impl From<(usize, usize)> for Sizes<2> {
    fn from((rows, columns): (usize, usize)) -> Self {
        Self([rows, columns])
    }
}

impl From<(usize, usize, usize)> for Sizes<3> {
    fn from((a, b, c): (usize, usize, usize)) -> Self {
        Self([a, b, c])
    }
}

impl<const RANK: usize> Sizes<RANK> {
    pub(crate) fn from_config<'a>(config: &Config<'a>, key: &'a str) -> Result<Option<Self>> {
        let sizes = config.optional(key, &format!("a size, or {RANK} of them"), |value| match value {
            Value::Array(list) => {
                let sizes: Vec<usize> = list.iter().map(|n| n.as_u64().map(|n| n as usize)).collect::<Option<_>>()?;
                <[usize; RANK]>::try_from(sizes).ok()
            }
            one => one.as_u64().map(|n| [n as usize; RANK]),
        })?;
        Ok(sizes.map(Self))
    }
}

impl Choice for Padding {
    fn parse(name: &str) -> Result<Self> {
        name.parse()
    }
}

impl Choice for DataFormat {
    fn parse(name: &str) -> Result<Self> {
        name.parse()
    }
}

/// How many windows that reach so far fit along an axis.
pub(crate) fn window_count(
    size: Option<usize>,
    reach: usize,
    stride: usize,
    padding: &Padding,
    axis: usize,
) -> Result<Option<usize>> {
    let Some(size) = size else { return Ok(None) };
    let padded = match padding {
        Padding::Same | Padding::Causal => return Ok(Some(size.div_ceil(stride.max(1)))),
        Padding::Valid => size,
        Padding::Explicit(pairs) => size + pairs.get(axis).map_or(0, |(before, after)| before + after),
    };
    match padded.checked_sub(reach) {
        Some(rest) => Ok(Some(rest / stride.max(1) + 1)),
        None => Err(err!(DimMismatch, "spatial axis {axis}: expected at least {reach}, found {padded}")
            .help("the window is larger than what it moves over; use padding 'same' or a smaller window")),
    }
}

/// The builder methods of layers with windows.
macro_rules! window_arguments {
    () => {
        /// With nothing around the input (`valid`, the default), or as much as keeps its size (`same`).
        #[must_use]
        pub fn padding(mut self, padding: impl Into<crate::arg::Arg<Padding>>) -> Self {
            if let Some(padding) = self.base.accept(padding.into()) {
                self.options.padding = padding;
            }
            self
        }

        /// With the channels last (the default) or first.
        #[must_use]
        pub fn data_format(mut self, format: impl Into<crate::arg::Arg<DataFormat>>) -> Self {
            if let Some(format) = self.base.accept(format.into()) {
                self.options.data_format = format;
            }
            self
        }
    };
}
pub(crate) use window_arguments;

/// The builder method of layers whose only choice over spatial axes is where the channels are.
macro_rules! format_argument {
    () => {
        /// With the channels last (the default) or first.
        #[must_use]
        pub fn data_format(mut self, format: impl Into<crate::arg::Arg<DataFormat>>) -> Self {
            if let Some(format) = self.base.accept(format.into()) {
                self.data_format = format;
            }
            self
        }
    };
}
pub(crate) use format_argument;
