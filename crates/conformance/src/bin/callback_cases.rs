//! Answers the cases of `python/callbacks.py`: `callback_cases FOLDER`.
//!
//! A case with `model` trains that model with `callbacks`, answers with the history and the `events` that a callback of
//! functions saw, and saves the model under `to`. A case with `random` draws numbers.

use std::path::Path;
use std::sync::Mutex;

use cornet_conformance::exchange::{Answer, Arrays, answer_all, list};
use cornet_cpu as _;
use cornet_error::{Result, err, fail};
use cornet_nn::callbacks::{
    BackupAndRestore, CSVLogger, Callback, EarlyStopping, LambdaCallback, LearningRateScheduler, ModelCheckpoint,
    ReduceLROnPlateau, RemoteMonitor, SwapEMAWeights, TerminateOnNaN,
};
use cornet_nn::models::Model;
use cornet_nn::saving::load_model;
use cornet_nn::training::FitOptions;
use cornet_ops::{Tensor, random};
use cornet_tensor::{Array, DType, Shape};
use serde_json::{Value, json};

/// What a case writes for a callback.
struct Given<'a>(&'a Value);

impl Given<'_> {
    fn number(&self, key: &str, default: f64) -> f64 {
        self.0[key].as_f64().unwrap_or(default)
    }

    fn count(&self, key: &str, default: usize) -> usize {
        self.0[key].as_u64().map_or(default, |n| n as usize)
    }

    fn flag(&self, key: &str, default: bool) -> bool {
        self.0[key].as_bool().unwrap_or(default)
    }

    fn text<'a>(&'a self, key: &str, default: &'a str) -> &'a str {
        self.0[key].as_str().unwrap_or(default)
    }
}

fn early_stopping(given: &Given<'_>) -> EarlyStopping {
    let mut made = EarlyStopping::new()
        .monitor(given.text("monitor", "val_loss"))
        .mode(given.text("mode", "auto"))
        .min_delta(given.number("min_delta", 0.0))
        .patience(given.count("patience", 0))
        .start_from_epoch(given.count("start_from_epoch", 0))
        .restore_best_weights(given.flag("restore_best_weights", false));
    if let Some(baseline) = given.0["baseline"].as_f64() {
        made = made.baseline(baseline);
    }
    made
}

fn model_checkpoint(given: &Given<'_>) -> ModelCheckpoint {
    let mut made = ModelCheckpoint::new(given.text("filepath", ""))
        .monitor(given.text("monitor", "val_loss"))
        .mode(given.text("mode", "auto"))
        .save_best_only(given.flag("save_best_only", false))
        .save_weights_only(given.flag("save_weights_only", false));
    if let Some(steps) = given.0["save_freq"].as_u64() {
        made = made.save_freq(steps as usize);
    }
    if let Some(threshold) = given.0["initial_value_threshold"].as_f64() {
        made = made.initial_value_threshold(threshold);
    }
    made
}

fn backup_and_restore(given: &Given<'_>) -> BackupAndRestore {
    let mut made = BackupAndRestore::new(given.text("backup_dir", ""))
        .delete_checkpoint(given.flag("delete_checkpoint", true))
        .double_checkpoint(given.flag("double_checkpoint", false));
    if let Some(steps) = given.0["save_freq"].as_u64() {
        made = made.save_freq(steps as usize);
    }
    made
}

type Events = Mutex<Vec<String>>;

fn note(events: &Events, event: String) -> Result<()> {
    events.lock().map_err(|_| err!(Internal, "events: a callback has failed"))?.push(event);
    Ok(())
}

/// A callback of functions that write down what they see.
fn noting(events: &Events) -> LambdaCallback<'_> {
    LambdaCallback::new()
        .on_train_begin(|_| note(events, "train begins".into()))
        .on_train_end(|_, _| note(events, "train ends".into()))
        .on_epoch_begin(|_, epoch| note(events, format!("epoch {epoch} begins")))
        .on_epoch_end(|_, epoch, logs| {
            let mut names: Vec<_> = logs.iter().map(|(name, _)| name).collect();
            names.sort_unstable();
            note(events, format!("epoch {epoch} ends: {}", names.join(" ")))
        })
        .on_train_batch_begin(|_, step| note(events, format!("step {step} begins")))
        .on_train_batch_end(|_, step, _| note(events, format!("step {step} ends")))
}

