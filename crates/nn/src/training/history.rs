//! What training reports.

use std::fmt;
use std::ops::Index;

/// Loss and metrics by name, in the order of their names.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Logs(Vec<(String, f64)>);

impl Logs {
    /// The logs of these numbers, sorted by name.
    pub fn sorted(numbers: impl IntoIterator<Item = (String, f64)>) -> Self {
        let mut logs: Vec<_> = numbers.into_iter().collect();
        logs.sort_by(|a, b| a.0.cmp(&b.0));
        Self(logs)
    }

    /// The number of that name.
    pub fn get(&self, name: &str) -> Option<f64> {
        self.0.iter().find(|(known, _)| known == name).map(|(_, value)| *value)
    }

    /// Sets the number of that name; a new one comes last.
    pub fn set(&mut self, name: &str, value: f64) {
        match self.0.iter_mut().find(|(known, _)| known == name) {
            Some((_, old)) => *old = value,
            None => self.0.push((name.into(), value)),
        }
    }

    /// The loss; NaN if there is none.
    pub fn loss(&self) -> f64 {
        self.get("loss").unwrap_or(f64::NAN)
    }

    /// Names and numbers.
    pub fn iter(&self) -> impl Iterator<Item = (&str, f64)> {
        self.0.iter().map(|(name, value)| (name.as_str(), *value))
    }

    /// Adds those of a validation, as `val_loss` and so on.
    pub(crate) fn add_validation(&mut self, validation: &Logs) {
        self.0.extend(validation.0.iter().map(|(name, value)| (format!("val_{name}"), *value)));
    }
}

impl Index<&str> for Logs {
    type Output = f64;

    /// The number of that name.
    ///
    /// # Panics
    /// When there is none; [`Logs::get`] does not.
    fn index(&self, name: &str) -> &f64 {
        match self.0.iter().find(|(known, _)| known == name) {
            Some((_, value)) => value,
            None => panic!("no log of the name '{name}' among {self}"),
        }
    }
}

impl fmt::Display for Logs {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let all: Vec<String> = self.iter().map(|(name, value)| format!("{name}: {value:.4}")).collect();
        f.write_str(&all.join(" - "))
    }
}

/// Loss and metrics of every epoch: what `fit` returns.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct History {
    /// The epochs, counted from 0.
    pub epochs: Vec<usize>,
    series: Vec<(String, Vec<f64>)>,
}

impl History {
    pub(crate) fn push(&mut self, epoch: usize, logs: &Logs) {
        self.epochs.push(epoch);
        for (name, value) in logs.iter() {
            match self.series.iter_mut().find(|(known, _)| known == name) {
                Some((_, values)) => values.push(value),
                None => self.series.push((name.into(), vec![value])),
            }
        }
    }

    /// The values of that name, epoch by epoch (those epochs that have it); empty if there is none.
    pub fn get(&self, name: &str) -> &[f64] {
        self.series.iter().find(|(known, _)| known == name).map_or(&[], |(_, values)| values)
    }

    /// The last value of that name.
    pub fn last(&self, name: &str) -> Option<f64> {
        self.get(name).last().copied()
    }

    /// Names and values, in Keras's order.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &[f64])> {
        self.series.iter().map(|(name, values)| (name.as_str(), values.as_slice()))
    }
}
