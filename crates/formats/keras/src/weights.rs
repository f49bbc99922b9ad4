//! The variables of a model by path, and the HDF5 file that holds them.

use std::cmp::Ordering;
use std::collections::BTreeMap;

use cornet_error::{Error, Result, err};
use cornet_hdf5::{Attribute, Dataset, Dtype, Group, GroupSpec};
use cornet_tensor::{Array, DType};

/// What one part of a model (a layer, the optimizer, the model itself) saved: its name and its variables.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Saved {
    /// The part's own name, such as `dense_1`; readers do not need it.
    pub name: Option<String>,
    /// Sorted by key: numbers first, in their order.
    variables: Vec<(String, Array)>,
}

impl Saved {
    /// Variables under the keys `0`, `1`, …, as nearly every layer saves them: the trainable ones in the order of
    /// their creation, then the others.
    pub fn new(name: impl Into<String>, variables: impl IntoIterator<Item = Array>) -> Self {
        let variables = variables.into_iter().enumerate().map(|(key, array)| (key.to_string(), array)).collect();
        Self { name: Some(name.into()), variables }
    }

    /// The variable of that key.
    pub fn get(&self, key: &str) -> Option<&Array> {
        self.variables.iter().find(|(known, _)| known == key).map(|(_, array)| array)
    }

    /// Sets the variable of that key; returns the one it replaces.
    pub fn set(&mut self, key: &str, array: Array) -> Option<Array> {
        match self.variables.binary_search_by(|(known, _)| compare(known, key)) {
            Ok(at) => Some(std::mem::replace(&mut self.variables[at].1, array)),
            Err(at) => {
                self.variables.insert(at, (key.to_owned(), array));
                None
            }
        }
    }

    /// Keys and variables in order: numbers first.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = (&str, &Array)> {
        self.variables.iter().map(|(key, array)| (key.as_str(), array))
    }

    /// The variables alone, in the same order.
    pub fn arrays(&self) -> impl ExactSizeIterator<Item = &Array> {
        self.variables.iter().map(|(_, array)| array)
    }

    /// How many variables there are.
    pub fn len(&self) -> usize {
        self.variables.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.variables.is_empty()
    }
}

/// Numbers by value and before words, words by letters.
fn compare(a: &str, b: &str) -> Ordering {
    let number = |key: &str| key.parse::<u64>().ok();
    match (number(a), number(b)) {
        (Some(x), Some(y)) => x.cmp(&y).then_with(|| a.cmp(b)),
        (Some(_), None) => Ordering::Less,
        (None, Some(_)) => Ordering::Greater,
        (None, None) => a.cmp(b),
    }
}

/// The variables of a model, by the path of the part that owns them.
///
/// | path | part |
/// |---|---|
/// | the empty path | the model itself; no variables, but its name |
/// | `layers/dense_1` | a layer: its class in snake case and, from the second of a class on, a number; [`crate::layer_paths`] |
/// | `layers/functional/layers/dense` | a layer of a model that is a layer |
/// | `layers/lstm/cell`, `layers/bidirectional/forward_layer/cell` | a part of a layer, under its attribute's name |
/// | `layers/dropout/seed_generator` | its random state, where the version that saved the file keeps one: `uint32` `[2]` |
/// | `optimizer` | `0` iteration (`int64`), `1` learning rate (`float32`), then the slots |
///
/// An optimizer's slots follow the model's trainable variables. Kinds that an optimizer makes together alternate:
/// Adam has momentum and velocity of the first variable (`2`, `3`), then of the second (`4`, `5`), and so on. Kinds
/// it makes one after the other follow each other as a whole: Adam's third kind with `amsgrad`, RMSprop's momenta
/// after all its velocities. SGD has slots only with momentum. Moving averages (`use_ema`) and accumulated gradients
/// come before all of these.
///
/// In the HDF5 file the variables of a path are datasets of the group `path/vars`, whose attribute `name` is the
/// part's name. bfloat16 is stored as two opaque bytes with the attribute `dtype` saying so.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct WeightStore {
    parts: BTreeMap<String, Saved>,
}

impl WeightStore {
    /// What the part at `path` saved. Files of Keras 2.13 say `_layer_checkpoint_dependencies` for `layers`; the
    /// newer word finds them.
    pub fn get(&self, path: &str) -> Option<&Saved> {
        let older = || self.parts.get(&path.replace("layers", "_layer_checkpoint_dependencies"));
        self.parts.get(path).or_else(older)
    }

    /// One variable by its full path, such as `layers/dense/vars/0`.
    pub fn array(&self, path: &str) -> Option<&Array> {
        let (part, key) = path.rsplit_once('/')?;
        let part = if part == "vars" { "" } else { part.strip_suffix("/vars")? };
        self.get(part)?.get(key)
    }

    /// Sets what the part at `path` saves; returns what it replaces.
    pub fn set(&mut self, path: &str, saved: Saved) -> Option<Saved> {
        self.parts.insert(path.to_owned(), saved)
    }

