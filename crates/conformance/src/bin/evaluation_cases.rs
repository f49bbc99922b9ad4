//! Answers the cases of `python/evaluation.py`: `evaluation_cases FOLDER`. A case names a function of
//! `cornet_nn::evaluation` or `cornet_nn::utils`, its arrays and its arguments.

use std::path::Path;

use cornet_conformance::exchange::{Answer, Arrays, answer_all};
use cornet_cpu as _;
use cornet_error::{Result, err, fail};
use cornet_nn::evaluation::{self, ConfusionMatrix, Fold, KFold, Normalize, StratifiedKFold, TrainTestSplit};
use cornet_nn::training::IntoArrays;
use cornet_nn::utils::{self, PadSequences, SplitDataset, Timeseries};
use cornet_tensor::Array;
use serde_json::Value;

/// Targets, predictions and weights.
struct Inputs {
    all: Vec<Option<Array>>,
}

impl Inputs {
    fn at(&self, i: usize) -> Result<&Array> {
        self.all.get(i).and_then(Option::as_ref).ok_or_else(|| err!(InvalidArgument, "case: expected array {i}"))
    }

    fn weight(&self) -> Option<&dyn IntoArrays> {
        self.all.get(2).and_then(Option::as_ref).map(|array| array as &dyn IntoArrays)
    }
}

fn numbers(to: &mut Answer, name: &str, values: &[f64]) -> Result<()> {
    to.arrays.push((name.into(), Array::from_slice(values, [values.len()])?));
    Ok(())
}

fn fold(to: &mut Answer, name: &str, fold: &Fold) -> Result<()> {
    let places = |of: &[usize]| Array::from_vec(of.iter().map(|p| *p as i64).collect::<Vec<_>>(), [of.len()]);
    to.arrays.push((format!("{name} train"), places(&fold.train)?));
    to.arrays.push((format!("{name} test"), places(&fold.test)?));
    Ok(())
}

fn size(case: &Value, key: &str) -> Option<usize> {
    case[key].as_u64().map(|n| n as usize)
}

fn judged(case: &Value, inputs: &Inputs, to: &mut Answer) -> Result<()> {
    let (y_true, y_pred, weight) = (inputs.at(0)?, inputs.at(1)?, inputs.weight());
    match case["function"].as_str() {
        Some("confusion_matrix") => {
            let names = case["names"].as_array().into_iter().flatten().filter_map(Value::as_str);
            let matrix = ConfusionMatrix::weighted(y_true, y_pred, weight, size(case, "classes"))?.names(names)?;
            for (name, normalize) in [
                ("none", Normalize::None),
                ("true", Normalize::True),
                ("pred", Normalize::Predicted),
                ("all", Normalize::All),
            ] {
                to.arrays.push((name.into(), matrix.array(normalize)?));
            }
            to.facts.insert("report".into(), matrix.report().table(3).into());
            to.facts.insert("scores".into(), matrix.report().to_json());
            matrix.plot("matrix", Normalize::True).to_png(1.0)?;
            Ok(())
        }
        Some("roc_curve") => {
            let curve = evaluation::roc_curve(y_true, y_pred, weight, case["drop_intermediate"] == true)?;
            numbers(to, "fpr", &curve.false_positive_rate)?;
            numbers(to, "tpr", &curve.true_positive_rate)?;
            numbers(to, "thresholds", &curve.thresholds)?;
            numbers(to, "area", &[evaluation::roc_auc(y_true, y_pred, weight)?, curve.area()])
        }
        Some("precision_recall_curve") => {
            let curve = evaluation::precision_recall_curve(y_true, y_pred, weight)?;
            numbers(to, "precision", &curve.precision)?;
            numbers(to, "recall", &curve.recall)?;
            numbers(to, "thresholds", &curve.thresholds)?;
            numbers(to, "area", &[curve.average_precision(), curve.area()])
        }
        Some("roc_auc_one_vs_rest") => numbers(to, "area", &[evaluation::roc_auc_one_vs_rest(y_true, y_pred, weight)?]),
        Some("scores") => numbers(
            to,
            "scores",
            &[
                evaluation::r2_score(y_true, y_pred, weight)?,
                evaluation::root_mean_squared_error(y_true, y_pred, weight)?,
                evaluation::mean_absolute_error(y_true, y_pred, weight)?,
            ],
        ),
        _ => fail!(InvalidArgument, "case: unknown function {}", case["function"]),
    }
}

