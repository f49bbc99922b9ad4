//! Strings: against TensorFlow 2.21 (see golden/make_strings.py).

use cornet_ops::Tensor;
use cornet_ops::string::{LookupTable, NumberFormat};
use cornet_tensor::{DType, Result};
use serde_json::{Value, json};

fn words() -> Tensor {
    Tensor::of(["", " Hello, World! ", "a b  c", "ÀÉ straße", "\t-1.5e3\n", "x"].map(String::from))
}

fn strings(x: &Tensor) -> Result<Value> {
    Ok(json!(x.ravel().to_vec::<String>()?))
}

fn integers(x: &Tensor) -> Result<Value> {
    Ok(json!(x.array()?.to_i64()?))
}

fn rows(x: &cornet_ops::string::Ragged) -> Result<Value> {
    Ok(Value::Array(x.rows()?.iter().map(strings).collect::<Result<_>>()?))
}

fn results() -> Result<Vec<(&'static str, Value)>> {
    let w = words();
    let part = w.slice(&[1], &[4]);
    let floats = Tensor::of([0.0_f32, 1.5, -2.25, 123_456.79, 1e-7, 1e20, f32::INFINITY, f32::NEG_INFINITY, 0.1]);
    let text: String = (0..200_u32).map(|i| char::from(33 + (i * 7 % 90) as u8)).collect();
    let prefixes: Vec<String> = (0..=200).map(|n| text[..n].to_string()).collect();
    let prefixes = Tensor::of(prefixes);
    let format = NumberFormat::default();
    let table = LookupTable::vocabulary(&Tensor::of(["x", "", "dog"].map(String::from)), 0, 3, 5)?;
    let numbers = Tensor::of(["1.5", " -2e3\n", "inf", "0.1"].map(String::from)).string_to_number(DType::F32);
    let integer = Tensor::of(["7", "+3", " -4 "].map(String::from)).string_to_number(DType::I64);
    let matched = w.regex_full_match(r"\s*[-a-z. ]*\d?.*").to_vec::<bool>()?;
    Ok(vec![
        ("lower", strings(&w.string_lower(false))?),
        ("upper", strings(&w.string_upper(false))?),
        ("lower_unicode", strings(&w.string_lower(true))?),
        ("strip", strings(&w.string_strip())?),
        ("length", integers(&w.string_length(false))?),
        ("length_characters", integers(&w.string_length(true))?),
        ("substr", strings(&part.substr(2, 4, false))?),
        ("substr_end", strings(&part.substr(-3, 2, true))?),
        ("join", strings(&Tensor::string_join(&[&w, &Tensor::of("é".to_string()), &w], "-"))?),
        ("reduce_join", strings(&w.reshape([2, 3]).string_reduce_join(0, "+"))?),
        ("split", rows(&w.string_split("", None)?)?),
        ("split_space", rows(&w.string_split(" ", None)?)?),
        ("split_most", rows(&w.string_split("", Some(1))?)?),
        ("split_most_l", rows(&w.string_split("l", Some(1))?)?),
        ("replace", strings(&w.regex_replace(r"(\w)(\w)", r"<\2\1\0>"))?),
        ("replace_first", strings(&w.regex_replace_first("[ l]", "$"))?),
        ("full_match", json!(matched)),
        ("to_number", json!(numbers.to_vec::<f32>()?.iter().map(|&v| f64::from(v)).collect::<Vec<_>>())),
        ("to_integer", integers(&integer)?),
        ("as_string", strings(&floats.as_string())?),
        (
            "as_string_e",
            strings(&floats.as_string_with(NumberFormat { style: 'e', precision: Some(3), width: 12, ..format }))?,
        ),
        ("as_string_g", strings(&floats.as_string_with(NumberFormat { style: 'g', ..format }))?),
        (
            "as_string_f",
            strings(&floats.slice(&[0], &[6]).as_string_with(NumberFormat {
                precision: Some(2),
                width: 9,
                fill: '0',
                ..format
            }))?,
        ),
        (
            "as_string_left",
            strings(&Tensor::of([3, -14]).as_string_with(NumberFormat { width: 5, fill: '-', ..format }))?,
        ),
        ("as_string_bool", strings(&Tensor::of([true, false]).as_string())?),
        ("hash_fast", integers(&prefixes.string_to_hash_bucket_fast(1 << 62))?),
        ("hash_strong", integers(&prefixes.string_to_hash_bucket_strong(1 << 62, [133, 1_234_567_890_123_456_789]))?),
        ("vocabulary", integers(&table.lookup(&w))?),
    ])
}

