use std::sync::Arc;

use cornet_error::{Result, err, fail};
use cornet_ops::Tensor;
use cornet_tensor::DType;
use serde_json::{Map, Value, json};
use smallvec::smallvec;

use super::encode::{OutputMode, encoded_shape, refuse_sparse};
use super::index_lookup::{IndexLookup, Options, Token, documents};
use super::string_lookup::StringLookup;
use crate::arg::{Arg, Choice, unknown};
use crate::layers::layer::common_arguments;
use crate::layers::{Call, Layer, LayerBase, Tensors, Weights, build};
use crate::saving::config::{Config, brief};
use crate::shape::PartialShape;
use crate::training::IntoArrays;

/// What is done to a text before it is split.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standardize {
    /// Lower case, and no punctuation.
    LowerAndStripPunctuation,
    /// Lower case.
    Lower,
    /// No punctuation.
    StripPunctuation,
    /// Nothing.
    Nothing,
}

impl Choice for Standardize {
    fn parse(name: &str) -> Result<Self> {
        match name {
            "lower_and_strip_punctuation" => Ok(Self::LowerAndStripPunctuation),
            "lower" => Ok(Self::Lower),
            "strip_punctuation" => Ok(Self::StripPunctuation),
            _ => Err(unknown("standardize", name, &["lower_and_strip_punctuation", "lower", "strip_punctuation"])),
        }
    }
}

impl Standardize {
    fn to_json(self) -> Value {
        match self {
            Self::LowerAndStripPunctuation => "lower_and_strip_punctuation".into(),
            Self::Lower => "lower".into(),
            Self::StripPunctuation => "strip_punctuation".into(),
            Self::Nothing => Value::Null,
        }
    }

    fn apply(self, x: Tensor) -> Tensor {
        let x = match self {
            Self::Lower | Self::LowerAndStripPunctuation => x.string_lower(false),
            _ => x,
        };
        match self {
            Self::StripPunctuation | Self::LowerAndStripPunctuation => x.regex_replace(PUNCTUATION, ""),
            _ => x,
        }
    }
}

/// What Keras counts as punctuation.
const PUNCTUATION: &str = r##"[!"#$%&()\*\+,\-\./:;<=>?@\[\\\]^_`{|}~']"##;

/// What a text is split into.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Split {
    /// Words between white space.
    Whitespace,
    /// Characters.
    Character,
    /// Nothing: texts are words already.
    Nothing,
}

impl Choice for Split {
    fn parse(name: &str) -> Result<Self> {
        match name {
            "whitespace" => Ok(Self::Whitespace),
            "character" => Ok(Self::Character),
            _ => Err(unknown("split", name, &["whitespace", "character"])),
        }
    }
}

/// Texts as the numbers of their words.
///
/// # Shapes
/// Strings `[batch]` or `[batch, 1]`; int64 `[batch, output_sequence_length]`, or as long as the longest text of the
/// batch; with other modes than `int`, `[batch, words of the vocabulary]`.
/// # Files
/// As `StringLookup`.
/// # Errors
/// `invalid_state` without a vocabulary; `data_dependent_shape` in a traced graph, where the longest text is not known:
/// models run such layers without tracing.
/// # Source
/// Keras 3 `keras.layers.TextVectorization`.
pub struct TextVectorization {
    base: LayerBase,
    standardize: Standardize,
    split: Split,
    ngrams: Ngrams,
    output_sequence_length: Option<usize>,
    encoding: String,
    lookup: Arc<StringLookup>,
    pending: Option<Vec<Token>>,
}

/// Lengths of runs of words, and whether they were given as one number.
#[derive(Clone, Debug, Default, PartialEq)]
struct Ngrams {
    lengths: Vec<i64>,
    up_to: Option<i64>,
}

impl Default for TextVectorization {
    fn default() -> Self {
        Self::new()
    }
}

impl TextVectorization {
    /// A layer without words yet, of Keras's defaults.
    pub fn new() -> Self {
        Self::of(LayerBase::new("TextVectorization"), StringLookup::defaults())
    }

