//! Vocabularies: what `StringLookup`, `IntegerLookup` and `TextVectorization` share.
//!
//! Source: Keras 3.15.1, `keras.src.layers.preprocessing.index_lookup`.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use cornet_error::{Result, err, fail};
use cornet_ops::Tensor;
use cornet_ops::string::LookupTable;
use cornet_tensor::{Array, DType};
use serde_json::{Map, Value, json};

use super::encode::{OutputMode, encode, encoded_shape, refuse_sparse};
use super::hashing::Salt;
use crate::arg::Choice;
use crate::saving::config::{Config, brief};
use crate::shape::PartialShape;

/// A word of a vocabulary.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Token {
    /// A text.
    Text(String),
    /// A number.
    Number(i64),
}

impl Token {
    fn from_json(value: &Value) -> Option<Self> {
        match value {
            Value::String(text) => Some(Self::Text(text.clone())),
            number => number.as_i64().map(Self::Number),
        }
    }

    pub(super) fn to_json(&self) -> Value {
        match self {
            Self::Text(text) => json!(text),
            Self::Number(number) => json!(number),
        }
    }

    /// Where a tensor has this word.
    pub(super) fn is_in(&self, x: &Tensor) -> Result<Tensor> {
        match self {
            Self::Number(number) => Ok(x.equal(*number)),
            Self::Text(text) => {
                // Values, not ops: a table cannot be made of what a trace computes.
                let word = Tensor::from(Array::from_strings(vec![text.clone().into_bytes()], [1])?);
                let one = Tensor::from_slice(&[1_i64], [1]);
                Ok(LookupTable::new(&word, &one, &Tensor::of(0_i64))?.lookup(x).equal(1_i64))
            }
        }
    }

    fn tensor(&self) -> Tensor {
        match self {
            Self::Text(text) => Tensor::of(text.clone()),
            Self::Number(number) => Tensor::of(*number),
        }
    }
}

/// The arguments.
#[derive(Clone, Debug)]
pub(super) struct Options {
    pub max_tokens: Option<usize>,
    pub num_oov_indices: usize,
    pub mask_token: Option<Token>,
    pub oov_token: Option<Token>,
    pub invert: bool,
    pub output_mode: OutputMode,
    pub pad_to_max_tokens: bool,
    pub farmhash: bool,
    pub salt: Option<Salt>,
    pub is_text: bool,
}

/// A vocabulary, given or learned, and the tables made of it.
pub(super) struct IndexLookup {
    pub options: Options,
    /// The words that were given with the layer, which its config keeps.
    pub given: Option<Vec<Token>>,
    pub given_idf: Option<Vec<f64>>,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    /// Without mask and unknown words.
    tokens: Vec<Token>,
    idf: Option<Vec<f32>>,
    table: Option<LookupTable>,
    /// The size that a file states before its vocabulary is read.
    frozen: Option<usize>,
}

impl IndexLookup {
    pub fn new(options: Options) -> Self {
        Self { options, given: None, given_idf: None, state: Mutex::default() }
    }

    /// With a vocabulary.
    pub fn with_vocabulary(mut self, tokens: Vec<Token>, idf: Option<Vec<f64>>) -> Result<Self> {
        self.set_vocabulary(tokens.clone(), idf.clone())?;
        (self.given, self.given_idf) = (Some(tokens), idf);
        Ok(self)
    }

    pub fn from_config(config: &Config<'_>, defaults: Options) -> Result<Self> {
        refuse_sparse(config.flag("sparse", false)?)?;
        let token = |key| config.optional(key, "a text or an integer", Token::from_json);
        let options = Options {
            max_tokens: config.optional("max_tokens", "an integer", Value::as_u64)?.map(|n| n as usize),
            num_oov_indices: config.optional("num_oov_indices", "an integer", Value::as_u64)?.map_or(1, |n| n as usize),
            mask_token: token("mask_token")?,
            oov_token: token("oov_token")?,
            invert: config.flag("invert", false)?,
            output_mode: OutputMode::parse(config.text("output_mode", "int")?)?,
            pad_to_max_tokens: config.flag("pad_to_max_tokens", false)?,
            farmhash: config.text("oov_method", "floormod")? == "farmhash",
            salt: Salt::from_config(config)?,
            ..defaults
        };
        Self::read_vocabulary(config, Self::new(options))
    }

