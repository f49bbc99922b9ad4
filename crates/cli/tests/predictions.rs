//! `predict` on models of several inputs and outputs, of texts and of whole numbers.

mod common;

use common::Folder;
use cornet::layers::{Concatenate, Dense, Embedding, Flatten, Input, StringLookup};
use cornet::models::{Functional, Model, Sequential, Symbolic};
use cornet_tensor::{Array, DType};

fn json(text: &str) -> serde_json::Value {
    serde_json::from_str(text).unwrap()
}

/// A model `two.keras`: `words` int32 [?, 2] and `sizes` [?, 3] in, `score` [?, 1] and `kind` [?, 2] out.
fn two(name: &str) -> Folder {
    let folder = Folder::new(name);
    let words = Input::new([2]).name("words").dtype(DType::I32).symbol();
    let sizes = Input::new([3]).name("sizes").symbol();
    let embedded = words.then(Embedding::new(10, 2).embeddings_initializer("ones")).then(Flatten::new());
    let both = Concatenate::new().on([&embedded, &sizes]);
    let score = both.then(Dense::new(1).kernel_initializer("ones").name("score"));
    let kind = both.then(Dense::new(2).kernel_initializer("ones").name("kind"));
    Functional::new([&words, &sizes], [&score, &kind]).unwrap().save(folder.join("two.keras")).unwrap();
    folder
}

fn inputs() -> (Array, Array) {
    let words = Array::from_vec(vec![1_i64, 2, 3, 4], [2, 2]).unwrap();
    (words, Array::from_vec(vec![0.5_f64, 1.0, 1.5, 2.0, 2.5, 3.0], [2, 3]).unwrap())
}

