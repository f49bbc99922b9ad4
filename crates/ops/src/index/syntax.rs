//! The indexing syntax: `x.index(s![1.., ..;2, NewAxis, -1])`.

use std::ops::{Range, RangeFrom, RangeFull, RangeInclusive, RangeTo, RangeToInclusive};

use super::ScatterMode;
use crate::core::prelude::*;

/// What stands between two commas of an index.
#[derive(Clone)]
pub enum Slot {
    /// One element of an axis, which vanishes; negative counts from the end.
    At(i64),
    /// A range of an axis, by Python's rules: negative bounds count from the end, bounds beyond the axis are cut, a
    /// negative step walks backwards.
    Span {
        /// Where it begins; at the near end if open.
        start: Option<i64>,
        /// Where it ends, itself not included; at the far end if open.
        stop: Option<i64>,
        /// The stride.
        step: i64,
    },
    /// As many whole axes as the other slots leave.
    Ellipsis,
    /// A new axis of size 1.
    NewAxis,
    /// Integers that name elements of an axis, or a bool mask of one or more axes. Their shape takes the axis's place;
    /// several of them stand side by side, broadcast against each other, and name places on as many axes.
    Tensor(Tensor),
}

/// In an index: as many whole axes as the others leave. `s![...]` writes it as `...`.
#[derive(Clone, Copy, Debug)]
pub struct Ellipsis;

/// In an index: a new axis of size 1.
#[derive(Clone, Copy, Debug)]
pub struct NewAxis;

/// What [`Tensor::index`] takes: slots, one an axis, made by [`s!`](crate::s).
#[derive(Clone)]
pub struct Index(pub Vec<Slot>);

/// An [`Index`]: integers, ranges with steps behind a semicolon, `...`, `NewAxis` and tensors, as NumPy's brackets;
/// but an integer beside a tensor is an integer still, not a tensor of one.
///
/// | NumPy | Cornet |
/// |---|---|
/// | `x[0]` | `x.index(s![0])` |
/// | `x[1:, ::2]` | `x.index(s![1.., ..;2])` |
/// | `x[::-1]` | `x.index(s![..;-1])` |
/// | `x[..., -1]` | `x.index(s![..., -1])` |
/// | `x[:, None]` | `x.index(s![.., NewAxis])` |
/// | `x[ids, :3]` | `x.index(s![&ids, ..3])` |
#[macro_export]
macro_rules! s {
    (@slots [$($done:expr),*]) => { $crate::Index(vec![$($done),*]) };
    (@slots [$($done:expr),*] ...) => { $crate::s!(@slots [$($done,)* $crate::Slot::Ellipsis]) };
    (@slots [$($done:expr),*] ... , $($rest:tt)*) => {
        $crate::s!(@slots [$($done,)* $crate::Slot::Ellipsis] $($rest)*)
    };
    (@slots [$($done:expr),*] $range:expr ; $step:expr) => {
        $crate::s!(@slots [$($done,)* $crate::Slot::from($range).by($step)])
    };
    (@slots [$($done:expr),*] $range:expr ; $step:expr , $($rest:tt)*) => {
        $crate::s!(@slots [$($done,)* $crate::Slot::from($range).by($step)] $($rest)*)
    };
    (@slots [$($done:expr),*] $slot:expr) => { $crate::s!(@slots [$($done,)* $crate::Slot::from($slot)]) };
    (@slots [$($done:expr),*] $slot:expr , $($rest:tt)*) => {
        $crate::s!(@slots [$($done,)* $crate::Slot::from($slot)] $($rest)*)
    };
    ($($slots:tt)*) => { $crate::s!(@slots [] $($slots)*) };
}

