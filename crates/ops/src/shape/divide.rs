//! Tensors taken apart: composites of `slice`.

use crate::core::prelude::*;

/// How [`Tensor::split`] divides an axis.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sections<'a> {
    /// Into this many parts.
    Count(usize),
    /// Before each of these places, as slices do: a place beyond the end leaves an empty part.
    At(&'a [usize]),
}

impl From<usize> for Sections<'_> {
    fn from(count: usize) -> Self {
        Sections::Count(count)
    }
}

impl<'a> From<&'a [usize]> for Sections<'a> {
    fn from(places: &'a [usize]) -> Self {
        Sections::At(places)
    }
}

impl<'a, const N: usize> From<&'a [usize; N]> for Sections<'a> {
    fn from(places: &'a [usize; N]) -> Self {
        Sections::At(places)
    }
}

impl Tensor {
    /// Equal parts along an axis, or parts that begin at the given places.
    ///
    /// ```
    /// use cornet_ops::Tensor;
    /// let parts = Tensor::of([1, 2, 3, 4, 5]).split(&[1, 4], 0)?;
    /// assert_eq!(parts[1].to_vec::<i32>()?, [2, 3, 4]);
    /// # Ok::<(), cornet_tensor::Error>(())
    /// ```
    ///
    /// # Errors
    /// `dim_mismatch` where the axis does not divide; `out_of_range`.
    #[track_caller]
    pub fn split<'a>(&self, sections: impl Into<Sections<'a>>, axis: isize) -> Result<Vec<Tensor>> {
        let shape = self.shape()?;
        let axis = shape.axis(axis)?;
        let n = shape[axis];
        match sections.into() {
            Sections::Count(count) if count == 0 || n % count != 0 => {
                Err(err!(DimMismatch, "split: axis {axis}: {n} elements do not divide into {count} equal parts")
                    .help("array_split makes parts of unequal size"))
            }
            Sections::Count(count) => Ok(self.cut(axis, (1..count).map(|i| i * (n / count)), n)),
            Sections::At(places) => Ok(self.cut(axis, places.iter().copied(), n)),
        }
    }

    /// The same, where parts may differ by one element: the first ones are longer.
    ///
    /// # Errors
    /// `invalid_argument` for no parts; `out_of_range`.
    #[track_caller]
    pub fn array_split<'a>(&self, sections: impl Into<Sections<'a>>, axis: isize) -> Result<Vec<Tensor>> {
        let sections = sections.into();
        let Sections::Count(count) = sections else { return self.split(sections, axis) };
        if count == 0 {
            fail!(InvalidArgument, "array_split: expected at least one part, found none");
        }
        let shape = self.shape()?;
        let axis = shape.axis(axis)?;
        let n = shape[axis];
        Ok(self.cut(axis, (1..count).map(|i| i * (n / count) + i.min(n % count)), n))
    }

    /// Parts that begin at 0 and at each place.
    #[track_caller]
    fn cut(&self, axis: usize, places: impl Iterator<Item = usize>, n: usize) -> Vec<Tensor> {
        let mut bounds: Vec<usize> = std::iter::once(0).chain(places.map(|p| p.min(n))).collect();
        bounds.push(n);
        bounds.windows(2).map(|w| self.slice_axis(axis as isize, w[0], w[1].saturating_sub(w[0]))).collect()
    }

    /// The slices along an axis, without that axis.
    ///
    /// # Errors
    /// `out_of_range`.
    #[track_caller]
    pub fn unstack(&self, axis: isize) -> Result<Vec<Tensor>> {
        let n = self.shape()?[self.shape()?.axis(axis)?];
        Ok((0..n).map(|i| self.slice_axis(axis, i, 1).squeeze(&[axis])).collect())
    }

    /// [`Tensor::split`] along axis 1, or axis 0 of a vector.
    ///
    /// # Errors
    /// As [`Tensor::split`].
    #[track_caller]
    pub fn hsplit<'a>(&self, sections: impl Into<Sections<'a>>) -> Result<Vec<Tensor>> {
        self.split(sections, if self.rank()? == 1 { 0 } else { 1 })
    }

    /// [`Tensor::split`] along axis 0.
    ///
    /// # Errors
    /// As [`Tensor::split`].
    #[track_caller]
    pub fn vsplit<'a>(&self, sections: impl Into<Sections<'a>>) -> Result<Vec<Tensor>> {
        self.split(sections, 0)
    }

    /// [`Tensor::split`] along axis 2.
    ///
    /// # Errors
    /// As [`Tensor::split`].
    #[track_caller]
    pub fn dsplit<'a>(&self, sections: impl Into<Sections<'a>>) -> Result<Vec<Tensor>> {
        self.split(sections, 2)
    }
}
