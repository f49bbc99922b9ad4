//! The config of one layer as Keras 3 has it.

use cornet_error::{Result, err};
use serde_json::{Map, Value, json};

use super::Generation;
use super::model::Translator;
use super::objects;

/// Class names of earlier versions.
const CLASSES: &[(&str, &str)] = &[
    ("AtrousConv1D", "Conv1D"),
    ("AtrousConv2D", "Conv2D"),
    ("AtrousConvolution1D", "Conv1D"),
    ("AtrousConvolution2D", "Conv2D"),
    ("AvgPool1D", "AveragePooling1D"),
    ("AvgPool2D", "AveragePooling2D"),
    ("AvgPool3D", "AveragePooling3D"),
    ("BatchNormalizationV1", "BatchNormalization"),
    ("BatchNormalizationV2", "BatchNormalization"),
    ("Convolution1D", "Conv1D"),
    ("Convolution2D", "Conv2D"),
    ("Convolution2DTranspose", "Conv2DTranspose"),
    ("Convolution3D", "Conv3D"),
    ("Convolution3DTranspose", "Conv3DTranspose"),
    ("CuDNNGRU", "GRU"),
    ("CuDNNLSTM", "LSTM"),
    ("DenseV1", "Dense"),
    ("Deconv2D", "Conv2DTranspose"),
    ("Deconv3D", "Conv3DTranspose"),
    ("Deconvolution2D", "Conv2DTranspose"),
    ("Deconvolution3D", "Conv3DTranspose"),
    ("DropoutV1", "Dropout"),
    ("GRUV1", "GRU"),
    ("GRUV2", "GRU"),
    ("GRUCellV2", "GRUCell"),
    ("GlobalAvgPool1D", "GlobalAveragePooling1D"),
    ("GlobalAvgPool2D", "GlobalAveragePooling2D"),
    ("GlobalAvgPool3D", "GlobalAveragePooling3D"),
    ("GlobalMaxPool1D", "GlobalMaxPooling1D"),
    ("GlobalMaxPool2D", "GlobalMaxPooling2D"),
    ("GlobalMaxPool3D", "GlobalMaxPooling3D"),
    ("LSTMV1", "LSTM"),
    ("LSTMV2", "LSTM"),
    ("LSTMCellV2", "LSTMCell"),
    ("MaxPool1D", "MaxPooling1D"),
    ("MaxPool2D", "MaxPooling2D"),
    ("MaxPool3D", "MaxPooling3D"),
    ("SeparableConvolution1D", "SeparableConv1D"),
    ("SeparableConvolution2D", "SeparableConv2D"),
    ("SyncBatchNormalization", "BatchNormalization"),
    ("ThresholdedReLU", "ReLU"),
    ("TimeDistributedDense", "Dense"),
];

/// Keras 1's words for arguments, where they mean the same in every class.
const KEYS: &[(&str, &str)] = &[
    ("U_constraint", "recurrent_constraint"),
    ("U_regularizer", "recurrent_regularizer"),
    ("W_constraint", "kernel_constraint"),
    ("W_regularizer", "kernel_regularizer"),
    ("atrous_rate", "dilation_rate"),
    ("b_constraint", "bias_constraint"),
    ("b_regularizer", "bias_regularizer"),
    ("beta_init", "beta_initializer"),
    ("bias", "use_bias"),
    ("border_mode", "padding"),
    ("depthwise_init", "depthwise_initializer"),
    ("dim_ordering", "data_format"),
    ("dropout_U", "recurrent_dropout"),
    ("dropout_W", "dropout"),
    ("filter_length", "kernel_size"),
    ("gamma_init", "gamma_initializer"),
    ("init", "kernel_initializer"),
    ("inner_activation", "recurrent_activation"),
    ("inner_init", "recurrent_initializer"),
    ("length", "size"),
    ("nb_filter", "filters"),
    ("p", "rate"),
    ("pointwise_init", "pointwise_initializer"),
    ("pool_length", "pool_size"),
    ("sigma", "stddev"),
    ("stride", "strides"),
    ("subsample", "strides"),
    ("subsample_length", "strides"),
];

