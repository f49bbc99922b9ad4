//! Elements repeated and rotated: composites.

use crate::core::prelude::*;

impl Tensor {
    /// The whole tensor repeated `repeats[a]` times along each axis; the shorter of shape and repeats counts as padded
    /// with ones in front.
    ///
    /// ```
    /// use cornet_ops::Tensor;
    /// assert_eq!(Tensor::of([1, 2]).tile(&[2, 2]).to_vec::<i32>()?, [1, 2, 1, 2, 1, 2, 1, 2]);
    /// # Ok::<(), cornet_tensor::Error>(())
    /// ```
    #[track_caller]
    pub fn tile(&self, repeats: &[usize]) -> Tensor {
        Tensor::lift(|| {
            let own = self.shape()?;
            let rank = own.rank().max(repeats.len());
            let size = |a: usize| if a + own.rank() < rank { 1 } else { own[a + own.rank() - rank] };
            let times = |a: usize| if a + repeats.len() < rank { 1 } else { repeats[a + repeats.len() - rank] };
            let split: Shape = (0..rank).flat_map(|a| [1, size(a)]).collect();
            let wide: Shape = (0..rank).flat_map(|a| [times(a), size(a)]).collect();
            let to: Dims = (0..rank).map(|a| size(a).saturating_mul(times(a))).collect();
            let to = Shape::checked(&to, self.dtype()?.size())?;
            Ok(self.reshape(split).broadcast_to(wide).reshape(to))
        })
    }

    /// Each slice along an axis `times` times in a row; without an axis, each element of the flattened tensor.
    #[track_caller]
    pub fn repeat(&self, times: usize, axis: Option<isize>) -> Tensor {
        Tensor::lift(|| {
            let Some(axis) = axis else { return Ok(self.ravel().repeat(times, Some(0))) };
            let shape = self.shape()?;
            let axis = shape.axis(axis)?;
            let mut wide = shape.to_vec();
            wide.insert(axis + 1, times);
            let mut to = shape.to_vec();
            to[axis] = to[axis].saturating_mul(times);
            let to = Shape::checked(&to, self.dtype()?.size())?;
            Ok(self.expand_dims(&[axis as isize + 1]).broadcast_to(wide).reshape(to))
        })
    }

    /// Slice `i` along an axis `times[i]` times in a row.
    ///
    /// # Errors
    /// `dim_mismatch` unless there is one count a slice.
    #[track_caller]
    pub fn repeat_each(&self, times: &[usize], axis: Option<isize>) -> Tensor {
        Tensor::lift(|| {
            let Some(axis) = axis else { return Ok(self.ravel().repeat_each(times, Some(0))) };
            let shape = self.shape()?;
            let axis = shape.axis(axis)?;
            if times.len() == 1 {
                return Ok(self.repeat(times[0], Some(axis as isize)));
            }
            if times.len() != shape[axis] {
                fail!(DimMismatch, "repeat: axis {axis}: expected {} counts, found {}", shape[axis], times.len());
            }
            let total = times.iter().try_fold(0_usize, |sum, &t| sum.checked_add(t));
            Shape::checked(&[total.unwrap_or(usize::MAX)], 4)?;
            let index: Vec<i32> =
                times.iter().enumerate().flat_map(|(i, &t)| std::iter::repeat_n(i as i32, t)).collect();
            Ok(self.take(&Tensor::from_slice(&index, [index.len()]), axis as isize))
        })
    }

    /// Rolled by `shift` places along an axis: what leaves at one end enters at the other. Without an axis, the
    /// flattened tensor is rolled.
    ///
    /// # Errors
    /// `out_of_range`.
    #[track_caller]
    pub fn roll(&self, shift: i64, axis: Option<isize>) -> Tensor {
        Tensor::lift(|| {
            let shape = self.shape()?;
            let Some(axis) = axis else { return Ok(self.ravel().roll(shift, Some(0)).reshape(shape)) };
            let n = shape[shape.axis(axis)?];
            let at = if n == 0 { 0 } else { shift.rem_euclid(n as i64) as usize };
            if at == 0 {
                return Ok(self.clone());
            }
            Ok(Tensor::concat(&[&self.slice_axis(axis, n - at, at), &self.slice_axis(axis, 0, n - at)], axis))
        })
    }

    /// [`Tensor::roll`] along several axes, each by its own shift.
    ///
    /// # Errors
    /// `invalid_argument` unless there are as many shifts as axes; `out_of_range`.
    #[track_caller]
    pub fn roll_axes(&self, shifts: &[i64], axes: &[isize]) -> Tensor {
        Tensor::lift(|| {
            if shifts.len() != axes.len() {
                fail!(InvalidArgument, "roll: {} shifts for {} axes", shifts.len(), axes.len());
            }
            Ok(shifts.iter().zip(axes).fold(self.clone(), |x, (&shift, &axis)| x.roll(shift, Some(axis))))
        })
    }
}
