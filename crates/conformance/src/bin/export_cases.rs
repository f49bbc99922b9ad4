//! Answers the cases of `python/exports.py`: `export_cases FOLDER`.
//!
//! A case names a `.keras` file, lists of inputs for batches of different sizes, and where the model is to be exported
//! to. Its answer has the predictions for each batch, and what refused to export it.

use std::path::Path;

use cornet_conformance::exchange::{Answer, Arrays, answer_all, caught, list};
use cornet_cpu as _;
use cornet_error::{Result, err, fail};
use cornet_nn::models::Model;
use cornet_nn::saving::{export, load_model};
use serde_json::{Value, json};

fn answer(case: &Value, arrays: &Arrays, to: &mut Answer) -> Result<()> {
    let file = case["file"].as_str().ok_or_else(|| err!(InvalidArgument, "a case without file"))?;
    let model = load_model(file)?;
    for (i, batch) in list(&case["batches"]).iter().enumerate() {
        let outputs = model.predict_on_batch(&arrays.list(batch)?)?;
        to.arrays.extend(outputs.into_iter().enumerate().map(|(o, y)| (format!("{i} {o}"), y)));
    }
    for format in ["onnx", "tf_saved_model"] {
        let Some(path) = case[format].as_str() else { continue };
        let outcome = caught(|| export(&model, path, format));
        to.facts.insert(format.into(), outcome.err().map_or(Value::Null, |error| json!(error.to_string())));
    }
    Ok(())
}

fn main() -> Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match &arguments[..] {
        [folder] => answer_all(Path::new(folder), answer),
        _ => fail!(InvalidArgument, "see the beginning of src/bin/export_cases.rs for the arguments"),
    }
}