    fn of(base: LayerBase, options: Options) -> Self {
        let options = Options { mask_token: Some(Token::Text(String::new())), ..options };
        Self {
            base,
            standardize: Standardize::LowerAndStripPunctuation,
            split: Split::Whitespace,
            ngrams: Ngrams::default(),
            output_sequence_length: None,
            encoding: "utf-8".into(),
            lookup: Arc::new(StringLookup::of(LayerBase::new("StringLookup"), IndexLookup::new(options))),
            pending: None,
        }
    }

    common_arguments!();

    /// Changes the arguments of the vocabulary, which nobody else has yet.
    fn options(mut self, change: impl FnOnce(&mut Options)) -> Self {
        if let Some(lookup) = Arc::get_mut(&mut self.lookup) {
            change(&mut lookup.lookup.options);
        }
        self
    }

    /// With at most so many words, those for padding and unknown words among them.
    #[must_use]
    pub fn max_tokens(self, count: usize) -> Self {
        self.options(|o| o.max_tokens = Some(count))
    }

    /// With this treatment before texts are split; by default `lower_and_strip_punctuation`.
    #[must_use]
    pub fn standardize(mut self, standardize: impl Into<Arg<Standardize>>) -> Self {
        if let Some(standardize) = self.base.accept(standardize.into()) {
            self.standardize = standardize;
        }
        self
    }

    /// With texts split at `whitespace` (the default) or into each `character`.
    #[must_use]
    pub fn split(mut self, split: impl Into<Arg<Split>>) -> Self {
        if let Some(split) = self.base.accept(split.into()) {
            self.split = split;
        }
        self
    }

    /// With runs of up to so many words as words.
    #[must_use]
    pub fn ngrams(mut self, up_to: usize) -> Self {
        self.ngrams = Ngrams { lengths: (1..=up_to as i64).collect(), up_to: Some(up_to as i64) };
        self
    }

    /// With runs of these lengths as words.
    #[must_use]
    pub fn ngram_lengths(mut self, lengths: impl IntoIterator<Item = usize>) -> Self {
        self.ngrams = Ngrams { lengths: lengths.into_iter().map(|n| n as i64).collect(), up_to: None };
        self
    }

    /// With `int` (the default), `multi_hot`, `count` or `tf_idf`.
    #[must_use]
    pub fn output_mode(mut self, mode: impl Into<Arg<OutputMode>>) -> Self {
        match self.base.accept(mode.into()) {
            Some(mode) => self.options(|o| o.output_mode = mode),
            None => self,
        }
    }

    /// With rows cut and padded to this length.
    #[must_use]
    pub fn output_sequence_length(mut self, length: usize) -> Self {
        self.output_sequence_length = Some(length);
        self
    }

    /// Whether rows of other modes than `int` have `max_tokens` columns, however many words there are.
    #[must_use]
    pub fn pad_to_max_tokens(self, pad: bool) -> Self {
        self.options(|o| o.pad_to_max_tokens = pad)
    }

    /// With these words, in order.
    #[must_use]
    pub fn vocabulary(mut self, words: impl IntoIterator<Item = impl Into<String>>) -> Self {
        self.pending = Some(words.into_iter().map(|word| Token::Text(word.into())).collect());
        self
    }

    /// Sets the words, and their weights for `tf_idf`. What was traced before keeps the old ones.
    ///
    /// # Errors
    /// As `StringLookup`.
    pub fn set_vocabulary(
        &self,
        words: impl IntoIterator<Item = impl Into<String>>,
        idf: Option<Vec<f64>>,
    ) -> Result<()> {
        self.lookup.set_vocabulary(words, idf)
    }

    /// The words, those for padding and unknown words first if `special`.
    pub fn get_vocabulary(&self, special: bool) -> Vec<String> {
        let _ = self.settled();
        let text = |token| if let Token::Text(text) = token { text } else { String::new() };
        self.lookup.lookup.vocabulary(special).into_iter().map(text).collect()
    }

    /// How many words there are, those for padding and unknown words among them.
    pub fn vocabulary_size(&self) -> usize {
        let _ = self.settled();
        self.lookup.lookup.size()
    }

