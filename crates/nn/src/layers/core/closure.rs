use std::collections::HashMap;
use std::sync::{Arc, PoisonError, RwLock};

use cornet_error::{Result, err};
use cornet_ops::Tensor;
use serde_json::{Map, Value, json};
use smallvec::smallvec;

use crate::layers::custom;
use crate::layers::layer::common_arguments;
use crate::layers::{Call, Layer, LayerBase, Masks, Tensors};
use crate::saving::config::{Config, map};
use crate::shape::PartialShape;

/// What a [`Closure`] computes.
type Function = dyn Fn(&[Tensor], &Call<'_>) -> Result<Tensors> + Send + Sync;
/// What it says about masks.
type MaskFunction = dyn Fn(&[Tensor], &[Option<Tensor>]) -> Option<Tensor> + Send + Sync;

/// A closure as a layer without weights: Keras's `Lambda`.
///
/// The shapes of its outputs are found by running it once on stand-ins. It is saved by the name under which it was
/// registered, since code is not data: a program that reads the file registers the same closure first.
///
/// ```
/// use cornet_nn::layers::{Closure, Input};
/// use cornet_nn::models::{Model, Sequential};
/// use cornet_ops::Tensor;
/// let model = Sequential::new().add(Input::new([2])).add(Closure::new(|x| x * 2.0));
/// assert_eq!(model.predict(&Tensor::of([[1.0_f32, 2.0]]))?.to_vec::<f32>()?, [2.0, 4.0]);
///
/// Closure::register("my_package>double", |x| x * 2.0);
/// let saved = Sequential::new().add(Input::new([2])).add(Closure::registered("my_package>double")?);
/// # Ok::<(), cornet_error::Error>(())
/// ```
///
/// # Errors
/// `unsupported` when a model is saved, or read, with a closure that is not registered.
/// # Source
/// Keras 3 `keras.layers.Lambda`.
pub struct Closure {
    base: LayerBase,
    function: Arc<Function>,
    mask: Option<Arc<MaskFunction>>,
    output_shape: Option<PartialShape>,
    registered: Option<String>,
}

/// Closures of the program, by name.
static REGISTERED: RwLock<Option<HashMap<String, Arc<Function>>>> = RwLock::new(None);

fn of_one(closure: impl Fn(&Tensor) -> Tensor + Send + Sync + 'static) -> Arc<Function> {
    Arc::new(move |inputs: &[Tensor], _: &Call<'_>| match inputs {
        [one] => Ok(smallvec![closure(one)]),
        several => Err(err!(InvalidArgument, "inputs: expected 1, found {}", several.len())
            .help("make it with Closure::of_all, which is given all inputs")),
    })
}

impl Closure {
    /// A closure of one tensor.
    pub fn new(closure: impl Fn(&Tensor) -> Tensor + Send + Sync + 'static) -> Self {
        Self::of(of_one(closure))
    }

