use std::sync::Arc;

use cornet_error::{Result, err, fail};
use cornet_ops::Tensor;
use cornet_tensor::DType;
use serde_json::{Map, Value};
use smallvec::smallvec;

use crate::initializers::Initializer;
use crate::layers::core::Wrapper;
use crate::layers::layer::common_arguments;
use crate::layers::{
    Call, InputSpec, IntoLayer, Layer, LayerBase, Tensors, Weight, WeightSpec, Weights, build, layer_from_json,
    layer_to_json,
};
use crate::saving::config::Config;
use crate::shape::PartialShape;

/// Keeps a division by a norm from failing: Keras's fuzz factor.
const EPSILON: f64 = 1e-7;

/// A layer whose kernel is divided by its greatest singular value before each step of training, so that it stretches
/// nothing. The value is found by power iterations, which go on from step to step.
///
/// # Shapes
/// The layer's.
/// # Weights
/// The layer's `kernel` or `embeddings`, `vector_u` `[1, last size of it]`, which is not trained, and the layer's others.
/// # Errors
/// `unsupported` for a layer without kernel and embeddings; `invalid_argument` for 0 iterations.
/// # Source
/// Keras 3 `keras.layers.SpectralNormalization`; Miyato et al. 2018.
pub struct SpectralNormalization {
    base: LayerBase,
    layer: Arc<dyn Layer>,
    power_iterations: usize,
}

impl SpectralNormalization {
    /// The layer, with one iteration a step.
    pub fn new(layer: impl IntoLayer) -> Self {
        let base = LayerBase::new("SpectralNormalization");
        Self { base, layer: layer.into_layer(), power_iterations: 1 }
    }

    common_arguments!();

    /// With so many iterations a step; by default 1.
    #[must_use]
    pub fn power_iterations(mut self, iterations: usize) -> Self {
        self.power_iterations = iterations;
        self
    }

    pub(crate) fn from_config(config: &Config<'_>) -> Result<Self> {
        let base = LayerBase::from_config(config)?;
        let iterations = config.optional("power_iterations", "a positive integer", Value::as_u64)?;
        let power_iterations = iterations.unwrap_or(1) as usize;
        Ok(Self { base, layer: layer_from_json(config.get("layer"))?, power_iterations })
    }

    /// The kernel and `vector_u`.
    fn own(&self) -> Result<(&Weight, &Weight)> {
        match self.base.weights() {
            [kernel, vector] => Ok((kernel, vector)),
            _ => fail!(InvalidState, "layer '{}' is called before it is built", self.base.name()),
        }
    }

    /// Divides the kernel by its greatest singular value, unless it is 0 everywhere.
    fn normalize(&self) -> Result<()> {
        let (kernel, vector) = self.own()?;
        let (w, before) = (kernel.variable.read(), vector.variable.read());
        let columns = vector.variable.shape().elements();
        let matrix = w.reshape_infer(&[-1, columns as isize]);
        let mut u = before.clone();
        let mut v = u.clone();
        for _ in 0..self.power_iterations {
            v = u.matmul(matrix.swap_last()).normalize(&[], 2, EPSILON);
            u = v.matmul(&matrix).normalize(&[], 2, EPSILON);
        }
        let sigma = v.matmul(&matrix).matmul(u.swap_last());
        let is_zero = w.equal(0).all(&[], false);
        let divided = (&w / sigma.reshape([])).cast(w.dtype()?);
        vector.variable.assign(&is_zero.where_(&before, u.cast(before.dtype()?)).stop_gradient())?;
        kernel.variable.assign(&is_zero.where_(&w, divided).stop_gradient())
    }

    /// The weights of both, each once.
    fn once(own: &[Weight], inner: Vec<Weight>) -> Vec<Weight> {
        let others = inner.into_iter().filter(|w| own.iter().all(|own| own.variable.id() != w.variable.id()));
        own.iter().cloned().chain(others).collect()
    }
}

impl Wrapper for SpectralNormalization {
    fn layer(&self) -> &Arc<dyn Layer> {
        &self.layer
    }
}

impl Layer for SpectralNormalization {
    fn class_name(&self) -> &str {
        "SpectralNormalization"
    }

    fn base(&self) -> &LayerBase {
        &self.base
    }

    fn arguments(&self) -> Map<String, Value> {
        let mut config = Map::new();
        config.insert("layer".into(), layer_to_json(&*self.layer));
        config.insert("power_iterations".into(), self.power_iterations.into());
        config
    }

    fn has_build(&self) -> bool {
        true
    }

    fn build(&self, inputs: &[PartialShape], weights: &mut Weights<'_>) -> Result<()> {
        if self.power_iterations == 0 {
            fail!(InvalidArgument, "power_iterations: expected at least 1, found 0");
        }
        build(&*self.layer, inputs, weights.path(), weights.seeds())?;
        let inner = self.layer.base();
        let kernel = inner.weights().iter().find(|w| w.name == "kernel" || w.name == "embeddings");
        let Some(kernel) = kernel.filter(|_| inner.adapter().is_none()) else {
            let found = self.layer.class_name();
            return Err(err!(Unsupported, "layer: expected one with kernel or embeddings, found {found}")
                .help("spectral normalisation is for layers such as Dense and Conv2D, without low-rank adapters"));
        };
        let columns = kernel.variable.shape().last().copied().unwrap_or(1);
        weights.made.push(kernel.clone());
        let initializer = Initializer::TruncatedNormal { mean: 0.0, stddev: 0.02, seed: None };
        let vector = WeightSpec::new("vector_u", [1, columns], &initializer).non_trainable();
        weights.add(vector.dtype(kernel.variable.dtype()))
    }

    fn input_spec(&self) -> InputSpec {
        let last = self.base.build_shapes().first().and_then(|input| input.last_size().ok());
        last.map_or_else(|| InputSpec::min_rank(1), |last| InputSpec::min_rank(1).with_axis(-1, last))
    }

    fn call(&self, inputs: &[Tensor], call: &Call<'_>) -> Result<Tensors> {
        if call.is_training() {
            self.normalize()?;
        }
        Ok(smallvec![call.apply(&*self.layer, inputs)?.cast(inputs[0].dtype()?)])
    }

    fn compute_output_shape(&self, inputs: &[PartialShape]) -> Result<Vec<PartialShape>> {
        self.layer.compute_output_shape(inputs)
    }

    fn compute_output_dtype(&self, inputs: &[DType], outputs: usize) -> Vec<DType> {
        match inputs.first() {
            Some(dtype) if !dtype.is_float() => vec![*dtype; outputs],
            _ => vec![self.base.policy().compute_dtype(); outputs],
        }
    }

    fn parts(&self) -> Vec<(String, Arc<dyn Layer>)> {
        vec![("layer".into(), self.layer.clone())]
    }

    fn weights(&self) -> Vec<Weight> {
        Self::once(self.base.weights(), self.layer.weights())
    }

    fn trainable_weights(&self) -> Vec<Weight> {
        if !self.base.trainable() { Vec::new() } else { self.layer.trainable_weights() }
    }
}
