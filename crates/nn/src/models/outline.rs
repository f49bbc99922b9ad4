//! A model as a picture or a table shows it: its layers, what flows between them, and models among them.

use std::sync::Arc;

use cornet_error::Result;
use cornet_tensor::DType;

use super::summary_table::{Connection, SummaryRow, WeightCount, shape_text};
use crate::layers::{Layer, Weight};
use crate::shape::PartialShape;

/// The layers of a model, in order.
#[derive(Clone, Default)]
pub struct Outline {
    /// The layers.
    pub layers: Vec<OutlineLayer>,
    /// Whether layers have several inputs or branch; else each takes what the one before gives.
    pub connected: bool,
    /// The places of the layers that give the model's outputs.
    pub outputs: Vec<usize>,
}

/// One layer of a model.
#[derive(Clone)]
pub struct OutlineLayer {
    /// The layer.
    pub layer: Arc<dyn Layer>,
    /// Where its inputs come from, call by call.
    pub inputs: Vec<Connection>,
    /// The shapes of the inputs of its first call, if they are known.
    pub input_shapes: Option<Vec<PartialShape>>,
    /// The shapes of the outputs of its first call, if they are known.
    pub output_shapes: Option<Vec<PartialShape>>,
    /// The dtypes of the outputs, as far as they are known.
    pub output_dtypes: Vec<DType>,
}

impl Outline {
    /// The outline of layers that follow each other.
    ///
    /// # Errors
    /// What does not fit.
    pub fn chain(layers: Vec<Arc<dyn Layer>>, inputs: Option<Vec<PartialShape>>) -> Result<Self> {
        let (mut shapes, mut all) = (inputs, Vec::<OutlineLayer>::with_capacity(layers.len()));
        for layer in layers {
            let output_shapes = shapes.as_ref().map(|shapes| layer.compute_output_shape(shapes)).transpose()?;
            let before = all.last().map(|before| Connection { layer: before.layer.name().into(), node: 0, tensor: 0 });
            let output_dtypes = match (&output_shapes, all.last()) {
                (Some(outputs), Some(before)) => layer.compute_output_dtype(&before.output_dtypes, outputs.len()),
                (Some(outputs), None) => layer.compute_output_dtype(&[DType::F32], outputs.len()),
                (None, _) => Vec::new(),
            };
            let inputs = before.into_iter().collect();
            all.push(OutlineLayer {
                layer,
                inputs,
                input_shapes: shapes,
                output_shapes: output_shapes.clone(),
                output_dtypes,
            });
            shapes = output_shapes;
        }
        let outputs = all.len().checked_sub(1).into_iter().collect();
        Ok(Self { layers: all, connected: false, outputs })
    }

    /// The rows of the summary; those of models among the layers behind them if `expand`.
    ///
    /// # Errors
    /// What does not fit.
    pub(super) fn rows(&self, expand: bool, depth: usize) -> Result<Vec<SummaryRow>> {
        let mut rows = Vec::with_capacity(self.layers.len());
        for entry in &self.layers {
            let layer = &entry.layer;
            let weights = layer.weights();
            let is_open = entry.output_shapes.is_none() && layer.has_build();
            let outputs: Vec<_> = entry.output_shapes.iter().flatten().map(|shape| shape.0.clone()).collect();
            rows.push(SummaryRow {
                name: layer.name().into(),
                class: layer.class_name().into(),
                output_shape: if entry.output_shapes.is_some() { shape_text(&outputs) } else { "?".into() },
                params: (!is_open).then(|| weights.iter().map(|w| w.count() as u64).sum()),
                // Keras shows none of what flows inside.
                inputs: if depth == 0 { entry.inputs.clone() } else { Vec::new() },
                trainable: (!weights.is_empty()).then(|| layer.base().trainable()),
                depth,
            });
            if let (true, Some(model)) = (expand, layer.as_model_layer()) {
                rows.extend(model.outline()?.rows(true, depth + 1)?);
            }
        }
        Ok(rows)
    }
}

/// Parameters and bytes of weights, each weight once.
pub(super) fn count(weights: &[Weight]) -> WeightCount {
    sum(weights.iter().map(|w| (w.count(), w.variable.dtype().size())))
}

/// The sum over sizes and bytes of an element.
pub(super) fn sum(sizes: impl Iterator<Item = (usize, usize)>) -> WeightCount {
    sizes.fold(WeightCount::default(), |sum, (params, bytes)| WeightCount {
        params: sum.params + params as u64,
        bytes: sum.bytes + (params * bytes) as f64,
    })
}

/// What a summary shows beside the layers.
#[derive(Clone, Debug, Default)]
pub struct SummaryOptions {
    /// Whether the layers of models among the layers are shown, too.
    pub expand_nested: bool,
    /// Whether there is a column that says which layers are trained.
    pub show_trainable: bool,
    /// The first and the last layer that are shown.
    pub layer_range: Option<(String, String)>,
    /// The width of the table.
    pub layout: super::summary_table::SummaryLayout,
}