macro_rules! slots {
    ($($int:ty)+) => { $(
        impl From<$int> for Slot {
            fn from(i: $int) -> Slot { Slot::At(i as i64) }
        }
        impl From<Range<$int>> for Slot {
            fn from(r: Range<$int>) -> Slot { Slot::span(Some(r.start as i64), Some(r.end as i64)) }
        }
        impl From<RangeFrom<$int>> for Slot {
            fn from(r: RangeFrom<$int>) -> Slot { Slot::span(Some(r.start as i64), None) }
        }
        impl From<RangeTo<$int>> for Slot {
            fn from(r: RangeTo<$int>) -> Slot { Slot::span(None, Some(r.end as i64)) }
        }
        impl From<RangeInclusive<$int>> for Slot {
            fn from(r: RangeInclusive<$int>) -> Slot { Slot::span(Some(*r.start() as i64), after(*r.end() as i64)) }
        }
        impl From<RangeToInclusive<$int>> for Slot {
            fn from(r: RangeToInclusive<$int>) -> Slot { Slot::span(None, after(r.end as i64)) }
        }
    )+ };
}
slots!(i32 i64 isize usize);

/// The open end behind the last element `i` of a range.
fn after(i: i64) -> Option<i64> {
    if i == -1 { None } else { Some(i.saturating_add(1)) }
}

impl From<RangeFull> for Slot {
    fn from(_: RangeFull) -> Slot {
        Slot::span(None, None)
    }
}

impl From<Ellipsis> for Slot {
    fn from(_: Ellipsis) -> Slot {
        Slot::Ellipsis
    }
}

impl From<NewAxis> for Slot {
    fn from(_: NewAxis) -> Slot {
        Slot::NewAxis
    }
}

impl From<&Tensor> for Slot {
    fn from(t: &Tensor) -> Slot {
        Slot::Tensor(t.clone())
    }
}

impl From<Tensor> for Slot {
    fn from(t: Tensor) -> Slot {
        Slot::Tensor(t)
    }
}

impl<T: Into<Slot>> From<T> for Index {
    fn from(slot: T) -> Index {
        Index(vec![slot.into()])
    }
}

impl Slot {
    fn span(start: Option<i64>, stop: Option<i64>) -> Slot {
        Slot::Span { start, stop, step: 1 }
    }

    /// The same range in steps of `step`. What is no range stays as it is.
    #[must_use]
    pub fn by(self, step: i64) -> Slot {
        match self {
            Slot::Span { start, stop, .. } => Slot::Span { start, stop, step },
            other => other,
        }
    }

    /// How many axes of the tensor the slot speaks of.
    fn axes(&self) -> Result<usize> {
        Ok(match self {
            Slot::At(_) | Slot::Span { .. } => 1,
            Slot::Ellipsis | Slot::NewAxis => 0,
            Slot::Tensor(t) if t.dtype()? == DType::Bool => t.rank()?,
            Slot::Tensor(_) => 1,
        })
    }
}

/// First element, count and step of a range on an axis of `n`, by Python's rules.
fn resolve(start: Option<i64>, stop: Option<i64>, step: i64, n: usize) -> Result<(i64, usize, i64)> {
    if step == 0 {
        fail!(InvalidArgument, "index: the step of a range is 0");
    }
    let n = n as i64;
    let (low, high) = if step > 0 { (0, n) } else { (-1, n - 1) };
    let bound = |b: i64| (if b < 0 { b.saturating_add(n) } else { b }).clamp(low, high);
    let first = start.map_or(if step > 0 { low } else { high }, bound);
    let last = stop.map_or(if step > 0 { high } else { low }, bound);
    let span = if step > 0 { last - first } else { first - last };
    let count = if span <= 0 { 0 } else { (span as u64 - 1) / step.unsigned_abs() + 1 };
    Ok((if count == 0 { 0 } else { first }, count as usize, step))
}

/// An index against a shape: a slice that keeps every axis, and what becomes of each of its axes.
#[derive(Default)]
struct Plan {
    start: Vec<i64>,
    size: Vec<usize>,
    step: Vec<i64>,
    /// The result's axes in order.
    axes: Vec<Axis>,
}

enum Axis {
    Kept(usize),
    Dropped,
    New,
    /// Integers that name places on an axis.
    Picked(Tensor),
}

