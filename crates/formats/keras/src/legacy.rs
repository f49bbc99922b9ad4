//! Models and weights in the HDF5 files of Keras 1 and 2, which Keras 3 still writes under the name `.h5`.

use cornet_error::{Error, Limits, Result, err, fail};
use cornet_hdf5::{Attribute, Group};
use cornet_tensor::Array;
use serde_json::Value;

use crate::KerasFile;
use crate::config::parse_config;
use crate::metadata::Metadata;
use crate::weights::{WeightStore, array};

/// What an older file has that a `.keras` file has in another form.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Legacy {
    /// The backend that wrote it: `tensorflow`, or `theano`, whose kernels are flipped.
    pub backend: String,
    /// How the model was compiled, in the older form; null if it was not, or if the file has weights only.
    pub training_config: Value,
    /// The layers in the order of the model, those without weights too.
    pub layers: Vec<LegacyLayer>,
    /// Weights of the model itself.
    pub top_level: Vec<(String, Array)>,
    /// The optimizer's variables in its order.
    pub optimizer: Vec<(String, Array)>,
}

/// The weights of one layer in its own order: trainable ones, then the others. Those of a model that is a layer are
/// all in one list.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct LegacyLayer {
    /// The layer's name.
    pub name: String,
    /// The weights' names, such as `dense/kernel:0`, and values.
    pub weights: Vec<(String, Array)>,
}

/// Reads an older file: a whole model, or weights only, whose config is then null.
pub(crate) fn read(root: &Group, limits: &Limits) -> Result<KerasFile> {
    let text = |group: &Group, name: &str| {
        group.attribute(name).and_then(Attribute::as_text).map(str::to_owned).unwrap_or_default()
    };
    let json = |name: &str| match root.attribute(name) {
        None => Ok(Value::Null),
        Some(Attribute::Text(json)) => parse_config(json.as_bytes(), limits).map_err(|e| e.within(name)),
        Some(_) => Err(err!(Corrupt, "attribute {name:?}: expected JSON, found something else")),
    };
    let weights = root.group("model_weights").unwrap_or(root);
    let mut legacy = Legacy { backend: text(weights, "backend"), ..Legacy::default() };
    legacy.training_config = json("training_config")?;
    for name in names(weights, "layer_names")? {
        let group = weights.group(&name).ok_or_else(|| err!(Corrupt, "layer {name:?}: its group is missing"))?;
        legacy.layers.push(LegacyLayer { weights: arrays(group)?, name });
    }
    if let Some(group) = weights.group("top_level_model_weights") {
        legacy.top_level = arrays(group)?;
    }
    if let Some(group) = root.group("optimizer_weights") {
        legacy.optimizer = arrays(group)?;
    }
    let keras_version = [text(root, "keras_version"), text(weights, "keras_version")];
    let keras_version = keras_version.into_iter().find(|version| !version.is_empty()).unwrap_or_default();
    Ok(KerasFile {
        metadata: Metadata { keras_version, date_saved: String::new() },
        config: json("model_config")?,
        weights: WeightStore::default(),
        assets: Default::default(),
        legacy: Some(legacy),
    })
}

/// Whether this is a file of the older kind.
pub(crate) fn is_legacy(root: &Group) -> bool {
    let names = |group: &Group| group.attributes().keys().any(|key| key.starts_with("layer_names"));
    root.attribute("model_config").is_some() || names(root) || root.group("model_weights").is_some_and(names)
}

/// A list of names; long ones are split over attributes with the numbers 0, 1, ….
fn names(group: &Group, attribute: &str) -> Result<Vec<String>> {
    let list = |value: &Attribute| {
        let texts = value.as_texts().map(<[String]>::to_vec);
        texts.ok_or_else(|| err!(Corrupt, "attribute {attribute:?}: expected names, found something else"))
    };
    if let Some(value) = group.attribute(attribute) {
        return list(value);
    }
    let mut all = Vec::new();
    while let Some(value) = group.attribute(&format!("{attribute}{}", all.len())) {
        all.push(list(value)?);
    }
    if all.is_empty() {
        fail!(Corrupt, "expected an attribute {attribute:?}, found none");
    }
    Ok(all.concat())
}

/// The weights that a group names, in that order.
fn arrays(group: &Group) -> Result<Vec<(String, Array)>> {
    let read = |name: String| {
        let missing = || err!(Corrupt, "weight {name:?}: its values are missing");
        let values = array(group.dataset(name.trim_start_matches('/')).ok_or_else(missing)?)?;
        Ok::<_, Error>((name, values))
    };
    names(group, "weight_names")?.into_iter().map(read).collect()
}
