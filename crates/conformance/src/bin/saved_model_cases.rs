//! Answers the cases of `python/saved_models.py`: `saved_model_cases FOLDER`.

use std::path::Path;

use cornet_conformance::exchange::{Answer, Arrays, answer_all, list};
use cornet_cpu as _;
use cornet_error::{Limits, Result, fail};
use cornet_format_savedmodel::SavedModel;
use cornet_program::Program;
use serde_json::Value;

fn answer(case: &Value, arrays: &Arrays, to: &mut Answer) -> Result<()> {
    let text = |name: &str| case[name].as_str().unwrap_or_default();
    let path = Path::new(text("path"));
    let limits = Limits::default();
    let model = match text("kind") {
        "frozen" => SavedModel::open_frozen(path, &limits)?,
        _ => SavedModel::open(path, &["serve"], &limits)?,
    };
    to.facts.insert("describe".into(), model.describe().into());
    to.facts.insert("parameters".into(), model.parameter_count().into());
    let unsupported: Vec<String> = model.unsupported_ops().into_iter().map(|u| u.op).collect();
    to.facts.insert("unsupported".into(), unsupported.into());
    to.facts.insert("skipped".into(), format!("{:?}", model.skipped_signatures()).into());
    for (i, call) in list(&case["calls"]).iter().enumerate() {
        let mut inputs = Vec::new();
        for (name, array) in call["inputs"].as_object().into_iter().flatten() {
            inputs.push((name.clone(), arrays.get(array)?));
        }
        for (name, array) in model.call(call["signature"].as_str(), inputs)? {
            to.arrays.push((format!("{i} {name}"), array));
        }
    }
    Ok(())
}

fn main() -> Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match &arguments[..] {
        [folder] => answer_all(Path::new(folder), answer),
        _ => fail!(InvalidArgument, "usage: saved_model_cases FOLDER"),
    }
}
