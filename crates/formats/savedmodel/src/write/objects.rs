//! The graph of objects that `tf.saved_model.load` makes: variables in lists, and functions by signature.

use cornet_export::OpenFunction;
use cornet_proto::Encoder;
use cornet_tensor::DType;

use super::Weight;
use super::proto::{code, shape};

/// A signature as it is written.
pub(super) struct Written<'a> {
    /// Its name.
    pub name: String,
    /// The function in the library.
    pub function: String,
    pub open: &'a OpenFunction,
    /// Positions of inputs and outputs in the order of their names, which is that of the function.
    pub inputs: Vec<usize>,
    pub outputs: Vec<usize>,
    /// Positions of the variables among all weights.
    pub weights: Vec<usize>,
}

fn child(id: usize, name: &str) -> Encoder {
    Encoder::new().int(1, id as i64).text(2, name)
}

fn user_object(identifier: &str) -> Encoder {
    Encoder::new().text(1, identifier).message(2, Encoder::new().int(1, 1).int(2, 1))
}

/// A node of both graphs: what names its children, and what it is in the file and in the checkpoint.
struct Node {
    children: Vec<Encoder>,
    /// Field of `SavedObject`, and what stands there.
    object: (u32, Encoder),
    attribute: Option<Encoder>,
}

/// Where the checkpoint keeps a weight.
pub(super) fn key(weight: usize) -> String {
    format!("variables/{weight}/.ATTRIBUTES/VARIABLE_VALUE")
}

fn nodes(weights: &[Weight], signatures: &[Written<'_>]) -> Vec<Node> {
    const LISTS: [&str; 3] = ["variables", "trainable_variables", "non_trainable_variables"];
    let first_weight = 2 + LISTS.len();
    let first_signature = first_weight + weights.len();
    let mut root: Vec<Encoder> = LISTS.iter().enumerate().map(|(i, name)| child(2 + i, name)).collect();
    root.push(child(1, "signatures"));
    let named = signatures.iter().enumerate().map(|(i, s)| child(first_signature + i, &s.name)).collect();
    let node = |children: Vec<Encoder>, identifier: &str| Node {
        children,
        object: (4, user_object(identifier)),
        attribute: None,
    };
    let mut all = vec![node(root, "_generic_user_object"), node(named, "signature_map")];
    for list in LISTS {
        let belongs = |w: &Weight| match list {
            "trainable_variables" => w.variable.trainable(),
            "non_trainable_variables" => !w.variable.trainable(),
            _ => true,
        };
        let members = weights.iter().enumerate().filter(|(_, w)| belongs(w));
        let children = members.enumerate().map(|(place, (i, _))| child(first_weight + i, &place.to_string()));
        all.push(node(children.collect(), "trackable_list_wrapper"));
    }
    for (i, weight) in weights.iter().enumerate() {
        let ty = weight.variable.ty();
        let sizes: Vec<_> = ty.shape.iter().map(|&n| Some(n)).collect();
        let variable = Encoder::new()
            .int(1, code(ty.dtype))
            .message(2, shape(&sizes))
            .bool(3, weight.variable.trainable())
            .text(6, &weight.name);
        let attribute = Encoder::new().text(1, "VARIABLE_VALUE").text(2, &weight.name).text(3, &key(i));
        all.push(Node { children: Vec::new(), object: (7, variable), attribute: Some(attribute) });
    }
    for signature in signatures {
        let names = signature.inputs.iter().map(|&i| signature.open.graph.inputs[i].name.as_str());
        let bare = Encoder::new().text(1, &signature.function);
        let bare = names.clone().fold(bare, |out, name| out.text(2, name));
        let bare = bare.int(3, 1).message(4, function_spec(names));
        all.push(Node { children: Vec::new(), object: (8, bare), attribute: None });
    }
    all
}

/// `FunctionSpec` of a function that takes its arguments by name.
fn function_spec<'a>(names: impl Iterator<Item = &'a str>) -> Encoder {
    let none = || Encoder::new().message(1, Encoder::new());
    let list = |values: Vec<Encoder>| Encoder::new().message(51, Encoder::new().messages(1, values));
    let words = names.map(|name| Encoder::new().text(13, name)).collect();
    let fields = [
        ("args", list(Vec::new())),
        ("varargs", none()),
        ("varkw", none()),
        ("defaults", none()),
        ("kwonlyargs", list(words)),
        ("kwonlydefaults", none()),
        ("annotations", Encoder::new().message(53, Encoder::new())),
    ];
    let tuple = fields.into_iter().fold(Encoder::new().text(1, "FullArgSpec"), |out, (key, value)| {
        out.message(2, Encoder::new().text(1, key).message(2, value))
    });
    Encoder::new().message(1, Encoder::new().message(54, tuple)).message(5, none())
}

/// `StructuredValue` of a dictionary of tensor specs.
fn dictionary(specs: Vec<(&str, DType, Vec<Option<usize>>)>) -> Encoder {
    let fields = specs.into_iter().fold(Encoder::new(), |out, (name, dtype, sizes)| {
        let spec = Encoder::new().text(1, name).message(2, shape(&sizes)).int(3, code(dtype));
        out.entry(1, name, Encoder::new().message(33, spec))
    });
    Encoder::new().message(53, fields)
}

/// `SavedObjectGraph`.
pub(super) fn saved(weights: &[Weight], signatures: &[Written<'_>]) -> Encoder {
    let first_weight = 5;
    let objects = nodes(weights, signatures).into_iter().map(|node| {
        let (field, object) = node.object;
        Encoder::new().messages(1, node.children).message(field, object)
    });
    let out = Encoder::new().messages(1, objects);
    signatures.iter().fold(out, |out, signature| {
        let graph = &signature.open.graph;
        let spec = |named: &cornet_export::Named| {
            let ty = graph.type_of(named.value);
            (ty.dtype, ty.known())
        };
        let inputs =
            signature.inputs.iter().map(|&i| &graph.inputs[i]).map(|n| (n.name.as_str(), spec(n).0, spec(n).1));
        let outputs =
            signature.outputs.iter().map(|&i| &graph.outputs[i]).map(|n| (n.name.as_str(), spec(n).0, spec(n).1));
        let empty = Encoder::new().message(52, Encoder::new());
        let both = Encoder::new().message(1, empty).message(1, dictionary(inputs.collect()));
        let concrete = Encoder::new()
            .packed_ints(2, signature.weights.iter().map(|&w| (first_weight + w) as i64))
            .message(3, Encoder::new().message(52, both))
            .message(4, dictionary(outputs.collect()));
        out.entry(2, &signature.function, concrete)
    })
}

/// `TrackableObjectGraph`, which the checkpoint has.
pub(super) fn tracked(weights: &[Weight], signatures: &[Written<'_>]) -> Vec<u8> {
    let objects = nodes(weights, signatures).into_iter().map(|node| {
        let out = Encoder::new().messages(1, node.children);
        let has_values = Encoder::new().bool(1, node.attribute.is_some());
        out.messages(2, node.attribute).message(5, has_values)
    });
    Encoder::new().messages(1, objects).finish()
}
