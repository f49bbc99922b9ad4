//! Amounts before and behind each spatial axis, as croppings and paddings take them.

use cornet_error::Result;
use cornet_ops::nn::geometry::DataFormat;
use serde_json::{Value, json};

use crate::saving::config::Config;

/// So much before and so much behind each of `RANK` spatial axes: one amount for all, one an axis, or two an axis.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sides<const RANK: usize>(pub [(usize, usize); RANK]);

impl<const RANK: usize> From<usize> for Sides<RANK> {
    fn from(amount: usize) -> Self {
        Self([(amount, amount); RANK])
    }
}

impl<const RANK: usize> From<[usize; RANK]> for Sides<RANK> {
    fn from(amounts: [usize; RANK]) -> Self {
        Self(amounts.map(|amount| (amount, amount)))
    }
}

impl<const RANK: usize> From<[(usize, usize); RANK]> for Sides<RANK> {
    fn from(sides: [(usize, usize); RANK]) -> Self {
        Self(sides)
    }
}

impl From<(usize, usize)> for Sides<1> {
    /// Before and behind.
    fn from(sides: (usize, usize)) -> Self {
        Self([sides])
    }
}

impl From<(usize, usize)> for Sides<2> {
    /// Rows and columns.
    fn from((rows, columns): (usize, usize)) -> Self {
        Self([(rows, rows), (columns, columns)])
    }
}

impl From<((usize, usize), (usize, usize))> for Sides<2> {
    fn from((rows, columns): ((usize, usize), (usize, usize))) -> Self {
        Self([rows, columns])
    }
}

impl From<(usize, usize, usize)> for Sides<3> {
    fn from((a, b, c): (usize, usize, usize)) -> Self {
        Self([(a, a), (b, b), (c, c)])
    }
}

/// The first spatial axis.
pub(super) fn first_axis(format: DataFormat) -> usize {
    if format == DataFormat::ChannelsLast { 1 } else { 2 }
}

impl<const RANK: usize> Sides<RANK> {
    pub(super) fn from_config<'a>(config: &Config<'a>, key: &'a str) -> Result<Option<Self>> {
        let number = |value: &Value| value.as_u64().map(|n| n as usize);
        let pair = |value: &Value| match value.as_array().map(Vec::as_slice) {
            Some([before, behind]) => Some((number(before)?, number(behind)?)),
            Some(_) => None,
            None => number(value).map(|n| (n, n)),
        };
        let sides = config.optional(key, "an amount, or one or two for each axis", |value| match value.as_array() {
            // Of one axis it is the pair itself, or, in a list of one, as of several.
            Some(list) if RANK == 1 && list.len() == 2 => Some([pair(value)?; RANK]),
            Some(list) => <[(usize, usize); RANK]>::try_from(list.iter().map(pair).collect::<Option<Vec<_>>>()?).ok(),
            None => Some([pair(value)?; RANK]),
        })?;
        Ok(sides.map(Self))
    }

    /// A pair for one axis, a list of pairs for several.
    pub(super) fn to_json(self) -> Value {
        match &self.0[..] {
            &[(before, behind)] => json!([before, behind]),
            several => several.iter().map(|&(before, behind)| json!([before, behind])).collect(),
        }
    }
}
