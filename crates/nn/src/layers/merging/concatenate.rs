use cornet_error::{Result, err, fail};
use cornet_ops::Tensor;
use serde_json::{Map, Value, json};
use smallvec::smallvec;

use crate::layers::layer::common_arguments;
use crate::layers::{Call, Layer, LayerBase, Masks, Tensors, Weights};
use crate::saving::config::{Config, map};
use crate::shape::PartialShape;

/// The inputs behind each other along an axis.
///
/// # Shapes
/// One or more of the same shape but for `axis`; the same with the sum of their sizes there.
/// # Errors
/// `shape_mismatch` where other axes differ.
/// # Source
/// Keras 3 `keras.layers.Concatenate`.
pub struct Concatenate {
    base: LayerBase,
    axis: isize,
}

impl Default for Concatenate {
    fn default() -> Self {
        Self::new()
    }
}

impl Concatenate {
    /// Along the last axis.
    pub fn new() -> Self {
        Self { base: LayerBase::new("Concatenate"), axis: -1 }
    }

    common_arguments!();

    /// Along this axis, counted from the back if it is negative; the batch is axis 0.
    #[must_use]
    pub fn axis(mut self, axis: isize) -> Self {
        self.axis = axis;
        self
    }

    pub(crate) fn from_config(config: &Config<'_>) -> Result<Self> {
        let axis = config.optional("axis", "an integer", Value::as_i64)?.unwrap_or(-1) as isize;
        Ok(Self { base: LayerBase::from_config(config)?, axis })
    }

    fn place(&self, rank: usize) -> Result<usize> {
        let place = if self.axis < 0 { rank.checked_sub(self.axis.unsigned_abs()) } else { Some(self.axis as usize) };
        match place.filter(|&place| place < rank) {
            Some(place) => Ok(place),
            None => fail!(OutOfRange, "axis: expected one of {rank}, found {}", self.axis),
        }
    }
}

impl Layer for Concatenate {
    fn class_name(&self) -> &str {
        "Concatenate"
    }

    fn base(&self) -> &LayerBase {
        &self.base
    }

    fn arguments(&self) -> Map<String, Value> {
        map(json!({"axis": self.axis}))
    }

    fn takes_list(&self) -> bool {
        true
    }

    fn has_build(&self) -> bool {
        true
    }

    fn build(&self, inputs: &[PartialShape], _weights: &mut Weights<'_>) -> Result<()> {
        self.compute_output_shape(inputs).map(|_| ())
    }

    fn call(&self, inputs: &[Tensor], _call: &Call<'_>) -> Result<Tensors> {
        Ok(smallvec![Tensor::concat(&inputs.iter().collect::<Vec<_>>(), self.axis)])
    }

    fn supports_masking(&self) -> bool {
        true
    }

    /// The masks behind each other; where one is missing, all of that input counts.
    fn compute_mask(&self, inputs: &[Tensor], call: &Call<'_>) -> Result<Masks> {
        if call.masks.iter().all(Option::is_none) {
            return Ok(smallvec![None]);
        }
        let mut masks = Vec::with_capacity(inputs.len());
        for (i, input) in inputs.iter().enumerate() {
            let shape = input.shape()?;
            masks.push(match call.masks.get(i).and_then(Option::as_ref) {
                None => Tensor::full(shape, 1.0, cornet_tensor::DType::Bool),
                Some(mask) => {
                    let rank = mask.shape()?.rank();
                    let wide: Vec<usize> =
                        mask.shape()?.iter().copied().chain(std::iter::repeat_n(1, shape.rank() - rank)).collect();
                    mask.reshape(wide).broadcast_to(shape)
                }
            });
        }
        let last = inputs[0].shape()?.rank() as isize - 1;
        Ok(smallvec![Some(Tensor::concat(&masks.iter().collect::<Vec<_>>(), self.axis).any(&[last], false))])
    }

    fn compute_output_shape(&self, inputs: &[PartialShape]) -> Result<Vec<PartialShape>> {
        let Some(first) = inputs.first() else { fail!(InvalidArgument, "inputs: expected at least 1, found none") };
        let axis = self.place(first.rank())?;
        let mut shape = first.clone();
        for other in &inputs[1..] {
            let fits = other.rank() == shape.rank()
                && (0..shape.rank()).all(|i| i == axis || shape.0[i].zip(other.0[i]).is_none_or(|(a, b)| a == b));
            if !fits {
                return Err(err!(
                    ShapeMismatch,
                    "inputs: expected equal shapes but for axis {}, found others",
                    self.axis
                )
                .operand("inputs", inputs.iter().map(PartialShape::to_string).collect::<Vec<_>>().join(", ")));
            }
            shape.0[axis] = shape.0[axis].zip(other.0[axis]).map(|(a, b)| a + b);
        }
        Ok(vec![shape])
    }
}
