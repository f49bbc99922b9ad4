use std::fmt;
use std::ops::Deref;

use cornet_error::{Result, err};
use smallvec::SmallVec;

/// Sizes of axes, without allocation up to six of them.
pub type Dims = SmallVec<[usize; 6]>;

/// The sizes of an array's axes. A scalar has none.
///
/// ```
/// use cornet_tensor::Shape;
/// let s = Shape::new(&[32, 28, 28]);
/// assert_eq!(s.elements(), 32 * 28 * 28);
/// assert_eq!(s.to_string(), "[32, 28, 28]");
/// assert_eq!(Shape::new(&[3, 1]).broadcast(&Shape::new(&[4]))?, Shape::new(&[3, 4]));
/// # Ok::<(), cornet_tensor::Error>(())
/// ```
#[derive(Clone, Default, PartialEq, Eq, Hash)]
pub struct Shape(Dims);

impl Shape {
    /// The shape with these axis sizes.
    pub fn new(dims: &[usize]) -> Self {
        Self(Dims::from_slice(dims))
    }

    /// The shape without axes.
    pub fn scalar() -> Self {
        Self::default()
    }

    /// The sizes of the axes.
    pub fn as_slice(&self) -> &[usize] {
        &self.0
    }

    /// The number of axes.
    pub fn rank(&self) -> usize {
        self.0.len()
    }

    /// The number of elements; `usize::MAX` where it overflows, which no array has. Shapes made through
    /// [`Shape::checked`] never do.
    pub fn elements(&self) -> usize {
        if self.0.contains(&0) {
            return 0;
        }
        self.0.iter().fold(1, |n, &d| n.saturating_mul(d))
    }

    /// The shape with these sizes, refused if its element count, times `element_bytes`, overflows half the address space.
    ///
    /// # Errors
    /// `limit_exceeded`.
    pub fn checked(dims: &[usize], element_bytes: usize) -> Result<Self> {
        let bytes = dims.iter().try_fold(element_bytes.max(1), |n, &d| n.checked_mul(d));
        // A zero axis makes the product zero whatever the others are; they must still multiply without overflow.
        let nonzero = dims.iter().filter(|&&d| d > 0).try_fold(element_bytes.max(1), |n, &d| n.checked_mul(d));
        match (bytes, nonzero) {
            (Some(_), Some(n)) if n <= isize::MAX as usize => Ok(Self::new(dims)),
            _ => Err(err!(LimitExceeded, "shape {dims:?} has more elements than memory can address")),
        }
    }

    /// Row-major strides, in elements.
    pub fn strides(&self) -> Dims {
        strides_of(&self.0)
    }

    /// The shape both broadcast to, by NumPy's rule: aligned at the last axis, sizes equal or 1.
    ///
    /// # Errors
    /// `shape_mismatch`.
    pub fn broadcast(&self, other: &Shape) -> Result<Shape> {
        let rank = self.rank().max(other.rank());
        let at = |s: &Shape, i: usize| if i + s.rank() < rank { 1 } else { s.0[i + s.rank() - rank] };
        let mut dims = Dims::with_capacity(rank);
        for i in 0..rank {
            dims.push(match (at(self, i), at(other, i)) {
                (a, b) if a == b => a,
                (1, b) => b,
                (a, 1) => a,
                (a, b) => {
                    return Err(err!(ShapeMismatch, "shapes {self} and {other} do not broadcast: {a} against {b}")
                        .help("axes are aligned at the last one; sizes must be equal, or one of them 1"));
                }
            });
        }
        Ok(Shape(dims))
    }

    /// Strides, in elements, with which an array of this shape is read as one of shape `to`: 0 on stretched axes.
    /// `to` must be what this shape broadcasts to.
    pub fn broadcast_strides(&self, to: &[usize]) -> Dims {
        let (own, lead) = (self.strides(), to.len() - self.rank());
        (0..to.len()).map(|i| if i < lead || self.0[i - lead] == 1 && to[i] != 1 { 0 } else { own[i - lead] }).collect()
    }

    /// An axis counted from the front, from one that may count from the back.
    ///
    /// # Errors
    /// `out_of_range`.
    pub fn axis(&self, axis: isize) -> Result<usize> {
        let rank = self.rank() as isize;
        let found = if axis < 0 { axis + rank } else { axis };
        if (0..rank).contains(&found) {
            return Ok(found as usize);
        }
        match rank {
            0 => Err(err!(OutOfRange, "axis {axis}: a scalar has no axes")),
            _ => Err(err!(OutOfRange, "axis: expected {} to {}, found {axis}", -rank, rank - 1).operand("shape", self)),
        }
    }

    /// Sorted, distinct axes from ones that may count from the back; all axes for an empty list.
    ///
    /// # Errors
    /// `out_of_range`, or `invalid_argument` for an axis named twice.
    pub fn axes(&self, axes: &[isize]) -> Result<SmallVec<[usize; 6]>> {
        if axes.is_empty() {
            return Ok((0..self.rank()).collect());
        }
        let mut found = axes.iter().map(|&a| self.axis(a)).collect::<Result<SmallVec<[usize; 6]>>>()?;
        found.sort_unstable();
        match found.windows(2).find(|w| w[0] == w[1]) {
            Some(w) => Err(err!(InvalidArgument, "axis {} is named twice in {axes:?}", w[0])),
            None => Ok(found),
        }
    }
}

/// Row-major strides, in elements, of an array with these sizes.
pub fn strides_of(dims: &[usize]) -> Dims {
    let mut strides = Dims::from_elem(1, dims.len());
    for i in (1..dims.len()).rev() {
        strides[i - 1] = strides[i] * dims[i].max(1);
    }
    strides
}

impl Deref for Shape {
    type Target = [usize];
    fn deref(&self) -> &[usize] {
        &self.0
    }
}

impl From<&[usize]> for Shape {
    fn from(dims: &[usize]) -> Self {
        Self::new(dims)
    }
}

impl<const N: usize> From<[usize; N]> for Shape {
    fn from(dims: [usize; N]) -> Self {
        Self::new(&dims)
    }
}

impl<const N: usize> From<&[usize; N]> for Shape {
    fn from(dims: &[usize; N]) -> Self {
        Self::new(dims)
    }
}

impl From<Vec<usize>> for Shape {
    fn from(dims: Vec<usize>) -> Self {
        Self(Dims::from_vec(dims))
    }
}

impl From<&Vec<usize>> for Shape {
    fn from(dims: &Vec<usize>) -> Self {
        Self::new(dims)
    }
}

impl From<Dims> for Shape {
    fn from(dims: Dims) -> Self {
        Self(dims)
    }
}

impl From<&Shape> for Shape {
    fn from(shape: &Shape) -> Self {
        shape.clone()
    }
}

impl FromIterator<usize> for Shape {
    fn from_iter<I: IntoIterator<Item = usize>>(iter: I) -> Self {
        Self(iter.into_iter().collect())
    }
}

impl fmt::Display for Shape {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}", self.0.as_slice())
    }
}

impl fmt::Debug for Shape {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}
