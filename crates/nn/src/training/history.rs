//! What training reports.

use std::fmt;
use std::ops::Index;
use std::path::Path;

use cornet_error::Result;
use cornet_plot::{Canvas, Chart, Color, Series, TerminalPlot, grid};

/// Loss and metrics by name, in the order of their names.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Logs(Vec<(String, f64)>);

impl Logs {
    /// The logs of these numbers, sorted by name; the last one of several of a name.
    pub fn sorted(numbers: impl IntoIterator<Item = (String, f64)>) -> Self {
        let mut logs: Vec<_> = numbers.into_iter().collect();
        logs.reverse();
        logs.sort_by(|a, b| a.0.cmp(&b.0));
        logs.dedup_by(|a, b| a.0 == b.0);
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
    /// The epochs of each of the series.
    places: Vec<Vec<usize>>,
}

impl History {
    pub(crate) fn push(&mut self, epoch: usize, logs: &Logs) {
        self.epochs.push(epoch);
        for (name, value) in logs.iter() {
            let index = self.series.iter().position(|(known, _)| known == name).unwrap_or_else(|| {
                self.series.push((name.into(), Vec::new()));
                self.places.push(Vec::new());
                self.series.len() - 1
            });
            self.series[index].1.push(value);
            self.places[index].push(epoch);
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

/// The history as pictures: one chart a metric, with its curves of training and validation.
///
/// ```
/// use cornet_nn::layers::{Dense, Input};
/// use cornet_nn::models::{Model, Sequential};
/// use cornet_nn::training::{FitOptions, Verbose};
/// use cornet_ops::Tensor;
/// let model = Sequential::new().seed(1).add(Input::new([1])).add(Dense::new(1));
/// model.compile("sgd", "mse", ["mae"])?;
/// let (x, y) = (Tensor::of([[0.0_f32], [1.0], [2.0]]), Tensor::of([[1.0_f32], [3.0], [5.0]]));
/// let history = model.fit(&x, &y, FitOptions::new().epochs(5).seed(1).verbose(Verbose::Silent))?;
/// assert_eq!(history.charts().len(), 2);
/// println!("{}", history.terminal(60, 10));
/// assert!(history.plot().to_svg().contains("loss"));
/// # Ok::<(), cornet_error::Error>(())
/// ```
impl History {
    /// The charts, metric by metric: the loss first, then as they are logged.
    pub fn charts(&self) -> Vec<Chart> {
        let is_validation = |name: &str| name.strip_prefix("val_").is_some_and(|rest| !self.get(rest).is_empty());
        let mut names: Vec<&str> = self.iter().map(|(name, _)| name).filter(|name| !is_validation(name)).collect();
        names.sort_by_key(|&name| name != "loss");
        names.into_iter().map(|name| self.chart(name)).collect()
    }

    /// The chart of one metric; an empty one if there is no such metric.
    pub fn chart(&self, name: &str) -> Chart {
        let points = |name: &str| -> Vec<(f64, f64)> {
            let Some(index) = self.series.iter().position(|(known, _)| known == name) else { return Vec::new() };
            let (values, epochs) = (&self.series[index].1, &self.places[index]);
            epochs.iter().zip(values).map(|(&epoch, &value)| ((epoch + 1) as f64, value)).collect()
        };
        let chart = Chart::new(name).x_label("epoch").whole_x();
        let validation = points(&format!("val_{name}"));
        if validation.is_empty() {
            return chart.series(Series::new(name, points(name)).color(Color::series(0)));
        }
        chart.series(Series::new("training", points(name))).series(Series::new("validation", validation))
    }

    /// All charts as one picture, two in a row.
    pub fn plot(&self) -> Canvas {
        let pictures: Vec<Canvas> = self.charts().iter().map(Chart::canvas).collect();
        grid(&pictures, if pictures.len() == 1 { 1 } else { 2 })
    }

    /// Saves that picture, in the format that the name ends in: `.svg` or `.png`.
    ///
    /// # Errors
    /// `unsupported_format` for another ending; `io` and its likes.
    pub fn save_plot(&self, path: impl AsRef<Path>) -> Result<()> {
        self.plot().save(path)
    }

    /// All charts as lines of text, without colours; those of validation are dashed.
    pub fn terminal(&self, columns: usize, rows: usize) -> String {
        let plot = TerminalPlot::new(columns, rows).color(false);
        let dashed = |mut chart: Chart| {
            chart.dash_from(1);
            plot.write(&chart)
        };
        self.charts().into_iter().map(dashed).collect::<Vec<_>>().join("\n")
    }
}
