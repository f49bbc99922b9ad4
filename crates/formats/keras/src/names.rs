//! The names Keras gives to layers inside a weights file.

use std::collections::HashMap;

use serde_json::Value;

/// A class name in snake case, as Keras makes it: `Conv2D` is `conv2d`, `PReLU` is `p_re_lu`.
///
/// Source: `keras.src.utils.naming.to_snake_case`.
pub fn snake_case(class: &str) -> String {
    let word: Vec<char> = class.chars().filter(|c| c.is_alphanumeric() || *c == '_').collect();
    let lower = |c: Option<&char>| c.is_some_and(char::is_ascii_lowercase);
    let upper = |c: Option<&char>| c.is_some_and(char::is_ascii_uppercase);
    // First a break before each capital that small letters follow, whatever precedes it.
    let (mut broken, mut at) = (Vec::new(), 0);
    while at < word.len() {
        broken.push(word[at]);
        at += 1;
        if upper(word.get(at)) && lower(word.get(at + 1)) {
            broken.extend(['_', word[at]]);
            at += 1;
            while lower(word.get(at)) {
                broken.push(word[at]);
                at += 1;
            }
        }
    }
    // Then one before each capital that follows a small letter.
    let (mut name, mut at) = (String::new(), 0);
    while at < broken.len() {
        name.push(broken[at]);
        if lower(broken.get(at)) && upper(broken.get(at + 1)) {
            name.push('_');
            at += 1;
            name.push(broken[at]);
        }
        at += 1;
    }
    name.to_lowercase()
}

/// The names of a list's members inside a weights file: classes in snake case, and `_1`, `_2`, … from the second of
/// a class on.
///
/// ```
/// let names = cornet_format_keras::unique_names(["Dense", "Dropout", "Dense", "Dense"]);
/// assert_eq!(names, ["dense", "dropout", "dense_1", "dense_2"]);
/// ```
pub fn unique_names<'a>(classes: impl IntoIterator<Item = &'a str>) -> Vec<String> {
    let mut seen: HashMap<String, usize> = HashMap::new();
    let unique = |class: &str| {
        let name = snake_case(class);
        let count = seen.entry(name.clone()).and_modify(|count| *count += 1).or_insert(0);
        if *count == 0 { name } else { format!("{name}_{count}") }
    };
    classes.into_iter().map(unique).collect()
}

/// Where the variables of one layer of a model are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LayerPath {
    /// The layer's own name, `config.name`.
    pub name: String,
    /// Its class, such as `Dense`.
    pub class: String,
    /// Its path in the weights file, such as `layers/dense_1` or, inside a model that is a layer,
    /// `layers/functional/layers/dense`.
    pub path: String,
}

/// The path of every layer of a model, in the order of its config, with those of models that are layers after the
/// model itself. A `Sequential` does not count its `InputLayer` among its layers, a functional model does.
///
/// Parts of layers are below the layer's path under the name of the attribute that holds them: the cell of an LSTM
/// is at `layers/lstm/cell`, the two halves of a `Bidirectional` at `…/forward_layer` and `…/backward_layer`.
///
/// `config` is a model as in `config.json`; anything else has no layers.
pub fn layer_paths(config: &Value) -> Vec<LayerPath> {
    let mut paths = Vec::new();
    collect(config, "", &mut paths);
    paths
}

fn collect(model: &Value, prefix: &str, paths: &mut Vec<LayerPath>) {
    let Some(layers) = model.pointer("/config/layers").and_then(Value::as_array) else { return };
    let is_sequential = model["class_name"] == "Sequential";
    let class = |layer: &Value| layer["class_name"].as_str().unwrap_or_default().to_owned();
    let counted = layers.iter().filter(|layer| !(is_sequential && layer["class_name"] == "InputLayer"));
    let counted: Vec<(&Value, String)> = counted.map(|layer| (layer, class(layer))).collect();
    let names = unique_names(counted.iter().map(|(_, class)| class.as_str()));
    for ((layer, class), unique) in counted.into_iter().zip(names) {
        let path = if prefix.is_empty() { format!("layers/{unique}") } else { format!("{prefix}/layers/{unique}") };
        let name = layer.pointer("/config/name").and_then(Value::as_str).unwrap_or_default().to_owned();
        paths.push(LayerPath { name, class, path: path.clone() });
        collect(layer, &path, paths);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn class_names_become_what_keras_makes_of_them() {
        for (class, name) in [
            ("Dense", "dense"),
            ("InputLayer", "input_layer"),
            ("Conv2D", "conv2d"),
            ("Conv2DTranspose", "conv2d_transpose"),
            ("GlobalAveragePooling2D", "global_average_pooling2d"),
            ("LSTM", "lstm"),
            ("LSTMCell", "lstm_cell"),
            ("PReLU", "p_re_lu"),
            ("ReLU", "re_lu"),
            ("LeakyReLU", "leaky_re_lu"),
            ("ELU", "elu"),
            ("MultiHeadAttention", "multi_head_attention"),
            ("MyABCLayer2", "my_abc_layer2"),
            ("aB", "a_b"),
            ("_Private", "__private"),
            ("Odd-Name", "odd_name"),
            ("", ""),
        ] {
            assert_eq!(snake_case(class), name, "{class}");
        }
    }
    #[test]
    fn layers_have_the_paths_keras_saves_them_under() {
        let layer = |class: &str, name: &str| json!({"class_name": class, "config": {"name": name}});
        let inner = json!({"class_name": "Sequential", "config": {"name": "s", "layers": [
            layer("InputLayer", "i"), layer("Dense", "x"), layer("Dense", "y"),
        ]}});
        let model = json!({"class_name": "Functional", "config": {"name": "f", "layers": [
            layer("InputLayer", "a"), layer("Dense", "b"), inner, layer("InputLayer", "c"), layer("Dense", "d"),
        ]}});
        let paths: Vec<(String, String)> = layer_paths(&model).into_iter().map(|l| (l.name, l.path)).collect();
        let expected = [
            ("a", "layers/input_layer"),
            ("b", "layers/dense"),
            ("s", "layers/sequential"),
            ("x", "layers/sequential/layers/dense"),
            ("y", "layers/sequential/layers/dense_1"),
            ("c", "layers/input_layer_1"),
            ("d", "layers/dense_1"),
        ];
        assert_eq!(paths, expected.map(|(name, path)| (name.to_owned(), path.to_owned())));
        assert_eq!(layer_paths(&json!(null)), []);
    }
}
