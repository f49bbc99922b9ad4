//! Answers the cases of `python/ops.py`: `ops_cases FOLDER`; `ops_cases --names` prints the ops there are.

use std::path::Path;

use cornet_conformance::exchange::{Answer, Arrays, answer_all};
use cornet_conformance::ops::{Arguments, table};
use cornet_cpu as _;
use cornet_error::{Result, err, fail};
use cornet_ops::Tensor;
use serde_json::Value;

fn answer(case: &Value, arrays: &Arrays, to: &mut Answer) -> Result<()> {
    let name = case["op"].as_str().unwrap_or_default();
    let call = table().get(name).copied().ok_or_else(|| err!(NotFound, "there is no op '{name}'"))?;
    let x: Vec<Tensor> = arrays.list(&case["inputs"])?.into_iter().map(Tensor::from).collect();
    for (i, y) in call(&Arguments { x: &x, named: &case["named"] })?.iter().enumerate() {
        to.arrays.push((format!("output {i}"), y.array()?));
    }
    Ok(())
}

fn main() -> Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match &arguments[..] {
        [flag] if flag == "--names" => {
            table().keys().for_each(|name| println!("{name}"));
            Ok(())
        }
        [folder] => answer_all(Path::new(folder), answer),
        _ => fail!(InvalidArgument, "see the beginning of src/bin/ops_cases.rs for the arguments"),
    }
}
