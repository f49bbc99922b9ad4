//! Callbacks in trainings: what they decide and write, against Keras (`golden/make_callbacks.py`) and by hand.

use std::path::PathBuf;
use std::sync::{Arc, Mutex};

use cornet_cpu as _;
use cornet_error::Result;
use cornet_nn::callbacks::{
    BackupAndRestore, CSVLogger, Callback, EarlyStopping, LambdaCallback, LearningRateScheduler, ModelCheckpoint,
    ReduceLROnPlateau, RemoteMonitor, TerminateOnNaN,
};
use cornet_nn::layers::{Dense, Dropout, Input};
use cornet_nn::models::{Model, Sequential};
use cornet_nn::optimizers::{Adam, Sgd};
use cornet_nn::saving::load_model;
use cornet_nn::training::progress::ProgbarOptions;
use cornet_nn::training::{EvaluateOptions, FitOptions, History, PredictOptions, Verbose};

use cornet_tensor::Array;
use serde_json::Value;

/// A folder of this test's own, deleted at its end.
struct Folder(PathBuf);

impl Folder {
    fn new(name: &str) -> Self {
        let path = std::env::temp_dir().join(format!("cornet-callbacks-{name}-{}", std::process::id()));
        let _ = std::fs::remove_dir_all(&path);
        std::fs::create_dir_all(&path).unwrap();
        Self(path)
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }

    fn names(&self) -> Vec<String> {
        let entries = std::fs::read_dir(&self.0).unwrap();
        let mut names: Vec<String> = entries.map(|e| e.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        names
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

fn model(learning_rate: f64) -> Result<Sequential> {
    let model = Sequential::new().seed(3).add(Input::new([1])).add(Dense::new(1));
    model.compile(Sgd::new().learning_rate(learning_rate), "mse", ["mae", "binary_accuracy"])?;
    Ok(model)
}

fn zeros() -> (Array, Array) {
    let zeros = || Array::from_vec(vec![0.0_f32; 4], [4, 1]).unwrap();
    (zeros(), zeros())
}

fn silent<'a>(epochs: usize) -> FitOptions<'a> {
    FitOptions::new().epochs(epochs).seed(5).verbose(Verbose::Silent)
}

/// Logs given numbers under a name.
fn script<'a>(name: &str, values: &[f64]) -> LambdaCallback<'a> {
    let (name, values) = (name.to_owned(), values.to_vec());
    LambdaCallback::new().on_epoch_end(move |_, epoch, logs| {
        logs.set(&name, values[epoch]);
        Ok(())
    })
}

fn golden() -> Value {
    serde_json::from_str(include_str!("golden/callbacks.json")).unwrap()
}

fn floats(value: &Value) -> Vec<f64> {
    value.as_array().unwrap().iter().map(|v| v.as_f64().unwrap()).collect()
}

/// Keras's metric of that script is named `accuracy`; the word resolves to the one that fits.
fn name_of(case: &Value) -> String {
    case["monitor"].as_str().unwrap().replace("accuracy", "binary_accuracy")
}

#[test]
fn early_stopping_decides_as_keras_does() -> Result<()> {
    for (place, case) in golden()["early_stopping"].as_array().unwrap().iter().enumerate() {
        let (arguments, name) = (&case["arguments"], name_of(case));
        let number = |key: &str| arguments[key].as_u64().unwrap() as usize;
        let mut stop = EarlyStopping::new()
            .monitor(&name)
            .patience(number("patience"))
            .min_delta(arguments["min_delta"].as_f64().unwrap())
            .start_from_epoch(number("start_from_epoch"))
            .restore_best_weights(true);
        if let Some(baseline) = arguments["baseline"].as_f64() {
            stop = stop.baseline(baseline);
        }
        if let Some(mode) = arguments["mode"].as_str() {
            stop = stop.mode(mode);
        }
        let ((x, y), mut log) = (zeros(), script(&name, &floats(&case["values"])));
        let history = model(0.5)?.fit(&x, &y, silent(12).callback(&mut log).callback(&mut stop))?;
        let found = (history.epochs.len(), stop.stopped_epoch(), stop.best_epoch(), stop.best());
        let count = |key: &str| case[key].as_u64().unwrap() as usize;
        let expected = (count("epochs"), count("stopped_epoch"), count("best_epoch"), case["best"].as_f64());
        assert_eq!(found, expected, "case {place}: {case}");
    }
    Ok(())
}

#[test]
fn the_learning_rate_falls_as_in_keras() -> Result<()> {
    for (place, case) in golden()["reduce_lr"].as_array().unwrap().iter().enumerate() {
        let (arguments, name) = (&case["arguments"], name_of(case));
        let number = |key: &str| arguments[key].as_f64().unwrap();
        let mut reduce = ReduceLROnPlateau::new()
            .monitor(&name)
            .patience(number("patience") as usize)
            .factor(number("factor"))
            .cooldown(number("cooldown") as usize)
            .min_lr(number("min_lr"))
            .min_delta(number("min_delta"));
        let ((x, y), mut log) = (zeros(), script(&name, &floats(&case["values"])));
        let model = model(0.5)?;
        let history = model.fit(&x, &y, silent(14).callback(&mut log).callback(&mut reduce))?;
        // All of them are single precision.
        let single = |values: &[f64]| values.iter().map(|&v| v as f32).collect::<Vec<_>>();
        let found = single(history.get("learning_rate"));
        assert_eq!(found, single(&floats(&case["learning_rate"])), "case {place}: {case}");
        let last = model.optimizer().unwrap().base().learning_rate()?;
        assert_eq!(last as f32, case["last"].as_f64().unwrap() as f32, "case {place}");
    }
    Ok(())
}

#[test]
fn best_weights_come_back() -> Result<()> {
    let ((x, _), model) = (zeros(), model(0.1)?);
    let (x, y) = (x.clone(), Array::from_vec(vec![1.0_f32; 4], x.shape())?);
    let kept = Mutex::new(Vec::new());
    let mut keep = LambdaCallback::new().on_epoch_end(|run, _, logs| {
        logs.set("val_loss", [0.5, 0.2, 0.3, 0.4][kept.lock().unwrap().len()]);
        kept.lock().unwrap().push(run.model().get_weights()?);
        Ok(())
    });
    let mut stop = EarlyStopping::new().patience(2).restore_best_weights(true);
    model.fit(&x, &y, silent(10).callback(&mut keep).callback(&mut stop))?;
    drop(keep);
    let kept = kept.into_inner().unwrap();
    assert_eq!(kept.len(), 4);
    assert_eq!(model.get_weights()?, kept[1]);
    assert_ne!(model.get_weights()?, kept[3]);
    Ok(())
}

#[test]
fn a_monitored_number_that_is_not_logged_is_an_error_that_lists_the_names() -> Result<()> {
    let folder = Folder::new("missing");
    let (x, y) = zeros();
    let fit = |callback: &mut dyn Callback| {
        model(0.5).unwrap().fit(&x, &y, silent(3).callback(callback)).unwrap_err().to_string()
    };
    let text = fit(&mut EarlyStopping::new());
    assert_eq!(
        text,
        "EarlyStopping: expected a monitored number among binary_accuracy, loss, mae, found no 'val_loss' \
         [not_found]\n  help: give fit validation_data or validation_split, or monitor a number of the training"
    );
    assert!(
        fit(&mut ReduceLROnPlateau::new().monitor("acc")).contains("among binary_accuracy, loss, mae, learning_rate")
    );
    assert!(
        fit(&mut ModelCheckpoint::new(folder.path("a.keras")).save_best_only(true)).contains("found no 'val_loss'")
    );
    let unclear = fit(&mut EarlyStopping::new().monitor("val_mine"));
    assert!(unclear.contains("found no 'val_mine'"), "{unclear}");
    let wrong = fit(&mut EarlyStopping::new().monitor("loss").mode("less"));
    assert!(wrong.contains("mode: expected one of auto, min, max, found 'less'"), "{wrong}");
    // An epoch without validation is none of these: the next one has it.
    let mut stop = EarlyStopping::new().patience(5);
    let options = silent(4).validation_data(&x, &y).validation_freq(2).callback(&mut stop);
    assert_eq!(model(0.5)?.fit(&x, &y, options)?.epochs.len(), 4);
    assert!(stop.best().is_some());
    Ok(())
}

#[test]
fn a_direction_that_nothing_tells_is_asked_for() -> Result<()> {
    let (x, y) = zeros();
    let mut log = script("mine", &[1.0, 2.0]);
    let mut stop = EarlyStopping::new().monitor("mine");
    let error = model(0.5)?.fit(&x, &y, silent(2).callback(&mut log).callback(&mut stop)).unwrap_err();
    assert!(error.to_string().contains("cannot tell whether more or less of 'mine' is better"), "{error}");
    Ok(())
}

/// The messages of Keras 3.15.1 for the same callbacks and numbers.
#[test]
fn callbacks_say_what_keras_says() -> Result<()> {
    let folder = Folder::new("messages");
    let (x, y) = zeros();
    let mut log = script("val_loss", &[0.5, 0.25, 0.3, 0.2]);
    let path = folder.path("{epoch:02d}-{val_loss:.2f}.weights.h5");
    let mut best = ModelCheckpoint::new(path).verbose(true).save_best_only(true).save_weights_only(true);
    let mut schedule = LearningRateScheduler::new(|_, rate| rate * 0.5).verbose(true);
    let mut reduce = ReduceLROnPlateau::new().patience(1).verbose(true);
    let mut stop = EarlyStopping::new().patience(1).verbose(true).restore_best_weights(true);
    let mut out = Vec::new();
    let options = silent(4).callback(&mut log).callback(&mut best).callback(&mut schedule).callback(&mut reduce);
    let options = options.callback(&mut stop).output(&mut out, ProgbarOptions::default());
    model(0.5)?.fit(&x, &y, options)?;
    let text = String::from_utf8(out).unwrap().replace(&*folder.0.to_string_lossy(), "DIR");
    let expected = "
Epoch 1: LearningRateScheduler setting learning rate to 0.25.

Epoch 1: val_loss improved from None to 0.50000, saving model to DIR/01-0.50.weights.h5

Epoch 1: finished saving model to DIR/01-0.50.weights.h5

Epoch 2: LearningRateScheduler setting learning rate to 0.125.

Epoch 2: val_loss improved from 0.50000 to 0.25000, saving model to DIR/02-0.25.weights.h5

Epoch 2: finished saving model to DIR/02-0.25.weights.h5

Epoch 3: LearningRateScheduler setting learning rate to 0.0625.

Epoch 3: val_loss did not improve from 0.25000

Epoch 3: ReduceLROnPlateau reducing learning rate to 0.00625.
Epoch 3: early stopping
Restoring model weights from the end of the best epoch: 2.
";
    assert_eq!(text, expected);
    assert_eq!(folder.names(), ["01-0.50.weights.h5", "02-0.25.weights.h5"]);
    Ok(())
}

#[test]
fn checkpoints_in_steps_count_over_epochs_and_load_again() -> Result<()> {
    let folder = Folder::new("steps");
    let (x, y) = zeros();
    let model = model(0.5)?;
    let mut save = ModelCheckpoint::new(folder.path("new/{epoch}-{batch}.keras")).save_freq(3);
    model.fit(&x, &y, silent(2).batch_size(1).callback(&mut save))?;
    assert_eq!(Folder::names(&Folder(folder.path("new"))), ["1-3.keras", "2-2.keras"]);
    Ok(())
}

#[test]
fn a_checkpoint_is_the_model_at_that_moment() -> Result<()> {
    let folder = Folder::new("moment");
    let (x, y) = (Array::from_vec(vec![1.0_f32, 2.0], [2, 1])?, Array::from_vec(vec![3.0_f32, 5.0], [2, 1])?);
    let model = model(0.01)?;
    let mut save = ModelCheckpoint::new(folder.path("last.keras"));
    model.fit(&x, &y, silent(3).callback(&mut save))?;
    let loaded = load_model(folder.path("last.keras"))?;
    assert_eq!(loaded.get_weights()?, model.get_weights()?);
    let refused = |path: &str| {
        let mut save = ModelCheckpoint::new(path);
        model.fit(&x, &y, silent(1).callback(&mut save)).unwrap_err().to_string()
    };
    assert!(refused("a.txt").contains("expected one that ends in .keras or .h5, found a.txt"));
    let mut save = ModelCheckpoint::new(folder.path("last.h5"));
    model.fit(&x, &y, silent(1).callback(&mut save))?;
    assert_eq!(load_model(folder.path("last.h5"))?.get_weights()?, model.get_weights()?);
    Ok(())
}

/// The bytes that Keras 3.15.1 writes for the same logs.
#[test]
fn csv_files_are_those_of_keras() -> Result<()> {
    let folder = Folder::new("csv");
    let (path, (x, y)) = (folder.path("log.csv"), zeros());
    let run = |logger: &mut CSVLogger, rows: &[&[(&str, f64)]]| -> Result<String> {
        let rows: Vec<Vec<(String, f64)>> =
            rows.iter().map(|row| row.iter().map(|(name, value)| ((*name).to_owned(), *value)).collect()).collect();
        let mut log = LambdaCallback::new().on_epoch_end(|_, epoch, logs| {
            *logs = cornet_nn::training::Logs::sorted(rows[epoch].clone());
            Ok(())
        });
        model(0.5)?.fit(&x, &y, silent(rows.len()).callback(&mut log).callback(logger))?;
        Ok(std::fs::read_to_string(&path).unwrap())
    };
    let first = run(
        &mut CSVLogger::new(&path),
        &[&[("loss", 0.6931471824645996), ("accuracy", 0.5)], &[("loss", 1e-5), ("accuracy", 1.0), ("val_loss", 3.0)]],
    )?;
    let text = "epoch,accuracy,loss,val_accuracy,val_loss\r\n0,0.5,0.6931471824645996,NA,NA\r\n1,1.0,1e-05,NA,3.0\r\n";
    assert_eq!(first, text);
    let more = run(&mut CSVLogger::new(&path).append(true), &[&[("loss", f64::NAN), ("accuracy", 123456789.0)]])?;
    assert_eq!(more, format!("{text}0,123456789.0,nan,NA,NA\r\n"));
    let other = run(
        &mut CSVLogger::new(&path).separator(';'),
        &[&[("loss", f64::INFINITY), ("val_loss", 1e22), ("a;b", 0.1)]],
    )?;
    assert_eq!(other, "epoch;\"a;b\";loss;val_loss\r\n0;0.1;inf;1e+22\r\n");
    Ok(())
}

#[test]
fn a_loss_that_is_no_number_ends_the_training() -> Result<()> {
    let (x, y) = (Array::from_vec(vec![f32::NAN; 4], [4, 1])?, zeros().1);
    let steps = Mutex::new(0);
    let mut count = LambdaCallback::new().on_train_batch_end(|_, _, _| {
        *steps.lock().unwrap() += 1;
        Ok(())
    });
    let mut out = Vec::new();
    let mut stop = TerminateOnNaN::new();
    let options = silent(3).batch_size(1).callback(&mut stop).callback(&mut count);
    model(0.5)?.fit(&x, &y, options.output(&mut out, ProgbarOptions::default()))?;
    drop(count);
    assert_eq!(steps.into_inner().unwrap(), 1);
    assert_eq!(String::from_utf8(out).unwrap(), "Batch 0: Invalid loss, terminating training\n");
    let mut raise = TerminateOnNaN::new().raise_error(true);
    let error = model(0.5)?.fit(&x, &y, silent(3).callback(&mut raise)).unwrap_err();
    assert_eq!(error.code().word(), "non_finite");
    Ok(())
}

#[test]
fn every_milestone_is_called_in_keras_order() -> Result<()> {
    let (x, y) = zeros();
    let seen = Arc::new(Mutex::new(Vec::new()));
    macro_rules! note {
        ($callback:ident, $($name:ident($($argument:ident),*)),+) => {{
            $(let $name = seen.clone();
            let $callback = $callback.$name(move |_ $(, $argument)*| {
                $(let _ = &$argument;)*
                $name.lock().unwrap().push(stringify!($name));
                Ok(())
            });)+
            $callback
        }};
    }
    let callback = LambdaCallback::new();
    let mut callback = note!(
        callback,
        on_train_begin(),
        on_train_end(a),
        on_epoch_begin(a),
        on_epoch_end(a, b),
        on_train_batch_begin(a),
        on_train_batch_end(a, b),
        on_test_begin(),
        on_test_end(a),
        on_test_batch_begin(a),
        on_test_batch_end(a, b),
        on_predict_begin(),
        on_predict_end(),
        on_predict_batch_begin(a),
        on_predict_batch_end(a)
    );
    let model = model(0.5)?;
    model.fit(&x, &y, silent(1).validation_data(&x, &y).callback(&mut callback))?;
    let fit = [
        "on_train_begin",
        "on_epoch_begin",
        "on_train_batch_begin",
        "on_train_batch_end",
        "on_test_begin",
        "on_test_batch_begin",
        "on_test_batch_end",
        "on_test_end",
        "on_epoch_end",
        "on_train_end",
    ];
    assert_eq!(*seen.lock().unwrap(), fit);
    seen.lock().unwrap().clear();
    model.evaluate_with(&x, &y, EvaluateOptions::new().callback(&mut callback))?;
    assert_eq!(*seen.lock().unwrap(), fit[4..8]);
    seen.lock().unwrap().clear();
    model.predict_with(&x, PredictOptions::new().callback(&mut callback))?;
    let predict = ["on_predict_begin", "on_predict_batch_begin", "on_predict_batch_end", "on_predict_end"];
    assert_eq!(*seen.lock().unwrap(), predict);
    Ok(())
}

#[test]
fn epochs_are_posted_to_a_server() -> Result<()> {
    use std::io::{Read, Write};
    let (x, y) = zeros();
    let server = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let root = format!("http://{}", server.local_addr().unwrap());
    let answer = std::thread::spawn(move || {
        let (mut stream, _) = server.accept().unwrap();
        let mut text = String::new();
        let mut buffer = [0; 4096];
        while !text.contains("%7D") {
            let n = stream.read(&mut buffer).unwrap();
            text += std::str::from_utf8(&buffer[..n]).unwrap();
        }
        stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n").unwrap();
        text
    });
    let mut log = LambdaCallback::new().on_epoch_end(|_, _, logs| {
        *logs = cornet_nn::training::Logs::sorted([("loss".to_owned(), 0.5)]);
        Ok(())
    });
    let mut out = Vec::new();
    let mut remote = RemoteMonitor::new().root(&root).header("X-Run", "7");
    let options = silent(1).callback(&mut log).callback(&mut remote).output(&mut out, ProgbarOptions::default());
    model(0.5)?.fit(&x, &y, options)?;
    let text = answer.join().unwrap();
    assert!(text.starts_with("POST /publish/epoch/end/ HTTP/1.1\r\n"), "{text}");
    assert!(text.contains("X-Run: 7\r\n"), "{text}");
    assert!(text.ends_with("data=%7B%22epoch%22%3A+0%2C+%22loss%22%3A+0.5%7D"), "{text}");
    assert!(out.is_empty());
    // The server is gone.
    let mut out = Vec::new();
    let options = silent(1).callback(&mut remote).output(&mut out, ProgbarOptions::default());
    model(0.5)?.fit(&x, &y, options)?;
    let said = String::from_utf8(out).unwrap();
    assert!(said.starts_with(&format!("Could not reach RemoteMonitor root server at {root}")), "{said}");
    Ok(())
}

/// A model with random layers and samples that are worth shuffling.
fn noisy() -> Result<(Sequential, Array, Array)> {
    let model = Sequential::new()
        .seed(9)
        .add(Input::new([4]))
        .add(Dense::new(8).activation("relu"))
        .add(Dropout::new(0.3))
        .add(Dense::new(1));
    model.compile(Adam::new().learning_rate(0.01), "mse", ["mae"])?;
    let x: Vec<f32> = (0..40 * 4).map(|i| ((i * 37 % 101) as f32) / 101.0).collect();
    let y: Vec<f32> = x.chunks(4).map(|row| row[0] * 2.0 - row[3]).collect();
    Ok((model, Array::from_vec(x, [40, 4])?, Array::from_vec(y, [40, 1])?))
}

/// Trains six epochs of five steps with a backup, and stops with an error after some of them if asked to.
fn train(folder: &Folder, cut: Option<(usize, usize)>, in_steps: bool) -> Result<(Vec<Array>, History)> {
    let (model, x, y) = noisy()?;
    let mut backup = BackupAndRestore::new(folder.path("backup")).double_checkpoint(true);
    if in_steps {
        backup = backup.save_freq(3);
    }
    let mut reduce = ReduceLROnPlateau::new().monitor("loss").patience(1).factor(0.5).min_delta(1.0);
    let mut stop = EarlyStopping::new().monitor("loss").patience(9).restore_best_weights(true);
    let mut cutter = LambdaCallback::new().on_train_batch_end(|run, step, _| match cut {
        Some(cut) if cut == (run.moment().epoch, step) => Err(cornet_error::err!(Io, "cut short")),
        _ => Ok(()),
    });
    let options = silent(6).batch_size(8).validation_split(0.1).validation_freq(2);
    let options = options.callback(&mut backup).callback(&mut reduce).callback(&mut stop).callback(&mut cutter);
    let history = model.fit(&x, &y, options)?;
    Ok((model.get_weights()?, history))
}

#[test]
fn a_training_that_was_cut_short_ends_with_the_same_bits() -> Result<()> {
    let folder = Folder::new("resume");
    let (whole, history) = train(&folder, None, false)?;
    assert!(folder.names().is_empty(), "the backup is deleted at the end");
    for in_steps in [false, true] {
        for cut in [(0, 0), (1, 2), (2, 4), (3, 0), (4, 0), (5, 3)] {
            train(&folder, Some(cut), in_steps).unwrap_err();
            let (resumed, rest) = train(&folder, None, in_steps)?;
            assert_eq!(resumed, whole, "cut after {cut:?}, in steps: {in_steps}");
            let names = ["loss", "mae", "learning_rate"];
            let last = |h: &History| names.map(|name| h.last(name));
            assert_eq!(last(&rest), last(&history), "cut after {cut:?}, in steps: {in_steps}");
        }
    }
    Ok(())
}

#[test]
fn a_damaged_backup_gives_way_to_the_one_before() -> Result<()> {
    let folder = Folder::new("damaged");
    let (whole, _) = train(&folder, None, false)?;
    train(&folder, Some((4, 1)), false).unwrap_err();
    let latest = folder.path("backup/latest.weights.h5");
    let bytes = std::fs::read(&latest).unwrap();
    std::fs::write(&latest, &bytes[..bytes.len() / 2]).unwrap();
    assert_eq!(train(&folder, None, false)?.0, whole);
    // A backup of another model is refused.
    train(&folder, Some((4, 1)), false).unwrap_err();
    let (x, y) = zeros();
    let mut backup = BackupAndRestore::new(folder.path("backup"));
    let error = model(0.5)?.fit(&x, &y, silent(2).callback(&mut backup)).unwrap_err().to_string();
    assert!(error.contains("latest.weights.h5") && error.contains("another model"), "{error}");
    Ok(())
}

#[test]
fn a_history_becomes_charts() -> Result<()> {
    let folder = Folder::new("plot");
    let (model, x, y) = noisy()?;
    let history = model.fit(&x, &y, silent(6).validation_split(0.2).validation_freq(2))?;
    assert_eq!(history.charts().len(), 2);
    let loss = history.chart("loss").canvas().to_svg();
    assert_eq!(loss.matches("<circle").count(), 6 + 3, "six epochs, three of them validated");
    history.save_plot(folder.path("history.png"))?;
    history.save_plot(folder.path("history.svg"))?;
    let svg = std::fs::read_to_string(folder.path("history.svg")).unwrap();
    assert!(["loss", "mae", "training", "validation", "epoch"].iter().all(|word| svg.contains(word)));
    let text = history.terminal(40, 8);
    assert!(text.contains("loss  ── training  ╌╌ validation"), "{text}");
    Ok(())
}

#[test]
fn evaluations_see_the_averages_and_training_the_weights() -> Result<()> {
    let (model, x, y) = noisy()?;
    model.compile(Adam::new().learning_rate(0.05).use_ema(true).ema_momentum(0.8), "mse", ())?;
    let values = |run: &cornet_nn::callbacks::Run<'_>| run.model().get_weights();
    let (seen, tested) = (Mutex::new(Vec::new()), Mutex::new(Vec::new()));
    let mut look = LambdaCallback::new()
        .on_train_batch_begin(|run, step| {
            if step == 0 {
                seen.lock().unwrap().push(values(run)?);
            }
            Ok(())
        })
        .on_train_batch_end(|run, step, _| {
            if step + 1 == run.steps() {
                seen.lock().unwrap().push(values(run)?);
            }
            Ok(())
        })
        .on_test_batch_end(|run, _, _| {
            let averages = run.model().optimizer().unwrap().averages();
            let averages: Vec<Array> = averages.iter().map(|v| v.value()).collect::<Result<_>>()?;
            tested.lock().unwrap().push((values(run)?, averages));
            Ok(())
        });
    let mut swap = cornet_nn::callbacks::SwapEMAWeights::new().swap_on_epoch(true);
    let options = silent(3).batch_size(8).validation_split(0.2).validation_batch_size(40);
    model.fit(&x, &y, options.callback(&mut swap).callback(&mut look))?;
    drop(look);
    let (seen, tested) = (seen.into_inner().unwrap(), tested.into_inner().unwrap());
    assert_eq!((seen.len(), tested.len()), (6, 3));
    // Training goes on where it was.
    assert_eq!((&seen[1], &seen[3]), (&seen[2], &seen[4]));
    for (epoch, (found, averages)) in tested.iter().enumerate() {
        assert_eq!(found, averages, "epoch {epoch}");
        assert_ne!(found, &seen[2 * epoch + 1], "epoch {epoch}");
    }
    assert_eq!(model.get_weights()?, tested[2].1, "after the training the model has the averages");
    let plain = noisy()?.0;
    let mut swap = cornet_nn::callbacks::SwapEMAWeights::new();
    let error = plain.fit(&x, &y, silent(1).validation_split(0.2).callback(&mut swap)).unwrap_err();
    assert_eq!(error.code().word(), "invalid_state");
    Ok(())
}

#[test]
fn event_files_have_what_was_asked_for() -> Result<()> {
    let folder = Folder::new("board");
    let (model, x, y) = noisy()?;
    let mut board = cornet_nn::callbacks::TensorBoard::new(folder.path("logs")).histogram_freq(2).write_images(true);
    model.fit(&x, &y, silent(3).batch_size(8).validation_split(0.2).callback(&mut board))?;
    let count = |part: &str| {
        let entries = std::fs::read_dir(folder.path("logs").join(part)).unwrap();
        let files: Vec<Vec<u8>> = entries.map(|e| std::fs::read(e.unwrap().path()).unwrap()).collect();
        assert_eq!(files.len(), 1);
        cornet_events::records(&files[0]).map(|record| record.unwrap().len()).filter(|&n| n > 0).count()
    };
    // The version, the model twice, three numbers of each epoch; in two epochs four weights and the images of three: the
    // last bias is one number.
    assert_eq!(count("train"), 1 + 2 + 3 * 3 + 2 * (4 + 3));
    // The version, two numbers of each epoch, twice.
    assert_eq!(count("validation"), 1 + 3 * 2 * 2);
    let mut board = cornet_nn::callbacks::TensorBoard::new(folder.path("more")).profile_batch(2);
    let error = model.fit(&x, &y, silent(1).callback(&mut board)).unwrap_err();
    assert!(error.to_string().contains("profile_batch: expected 0, found 2"), "{error}");
    Ok(())
}