fn divided(case: &Value, inputs: &Inputs, to: &mut Answer) -> Result<()> {
    let (samples, parts) = (size(case, "samples").unwrap_or(0), size(case, "n_splits").unwrap_or(0));
    let folds = match case["function"].as_str() {
        Some("k_fold") => KFold::new(parts).folds(samples)?,
        Some("stratified_k_fold") => StratifiedKFold::new(parts).folds(inputs.at(0)?)?,
        _ => {
            let split = TrainTestSplit::new(case["test_size"].as_f64().unwrap_or(0.25));
            let classes = inputs.all.first().and_then(Option::as_ref);
            vec![match classes {
                Some(classes) => split.shuffle(1).stratified_fold(classes)?,
                None => split.fold(samples)?,
            }]
        }
    };
    folds.iter().enumerate().try_for_each(|(i, one)| fold(to, &i.to_string(), one))
}

fn prepared(case: &Value, inputs: &Inputs, to: &mut Answer) -> Result<()> {
    let array = match case["function"].as_str() {
        Some("to_categorical") => utils::to_categorical(inputs.at(0)?, size(case, "classes"))?,
        Some("normalize") => {
            let order = size(case, "order").unwrap_or(2) as u32;
            utils::normalize(inputs.at(0)?, case["axis"].as_i64().unwrap_or(-1) as isize, order)?
        }
        Some("pad_sequences") => {
            let list =
                |v: &Value| v.as_array().into_iter().flatten().filter_map(Value::as_i64).map(|n| n as i32).collect();
            let sequences: Vec<Vec<i32>> = case["sequences"].as_array().into_iter().flatten().map(list).collect();
            let word = |key: &str| case[key].as_str().unwrap_or("pre");
            let value = case["value"].as_i64().unwrap_or(0) as i32;
            let pad = PadSequences::new().padding(word("padding")).truncating(word("truncating")).value(value);
            size(case, "maxlen").map_or(pad.pad(&sequences), |n| {
                let pad = PadSequences::new().padding(word("padding")).truncating(word("truncating")).value(value);
                pad.maxlen(n).pad(&sequences)
            })?
        }
        Some("timeseries") => {
            let mut options = Timeseries::new(size(case, "sequence_length").unwrap_or(1))
                .sequence_stride(size(case, "sequence_stride").unwrap_or(1))
                .sampling_rate(size(case, "sampling_rate").unwrap_or(1))
                .batch_size(size(case, "batch_size").unwrap_or(128))
                .start_index(size(case, "start_index").unwrap_or(0));
            if let Some(end) = size(case, "end_index") {
                options = options.end_index(end);
            }
            let targets = inputs.all.get(1).and_then(Option::as_ref).map(|array| array as &dyn IntoArrays);
            for (i, batch) in options.windows(inputs.at(0)?, targets)?.iter().enumerate() {
                let (x, y) = batch?;
                to.arrays.push((format!("x {i}"), x));
                to.arrays.extend(y.map(|y| (format!("y {i}"), y)));
            }
            return Ok(());
        }
        Some("split_dataset") => {
            let left = case["left"].as_f64().map_or(SplitDataset::right(0.5), SplitDataset::left);
            let split = case["right"].as_f64().map_or(left, |right| left.right_size(right));
            let split =
                if case["left"].is_null() { SplitDataset::right(case["right"].as_f64().unwrap_or(0.5)) } else { split };
            let (left, right) = split.split(&[inputs.at(0)?])?;
            to.arrays.extend(left.into_iter().map(|a| ("left".into(), a)));
            to.arrays.extend(right.into_iter().map(|a| ("right".into(), a)));
            return Ok(());
        }
        _ => fail!(InvalidArgument, "case: unknown function {}", case["function"]),
    };
    to.arrays.push(("result".into(), array));
    Ok(())
}

fn answer(case: &Value, arrays: &Arrays, to: &mut Answer) -> Result<()> {
    let inputs = Inputs { all: arrays.optional(&case["arrays"])? };
    match case["kind"].as_str() {
        Some("judged") => judged(case, &inputs, to),
        Some("divided") => divided(case, &inputs, to),
        _ => prepared(case, &inputs, to),
    }
}

fn main() -> Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match &arguments[..] {
        [folder] => answer_all(Path::new(folder), answer),
        _ => fail!(InvalidArgument, "see the beginning of src/bin/evaluation_cases.rs for the arguments"),
    }
}
