//! Losses by their names.

use std::sync::Arc;

use cornet_error::Result;
use serde_json::Map;

use super::crossentropy::Crossentropy;
use super::*;
use crate::arg::{Choice, unknown};
use crate::saving::config::Config;

/// Makes a loss from the arguments in its config.
type FromConfig = fn(&Config<'_>) -> Result<Arc<dyn LossFunction>>;

/// Class, function, short name, maker.
static LOSSES: &[(&str, &str, &str, FromConfig)] = &[
    ("BinaryCrossentropy", "binary_crossentropy", "bce", |c| Ok(Arc::new(BinaryCrossentropy::from_config(c)?))),
    ("BinaryFocalCrossentropy", "binary_focal_crossentropy", "", |c| {
        Ok(Arc::new(BinaryFocalCrossentropy::from_config(c)?))
    }),
    ("CTC", "ctc", "", |_| Ok(Arc::new(CTC))),
    ("CategoricalCrossentropy", "categorical_crossentropy", "", |c| {
        Ok(Arc::new(CategoricalCrossentropy::from_config(c)?))
    }),
    ("CategoricalFocalCrossentropy", "categorical_focal_crossentropy", "", |c| {
        Ok(Arc::new(CategoricalFocalCrossentropy::from_config(c)?))
    }),
    ("CategoricalGeneralizedCrossEntropy", "categorical_generalized_cross_entropy", "", |c| {
        Ok(Arc::new(CategoricalGeneralizedCrossEntropy::from_config(c)?))
    }),
    ("CategoricalHinge", "categorical_hinge", "", |_| Ok(Arc::new(CategoricalHinge))),
    ("Circle", "circle", "", |c| Ok(Arc::new(Circle::from_config(c)?))),
    ("CosineSimilarity", "cosine_similarity", "", |c| Ok(Arc::new(CosineSimilarity::from_config(c)?))),
    ("Crossentropy", "crossentropy", "ce", |_| Ok(Arc::new(Crossentropy))),
    ("Dice", "dice", "", |c| Ok(Arc::new(Dice::from_config(c)?))),
    ("Hinge", "hinge", "", |_| Ok(Arc::new(Hinge))),
    ("Huber", "huber", "", |c| Ok(Arc::new(Huber { delta: c.float("delta", 1.0)? }))),
    ("KLDivergence", "kl_divergence", "kld", |_| Ok(Arc::new(KLDivergence))),
    ("LogCosh", "log_cosh", "logcosh", |_| Ok(Arc::new(LogCosh))),
    ("MeanAbsoluteError", "mean_absolute_error", "mae", |_| Ok(Arc::new(MeanAbsoluteError))),
    ("MeanAbsolutePercentageError", "mean_absolute_percentage_error", "mape", |_| {
        Ok(Arc::new(MeanAbsolutePercentageError))
    }),
    ("MeanSquaredError", "mean_squared_error", "mse", |_| Ok(Arc::new(MeanSquaredError))),
    ("MeanSquaredLogarithmicError", "mean_squared_logarithmic_error", "msle", |_| {
        Ok(Arc::new(MeanSquaredLogarithmicError))
    }),
    ("Poisson", "poisson", "", |_| Ok(Arc::new(Poisson))),
    ("SparseCategoricalCrossentropy", "sparse_categorical_crossentropy", "", |c| {
        Ok(Arc::new(SparseCategoricalCrossentropy::from_config(c)?))
    }),
    ("SquaredHinge", "squared_hinge", "", |_| Ok(Arc::new(SquaredHinge))),
    ("Tversky", "tversky", "", |c| Ok(Arc::new(Tversky::from_config(c)?))),
];

pub(super) fn known() -> Vec<&'static str> {
    LOSSES.iter().map(|(_, function, ..)| *function).collect()
}

/// The loss function of a class, function or short name.
pub(crate) fn find(name: &str, config: &Config<'_>) -> Result<Option<Arc<dyn LossFunction>>> {
    let is = |&&(class, function, short, _): &&(&str, &str, &str, FromConfig)| {
        name == class || name == function || !short.is_empty() && name.eq_ignore_ascii_case(short)
    };
    LOSSES.iter().find(is).map(|(.., make)| make(config)).transpose()
}

/// The loss of a word, as in `compile`: a class, a function or a short name, such as `mse`.
///
/// # Errors
/// `invalid_argument`, with the words that are.
pub fn get(word: &str) -> Result<Loss> {
    Loss::parse(word)
}

impl Choice for Loss {
    fn parse(name: &str) -> Result<Self> {
        let empty = Map::new();
        let config = Config::new(name, &empty);
        match find(name, &config)? {
            Some(function) => Ok(Loss::of_word(name, function)),
            None => Err(unknown("loss", name, &known())),
        }
    }
}
