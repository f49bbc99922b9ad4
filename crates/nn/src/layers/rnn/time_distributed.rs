use std::sync::Arc;

use cornet_error::{Result, err, fail};
use cornet_ops::Tensor;
use serde_json::{Map, Value};

use crate::layers::layer::{common_arguments, located, place};
use crate::layers::registry::layer_from_json;
use crate::layers::{Arguments, Call, IntoLayer, Layer, LayerBase, Tensors, Weights, build, layer_to_json};
use crate::saving::config::Config;
use crate::shape::PartialShape;

/// A layer applied to every step of a sequence, with the same weights.
///
/// Layers that treat every sample by itself see all steps at once, as one larger batch; others see one step after the
/// other.
///
/// # Shapes
/// `x`: `[batch, time, …]`, at least three axes; `[batch, time, …]` of what the layer makes of `[batch, …]`.
/// # Masks
/// `[batch, time, …]`; the layer is given the mask of each step.
/// # Weights
/// Those of the layer.
/// # Errors
/// `rank_mismatch`; `shape_mismatch` for a mask of another batch or time; `invalid_argument` for a layer of several
/// outputs; what the layer refuses.
/// # Source
/// Keras 3 `keras.layers.TimeDistributed`.
pub struct TimeDistributed {
    base: LayerBase,
    layer: Arc<dyn Layer>,
}

/// Classes whose samples do not see each other, in training neither, and whose result depends on nothing else.
const BY_SAMPLE: &[&str] = &[
    "Activation",
    "AveragePooling1D",
    "AveragePooling2D",
    "AveragePooling3D",
    "Bidirectional",
    "Conv1D",
    "Conv1DTranspose",
    "Conv2D",
    "Conv2DTranspose",
    "Conv3D",
    "Conv3DTranspose",
    "ConvLSTM1D",
    "ConvLSTM2D",
    "ConvLSTM3D",
    "Cropping1D",
    "Cropping2D",
    "Cropping3D",
    "Dense",
    "DepthwiseConv1D",
    "DepthwiseConv2D",
    "Dropout",
    "ELU",
    "EinsumDense",
    "Embedding",
    "Flatten",
    "Functional",
    "GRU",
    "GlobalAveragePooling1D",
    "GlobalAveragePooling2D",
    "GlobalAveragePooling3D",
    "GlobalMaxPooling1D",
    "GlobalMaxPooling2D",
    "GlobalMaxPooling3D",
    "GroupNormalization",
    "InputLayer",
    "LSTM",
    "LayerNormalization",
    "LeakyReLU",
    "MaxPooling1D",
    "MaxPooling2D",
    "MaxPooling3D",
    "PReLU",
    "Permute",
    "RMSNormalization",
    "ReLU",
    "Rescaling",
    "Reshape",
    "SeparableConv1D",
    "SeparableConv2D",
    "Sequential",
    "SimpleRNN",
    "Softmax",
    "UnitNormalization",
    "UpSampling1D",
    "UpSampling2D",
    "UpSampling3D",
    "ZeroPadding1D",
    "ZeroPadding2D",
    "ZeroPadding3D",
];

/// Whether the samples of a layer's batch do not see each other.
fn is_by_sample(layer: &dyn Layer) -> bool {
    let is_cell = |class: &str| class.ends_with("Cell") || class == "StackedRNNCells";
    let known = BY_SAMPLE.binary_search(&layer.class_name()).is_ok() || is_cell(layer.class_name());
    let stateful = layer.arguments().get("stateful").and_then(Value::as_bool) == Some(true);
    known && layer.registered_name().is_none_or(|name| name == "Functional") && !stateful && {
        layer.parts().iter().all(|(_, part)| is_by_sample(&**part))
    }
}

impl TimeDistributed {
    /// The layer, for every step.
    pub fn new(layer: impl IntoLayer) -> Self {
        Self { base: LayerBase::new("TimeDistributed"), layer: layer.into_layer() }
    }

    common_arguments!();

    /// The layer.
    pub fn layer(&self) -> &Arc<dyn Layer> {
        &self.layer
    }

    pub(crate) fn from_config(config: &Config<'_>) -> Result<Self> {
        Ok(Self { base: LayerBase::from_config(config)?, layer: layer_from_json(config.get("layer"))? })
    }

