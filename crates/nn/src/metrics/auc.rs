//! The area under a curve of ratios.

use cornet_error::{Result, err, fail};
use cornet_ops::Tensor;
use cornet_tensor::Shape;
use serde_json::{Map, Value, json};

use super::confusion::{Counter, is_even, row, share};
use super::counts::index;
use super::operating_point::even_thresholds;
use super::rule::misfit;
use super::{Batch, MetricRule, RuleMetric};
use crate::arg::{Arg, Choice, unknown};
use crate::dtype_policy::floatx;
use crate::losses::EPSILON;
use crate::saving::config::{Config, map};

/// The curve whose area is taken.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum AucCurve {
    /// The receiver's operating characteristic: recall over the false-positive rate.
    #[default]
    Roc,
    /// Precision over recall.
    Pr,
    /// Precision gain over recall gain (Flach, Kull 2015).
    PrGain,
}

/// How the area between two points is taken.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum AucSummation {
    /// By trapezoids; under a precision-recall curve, by Davis's and Goadrich's interpolation.
    #[default]
    Interpolation,
    /// By the greater height.
    Majoring,
    /// By the lesser height.
    Minoring,
}

const CURVES: [(&str, AucCurve); 3] = [("ROC", AucCurve::Roc), ("PR", AucCurve::Pr), ("PRGAIN", AucCurve::PrGain)];

const SUMMATIONS: [(&str, AucSummation); 3] = [
    ("interpolation", AucSummation::Interpolation),
    ("majoring", AucSummation::Majoring),
    ("minoring", AucSummation::Minoring),
];

fn choose<T: Copy>(what: &str, word: &str, known: &[(&str, T)]) -> Result<T> {
    let found = known.iter().find(|(name, _)| name.eq_ignore_ascii_case(word)).map(|(_, choice)| *choice);
    found.ok_or_else(|| unknown(what, word, &known.iter().map(|(name, _)| *name).collect::<Vec<_>>()))
}