impl Plan {
    fn of(index: &Index, shape: &Shape) -> Result<Plan> {
        let used: usize = index.0.iter().map(Slot::axes).sum::<Result<usize>>()?;
        let dots = index.0.iter().filter(|s| matches!(s, Slot::Ellipsis)).count();
        if dots > 1 {
            fail!(InvalidArgument, "index: expected one ellipsis at most, found {dots}");
        }
        if used > shape.rank() {
            fail!(RankMismatch, "index: {used} axes indexed of {shape}, which has {}", shape.rank());
        }
        let mut plan = Plan::default();
        for slot in &index.0 {
            let axis = plan.size.len();
            match slot {
                Slot::At(i) => {
                    plan.span(super::wrap(*i, shape[axis], axis)? as i64, 1, 1);
                    plan.axes.push(Axis::Dropped);
                }
                Slot::Span { start, stop, step } => {
                    let (start, count, step) = resolve(*start, *stop, *step, shape[axis])?;
                    plan.span(start, count, step);
                    plan.axes.push(Axis::Kept(count));
                }
                Slot::NewAxis => plan.axes.push(Axis::New),
                Slot::Ellipsis => plan.rest(&shape[axis..axis + shape.rank() - used]),
                Slot::Tensor(t) if t.dtype()? == DType::Bool => {
                    let named = &shape[axis..axis + t.rank()?];
                    if t.shape()?.as_slice() != named {
                        fail!(ShapeMismatch, "index: mask: expected {named:?}, found {}", t.shape()?);
                    }
                    for (places, &n) in t.nonzero()?.into_iter().zip(named) {
                        plan.span(0, n, 1);
                        plan.axes.push(Axis::Picked(places));
                    }
                }
                Slot::Tensor(t) => {
                    super::index_dtype(t.dtype()?)?;
                    plan.span(0, shape[axis], 1);
                    plan.axes.push(Axis::Picked(t.clone()));
                }
            }
        }
        plan.rest(&shape[plan.size.len()..]);
        Ok(plan)
    }

    fn span(&mut self, start: i64, size: usize, step: i64) {
        self.start.push(start);
        self.size.push(size);
        self.step.push(step);
    }

    fn rest(&mut self, sizes: &[usize]) {
        for &n in sizes {
            self.span(0, n, 1);
            self.axes.push(Axis::Kept(n));
        }
    }

    /// The tensor with its basic slots applied: the shape it then has, picked axes still whole.
    fn basic_shape(&self, shape: &Shape) -> (Shape, Vec<(usize, &Tensor)>) {
        let (mut to, mut picks, mut axis) = (Dims::new(), Vec::new(), 0);
        for part in &self.axes {
            match part {
                Axis::Kept(n) => to.push(*n),
                Axis::New => to.push(1),
                Axis::Dropped => {}
                Axis::Picked(t) => {
                    picks.push((to.len(), t));
                    to.push(shape[axis]);
                }
            }
            axis += usize::from(!matches!(part, Axis::New));
        }
        (Shape::from(to), picks)
    }
}

/// `y` with each picked axis replaced by what its indices name; the axes must stand side by side.
fn pick(y: &Tensor, picks: &[(usize, &Tensor)]) -> Result<Tensor> {
    let (first, count) = (picks[0].0, picks.len());
    if let [(axis, indices)] = picks {
        return Ok(y.take(indices, *axis as isize));
    }
    let (at, rank) = side_by_side(picks)?;
    let front = y.move_axes_first(first, count).gather_nd(&at);
    // The places' axes return to where the picked ones stood.
    let from: Vec<isize> = (0..rank as isize).collect();
    let to: Vec<isize> = from.iter().map(|a| a + first as isize).collect();
    Ok(front.moveaxis(&from, &to))
}

/// The indices of several picked axes, stacked along a last axis, and how many axes each of them has.
fn side_by_side(picks: &[(usize, &Tensor)]) -> Result<(Tensor, usize)> {
    if picks.windows(2).any(|w| w[0].0 + 1 != w[1].0) {
        return Err(err!(Unsupported, "index: tensors that index axes apart from each other")
            .help("transpose the axes side by side first, or index one after the other"));
    }
    let mut shape = Shape::scalar();
    for (_, t) in picks {
        shape = shape.broadcast(&t.shape()?)?;
    }
    let wide: Vec<Tensor> = picks.iter().map(|(_, t)| t.cast(DType::I64).broadcast_to(&shape)).collect();
    Ok((Tensor::stack(&wide.iter().collect::<Vec<_>>(), -1), shape.rank()))
}

