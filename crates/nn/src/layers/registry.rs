//! Which layers a config may name.

use std::collections::HashMap;
use std::sync::{Arc, PoisonError, RwLock};

use cornet_error::{Result, err};
use serde_json::Value;

use super::operation::{self, Operation};
use super::{
    Activation, ActivityRegularization, AdaptiveAveragePooling1D, AdaptiveAveragePooling2D, AdaptiveAveragePooling3D,
    AdaptiveMaxPooling1D, AdaptiveMaxPooling2D, AdaptiveMaxPooling3D, Add, AdditiveAttention, AlphaDropout, Attention,
    AugMix, AutoContrast, Average, AveragePooling1D, AveragePooling2D, AveragePooling3D, BatchNormalization,
    Bidirectional, CategoryEncoding, CenterCrop, Closure, Concatenate, ContrastLimitedAdaptiveHistogramEqualization,
    Conv1D, Conv1DTranspose, Conv2D, Conv2DTranspose, Conv3D, Conv3DTranspose, ConvLSTM1D, ConvLSTM2D, ConvLSTM3D,
    Cropping1D, Cropping2D, Cropping3D, CutMix, Dense, DepthwiseConv1D, DepthwiseConv2D, Discretization, Dot, Dropout,
    ELU, EinsumDense, Embedding, Equalization, Flatten, GRU, GRUCell, GaussianDropout, GaussianNoise,
    GlobalAveragePooling1D, GlobalAveragePooling2D, GlobalAveragePooling3D, GlobalMaxPooling1D, GlobalMaxPooling2D,
    GlobalMaxPooling3D, GroupNormalization, GroupQueryAttention, HashedCrossing, Hashing, Identity, InputLayer,
    IntegerLookup, LSTM, LSTMCell, Layer, LayerNormalization, LeakyReLU, Masking, MaxNumBoundingBoxes, MaxPooling1D,
    MaxPooling2D, MaxPooling3D, Maximum, MelSpectrogram, Minimum, MixUp, MultiHeadAttention, Multiply, Normalization,
    PReLU, Permute, Pipeline, RMSNormalization, RNN, RandAugment, RandomBrightness, RandomColorDegeneration,
    RandomColorJitter, RandomContrast, RandomCrop, RandomElasticTransform, RandomErasing, RandomFlip,
    RandomGaussianBlur, RandomGrayscale, RandomHue, RandomInvert, RandomPerspective, RandomPosterization,
    RandomRotation, RandomSaturation, RandomSharpness, RandomShear, RandomTranslation, RandomZoom, ReLU, RepeatVector,
    Rescaling, Reshape, Resizing, ReversibleEmbedding, STFTSpectrogram, SeparableConv1D, SeparableConv2D, SimpleRNN,
    SimpleRNNCell, Softmax, Solarization, SpatialDropout1D, SpatialDropout2D, SpatialDropout3D, SpectralNormalization,
    StackedRNNCells, StringLookup, Subtract, TextVectorization, TimeDistributed, UnitNormalization, UpSampling1D,
    UpSampling2D, UpSampling3D, ZeroPadding1D, ZeroPadding2D, ZeroPadding3D,
};
use crate::arg::closest;
use crate::models::{Functional, Sequential};
use crate::saving::config::Config;

