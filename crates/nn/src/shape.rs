//! Shapes in which some sizes, such as that of the batch, are open.

use std::fmt;
use std::ops::Deref;

use cornet_error::{Result, err, fail};
use cornet_tensor::Shape;
use serde_json::Value;

/// The sizes of a tensor's axes; `None` is any size. Printed as Keras prints shapes: `(None, 28, 28)`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct PartialShape(pub Vec<Option<usize>>);

impl PartialShape {
    /// The shape of batches of any size whose samples have this shape.
    pub fn batch_of(sample: &[Option<usize>]) -> Self {
        Self([None].iter().chain(sample).copied().collect())
    }

    /// The shape of batches of any size of samples like those of a batch of this shape.
    pub fn of_batch(batch: &Shape) -> Self {
        Self(batch.iter().enumerate().map(|(i, &n)| (i > 0).then_some(n)).collect())
    }

    /// The number of axes.
    pub fn rank(&self) -> usize {
        self.0.len()
    }

    /// An axis counted from the front, from one that may count from the back.
    ///
    /// # Errors
    /// `out_of_range`.
    pub fn axis(&self, axis: isize) -> Result<usize> {
        let place = if axis < 0 { self.rank().checked_sub(axis.unsigned_abs()) } else { Some(axis as usize) };
        match place.filter(|&place| place < self.rank()) {
            Some(place) => Ok(place),
            None => fail!(OutOfRange, "axis: expected one of the {} of {self}, found {axis}", self.rank()),
        }
    }

    /// The size of an axis, which may count from the back.
    ///
    /// # Errors
    /// `out_of_range`, or `invalid_argument` if the size is open.
    pub fn size(&self, axis: isize) -> Result<usize> {
        self.0[self.axis(axis)?].ok_or_else(|| {
            err!(InvalidArgument, "axis {axis} of the input: expected a known size, found {self}")
                .help("give the size in Input")
        })
    }

    /// The size of the last axis.
    ///
    /// # Errors
    /// `rank_mismatch` for a scalar, `invalid_argument` if the size is open.
    pub fn last_size(&self) -> Result<usize> {
        match self.0.last() {
            Some(Some(size)) => Ok(*size),
            Some(None) => Err(err!(InvalidArgument, "last axis of the input: expected a known size, found {self}")
                .help("give the size in Input")),
            None => Err(err!(RankMismatch, "input: expected at least 1 axis, found none")),
        }
    }

    /// Whether a tensor of this shape fits: as many axes, and each known size met.
    pub fn admits(&self, shape: &[usize]) -> bool {
        self.rank() == shape.len() && self.0.iter().zip(shape).all(|(a, b)| a.is_none_or(|a| a == *b))
    }

    /// The shape with every open size set to `size`.
    pub fn with_open(&self, size: usize) -> Shape {
        self.0.iter().map(|axis| axis.unwrap_or(size)).collect()
    }

    /// From the list of a config, where open sizes are null.
    ///
    /// # Errors
    /// `corrupt` for anything else.
    pub fn from_json(value: &Value) -> Result<Self> {
        let axis = |v: &Value| match v {
            Value::Null => Some(None),
            v => v.as_u64().map(|n| Some(n as usize)),
        };
        match value.as_array().map(|axes| axes.iter().map(axis).collect::<Option<Vec<_>>>()) {
            Some(Some(axes)) => Ok(Self(axes)),
            _ => fail!(Corrupt, "shape: expected a list of sizes, found {value}"),
        }
    }

    /// The list that stands in a config.
    pub fn to_json(&self) -> Value {
        self.0.iter().map(|axis| axis.map_or(Value::Null, Value::from)).collect()
    }
}

impl Deref for PartialShape {
    type Target = [Option<usize>];
    fn deref(&self) -> &[Option<usize>] {
        &self.0
    }
}

impl From<usize> for PartialShape {
    fn from(size: usize) -> Self {
        Self(vec![Some(size)])
    }
}

impl<const N: usize> From<[usize; N]> for PartialShape {
    fn from(sizes: [usize; N]) -> Self {
        Self(sizes.into_iter().map(Some).collect())
    }
}

impl<const N: usize> From<[Option<usize>; N]> for PartialShape {
    fn from(sizes: [Option<usize>; N]) -> Self {
        Self(sizes.to_vec())
    }
}

impl From<Vec<usize>> for PartialShape {
    fn from(sizes: Vec<usize>) -> Self {
        Self(sizes.into_iter().map(Some).collect())
    }
}

impl<const N: usize> From<&[usize; N]> for PartialShape {
    fn from(sizes: &[usize; N]) -> Self {
        Self::from(&sizes[..])
    }
}

impl From<&[usize]> for PartialShape {
    fn from(sizes: &[usize]) -> Self {
        Self(sizes.iter().copied().map(Some).collect())
    }
}

impl From<&Shape> for PartialShape {
    fn from(shape: &Shape) -> Self {
        shape.clone().into()
    }
}

impl From<Vec<Option<usize>>> for PartialShape {
    fn from(sizes: Vec<Option<usize>>) -> Self {
        Self(sizes)
    }
}

impl From<Shape> for PartialShape {
    fn from(shape: Shape) -> Self {
        Self(shape.iter().copied().map(Some).collect())
    }
}

impl fmt::Display for PartialShape {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let axes: Vec<String> = self.0.iter().map(|axis| axis.map_or("None".into(), |n| n.to_string())).collect();
        if axes.len() == 1 { write!(f, "({},)", axes[0]) } else { write!(f, "({})", axes.join(", ")) }
    }
}
