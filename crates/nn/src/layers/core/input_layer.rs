use cornet_error::{Result, err};
use cornet_ops::Tensor;
use cornet_tensor::{DType, Shape};
use serde_json::{Map, Value, json};
use smallvec::smallvec;

use crate::dtype_policy::floatx;
use crate::layers::{Call, Layer, LayerBase, Tensors};
use crate::models::Symbol;
use crate::names::auto_name;
use crate::saving::config::{self, Config};
use crate::shape::PartialShape;

/// Makes the [`InputLayer`] that a model begins with, as Keras's `Input` does.
///
/// ```
/// use cornet_nn::layers::Input;
/// let images = Input::new([28, 28, 1]).batch_size(32).name("images");
/// assert_eq!(images.batch_shape().to_string(), "(32, 28, 28, 1)");
/// // Sequences of any length.
/// assert_eq!(Input::new([None, Some(8)]).batch_shape().to_string(), "(None, None, 8)");
/// ```
pub struct Input;

impl Input {
    /// Samples of this shape, in batches of any size, as float32. Open sizes are `None`.
    #[allow(clippy::new_ret_no_self)]
    pub fn new(shape: impl Into<PartialShape>) -> InputLayer {
        InputLayer::new(PartialShape::batch_of(&shape.into()))
    }

    /// Batches of this shape, the number of samples first.
    pub fn batch_shape(shape: impl Into<PartialShape>) -> InputLayer {
        InputLayer::new(shape.into())
    }

    /// An entry for tensors like this one, of a model that is cut there: Keras's argument `tensor`.
    ///
    /// # Errors
    /// The failure that the symbol carries.
    pub fn like(tensor: &Symbol) -> Result<InputLayer> {
        Ok(InputLayer::new(tensor.shape()?.clone()).dtype(tensor.dtype()?))
    }
}

/// The entry of a model: shape and dtype of what it takes.
///
/// # Shapes
/// As given, batch first; `None` is any size.
/// # Source
/// Keras 3 `keras.layers.InputLayer`.
pub struct InputLayer {
    base: LayerBase,
    batch_shape: PartialShape,
    dtype: DType,
    sparse: bool,
    ragged: bool,
    optional: bool,
}

impl InputLayer {
    /// The entry for batches of this shape.
    pub fn new(batch_shape: PartialShape) -> Self {
        let base = LayerBase::named(auto_name("InputLayer"));
        Self { base, batch_shape, dtype: floatx(), sparse: false, ragged: false, optional: false }
    }

    /// With this name instead of an automatic one.
    #[must_use]
    pub fn name(mut self, name: impl Into<String>) -> Self {
        self.base.set_name(name);
        self
    }

    /// With batches of this dtype, which what is fed is brought to.
    #[must_use]
    pub fn dtype(mut self, dtype: DType) -> Self {
        self.dtype = dtype;
        self
    }

    /// With batches of this size alone.
    #[must_use]
    pub fn batch_size(mut self, size: usize) -> Self {
        if let Some(first) = self.batch_shape.0.first_mut() {
            *first = Some(size);
        }
        self
    }

    /// Marked as sparse in configs. What is fed, and what is computed, is dense all the same.
    #[must_use]
    pub fn sparse(mut self, sparse: bool) -> Self {
        self.sparse = sparse;
        self
    }

    /// Marked as ragged in configs. What is fed is dense all the same: pad it, and mask the padding.
    #[must_use]
    pub fn ragged(mut self, ragged: bool) -> Self {
        self.ragged = ragged;
        self
    }

    /// Marked as optional in configs. Cornet's models are given all inputs.
    #[must_use]
    pub fn optional(mut self, optional: bool) -> Self {
        self.optional = optional;
        self
    }

    /// The shape of the batches.
    pub fn batch_shape(&self) -> &PartialShape {
        &self.batch_shape
    }

    /// The dtype of the batches.
    pub fn batch_dtype(&self) -> DType {
        self.dtype
    }

