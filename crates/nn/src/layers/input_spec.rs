//! What a layer expects of its input.

use cornet_error::{Result, err, fail};
use cornet_tensor::Shape;

use crate::shape::PartialShape;

/// Expectations on the rank and on sizes of axes, checked before a layer is called.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct InputSpec {
    /// The number of axes.
    pub rank: Option<usize>,
    /// The least number of axes.
    pub min_rank: usize,
    /// Sizes of axes, which may count from the back.
    pub axes: Vec<(isize, usize)>,
}

impl InputSpec {
    /// Exactly this many axes.
    pub fn rank(rank: usize) -> Self {
        Self { rank: Some(rank), ..Self::default() }
    }

    /// At least this many axes.
    pub fn min_rank(min_rank: usize) -> Self {
        Self { min_rank, ..Self::default() }
    }

    /// The same with this size of an axis.
    #[must_use]
    pub fn with_axis(mut self, axis: isize, size: usize) -> Self {
        self.axes.push((axis, size));
        self
    }

    /// Fails unless a tensor of this shape meets the expectations.
    ///
    /// # Errors
    /// `rank_mismatch`, `dim_mismatch`.
    pub fn check(&self, shape: &Shape) -> Result<()> {
        self.check_partial(&PartialShape::from(shape.clone()))
    }

    /// The same where sizes may be open; those fit.
    ///
    /// # Errors
    /// As [`InputSpec::check`].
    pub fn check_partial(&self, shape: &PartialShape) -> Result<()> {
        let found = shape.rank();
        if let Some(rank) = self.rank.filter(|&rank| rank != found) {
            fail!(RankMismatch, "axes of the input: expected {rank}, found {found}");
        }
        if found < self.min_rank {
            fail!(RankMismatch, "axes of the input: expected at least {}, found {found}", self.min_rank);
        }
        for &(axis, expected) in &self.axes {
            let place = if axis < 0 { found.checked_sub(axis.unsigned_abs()) } else { Some(axis as usize) };
            let Some(size) = place.and_then(|place| shape.get(place)) else {
                fail!(RankMismatch, "axes of the input: expected one at {axis}, found {found} axes");
            };
            if let Some(size) = size.filter(|&size| size != expected) {
                let which = if axis == -1 { "last axis".into() } else { format!("axis {axis}") };
                return Err(err!(DimMismatch, "{which} of the input: expected {expected}, found {size}"));
            }
        }
        Ok(())
    }
}
