use std::fs;
use std::path::{Path, PathBuf};

use cornet_error::{Error, Limits, Result, err};
use cornet_format_keras::{self as format, Saved, WeightStore};
use cornet_ops::Variable;
use cornet_tensor::Array;
use serde_json::{Value, json};

use super::monitor::{SaveFreq, StepCounter};
use super::{Callback, CallbackState, Moment, Run, optimizer};
use crate::arg::Arg;
use crate::layers::Layer;
use crate::random::Key;
use crate::saving;
use crate::training::Logs;

/// Keeps a backup of the training on disk, from which the same call of `fit` in another process goes on when this one
/// ends in between, however it ends.
///
/// The training that goes on ends with the same bits as one that was never cut short: the backup has the weights, the
/// optimizer's state, the random generators of the layers, the key of the orders of samples and how far the training
/// is, loss and metrics of an epoch under way, and what other callbacks remember (how long they have been waiting, the
/// best weights so far). The callbacks must be given in the same order.
///
/// # Format
/// `latest.weights.h5` in the folder: the model's weights as Keras stores them, the optimizer's state at `optimizer`, the
/// rest at `training`. It is written beside its place, forced to disk, and renamed: there is always a whole one. With
/// `double_checkpoint` the one before stays as `latest.weights.h5.bkp`, and is used if the latest is damaged.
/// # Errors
/// `invalid_argument` for an empty folder name; `corrupt` for a damaged backup; `shape_mismatch` and the like for that of
/// another model; `io` and its likes.
/// # Source
/// Keras 3 `keras.callbacks.BackupAndRestore`, which goes on with whole epochs, weights and optimizer alone.
///
/// ```
/// use cornet_nn::callbacks::BackupAndRestore;
/// let backup = BackupAndRestore::new("backup").save_freq(100);
/// ```
#[derive(Clone, Debug)]
pub struct BackupAndRestore {
    folder: PathBuf,
    save_freq: SaveFreq,
    double_checkpoint: bool,
    delete_checkpoint: bool,
    counter: StepCounter,
    /// Whether a backup that was due after the last step of an epoch waits for the epoch's end.
    is_waiting: bool,
    wrong: Option<Error>,
}

/// The name of the backup.
const LATEST: &str = "latest.weights.h5";
/// The name of the one before.
const PREVIOUS: &str = "latest.weights.h5.bkp";
/// Where the file has what is no weight.
const TRAINING: &str = "training";

impl BackupAndRestore {
    /// In this folder, which is made if there is none.
    pub fn new(backup_dir: impl AsRef<Path>) -> Self {
        let folder = backup_dir.as_ref().to_owned();
        let empty = || err!(InvalidArgument, "BackupAndRestore: expected a folder, found an empty name");
        let wrong = folder.as_os_str().is_empty().then(empty);
        let (counter, save_freq) = (StepCounter::default(), SaveFreq::Epoch);
        let is_waiting = false;
        Self { folder, save_freq, double_checkpoint: false, delete_checkpoint: true, counter, is_waiting, wrong }
    }

    /// When it saves: after every `epoch`, or after a number of steps each.
    #[must_use]
    pub fn save_freq(mut self, frequency: impl Into<Arg<SaveFreq>>) -> Self {
        match frequency.into().0 {
            Ok(frequency) => self.save_freq = frequency,
            Err(error) => {
                self.wrong.get_or_insert(error.within("BackupAndRestore"));
            }
        }
        self
    }

    /// Whether the backup before the latest one is kept, too; by default it is not.
    #[must_use]
    pub fn double_checkpoint(mut self, double: bool) -> Self {
        self.double_checkpoint = double;
        self
    }

    /// Whether the backup is deleted when the training has ended; by default it is. Other files in the folder stay, and
    /// then the folder.
    #[must_use]
    pub fn delete_checkpoint(mut self, delete: bool) -> Self {
        self.delete_checkpoint = delete;
        self
    }

