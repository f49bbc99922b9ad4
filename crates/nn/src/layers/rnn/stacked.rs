use std::sync::Arc;

use cornet_error::{Result, err, fail};
use cornet_ops::Tensor;
use serde_json::{Map, Value};

use super::{Cell, IntoCell};
use crate::layers::layer::common_arguments;
use crate::layers::registry::layer_from_json;
use crate::layers::{Call, Layer, LayerBase, Tensors, Weights, build, layer_to_json};
use crate::saving::config::{Config, brief};
use crate::shape::PartialShape;

/// Several cells as one: each takes the output of the one before it.
///
/// # Shapes
/// `x`: what the first cell takes, then the states of all cells in order; the output of the last cell, then all new
/// states.
/// # Errors
/// `invalid_argument` for no cells or missing states; what the cells refuse.
/// # Source
/// Keras 3 `keras.layers.StackedRNNCells`.
pub struct StackedRNNCells {
    base: LayerBase,
    cells: Vec<Arc<dyn Cell>>,
}

impl StackedRNNCells {
    /// A stack of these cells, the lowest first.
    pub fn new<C: IntoCell>(cells: impl IntoIterator<Item = C>) -> Self {
        let cells = cells.into_iter().map(IntoCell::into_cell).collect();
        Self { base: LayerBase::new("StackedRNNCells"), cells }
    }

    common_arguments!();

    pub(crate) fn from_config(config: &Config<'_>) -> Result<Self> {
        let objects = config.need("cells", "a list of cells", Value::as_array)?;
        let cells = objects.iter().map(cell_from_json).collect::<Result<_>>()?;
        Ok(Self { base: LayerBase::from_config(config)?, cells })
    }
}

/// The cell that an object of a config describes.
pub(super) fn cell_from_json(object: &Value) -> Result<Arc<dyn Cell>> {
    let layer = layer_from_json(object)?;
    layer.as_cell().ok_or_else(|| {
        err!(Corrupt, "cell: expected a recurrent cell, found {}", brief(&object["class_name"]))
            .help("a class of one's own answers Some(self) to Layer::as_cell")
    })
}

impl Layer for StackedRNNCells {
    fn class_name(&self) -> &str {
        "StackedRNNCells"
    }

    fn base(&self) -> &LayerBase {
        &self.base
    }

    fn as_cell(self: Arc<Self>) -> Option<Arc<dyn Cell>> {
        Some(self)
    }

    fn arguments(&self) -> Map<String, Value> {
        let cells: Vec<Value> = self.cells.iter().map(|cell| layer_to_json(&**cell)).collect();
        [("cells".to_owned(), cells.into())].into_iter().collect()
    }

    fn has_build(&self) -> bool {
        true
    }

    fn build_config(&self) -> Option<Value> {
        self.base.build_shapes().first().map(|shape| serde_json::json!({"input_shape": shape.to_json()}))
    }

    fn build(&self, inputs: &[PartialShape], weights: &mut Weights<'_>) -> Result<()> {
        let Some(mut input) = inputs.first().cloned() else {
            fail!(InvalidArgument, "inputs: expected at least 1, found none");
        };
        if self.cells.is_empty() {
            fail!(InvalidArgument, "cells: expected at least 1, found none");
        }
        for cell in &self.cells {
            build(&**cell, std::slice::from_ref(&input), weights.path(), weights.seeds())?;
            let batch = input.first().copied().flatten();
            input = PartialShape(std::iter::once(batch).chain(cell.output_shape(&input)?.0).collect());
        }
        Ok(())
    }

    fn call(&self, inputs: &[Tensor], call: &Call<'_>) -> Result<Tensors> {
        let Some((x, states)) = inputs.split_first() else {
            fail!(InvalidArgument, "inputs of a cell: expected one and states, found none");
        };
        let (output, states) = self.step(std::slice::from_ref(x), states, &[], call)?;
        Ok(std::iter::once(output).chain(states).collect())
    }

    fn compute_output_shape(&self, inputs: &[PartialShape]) -> Result<Vec<PartialShape>> {
        let Some(input) = inputs.first() else { fail!(InvalidArgument, "inputs: expected at least 1, found none") };
        let batch = input.first().copied().flatten();
        let with_batch = |shape: PartialShape| PartialShape(std::iter::once(batch).chain(shape.0).collect());
        let states = self.state_shapes(input)?;
        Ok(std::iter::once(self.output_shape(input)?).chain(states).map(with_batch).collect())
    }

    fn parts(&self) -> Vec<(String, Arc<dyn Layer>)> {
        let names = cornet_format_keras::unique_names(self.cells.iter().map(|cell| cell.class_name()));
        let cells = self.cells.iter().map(|cell| cell.clone() as Arc<dyn Layer>);
        names.into_iter().map(|name| format!("cells/{name}")).zip(cells).collect()
    }
}

impl Cell for StackedRNNCells {
    fn state_size(&self) -> Vec<usize> {
        self.cells.iter().flat_map(|cell| cell.state_size()).collect()
    }

    fn output_size(&self) -> usize {
        self.cells.last().map_or(0, |cell| cell.output_size())
    }

    fn state_shapes(&self, step: &PartialShape) -> Result<Vec<PartialShape>> {
        let (mut input, mut shapes) = (step.clone(), Vec::new());
        for cell in &self.cells {
            shapes.extend(cell.state_shapes(&input)?);
            let batch = input.first().copied().flatten();
            input = PartialShape(std::iter::once(batch).chain(cell.output_shape(&input)?.0).collect());
        }
        Ok(shapes)
    }

    fn output_shape(&self, step: &PartialShape) -> Result<PartialShape> {
        let mut input = step.clone();
        let mut output = PartialShape::default();
        for cell in &self.cells {
            output = cell.output_shape(&input)?;
            let batch = input.first().copied().flatten();
            input = PartialShape(std::iter::once(batch).chain(output.iter().copied()).collect());
        }
        Ok(output)
    }

    fn initial_state(&self, step: &PartialShape) -> Result<Vec<Tensor>> {
        let (mut input, mut states) = (step.clone(), Vec::new());
        for cell in &self.cells {
            states.extend(cell.initial_state(&input)?);
            let batch = input.first().copied().flatten();
            input = PartialShape(std::iter::once(batch).chain(cell.output_shape(&input)?.0).collect());
        }
        Ok(states)
    }

    fn step(
        &self,
        x: &[Tensor],
        states: &[Tensor],
        _constants: &[Tensor],
        call: &Call<'_>,
    ) -> Result<(Tensor, Vec<Tensor>)> {
        let [x] = x else { fail!(InvalidArgument, "inputs of a step: expected 1, found {}", x.len()) };
        let (mut x, mut states, mut new) = (x.clone(), states, Vec::new());
        for cell in &self.cells {
            let step = PartialShape::from(x.shape()?);
            let count = cell.state_shapes(&step)?.len();
            let Some((own, rest)) = states.split_at_checked(count) else {
                fail!(InvalidArgument, "states: expected {count} of '{}', found {}", cell.name(), states.len());
            };
            let prepared = cell.prepare(&x, call)?;
            let (output, found) = cell.step(&prepared.steps, own, &prepared.constants, call)?;
            new.extend(found);
            (x, states) = (output, rest);
        }
        Ok((x, new))
    }

    fn stack(&self) -> Option<&[Arc<dyn Cell>]> {
        Some(&self.cells)
    }
}