    /// A closure of all inputs, and of the call: whether it trains, masks, arguments.
    pub fn of_all(closure: impl Fn(&[Tensor], &Call<'_>) -> Result<Tensors> + Send + Sync + 'static) -> Self {
        Self::of(Arc::new(closure))
    }

    fn of(function: Arc<Function>) -> Self {
        Self { base: LayerBase::new("Closure"), function, mask: None, output_shape: None, registered: None }
    }

    /// Admits a closure of one tensor into model files under a name such as `my_package>double`. A later registration
    /// replaces an earlier one.
    pub fn register(name: impl Into<String>, closure: impl Fn(&Tensor) -> Tensor + Send + Sync + 'static) {
        Self::add(name.into(), of_one(closure));
    }

    /// The same for a closure of all inputs and of the call.
    pub fn register_all(
        name: impl Into<String>,
        closure: impl Fn(&[Tensor], &Call<'_>) -> Result<Tensors> + Send + Sync + 'static,
    ) {
        Self::add(name.into(), Arc::new(closure));
    }

    fn add(name: String, function: Arc<Function>) {
        let mut registered = REGISTERED.write().unwrap_or_else(PoisonError::into_inner);
        registered.get_or_insert_with(HashMap::new).insert(name, function);
    }

    /// The closure that was registered under this name.
    ///
    /// # Errors
    /// `unsupported` if there is none.
    pub fn registered(name: impl Into<String>) -> Result<Self> {
        let name = name.into();
        let registered = REGISTERED.read().unwrap_or_else(PoisonError::into_inner);
        match registered.as_ref().and_then(|map| map.get(&name)) {
            Some(function) => Ok(Self { registered: Some(name), ..Self::of(function.clone()) }),
            None => Err(err!(Unsupported, "closure: expected one that is registered, found '{name}'")
                .help("call Closure::register with this name before the model is read")),
        }
    }

    common_arguments!();

    /// With outputs of this shape, batch first, instead of the one found by running the closure.
    #[must_use]
    pub fn output_shape(mut self, shape: impl Into<PartialShape>) -> Self {
        self.output_shape = Some(shape.into());
        self
    }

    /// With a mask of the output, made of the inputs and their masks; by default none.
    #[must_use]
    pub fn mask(
        mut self,
        mask: impl Fn(&[Tensor], &[Option<Tensor>]) -> Option<Tensor> + Send + Sync + 'static,
    ) -> Self {
        self.mask = Some(Arc::new(mask));
        self
    }

    pub(crate) fn from_config(config: &Config<'_>) -> Result<Self> {
        let base = LayerBase::from_config(config)?;
        let found = Self::registered(config.need("closure", "the name of a registered closure", Value::as_str)?)?;
        let output_shape = match config.get("output_shape") {
            Value::Null => None,
            shape => Some(PartialShape::from_json(shape)?),
        };
        Ok(Self { base, output_shape, ..found })
    }
}

impl Layer for Closure {
    fn class_name(&self) -> &str {
        "Closure"
    }

    fn module(&self) -> &str {
        "cornet.layers"
    }

    fn base(&self) -> &LayerBase {
        &self.base
    }

    fn arguments(&self) -> Map<String, Value> {
        let shape = self.output_shape.as_ref().map(PartialShape::to_json);
        map(json!({"closure": self.registered, "output_shape": shape}))
    }

    /// There are none; but this is where a model that cannot be saved says so.
    fn assets(&self) -> Result<Vec<(String, Vec<u8>)>> {
        match self.registered {
            Some(_) => Ok(Vec::new()),
            None => Err(err!(Unsupported, "layer '{}': a closure is code, which files do not hold", self.base.name())
                .help("register it with Closure::register, and make the layer with Closure::registered")),
        }
    }

    fn supports_masking(&self) -> bool {
        self.mask.is_some()
    }

    fn compute_mask(&self, inputs: &[Tensor], call: &Call<'_>) -> Result<Masks> {
        Ok(smallvec![self.mask.as_ref().and_then(|mask| mask(inputs, call.masks))])
    }

    fn call(&self, inputs: &[Tensor], call: &Call<'_>) -> Result<Tensors> {
        (self.function)(inputs, call)
    }

    fn compute_output_shape(&self, inputs: &[PartialShape]) -> Result<Vec<PartialShape>> {
        match &self.output_shape {
            Some(shape) => Ok(vec![shape.clone()]),
            None => custom::output_shape(self, inputs),
        }
    }
}

#[cfg(test)]
mod tests {
    use cornet_error::Code;

    use super::*;
    use crate::layers::registry::layer_from_json;
    use crate::layers::{Context, apply, layer_to_json};

    #[test]
    fn closures_are_read_by_the_name_they_were_registered_under() {
        Closure::register("tests>halve", |x| x / 2.0);
        let json = layer_to_json(&Closure::registered("tests>halve").unwrap());
        let read = layer_from_json(&json).unwrap();
        let y = apply(&*read, &[Tensor::of([[8.0_f32]])], &Context::inference()).unwrap();
        assert_eq!(y[0].to_vec::<f32>().unwrap(), [4.0]);
        assert_eq!(
            read.compute_output_shape(&[PartialShape(vec![None, Some(3)])]).unwrap()[0].to_string(),
            "(None, 3)"
        );
    }

    #[test]
    fn others_are_neither_saved_nor_read() {
        let layer = Closure::new(|x| x + 1.0);
        assert_eq!(layer.assets().unwrap_err().code(), Code::Unsupported);
        assert!(layer_from_json(&layer_to_json(&layer)).is_err());
        assert_eq!(Closure::registered("tests>missing").err().unwrap().code(), Code::Unsupported);
    }
}
