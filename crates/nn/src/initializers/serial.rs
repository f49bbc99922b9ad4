//! Initializers in configs.

use cornet_error::{Result, err, fail};
use cornet_tensor::{Array, DType};
use serde_json::{Map, Value, json};

use super::{Distribution, FanMode, Initializer, SCALED, Stft, VarianceScaling};
use crate::arg::Choice;
use crate::saving::config::{self, Config};

const MODES: &[(&str, FanMode)] =
    &[("fan_in", FanMode::FanIn), ("fan_out", FanMode::FanOut), ("fan_avg", FanMode::FanAvg)];
const DISTRIBUTIONS: &[(&str, Distribution)] = &[
    ("uniform", Distribution::Uniform),
    ("truncated_normal", Distribution::TruncatedNormal),
    ("untruncated_normal", Distribution::UntruncatedNormal),
    ("normal", Distribution::TruncatedNormal),
];

fn word<T: Copy + PartialEq>(table: &'static [(&str, T)], value: T) -> &'static str {
    table.iter().find(|(_, v)| *v == value).map_or("", |(word, _)| word)
}

fn named<T: Copy>(table: &[(&str, T)], what: &str, name: &str) -> Result<T> {
    let known: Vec<&str> = table.iter().map(|(word, _)| *word).collect();
    let found = table.iter().find(|(word, _)| *word == name).map(|(_, value)| *value);
    found.ok_or_else(|| crate::arg::unknown(what, name, &known))
}

impl Initializer {
    /// The object of a config.
    pub fn to_json(&self) -> Value {
        let (class, arguments) = match self {
            Self::Zeros => ("Zeros", json!({})),
            Self::Ones => ("Ones", json!({})),
            Self::Constant(value) => ("Constant", json!({"value": value})),
            // Keras leaves the factor out where it is 1.
            Self::Identity { gain } if *gain == 1.0 => ("Identity", json!({})),
            Self::Identity { gain } => ("Identity", json!({"gain": gain})),
            Self::RandomNormal { mean, stddev, seed } => {
                ("RandomNormal", json!({"seed": seed, "mean": mean, "stddev": stddev}))
            }
            Self::TruncatedNormal { mean, stddev, seed } => {
                ("TruncatedNormal", json!({"seed": seed, "mean": mean, "stddev": stddev}))
            }
            Self::RandomUniform { minval, maxval, seed } => {
                ("RandomUniform", json!({"seed": seed, "minval": minval, "maxval": maxval}))
            }
            Self::VarianceScaling(s) => (s.class, s.arguments()),
            Self::Values(values) => ("Constant", json!({"value": array_to_json(values)})),
            Self::Orthogonal { gain, seed } => ("Orthogonal", json!({"seed": seed, "gain": gain})),
            Self::Stft(stft) => ("STFT", stft.arguments()),
            Self::Own(own) => return own.to_json(),
        };
        config::object("keras.initializers", class, config::map(arguments))
    }

    /// The argument of a config, or the rule of this name where it is missing.
    pub(crate) fn argument<'a>(config: &Config<'a>, key: &'a str, default: &str) -> Result<Self> {
        match config.get(key) {
            Value::Null => Self::parse(default),
            value => Self::from_json(value),
        }
    }

    /// From a config: an object or a name.
    ///
    /// # Errors
    /// `corrupt`; `unsupported` for a class that there is not.
    pub fn from_json(value: &Value) -> Result<Self> {
        let (class, arguments) = config::class_and_config(value)?;
        let mut initializer = Self::parse(class).map_err(|e| err!(Unsupported, "{}", e.message()))?;
        let empty = Map::new();
        let config = Config::new(class, arguments.unwrap_or(&empty));
        match &mut initializer {
            Self::Zeros | Self::Ones => {}
            Self::Constant(_) if config.get("value").is_object() => {
                initializer = Self::Values(array_from_json(config.get("value"))?);
            }
            Self::Constant(value) => *value = config.float("value", *value)?,
            Self::Orthogonal { gain, seed } => (*gain, *seed) = (config.float("gain", *gain)?, config.seed()?),
            Self::Stft(stft) => *stft = Stft::from_config(&config)?,
            Self::Values(_) | Self::Own(_) => {}
            Self::Identity { gain } => *gain = config.float("gain", *gain)?,
            Self::RandomNormal { mean, stddev, seed } | Self::TruncatedNormal { mean, stddev, seed } => {
                *mean = config.float("mean", *mean)?;
                *stddev = config.float("stddev", *stddev)?;
                *seed = config.seed()?;
            }
            Self::RandomUniform { minval, maxval, seed } => {
                *minval = config.float("minval", *minval)?;
                *maxval = config.float("maxval", *maxval)?;
                *seed = config.seed()?;
            }
            Self::VarianceScaling(scaled) => scaled.configure(&config)?,
        }
        config.finish()?;
        Ok(initializer)
    }
}

