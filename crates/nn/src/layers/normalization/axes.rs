//! The argument `axis` of normalisations: one axis, or several.

use cornet_error::{Result, err};
use cornet_tensor::Shape;
use serde_json::Value;

use crate::saving::config::Config;
use crate::shape::PartialShape;

/// One axis or several, counted from the back if negative.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Axes {
    axes: Vec<isize>,
    /// Whether it was given as a list, which Keras's configs show.
    is_list: bool,
}

impl From<isize> for Axes {
    fn from(axis: isize) -> Self {
        Self { axes: vec![axis], is_list: false }
    }
}

impl<const N: usize> From<[isize; N]> for Axes {
    fn from(axes: [isize; N]) -> Self {
        Self { axes: axes.to_vec(), is_list: true }
    }
}

impl From<Vec<isize>> for Axes {
    fn from(axes: Vec<isize>) -> Self {
        Self { axes, is_list: true }
    }
}

impl From<&[isize]> for Axes {
    fn from(axes: &[isize]) -> Self {
        axes.to_vec().into()
    }
}

impl Axes {
    pub(crate) fn from_config<'a>(config: &Config<'a>, key: &'a str) -> Result<Self> {
        let axes = config.optional(key, "an axis, or a list of them", |value| match value {
            Value::Array(list) => {
                let axes: Option<Vec<isize>> =
                    list.iter().map(|axis| axis.as_i64().map(|axis| axis as isize)).collect();
                axes.map(Self::from)
            }
            one => one.as_i64().map(|axis| Self::from(axis as isize)),
        })?;
        Ok(axes.unwrap_or_else(|| Self::from(-1)))
    }

    /// As given, or with `sorted` as Keras's build leaves it: a sorted list.
    pub(crate) fn to_json(&self, sorted: bool) -> Value {
        match (&self.axes[..], self.is_list || sorted) {
            (&[one], false) => one.into(),
            _ if sorted => self.sorted().into(),
            (axes, _) => axes.into(),
        }
    }

    fn sorted(&self) -> Vec<isize> {
        let mut axes = self.axes.clone();
        axes.sort_unstable();
        axes
    }

    /// The axes as they were given.
    pub(crate) fn as_slice(&self) -> &[isize] {
        &self.axes
    }

    /// Fails unless each is an axis of the shape, once.
    pub(crate) fn check(&self, shape: &PartialShape) -> Result<()> {
        let mut places = self.axes.iter().map(|&axis| shape.axis(axis)).collect::<Result<Vec<_>>>()?;
        places.sort_unstable();
        if places.is_empty() || places.windows(2).any(|pair| pair[0] == pair[1]) {
            return Err(err!(InvalidArgument, "axis: expected one or more different ones, found {:?}", self.axes)
                .operand("input", shape));
        }
        Ok(())
    }

    /// The sizes of the axes, in sorted order: the shape of a weight.
    pub(crate) fn sizes(&self, shape: &PartialShape) -> Result<Shape> {
        self.check(shape)?;
        self.sorted().into_iter().map(|axis| shape.size(axis)).collect()
    }
}
