//! Models and weights in the HDF5 files of Keras 1 and 2, which Keras 3 still writes under the name `.h5`.

use std::path::Path;

use cornet_archive::atomic_write;
use cornet_error::{Error, Limits, Result, err, fail};
use cornet_hdf5::{Attribute, Group, GroupSpec, Image};
use cornet_tensor::Array;
use serde_json::Value;

use crate::KerasFile;
use crate::config::{check_config, parse_config};
use crate::metadata::Metadata;
use crate::weights::{WeightStore, array, put_array};

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

/// Bytes of an attribute beyond which Keras writes it in parts; a header holds no more.
const ATTRIBUTE_BYTES_MAX: usize = 64_512;

/// Writes an older file, as Keras 3 does under the name `.h5`: a model, or weights only if the config is null. The file
/// is replaced in one step, or not at all.
///
/// # Errors
/// `invalid_argument` for a file without [`Legacy`], or with two weights of one name in a layer; `unsafe_content` for a
/// config with code; `dtype_mismatch` for variables that are strings; `io`, `not_found`, `permission_denied`.
pub fn write_legacy(path: &Path, file: &KerasFile) -> Result<()> {
    let Some(legacy) = &file.legacy else {
        fail!(InvalidArgument, "expected the weights of an older file, found variables by path")
    };
    let mut root = GroupSpec::default();
    let text = |group: &mut GroupSpec<'_>, name: &str, value: &str| {
        group.attributes.insert(name.into(), Attribute::Text(value.into()));
    };
    let limits = Limits::default();
    for (name, json) in [("model_config", &file.config), ("training_config", &legacy.training_config)] {
        if !json.is_null() {
            check_config(json, &limits).map_err(|e| e.within(name))?;
            text(&mut root, name, &json.to_string());
        }
    }
    let is_model = !file.config.is_null();
    if is_model {
        text(&mut root, "backend", &legacy.backend);
        text(&mut root, "keras_version", &file.metadata.keras_version);
    }
    let weights = if is_model { root.group("model_weights")? } else { &mut root };
    text(weights, "backend", &legacy.backend);
    text(weights, "keras_version", &file.metadata.keras_version);
    put_names(weights, "layer_names", legacy.layers.iter().map(|layer| layer.name.as_str()).collect());
    for layer in &legacy.layers {
        let place = |e: Error| e.within(format!("layer '{}'", layer.name));
        put_arrays(weights.group(&layer.name).map_err(place)?, &layer.weights).map_err(place)?;
    }
    put_arrays(weights.group("top_level_model_weights")?, &legacy.top_level)?;
    if !legacy.optimizer.is_empty() {
        put_arrays(root.group("optimizer_weights")?, &legacy.optimizer).map_err(|e| e.within("optimizer"))?;
    }
    let image = Image::new(&root)?;
    atomic_write(path, |file| image.write_to(file))
}

/// A list of names, split over attributes where one cannot hold it.
fn put_names(group: &mut GroupSpec<'_>, attribute: &str, names: Vec<&str>) {
    // NumPy, which Keras writes with, makes an empty list one of floats.
    if names.is_empty() {
        group.attributes.insert(attribute.into(), Attribute::Floats(Vec::new()));
        return;
    }
    // All names are stored as wide as the longest.
    let width = names.iter().map(|name| name.len()).max().unwrap_or_default().max(1);
    let list = |names: &[&str]| Attribute::Texts(names.iter().map(|name| (*name).to_owned()).collect());
    let parts = (names.len() * width).div_ceil(ATTRIBUTE_BYTES_MAX);
    if parts <= 1 {
        group.attributes.insert(attribute.into(), list(&names));
        return;
    }
    let each = (ATTRIBUTE_BYTES_MAX / width).max(1);
    for (part, names) in names.chunks(each).enumerate() {
        group.attributes.insert(format!("{attribute}{part}"), list(names));
    }
}

fn put_arrays<'a>(group: &mut GroupSpec<'a>, arrays: &'a [(String, Array)]) -> Result<()> {
    put_names(group, "weight_names", arrays.iter().map(|(name, _)| name.as_str()).collect());
    for (path, array) in arrays {
        let (folder, name) = path.rsplit_once('/').unwrap_or(("", path));
        let inner = if folder.is_empty() { &mut *group } else { group.group(folder)? };
        put_array(inner, name, array).map_err(|e| e.within(path.clone()))?;
    }
    Ok(())
}
