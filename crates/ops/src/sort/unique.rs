//! `unique`: every value once.

use super::Keys;
use crate::core::prelude::*;
use crate::index::nonzero::data_dependent;

/// The op.
pub static OP: Op = Op {
    name: "unique",
    doc: "The first `size` distinct slices along axis 0, in ascending lexicographic order, with zeros where there are \
          fewer; for each, the index of its first occurrence (0 where there is none) and the count; and for each slice \
          of x the index of its value, at most `size - 1`. NaN equals NaN.",
    source: "Keras 3 keras.ops.unique",
    attrs: &["size"],
    dtypes: DTypes::Ordered,
    infer,
    reference: Reference::Whole(reference),
    gradient: Gradient::None("which values occur changes with them"),
    cases: Cases::Of(|| {
        vec![
            Case::new([ints(&[20], 0, 6)], attrs! { size: 6 }),
            Case::new([distinct(&[5])], attrs! { size: 3 }).without_gradient(),
            Case::new([ints(&[9, 2], 0, 2)], attrs! { size: 4 }),
            Case::new([any(&[0])], attrs! { size: 2 }).without_gradient(),
        ]
    }),
    ..Op::BASE
};

/// What [`Tensor::unique`] answers.
#[derive(Clone, Debug)]
pub struct Unique {
    /// The distinct values, ascending.
    pub values: Tensor,
    /// Where each occurs first, int32.
    pub index: Tensor,
    /// For each element the index of its value, int32.
    pub inverse: Tensor,
    /// How often each occurs, int32.
    pub counts: Tensor,
}

fn infer(call: &Call<'_>) -> Result<Types> {
    let size = call.attrs.size("size")?;
    let mut to = Dims::from_slice(call.shape(0));
    let Some(n) = to.first().copied() else { fail!(RankMismatch, "expected at least 1 axis, found none") };
    to[0] = size;
    let of = |n: usize| Type::new(DType::I32, [n]);
    Ok(smallvec![Type::new(call.dtype(0), Shape::checked(&to, call.dtype(0).size())?), of(size), of(n), of(size)])
}

/// The slices along axis 0 in groups of equal ones, groups and members in order.
fn groups(x: &Array) -> Result<Vec<Vec<usize>>> {
    let (keys, n) = (Keys::of(x)?, x.shape()[0]);
    let inner: usize = x.shape()[1..].iter().product();
    let compare = |a: usize, b: usize| {
        (0..inner)
            .map(|i| keys.compare(a * inner + i, b * inner + i))
            .find(|o| o.is_ne())
            .unwrap_or(std::cmp::Ordering::Equal)
    };
    let mut order: Vec<usize> = (0..n).collect();
    order.sort_by(|&a, &b| compare(a, b));
    Ok(order.chunk_by(|&a, &b| compare(a, b).is_eq()).map(<[usize]>::to_vec).collect())
}

fn reference(call: &Call<'_>, x: &[Array]) -> Result<Vec<Array>> {
    let (size, types, groups) = (call.attrs.size("size")?, call.infer()?, groups(&x[0])?);
    let mut inverse = vec![0_i32; x[0].shape()[0]];
    for (g, members) in groups.iter().enumerate() {
        members.iter().for_each(|&m| inverse[m] = g.min(size.saturating_sub(1)) as i32);
    }
    let firsts: Vec<usize> = groups.iter().take(size).map(|g| g[0]).collect();
    let mut index: Vec<i32> = firsts.iter().map(|&i| i as i32).collect();
    let mut counts: Vec<i32> = groups.iter().take(size).map(|g| g.len() as i32).collect();
    index.resize(size, 0);
    counts.resize(size, 0);
    let inner: usize = x[0].shape()[1..].iter().product();
    let mut values = Array::zeros(types[0].dtype, &types[0].shape);
    let row = inner * types[0].dtype.size();
    for (to, &from) in firsts.iter().enumerate() {
        values.bytes_mut()[to * row..][..row].copy_from_slice(&x[0].bytes()[from * row..][..row]);
    }
    Ok(vec![
        values,
        Array::from_slice(&index, [size])?,
        Array::from_slice(&inverse, [inverse.len()])?,
        Array::from_slice(&counts, [size])?,
    ])
}

impl Tensor {
    /// The distinct elements of the flattened tensor, or with an axis the distinct slices along it, ascending. With a
    /// `size`, so many of them: zeros follow where there are fewer.
    ///
    /// `inverse` has the shape of this tensor, or is one number a slice.
    ///
    /// # Errors
    /// `data_dependent_shape` for a traced tensor without a size; `out_of_range`.
    #[track_caller]
    pub fn unique(&self, axis: Option<isize>, size: Option<usize>) -> Result<Unique> {
        let shape = self.shape()?;
        let x = match axis {
            Some(axis) => self.moveaxis(&[axis], &[0]),
            None => self.ravel(),
        };
        let size = match size {
            Some(size) => size,
            None if x.is_traced() => return Err(data_dependent("unique", "give a size")),
            None => groups(&x.array()?)?.len(),
        };
        let [values, index, inverse, counts] = call_n(&OP, &[&x], attrs! { size: size });
        let found = match axis {
            Some(axis) => Unique { values: values.moveaxis(&[0], &[axis]), index, inverse, counts },
            None => Unique { values, index, inverse: inverse.reshape(shape), counts },
        };
        match found.values.error() {
            Some(error) => Err(error.clone()),
            None => Ok(found),
        }
    }
}