/// Arguments that say how a layer computes, or what the model's entry says; none changes what comes out.
const WITHOUT_EFFECT: &[&str] = &[
    "batch_input_shape",
    "batch_size",
    "build_input_shape",
    "consume_less",
    "experimental_autocast",
    "fused",
    "implementation",
    "input_dtype",
    "input_shape",
    "time_major",
    "virtual_batch_size",
];

/// Arguments of a class that Keras 3 does not have, and that have no effect on what comes out.
fn is_dropped(class: &str, key: &str) -> bool {
    match key {
        "groups" | "filters" | "kernel_initializer" | "kernel_regularizer" | "kernel_constraint" => {
            class.starts_with("Depthwise")
                || class.starts_with("Separable") && key != "filters"
                || class.ends_with("Transpose") && key == "groups"
        }
        "dropout" | "input_length" | "W_dropout" => class == "Embedding",
        "query_shape" | "key_shape" | "value_shape" => class == "MultiHeadAttention",
        "rng_type" | "force_generator" | "auto_vectorize" => class.starts_with("Random"),
        _ => false,
    }
}

/// Arguments that dropped without effect, but for this value, would change what comes out.
const REFUSED: &[(&str, bool)] = &[("time_major", true)];

fn is_recurrent(class: &str) -> bool {
    ["LSTM", "GRU", "SimpleRNN"].contains(&class.trim_end_matches("Cell"))
}

impl Translator {
    /// A layer that is no model.
    pub(super) fn layer(&self, object: &Value, depth: usize) -> Result<Value> {
        let written = object["class_name"].as_str().unwrap_or_default();
        let config = object["config"].as_object().cloned().unwrap_or_default();
        let class = CLASSES.iter().find(|(older, _)| *older == written).map_or(written, |(_, newer)| newer);
        let name = config.get("name").or(object.get("name")).cloned().unwrap_or(Value::Null);
        let place = || name.as_str().unwrap_or("unnamed").to_owned();
        let refuse = |what: &str, help: &str| {
            Err(err!(Unsupported, "layer '{}': {what} of an older Keras, which Cornet does not have", place())
                .help(help))
        };
        match class {
            "InputLayer" => return Ok(self.entry(&config)),
            "MaxoutDense" => return Ok(maxout(self.renamed(class, config))),
            "Merge" => return self.merge(&config, &name),
            "Highway" | "SReLU" | "ParametricSoftplus" | "LocallyConnected1D" | "LocallyConnected2D" => {
                let help = "build the model anew from layers of today, and load its weights by name for the rest";
                return refuse(&format!("{class} is a layer"), help);
            }
            "TensorFlowOpLayer" | "TFOpLambda" | "SlicingOpLambda" | "ClassMethod" | "InstanceProperty" => {
                let help = "the model calls an op of TensorFlow between layers: write it with layers or keras.ops, or \
                            export the model as a SavedModel";
                return refuse(&format!("{class} is a call of TensorFlow"), help);
            }
            _ => {}
        }
        for (key, value) in REFUSED {
            if config.get(*key).is_some_and(|found| found == value) {
                return refuse(&format!("{key} = {value} is an argument"), "transpose batch and time around the layer");
            }
        }
        let mut config = self.renamed(class, config);
        self.adapt(class, written, &mut config, depth)?;
        let mut made = Map::new();
        let module = object.get("module").cloned().filter(|module| !module.is_null());
        made.insert("module".into(), module.unwrap_or_else(|| "keras.layers".into()));
        // A class of the program is called by its registered name alone in older files.
        let registered = object.get("registered_name").cloned().filter(|name| !name.is_null());
        let registered = registered.or_else(|| class.contains('>').then(|| class.into()));
        made.insert("class_name".into(), class.rsplit_once('>').map_or(class, |(_, bare)| bare).into());
        made.insert("config".into(), config.into());
        made.insert("registered_name".into(), registered.unwrap_or(Value::Null));
        Ok(made.into())
    }

