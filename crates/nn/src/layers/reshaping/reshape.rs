use cornet_error::{Result, err, fail};
use cornet_ops::Tensor;
use cornet_tensor::DType;
use serde_json::{Map, Value, json};
use smallvec::smallvec;

use super::kept_dtypes;
use crate::layers::layer::common_arguments;
use crate::layers::{Call, Layer, LayerBase, Tensors, Weights};
use crate::saving::config::{Config, map};
use crate::shape::PartialShape;

/// Brings each sample to another shape; one of its sizes may be -1, which is found out.
///
/// # Shapes
/// `x`: `[batch, …]`; `y`: `[batch, target shape…]` with as many elements.
/// # Errors
/// `shape_mismatch` for another number of elements; `invalid_argument` for more than one -1, or other negative sizes.
/// # Source
/// Keras 3 `keras.layers.Reshape`.
pub struct Reshape {
    base: LayerBase,
    target_shape: Vec<isize>,
}

impl Reshape {
    /// To this shape, without the batch.
    pub fn new(target_shape: impl Into<Vec<isize>>) -> Self {
        Self { base: LayerBase::new("Reshape"), target_shape: target_shape.into() }
    }

    common_arguments!();

    pub(crate) fn from_config(config: &Config<'_>) -> Result<Self> {
        let target_shape = config.need("target_shape", "a list of sizes", |value| {
            value.as_array()?.iter().map(|size| size.as_i64().map(|size| size as isize)).collect::<Option<Vec<_>>>()
        })?;
        Ok(Self { base: LayerBase::from_config(config)?, target_shape })
    }

    /// The shape of the samples, where -1 is open if theirs is.
    fn target(&self, input: &PartialShape) -> Result<Vec<Option<usize>>> {
        if self.target_shape.iter().any(|&size| size < -1) || self.target_shape.iter().filter(|&&s| s == -1).count() > 1
        {
            let found = &self.target_shape;
            fail!(InvalidArgument, "target_shape: expected sizes and at most one -1, found {found:?}");
        }
        let sample = input.get(1..).unwrap_or(&[]);
        let elements = match sample.iter().copied().collect::<Option<Vec<usize>>>() {
            Some(sizes) => product(sizes),
            None => return Ok(self.target_shape.iter().map(|&size| usize::try_from(size).ok()).collect()),
        };
        let known = product(self.target_shape.iter().filter_map(|&size| usize::try_from(size).ok()));
        let (Some(elements), Some(known)) = (elements, known) else {
            fail!(LimitExceeded, "target_shape: expected a size that memory has, found {:?}", self.target_shape);
        };
        let is_inferred = self.target_shape.contains(&-1);
        let fits = if is_inferred { known > 0 && elements.is_multiple_of(known) } else { known == elements };
        if !fits {
            return Err(err!(
                ShapeMismatch,
                "target_shape: expected {elements} elements, found {:?}",
                self.target_shape
            )
            .operand("input", input));
        }
        Ok(self.target_shape.iter().map(|&s| Some(usize::try_from(s).unwrap_or(elements / known.max(1)))).collect())
    }
}

fn product(sizes: impl IntoIterator<Item = usize>) -> Option<usize> {
    sizes.into_iter().try_fold(1, usize::checked_mul)
}

impl Layer for Reshape {
    fn class_name(&self) -> &str {
        "Reshape"
    }

    fn base(&self) -> &LayerBase {
        &self.base
    }

    fn arguments(&self) -> Map<String, Value> {
        map(json!({"target_shape": &self.target_shape}))
    }

    fn build(&self, inputs: &[PartialShape], _weights: &mut Weights<'_>) -> Result<()> {
        self.target(&inputs[0]).map(|_| ())
    }

    fn call(&self, inputs: &[Tensor], _call: &Call<'_>) -> Result<Tensors> {
        let shape = inputs[0].shape()?;
        let target = self.compute_output_shape(&[PartialShape::from(shape)])?;
        Ok(smallvec![inputs[0].reshape(target[0].with_open(0))])
    }

    fn compute_output_shape(&self, inputs: &[PartialShape]) -> Result<Vec<PartialShape>> {
        let batch = inputs[0].first().copied().flatten();
        Ok(vec![PartialShape([batch].into_iter().chain(self.target(&inputs[0])?).collect())])
    }

    fn compute_output_dtype(&self, inputs: &[DType], _outputs: usize) -> Vec<DType> {
        kept_dtypes(&self.base, inputs)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_size_is_found_out() {
        let of = |target: &[isize], sample: &[Option<usize>]| {
            Reshape::new(target.to_vec())
                .compute_output_shape(&[PartialShape::batch_of(sample)])
                .map(|s| s[0].to_string())
        };
        assert_eq!(of(&[-1, 2], &[Some(3), Some(4)]).unwrap(), "(None, 6, 2)");
        assert_eq!(of(&[-1, 2], &[None, Some(4)]).unwrap(), "(None, None, 2)");
        assert_eq!(of(&[12], &[Some(3), Some(4)]).unwrap(), "(None, 12)");
        assert_eq!(of(&[], &[Some(1)]).unwrap(), "(None,)");
        for target in [&[5, -1][..], &[-1, -1], &[-2, 6], &[5], &[0, -1], &[isize::MAX, 3]] {
            assert!(of(target, &[Some(3), Some(4)]).is_err(), "{target:?}");
        }
    }
}
