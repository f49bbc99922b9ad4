use cornet_error::Result;
use cornet_ops::Tensor;
use cornet_tensor::{Array, DType};
use serde_json::{Map, Value, json};
use smallvec::smallvec;

use super::encode::OutputMode;
use super::hashing::Salt;
use super::index_lookup::{IndexLookup, Options, Token, documents};
use crate::arg::Arg;
use crate::layers::layer::common_arguments;
use crate::layers::{Call, Layer, LayerBase, Tensors, Weights};
use crate::saving::config::Config;
use crate::shape::PartialShape;
use crate::training::IntoArrays;

/// The builder methods of layers with a vocabulary.
macro_rules! lookup_arguments {
    ($token:ty, $make:expr) => {
        /// With these words, in order. More than one layer may share them; a model's file has them in its config.
        #[must_use]
        pub fn vocabulary(mut self, words: impl IntoIterator<Item = impl Into<$token>>) -> Self {
            self.pending = Some(words.into_iter().map(|word| $make(word.into())).collect());
            self
        }

        /// With these weights of the words, for `tf_idf`.
        #[must_use]
        pub fn idf_weights(mut self, weights: impl Into<Vec<f64>>) -> Self {
            self.pending_idf = Some(weights.into());
            self
        }

        /// With at most so many words, those for masks and unknown words among them.
        #[must_use]
        pub fn max_tokens(mut self, count: usize) -> Self {
            self.lookup.options.max_tokens = Some(count);
            self
        }

        /// With so many numbers for unknown words, which a hash spreads them over; by default 1. With none, they are
        /// refused.
        #[must_use]
        pub fn num_oov_indices(mut self, count: usize) -> Self {
            self.lookup.options.num_oov_indices = count;
            self
        }

        /// With this word for what is left out, as number 0.
        #[must_use]
        pub fn mask_token(mut self, word: impl Into<$token>) -> Self {
            self.lookup.options.mask_token = Some($make(word.into()));
            self
        }

        /// With this word for unknown numbers, when turned around.
        #[must_use]
        pub fn oov_token(mut self, word: impl Into<$token>) -> Self {
            self.lookup.options.oov_token = Some($make(word.into()));
            self
        }

        /// Turned around: from numbers to words.
        #[must_use]
        pub fn invert(mut self, invert: bool) -> Self {
            self.lookup.options.invert = invert;
            self
        }

        /// With `int` (the default), `one_hot`, `multi_hot`, `count` or `tf_idf`.
        #[must_use]
        pub fn output_mode(mut self, mode: impl Into<Arg<OutputMode>>) -> Self {
            if let Some(mode) = self.base.accept(mode.into()) {
                self.lookup.options.output_mode = mode;
            }
            self
        }

        /// Whether encoded rows have `max_tokens` columns, however many words there are.
        #[must_use]
        pub fn pad_to_max_tokens(mut self, pad: bool) -> Self {
            self.lookup.options.pad_to_max_tokens = pad;
            self
        }

        /// With this key for the hash of unknown words.
        #[must_use]
        pub fn salt(mut self, salt: impl Into<Salt>) -> Self {
            self.lookup.options.salt = Some(salt.into());
            self
        }

        /// The words, those for masks and unknown words first if `special`.
        pub fn get_vocabulary(&self, special: bool) -> Vec<Token> {
            let _ = self.settled();
            self.lookup.vocabulary(special)
        }

        /// How many words there are, those for masks and unknown words among them.
        pub fn vocabulary_size(&self) -> usize {
            let _ = self.settled();
            self.lookup.size()
        }

        /// Sets the words, and their weights for `tf_idf`. What was traced before keeps the old ones.
        ///
        /// # Errors
        /// `already_exists` for a word that occurs twice; `limit_exceeded` for more than `max_tokens`; others for
        /// weights that do not fit.
        pub fn set_vocabulary(
            &self,
            words: impl IntoIterator<Item = impl Into<$token>>,
            idf_weights: Option<Vec<f64>>,
        ) -> Result<()> {
            self.lookup.set_vocabulary(words.into_iter().map(|word| $make(word.into())).collect(), idf_weights)
        }

        /// Learns the words of samples, most frequent first, in place of those before.
        ///
        /// # Errors
        /// `invalid_state` for a layer that was given a vocabulary; `empty_data`.
        pub fn adapt(&self, data: &dyn IntoArrays) -> Result<()> {
            let mut all = Vec::new();
            for array in data.arrays()? {
                all.extend(documents(&array)?);
            }
            self.lookup.adapt(all.into_iter())
        }

        /// Sets the words that the builder was given, once.
        fn settled(&self) -> Result<()> {
            match (&self.pending, self.lookup.is_set()) {
                (Some(words), false) => self.lookup.set_vocabulary(words.clone(), self.pending_idf.clone()),
                _ => Ok(()),
            }
        }
    };
}
pub(super) use lookup_arguments;