    /// Learns the words of texts, most frequent first, in place of those before.
    ///
    /// # Errors
    /// `invalid_state` for a layer that was given a vocabulary; `dtype_mismatch` for what is no text; `empty_data`.
    pub fn adapt(&self, data: &dyn IntoArrays) -> Result<()> {
        let mut all = Vec::new();
        for array in data.arrays()? {
            let tokens = self.tokens(&Tensor::from(array), None)?.array()?;
            // Padding is no word.
            let own =
                |row: Vec<Token>| row.into_iter().filter(|t| *t != Token::Text(String::new())).collect::<Vec<_>>();
            all.extend(documents(&tokens)?.into_iter().map(own));
        }
        self.lookup.lookup.adapt(all.into_iter())
    }

    fn settled(&self) -> Result<()> {
        match (&self.pending, self.lookup.lookup.is_set()) {
            (Some(words), false) => self.lookup.lookup.set_vocabulary(words.clone(), None),
            _ => Ok(()),
        }
    }

    pub(crate) fn from_config(config: &Config<'_>) -> Result<Self> {
        refuse_sparse(config.flag("sparse", false)?)?;
        if config.flag("ragged", false)? {
            return Err(err!(Unsupported, "ragged: expected false, found true").help("rows are padded instead"));
        }
        let code = |key: &str| {
            err!(Unsafe, "{key}: expected a word, found Python code, which Cornet does not run")
                .help("choose one of Keras's words, or make the tokens before the model")
        };
        let standardize = match config.get("standardize") {
            Value::Null => Standardize::Nothing,
            Value::String(word) => Standardize::parse(word)?,
            _ => return Err(code("standardize")),
        };
        let split = match config.get("split") {
            Value::Null => Split::Nothing,
            Value::String(word) => Split::parse(word)?,
            _ => return Err(code("split")),
        };
        let ngrams = match config.get("ngrams") {
            Value::Null => Ngrams::default(),
            Value::Array(list) => {
                let lengths: Option<Vec<i64>> = list.iter().map(Value::as_i64).collect();
                let lengths = lengths.ok_or_else(|| err!(Corrupt, "ngrams: found {}", brief(config.get("ngrams"))))?;
                Ngrams { lengths, up_to: None }
            }
            one => {
                let up_to = one.as_i64().filter(|n| (1..=1000).contains(n));
                let up_to = up_to.ok_or_else(|| err!(Corrupt, "ngrams: expected 1 to 1000, found {}", brief(one)))?;
                Ngrams { lengths: (1..=up_to).collect(), up_to: Some(up_to) }
            }
        };
        let mut options = StringLookup::defaults();
        options.max_tokens = config.optional("max_tokens", "an integer", Value::as_u64)?.map(|n| n as usize);
        options.output_mode = OutputMode::parse(config.text("output_mode", "int")?)?;
        options.pad_to_max_tokens = config.flag("pad_to_max_tokens", false)?;
        options.mask_token = Some(Token::Text(String::new()));
        let lookup = IndexLookup::read_vocabulary(config, IndexLookup::new(options.clone()))?;
        let layer = Self::of(LayerBase::from_config(config)?, options);
        let length = config.optional("output_sequence_length", "an integer", Value::as_u64)?.map(|n| n as usize);
        Ok(Self {
            standardize,
            split,
            ngrams,
            output_sequence_length: length,
            encoding: config.text("encoding", "utf-8")?.into(),
            lookup: Arc::new(StringLookup::of(LayerBase::new("StringLookup"), lookup)),
            ..layer
        })
    }

    /// The words of texts, one row a text, padded with empty ones to `size` or to the longest.
    fn tokens(&self, x: &Tensor, size: Option<usize>) -> Result<Tensor> {
        let x = self.standardize.apply(x.clone());
        let shape = x.shape()?;
        let (by, x) = match self.split {
            Split::Nothing if self.ngrams.lengths.is_empty() && shape.rank() > 1 => return self.rows(x, size),
            Split::Nothing => ("text", x),
            Split::Whitespace => ("word", x),
            Split::Character => ("character", x),
        };
        let x = match shape.split_last() {
            Some((1, rest)) if !rest.is_empty() => x.reshape(rest),
            _ if shape.rank() <= 1 => x,
            _ => fail!(ShapeMismatch, "texts: expected [batch] or [batch, 1], found {shape}"),
        };
        let size = match size {
            Some(size) => size,
            None => x.token_count(by, &self.ngrams.lengths)?,
        };
        Ok(x.tokenize(by, &self.ngrams.lengths, size).0)
    }

