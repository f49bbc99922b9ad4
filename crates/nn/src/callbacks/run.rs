use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use super::CallbackState;
use crate::models::Model;
use crate::random::Key;

/// A training, an evaluation or a prediction that goes on.
pub struct Run<'a> {
    model: &'a dyn Model,
    epochs: usize,
    steps: usize,
    stop: AtomicBool,
    validated: bool,
    state: Mutex<State>,
}

/// A moment of a training: so many epochs are done, and so many steps of the next one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Moment {
    /// Epochs that are done.
    pub epoch: usize,
    /// Steps of the epoch under way that are done.
    pub step: usize,
}

struct State {
    moment: Moment,
    key: Key,
    messages: Vec<String>,
    restored: Vec<(String, Option<CallbackState>)>,
}

impl<'a> Run<'a> {
    pub(crate) fn new(model: &'a dyn Model, epochs: usize, steps: usize) -> Self {
        let state = State { moment: Moment::default(), key: Key::new(0), messages: Vec::new(), restored: Vec::new() };
        Self { model, epochs, steps, stop: AtomicBool::new(false), validated: false, state: Mutex::new(state) }
    }

    /// Beginning at an epoch, with the key that decides the orders of samples.
    pub(crate) fn starting(self, epoch: usize, key: Key) -> Self {
        {
            let mut state = self.lock();
            state.moment = Moment { epoch, step: 0 };
            state.key = key;
        }
        self
    }

    /// With validation after some of the epochs, or without.
    pub(crate) fn validated(mut self, validated: bool) -> Self {
        self.validated = validated;
        self
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The model.
    pub fn model(&self) -> &dyn Model {
        self.model
    }

    /// The number of epochs.
    pub fn epochs(&self) -> usize {
        self.epochs
    }

    /// The number of steps of an epoch; 0 if it is not known, as of an iterator.
    pub fn steps(&self) -> usize {
        self.steps
    }

    /// Whether there is validation after some of the epochs.
    pub fn is_validated(&self) -> bool {
        self.validated
    }

    /// Ends the training after this step; the epoch is still validated and logged.
    pub fn stop_training(&self) {
        self.stop.store(true, Ordering::Relaxed);
    }

    /// Whether the training is to end.
    pub fn is_stopped(&self) -> bool {
        self.stop.load(Ordering::Relaxed)
    }

    /// How far the training is: the epoch under way, and the first of its steps that this process has taken or will.
    pub fn moment(&self) -> Moment {
        self.lock().moment
    }

    /// What decides the order of the samples: that of epoch `e` is a function of `key.fold_in(e)`.
    pub fn key(&self) -> Key {
        self.lock().key
    }

    /// Lets the training go on at a moment of an earlier one with its orders of samples. Has an effect in
    /// `on_train_begin` alone. The metrics of an epoch that goes on in the middle are not reset.
    pub fn resume(&self, moment: Moment, key: Key) {
        let mut state = self.lock();
        (state.moment, state.key) = (moment, key);
    }

    /// Says something to whoever follows the training: the line is written where the progress is shown.
    pub fn say(&self, message: impl Into<String>) {
        self.lock().messages.push(message.into());
    }

    /// Gives callbacks back what they remembered; each takes it when all have seen `on_train_begin`.
    pub fn restore(&self, states: Vec<(String, Option<CallbackState>)>) {
        self.lock().restored = states;
    }

    pub(super) fn take_restored(&self) -> Vec<(String, Option<CallbackState>)> {
        std::mem::take(&mut self.lock().restored)
    }

    pub(crate) fn begin_epoch(&self, moment: Moment) {
        self.lock().moment = moment;
    }

    pub(crate) fn take_messages(&self) -> Vec<String> {
        std::mem::take(&mut self.lock().messages)
    }
}