    /// Paths and parts in the order of the paths.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = (&str, &Saved)> {
        self.parts.iter().map(|(path, saved)| (path.as_str(), saved))
    }

    /// Whether there are no parts.
    pub fn is_empty(&self) -> bool {
        self.parts.is_empty()
    }

    /// Reads every variable below `group`.
    pub(crate) fn from_hdf5(group: &Group) -> Result<Self> {
        let mut store = Self::default();
        store.collect(group, "")?;
        Ok(store)
    }

    fn collect(&mut self, group: &Group, path: &str) -> Result<()> {
        for (name, inner) in group.groups() {
            if name == "vars" {
                let name = inner.attribute("name").and_then(Attribute::as_text).map(str::to_owned);
                let mut saved = Saved { name, variables: Vec::new() };
                for (key, dataset) in inner.datasets() {
                    saved.variables.push((key.clone(), array(dataset)?));
                }
                saved.variables.sort_by(|(a, _), (b, _)| compare(a, b));
                self.parts.insert(path.to_owned(), saved);
            } else {
                let inner_path = if path.is_empty() { name.clone() } else { format!("{path}/{name}") };
                self.collect(inner, &inner_path)?;
            }
        }
        Ok(())
    }

    /// The HDF5 tree of all variables, which it borrows.
    pub(crate) fn to_hdf5(&self) -> Result<GroupSpec<'_>> {
        let mut root = GroupSpec::default();
        for (path, saved) in &self.parts {
            let place = |e: Error| e.within(path.clone());
            let vars = root.group(path).and_then(|group| group.group("vars")).map_err(place)?;
            if let Some(name) = &saved.name {
                vars.attributes.insert("name".into(), Attribute::Text(name.clone()));
            }
            for (key, array) in &saved.variables {
                put_array(vars, key, array).map_err(place)?;
            }
        }
        Ok(root)
    }
}

/// A dataset's values as an array, read into place.
pub(crate) fn array(dataset: &Dataset) -> Result<Array> {
    let says_bf16 = || dataset.attribute("dtype").and_then(Attribute::as_text) == Some("bfloat16");
    let dtype = match dataset.dtype() {
        Dtype::Bool => DType::Bool,
        Dtype::I8 => DType::I8,
        Dtype::I16 => DType::I16,
        Dtype::I32 => DType::I32,
        Dtype::I64 => DType::I64,
        Dtype::U8 => DType::U8,
        Dtype::U16 => DType::U16,
        Dtype::U32 => DType::U32,
        Dtype::U64 => DType::U64,
        Dtype::F16 => DType::F16,
        Dtype::F32 => DType::F32,
        Dtype::F64 => DType::F64,
        Dtype::Complex64 => DType::C64,
        Dtype::Bf16 => DType::BF16,
        Dtype::Opaque(2) if says_bf16() => DType::BF16,
        Dtype::Text => {
            let texts = dataset.read_texts()?.into_iter().map(String::into_bytes).collect();
            return Array::from_strings(texts, dataset.shape());
        }
        other => {
            let name = other.name();
            return Err(err!(DtypeMismatch, "{}: expected values of a known type, found {name}", dataset.path()));
        }
    };
    let mut array = Array::zeros(dtype, dataset.shape());
    dataset.read_into(array.bytes_mut())?;
    if dtype == DType::Bool {
        array.bytes_mut().iter_mut().for_each(|byte| *byte = u8::from(*byte != 0));
    }
    Ok(array)
}

/// Adds an array as a dataset, which borrows it.
pub(crate) fn put_array<'a>(group: &mut GroupSpec<'a>, name: &str, array: &'a Array) -> Result<()> {
    let dtype = stored_dtype(array.dtype())?;
    let dataset = group.dataset(name, dtype, array.shape().as_slice(), array.bytes())?;
    if dtype == Dtype::Bf16 {
        dataset.attributes.insert("dtype".into(), Attribute::Text("bfloat16".into()));
    }
    Ok(())
}

fn stored_dtype(dtype: DType) -> Result<Dtype> {
    Ok(match dtype {
        DType::Bool => Dtype::Bool,
        DType::I8 => Dtype::I8,
        DType::I16 => Dtype::I16,
        DType::I32 => Dtype::I32,
        DType::I64 => Dtype::I64,
        DType::U8 => Dtype::U8,
        DType::U16 => Dtype::U16,
        DType::U32 => Dtype::U32,
        DType::U64 => Dtype::U64,
        DType::F16 => Dtype::F16,
        DType::BF16 => Dtype::Bf16,
        DType::F32 => Dtype::F32,
        DType::F64 => Dtype::F64,
        DType::C64 => Dtype::Complex64,
        DType::Str => {
            return Err(err!(DtypeMismatch, "variables: expected numbers, found strings")
                .help("store texts as an asset of the layer"));
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn variables_stay_in_the_order_of_their_numbers() {
        let mut saved = Saved::new("adam", (0..12).map(|i| Array::scalar(i as f32)));
        saved.set("beta", Array::scalar(1_i64));
        saved.set("12", Array::scalar(12_f32));
        assert_eq!(saved.set("3", Array::scalar(33_f32)), Some(Array::scalar(3_f32)));
        let keys: Vec<&str> = saved.iter().map(|(key, _)| key).collect();
        assert_eq!(keys, ["0", "1", "2", "3", "4", "5", "6", "7", "8", "9", "10", "11", "12", "beta"]);
        assert_eq!(saved.get("3").unwrap().item::<f32>().unwrap(), 33.0);
    }

    #[test]
    fn parts_of_older_files_are_found_under_the_newer_path() {
        let mut store = WeightStore::default();
        store.set("_layer_checkpoint_dependencies/dense", Saved::new("dense", [Array::scalar(1_f32)]));
        assert_eq!(store.get("layers/dense").unwrap().len(), 1);
        assert!(store.array("layers/dense/vars/0").is_some());
        assert!(store.array("layers/dense/0").is_none() && store.array("vars/0").is_none());
    }
}
