use cornet_error::{Result, fail};
use cornet_ops::Tensor;
use cornet_tensor::{Array, DType};
use serde_json::{Map, Value, json};
use smallvec::smallvec;

use super::encode::OutputMode;
use super::hashing::Salt;
use super::index_lookup::{IndexLookup, Options, Token, documents};
use super::string_lookup::{lookup_arguments, lookup_layer};
use crate::arg::Arg;
use crate::layers::layer::common_arguments;
use crate::layers::{Call, Layer, LayerBase, Tensors, Weights};
use crate::saving::config::Config;
use crate::shape::PartialShape;
use crate::training::IntoArrays;

/// Integers as numbers without gaps by a vocabulary, or the other way round.
///
/// # Shapes
/// As they come with `int`; else as `CategoryEncoding` has them.
/// # Errors
/// As `StringLookup`.
/// # Source
/// Keras 3 `keras.layers.IntegerLookup`.
pub struct IntegerLookup {
    base: LayerBase,
    lookup: IndexLookup,
    pending: Option<Vec<Token>>,
    pending_idf: Option<Vec<f64>>,
}

impl Default for IntegerLookup {
    fn default() -> Self {
        Self::new()
    }
}

impl IntegerLookup {
    /// A layer without integers yet.
    pub fn new() -> Self {
        let lookup = IndexLookup::new(Self::defaults());
        Self { base: LayerBase::new("IntegerLookup"), lookup, pending: None, pending_idf: None }
    }

    fn defaults() -> Options {
        Options {
            max_tokens: None,
            num_oov_indices: 1,
            mask_token: None,
            oov_token: Some(Token::Number(-1)),
            invert: false,
            output_mode: OutputMode::Int,
            pad_to_max_tokens: false,
            farmhash: false,
            salt: None,
            is_text: false,
        }
    }

    common_arguments!();
    lookup_arguments!(i64, Token::Number);

    /// Whether unknown integers are spread by a hash instead of their remainder.
    #[must_use]
    pub fn farmhash(mut self, farmhash: bool) -> Self {
        self.lookup.options.farmhash = farmhash;
        self
    }

    pub(crate) fn from_config(config: &Config<'_>) -> Result<Self> {
        let lookup = IndexLookup::from_config(config, Self::defaults())?;
        match config.text("vocabulary_dtype", "int64")? {
            "int64" => Ok(Self { base: LayerBase::from_config(config)?, lookup, pending: None, pending_idf: None }),
            other => fail!(Unsupported, "vocabulary_dtype: expected int64, found {other}"),
        }
    }
}

impl Layer for IntegerLookup {
    lookup_layer!();

    fn class_name(&self) -> &str {
        "IntegerLookup"
    }

    fn arguments(&self) -> Map<String, Value> {
        let _ = self.settled();
        let mut arguments = self.lookup.arguments();
        if let Some(words) = &self.pending {
            arguments["vocabulary"] = words.iter().map(Token::to_json).collect();
            arguments["idf_weights"] = json!(self.pending_idf);
        }
        arguments
    }
}