    fn restore(&mut self, run: &Run<'_>) -> Result<()> {
        let (latest, previous) = (self.folder.join(LATEST), self.folder.join(PREVIOUS));
        let store = match format::read_weights(&latest, &Limits::default()) {
            Ok(store) => store,
            Err(_) if previous.exists() => format::read_weights(&previous, &Limits::default())?,
            Err(_) if !latest.exists() => return Ok(()),
            Err(error) => return Err(error.help("delete the backup to start over")),
        };
        let help = "the backup is of another training: delete it, or give another folder";
        self.resume(run, &store).map_err(|e| e.within(latest.display().to_string()).help(help))
    }

    /// Sets everything to what the backup says.
    fn resume(&mut self, run: &Run<'_>, store: &WeightStore) -> Result<()> {
        let described = store.get(TRAINING).and_then(|saved| saved.get("metadata"));
        let described = described.ok_or_else(|| err!(Corrupt, "backup: expected its description, found none"))?;
        let about: Value = serde_json::from_slice(described.bytes())
            .map_err(|e| err!(Corrupt, "backup: expected a description, found {e}"))?;
        let number = |value: &Value, what: &str| {
            value.as_u64().ok_or_else(|| err!(Corrupt, "backup: expected a number {what}, found {value}"))
        };
        let moment = Moment {
            epoch: number(&about["epoch"], "epoch")? as usize,
            step: number(&about["batch"], "batch")? as usize,
        };
        // A run of an iterator does not know its steps.
        if run.steps() > 0 && moment.step > run.steps() {
            return Err(err!(InvalidState, "backup: expected at most {} steps, found {}", run.steps(), moment.step));
        }
        let word = |i: usize| number(&about["key"][i], "key").map(|word| word as u32);
        let key = Key::from_words([word(0)?, word(1)?]);
        saving::restore_weights_and_optimizer(run.model(), store)?;
        for (place, variables) in others(run) {
            match store.get(&place) {
                Some(saved) => saving::assign(&place, &variables, saved)?,
                None if variables.is_empty() => {}
                None => {
                    return Err(err!(Corrupt, "backup: expected {} variables at {place}, found none", variables.len()));
                }
            }
        }
        let mut states = Vec::new();
        for (place, entry) in about["callbacks"].as_array().map_or(&[][..], Vec::as_slice).iter().enumerate() {
            let name = entry["name"].as_str().unwrap_or_default().to_owned();
            let saved = store.get(&format!("{TRAINING}/callbacks/{place}"));
            let arrays = saved.map_or(Vec::new(), |saved| saved.arrays().cloned().collect());
            let state = entry["values"].as_object().map(|values| CallbackState { values: values.clone(), arrays });
            states.push((name, state));
        }
        run.restore(states);
        run.resume(moment, key);
        if about["stopped"].as_bool() == Some(true) {
            run.stop_training();
        }
        Ok(())
    }

