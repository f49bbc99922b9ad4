//! `inspect`, `datasets`, `bench --list`, `env`, and the command line itself.

mod common;

use common::Folder;
use cornet_tensor::Array;

#[test]
fn every_command_has_help_with_examples() {
    let folder = Folder::new("help");
    let overview = folder.run(&["--help"]).done();
    for command in
        ["quickstart", "train", "evaluate", "predict", "summary", "inspect", "convert", "datasets", "bench", "env"]
    {
        assert!(overview.contains(command), "{overview}");
        let help = folder.run(&[command, "--help"]).done();
        assert!(help.contains("Examples:"), "{command}: {help}");
    }
    assert!(!overview.contains("serve"), "serve is not there yet: {overview}");
}

#[test]
fn a_wrong_command_line_ends_with_2() {
    let folder = Folder::new("usage");
    folder.run(&[]).misused("Usage");
    folder.run(&["inspct"]).misused("inspect");
    folder.run(&["inspect"]).misused("FILE");
    folder.run(&["bench", "--threads", "0"]).misused("--threads");
}

#[test]
fn env_shows_each_variable_and_why_one_is_ignored() {
    let folder = Folder::new("env");
    let variables = [("CORNET_NUM_THREADS", "many"), ("CORNET_ISA", "portable")];
    let text = folder.run_with(&["env"], &variables).done();
    assert!(text.contains("many (ignored: expected a positive number)"), "{text}");
    assert!(text.contains("portable, 1 f32 a vector"), "{text}");
    let json = folder.run_with(&["env", "--json"], &[("CORNET_NUM_THREADS", "3")]).done();
    let value: serde_json::Value = serde_json::from_str(&json).unwrap();
    assert_eq!(value["threads"], 3);
    assert_eq!(value["variables"]["CORNET_NUM_THREADS"]["value"], "3");
    assert_eq!(value["variables"]["CORNET_HOME"]["value"], folder.join("home").to_str().unwrap());
}

#[test]
fn datasets_are_listed_and_described() {
    let folder = Folder::new("datasets");
    let list = folder.run(&["datasets", "list"]).done();
    assert!(list.contains("digits") && list.contains("part of the program"), "{list}");
    assert!(list.contains("mnist") && list.contains("to download"), "{list}");
    let info = folder.run(&["datasets", "info", "digits"]).done();
    assert!(info.contains("CC BY 4.0"), "{info}");
    folder.run(&["datasets", "info", "mnits"]).failed(&["[not_found]", "did you mean 'mnist'?"]);
    folder.run(&["datasets", "info", "mnist", "--data", "nowhere"]).failed(&["[not_found]"]);
}

#[test]
fn a_download_without_network_fails_with_one_message_and_leaves_nothing() {
    let folder = Folder::new("offline");
    folder.run(&["datasets", "fetch", "mnist", "--mirror", "http://127.0.0.1:9/none"]).failed(&["[network]"]);
    let left = std::fs::read_dir(folder.join("home/datasets/mnist")).map_or(0, |entries| entries.count());
    assert_eq!(left, 0, "files of a failed download stay");
}

#[test]
fn arrays_are_told_by_content_and_summed_up() {
    let folder = Folder::new("arrays");
    let x = Array::from_vec(vec![1.0_f32, 2.0, 3.0, f32::NAN, 5.0, 7.0], [2, 3]).unwrap();
    x.write_npy(folder.join("x.bin")).unwrap();
    let text = folder.run(&["inspect", "x.bin"]).done();
    assert!(text.contains("float32 [2, 3]"), "{text}");
    assert!(text.contains("min 1  max 7  mean 3.6  (1 NaN or infinite)"), "{text}");
    let y = Array::from_vec(vec![3_i64, 4], [2]).unwrap();
    Array::write_npz(folder.join("both.npz"), [("x", &x), ("y", &y)]).unwrap();
    let text = folder.run(&["inspect", "both.npz"]).done();
    assert!(text.contains("2 arrays") && text.contains("int64"), "{text}");
    let json: serde_json::Value = serde_json::from_str(&folder.run(&["inspect", "both.npz", "--json"]).done()).unwrap();
    assert_eq!(json["arrays"]["y"]["shape"][0], 2);
    assert_eq!(json["arrays"]["x"]["non_finite"], 1);
}

#[test]
fn files_that_cannot_be_inspected_are_refused_in_one_message() {
    let folder = Folder::new("refused");
    folder.run(&["inspect", "none.keras"]).failed(&["none.keras", "[not_found]"]);
    folder.run(&["inspect", "."]).failed(&["found a folder", "[unsupported_format]"]);
    folder.write("empty", "");
    folder.run(&["inspect", "empty"]).failed(&["found an empty file", "[unsupported_format]"]);
    folder.write("text.keras", "hello");
    folder.run(&["inspect", "text.keras"]).failed(&["[unsupported_format]"]);
    let x = Array::zeros(cornet_tensor::DType::F32, [100]);
    x.write_npy(folder.join("x.npy")).unwrap();
    let whole = std::fs::read(folder.join("x.npy")).unwrap();
    folder.write("short.npy", &whole[..whole.len() - 7]);
    folder.run(&["inspect", "short.npy"]).failed(&["short.npy", "[corrupt]", "help: "]);
    Array::write_npz(folder.join("x.npz"), [("x", &x)]).unwrap();
    let whole = std::fs::read(folder.join("x.npz")).unwrap();
    folder.write("short.npz", &whole[..whole.len() / 2]);
    folder.run(&["inspect", "short.npz"]).failed(&["[corrupt]"]);
}

#[test]
fn workloads_are_listed_and_a_slip_is_understood() {
    let folder = Folder::new("bench");
    let list = folder.run(&["bench", "--list"]).done();
    for name in ["gemm", "conv", "elementwise"] {
        assert!(list.lines().any(|l| l.starts_with(name)), "{list}");
    }
    folder.run(&["bench", "gem"]).failed(&["did you mean 'gemm'?", "[not_found]"]);
}