    /// The arguments under the words of Keras 3, without those that have no effect.
    fn renamed(&self, class: &str, config: Map<String, Value>) -> Map<String, Value> {
        if self.generation == Generation::Three {
            return config;
        }
        let mut made = Map::new();
        for (key, value) in config {
            if WITHOUT_EFFECT.contains(&key.as_str()) || is_dropped(class, &key) {
                continue;
            }
            let is_older = KEYS.iter().find(|(older, _)| *older == key);
            let newer = match (class, key.as_str(), is_older) {
                ("Embedding", "init", _) => "embeddings_initializer",
                ("Embedding", "W_regularizer", _) => "embeddings_regularizer",
                ("Embedding", "W_constraint", _) => "embeddings_constraint",
                ("PReLU", "init", _) => "alpha_initializer",
                ("ReLU", "theta", _) => "threshold",
                (_, _, Some((_, newer))) => newer,
                _ => &key,
            };
            let value = objects::argument(newer, value, self.generation);
            made.insert(newer.to_owned(), value);
        }
        made
    }

    /// What depends on the class.
    fn adapt(&self, class: &str, written: &str, config: &mut Map<String, Value>, depth: usize) -> Result<()> {
        if self.generation == Generation::Three {
            return self.adapt_parts(class, config, depth);
        }
        self.adapt_dtype(class, config);
        if class != "Embedding" {
            if let Some(size) = config.remove("output_dim") {
                config.insert("units".into(), size);
            }
            config.remove("input_dim");
            config.remove("input_length");
        }
        if let Some(Value::String(format)) = config.get_mut("data_format") {
            match format.as_str() {
                "tf" | "default" => *format = "channels_last".into(),
                "th" => *format = "channels_first".into(),
                _ => {}
            }
        }
        kernel_size(config);
        if is_recurrent(class) {
            recurrent(class, written, config);
        }
        match class {
            "BatchNormalization" => batch_normalization(config)?,
            "ZeroPadding2D" => four_sides(config),
            "SeparableConv2D" => {
                if let Some(init) = config.remove("kernel_initializer") {
                    config.entry("depthwise_initializer").or_insert_with(|| init.clone());
                    config.entry("pointwise_initializer").or_insert(init);
                }
            }
            _ => {}
        }
        self.adapt_parts(class, config, depth)
    }

    /// The layers in a layer's arguments.
    fn adapt_parts(&self, class: &str, config: &mut Map<String, Value>, depth: usize) -> Result<()> {
        match class {
            "Bidirectional" | "TimeDistributed" | "SpectralNormalization" => {
                for key in ["layer", "backward_layer"] {
                    if let Some(inner @ Value::Object(_)) = config.get(key) {
                        config.insert(key.into(), self.any(inner, depth + 1)?);
                    }
                }
            }
            "RNN" | "StackedRNNCells" => {
                if let Some(inner @ Value::Object(_)) = config.get("cell") {
                    config.insert("cell".into(), self.any(inner, depth + 1)?);
                }
                if let Some(Value::Array(cells)) = config.get("cells") {
                    let cells = cells.iter().map(|cell| self.any(cell, depth + 1)).collect::<Result<Vec<_>>>()?;
                    config.insert("cells".into(), cells.into());
                }
            }
            _ => {}
        }
        Ok(())
    }

    fn adapt_dtype(&self, class: &str, config: &mut Map<String, Value>) {
        let Some(dtype) = config.get("dtype").map(objects::dtype) else { return };
        // In Keras 1 and 2 it was the dtype of the input.
        let is_of_input = dtype.as_str().is_some_and(|name| !name.contains("float"));
        let makes_integers = ["Lookup", "Hash", "Vectorization", "Encoding", "Discretization", "Crossing"];
        if is_of_input && !makes_integers.iter().any(|part| class.contains(part)) {
            config.remove("dtype");
        } else {
            config.insert("dtype".into(), dtype);
        }
    }

    /// An `InputLayer` by its shape.
    pub(super) fn entry(&self, config: &Map<String, Value>) -> Value {
        let get = |keys: &[&str]| keys.iter().find_map(|key| config.get(*key).filter(|v| !v.is_null())).cloned();
        let shape = get(&["batch_shape", "batch_input_shape"]).map(objects::plain).unwrap_or(Value::Null);
        let dtype = get(&["input_dtype", "dtype"]).map_or_else(|| "float32".into(), |found| objects::dtype(&found));
        let mut made = Map::new();
        made.insert("batch_shape".into(), shape);
        made.insert("dtype".into(), dtype);
        for key in ["sparse", "ragged", "optional"] {
            if let Some(found) = config.get(key) {
                made.insert(key.into(), found.clone());
            }
        }
        if let Some(name) = get(&["name"]) {
            made.insert("name".into(), name);
        }
        json!({"module": "keras.layers", "class_name": "InputLayer", "config": made, "registered_name": null})
    }
}