    /// Vocabulary, weights and size from a config.
    pub fn read_vocabulary(config: &Config<'_>, lookup: Self) -> Result<Self> {
        let frozen = config.optional("vocabulary_size", "an integer", Value::as_u64)?.map(|n| n as usize);
        let numbers = |v: &Value| v.as_array()?.iter().map(Value::as_f64).collect::<Option<Vec<_>>>();
        let idf = config.optional("idf_weights", "a list of numbers", numbers)?;
        lookup.lock().frozen = frozen;
        match config.get("vocabulary") {
            Value::Null => Ok(lookup),
            Value::String(path) => Err(err!(Unsafe, "vocabulary: expected words, found the name of a file, '{path}'")
                .help("a model file may not read other files: set the vocabulary after the model is loaded")),
            Value::Array(list) => {
                let tokens: Option<Vec<Token>> = list.iter().map(Token::from_json).collect();
                let tokens =
                    tokens.ok_or_else(|| err!(Corrupt, "vocabulary: expected texts or integers, found others"))?;
                lookup.with_vocabulary(tokens, idf)
            }
            other => fail!(Corrupt, "vocabulary: expected a list, found {}", brief(other)),
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether there are words.
    pub fn is_set(&self) -> bool {
        self.lock().table.is_some()
    }

    /// Keras's arguments.
    pub fn arguments(&self) -> Map<String, Value> {
        let o = &self.options;
        let token = |token: &Option<Token>| token.as_ref().map_or(Value::Null, Token::to_json);
        crate::saving::config::map(json!({
            "invert": o.invert, "max_tokens": o.max_tokens, "num_oov_indices": o.num_oov_indices,
            "oov_token": token(&o.oov_token), "mask_token": token(&o.mask_token), "output_mode": o.output_mode.name(),
            "sparse": false, "pad_to_max_tokens": o.pad_to_max_tokens,
            "vocabulary_dtype": if o.is_text { "string" } else { "int64" }, "idf_weights": self.given_idf,
            "vocabulary": self.given_json(), "vocabulary_size": self.frozen_size(),
            "oov_method": if o.farmhash { "farmhash" } else { "floormod" }, "salt": o.salt.map(|salt| salt.0),
        }))
    }

    pub fn given_json(&self) -> Value {
        self.given.as_ref().map_or(Value::Null, |tokens| tokens.iter().map(Token::to_json).collect())
    }

    /// Fails for arguments that do not fit each other.
    pub fn check(&self) -> Result<()> {
        let o = &self.options;
        if o.max_tokens.is_some_and(|n| n <= 1) {
            fail!(InvalidArgument, "max_tokens: expected more than 1, found {}", o.max_tokens.unwrap_or(0));
        }
        if o.pad_to_max_tokens && o.max_tokens.is_none() {
            fail!(InvalidArgument, "pad_to_max_tokens: expected max_tokens beside it, found none");
        }
        if o.invert && o.output_mode != OutputMode::Int {
            fail!(InvalidArgument, "output_mode: expected 'int' with invert, found '{}'", o.output_mode.name());
        }
        if o.salt.is_some() && !o.is_text && !o.farmhash {
            fail!(InvalidArgument, "salt: expected oov_method 'farmhash' beside it, found 'floormod'");
        }
        Ok(())
    }

    fn oov_start(&self) -> usize {
        usize::from(self.options.mask_token.is_some() && self.options.output_mode == OutputMode::Int)
    }

    fn token_start(&self) -> usize {
        self.oov_start() + self.options.num_oov_indices
    }

    /// The words, with those for masks and unknown words first.
    pub fn vocabulary(&self, special: bool) -> Vec<Token> {
        let o = &self.options;
        let unknown = o
            .oov_token
            .clone()
            .unwrap_or_else(|| if o.is_text { Token::Text(String::new()) } else { Token::Number(-1) });
        let mask = o.mask_token.clone().filter(|_| self.oov_start() == 1);
        let special: Vec<Token> = match special {
            true => mask.into_iter().chain(std::iter::repeat_n(unknown, o.num_oov_indices)).collect(),
            false => Vec::new(),
        };
        special.into_iter().chain(self.lock().tokens.iter().cloned()).collect()
    }

    /// How many words there are, with those for masks and unknown words.
    pub fn size(&self) -> usize {
        self.lock().tokens.len() + self.token_start()
    }

    fn frozen_size(&self) -> Option<usize> {
        let state = self.lock();
        if state.table.is_some() { Some(state.tokens.len() + self.token_start()) } else { state.frozen }
    }

    /// Sets the words, which may begin with those for masks and unknown words, and their weights.
    pub fn set_vocabulary(&self, tokens: Vec<Token>, idf: Option<Vec<f64>>) -> Result<()> {
        let o = &self.options;
        match (o.output_mode == OutputMode::TfIdf, &idf) {
            (true, None) => {
                fail!(InvalidArgument, "idf_weights: expected weights with output_mode 'tf_idf', found none")
            }
            (false, Some(_)) => {
                fail!(InvalidArgument, "idf_weights: expected output_mode 'tf_idf', found '{}'", o.output_mode.name())
            }
            _ => {}
        }
        if tokens.is_empty() {
            fail!(EmptyData, "vocabulary: expected words, found none");
        }
        if let Some(wrong) = tokens.iter().find(|token| matches!(token, Token::Text(_)) != o.is_text) {
            fail!(
                DtypeMismatch,
                "vocabulary: expected {}, found {wrong:?}",
                if o.is_text { "texts" } else { "integers" }
            );
        }
        let start = self.token_start();
        let mut special: Vec<Option<&Token>> = vec![o.mask_token.as_ref(); self.oov_start()];
        special.extend(vec![o.oov_token.as_ref(); o.num_oov_indices]);
        let is_special = tokens.len() >= start && special.iter().zip(&tokens).all(|(s, token)| *s == Some(token));
        let own = if is_special { tokens[start..].to_vec() } else { tokens.clone() };
        let mut seen = HashMap::with_capacity(own.len());
        for (i, token) in own.iter().enumerate() {
            if let Some(before) = seen.insert(token, i) {
                fail!(AlreadyExists, "vocabulary: expected different words, found {token:?} at {before} and {i}");
            }
            if Some(token) == o.mask_token.as_ref() || o.invert && Some(token) == o.oov_token.as_ref() {
                return Err(err!(
                    InvalidArgument,
                    "vocabulary: expected mask and unknown words first, found {token:?} at {i}"
                )
                .help("leave them out: the layer adds them"));
            }
        }
        if let Some(max) = o.max_tokens.filter(|&max| own.len() + start > max) {
            fail!(
                LimitExceeded,
                "vocabulary: expected at most {max} words with max_tokens, found {}",
                own.len() + start
            );
        }
        let weights = idf.map(|idf| self.padded(&idf, tokens.len(), is_special)).transpose()?;
        self.store(own, weights)
    }

    /// Weights with those of masks and unknown words, and zeros up to `max_tokens`.
    fn padded(&self, idf: &[f64], words: usize, is_special: bool) -> Result<Vec<f32>> {
        if idf.len() != words {
            fail!(ShapeMismatch, "idf_weights: expected {words}, one a word, found {}", idf.len());
        }
        let mean = idf.iter().sum::<f64>() / idf.len() as f64;
        let front = if is_special { 0 } else { self.token_start() };
        let mut all: Vec<f32> = std::iter::repeat_n(mean, front).chain(idf.iter().copied()).map(|x| x as f32).collect();
        if let (true, Some(max)) = (self.options.pad_to_max_tokens, self.options.max_tokens) {
            all.resize(max.max(all.len()), 0.0);
        }
        Ok(all)
    }

    /// Words as an array.
    fn words(&self, tokens: &[Token]) -> Result<Array> {
        match self.options.is_text {
            true => {
                let bytes =
                    tokens.iter().map(|t| if let Token::Text(t) = t { t.clone().into_bytes() } else { Vec::new() });
                Array::from_strings(bytes.collect(), [tokens.len()])
            }
            false => {
                let numbers = tokens.iter().map(|t| if let Token::Number(n) = t { *n } else { 0 });
                Array::from_vec(numbers.collect::<Vec<i64>>(), [tokens.len()])
            }
        }
    }

    /// The word for unknown ones where none is given.
    fn no_word(&self) -> Token {
        if self.options.is_text { Token::Text(String::new()) } else { Token::Number(-1) }
    }

    fn store(&self, tokens: Vec<Token>, idf: Option<Vec<f32>>) -> Result<()> {
        let o = &self.options;
        let first = self.token_start() as i64;
        let numbers: Vec<i64> = (first..first + tokens.len() as i64).collect();
        let table = match o.invert {
            true => {
                let unknown = o.oov_token.clone().unwrap_or_else(|| self.no_word());
                // What is left out is number 0.
                let mask = o.mask_token.clone();
                let numbers: Vec<i64> = mask.iter().map(|_| 0).chain(numbers).collect();
                let words: Vec<Token> = mask.into_iter().chain(tokens.iter().cloned()).collect();
                let keys = Tensor::from_slice(&numbers, [numbers.len()]);
                LookupTable::new(&keys, &Tensor::from(self.words(&words)?), &unknown.tensor())?
            }
            false => {
                let unknown = if o.num_oov_indices == 1 { self.oov_start() as i64 } else { -1 };
                let values = Tensor::from_slice(&numbers, [numbers.len()]);
                LookupTable::new(&Tensor::from(self.words(&tokens)?), &values, &Tensor::of(unknown))?
            }
        };
        let mut state = self.lock();
        (state.tokens, state.idf, state.table) = (tokens, idf, Some(table));
        Ok(())
    }

    /// Learns the words of documents, most frequent first, in place of those before.
    pub fn adapt<'a>(&self, documents: impl Iterator<Item = Vec<Token>> + 'a) -> Result<()> {
        if self.given.is_some() {
            return Err(err!(InvalidState, "adapt: expected a layer without vocabulary, found one that was given one"));
        }
        let (mut counts, mut occurrences) = (HashMap::<Token, u64>::new(), HashMap::<Token, u64>::new());
        let mut number = 0_u64;
        for document in documents {
            number += 1;
            let mut own = document.clone();
            own.sort_unstable();
            own.dedup();
            for token in own {
                *occurrences.entry(token).or_insert(0) += 1;
            }
            for token in document {
                *counts.entry(token).or_insert(0) += 1;
            }
        }
        let o = &self.options;
        for special in o.mask_token.iter().chain(&o.oov_token) {
            counts.remove(special);
        }
        if counts.is_empty() {
            return Err(err!(EmptyData, "adapt: expected words, found none"));
        }
        let mut sorted: Vec<(u64, Token)> = counts.into_iter().map(|(token, count)| (count, token)).collect();
        sorted.sort_by(|a, b| b.cmp(a));
        if let Some(max) = o.max_tokens {
            sorted.truncate(max.saturating_sub(self.token_start()));
        }
        let tokens: Vec<Token> = sorted.into_iter().map(|(_, token)| token).collect();
        let idf = (o.output_mode == OutputMode::TfIdf).then(|| {
            let weight = |token: &Token| {
                (1.0 + number as f64 / (1.0 + occurrences.get(token).copied().unwrap_or(0) as f64)).ln()
            };
            tokens.iter().map(weight).collect::<Vec<f64>>()
        });
        let idf = idf.map(|idf| self.padded(&idf, tokens.len(), false)).transpose()?;
        self.store(tokens, idf)
    }

    /// The numbers of words, or the words of numbers.
    pub fn numbers(&self, x: &Tensor) -> Result<Tensor> {
        let o = &self.options;
        let Some(table) = self.lock().table.clone() else {
            return Err(err!(InvalidState, "expected a vocabulary, found none")
                .help("give one, or let adapt learn one from samples"));
        };
        let x = match (o.invert || !o.is_text, x.dtype()?) {
            (true, dtype) if dtype != DType::I64 => x.cast(DType::I64),
            _ => x.clone(),
        };
        let found = table.lookup(&x);
        if o.invert {
            return Ok(found);
        }
        let is_mask = o.mask_token.as_ref().map(|mask| mask.is_in(&x)).transpose()?;
        let masked = |found: Tensor| match (&is_mask, o.output_mode) {
            (None, _) => found,
            (Some(at), OutputMode::Int) => at.where_(0_i64, found),
            // Beyond every depth: counts for nothing.
            (Some(at), _) => at.where_(i64::MAX, found),
        };
        let found = masked(found);
        if o.num_oov_indices == 1 {
            return Ok(found);
        }
        if o.num_oov_indices == 0 {
            return self.all_known(&x, found);
        }
        let hashed = match !o.is_text && !o.farmhash {
            true => x.mod_(o.num_oov_indices as i64),
            false => Salt::hash(o.salt, &if o.is_text { x } else { x.as_string() }, o.num_oov_indices),
        };
        Ok(found.equal(-1_i64).where_(hashed + self.oov_start() as i64, found))
    }

    /// Without numbers for unknown words there must be none. In a traced graph they stay -1.
    fn all_known(&self, x: &Tensor, found: Tensor) -> Result<Tensor> {
        if found.is_traced() {
            return Ok(found);
        }
        if let Some(at) = found.to_vec::<i64>()?.iter().position(|&n| n == -1) {
            let word = match x.dtype()? {
                DType::Str => x.to_vec::<String>()?[at].clone(),
                _ => x.to_vec::<i64>()?[at].to_string(),
            };
            return Err(err!(OutOfRange, "expected words of the vocabulary, found '{word}'")
                .help("set num_oov_indices to 1, so that there is a number for unknown words"));
        }
        Ok(found)
    }

    /// How many columns encoded numbers have.
    pub fn depth(&self) -> Result<usize> {
        match (self.options.pad_to_max_tokens, self.options.max_tokens, self.frozen_size()) {
            (true, Some(max), _) => Ok(max),
            (_, _, Some(size)) => Ok(size),
            _ => Err(err!(InvalidState, "expected a vocabulary, found none").help("give one, or call adapt first")),
        }
    }

    /// Numbers as the layer puts them out.
    pub fn encoded(&self, numbers: &Tensor) -> Result<Tensor> {
        let mode = self.options.output_mode;
        if mode == OutputMode::Int {
            return Ok(numbers.clone());
        }
        let counts = encode(
            numbers,
            mode,
            self.depth()?,
            if mode == OutputMode::TfIdf { DType::F32 } else { DType::I64 },
            None,
        )?;
        match (mode, self.lock().idf.as_ref()) {
            (OutputMode::TfIdf, Some(idf)) => Ok(counts * Tensor::from_slice(idf, [idf.len()])),
            _ => Ok(counts),
        }
    }

    pub fn output_dtype(&self) -> DType {
        match (self.options.invert && self.options.is_text, self.options.output_mode) {
            (true, _) => DType::Str,
            (_, OutputMode::TfIdf) => DType::F32,
            _ => DType::I64,
        }
    }

    pub fn output_shape(&self, input: &PartialShape) -> Result<PartialShape> {
        match self.options.output_mode {
            OutputMode::Int => Ok(input.clone()),
            mode => Ok(encoded_shape(input, mode, self.depth()?)),
        }
    }

    /// `vocabulary.txt`, unless the config has the words.
    pub fn assets(&self) -> Vec<(String, Vec<u8>)> {
        if self.given.is_some() {
            return Vec::new();
        }
        let lines: Vec<String> = self
            .vocabulary(true)
            .into_iter()
            .map(|token| match token {
                Token::Text(text) => text,
                Token::Number(number) => number.to_string(),
            })
            .collect();
        vec![("vocabulary.txt".into(), lines.join("\n").into_bytes())]
    }

    pub fn load_assets(&self, assets: &[(String, Vec<u8>)]) -> Result<()> {
        let Some((_, bytes)) = assets.iter().find(|(name, _)| name == "vocabulary.txt") else { return Ok(()) };
        if self.given.is_some() {
            return Ok(());
        }
        let text = std::str::from_utf8(bytes).map_err(|e| err!(Corrupt, "vocabulary.txt: expected UTF-8: {e}"))?;
        let mut lines: Vec<&str> = text.split('\n').map(|line| line.strip_suffix('\r').unwrap_or(line)).collect();
        // An empty word may be the last one; a line after the last one is none.
        let least = self.lock().frozen.unwrap_or(0);
        while lines.len() > least && lines.last() == Some(&"") {
            lines.pop();
        }
        let token = |line: &str| match self.options.is_text {
            true => Ok(Token::Text(line.to_owned())),
            false => line
                .parse()
                .map(Token::Number)
                .map_err(|_| err!(Corrupt, "vocabulary.txt: expected integers, found '{line}'")),
        };
        let tokens = lines.into_iter().map(token).collect::<Result<Vec<_>>>()?;
        if tokens.len() <= self.token_start() {
            return Ok(());
        }
        match self.options.output_mode {
            // The weights come with the layer's variables.
            OutputMode::TfIdf => {
                let count = tokens.len();
                let idf = self.lock().idf.as_ref().map(|idf| idf.iter().map(|&x| f64::from(x)).take(count).collect());
                self.set_vocabulary(tokens, Some(idf.unwrap_or_else(|| vec![1.0; count])))
            }
            _ => self.set_vocabulary(tokens, None),
        }
    }

    /// The weights of words, as a variable of the file.
    pub fn own_variables(&self) -> Vec<(String, Array)> {
        let state = self.lock();
        let array = |idf: &Vec<f32>| Array::from_vec(idf.clone(), [idf.len()]).ok();
        state.idf.as_ref().and_then(array).map(|array| ("idf_weights".to_owned(), array)).into_iter().collect()
    }

    pub fn load_own_variables(&self, variables: &[(String, Array)]) -> Result<()> {
        if let Some((_, idf)) = variables.iter().find(|(name, _)| name == "idf_weights") {
            self.lock().idf = Some(idf.to_vec()?);
        }
        Ok(())
    }
}

/// The words of an array, one document a row.
pub(super) fn documents(array: &Array) -> Result<Vec<Vec<Token>>> {
    let tokens: Vec<Token> = match array.dtype() {
        DType::Str => array.to_vec::<String>()?.into_iter().map(Token::Text).collect(),
        _ => array.to_i64()?.into_iter().map(Token::Number).collect(),
    };
    let each = array.shape().get(1..).map_or(1, |rest| rest.iter().product::<usize>()).max(1);
    Ok(tokens.chunks(each).map(<[Token]>::to_vec).collect())
}
