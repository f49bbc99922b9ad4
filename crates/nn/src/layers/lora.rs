//! Low-rank adapters: a frozen kernel, and two small factors beside it that are trained.
//!
//! Source: Hu et al., "LoRA: Low-Rank Adaptation of Large Language Models" (ICLR 2022); Keras 3.15.1, `enable_lora`.

use cornet_error::{Result, err, fail};
use cornet_ops::{Tensor, Variable};
use cornet_tensor::{Array, DType};
use serde_json::{Map, Value};

use super::{LayerBase, Weight, WeightSpec, Weights};
use crate::arg::Arg;
use crate::initializers::Initializer;
use crate::random::Seeds;
use crate::saving::config::{Config, number};

/// The arguments of a low-rank adapter: `kernel + alpha / rank · a · b`, where `a` begins as `he_uniform` and `b` as 0.
///
/// ```
/// use cornet_nn::layers::{Dense, Layer, Lora, apply, Context};
/// use cornet_ops::Tensor;
/// let layer = Dense::new(8);
/// apply(&layer, &[Tensor::ones([1, 16], cornet_tensor::DType::F32)], &Context::inference())?;
/// layer.enable_lora(Lora::new(2))?;
/// let names: Vec<&str> = layer.trainable_weights().iter().map(|w| w.name).collect();
/// assert_eq!(names, ["bias", "lora_kernel_a", "lora_kernel_b"]);
/// # Ok::<(), cornet_error::Error>(())
/// ```
pub struct Lora {
    rank: usize,
    alpha: Option<f64>,
    a_initializer: Arg<Initializer>,
    b_initializer: Arg<Initializer>,
}

impl Lora {
    /// Factors of this rank.
    pub fn new(rank: usize) -> Self {
        Self { rank, alpha: None, a_initializer: "he_uniform".into(), b_initializer: "zeros".into() }
    }

    /// With the factor alpha / rank before the product; by default alpha is the rank.
    #[must_use]
    pub fn lora_alpha(mut self, alpha: f64) -> Self {
        self.alpha = Some(alpha);
        self
    }

    /// With this rule for the first values of `a`; by default `he_uniform`.
    #[must_use]
    pub fn a_initializer(mut self, initializer: impl Into<Arg<Initializer>>) -> Self {
        self.a_initializer = initializer.into();
        self
    }

    /// With this rule for the first values of `b`; by default `zeros`.
    #[must_use]
    pub fn b_initializer(mut self, initializer: impl Into<Arg<Initializer>>) -> Self {
        self.b_initializer = initializer.into();
        self
    }

    /// The factors for a kernel `[…, columns]`: `a` `[…, rank]` and `b` `[rank, columns]`, in float32.
    fn make(self, kernel: &Weight, names: [&'static str; 2], path: &str, seeds: &Seeds) -> Result<Adapter> {
        if self.rank == 0 {
            fail!(InvalidArgument, "lora_rank: expected at least 1, found 0");
        }
        if kernel.constraint.is_some() {
            return Err(err!(InvalidArgument, "lora_rank: expected none beside a constraint, found {}", self.rank)
                .help(format!("leave out the constraint of '{}', or the adapter", kernel.name)));
        }
        let Some((&columns, rows)) = kernel.variable.shape().split_last() else {
            fail!(RankMismatch, "{}: expected at least 1 axis, found none", kernel.name);
        };
        let shapes = [rows.iter().copied().chain([self.rank]).collect::<Vec<_>>(), vec![self.rank, columns]];
        let factor = |place: usize, initializer: Initializer| {
            let spec = WeightSpec::new(names[place], &shapes[place][..], &initializer);
            spec.regularizer(kernel.regularizer).make(path, DType::F32, seeds)
        };
        let weights = [factor(0, self.a_initializer.0?)?, factor(1, self.b_initializer.0?)?];
        Ok(Adapter { rank: self.rank, alpha: self.alpha.unwrap_or(self.rank as f64), weights })
    }
}

/// The low-rank factors of a layer's kernel.
pub struct Adapter {
    rank: usize,
    alpha: f64,
    weights: [Weight; 2],
}

impl Adapter {
    /// The place of the kernel among the layer's own weights.
    pub const PLACE: usize = 0;

    /// The factors `a` and `b`.
    pub fn weights(&self) -> &[Weight] {
        &self.weights
    }

    /// The kernel with the product of the factors.
    pub fn merged(&self, kernel: &Variable) -> Tensor {
        let [a, b] = &self.weights;
        let delta = a.variable.read().matmul(b.variable.read()) * (self.alpha / self.rank as f64);
        let kernel = kernel.read();
        match kernel.dtype() {
            // The factors are kept wide, since what they add may be less than a narrow kernel can show.
            Ok(dtype) if dtype.size() < DType::F32.size() => kernel.cast(DType::F32) + delta,
            Ok(dtype) => kernel + delta.cast(dtype),
            Err(error) => Tensor::failed(error),
        }
    }

