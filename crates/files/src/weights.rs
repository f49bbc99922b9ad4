//! Weights of any file as arrays by name.

use std::collections::BTreeMap;
use std::path::Path;

use cornet_bundle::{BundleWriter, data_type};
use cornet_error::{Error, Limits, Result, err};
use cornet_format_keras::{Saved, WeightStore};
use cornet_format_savedmodel::{Checkpoint, SavedModel};
use cornet_nn::saving::{LoadOptions, load_model_with, named_weights};
use cornet_tensor::{Array, DType};

use crate::detect::{Format, detect, prefix_of};

/// Arrays by name.
pub type NamedArrays = Vec<(String, Array)>;

/// The weights of a file of any format: of models under Keras's paths (`sequential/dense/kernel`), of `.weights.h5` under
/// the paths in the file (`layers/dense/vars/0`), of older `.h5` weights as `dense/kernel`, of others under their names.
///
/// # Errors
/// As [`detect`]; `unsupported_format` for files without weights by name; what the format's reader fails with.
pub fn read_weights(path: &Path, limits: &Limits) -> Result<NamedArrays> {
    let within = |e: Error| e.within(path.display().to_string());
    match detect(path, limits)? {
        Format::Keras | Format::KerasH5 => {
            let model = load_model_with(path, &LoadOptions::new().compile(false).limits(*limits))?;
            named_weights(&model).map_err(within)
        }
        Format::KerasWeights => {
            let store = cornet_format_keras::read_weights(path, limits)?;
            let of = |(place, saved): (&str, &Saved)| {
                let prefix = if place.is_empty() { "vars".to_owned() } else { format!("{place}/vars") };
                saved.iter().map(|(key, array)| (format!("{prefix}/{key}"), array.clone())).collect::<Vec<_>>()
            };
            Ok(store.iter().flat_map(of).collect())
        }
        Format::LegacyWeights => {
            let legacy = cornet_format_keras::read(path, limits)?.legacy.unwrap_or_default();
            let layers = legacy.layers.into_iter().flat_map(|layer| layer.weights);
            let plain = |name: String| name.strip_suffix(":0").map_or(name.clone(), str::to_owned);
            Ok(layers.chain(legacy.top_level).map(|(name, array)| (plain(name), array)).collect())
        }
        Format::Safetensors => cornet_format_safetensors::File::open(path, limits)?.read_all().map_err(within),
        Format::Npz => Array::read_npz_within(path, limits),
        Format::Checkpoint => {
            let file = Checkpoint::open(&prefix_of(path), limits).map_err(within)?;
            // Texts are the checkpoint's own notes: its graph of objects.
            let is_text = |name: &str| matches!(file.ty(name), Ok((DType::Str, _)));
            let names = file.names().into_iter().filter(|name| !is_text(name));
            names.map(|name| Ok((name.to_owned(), file.read(name).map_err(within)?))).collect()
        }
        Format::SavedModel => Ok(SavedModel::open(path, &[], limits).map_err(within)?.variables()),
        format => Err(err!(UnsupportedFormat, "{}: expected weights, found {format}", path.display())
            .help("weights come from Keras models and weights, checkpoints, .safetensors and .npz")),
    }
}

/// Writes arrays by name: as safetensors, `.npz`, a checkpoint, or `.weights.h5` where every name is a path in such a file.
///
/// # Errors
/// `invalid_argument` for names that the format does not have; `dtype_mismatch` for texts; `unsupported_format`; `io` and
/// its likes.
pub fn write_weights(path: &Path, format: Format, arrays: &NamedArrays) -> Result<()> {
    match format {
        Format::Safetensors => {
            let arrays = arrays.iter().map(|(name, array)| (name.as_str(), array));
            cornet_format_safetensors::write(path, arrays, &BTreeMap::new())
        }
        Format::Npz => Array::write_npz(path, arrays.iter().map(|(name, array)| (name.as_str(), array))),
        Format::KerasWeights => cornet_format_keras::write_weights(path, &store_of(arrays)?),
        Format::Checkpoint => {
            let mut writer = BundleWriter::new();
            for (name, array) in arrays {
                let data_type = data_type_of(array.dtype()).map_err(|e| e.within(format!("array '{name}'")))?;
                writer.add(name, data_type, array.shape().as_slice(), array.bytes());
            }
            writer.write(&prefix_of(path))
        }
        format => Err(err!(UnsupportedFormat, "{}: expected a format of weights, found {format}", path.display())
            .help("weights are written as .safetensors, .npz, .weights.h5 and checkpoints; models need --into")),
    }
}

/// TensorFlow's number for a dtype.
fn data_type_of(dtype: DType) -> Result<i32> {
    Ok(match dtype {
        DType::Bool => data_type::BOOL,
        DType::I8 => data_type::INT8,
        DType::I16 => data_type::INT16,
        DType::I32 => data_type::INT32,
        DType::I64 => data_type::INT64,
        DType::U8 => data_type::UINT8,
        DType::U16 => data_type::UINT16,
        DType::U32 => data_type::UINT32,
        DType::U64 => data_type::UINT64,
        DType::F16 => data_type::HALF,
        DType::BF16 => data_type::BFLOAT16,
        DType::F32 => data_type::FLOAT,
        DType::F64 => data_type::DOUBLE,
        DType::C64 => data_type::COMPLEX64,
        DType::Str => return Err(err!(DtypeMismatch, "expected numbers, found strings")),
    })
}

/// The arrays by their paths in a `.weights.h5` file.
fn store_of(arrays: &NamedArrays) -> Result<WeightStore> {
    let mut parts: BTreeMap<String, Saved> = BTreeMap::new();
    for (name, array) in arrays {
        let (place, key) = name.rsplit_once('/').unwrap_or_default();
        let found = if place == "vars" { Some("") } else { place.strip_suffix("/vars") };
        let Some(place) = found else {
            return Err(err!(InvalidArgument, "expected names such as layers/dense/vars/0, found '{name}'")
                .help("--into MODEL.keras says which array is which weight; a name map may give such names"));
        };
        let layer = place.rsplit('/').next().unwrap_or_default();
        let saved = parts.entry(place.to_owned()).or_insert_with(|| Saved::new(layer, []));
        if saved.set(key, array.clone()).is_some() {
            return Err(err!(AlreadyExists, "the name '{name}' is there twice"));
        }
    }
    let mut store = WeightStore::default();
    for (place, saved) in parts {
        store.set(&place, saved);
    }
    Ok(store)
}