#[test]
fn results_are_those_of_tensorflow() -> Result<()> {
    let lines: Vec<&str> = include_str!("golden/strings.txt").lines().filter(|l| !l.starts_with('#')).collect();
    let found = results()?;
    assert_eq!(lines.len(), found.len());
    let mut wrong = Vec::new();
    for (line, (name, value)) in lines.iter().zip(found) {
        let (expected_name, expected) = line.split_once('|').unwrap();
        assert_eq!(expected_name, name);
        // JSON has no infinity; Python writes one.
        let expected: Value = serde_json::from_str(&expected.replace("Infinity", "null")).unwrap();
        if expected != value {
            wrong.push(format!("{name}: expected {expected}, found {value}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    Ok(())
}

#[test]
fn ragged_rows_become_dense() -> Result<()> {
    let split = words().string_split("", None)?;
    assert_eq!(split.lengths().to_vec::<i64>()?, [0, 2, 3, 2, 1, 1]);
    let pad = Tensor::of("?".to_string());
    let dense = split.to_padded(Some(2), &pad)?;
    assert_eq!(dense.shape()?.as_slice(), [6, 2]);
    let expected = ["?", "?", "Hello,", "World!", "a", "b", "ÀÉ", "straße", "-1.5e3", "?", "x", "?"];
    assert_eq!(dense.to_vec::<String>()?, expected);
    assert_eq!(split.to_padded(None, &pad)?.shape()?.as_slice(), [6, 3]);
    let (padded, counts) = words().string_split_padded("", None, 2);
    let empty = split.to_padded(Some(2), &Tensor::of(String::new()))?;
    assert_eq!(padded.to_vec::<String>()?, empty.to_vec::<String>()?);
    assert_eq!(counts.to_vec::<i32>()?, [0, 2, 3, 2, 1, 1]);
    Ok(())
}

#[test]
fn tables_go_both_ways_and_refuse_what_is_twofold() -> Result<()> {
    let vocabulary = Tensor::of(["zebra", "ant", "cat"].map(String::from));
    let unknown = Tensor::of("[UNK]".to_string());
    let there = LookupTable::vocabulary(&vocabulary, 2, 1, 1)?;
    let back = LookupTable::inverse_vocabulary(&vocabulary, 2, &unknown)?;
    let numbers = there.lookup(&Tensor::of([["cat", "dog"], ["ant", "zebra"]].map(|r| r.map(String::from))));
    assert_eq!(numbers.to_vec::<i64>()?, [4, 1, 3, 2]);
    assert_eq!(back.lookup(&numbers).to_vec::<String>()?, ["cat", "[UNK]", "ant", "zebra"]);
    // Integer keys outside the vocabulary are spread by their value.
    let tokens = LookupTable::vocabulary(&Tensor::of([10_i64, 20]), 3, 0, 3)?;
    assert_eq!(tokens.lookup(&Tensor::of([20, 7, -1])).to_vec::<i64>()?, [4, 1, 2]);
    let twice = LookupTable::vocabulary(&Tensor::of(["a", "a"].map(String::from)), 0, 0, 1);
    assert_eq!(twice.unwrap_err().code().word(), "already_exists");
    Ok(())
}

#[test]
fn what_is_no_number_pattern_or_position_is_an_error() {
    let code = |t: Tensor| t.error().map(|e| e.code().word()).unwrap_or_default();
    assert_eq!(code(words().string_to_number(DType::F32)), "invalid_argument");
    assert_eq!(code(words().string_to_number(DType::I8)), "dtype_mismatch");
    assert_eq!(code(words().substr(1, 1, false)), "out_of_range");
    assert_eq!(code(words().regex_replace("(", "")), "invalid_argument");
    assert_eq!(code(words().regex_replace("a", "\\x")), "invalid_argument");
    assert_eq!(code(Tensor::of(1.0).string_lower(false)), "dtype_mismatch");
    assert_eq!(code(words().string_to_hash_bucket_fast(0)), "invalid_argument");
}