/// An array as Keras writes it in a config.
pub(super) fn array_to_json(array: &Array) -> Value {
    let values = array.cast(DType::F64).and_then(|a| a.to_vec::<f64>()).unwrap_or_default();
    let mut nested: Vec<Value> = if array.dtype().is_float() {
        values.into_iter().map(Value::from).collect()
    } else {
        values.into_iter().map(|v| (v as i64).into()).collect()
    };
    for &size in array.shape().iter().rev() {
        nested = nested.chunks(size.max(1)).map(|row| row.to_vec().into()).collect();
    }
    let value = nested.into_iter().next().unwrap_or(Value::Array(Vec::new()));
    json!({"class_name": "__numpy__", "config": {"value": value, "dtype": array.dtype().name()}})
}

/// How deep lists may be nested.
const AXES_MAX: usize = 16;

pub(super) fn array_from_json(object: &Value) -> Result<Array> {
    let wrong = || err!(Corrupt, "value: expected an array, found {}", config::brief(object));
    if !matches!(object["class_name"].as_str(), Some("__numpy__" | "__tensor__")) {
        return Err(wrong());
    }
    let dtype = object["config"]["dtype"].as_str().ok_or_else(wrong)?.parse::<DType>()?;
    let (mut shape, mut level) = (Vec::new(), vec![&object["config"]["value"]]);
    while let Some(Value::Array(first)) = level.first() {
        let size = first.len();
        let lists = level.iter().map(|v| v.as_array().filter(|list| list.len() == size)).collect::<Option<Vec<_>>>();
        level = lists.ok_or_else(wrong)?.into_iter().flatten().collect();
        shape.push(size);
        if shape.len() > AXES_MAX {
            return Err(wrong());
        }
    }
    let values: Vec<f64> = level.into_iter().map(Value::as_f64).collect::<Option<_>>().ok_or_else(wrong)?;
    Array::from_f64(dtype, shape, &values)
}

impl VarianceScaling {
    /// Whether scale, mode and distribution are the class's own.
    fn is_fixed(&self) -> bool {
        self.class != "VarianceScaling" && SCALED.iter().any(|s| s.0 == self.class)
    }

    fn arguments(&self) -> Value {
        let Self { scale, mode, distribution, seed, input_axes, output_axes, .. } = self;
        let (mode, distribution) = (word(MODES, *mode), word(DISTRIBUTIONS, *distribution));
        if self.is_fixed() {
            return json!({"seed": seed, "input_axes": input_axes, "output_axes": output_axes});
        }
        json!({
            "seed": seed, "scale": scale, "mode": mode, "distribution": distribution,
            "input_axes": input_axes, "output_axes": output_axes,
        })
    }

    fn configure<'a>(&mut self, config: &Config<'a>) -> Result<()> {
        self.seed = config.seed()?;
        self.input_axes = config.sizes("input_axes")?;
        self.output_axes = config.sizes("output_axes")?;
        if !self.is_fixed() {
            self.scale = config.float("scale", self.scale)?;
            if self.scale <= 0.0 {
                fail!(Corrupt, "VarianceScaling.scale: expected a positive number, found {}", self.scale);
            }
            self.mode = named(MODES, "mode", config.text("mode", "fan_in")?)?;
            self.distribution = named(DISTRIBUTIONS, "distribution", config.text("distribution", "truncated_normal")?)?;
        }
        Ok(())
    }
}