    pub(crate) fn from_config(config: &Config<'_>) -> Result<Self> {
        let name = config.text("name", "")?;
        let shape = match config.get("batch_shape") {
            // Files of Keras 2 have the older word.
            Value::Null => config.get("batch_input_shape"),
            shape => shape,
        };
        let mut layer = Self::new(PartialShape::from_json(shape).map_err(|e| e.within("InputLayer"))?);
        if !name.is_empty() {
            layer.base.set_name(name);
        }
        layer.dtype = config.text("dtype", "float32")?.parse()?;
        (layer.sparse, layer.ragged) = (config.flag("sparse", false)?, config.flag("ragged", false)?);
        layer.optional = config.flag("optional", false)?;
        config.get("trainable");
        Ok(layer)
    }

    /// The tensor as the model takes it: of the entry's dtype, with an axis of size 1 at the end where samples lack
    /// it, without one where it is too much.
    ///
    /// # Errors
    /// `dtype_mismatch` for what does not convert.
    pub fn adapt(&self, x: &Tensor) -> Result<Tensor> {
        let (shape, expected) = (x.shape()?, &self.batch_shape);
        if (x.dtype()? == DType::Str) != (self.dtype == DType::Str) {
            let words = |dtype: DType| if dtype == DType::Str { "strings" } else { "numbers" };
            let (name, wanted, found) = (self.base.name(), words(self.dtype), words(x.dtype()?));
            return Err(err!(DtypeMismatch, "input '{name}': expected {wanted}, found {found}").help(
                "TextVectorization and StringLookup turn texts into numbers, as the first layer or before the model",
            ));
        }
        let x = if shape.rank() + 1 == expected.rank() && expected.last() == Some(&Some(1)) {
            x.reshape(shape.iter().copied().chain([1]).collect::<Shape>())
        } else if shape.rank() == expected.rank() + 1 && shape.last() == Some(&1) {
            x.reshape(&shape[..shape.rank() - 1])
        } else {
            x.clone()
        };
        Ok(x.cast(self.dtype))
    }

    /// Fails unless `x` has the entry's shape.
    ///
    /// # Errors
    /// `rank_mismatch`, `dim_mismatch`.
    pub fn check(&self, x: &Tensor) -> Result<()> {
        let (shape, expected) = (x.shape()?, &self.batch_shape);
        if shape.rank() != expected.rank() {
            let (expected, found) = (expected.rank(), shape.rank());
            return Err(err!(RankMismatch, "axes of the input: expected {expected}, found {found}")
                .operand("input", &shape)
                .operand("expected", &self.batch_shape)
                .help("the first axis counts the samples"));
        }
        for (axis, (&size, known)) in shape.iter().zip(expected.iter()).enumerate() {
            if let Some(known) = known.filter(|&known| known != size) {
                return Err(err!(DimMismatch, "axis {axis} of the input: expected {known}, found {size}")
                    .operand("input", &shape)
                    .operand("expected", expected)
                    .help("check the size of the samples you feed"));
            }
        }
        Ok(())
    }
}

impl Layer for InputLayer {
    fn class_name(&self) -> &str {
        "InputLayer"
    }

    fn base(&self) -> &LayerBase {
        &self.base
    }

    fn arguments(&self) -> Map<String, Value> {
        Map::new()
    }

    fn config(&self) -> Map<String, Value> {
        config::map(json!({
            "batch_shape": self.batch_shape.to_json(), "dtype": self.dtype.name(), "sparse": self.sparse,
            "ragged": self.ragged, "name": self.base.name(), "optional": self.optional,
        }))
    }

    fn call(&self, inputs: &[Tensor], _call: &Call<'_>) -> Result<Tensors> {
        let adapted = self.adapt(&inputs[0])?;
        self.check(&adapted)?;
        Ok(smallvec![adapted])
    }

    fn compute_output_shape(&self, _inputs: &[PartialShape]) -> Result<Vec<PartialShape>> {
        Ok(vec![self.batch_shape.clone()])
    }
}