    /// Sets the factors to 0, since what they added has become part of the kernel.
    pub(crate) fn clear(&self) -> Result<()> {
        self.weights.iter().try_for_each(|w| w.variable.set(Array::zeros(w.variable.dtype(), w.variable.shape())))
    }
}

/// The arguments `lora_rank` and `lora_alpha` of a layer.
#[derive(Clone, Copy, Default)]
pub(crate) struct LoraArguments {
    pub rank: Option<usize>,
    pub alpha: Option<f64>,
}

/// The names of the factors of a kernel.
pub(crate) const LORA_KERNEL: [&str; 2] = ["lora_kernel_a", "lora_kernel_b"];

impl LoraArguments {
    pub fn from_config(config: &Config<'_>) -> Result<Self> {
        let rank = config.optional("lora_rank", "a positive integer", Value::as_u64)?.map(|rank| rank as usize);
        Ok(Self { rank, alpha: config.optional("lora_alpha", "a number", Value::as_f64)? })
    }

    /// Makes the factors in the build, if a rank is given.
    pub fn build(&self, names: [&'static str; 2], weights: &mut Weights<'_>) -> Result<()> {
        let (Some(rank), Some(kernel)) = (self.rank, weights.made.first()) else { return Ok(()) };
        let lora = Lora { alpha: self.alpha, ..Lora::new(rank) };
        weights.adapter = Some(lora.make(kernel, names, weights.path(), weights.seeds())?);
        Ok(())
    }

    /// Makes the factors afterwards.
    pub fn enable(base: &LayerBase, lora: Lora, names: [&'static str; 2]) -> Result<()> {
        let (Some(kernel), Some(path)) = (base.weights().first(), base.path()) else {
            return Err(err!(
                InvalidState,
                "layer '{}': expected a built layer, found one without weights",
                base.name()
            )
            .help("call the layer, or build its model, before enable_lora"));
        };
        if base.adapter().is_some() {
            return Err(err!(InvalidState, "layer '{}': expected no low-rank adapter, found one already", base.name()));
        }
        base.set_adapter(lora.make(kernel, names, path, &Seeds::common())?)
    }

    /// `lora_rank` and `lora_alpha`, if there is a rank.
    pub fn write(&self, base: &LayerBase, config: &mut Map<String, Value>) {
        let given = self.rank.map(|rank| (rank, self.alpha.unwrap_or(rank as f64)));
        let made = base.adapter().map(|adapter| (adapter.rank, adapter.alpha));
        let Some((rank, alpha)) = made.or(given) else { return };
        config.insert("lora_rank".into(), rank.into());
        config.insert("lora_alpha".into(), number(alpha));
    }
}

/// The builder methods of layers with a low-rank adapter.
macro_rules! lora_arguments {
    () => {
        /// With a frozen kernel and, beside it, low-rank factors of this rank that are trained.
        #[must_use]
        pub fn lora_rank(mut self, rank: usize) -> Self {
            self.lora.rank = Some(rank);
            self
        }

        /// With the factor alpha / rank before what the low-rank factors add. As in Keras 3.15.1, the build
        /// of `Dense` falls back to alpha = rank; [`Layer::enable_lora`] keeps it.
        #[must_use]
        pub fn lora_alpha(mut self, alpha: f64) -> Self {
            self.lora.alpha = Some(alpha);
            self
        }
    };
}
pub(crate) use lora_arguments;

#[cfg(test)]
mod tests {
    use cornet_error::Code;

    use super::*;
    use crate::layers::{Context, Conv1D, Dense, Layer, apply};

    #[test]
    fn factors_add_their_product_and_are_all_that_is_trained_of_the_kernel() {
        let layer = Dense::new(1).use_bias(false).kernel_initializer("ones");
        let x = [Tensor::of([[1.0_f32, 2.0]])];
        let run = || apply(&layer, &x, &Context::inference()).unwrap()[0].to_vec::<f32>().unwrap();
        assert_eq!(layer.enable_lora(Lora::new(1)).unwrap_err().code(), Code::InvalidState);
        assert_eq!(run(), [3.0]);
        layer.enable_lora(Lora::new(1).lora_alpha(2.0).a_initializer("ones")).unwrap();
        assert_eq!(run(), [3.0], "b begins as 0");
        layer.weights()[2].variable.set(Array::full(DType::F32, [1, 1], 5.0).unwrap()).unwrap();
        assert_eq!(run(), [33.0], "(1 + 2 · 5) · (1 + 2)");
        assert_eq!(layer.trainable_weights().len(), 2);
        assert_eq!(layer.arguments()["lora_alpha"], 2);
        assert_eq!(layer.enable_lora(Lora::new(1)).unwrap_err().code(), Code::InvalidState);
    }

    #[test]
    fn factors_of_a_convolution_have_the_shape_of_its_kernel() {
        let layer = Conv1D::new(4, 3).lora_rank(2).lora_alpha(6.0);
        let x = [Tensor::ones([1, 5, 7], DType::F32)];
        apply(&layer, &x, &Context::inference()).unwrap();
        let shapes: Vec<String> =
            layer.weights().iter().map(|w| format!("{} {}", w.name, w.variable.shape())).collect();
        assert_eq!(shapes, ["kernel [3, 7, 4]", "bias [4]", "lora_kernel_a [3, 7, 2]", "lora_kernel_b [2, 4]"]);
        assert_eq!((&layer.arguments()["lora_rank"], &layer.arguments()["lora_alpha"]), (&2.into(), &6.into()));
    }
}
