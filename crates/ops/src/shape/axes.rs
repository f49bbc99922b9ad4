//! Axes added, dropped, moved and merged: composites of `reshape`, `transpose` and `flip`.

use crate::core::prelude::*;

impl Tensor {
    /// Axes of size 1 added, so that they stand at these places of the result.
    ///
    /// ```
    /// use cornet_ops::Tensor;
    /// let x = Tensor::of([1, 2, 3]);
    /// assert_eq!(x.expand_dims(&[0, -1]).shape()?.as_slice(), [1, 3, 1]);
    /// # Ok::<(), cornet_tensor::Error>(())
    /// ```
    ///
    /// # Errors
    /// `out_of_range`, or `invalid_argument` for an axis named twice.
    #[track_caller]
    pub fn expand_dims(&self, axes: &[isize]) -> Tensor {
        Tensor::lift(|| {
            let shape = self.shape()?;
            if axes.is_empty() {
                return Ok(self.clone());
            }
            let mut to: Dims = Dims::from_elem(1, shape.rank() + axes.len());
            let added = Shape::from(to.clone()).axes(axes)?;
            let kept = (0..to.len()).filter(|a| !added.contains(a)).collect::<Dims>();
            kept.iter().zip(shape.iter()).for_each(|(&a, &d)| to[a] = d);
            Ok(self.reshape(to))
        })
    }

    /// These axes dropped, which have size 1; no axes: all that have.
    ///
    /// # Errors
    /// `dim_mismatch` for an axis of another size; `out_of_range`.
    #[track_caller]
    pub fn squeeze(&self, axes: &[isize]) -> Tensor {
        Tensor::lift(|| {
            let shape = self.shape()?;
            if axes.is_empty() {
                return Ok(self.reshape(shape.iter().copied().filter(|&d| d != 1).collect::<Shape>()));
            }
            let dropped = shape.axes(axes)?;
            if let Some(&a) = dropped.iter().find(|&&a| shape[a] != 1) {
                fail!(DimMismatch, "squeeze: axis {a}: expected size 1, found {} of {shape}", shape[a]);
            }
            let to = (0..shape.rank()).filter(|a| !dropped.contains(a)).map(|a| shape[a]);
            Ok(self.reshape(to.collect::<Shape>()))
        })
    }

    /// The elements in row-major order as a vector.
    #[track_caller]
    pub fn ravel(&self) -> Tensor {
        Tensor::lift(|| Ok(self.reshape([self.shape()?.elements()])))
    }

    /// Axes `first` to `last`, both included, merged into one.
    ///
    /// # Errors
    /// `out_of_range`; `invalid_argument` when `last` stands before `first`.
    #[track_caller]
    pub fn flatten_axes(&self, first: isize, last: isize) -> Tensor {
        Tensor::lift(|| {
            let shape = self.shape()?;
            let (first, last) = (shape.axis(first)?, shape.axis(last)?);
            if first > last {
                fail!(InvalidArgument, "flatten_axes: axis {last} stands before axis {first}");
            }
            let merged = shape[first..=last].iter().product();
            Ok(self.reshape(
                shape[..first]
                    .iter()
                    .copied()
                    .chain([merged])
                    .chain(shape[last + 1..].iter().copied())
                    .collect::<Shape>(),
            ))
        })
    }

    /// Axes moved from the places `source` to the places `destination`; the others keep their order.
    ///
    /// # Errors
    /// `invalid_argument` unless there are as many places as axes, each named once; `out_of_range`.
    #[track_caller]
    pub fn moveaxis(&self, source: &[isize], destination: &[isize]) -> Tensor {
        Tensor::lift(|| {
            let shape = self.shape()?;
            if source.len() != destination.len() {
                fail!(InvalidArgument, "moveaxis: {} axes for {} places", source.len(), destination.len());
            }
            if source.is_empty() {
                return Ok(self.clone());
            }
            // The check of `axes` refuses an axis named twice.
            shape.axes(source)?;
            shape.axes(destination)?;
            let source = source.iter().map(|&a| shape.axis(a)).collect::<Result<Vec<_>>>()?;
            let mut moves =
                destination.iter().zip(&source).map(|(&d, &s)| Ok((shape.axis(d)?, s))).collect::<Result<Vec<_>>>()?;
            moves.sort_unstable();
            let mut order: Vec<isize> = (0..shape.rank()).filter(|a| !source.contains(a)).map(|a| a as isize).collect();
            moves.iter().for_each(|&(d, s)| order.insert(d, s as isize));
            Ok(if order.is_empty() { self.clone() } else { self.transpose(&order) })
        })
    }

    /// Two axes exchanged.
    ///
    /// # Errors
    /// `out_of_range`.
    #[track_caller]
    pub fn swapaxes(&self, axis1: isize, axis2: isize) -> Tensor {
        Tensor::lift(|| {
            let shape = self.shape()?;
            let mut order: Vec<isize> = (0..shape.rank() as isize).collect();
            order.swap(shape.axis(axis1)?, shape.axis(axis2)?);
            Ok(self.transpose(&order))
        })
    }

    /// Rotated `k` times by 90 degrees in the plane of two axes, from the first towards the second.
    ///
    /// # Errors
    /// `invalid_argument` for one axis named twice; `out_of_range`.
    #[track_caller]
    pub fn rot90(&self, k: i64, axes: (isize, isize)) -> Tensor {
        Tensor::lift(|| {
            self.shape()?.axes(&[axes.0, axes.1])?;
            Ok(match k.rem_euclid(4) {
                0 => self.clone(),
                1 => self.flip(&[axes.1]).swapaxes(axes.0, axes.1),
                2 => self.flip(&[axes.0, axes.1]),
                _ => self.swapaxes(axes.0, axes.1).flip(&[axes.1]),
            })
        })
    }

    /// This tensor with axes of size 1 before it until it has `rank` axes.
    #[track_caller]
    pub(crate) fn at_least_rank(&self, rank: usize) -> Tensor {
        Tensor::lift(|| {
            let shape = self.shape()?;
            let lead = rank.saturating_sub(shape.rank());
            Ok(self.reshape(std::iter::repeat_n(1, lead).chain(shape.iter().copied()).collect::<Shape>()))
        })
    }
}