/// Makes a layer from the arguments in its config.
pub type FromConfig = fn(&Config<'_>) -> Result<Arc<dyn Layer>>;

macro_rules! layers {
    ($($class:ident)+) => {
        /// Cornet's own layers by class, sorted.
        static LAYERS: &[(&str, FromConfig)] =
            &[$((stringify!($class), |config| Ok(Arc::new($class::from_config(config)?))),)+];
    };
}

layers! {
    Activation
    ActivityRegularization
    AdaptiveAveragePooling1D
    AdaptiveAveragePooling2D
    AdaptiveAveragePooling3D
    AdaptiveMaxPooling1D
    AdaptiveMaxPooling2D
    AdaptiveMaxPooling3D
    Add
    AdditiveAttention
    AlphaDropout
    Attention
    AugMix
    AutoContrast
    Average
    AveragePooling1D
    AveragePooling2D
    AveragePooling3D
    BatchNormalization
    Bidirectional
    CategoryEncoding
    CenterCrop
    Closure
    Concatenate
    ContrastLimitedAdaptiveHistogramEqualization
    Conv1D
    Conv1DTranspose
    Conv2D
    Conv2DTranspose
    Conv3D
    Conv3DTranspose
    ConvLSTM1D
    ConvLSTM2D
    ConvLSTM3D
    Cropping1D
    Cropping2D
    Cropping3D
    CutMix
    Dense
    DepthwiseConv1D
    DepthwiseConv2D
    Discretization
    Dot
    Dropout
    ELU
    EinsumDense
    Embedding
    Equalization
    Flatten
    Functional
    GRU
    GRUCell
    GaussianDropout
    GaussianNoise
    GlobalAveragePooling1D
    GlobalAveragePooling2D
    GlobalAveragePooling3D
    GlobalMaxPooling1D
    GlobalMaxPooling2D
    GlobalMaxPooling3D
    GroupNormalization
    GroupQueryAttention
    HashedCrossing
    Hashing
    Identity
    InputLayer
    IntegerLookup
    LSTM
    LSTMCell
    LayerNormalization
    LeakyReLU
    Masking
    MaxNumBoundingBoxes
    MaxPooling1D
    MaxPooling2D
    MaxPooling3D
    Maximum
    MelSpectrogram
    Minimum
    MixUp
    MultiHeadAttention
    Multiply
    Normalization
    PReLU
    Permute
    Pipeline
    RMSNormalization
    RNN
    RandAugment
    RandomBrightness
    RandomColorDegeneration
    RandomColorJitter
    RandomContrast
    RandomCrop
    RandomElasticTransform
    RandomErasing
    RandomFlip
    RandomGaussianBlur
    RandomGrayscale
    RandomHue
    RandomInvert
    RandomPerspective
    RandomPosterization
    RandomRotation
    RandomSaturation
    RandomSharpness
    RandomShear
    RandomTranslation
    RandomZoom
    ReLU
    RepeatVector
    Rescaling
    Reshape
    Resizing
    ReversibleEmbedding
    STFTSpectrogram
    SeparableConv1D
    SeparableConv2D
    Sequential
    SimpleRNN
    SimpleRNNCell
    Softmax
    Solarization
    SpatialDropout1D
    SpatialDropout2D
    SpatialDropout3D
    SpectralNormalization
    StackedRNNCells
    StringLookup
    Subtract
    TextVectorization
    TimeDistributed
    UnitNormalization
    UpSampling1D
    UpSampling2D
    UpSampling3D
    ZeroPadding1D
    ZeroPadding2D
    ZeroPadding3D
}

/// The classes that Cornet has, sorted.
pub fn classes() -> impl Iterator<Item = &'static str> {
    LAYERS.iter().map(|(class, _)| *class)
}

/// Layers of the program, by registered name.
static REGISTERED: RwLock<Option<HashMap<String, FromConfig>>> = RwLock::new(None);

/// Admits a layer of the program itself into model files, under its registered name, such as `my_package>MyLayer`.
/// A later registration replaces an earlier one.
pub fn register_layer(registered_name: impl Into<String>, from_config: FromConfig) {
    let mut registered = REGISTERED.write().unwrap_or_else(PoisonError::into_inner);
    registered.get_or_insert_with(HashMap::new).insert(registered_name.into(), from_config);
}

fn find(object: &Value, class: &str) -> Option<FromConfig> {
    if let Some(name) = object["registered_name"].as_str() {
        let registered = REGISTERED.read().unwrap_or_else(PoisonError::into_inner);
        if let Some(&found) = registered.as_ref().and_then(|map| map.get(name)) {
            return Some(found);
        }
    }
    LAYERS.iter().find(|(known, _)| *known == class).map(|(_, from_config)| *from_config)
}

/// The layer that an object of a config describes. Only classes that Cornet has, or that the program registered, are
/// made; code in a file is never run.
///
/// # Errors
/// `unsupported` for another class or an argument that Cornet does not have; `unsafe_content` for a Lambda layer;
/// `corrupt`.
pub fn layer_from_json(object: &Value) -> Result<Arc<dyn Layer>> {
    let config = Config::of(object)?;
    let name = || object["config"]["name"].as_str().unwrap_or("unnamed").to_owned();
    if config.class() == "Lambda" {
        return Err(err!(Unsafe, "layer '{}': a Lambda layer is Python code, which Cornet does not run", name()).help(
            "write it as a layer class of its own in Keras, or replace it by layers that there are, and save again",
        ));
    }
    if object["module"].as_str().is_some_and(operation::is_module) {
        return Ok(Arc::new(Operation::from_config(&config).map_err(|e| e.within(format!("op '{}'", name())))?));
    }
    let Some(from_config) = find(object, config.class()) else {
        let known: Vec<&str> = classes().collect();
        return Err(err!(Unsupported, "layer '{}': there is no class {}", name(), config.class()).help(match closest(
            config.class(),
            &known,
        ) {
            Some(near) => format!("did you mean {near}? A layer of your own is admitted with register_layer"),
            None => "a layer of your own is admitted with register_layer".into(),
        }));
    };
    let layer = from_config(&config).map_err(|e| e.within(format!("layer '{}'", name())))?;
    config.finish().map_err(|e| e.within(format!("layer '{}'", name())))?;
    Ok(layer)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn layers_are_listed_by_name() {
        assert!(LAYERS.is_sorted_by_key(|(class, _)| *class));
    }
}