#[test]
fn arrays_go_in_by_name_and_come_out_by_name() {
    let folder = two("two");
    let (words, sizes) = inputs();
    Array::write_npz(folder.join("x.npz"), [("sizes", &sizes), ("more", &sizes), ("words", &words)]).unwrap();
    Array::write_npz(folder.join("plain.npz"), [("arr_0", &words), ("arr_1", &sizes)]).unwrap();
    words.write_npy(folder.join("words.npy")).unwrap();
    folder.write("sizes.json", "[[0.5, 1.0, 1.5], [2, 2.5, 3]]");
    folder.write(
        "instances.json",
        r#"{"instances": [{"words": [1, 2], "sizes": [0.5, 1, 1.5]}, {"words": [3, 4], "sizes": [2, 2.5, 3]}]}"#,
    );
    folder.write("inputs.json", r#"{"inputs": {"words": [[1, 2], [3, 4]], "sizes": [[0.5, 1, 1.5], [2, 2.5, 3]]}}"#);
    for input in [
        &["x.npz"][..],
        &["plain.npz"],
        &["instances.json"],
        &["inputs.json"],
        &["words=words.npy", "sizes=sizes.json"],
        &["sizes=x.npz", "words=x.npz"],
    ] {
        let all = [&["predict", "two.keras", "--output", "y.npz", "--input"], input].concat();
        let text = folder.run(&all).done();
        assert!(text.contains("score: float32 [2, 1]") && text.contains("kind: float32 [2, 2]"), "{input:?}: {text}");
        let y = Array::read_npz(folder.join("y.npz")).unwrap();
        assert_eq!(y.iter().map(|(name, _)| name.as_str()).collect::<Vec<_>>(), ["score", "kind"]);
        assert_eq!(y[0].1.to_vec::<f32>().unwrap(), [7.0, 11.5], "{input:?}");
        assert_eq!(y[1].1.to_vec::<f32>().unwrap(), [7.0, 7.0, 11.5, 11.5]);
    }
    let printed = json(&folder.run(&["predict", "two.keras", "--input", "x.npz", "--json"]).done());
    assert_eq!(printed["predictions"][1]["score"][0], 11.5);
    folder.run(&["predict", "two.keras", "--input", "x.npz", "--output", "y.json"]).done();
    assert_eq!(json(&std::fs::read_to_string(folder.join("y.json")).unwrap()), printed);
    let summary = folder.run(&["predict", "two.keras", "--input", "x.npz"]).done();
    assert!(summary.contains("score: float32 [2, 1]") && summary.contains("kind: example  class"), "{summary}");
}

#[test]
fn inputs_that_are_missing_or_misspelt_are_named() {
    let folder = two("missing");
    let (words, sizes) = inputs();
    Array::write_npz(folder.join("x.npz"), [("sizes", &sizes), ("words", &words)]).unwrap();
    Array::write_npz(folder.join("half.npz"), [("sizes", &sizes), ("y", &words)]).unwrap();
    sizes.write_npy(folder.join("sizes.npy")).unwrap();
    let refuse = |input: &[&str], parts: &[&str]| {
        folder.run(&[&["predict", "two.keras", "--json", "--input"], input].concat()).failed(parts);
    };
    refuse(&["half.npz"], &["half.npz", "expected arrays words, sizes, found sizes, y", "'words' is missing"]);
    refuse(&["sizes.npy"], &["expected arrays for words, sizes, found one file", "--input words=FILE"]);
    refuse(&["word=sizes.npy"], &["expected one of the inputs words, sizes, found 'word'", "did you mean 'words'?"]);
    refuse(&["sizes=sizes.npy"], &["expected words, sizes, found sizes"]);
    refuse(&["sizes=sizes.npy", "words=sizes.npy"], &["input 'words'", "expected int32 [?, 2], found float64 [2, 3]"]);
    folder.write("x.json", r#"{"inputs": {"words": [[1, 2.5]], "sizes": [[1, 2, 3]]}}"#);
    refuse(&["x.json"], &["input 'words'", "expected numbers of int32, found 2.5", "[out_of_range]"]);
    folder.write("x.csv", "words,x\n1,2\n");
    refuse(&["x.csv"], &["expected a column 'sizes', found words, x"]);
    let ran = folder.run(&["predict", "two.keras", "--input", "x.npz", "--output", "y.npy"]);
    ran.failed(&["expected .npz or .json for the outputs score, kind"]);
    let ran = folder.run(&["predict", "two.keras", "--input", "x.npz", "--signature", "serving_defalt"]);
    ran.failed(&["[not_found]", "did you mean 'serving_default'?"]);
}

#[test]
fn columns_of_a_table_are_inputs_by_name() {
    let folder = Folder::new("columns");
    let (age, size) = (Input::new([1]).name("age").symbol(), Input::new([1]).name("size").symbol());
    let both = Concatenate::new().on([&age, &size]).then(Dense::new(1).kernel_initializer("ones"));
    Functional::new([&age, &size], [&both]).unwrap().save(folder.join("m.keras")).unwrap();
    folder.write("x.csv", "size,name,age\n1,0,2\n3,0,4\n");
    let y = json(&folder.run(&["predict", "m.keras", "--input", "x.csv", "--json"]).done());
    assert_eq!(y["predictions"], json("[[3.0], [7.0]]"));
}

#[test]
fn texts_go_in_and_come_out() {
    let folder = Folder::new("texts");
    let lookup = || StringLookup::new().vocabulary(["yes", "no"]);
    let there = Sequential::new().add(Input::new([1]).dtype(DType::Str)).add(lookup());
    there.save(folder.join("there.keras")).unwrap();
    let back = Sequential::new().add(Input::new([1]).dtype(DType::I64)).add(lookup().invert(true));
    back.save(folder.join("back.keras")).unwrap();
    let words = Array::from_strings(vec!["no".into(), "yes".into(), "é".into()], [3, 1]).unwrap();
    words.write_npy_unicode(folder.join("x.npy")).unwrap();
    Array::write_npz_unicode(folder.join("x.npz"), [("words", &words)]).unwrap();
    folder.write("x.csv", "no\nyes\né\n");
    folder.write("x.txt", "no\nyes\né\n");
    folder.write("x.json", r#"{"instances": ["no", "yes", {"b64": "w6k="}]}"#);
    for input in ["x.npy", "x.npz", "x.csv", "x.txt", "x.json"] {
        let y = json(&folder.run(&["predict", "there.keras", "--input", input, "--json"]).done());
        assert_eq!(y["predictions"], json("[[2], [1], [0]]"), "{input}");
    }
    folder.write("n.csv", "2\n1\n0\n");
    folder.run(&["predict", "back.keras", "--input", "n.csv", "--output", "y.npz", "--batch-size", "2"]).done();
    let y = Array::read_npz(folder.join("y.npz")).unwrap().remove(0).1;
    assert_eq!(y.to_vec::<String>().unwrap(), ["no", "yes", "[UNK]"]);
    folder.run(&["predict", "back.keras", "--input", "n.csv", "--output", "y.csv"]).done();
    assert_eq!(std::fs::read_to_string(folder.join("y.csv")).unwrap(), "no\nyes\n[UNK]\n");
    let shown = folder.run(&["predict", "back.keras", "--input", "n.csv"]).done();
    assert!(shown.contains("string [3, 1]"), "{shown}");
    folder.run(&["predict", "there.keras", "--input", "n.csv", "--json"]).done();
    folder.run(&["predict", "back.keras", "--input", "x.npy"]).failed(&["expected numbers, found strings"]);
}