fn callback<'a>(given: &Given<'_>, events: &'a Events) -> Result<Box<dyn Callback + 'a>> {
    Ok(match given.text("class", "") {
        "EarlyStopping" => Box::new(early_stopping(given)),
        "ModelCheckpoint" => Box::new(model_checkpoint(given)),
        "BackupAndRestore" => Box::new(backup_and_restore(given)),
        "ReduceLROnPlateau" => Box::new(
            ReduceLROnPlateau::new()
                .monitor(given.text("monitor", "val_loss"))
                .mode(given.text("mode", "auto"))
                .factor(given.number("factor", 0.1))
                .patience(given.count("patience", 10))
                .min_delta(given.number("min_delta", 1e-4))
                .cooldown(given.count("cooldown", 0))
                .min_lr(given.number("min_lr", 0.0)),
        ),
        "LearningRateScheduler" => {
            let (factor, from) = (given.number("factor", 1.0), given.count("from", 0));
            Box::new(LearningRateScheduler::new(move |epoch, rate| if epoch < from { rate } else { rate * factor }))
        }
        "CSVLogger" => Box::new(
            CSVLogger::new(given.text("filename", ""))
                .separator(given.text("separator", ",").chars().next().unwrap_or(','))
                .append(given.flag("append", false)),
        ),
        "TerminateOnNaN" => Box::new(TerminateOnNaN::new()),
        "SwapEMAWeights" => Box::new(SwapEMAWeights::new().swap_on_epoch(given.flag("swap_on_epoch", false))),
        "RemoteMonitor" => {
            Box::new(RemoteMonitor::new().root(given.text("root", "")).send_as_json(given.flag("send_as_json", false)))
        }
        "LambdaCallback" => Box::new(noting(events)),
        "Failing" => {
            let at = given.count("epoch", 0);
            Box::new(LambdaCallback::new().on_epoch_begin(move |_, epoch| match epoch == at {
                true => fail!(InvalidState, "cancelled, as the case wants it"),
                false => Ok(()),
            }))
        }
        other => fail!(InvalidArgument, "callback: expected a class with a case, found {other}"),
    })
}

fn fit(case: &Value, arrays: &Arrays, to: &mut Answer) -> Result<()> {
    let path = |key: &str| case[key].as_str().ok_or_else(|| err!(InvalidArgument, "a case without '{key}'"));
    let model = load_model(path("model")?)?;
    let (x, y) = (arrays.get(&case["x"])?, arrays.get(&case["y"])?);
    let validation = match case["validation"].as_array() {
        Some(pair) if pair.len() == 2 => Some((arrays.get(&pair[0])?, arrays.get(&pair[1])?)),
        _ => None,
    };
    let events = Events::default();
    let mut callbacks =
        list(&case["callbacks"]).iter().map(|given| callback(&Given(given), &events)).collect::<Result<Vec<_>>>()?;
    let given = Given(case);
    let mut options = FitOptions::new()
        .batch_size(given.count("batch_size", 8))
        .epochs(given.count("epochs", 1))
        .shuffle(false)
        .stop_on_nan(false)
        .verbose(cornet_nn::training::Verbose::Silent);
    if let Some((x, y)) = &validation {
        options = options.validation_data(x, y);
    }
    for one in &mut callbacks {
        options = options.callback(&mut **one);
    }
    let history = model.fit(&x, &y, options)?;
    drop(callbacks);
    for (name, values) in history.iter() {
        to.arrays.push((format!("history {name}"), Array::from_vec(values.to_vec(), [values.len()])?));
    }
    to.facts.insert("epochs".into(), json!(history.epochs));
    to.facts.insert("events".into(), json!(events.into_inner().unwrap_or_default()));
    model.save(path("to")?)
}

fn draw(case: &Value, arrays: &Arrays) -> Result<Tensor> {
    let given = Given(&case["given"]);
    let sizes = list(&case["shape"]).iter().filter_map(Value::as_u64).map(|n| n as usize);
    let shape = Shape::new(&sizes.collect::<Vec<_>>());
    let seed = case["seed"].as_i64().unwrap_or(0);
    let float = DType::F32;
    let x = || arrays.get(&case["x"]).map(Tensor::from);
    Ok(match case["random"].as_str().unwrap_or_default() {
        "uniform" => random::uniform(shape, given.number("minval", 0.0), given.number("maxval", 1.0), float, seed),
        "normal" => random::normal(shape, given.number("mean", 0.0), given.number("stddev", 1.0), float, seed),
        "truncated_normal" => {
            random::truncated_normal(shape, given.number("mean", 0.0), given.number("stddev", 1.0), float, seed)
        }
        "randint" => {
            let (low, high) = (given.number("minval", 0.0) as i64, given.number("maxval", 9.0) as i64);
            random::randint(shape, low, high, DType::I32, seed)
        }
        "gamma" => random::gamma(shape, given.number("alpha", 1.0), float, seed),
        "beta" => random::beta(shape, given.number("alpha", 1.0), given.number("beta", 1.0), float, seed),
        "binomial" => {
            random::binomial(shape, given.number("counts", 1.0), given.number("probabilities", 0.5), float, seed)
        }
        "categorical" => random::categorical(&x()?, given.count("num_samples", 1), DType::I32, seed),
        "shuffle" => random::shuffle(&x()?, given.number("axis", 0.0) as isize, seed),
        "dropout" => random::dropout(&x()?, given.number("rate", 0.5), None, seed),
        other => fail!(InvalidArgument, "random: expected a function with a case, found {other}"),
    })
}

fn answer(case: &Value, arrays: &Arrays, to: &mut Answer) -> Result<()> {
    if case["random"].is_string() {
        to.arrays.push(("drawn".into(), draw(case, arrays)?.array()?));
        return Ok(());
    }
    fit(case, arrays, to)
}

fn main() -> Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match &arguments[..] {
        [folder] => answer_all(Path::new(folder), answer),
        _ => fail!(InvalidArgument, "see the beginning of src/bin/callback_cases.rs for the arguments"),
    }
}
