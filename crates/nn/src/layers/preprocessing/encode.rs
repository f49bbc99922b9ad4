//! Category numbers as what layers put out.
//!
//! Source: Keras 3.15.1, `keras.src.utils.numerical_utils`.

use cornet_error::{Result, err};
use cornet_ops::Tensor;
use cornet_tensor::{DType, Shape};

use crate::arg::{Choice, unknown};
use crate::shape::PartialShape;

/// What becomes of a sample's category numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OutputMode {
    /// The numbers.
    Int,
    /// Each number as a row of zeros with a one.
    OneHot,
    /// One row a sample, with ones for the numbers that occur.
    MultiHot,
    /// One row a sample, with how often each number occurs.
    Count,
    /// The counts weighted by how rare each number is.
    TfIdf,
}

const NAMES: &[(&str, OutputMode)] = &[
    ("int", OutputMode::Int),
    ("one_hot", OutputMode::OneHot),
    ("multi_hot", OutputMode::MultiHot),
    ("count", OutputMode::Count),
    ("tf_idf", OutputMode::TfIdf),
];

impl Choice for OutputMode {
    fn parse(name: &str) -> Result<Self> {
        let name = match name {
            "binary" => "multi_hot",
            "tf-idf" => "tf_idf",
            name => name,
        };
        let known: Vec<&str> = NAMES.iter().map(|(name, _)| *name).collect();
        let found = NAMES.iter().find(|(known, _)| *known == name).map(|(_, mode)| *mode);
        found.ok_or_else(|| unknown("output_mode", name, &known))
    }
}

impl OutputMode {
    /// Keras's word.
    pub fn name(self) -> &'static str {
        NAMES.iter().find(|(_, mode)| *mode == self).map_or("", |(name, _)| name)
    }

    /// Fails unless the mode is one of these.
    pub(super) fn one_of(self, modes: &[Self]) -> Result<()> {
        let known: Vec<&str> = modes.iter().map(|mode| mode.name()).collect();
        if modes.contains(&self) { Ok(()) } else { Err(unknown("output_mode", self.name(), &known)) }
    }
}

/// Sparse results are not among what Cornet has.
pub(super) fn refuse_sparse(sparse: bool) -> Result<()> {
    match sparse {
        false => Ok(()),
        true => Err(err!(Unsupported, "sparse: expected false, found true")
            .help("Cornet's tensors are dense: the results are the same without it")),
    }
}

/// Encodes category numbers below `depth`; others count for nothing. Counts may be weighted.
///
/// # Errors
/// `limit_exceeded` for a result beyond memory; failures that tensors carry.
pub(super) fn encode(
    x: &Tensor,
    mode: OutputMode,
    depth: usize,
    dtype: DType,
    weights: Option<&Tensor>,
) -> Result<Tensor> {
    let shape = x.shape()?;
    let x = if shape.rank() == 0 { x.reshape([1]) } else { x.clone() };
    let shape = x.shape()?;
    match mode {
        OutputMode::Int => Ok(x.cast(dtype)),
        OutputMode::OneHot => {
            let x = match shape.split_last() {
                Some((1, rest)) if !rest.is_empty() => x.reshape(rest),
                _ => x,
            };
            Shape::checked(&[x.shape()?.as_slice(), &[depth]].concat(), dtype.size())?;
            Ok(x.cast(DType::I32).one_hot(depth, -1, dtype))
        }
        OutputMode::MultiHot | OutputMode::Count | OutputMode::TfIdf => {
            let counts = count(&x, depth, weights)?;
            Ok(match mode {
                OutputMode::MultiHot => counts.greater(0.0).cast(dtype),
                _ => counts.cast(dtype),
            })
        }
    }
}

/// How often each number occurs along axis 1, or along the one axis that there is: float32 `[batch, …, depth]`.
fn count(x: &Tensor, depth: usize, weights: Option<&Tensor>) -> Result<Tensor> {
    let shape = x.shape()?;
    let axis = usize::from(shape.rank() > 1);
    // What is counted comes last; each row before it has bins of its own, and one for what is out of range.
    let last = |t: &Tensor| t.moveaxis(&[axis as isize], &[-1]);
    let rows: Vec<usize> = shape.iter().enumerate().filter(|(i, _)| *i != axis).map(|(_, n)| *n).collect();
    let (count, each) = (rows.iter().product::<usize>(), shape[axis]);
    let bins = Shape::checked(&[count, depth + 1], size_of::<f32>())?.elements();
    let numbers = last(x).reshape([count, each]).cast(DType::I64);
    let inside = numbers.greater_equal(0_i64).logical_and(numbers.less(depth as i64));
    let own = inside.where_(&numbers, depth as i64);
    let offsets = (Tensor::range(count).cast(DType::I64) * (depth as i64 + 1)).reshape([count, 1]);
    let places = (own + offsets).reshape([count * each]);
    let weights = weights.map(|w| last(w).reshape([count * each]).cast(DType::F32));
    let counts = places.bincount_sized(weights.as_ref(), bins).cast(DType::F32);
    let kept = counts.reshape([count, depth + 1]).index(cornet_ops::s![.., ..depth as i64]);
    Ok(kept.reshape(rows.into_iter().chain([depth]).collect::<Shape>()))
}

/// The shape of encoded numbers.
pub(super) fn encoded_shape(input: &PartialShape, mode: OutputMode, depth: usize) -> PartialShape {
    let mut shape = input.0.clone();
    match mode {
        OutputMode::Int => return input.clone(),
        OutputMode::OneHot => {
            if shape.len() > 1 && shape.last() == Some(&Some(1)) {
                shape.pop();
            }
        }
        _ if shape.len() > 1 => {
            shape.remove(1);
        }
        _ => shape.clear(),
    }
    shape.push(Some(depth));
    PartialShape(shape)
}