    /// Everything that the training depends on.
    fn collect(
        &self,
        run: &Run<'_>,
        moment: Moment,
        states: &[(&'static str, Option<CallbackState>)],
    ) -> Result<WeightStore> {
        let mut store = saving::weights_and_optimizer(run.model())?;
        for (place, variables) in others(run) {
            if !variables.is_empty() {
                store.set(&place, Saved::new(place.clone(), saving::values(&variables)?));
            }
        }
        let mut callbacks = Vec::new();
        for (place, (name, state)) in states.iter().enumerate() {
            callbacks.push(json!({"name": name, "values": state.as_ref().map(|state| state.values.clone())}));
            if let Some(state) = state.as_ref().filter(|state| !state.arrays.is_empty()) {
                let place = format!("{TRAINING}/callbacks/{place}");
                store.set(&place, Saved::new(*name, state.arrays.iter().cloned()));
            }
        }
        let about = json!({
            "epoch": moment.epoch, "batch": moment.step, "key": run.key().words(), "stopped": run.is_stopped(),
            "callbacks": callbacks,
        });
        let text = about.to_string().into_bytes();
        let mut training = Saved::new(TRAINING, []);
        let length = text.len();
        training.set("metadata", Array::from_vec(text, [length])?);
        store.set(TRAINING, training);
        Ok(store)
    }

    /// Keeps the latest backup under its second name: a link, so that neither name is ever without a whole file.
    fn keep_previous(&self) -> Result<()> {
        let (latest, previous) = (self.folder.join(LATEST), self.folder.join(PREVIOUS));
        if !latest.exists() {
            return Ok(());
        }
        let beside = self.folder.join(format!(".{PREVIOUS}"));
        let _ = fs::remove_file(&beside);
        let linked = fs::hard_link(&latest, &beside).or_else(|_| fs::copy(&latest, &beside).map(drop));
        linked.and_then(|()| fs::rename(&beside, &previous)).map_err(|e| Error::io("write", &previous, &e))
    }
}

/// Variables that are neither weights nor the optimizer's: places in the file, and variables.
fn others(run: &Run<'_>) -> Vec<(String, Vec<Variable>)> {
    fn generators(layer: &dyn Layer, found: &mut Vec<Variable>) {
        found.extend(layer.base().generators().iter().map(|generator| generator.state().clone()));
        layer.parts().iter().for_each(|(_, part)| generators(&**part, found));
    }
    let mut random = Vec::new();
    generators(run.model(), &mut random);
    let compiled = run.model().trainer().compiled();
    let metrics = compiled.map_or(Vec::new(), |compiled| compiled.metric_variables());
    vec![(format!("{TRAINING}/generators"), random), (format!("{TRAINING}/metrics"), metrics)]
}

impl Callback for BackupAndRestore {
    fn on_train_begin(&mut self, run: &Run<'_>) -> Result<()> {
        if let Some(error) = &self.wrong {
            return Err(error.clone());
        }
        (self.counter, self.is_waiting) = (StepCounter::default(), false);
        optimizer(run)?;
        self.restore(run)
    }

    fn on_train_end(&mut self, _run: &Run<'_>, _logs: &Logs) -> Result<()> {
        if !self.delete_checkpoint {
            return Ok(());
        }
        // The latest goes last: whatever happens in between, the other one is never what a new run goes on from.
        for name in [PREVIOUS, LATEST] {
            let path = self.folder.join(name);
            match fs::remove_file(&path) {
                Err(e) if e.kind() != std::io::ErrorKind::NotFound => return Err(Error::io("delete", &path, &e)),
                _ => {}
            }
        }
        // What processes left that were killed while they wrote.
        for entry in fs::read_dir(&self.folder).into_iter().flatten().flatten() {
            let name = entry.file_name();
            if name.as_encoded_bytes().starts_with(format!(".{LATEST}.").as_bytes()) {
                let _ = fs::remove_file(entry.path());
            }
        }
        // A folder with other files in it stays.
        let _ = fs::remove_dir(&self.folder);
        Ok(())
    }

    fn is_backup_due(&mut self, run: &Run<'_>, moment: Moment) -> bool {
        match self.save_freq {
            SaveFreq::Epoch => moment.step == 0,
            SaveFreq::Steps(_) if moment.step == 0 => std::mem::take(&mut self.is_waiting),
            SaveFreq::Steps(_) => {
                let is_due = self.counter.is_due(self.save_freq);
                // After its last step an epoch has its end still before it, which is no moment to go on from.
                self.is_waiting = is_due && moment.step == run.steps();
                is_due && !self.is_waiting
            }
        }
    }

    fn back_up(
        &mut self,
        run: &Run<'_>,
        moment: Moment,
        states: &[(&'static str, Option<CallbackState>)],
    ) -> Result<()> {
        fs::create_dir_all(&self.folder).map_err(|e| Error::io("make", &self.folder, &e))?;
        let store = self.collect(run, moment, states)?;
        if self.double_checkpoint {
            self.keep_previous()?;
        }
        format::write_weights(&self.folder.join(LATEST), &store)
    }

    fn state(&self) -> Option<CallbackState> {
        let mut state = CallbackState::default();
        state.set_count("steps", self.counter.seen());
        Some(state)
    }

    fn set_state(&mut self, state: CallbackState) -> Result<()> {
        self.counter.set(state.count("steps")?);
        Ok(())
    }
}
