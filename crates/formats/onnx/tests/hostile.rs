//! Files that are damaged or mean harm give errors.

use cornet_cpu as _;
use cornet_error::{Code, Limits, Result};
use cornet_format_onnx::OnnxModel;
use cornet_program::Program;
use cornet_proto::Encoder;
use cornet_tensor::Array;

fn value_info(name: &str, dims: &[i64]) -> Encoder {
    let shape = dims.iter().fold(Encoder::new(), |m, &d| m.message(1, Encoder::new().int(1, d)));
    let tensor = Encoder::new().int(1, 1).message(2, shape);
    Encoder::new().text(1, name).message(2, Encoder::new().message(1, tensor))
}

fn node(op: &str, inputs: &[&str], outputs: &[&str]) -> Encoder {
    let m = inputs.iter().fold(Encoder::new(), |m, name| m.text(1, name));
    outputs.iter().fold(m, |m, name| m.text(2, name)).text(4, op)
}

fn tensor(name: &str, element: i64, dims: &[i64], raw: &[u8]) -> Encoder {
    let m = dims.iter().fold(Encoder::new(), |m, &d| m.int(1, d));
    m.int(2, element).text(8, name).bytes(9, raw)
}

fn model(graph: Encoder) -> Vec<u8> {
    Encoder::new().int(1, 8).message(7, graph).message(8, Encoder::new().int(2, 17)).finish()
}

/// `y = x + w` with what a test adds.
fn graph(nodes: &[Encoder]) -> Encoder {
    let m = nodes.iter().fold(Encoder::new(), |m, node| m.message(1, node.clone()));
    m.message(11, value_info("x", &[2])).message(12, value_info("y", &[2]))
}

fn open(bytes: Vec<u8>) -> Result<OnnxModel> {
    OnnxModel::from_bytes(bytes, &Limits::default())
}

fn refused(graph: Encoder, code: Code, text: &str) {
    let error = open(model(graph)).expect_err(text);
    assert_eq!(error.code(), code, "{error}");
    assert!(error.to_string().contains(text), "{error}");
}

fn run(model: &OnnxModel) -> Result<Vec<(String, Array)>> {
    model.call(None, vec![("x".into(), Array::from_slice(&[1.0_f32, 2.0], [2])?)])
}

#[test]
fn a_sound_model_runs() {
    let w = tensor("w", 1, &[2], &[0, 0, 128, 63, 0, 0, 0, 64]);
    let model = open(model(graph(&[node("Add", &["x", "w"], &["y"])]).message(5, w))).unwrap();
    assert_eq!(run(&model).unwrap()[0].1.to_vec::<f32>().unwrap(), [2.0, 4.0]);
    assert_eq!((model.info().parameters, model.weight_bytes()), (2, 8));
}

#[test]
fn graphs_that_contradict_themselves_are_refused() {
    refused(graph(&[node("Add", &["x", "z"], &["y"]), node("Relu", &["y"], &["z"])]), Code::Corrupt, "'z'");
    refused(graph(&[node("Add", &["x", "none"], &["y"])]), Code::Corrupt, "'none'");
    refused(graph(&[node("Relu", &["x"], &["z"])]), Code::Corrupt, "'y'");
    refused(graph(&[node("Relu", &["x"], &["y"]), node("Relu", &["x"], &["y"])]), Code::Corrupt, "found two");
    let twice = graph(&[node("Relu", &["x"], &["y"])]).message(5, tensor("w", 1, &[0], &[]));
    refused(twice.message(5, tensor("w", 1, &[0], &[])), Code::Corrupt, "found two");
    refused(graph(&[node("", &["x"], &["y"])]), Code::Corrupt, "operator");
    assert!(open(Encoder::new().int(1, 8).finish()).is_err());
    assert!(open(Vec::new()).is_err());
}

#[test]
fn tensors_whose_sizes_lie_are_refused() {
    let with = |t: Encoder| graph(&[node("Add", &["x", "w"], &["y"])]).message(5, t);
    refused(with(tensor("w", 1, &[2], &[0; 7])), Code::Corrupt, "expected 8 bytes, found 7");
    refused(with(tensor("w", 1, &[1 << 40], &[0; 8])), Code::Corrupt, "found 8");
    refused(with(tensor("w", 1, &[1 << 40, 1 << 40], &[0; 8])), Code::LimitExceeded, "memory");
    refused(with(tensor("w", 1, &[-1], &[])), Code::Corrupt, "dims");
    refused(with(tensor("w", 8, &[2], &[0; 8])), Code::Corrupt, "raw data");
    refused(with(tensor("w", 15, &[1], &[0; 16])), Code::Unsupported, "complex128");
    refused(with(tensor("w", 99, &[1], &[0; 4])), Code::Unsupported, "99");
    let sparse = Encoder::new()
        .message(1, tensor("w", 1, &[1], &[0; 4]))
        .message(2, tensor("", 7, &[1], &[0; 8]))
        .packed_ints(3, [1 << 33]);
    let large = graph(&[node("Add", &["x", "w"], &["y"])]).message(15, sparse);
    assert!(open(model(large)).is_err());
}