/// `nb_row` and its kin.
fn kernel_size(config: &mut Map<String, Value>) {
    for keys in [&["nb_row", "nb_col"][..], &["kernel_dim1", "kernel_dim2", "kernel_dim3"]] {
        if keys.iter().all(|key| config.contains_key(*key)) {
            let sizes: Vec<Value> = keys.iter().filter_map(|key| config.remove(*key)).collect();
            config.insert("kernel_size".into(), sizes.into());
            // A transposed convolution was told what comes out.
            config.remove("output_shape");
        }
    }
}

fn recurrent(class: &str, written: &str, config: &mut Map<String, Value>) {
    if let Some(first) = config.remove("forget_bias_init") {
        config.insert("unit_forget_bias".into(), (first == "one" || first == "ones").into());
    }
    if written.starts_with("CuDNN") {
        config.insert("recurrent_activation".into(), "sigmoid".into());
        config.insert("reset_after".into(), true.into());
    }
    // Files from before the argument was there.
    if class.starts_with("GRU") {
        config.entry("reset_after").or_insert_with(|| false.into());
    } else {
        config.remove("reset_after");
    }
}

fn batch_normalization(config: &mut Map<String, Value>) -> Result<()> {
    match config.remove("mode").and_then(|mode| mode.as_u64()) {
        None | Some(0 | 2) => {}
        Some(mode) => {
            return Err(err!(Unsupported, "BatchNormalization.mode: expected 0 or 2, found {mode}")
                .help("mode 1 normalizes each sample: that is LayerNormalization today"));
        }
    }
    if let Some(Value::Array(axes)) = config.get("axis")
        && let [axis] = &axes[..]
    {
        config.insert("axis".into(), axis.clone());
    }
    config.remove("adjustment");
    Ok(())
}

/// `[top, bottom, left, right]`.
fn four_sides(config: &mut Map<String, Value>) {
    if let Some([top, bottom, left, right]) = config.get("padding").and_then(Value::as_array).map(Vec::as_slice) {
        let sides = json!([[top, bottom], [left, right]]);
        config.insert("padding".into(), sides);
    }
}

/// The greatest of several dense layers' outputs: one dense layer of them all, cut into its parts.
fn maxout(config: Map<String, Value>) -> Value {
    let size = |key: &str| config.get(key).and_then(Value::as_u64).unwrap_or(1);
    let (features, units) = (size("nb_feature"), size("output_dim"));
    let mut dense = config.clone();
    for key in ["nb_feature", "output_dim", "input_dim", "input_length", "name"] {
        dense.remove(key);
    }
    let name = config.get("name").and_then(Value::as_str).unwrap_or("maxout_dense");
    dense.insert("units".into(), features.saturating_mul(units).into());
    dense.insert("name".into(), format!("{name}_parts").into());
    let layer = |class: &str, config: Value| json!({"module": "keras.layers", "class_name": class, "config": config, "registered_name": null});
    let layers = [
        layer("Dense", dense.into()),
        layer("Reshape", json!({"name": format!("{name}_split"), "target_shape": [features, units]})),
        layer("GlobalMaxPooling1D", json!({"name": format!("{name}_max")})),
    ];
    json!({"module": "keras", "class_name": "Sequential", "config": {"name": name, "layers": layers}, "registered_name": null})
}

impl super::Generation {
    /// The generation of a version such as `2.4.0` or `2.1.6-tf`; files of Keras 1 may have none.
    pub(super) fn of(version: &str) -> Generation {
        match version.split(['.', '-']).next() {
            Some("2") => Generation::Two,
            Some("" | "0" | "1") | None => Generation::One,
            Some(_) => Generation::Three,
        }
    }
}
