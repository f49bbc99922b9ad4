//! Precision, recall and F1 of classes.

use std::fmt;

use serde_json::{Map, Value, json};

use super::confusion_matrix::ConfusionMatrix;

/// Precision, recall, F1 and the weight of the samples of a class, or averages of these.
#[derive(Clone, Debug, PartialEq)]
pub struct Scores {
    /// The class, or which average it is.
    pub name: String,
    /// Of what was taken for the class, the share that is; 0 where nothing was.
    pub precision: f64,
    /// Of what is of the class, the share that was taken for it; 0 where nothing is.
    pub recall: f64,
    /// The harmonic mean of both; 0 where both are.
    pub f1: f64,
    /// The weight of the samples of the class.
    pub support: f64,
}

/// Precision, recall and F1 of every class of a [`ConfusionMatrix`], and their averages. Printed as scikit-learn's
/// `classification_report` is.
#[derive(Clone, Debug, PartialEq)]
pub struct ClassificationReport {
    /// The classes.
    pub classes: Vec<Scores>,
    /// The share of samples whose class is right.
    pub accuracy: f64,
    /// The mean over the classes.
    pub macro_average: Scores,
    /// The mean over the classes, weighted by their supports.
    pub weighted_average: Scores,
}

fn ratio(part: f64, whole: f64) -> f64 {
    if whole == 0.0 { 0.0 } else { part / whole }
}

impl ClassificationReport {
    pub(super) fn of(matrix: &ConfusionMatrix) -> Self {
        let score = |(class, name): (usize, &String)| {
            let (right, support) = (matrix.count(class, class), matrix.true_count(class));
            let claimed = matrix.predicted_count(class);
            Scores {
                name: name.clone(),
                precision: ratio(right, claimed),
                recall: ratio(right, support),
                f1: ratio(2.0 * right, claimed + support),
                support,
            }
        };
        let classes: Vec<Scores> = matrix.class_names().iter().enumerate().map(score).collect();
        let support: f64 = classes.iter().map(|c| c.support).sum();
        let mean = |name: &str, weight: &dyn Fn(&Scores) -> f64| {
            let total: f64 = classes.iter().map(weight).sum();
            let of = |part: fn(&Scores) -> f64| ratio(classes.iter().map(|c| part(c) * weight(c)).sum(), total);
            let (precision, recall, f1) = (of(|c| c.precision), of(|c| c.recall), of(|c| c.f1));
            Scores { name: name.into(), precision, recall, f1, support }
        };
        Self {
            macro_average: mean("macro avg", &|_| 1.0),
            weighted_average: mean("weighted avg", &|c| c.support),
            accuracy: matrix.accuracy(),
            classes,
        }
    }

    /// The report with so many digits behind the point.
    pub fn table(&self, digits: usize) -> String {
        let all = self.classes.iter().chain([&self.macro_average, &self.weighted_average]);
        let width = all.clone().map(|s| s.name.chars().count()).max().unwrap_or(0).max(digits);
        let total = self.macro_average.support;
        let is_whole = self.classes.iter().all(|s| s.support.fract() == 0.0);
        let support = |value: f64| if is_whole { format!("{value:.0}") } else { value.to_string() };
        let line = |s: &Scores| {
            let Scores { name, precision, recall, f1, .. } = s;
            let support = support(s.support);
            format!("{name:>width$}  {precision:>9.digits$} {recall:>9.digits$} {f1:>9.digits$} {support:>9}\n")
        };
        let head = format!("{:>width$}  {:>9} {:>9} {:>9} {:>9}\n", "", "precision", "recall", "f1-score", "support");
        let classes: String = self.classes.iter().map(line).collect();
        let accuracy = self.accuracy;
        let (right, blank) = (support(total), "");
        let accuracy = format!("{:>width$}  {blank:>9} {blank:>9} {accuracy:>9.digits$} {right:>9}\n", "accuracy");
        format!("{head}\n{classes}\n{accuracy}{}{}", line(&self.macro_average), line(&self.weighted_average))
    }

    /// The report as an object, with the keys that scikit-learn gives it.
    pub fn to_json(&self) -> Value {
        let of = |s: &Scores| {
            let scores = json!({"precision": s.precision, "recall": s.recall, "f1-score": s.f1, "support": s.support});
            (s.name.clone(), scores)
        };
        let mut all: Map<String, Value> = self.classes.iter().map(of).collect();
        all.insert("accuracy".into(), self.accuracy.into());
        all.extend([&self.macro_average, &self.weighted_average].map(of));
        Value::Object(all)
    }
}

impl fmt::Display for ClassificationReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.table(2))
    }
}

#[cfg(test)]
mod tests {
    use cornet_tensor::Array;

    use super::ConfusionMatrix;

    #[test]
    fn the_report_reads_as_scikit_learns() {
        // The example of its documentation.
        let y_true = Array::from_literal([0, 1, 2, 2, 2]).unwrap();
        let y_pred = Array::from_literal([0, 0, 2, 2, 1]).unwrap();
        let matrix = ConfusionMatrix::new(&y_true, &y_pred).unwrap().names(["class 0", "class 1", "class 2"]).unwrap();
        let expected = "              precision    recall  f1-score   support

     class 0       0.50      1.00      0.67         1
     class 1       0.00      0.00      0.00         1
     class 2       1.00      0.67      0.80         3

    accuracy                           0.60         5
   macro avg       0.50      0.56      0.49         5
weighted avg       0.70      0.60      0.61         5
";
        assert_eq!(matrix.report().to_string(), expected);
        assert_eq!(matrix.report().to_json()["class 2"]["precision"], 1.0);
    }
}
