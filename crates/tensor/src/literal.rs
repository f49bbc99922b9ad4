use half::{bf16, f16};
use num_complex::Complex32;

use crate::{Array, Dims, Item, Result, Shape, fail};

/// Nested Rust values that read as an array: scalars, arrays, vectors and slices of them.
pub trait Literal {
    /// The innermost type.
    type Item: Item;
    /// Appends the sizes of the axes, judged by the first element of each level.
    fn dims(&self, dims: &mut Dims);
    /// Appends the elements in row-major order; false if some level differs from `dims`.
    fn collect(&self, dims: &[usize], items: &mut Vec<Self::Item>) -> bool;
}

impl Array {
    /// The array of a nested literal. The element type decides the dtype: `1.0_f32` is float32, `1.0` float64.
    ///
    /// # Errors
    /// `shape_mismatch` when rows have different lengths.
    pub fn from_literal<L: Literal>(literal: L) -> Result<Array> {
        let mut dims = Dims::new();
        literal.dims(&mut dims);
        let mut items = Vec::with_capacity(dims.iter().product());
        if !literal.collect(&dims, &mut items) {
            fail!(ShapeMismatch, "nested literal: rows have different lengths (the first ones give {dims:?})");
        }
        Item::pack(items, Shape::from(dims))
    }
}

macro_rules! scalars {
    ($($t:ty)+) => { $(
        impl Literal for $t {
            type Item = $t;
            fn dims(&self, _: &mut Dims) {}
            fn collect(&self, dims: &[usize], items: &mut Vec<$t>) -> bool {
                items.push(self.clone());
                dims.is_empty()
            }
        }
    )+ };
}

scalars!(bool i8 i16 i32 i64 u8 u16 u32 u64 f16 bf16 f32 f64 Complex32 String);

impl Literal for &str {
    type Item = String;
    fn dims(&self, _: &mut Dims) {}
    fn collect(&self, dims: &[usize], items: &mut Vec<String>) -> bool {
        items.push((*self).to_string());
        dims.is_empty()
    }
}

fn dims_of<L: Literal>(rows: &[L], dims: &mut Dims) {
    dims.push(rows.len());
    if let Some(first) = rows.first() {
        first.dims(dims);
    }
}

fn collect_rows<L: Literal>(rows: &[L], dims: &[usize], items: &mut Vec<L::Item>) -> bool {
    dims.first() == Some(&rows.len()) && rows.iter().all(|r| r.collect(&dims[1..], items))
}

impl<L: Literal, const N: usize> Literal for [L; N] {
    type Item = L::Item;
    fn dims(&self, dims: &mut Dims) {
        dims_of(self, dims);
    }
    fn collect(&self, dims: &[usize], items: &mut Vec<L::Item>) -> bool {
        collect_rows(self, dims, items)
    }
}

impl<L: Literal> Literal for Vec<L> {
    type Item = L::Item;
    fn dims(&self, dims: &mut Dims) {
        dims_of(self, dims);
    }
    fn collect(&self, dims: &[usize], items: &mut Vec<L::Item>) -> bool {
        collect_rows(self, dims, items)
    }
}

impl<L: Literal> Literal for &[L] {
    type Item = L::Item;
    fn dims(&self, dims: &mut Dims) {
        dims_of(self, dims);
    }
    fn collect(&self, dims: &[usize], items: &mut Vec<L::Item>) -> bool {
        collect_rows(self, dims, items)
    }
}

impl<L: Literal, const N: usize> Literal for &[L; N] {
    type Item = L::Item;
    fn dims(&self, dims: &mut Dims) {
        dims_of(*self, dims);
    }
    fn collect(&self, dims: &[usize], items: &mut Vec<L::Item>) -> bool {
        collect_rows(*self, dims, items)
    }
}

impl<L: Literal> Literal for &Vec<L> {
    type Item = L::Item;
    fn dims(&self, dims: &mut Dims) {
        dims_of(self, dims);
    }
    fn collect(&self, dims: &[usize], items: &mut Vec<L::Item>) -> bool {
        collect_rows(self, dims, items)
    }
}
