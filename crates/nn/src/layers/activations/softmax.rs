use cornet_error::{Result, fail};
use cornet_ops::Tensor;
use cornet_tensor::DType;
use serde_json::{Map, Value, json};
use smallvec::smallvec;

use super::function_layer;
use crate::layers::layer::common_arguments;
use crate::layers::{Call, Layer, LayerBase, Tensors};
use crate::saving::config::{Config, map};

/// `exp(x) / Σ exp(x)` along one axis or over several.
///
/// # Shapes
/// As they come. A mask has the input's last axes, or 1 in their place; where it does not hold, the output is 0.
/// # Errors
/// `shape_mismatch` for a mask that does not fit; `out_of_range` for an axis that is not there.
/// # Source
/// Keras 3 `keras.layers.Softmax`.
pub struct Softmax {
    base: LayerBase,
    axes: Vec<isize>,
    is_list: bool,
}

impl Default for Softmax {
    fn default() -> Self {
        Self::new()
    }
}

impl Softmax {
    /// The layer along the last axis.
    pub fn new() -> Self {
        Self { base: LayerBase::new("Softmax"), axes: vec![-1], is_list: false }
    }

    /// Along this axis.
    #[must_use]
    pub fn axis(mut self, axis: isize) -> Self {
        (self.axes, self.is_list) = (vec![axis], false);
        self
    }

    /// Over these axes together.
    #[must_use]
    pub fn axes(mut self, axes: impl IntoIterator<Item = isize>) -> Self {
        (self.axes, self.is_list) = (axes.into_iter().collect(), true);
        self
    }

    common_arguments!();

    pub(crate) fn from_config(config: &Config<'_>) -> Result<Self> {
        let base = LayerBase::from_config(config)?;
        let axis = |value: &Value| value.as_i64().map(|axis| axis as isize);
        let list = |value: &Value| match value.as_array() {
            Some(list) => {
                list.iter().map(axis).collect::<Option<Vec<_>>>().filter(|l| !l.is_empty()).map(|l| (l, true))
            }
            None => axis(value).map(|axis| (vec![axis], false)),
        };
        let (axes, is_list) = config.optional("axis", "an axis or several", list)?.unwrap_or((vec![-1], false));
        Ok(Self { base, axes, is_list })
    }

    /// The mask as bools, if it fits the input.
    fn mask(input: &Tensor, mask: &Tensor) -> Result<Tensor> {
        let (of_mask, of_input) = (mask.shape()?, input.shape()?);
        let fits = |(m, i): (&usize, &usize)| *m == 1 || m == i;
        if of_mask.rank() > of_input.rank() || !of_mask.iter().rev().zip(of_input.iter().rev()).all(fits) {
            fail!(ShapeMismatch, "mask: expected one that broadcasts to {of_input}, found {of_mask}");
        }
        Ok(if mask.dtype()? == DType::Bool { mask.clone() } else { mask.greater(0.5) })
    }
}

impl Layer for Softmax {
    function_layer!("Softmax");

    fn arguments(&self) -> Map<String, Value> {
        let axis = if self.is_list { json!(self.axes) } else { json!(self.axes.first()) };
        map(json!({"axis": axis}))
    }

    fn call(&self, inputs: &[Tensor], call: &Call<'_>) -> Result<Tensors> {
        let softmax = |x: &Tensor| match self.axes[..] {
            [axis] => x.softmax(axis),
            _ => x.softmax_over(&self.axes),
        };
        let x = &inputs[0];
        let Some(mask) = call.mask(0) else { return Ok(smallvec![softmax(x)]) };
        let mask = Self::mask(x, mask)?;
        let least = if x.dtype()? == DType::F16 { -3e4 } else { -1e9 };
        // Where everything is masked, the softmax would be even.
        Ok(smallvec![mask.where_(softmax(&mask.where_(x, least)), 0.0)])
    }
}