/// Words as numbers by a vocabulary, or numbers as words.
///
/// # Shapes
/// As they come with `int`; else as `CategoryEncoding` has them.
/// # Files
/// A vocabulary that was learned is in the asset `vocabulary.txt`, one that was given in the config.
/// # Errors
/// `invalid_state` without a vocabulary; `out_of_range` for an unknown word without `num_oov_indices`.
/// # Source
/// Keras 3 `keras.layers.StringLookup`.
pub struct StringLookup {
    base: LayerBase,
    pub(super) lookup: IndexLookup,
    encoding: String,
    pending: Option<Vec<Token>>,
    pending_idf: Option<Vec<f64>>,
}

impl Default for StringLookup {
    fn default() -> Self {
        Self::new()
    }
}

impl StringLookup {
    /// A layer without words yet.
    pub fn new() -> Self {
        Self::of(LayerBase::new("StringLookup"), IndexLookup::new(Self::defaults()))
    }

    pub(super) fn of(base: LayerBase, lookup: IndexLookup) -> Self {
        Self { base, lookup, encoding: "utf-8".into(), pending: None, pending_idf: None }
    }

    pub(super) fn defaults() -> Options {
        Options {
            max_tokens: None,
            num_oov_indices: 1,
            mask_token: None,
            oov_token: Some(Token::Text("[UNK]".into())),
            invert: false,
            output_mode: OutputMode::Int,
            pad_to_max_tokens: false,
            farmhash: false,
            salt: None,
            is_text: true,
        }
    }

    common_arguments!();
    lookup_arguments!(String, Token::Text);

    pub(crate) fn from_config(config: &Config<'_>) -> Result<Self> {
        let lookup = IndexLookup::from_config(config, Self::defaults())?;
        let mut layer = Self::of(LayerBase::from_config(config)?, lookup);
        layer.encoding = config.text("encoding", "utf-8")?.into();
        config.get("vocabulary_dtype");
        Ok(layer)
    }
}

/// What layers with a vocabulary have in common.
macro_rules! lookup_layer {
    () => {
        fn base(&self) -> &LayerBase {
            &self.base
        }

        fn build_config(&self) -> Option<Value> {
            Some(json!({}))
        }

        fn build(&self, _inputs: &[PartialShape], _weights: &mut Weights<'_>) -> Result<()> {
            self.lookup.check()?;
            self.settled()
        }

        fn autocast(&self) -> bool {
            false
        }

        fn call(&self, inputs: &[Tensor], _call: &Call<'_>) -> Result<Tensors> {
            Ok(smallvec![self.lookup.encoded(&self.lookup.numbers(&inputs[0])?)?])
        }

        fn compute_output_dtype(&self, _inputs: &[DType], outputs: usize) -> Vec<DType> {
            vec![self.lookup.output_dtype(); outputs]
        }

        fn compute_output_shape(&self, inputs: &[PartialShape]) -> Result<Vec<PartialShape>> {
            self.settled()?;
            Ok(vec![self.lookup.output_shape(&inputs[0])?])
        }

        fn assets(&self) -> Result<Vec<(String, Vec<u8>)>> {
            Ok(if self.pending.is_some() { Vec::new() } else { self.lookup.assets() })
        }

        fn load_assets(&self, assets: &[(String, Vec<u8>)]) -> Result<()> {
            self.lookup.load_assets(assets)
        }

        fn own_variables(&self) -> Vec<(String, Array)> {
            self.lookup.own_variables()
        }

        fn load_own_variables(&self, variables: &[(String, Array)]) -> Result<()> {
            self.lookup.load_own_variables(variables)
        }
    };
}
pub(super) use lookup_layer;

impl Layer for StringLookup {
    lookup_layer!();

    fn class_name(&self) -> &str {
        "StringLookup"
    }

    fn arguments(&self) -> Map<String, Value> {
        let _ = self.settled();
        let mut arguments = self.lookup.arguments();
        arguments.shift_remove("vocabulary_dtype");
        if let Some(words) = &self.pending {
            arguments["vocabulary"] = words.iter().map(Token::to_json).collect();
            arguments["idf_weights"] = json!(self.pending_idf);
        }
        arguments.insert("encoding".into(), self.encoding.clone().into());
        arguments
    }
}