impl Tensor {
    /// The part that an index names: `x.index(s![1.., ..;2, NewAxis, -1])`.
    ///
    /// ```
    /// use cornet_ops::{NewAxis, Tensor, s};
    /// let x = Tensor::of([[1, 2, 3, 4], [5, 6, 7, 8]]);
    /// assert_eq!(x.index(s![-1]).to_vec::<i32>()?, [5, 6, 7, 8]);
    /// assert_eq!(x.index(s![.., 1..;2]).to_vec::<i32>()?, [2, 4, 6, 8]);
    /// assert_eq!(x.index(s![..., ..;-1]).to_vec::<i32>()?, [4, 3, 2, 1, 8, 7, 6, 5]);
    /// assert_eq!(x.index(s![0, NewAxis]).shape()?.as_slice(), [1, 4]);
    /// assert_eq!(x.index(s![&Tensor::of([1, 0, 1]), 0]).to_vec::<i32>()?, [5, 1, 5]);
    /// # Ok::<(), cornet_tensor::Error>(())
    /// ```
    ///
    /// # Errors
    /// `out_of_range` for an element that does not exist (ranges are cut instead); `rank_mismatch` for more slots than
    /// axes; `unsupported` for several index tensors that do not stand side by side.
    #[track_caller]
    pub fn index(&self, index: impl Into<Index>) -> Tensor {
        Tensor::lift(|| {
            let shape = self.shape()?;
            let plan = Plan::of(&index.into(), &shape)?;
            let (to, picks) = plan.basic_shape(&shape);
            let y = self.slice_with(&plan.start, &plan.size, &plan.step).reshape(to);
            if picks.is_empty() { Ok(y) } else { pick(&y, &picks) }
        })
    }

    /// This tensor with `values`, in its dtype and broadcast, in place of the part that an index names.
    ///
    /// ```
    /// use cornet_ops::{Tensor, s};
    /// let x = Tensor::of([[1, 2], [3, 4]]);
    /// assert_eq!(x.index_update(s![.., 0], &Tensor::of([9, 8])).to_vec::<i32>()?, [9, 2, 8, 4]);
    /// # Ok::<(), cornet_tensor::Error>(())
    /// ```
    ///
    /// # Errors
    /// As [`Tensor::index`], and `shape_mismatch` for values that do not broadcast to the part.
    #[track_caller]
    pub fn index_update(&self, index: impl Into<Index>, values: &Tensor) -> Tensor {
        self.index_scatter(index, values, ScatterMode::Update)
    }

    /// This tensor with `values` added to the part that an index names; where it names an element twice, both count.
    ///
    /// # Errors
    /// As [`Tensor::index_update`].
    #[track_caller]
    pub fn index_add(&self, index: impl Into<Index>, values: &Tensor) -> Tensor {
        self.index_scatter(index, values, ScatterMode::Add)
    }

    /// This tensor with `values` written by `mode` to the part that an index names.
    ///
    /// # Errors
    /// As [`Tensor::index_update`].
    #[track_caller]
    pub fn index_scatter(&self, index: impl Into<Index>, values: &Tensor, mode: ScatterMode) -> Tensor {
        Tensor::lift(|| {
            let shape = self.shape()?;
            let index = index.into();
            let plan = Plan::of(&index, &shape)?;
            let (to, picks) = plan.basic_shape(&shape);
            let values = values.cast_like(self);
            let plain = mode == ScatterMode::Update && picks.is_empty();
            if plain && plan.step.iter().zip(&plan.size).all(|(&s, &n)| s == 1 || n <= 1) {
                let start = Tensor::from_slice(&plan.start, [plan.start.len()]);
                let part = values.broadcast_to(to).reshape(&plan.size[..]);
                return Ok(self.dynamic_update_slice(&part, &start));
            }
            // The flat positions of the part, found by indexing them as the tensor is indexed.
            let flat = Tensor::iota([shape.elements()], 0, DType::I64).reshape(&shape).index(index);
            let part = values.broadcast_to(flat.shape()?);
            Ok(self.ravel().scatter_nd(&flat.expand_dims(&[-1]), &part, mode).reshape(shape))
        })
    }
}