fn word_of<T: PartialEq>(choice: &T, known: &[(&'static str, T)]) -> &'static str {
    known.iter().find(|(_, known)| known == choice).map_or("", |(name, _)| name)
}

impl Choice for AucCurve {
    fn parse(name: &str) -> Result<Self> {
        choose("curve", name, &CURVES)
    }
}

impl Choice for AucSummation {
    fn parse(name: &str) -> Result<Self> {
        choose("summation_method", name, &SUMMATIONS)
    }
}

/// What makes an [`AUC`].
#[derive(Clone, Debug)]
pub struct AucRule {
    num_thresholds: usize,
    /// Those between 0 and 1, where they were given.
    given: Option<Vec<f64>>,
    /// All, the ends moved outward a little.
    thresholds: Vec<f64>,
    is_even: bool,
    curve: AucCurve,
    summation: AucSummation,
    multi_label: bool,
    num_labels: Option<usize>,
    label_weights: Option<Vec<f64>>,
    from_logits: bool,
}

/// The area under the ROC or the precision-recall curve, from counts at a number of thresholds.
///
/// # Shapes
/// Targets and predictions alike; with `multi_label` `[batch, labels]`, and the result is the mean over the labels,
/// weighted by `label_weights`. Without it, `label_weights` weigh the columns.
///
/// # Source
/// Keras 3 `keras.metrics.AUC`; Davis, Goadrich: "The relationship between precision-recall and ROC curves" (2006).
///
/// ```
/// use cornet_nn::metrics::{AUC, Metric};
/// use cornet_ops::Tensor;
/// let auc = AUC::new().num_thresholds(3);
/// auc.update_state(&Tensor::of([0.0_f32, 0.0, 1.0, 1.0]), &Tensor::of([0.0_f32, 0.5, 0.3, 0.9]), None)?;
/// assert_eq!(auc.result()?, 0.75);
/// # Ok::<(), cornet_error::Error>(())
/// ```
pub type AUC = RuleMetric<AucRule>;

impl Default for AucRule {
    fn default() -> Self {
        let mut rule = Self {
            num_thresholds: 200,
            given: None,
            thresholds: Vec::new(),
            is_even: true,
            curve: AucCurve::default(),
            summation: AucSummation::default(),
            multi_label: false,
            num_labels: None,
            label_weights: None,
            from_logits: false,
        };
        rule.spread();
        rule
    }
}

impl AUC {
    /// The metric with Keras's default arguments.
    pub fn new() -> Self {
        Self::default()
    }

    /// How many thresholds from 0 to 1 there are; by default 200.
    #[must_use]
    pub fn num_thresholds(mut self, count: usize) -> Self {
        self.rule.num_thresholds = count;
        self.rule.spread();
        self
    }

    /// Thresholds between 0 and 1 instead of equal distances; 0 and 1 are added.
    #[must_use]
    pub fn thresholds(mut self, thresholds: impl Into<Vec<f64>>) -> Self {
        let mut given: Vec<f64> = thresholds.into();
        given.sort_by(f64::total_cmp);
        self.rule.num_thresholds = given.len() + 2;
        self.rule.given = Some(given);
        self.rule.spread();
        self
    }

    /// The curve: `ROC`, `PR` or `PRGAIN`.
    #[must_use]
    pub fn curve(self, curve: impl Into<Arg<AucCurve>>) -> Self {
        self.set(curve.into().0, |rule, curve| rule.curve = curve)
    }

    /// How the area is taken: `interpolation`, `majoring` or `minoring`.
    #[must_use]
    pub fn summation_method(self, method: impl Into<Arg<AucSummation>>) -> Self {
        self.set(method.into().0, |rule, method| rule.summation = method)
    }

    /// Whether each column is a label with a curve of its own.
    #[must_use]
    pub fn multi_label(mut self, multi_label: bool) -> Self {
        self.rule.multi_label = multi_label;
        self
    }

    /// The number of labels, so that the state is made before the first batch.
    #[must_use]
    pub fn num_labels(mut self, count: usize) -> Self {
        self.rule.num_labels = Some(count);
        self
    }

    /// The weights of the columns.
    #[must_use]
    pub fn label_weights(mut self, weights: impl Into<Vec<f64>>) -> Self {
        // Keras keeps them in the metric's dtype.
        self.rule.label_weights = Some(weights.into().into_iter().map(|w| f64::from(w as f32)).collect());
        self
    }

    /// Whether predictions are logits instead of probabilities.
    #[must_use]
    pub fn from_logits(mut self, from_logits: bool) -> Self {
        self.rule.from_logits = from_logits;
        self
    }

    pub(super) fn from_config(config: &Config<'_>) -> Result<Self> {
        let numbers =
            |v: &Value| v.as_array().and_then(|list| list.iter().map(Value::as_f64).collect::<Option<Vec<f64>>>());
        let weights = |v: &Value| numbers(if v.is_object() { &v["config"]["value"] } else { v });
        let mut metric = Self::new()
            .curve(AucCurve::parse(config.text("curve", "ROC")?)?)
            .summation_method(AucSummation::parse(config.text("summation_method", "interpolation")?)?)
            .multi_label(config.flag("multi_label", false)?)
            .from_logits(config.flag("from_logits", false)?);
        if let Some(count) = index(config, "num_thresholds")? {
            metric = metric.num_thresholds(count);
        }
        if let Some(thresholds) = config.optional("thresholds", "a list of numbers", numbers)? {
            metric = metric.thresholds(thresholds);
        }
        metric.rule.num_labels = index(config, "num_labels")?;
        match config.optional("label_weights", "a list of numbers", weights)? {
            Some(weights) => Ok(metric.label_weights(weights)),
            None => Ok(metric),
        }
    }
}

impl AucRule {
    /// Sets the thresholds that the arguments ask for.
    fn spread(&mut self) {
        let inner = match &self.given {
            Some(given) => given.clone(),
            None => even_thresholds(self.num_thresholds).into_iter().skip(1).rev().skip(1).rev().collect(),
        };
        let all = |low: f64, high: f64| [vec![low], inner.clone(), vec![high]].concat();
        self.is_even = self.given.is_none() || is_even(&all(0.0, 1.0));
        self.thresholds = all(-EPSILON, 1.0 + EPSILON);
    }

    /// The areas between neighbouring thresholds of the interpolated precision-recall curve.
    fn interpolated(&self, state: &[Tensor; 4]) -> Tensor {
        let [tp, fp, _, fn_] = state;
        let (before, after) = (|t: &Tensor| self.part(t, 0), |t: &Tensor| self.part(t, 1));
        let p = tp + fp;
        let (p0, p1, tp1) = (before(&p), after(&p), after(tp));
        let dtp = before(tp) - &tp1;
        let slope = dtp.divide_no_nan((&p0 - &p1).maximum(0.0));
        let intercept = &tp1 - &slope * &p1;
        let both = p0.greater(0.0).logical_and(p1.greater(0.0));
        let ratio = both.where_(p0.divide_no_nan(p1.maximum(0.0)), Tensor::ones_like(&p1));
        let sum = &slope * (&dtp + intercept * ratio.log());
        sum.divide_no_nan((tp1 + after(fn_)).maximum(0.0))
    }

    /// All thresholds but the last or the first.
    fn part(&self, t: &Tensor, from: usize) -> Tensor {
        t.slice_axis(0, from, self.num_thresholds.saturating_sub(1))
    }

    /// The curve's points: x and y at each threshold.
    fn points(&self, state: &[Tensor; 4]) -> (Tensor, Tensor) {
        let [tp, fp, tn, fn_] = state;
        let (recall, precision) = (share(tp, fn_), share(tp, fp));
        match self.curve {
            AucCurve::Roc => (share(fp, tn), recall),
            AucCurve::Pr => (recall, precision),
            AucCurve::PrGain => {
                let scale = (tp + fn_).divide_no_nan(tn + fp);
                let none = tp.equal(0.0);
                let gain = |wrong: &Tensor| 1.0 - &scale * wrong.divide_no_nan(tp);
                let recall = none.where_(0.0, gain(fn_)).maximum(0.0);
                (recall, none.where_(1.0, gain(fp)))
            }
        }
    }
}

impl MetricRule for AucRule {
    fn class_name(&self) -> &str {
        "AUC"
    }

    fn arguments(&self) -> Map<String, Value> {
        let weights = self
            .label_weights
            .as_ref()
            .map(|weights| json!({"class_name": "__tensor__", "config": {"value": weights, "dtype": floatx().name()}}));
        let mut arguments = map(json!({
            "num_thresholds": self.num_thresholds,
            "curve": word_of(&self.curve, &CURVES),
            "summation_method": word_of(&self.summation, &SUMMATIONS),
            "multi_label": self.multi_label,
            "num_labels": self.num_labels,
            "label_weights": weights,
            "from_logits": self.from_logits,
        }));
        if let Some(given) = &self.given {
            arguments.insert("thresholds".into(), json!(given));
        }
        arguments
    }

    fn check(&self) -> Result<()> {
        if self.num_thresholds < 2 {
            fail!(InvalidArgument, "num_thresholds: expected at least 2, found {}", self.num_thresholds);
        }
        if self.num_labels.is_some() && !self.multi_label {
            return Err(err!(InvalidArgument, "num_labels: expected none without multi_label"));
        }
        let wrong = self.given.iter().flatten().find(|t| !(0.0..=1.0).contains(*t));
        match wrong {
            Some(found) => Err(err!(OutOfRange, "thresholds: expected numbers from 0 to 1, found {found}")),
            None => Ok(()),
        }
    }

    fn state(&self) -> &[&str] {
        &["true_positives", "false_positives", "true_negatives", "false_negatives"]
    }

    fn shapes(&self) -> Option<Vec<Shape>> {
        let shape: Shape = match (self.multi_label, self.num_labels) {
            (false, _) => [self.num_thresholds].into(),
            (true, labels) => [self.num_thresholds, labels?].into(),
        };
        Some(vec![shape; 4])
    }

    fn count(&self, batch: &Batch<'_>) -> Result<Vec<Tensor>> {
        let label_weights = if self.multi_label { None } else { self.label_weights.as_deref() };
        let (is_even, multi_label) = (self.is_even, self.multi_label);
        let counter = Counter { is_even, multi_label, label_weights, ..Counter::new(&self.thresholds) };
        let logits = self.from_logits.then(|| batch.y_pred.sigmoid());
        let y_pred = logits.as_ref().unwrap_or(batch.y_pred);
        Ok(counter.count(&Batch { y_pred, ..*batch })?.into_vec())
    }

    fn result(&self, state: &[Tensor]) -> Result<Tensor> {
        let state: &[Tensor; 4] = state.try_into().map_err(|_| misfit(self, state))?;
        let areas = if (self.curve, self.summation) == (AucCurve::Pr, AucSummation::Interpolation) {
            self.interpolated(state)
        } else {
            let (x, y) = self.points(state);
            let (y0, y1) = (self.part(&y, 0), self.part(&y, 1));
            let heights = match self.summation {
                AucSummation::Interpolation => (y0 + y1) / 2.0,
                AucSummation::Minoring => y0.minimum(y1),
                AucSummation::Majoring => y0.maximum(y1),
            };
            (self.part(&x, 0) - self.part(&x, 1)) * heights
        };
        if !self.multi_label {
            return Ok(areas.sum(&[], false));
        }
        let by_label = areas.sum(&[0], false);
        let Some(weights) = &self.label_weights else { return Ok(by_label.mean(&[], false)) };
        let weights = row(weights, by_label.dtype()?);
        Ok((by_label * &weights).sum(&[], false).divide_no_nan(weights.sum(&[], false)))
    }
}
