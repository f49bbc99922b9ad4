//! Keras model files: `.keras` (Keras 3), `.weights.h5`, and whole models in the older `.h5`.
//!
//! # A `.keras` file
//!
//! A zip archive of stored entries, in this order:
//!
//! | entry | content |
//! |---|---|
//! | `metadata.json` | `{"keras_version": "3.15.1", "date_saved": "2026-01-31@23:59:59"}` |
//! | `config.json` | the model as an object of the grammar below |
//! | `model.weights.h5` | the values of all variables, [`WeightStore`] |
//! | `assets/…` | files of layers, such as vocabularies |
//!
//! # The grammar of `config.json`
//!
//! ```text
//! object    = { "module": text or null, "class_name": text, "config": {…}, "registered_name": text or null,
//!               "build_config"?: {…}, "compile_config"?: {…}, "shared_object_id"?: integer }
//! function  = { "module": text, "class_name": "function", "config": name, "registered_name": name }
//! value     = object | function | typed | null | bool | number | text | [value, …] | { key: value, … }
//! typed     = { "class_name": "__keras_tensor__", "config": { "shape", "dtype", "keras_history": [layer, node, output] } }
//!           | { "class_name": "__tensor__" or "__numpy__", "config": { "value": nested lists, "dtype" } }
//!           | { "class_name": "__bytes__", "config": { "value": text } }
//!           | { "class_name": "__slice__", "config": { "start", "stop", "step" } }
//!           | { "class_name": "__ellipsis__", "config": {} }
//!           | { "class_name": "__typespec__", "spec_name", "module", "config": […], "registered_name": null }
//! ```
//!
//! * `module` is the public place of a class (`keras.layers`, `keras.optimizers`, `keras.initializers`, `keras` for
//!   `Sequential` and `DTypePolicy`); `registered_name` is null for Keras's own classes and `package>Name` for others.
//!   A functional model has the module `keras.src.models.functional` and the registered name `Functional`.
//! * `build_config` is `{"input_shape": […]}` or, with several inputs, `{"shapes_dict": {…}}`.
//! * `compile_config` has `optimizer` (an object), `loss`, `loss_weights`, `metrics`, `weighted_metrics`,
//!   `run_eagerly`, `steps_per_execution`, `jit_compile`; a loss or metric is a name or an object.
//! * A `Sequential`'s config is `{"name", "trainable", "dtype", "layers": [object, …], "build_input_shape"}`.
//! * A functional model's is `{"name", "trainable", "layers", "input_layers", "output_layers"}`; its layers also have
//!   `"name"` and `"inbound_nodes": [{"args": […], "kwargs": {…}}, …]`, where tensors are `__keras_tensor__`. Inputs and
//!   outputs are `[layer, node, output]`, lists of these, or dictionaries of these.
//! * An object seen before has the `shared_object_id` of its first appearance.
//!
//! [`check_config`] admits this grammar and refuses code; which classes exist is for the reader of the config to say.
//!
//! # Where a variable is
//!
//! [`WeightStore`] has the paths, [`layer_paths`] gives the path of every layer of a config.
//!
//! Source: Keras 3.15.1, `keras.src.saving.saving_lib`, `serialization_lib` and `legacy.saving.legacy_h5_format`.

mod config;
mod file;
mod legacy;
mod metadata;
mod names;
mod weights;

pub use config::{check_config, parse_config};
pub use file::{KerasFile, WeightFile, from_bytes, read, read_weights, read_weights_of_any, write, write_weights};
pub use legacy::{Legacy, LegacyLayer, write_legacy};
pub use metadata::{KERAS_VERSION, Metadata};
pub use names::{LayerPath, layer_paths, snake_case, unique_names};
pub use weights::{Saved, WeightStore};
