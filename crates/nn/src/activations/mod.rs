//! Activation functions by name, and closures in their places.
//!
//! Source: Keras 3.15.1, `keras.activations`.

use cornet_error::{Result, err};
use cornet_ops::Tensor;
use serde_json::Value;

use crate::arg::{Arg, Choice, unknown};
use crate::layers::{Context, apply, layer_from_json};
use crate::own::{Own, Registry};
use crate::saving::config;

/// A function from a tensor to one.
pub type Function = dyn Fn(&Tensor) -> Tensor + Send + Sync;

static REGISTERED: Registry<Function> = Registry::new();

/// Layers as activations, by their config.
static LAYERS: Registry<Function> = Registry::new();

/// How many different layers as activations are kept; they live as long as the program.
const LAYERS_MAX: usize = 1024;

/// Layers that are functions, and so can stand in the place of an activation.
const LAYER_CLASSES: &[&str] = &["ELU", "LeakyReLU", "ReLU", "Softmax"];

macro_rules! activations {
    ($($variant:ident $name:literal $doc:literal |$x:ident| $apply:expr;)+) => {
        /// An activation function with its default arguments. The layers `ReLU`, `LeakyReLU`, … and methods of tensors
        /// take others.
        #[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
        #[non_exhaustive]
        pub enum Activation {
            #[default]
            $(#[doc = $doc] $variant,)+
            /// A closure, see [`Activation::own`], or a layer that a model file has in the place of a function.
            Own(Own<Function>),
        }

        impl Activation {
            /// Every activation of Keras.
            pub const ALL: &'static [Activation] = &[$(Activation::$variant,)+];

            /// Keras's name.
            pub fn name(self) -> &'static str {
                match self {
                    $(Activation::$variant => $name,)+
                    Activation::Own(own) => own.name(),
                }
            }

            /// The function, element-wise but for softmax, log_softmax, sparsemax and glu, which take the last axis.
            #[track_caller]
            pub fn apply(self, x: &Tensor) -> Tensor {
                match self {
                    $(Activation::$variant => { let $x = x; $apply })+
                    Activation::Own(own) => own.function()(x),
                }
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
    Glu "glu" "The first half of the last axis times the sigmoid of its second half." |x| x.glu(-1);
    Softplus "softplus" "ln(1 + exp(x))." |x| x.softplus();
    Softsign "softsign" "x / (1 + |x|)." |x| x.softsign();
    SoftShrink "soft_shrink" "x brought 0.5 closer to 0, and 0 where it is closer." |x| x.soft_shrink(0.5);
    SparsePlus "sparse_plus" "0 up to -1, (x + 1)² / 4 up to 1, x beyond." |x| x.sparse_plus();
    SparseSigmoid "sparse_sigmoid" "0 up to -1, (x + 1) / 2 up to 1, 1 beyond." |x| x.sparse_sigmoid();
    Sparsemax "sparsemax" "The point closest to x with elements that are not negative and sum to 1, over the last axis."
        |x| x.sparsemax(-1);
    Squareplus "squareplus" "(x + √(x² + 4)) / 2." |x| x.squareplus(4.0);
    Silu "silu" "x · sigmoid(x); also called swish." |x| x.silu();
    Exponential "exponential" "exp(x)." |x| x.exp();
    HardSigmoid "hard_sigmoid" "relu6(x + 3) / 6." |x| x.hard_sigmoid();
    HardSilu "hard_silu" "x · hard_sigmoid(x); also called hard_swish." |x| x.hard_silu();
    HardTanh "hard_tanh" "x, no less than -1 and no more than 1." |x| x.hard_tanh();
    HardShrink "hard_shrink" "x, or 0 where |x| <= 0.5." |x| x.hard_shrink(0.5);
    LeakyRelu "leaky_relu" "x, or 0.2 · x where x < 0." |x| x.leaky_relu(0.2);
    LogSoftmax "log_softmax" "ln softmax(x)." |x| x.log_softmax(-1);
    LogSigmoid "log_sigmoid" "ln sigmoid(x)." |x| x.log_sigmoid();
    Relu6 "relu6" "min(max(x, 0), 6)." |x| x.relu6();
    Mish "mish" "x · tanh(softplus(x))." |x| x.mish();
    TanhShrink "tanh_shrink" "x - tanh(x)." |x| x.tanh_shrink();
}

/// Second names.
const ALIASES: &[(&str, &str)] = &[("swish", "silu"), ("hard_swish", "hard_silu"), ("ReLU", "relu")];

/// `max(x, 0)` with more arguments: at most `max_value`; 0 where x is not above `threshold`; with a `negative_slope`,
/// `negative_slope · (x - threshold)` there.
///
/// # Source
/// Keras 3 `keras.activations.relu`.
#[track_caller]
pub fn relu(x: &Tensor, negative_slope: f64, max_value: Option<f64>, threshold: f64) -> Tensor {
    let above = if threshold == 0.0 { x.relu() } else { x.greater(threshold).where_(x, 0) };
    let bounded = max_value.map_or(above.clone(), |most| above.clip(0.0, most));
    if negative_slope == 0.0 {
        return bounded;
    }
    bounded - (threshold - x).relu() * negative_slope
}

/// Admits a closure into model files under a registered name, such as `my_package>my_activation`, which words may name
/// too; Keras finds a function that is registered with it under this name.
pub fn register(name: impl Into<String>, function: impl Fn(&Tensor) -> Tensor + Send + Sync + 'static) -> Activation {
    Activation::Own(REGISTERED.register(name.into(), Box::new(function)))
}

impl Activation {
    /// A closure, which lives as long as the program and cannot be saved; see [`register`] for one that can.
    ///
    /// ```
    /// use cornet_nn::activations::Activation;
    /// use cornet_nn::layers::Dense;
    /// let layer = Dense::new(3).activation(Activation::own(|x| x.threshold(0.1, 0.0)));
    /// ```
    pub fn own(function: impl Fn(&Tensor) -> Tensor + Send + Sync + 'static) -> Self {
        Self::Own(Own::unnamed(Box::new(function)))
    }

    /// What stands in a config: the name, or the object of a function or layer.
    pub fn to_json(self) -> Value {
        match self {
            Self::Own(own) => own.to_json(),
            named => named.name().into(),
        }
    }

    /// From a config: a name, null for none, or the object of a layer that is a function.
    ///
    /// # Errors
    /// `unsupported` for an activation that there is not; `unsafe_content` for code.
    pub fn from_json(value: &Value) -> Result<Self> {
        if value.is_null() {
            return Ok(Self::Linear);
        }
        match config::class_and_config(value)? {
            ("__lambda__", _) => Err(err!(Unsafe, "activation: a lambda is Python code, which Cornet does not run")
                .help("register it under a name in Keras and with activations::register here")),
            (class, Some(_)) if LAYER_CLASSES.contains(&class) => Self::of_layer(class, value),
            (name, _) => Self::parse(name).map_err(|e| err!(Unsupported, "{}", e.message())),
        }
    }

    fn of_layer(class: &str, object: &Value) -> Result<Self> {
        let layer = layer_from_json(object)?;
        let function = move |x: &Tensor| {
            Tensor::lift(|| {
                let outputs = apply(&*layer, std::slice::from_ref(x), &Context::inference())?;
                outputs.into_iter().next().ok_or_else(|| err!(Internal, "activation: expected an output, found none"))
            })
        };
        let own = LAYERS.keep(class, object, LAYERS_MAX, || Box::new(function));
        own.map(Self::Own).ok_or_else(|| {
            err!(LimitExceeded, "activation: expected at most {LAYERS_MAX} different layers as activations, found more")
        })
    }
}

impl Choice for Activation {
    fn parse(name: &str) -> Result<Self> {
        let alias = ALIASES.iter().find(|(alias, _)| *alias == name);
        let canonical = alias.map_or(name, |(_, canonical)| canonical);
        if name == "threshold" {
            return Err(err!(InvalidArgument, "activation: expected a function of one argument, found 'threshold'")
                .help("use Activation::own(|x| x.threshold(threshold, default_value))"));
        }
        let found = Self::ALL.iter().copied().find(|a| a.name() == canonical);
        let own = || REGISTERED.get(name).map(Self::Own).or_else(|| older(name));
        found.or_else(own).ok_or_else(|| {
            let known: Vec<&str> = Self::ALL.iter().map(|a| a.name()).collect();
            unknown("activation", name, &known)
        })
    }
}

/// `hard_sigmoid` as Keras 1 and 2 compute it: `x / 5 + 1 / 2`, no less than 0 and no more than 1. Keras 3 has another
/// function of that name, and none like this; models of older files keep theirs under this one.
pub(crate) const OLDER_HARD_SIGMOID: &str = "keras2>hard_sigmoid";

fn older(name: &str) -> Option<Activation> {
    (name == OLDER_HARD_SIGMOID).then(|| register(name, |x| (x * 0.2 + 0.5).clip(0.0, 1.0)))
}

impl<F: Fn(&Tensor) -> Tensor + Send + Sync + 'static> From<F> for Arg<Activation> {
    fn from(function: F) -> Self {
        Self(Ok(Activation::own(function)))
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn values(activation: Activation, x: &[f32]) -> Vec<f32> {
        activation.apply(&Tensor::from_slice(x, [x.len()])).to_vec().unwrap()
    }

    #[test]
    fn names_lead_to_functions_and_back() {
        for &activation in Activation::ALL {
            assert_eq!(Activation::parse(activation.name()).unwrap(), activation);
            assert_eq!(Activation::from_json(&activation.to_json()).unwrap(), activation);
        }
        assert_eq!(Activation::parse("hard_swish").unwrap(), Activation::HardSilu);
        assert!(Activation::parse("threshold").is_err());
        assert!(Activation::parse("rellu").is_err_and(|e| e.message().contains("relu6")));
    }

    #[test]
    fn relu_has_a_bound_a_threshold_and_a_slope() {
        let x = Tensor::of([-2.0_f32, 0.5, 1.5, 9.0]);
        let of = |slope, most, threshold| relu(&x, slope, most, threshold).to_vec::<f32>().unwrap();
        assert_eq!(of(0.0, None, 0.0), [0.0, 0.5, 1.5, 9.0]);
        assert_eq!(of(0.0, Some(6.0), 1.0), [0.0, 0.0, 1.5, 6.0]);
        assert_eq!(of(0.5, Some(6.0), 1.0), [-1.5, -0.25, 1.5, 6.0]);
        assert_eq!(of(0.5, None, 0.0), [-1.0, 0.5, 1.5, 9.0]);
    }

    #[test]
    fn closures_run_and_are_found_by_their_registered_names() {
        let double = register("tests>double", |x| x * 2.0);
        assert_eq!(values(double, &[1.5]), [3.0]);
        let object = double.to_json();
        assert_eq!(
            object,
            json!({"module": "builtins", "class_name": "function", "config": "tests>double", "registered_name": "function"})
        );
        assert_eq!(Activation::from_json(&object).unwrap(), double);
        let unnamed = Activation::own(|x| x - 1.0);
        assert_eq!(values(unnamed, &[1.5]), [0.5]);
        assert!(crate::own::find_unnamed(&json!([{"activation": unnamed.to_json()}])));
        assert!(!crate::own::find_unnamed(&json!([{"activation": double.to_json()}])));
    }

    #[test]
    fn layers_of_model_files_are_functions() {
        let object = json!({
            "module": "keras.layers", "class_name": "LeakyReLU", "registered_name": null,
            "config": {"name": "leak", "negative_slope": 0.5},
        });
        let leak = Activation::from_json(&object).unwrap();
        assert_eq!(values(leak, &[-2.0, 3.0]), [-1.0, 3.0]);
        assert_eq!(leak.to_json(), object);
        assert_eq!(Activation::from_json(&object).unwrap(), leak);
    }
}