#[test]
fn external_data_stay_in_their_folder() {
    let folder = std::env::temp_dir().join(format!("cornet-onnx-{}", std::process::id()));
    let inner = folder.join("model");
    std::fs::create_dir_all(&inner).unwrap();
    std::fs::write(folder.join("secret"), [0; 8]).unwrap();
    std::fs::write(inner.join("own"), [0; 8]).unwrap();
    #[cfg(unix)]
    std::os::unix::fs::symlink("../secret", inner.join("link")).unwrap();
    let open_with = |location: &str, length: &str| {
        let entry = |k: &str, v: &str| Encoder::new().text(1, k).text(2, v);
        let w = Encoder::new().int(1, 2).int(2, 1).text(8, "w").message(13, entry("location", location));
        let w = w.message(13, entry("length", length)).int(14, 1);
        let bytes = model(graph(&[node("Add", &["x", "w"], &["y"])]).message(5, w));
        OnnxModel::from_bytes_in(bytes, &inner, &Limits::default())
    };
    assert!(open_with("own", "8").is_ok());
    let code = |location: &str, length: &str| open_with(location, length).map(|_| ()).unwrap_err().code();
    let absolute = folder.join("secret");
    for location in ["../secret", "a/../../secret", absolute.to_str().unwrap(), "..\\secret"] {
        assert_eq!(code(location, "8"), Code::Unsafe, "{location}");
    }
    #[cfg(unix)]
    assert_eq!(code("link", "8"), Code::Unsafe);
    assert_eq!(code("absent", "8"), Code::NotFound);
    assert_eq!(code("own", "4"), Code::Corrupt);
    let offset = model(graph(&[node("Add", &["x", "w"], &["y"])]));
    assert!(open(offset).is_err());
    std::fs::remove_dir_all(&folder).unwrap();
}

#[test]
fn nesting_and_functions_without_end_are_refused() {
    // A branch within a branch, further than the limits allow.
    let mut body = graph(&[node("Relu", &["x"], &["y"])]);
    for _ in 0..60 {
        let attribute = Encoder::new().text(1, "then_branch").message(6, body).int(20, 5);
        body = graph(&[node("If", &["x"], &["y"]).message(5, attribute)]);
    }
    assert_eq!(open(model(body)).unwrap_err().code(), Code::LimitExceeded);
    // A function that calls itself, and functions that each call the next twice.
    let function = |name: &str, calls: &[Encoder]| {
        let m = Encoder::new().text(1, name).text(4, "a").text(5, "b").text(10, "own");
        let m = calls.iter().fold(m, |m, call| m.message(7, call.clone()));
        m.message(9, Encoder::new().int(2, 17))
    };
    let own = |name: &str, from: &str, to: &str| node(name, &[from], &[to]).text(7, "own");
    let whole = |functions: Vec<Encoder>| {
        let m = Encoder::new().int(1, 8).message(7, graph(&[own("f0", "x", "y")]));
        let m = m.message(8, Encoder::new().int(2, 17)).message(8, Encoder::new().text(1, "own").int(2, 1));
        functions.into_iter().fold(m, |m, f| m.message(25, f)).finish()
    };
    let itself = whole(vec![function("f0", &[own("f0", "a", "b")])]);
    assert_eq!(open(itself).unwrap_err().code(), Code::LimitExceeded);
    let twice = |i: usize| {
        let next = format!("f{}", i + 1);
        function(&format!("f{i}"), &[own(&next, "a", "c"), own(&next, "c", "b")])
    };
    let mut many: Vec<Encoder> = (0..40).map(twice).collect();
    many.push(function("f40", &[node("Relu", &["a"], &["b"])]));
    assert_eq!(open(whole(many)).unwrap_err().code(), Code::LimitExceeded);
}

#[test]
fn sizes_that_no_memory_has_are_errors_when_they_are_asked_for() {
    let sizes = |list: &[i64]| list.iter().flat_map(|d| d.to_le_bytes()).collect::<Vec<_>>();
    for (op, list) in [("Expand", vec![1 << 40, 2]), ("Tile", vec![1 << 40]), ("Reshape", vec![1 << 40])] {
        let shape = tensor("s", 7, &[list.len() as i64], &sizes(&list));
        let model = open(model(graph(&[node(op, &["x", "s"], &["y"])]).message(5, shape))).unwrap();
        assert!(run(&model).is_err(), "{op}");
    }
    let shape = tensor("s", 7, &[1], &sizes(&[1 << 45]));
    let nodes = [node("ConstantOfShape", &["s"], &["z"]), node("Add", &["x", "z"], &["y"])];
    assert!(run(&open(model(graph(&nodes).message(5, shape))).unwrap()).is_err());
}

#[test]
fn damaged_bytes_never_panic() {
    let w = tensor("w", 1, &[2], &[0, 0, 128, 63, 0, 0, 0, 64]);
    let attribute = Encoder::new().text(1, "axis").int(3, 0).int(20, 2);
    let nodes = [
        node("Add", &["x", "w"], &["z"]),
        node("Softmax", &["z"], &["a"]).message(5, attribute),
        node("Concat", &["a", "z"], &["b"]).message(5, Encoder::new().text(1, "axis").int(3, 0).int(20, 2)),
        node("TopK", &["b", "k"], &["y", "i"]),
    ];
    let k = tensor("k", 7, &[1], &2_i64.to_le_bytes());
    let sound = model(graph(&nodes).message(5, w).message(5, k));
    assert!(run(&open(sound.clone()).unwrap()).is_ok());
    for end in 0..sound.len() {
        let _ = open(sound[..end].to_vec()).and_then(|m| run(&m));
    }
    let mut seed = 1_u64;
    for _ in 0..3000 {
        let mut bytes = sound.clone();
        for _ in 0..2 {
            seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            let at = (seed >> 33) as usize % bytes.len();
            bytes[at] = (seed >> 20) as u8;
        }
        let _ =
            OnnxModel::from_bytes(bytes, &Limits { object_bytes: 1 << 20, ..Limits::default() }).and_then(|m| run(&m));
    }
}
