//! Weights by their names: Keras's paths, such as `sequential/dense/kernel`.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::path::Path;

use cornet_error::{Error, Limits, Result, err};
use cornet_format_safetensors as safetensors;
use cornet_tensor::Array;

use super::file;
use crate::arg::closest;
use crate::layers::Layer;
use crate::models::Model;

/// Names of arrays that are shown in a message.
const NAMES_SHOWN: usize = 6;

/// The weights of a model by their paths, in its order: what layers keep beside their weights, such as the counts of a
/// normalization, under the layer's path.
///
/// # Errors
/// `invalid_state` for a model that is not built.
pub fn named_weights(model: &dyn Model) -> Result<Vec<(String, Array)>> {
    model.check_built()?;
    let mut arrays = Vec::new();
    collect(model.as_model(), &mut arrays)?;
    Ok(arrays)
}

fn collect(layer: &dyn Layer, arrays: &mut Vec<(String, Array)>) -> Result<()> {
    for weight in layer.base().weights() {
        arrays.push((weight.path().to_owned(), weight.variable.value()?));
    }
    let path = layer.base().path().unwrap_or(layer.name());
    arrays.extend(layer.own_variables().into_iter().map(|(key, array)| (format!("{path}/{key}"), array)));
    layer.parts().iter().try_for_each(|(_, part)| collect(&**part, arrays))
}

/// Sets the weights of a model to arrays of their names; the model's own name at the beginning of a path may differ, since
/// models without a name are numbered. Returns the names of arrays that no weight has.
///
/// # Errors
/// `not_found` for a weight without an array; `shape_mismatch`, `dtype_mismatch`; `invalid_state` for a model that is not
/// built. Nothing is changed then.
pub fn set_named_weights(model: &dyn Model, arrays: &[(String, Array)]) -> Result<Vec<String>> {
    model.check_built()?;
    let found = Found::new(arrays);
    let mut used = HashSet::new();
    let parts = all_parts(model.as_model());
    // Everything is looked up and compared before the first weight changes.
    let mut changes: Vec<Box<dyn FnOnce() -> Result<()> + '_>> = Vec::new();
    for layer in &parts {
        for weight in layer.as_layer().base().weights() {
            let at = found.place(weight.path(), model.name())?;
            let (name, array) = &arrays[at];
            if array.shape() != weight.variable.shape() {
                let (expected, shape) = (weight.variable.shape(), array.shape());
                return Err(err!(ShapeMismatch, "weight '{}': expected {expected}, found {shape}", weight.path())
                    .operand("array", name)
                    .help(
                        "the file belongs to another model, or keeps this weight transposed: a name map may turn it",
                    ));
            }
            let value = array.cast(weight.variable.dtype()).map_err(|e| e.within(weight.path().to_owned()))?;
            used.insert(at);
            let variable = weight.variable.clone();
            changes.push(Box::new(move || variable.set(value)));
        }
        let layer = layer.as_layer();
        let path = layer.base().path().unwrap_or(layer.name()).to_owned();
        let mut own = Vec::new();
        for (key, _) in layer.own_variables() {
            let at = found.place(&format!("{path}/{key}"), model.name())?;
            used.insert(at);
            own.push((key, arrays[at].1.clone()));
        }
        if !own.is_empty() {
            changes.push(Box::new(move || layer.load_own_variables(&own)));
        }
    }
    changes.into_iter().try_for_each(|change| change())?;
    let unused = arrays.iter().enumerate().filter(|(at, _)| !used.contains(at));
    Ok(unused.map(|(_, (name, _))| name.clone()).collect())
}

/// A model, or a layer of it at any depth.
enum Part<'a> {
    Model(&'a dyn Layer),
    Inner(std::sync::Arc<dyn Layer>),
}

impl Part<'_> {
    fn as_layer(&self) -> &dyn Layer {
        match self {
            Self::Model(layer) => *layer,
            Self::Inner(layer) => &**layer,
        }
    }
}

fn all_parts(model: &dyn Layer) -> Vec<Part<'_>> {
    let mut all = vec![Part::Model(model)];
    let mut next = 0;
    while let Some(part) = all.get(next) {
        let inner: Vec<_> = part.as_layer().parts().into_iter().map(|(_, part)| Part::Inner(part)).collect();
        all.extend(inner);
        next += 1;
    }
    all
}

/// The places of arrays by name, and by name without its first part where only one has it.
struct Found<'a> {
    names: Vec<&'a str>,
    places: HashMap<&'a str, usize>,
    shorter: HashMap<&'a str, Option<usize>>,
}

impl<'a> Found<'a> {
    fn new(arrays: &'a [(String, Array)]) -> Self {
        let names: Vec<&str> = arrays.iter().map(|(name, _)| name.as_str()).collect();
        let places = names.iter().enumerate().map(|(at, name)| (*name, at)).collect();
        let mut shorter: HashMap<&str, Option<usize>> = HashMap::new();
        for (at, name) in names.iter().enumerate() {
            if let Some((_, rest)) = name.split_once('/') {
                shorter.entry(rest).and_modify(|place| *place = None).or_insert(Some(at));
            }
        }
        Self { names, places, shorter }
    }

    fn place(&self, path: &str, model: &str) -> Result<usize> {
        let rest = path.strip_prefix(model).and_then(|rest| rest.strip_prefix('/'));
        let found = self.places.get(path).copied();
        let found = found.or_else(|| self.places.get(rest?).copied());
        let found = found.or_else(|| self.shorter.get(rest.unwrap_or(path)).copied().flatten());
        found.ok_or_else(|| self.missing(path))
    }