    /// Words that are split already, cut and padded.
    fn rows(&self, x: Tensor, size: Option<usize>) -> Result<Tensor> {
        let shape = x.shape()?;
        let found = shape.last().copied().unwrap_or(0);
        match size {
            Some(size) if size < found => Ok(x.index(cornet_ops::s![..., ..size as i64])),
            Some(size) if size > found => {
                let more: Vec<usize> = shape[..shape.rank() - 1].iter().copied().chain([size - found]).collect();
                let empty = Tensor::of(String::new()).broadcast_to(more);
                Ok(Tensor::concat(&[&x, &empty], -1))
            }
            _ => Ok(x),
        }
    }
}

impl Layer for TextVectorization {
    fn class_name(&self) -> &str {
        "TextVectorization"
    }

    fn base(&self) -> &LayerBase {
        &self.base
    }

    fn arguments(&self) -> Map<String, Value> {
        let _ = self.settled();
        let lookup = &self.lookup.lookup;
        let ngrams = match (&self.ngrams.up_to, &self.ngrams.lengths[..]) {
            (Some(up_to), _) => json!(up_to),
            (None, []) => Value::Null,
            (None, lengths) => json!(lengths),
        };
        let split = match self.split {
            Split::Whitespace => "whitespace".into(),
            Split::Character => "character".into(),
            Split::Nothing => Value::Null,
        };
        let vocabulary = match &self.pending {
            Some(words) => words.iter().map(Token::to_json).collect(),
            None => lookup.given_json(),
        };
        crate::saving::config::map(json!({
            "max_tokens": lookup.options.max_tokens, "standardize": self.standardize.to_json(), "split": split,
            "ngrams": ngrams, "output_mode": lookup.options.output_mode.name(),
            "output_sequence_length": self.output_sequence_length, "pad_to_max_tokens": lookup.options.pad_to_max_tokens,
            "sparse": false, "ragged": false, "vocabulary": vocabulary, "idf_weights": lookup.given_idf,
            "encoding": self.encoding, "vocabulary_size": lookup.size(),
        }))
    }

    fn has_build(&self) -> bool {
        true
    }

    fn build(&self, inputs: &[PartialShape], weights: &mut Weights<'_>) -> Result<()> {
        let mode = self.lookup.lookup.options.output_mode;
        if mode != OutputMode::Int && self.output_sequence_length.is_some() {
            fail!(InvalidArgument, "output_sequence_length: expected output_mode 'int', found '{}'", mode.name());
        }
        self.lookup.lookup.check()?;
        self.settled()?;
        build(&*self.lookup, inputs, weights.path(), weights.seeds())
    }

    fn autocast(&self) -> bool {
        false
    }

    fn call(&self, inputs: &[Tensor], _call: &Call<'_>) -> Result<Tensors> {
        if inputs[0].dtype()? != DType::Str {
            fail!(DtypeMismatch, "texts: expected strings, found {}", inputs[0].dtype()?);
        }
        let tokens = self.tokens(&inputs[0], self.output_sequence_length)?;
        Ok(smallvec![self.lookup.lookup.encoded(&self.lookup.lookup.numbers(&tokens)?)?])
    }

    fn compute_output_dtype(&self, _inputs: &[DType], outputs: usize) -> Vec<DType> {
        vec![self.lookup.lookup.output_dtype(); outputs]
    }

    fn compute_output_shape(&self, inputs: &[PartialShape]) -> Result<Vec<PartialShape>> {
        self.settled()?;
        let batch = inputs[0].first().copied().flatten();
        let lookup = &self.lookup.lookup;
        let rows = PartialShape(vec![batch, self.output_sequence_length]);
        Ok(vec![match lookup.options.output_mode {
            OutputMode::Int => rows,
            mode => encoded_shape(&rows, mode, lookup.depth()?),
        }])
    }

    fn parts(&self) -> Vec<(String, Arc<dyn Layer>)> {
        vec![("_lookup_layer".into(), self.lookup.clone())]
    }

    fn assets(&self) -> Result<Vec<(String, Vec<u8>)>> {
        Ok(if self.pending.is_some() { Vec::new() } else { self.lookup.lookup.assets() })
    }

    fn load_assets(&self, assets: &[(String, Vec<u8>)]) -> Result<()> {
        self.lookup.lookup.load_assets(assets)
    }
}