    fn step_shape(sequences: &PartialShape) -> Result<PartialShape> {
        if sequences.rank() < 3 {
            fail!(RankMismatch, "axes of the input: expected at least 3, found {}", sequences.rank());
        }
        Ok(PartialShape([&sequences[..1], &sequences[2..]].concat()))
    }

    /// The layer's own call: Keras passes over penalties of its output.
    fn part(&self, x: Tensor, mask: Option<Tensor>, call: &Call<'_>) -> Result<Tensor> {
        let arguments = Arguments { tensors: Vec::new(), values: call.arguments.values.clone() };
        let call = Call { context: call.context, masks: &[mask], arguments: &arguments };
        let found = located(&place(&*self.layer), || self.layer.call_masked(&[x], &call))?.tensors;
        match &found[..] {
            [one] => one.error().cloned().map_or_else(|| Ok(one.clone()), Err),
            several => Err(err!(InvalidArgument, "outputs of the layer: expected 1, found {}", several.len())),
        }
    }
}

impl Layer for TimeDistributed {
    fn class_name(&self) -> &str {
        "TimeDistributed"
    }

    fn base(&self) -> &LayerBase {
        &self.base
    }

    fn arguments(&self) -> Map<String, Value> {
        [("layer".to_owned(), layer_to_json(&*self.layer))].into_iter().collect()
    }

    fn has_build(&self) -> bool {
        true
    }

    fn build(&self, inputs: &[PartialShape], weights: &mut Weights<'_>) -> Result<()> {
        let Some(input) = inputs.first() else { fail!(InvalidArgument, "inputs: expected 1, found none") };
        build(&*self.layer, &[Self::step_shape(input)?], weights.path(), weights.seeds())
    }

    fn call(&self, inputs: &[Tensor], call: &Call<'_>) -> Result<Tensors> {
        let [x] = inputs else { fail!(InvalidArgument, "inputs: expected 1, found {}", inputs.len()) };
        let shape = x.shape()?;
        Self::step_shape(&PartialShape::from(shape.clone()))?;
        let (batch, time) = (shape[0], shape[1]);
        let mask = call.mask(0);
        if let Some(mask) = mask {
            let found = mask.shape()?;
            if found.len() < 2 || found[..2] != shape[..2] {
                fail!(ShapeMismatch, "mask: expected ({batch}, {time}), found {found}");
            }
        }
        if is_by_sample(&*self.layer) {
            let folded = |x: &Tensor| -> Result<Tensor> {
                let rest = x.shape()?;
                Ok(x.reshape([&[batch * time], &rest[2..]].concat()))
            };
            let y = self.part(folded(x)?, mask.map(folded).transpose()?, call)?;
            let rest = y.shape()?;
            return Ok([y.reshape([&[batch, time], &rest[1..]].concat())].into_iter().collect());
        }
        let step = |x: &Tensor, i: usize| x.slice_axis(1, i, 1).squeeze(&[1]);
        let steps = (0..time).map(|i| self.part(step(x, i), mask.map(|mask| step(mask, i)), call));
        let steps = steps.collect::<Result<Vec<_>>>()?;
        if steps.is_empty() {
            fail!(DimMismatch, "steps of the sequence: expected at least 1, found 0");
        }
        Ok([Tensor::stack(&steps.iter().collect::<Vec<_>>(), 1)].into_iter().collect())
    }

    fn supports_masking(&self) -> bool {
        true
    }

    fn compute_output_shape(&self, inputs: &[PartialShape]) -> Result<Vec<PartialShape>> {
        let Some(input) = inputs.first() else { fail!(InvalidArgument, "inputs: expected 1, found none") };
        let step = self.layer.compute_output_shape(&[Self::step_shape(input)?])?;
        let with_time = |shape: PartialShape| {
            let (batch, rest) = (shape.first().copied().flatten(), shape.iter().skip(1).copied());
            PartialShape([batch, input[1]].into_iter().chain(rest).collect())
        };
        Ok(step.into_iter().map(with_time).collect())
    }

    fn parts(&self) -> Vec<(String, Arc<dyn Layer>)> {
        vec![("layer".into(), self.layer.clone())]
    }
}