    fn missing(&self, path: &str) -> Error {
        let mut shown = self.names.iter().take(NAMES_SHOWN).copied().collect::<Vec<_>>().join(", ");
        if self.names.len() > NAMES_SHOWN {
            shown.push_str(&format!(" and {} more", self.names.len() - NAMES_SHOWN));
        }
        let error = err!(NotFound, "weights: expected an array '{path}', found {shown}");
        match closest(path, &self.names) {
            Some(near) => error.help(format!("did you mean '{near}'? A name map says which array is which weight")),
            None => error.help("a name map says which array is which weight"),
        }
    }
}

/// Saves a model's weights, in one step or not at all: as safetensors or `.npz` under the weights' paths if the name ends
/// so, as `.weights.h5` for Keras otherwise.
///
/// # Errors
/// `invalid_state` for a model that is not built; `io`, `not_found`, `permission_denied`.
pub fn save_weights(model: &dyn Model, path: &Path) -> Result<()> {
    match path.extension().and_then(|e| e.to_str()) {
        Some("safetensors") => {
            let metadata = BTreeMap::from([("format".to_owned(), "keras".to_owned())]);
            safetensors::write(path, named_weights(model)?, &metadata)
        }
        Some("npz") => Array::write_npz(path, named_weights(model)?),
        _ => file::save_weights(model, path),
    }
}

/// Loads weights into a model: from safetensors and `.npz` by the weights' paths ([`set_named_weights`]), from
/// `.weights.h5` and `.keras` by the layers' places. The content decides, not the name.
///
/// # Errors
/// `not_found`, `io`, `corrupt` and their likes; `shape_mismatch` and `invalid_argument` for weights of another model.
pub fn load_weights(model: &dyn Model, path: &Path) -> Result<()> {
    match named_arrays(path, &Limits::default())? {
        Some(arrays) => set_named_weights(model, &arrays).map(|_| ()).map_err(|e| e.within(path.display().to_string())),
        None => file::load_weights(model, path),
    }
}

/// The arrays of a file that has them by name.
fn named_arrays(path: &Path, limits: &Limits) -> Result<Option<Vec<(String, Array)>>> {
    use std::io::Read;
    let failed = |e: std::io::Error| Error::io("read", path, &e);
    let mut head = Vec::new();
    std::fs::File::open(path).map_err(failed)?.take(9).read_to_end(&mut head).map_err(failed)?;
    if head.get(8) == Some(&b'{') {
        return safetensors::File::open(path, limits)?.read_all().map(Some);
    }
    let is_npz = head.starts_with(b"PK\x03\x04")
        && cornet_archive::Archive::open(path, limits)?.entries().all(|e| e.name.ends_with(".npy"));
    if is_npz { Array::read_npz_within(path, limits).map(Some) } else { Ok(None) }
}

#[cfg(test)]
mod tests {
    use cornet_cpu as _;

    use super::*;
    use crate::layers::{BatchNormalization, Dense, Input};
    use crate::models::Sequential;

    fn model(name: &str) -> Sequential {
        let inner = Sequential::named("inner").add(Input::new([3])).add(Dense::new(2).name("d"));
        Sequential::named(name).add(Input::new([3])).add(inner).add(BatchNormalization::new().name("bn"))
    }

    fn temporary(name: &str) -> std::path::PathBuf {
        std::env::temp_dir().join(format!("cornet-named-{}-{name}", std::process::id()))
    }

    #[test]
    fn weights_are_found_by_their_paths_whatever_the_model_is_called() {
        let (a, b) = (model("one"), model("two"));
        let names: Vec<String> = named_weights(&a).unwrap().into_iter().map(|(name, _)| name).collect();
        assert!(
            names.iter().any(|n| n.ends_with("d/kernel")) && names.iter().any(|n| n.ends_with("bn/moving_mean")),
            "{names:?}"
        );
        let values = |model: &Sequential| model.get_weights().unwrap();
        for ending in ["a.safetensors", "a.npz", "a.weights.h5"] {
            let path = temporary(ending);
            a.save_weights(&path).unwrap();
            b.set_weights(&values(&b).iter().map(|x| Array::zeros(x.dtype(), x.shape().clone())).collect::<Vec<_>>())
                .unwrap();
            assert_ne!(values(&a), values(&b));
            b.load_weights(&path).unwrap();
            std::fs::remove_file(&path).unwrap();
            assert_eq!(values(&a), values(&b), "{ending}");
        }
    }

    #[test]
    fn arrays_that_do_not_fit_change_nothing() {
        let model = model("one");
        let before = model.get_weights().unwrap();
        let mut arrays = named_weights(&model).unwrap();
        arrays.iter_mut().for_each(|(_, a)| *a = Array::full(a.dtype(), a.shape().clone(), 7.0).unwrap());
        let last = arrays.len() - 1;
        let name = std::mem::replace(&mut arrays[last].0, "other/thing".into());
        let error = set_named_weights(&model, &arrays).unwrap_err().to_string();
        assert!(error.contains(&format!("expected an array '{name}'")), "{error}");
        arrays[last] = (name, Array::scalar(1.0_f32));
        assert!(set_named_weights(&model, &arrays).unwrap_err().to_string().contains("[shape_mismatch]"));
        assert_eq!(model.get_weights().unwrap(), before);
        arrays[last].1 = Array::zeros(before[last].dtype(), before[last].shape().clone());
        arrays.push(("more".into(), Array::scalar(1.0_f32)));
        assert_eq!(set_named_weights(&model, &arrays).unwrap(), ["more"]);
    }
}
