//! Activation functions by name.
//!
//! Source: Keras 3.15.1, `keras.activations`.

use cornet_error::{Result, err};
use cornet_ops::Tensor;
use serde_json::Value;

use crate::arg::{Choice, unknown};
use crate::saving::config;

macro_rules! activations {
    ($($variant:ident $name:literal $doc:literal |$x:ident| $apply:expr;)+) => {
        /// An activation function with its default arguments. The layers `ReLU`, `LeakyReLU`, … take others.
        #[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
        #[non_exhaustive]
        pub enum Activation { #[default] $(#[doc = $doc] $variant,)+ }

        impl Activation {
            /// Every activation.
            pub const ALL: &'static [Activation] = &[$(Activation::$variant,)+];

            /// Keras's name.
            pub const fn name(self) -> &'static str {
                match self { $(Activation::$variant => $name,)+ }
            }

            /// The function, element-wise but for softmax, log_softmax, sparsemax and glu, which take the last axis.
            #[track_caller]
            pub fn apply(self, x: &Tensor) -> Tensor {
                match self { $(Activation::$variant => { let $x = x; $apply })+ }
            }
        }
    };
}

activations! {
    Linear "linear" "x." |x| x.clone();
    Relu "relu" "max(x, 0)." |x| x.relu();
    Softmax "softmax" "exp(x) / Σ exp(x) over the last axis." |x| x.softmax(-1);
    Sigmoid "sigmoid" "1 / (1 + exp(-x))." |x| x.sigmoid();
    Tanh "tanh" "The hyperbolic tangent." |x| x.tanh();
    Gelu "gelu" "x · Φ(x), Φ the normal distribution." |x| x.gelu(false);
    Elu "elu" "x, or exp(x) - 1 where x < 0." |x| x.elu(1.0);
    Selu "selu" "1.0507 · elu(x, 1.6733)." |x| x.selu();
    Celu "celu" "max(x, 0) + min(0, exp(x) - 1)." |x| x.celu(1.0);
    Softplus "softplus" "ln(1 + exp(x))." |x| x.softplus();
    Softsign "softsign" "x / (1 + |x|)." |x| x.softsign();
    Silu "silu" "x · sigmoid(x); also called swish." |x| x.silu();
    Exponential "exponential" "exp(x)." |x| x.exp();
    HardSigmoid "hard_sigmoid" "relu6(x + 3) / 6." |x| x.hard_sigmoid();
    HardSilu "hard_silu" "x · hard_sigmoid(x); also called hard_swish." |x| x.hard_silu();
    HardTanh "hard_tanh" "x, no less than -1 and no more than 1." |x| x.hard_tanh();
    LeakyRelu "leaky_relu" "x, or 0.2 · x where x < 0." |x| x.leaky_relu(0.2);
    LogSoftmax "log_softmax" "ln softmax(x)." |x| x.log_softmax(-1);
    LogSigmoid "log_sigmoid" "ln sigmoid(x)." |x| x.log_sigmoid();
    Relu6 "relu6" "min(max(x, 0), 6)." |x| x.relu6();
    Mish "mish" "x · tanh(softplus(x))." |x| x.mish();
    TanhShrink "tanh_shrink" "x - tanh(x)." |x| x.tanh_shrink();
    HardShrink "hard_shrink" "x, or 0 where |x| ≤ 0.5." |x| x.hard_shrink(0.5);
    SoftShrink "soft_shrink" "x brought 0.5 closer to 0, and 0 where |x| ≤ 0.5." |x| x.soft_shrink(0.5);
    Squareplus "squareplus" "(x + √(x² + 4)) / 2." |x| x.squareplus(4.0);
    SparsePlus "sparse_plus" "0 up to -1, x from 1 on, (x + 1)² / 4 between." |x| x.sparse_plus();
    SparseSigmoid "sparse_sigmoid" "0 up to -1, 1 from 1 on, (x + 1) / 2 between." |x| x.sparse_sigmoid();
    Sparsemax "sparsemax" "The point of the simplex that is closest to the last axis." |x| x.sparsemax(-1);
    Glu "glu" "The first half of the last axis times the sigmoid of the second half." |x| x.glu(-1);
}

impl Activation {
    /// The name that stands in a config.
    pub fn to_json(self) -> Value {
        self.name().into()
    }

    /// From a config: a name, null for none.
    ///
    /// # Errors
    /// `unsupported` for an activation that there is not.
    pub fn from_json(value: &Value) -> Result<Self> {
        if value.is_null() {
            return Ok(Self::Linear);
        }
        let (name, _) = config::class_and_config(value)?;
        Self::parse(name).map_err(|e| err!(Unsupported, "{}", e.message()))
    }
}

impl Choice for Activation {
    fn parse(name: &str) -> Result<Self> {
        let canonical = match name {
            "swish" => "silu",
            "hard_swish" => "hard_silu",
            "ReLU" => "relu",
            name => name,
        };
        let known: Vec<&str> = Self::ALL.iter().map(|a| a.name()).collect();
        let found = Self::ALL.iter().copied().find(|a| a.name() == canonical);
        found.ok_or_else(|| unknown("activation", name, &known))
    }
}
