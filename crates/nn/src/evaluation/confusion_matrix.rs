//! Which classes are taken for which.

use std::fmt;

use cornet_error::{Result, err, fail};
use cornet_tensor::Array;

use super::inputs::{class_numbers, same_length, weights};
use super::report::ClassificationReport;
use crate::training::IntoArrays;

/// The greatest number of classes.
const CLASSES_MAX: usize = 10_000;

/// What the cells of a matrix are shares of.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Normalize {
    /// Nothing: they are counts.
    #[default]
    None,
    /// Of the samples of a true class: rows sum to 1, and the diagonal is the recall.
    True,
    /// Of the samples taken for a class: columns sum to 1, and the diagonal is the precision.
    Predicted,
    /// Of all samples.
    All,
}

/// How often, or with what weight, samples of each true class (row) were taken for each class (column).
#[derive(Clone, Debug, PartialEq)]
pub struct ConfusionMatrix {
    counts: Vec<f64>,
    names: Vec<String>,
}

impl ConfusionMatrix {
    /// The matrix of true and predicted classes: as many as the greatest number says. For what is taken as a class see
    /// [`class_numbers`].
    ///
    /// # Errors
    /// `shape_mismatch` unless both have one class a sample; `invalid_argument` for numbers that are no classes.
    pub fn new(y_true: &dyn IntoArrays, y_pred: &dyn IntoArrays) -> Result<Self> {
        Self::weighted(y_true, y_pred, None, None)
    }

    /// The same with weights of the samples and a number of classes.
    ///
    /// # Errors
    /// As [`ConfusionMatrix::new`]; `out_of_range` for a class beyond `num_classes`; `limit_exceeded` for more than
    /// 10,000 classes.
    pub fn weighted(
        y_true: &dyn IntoArrays,
        y_pred: &dyn IntoArrays,
        sample_weight: Option<&dyn IntoArrays>,
        num_classes: Option<usize>,
    ) -> Result<Self> {
        let (truth, claimed) = (class_numbers(y_true)?, class_numbers(y_pred)?);
        same_length("y_pred", claimed.len(), truth.len())?;
        let weights = weights(sample_weight, truth.len())?;
        let greatest = truth.iter().chain(&claimed).max().map_or(0, |class| class + 1);
        let classes = num_classes.unwrap_or(greatest);
        if greatest > classes {
            fail!(OutOfRange, "classes: expected 0 to {}, found {}", classes as i64 - 1, greatest - 1);
        }
        if classes > CLASSES_MAX {
            fail!(LimitExceeded, "classes: expected at most {CLASSES_MAX}, found {classes}");
        }
        let mut counts = vec![0.0; classes * classes];
        for ((row, column), weight) in truth.iter().zip(&claimed).zip(&weights) {
            counts[row * classes + column] += weight;
        }
        Ok(Self { counts, names: (0..classes).map(|class| class.to_string()).collect() })
    }

    /// With names for the classes.
    ///
    /// # Errors
    /// `invalid_argument` unless there is one name a class.
    pub fn names(mut self, names: impl IntoIterator<Item = impl Into<String>>) -> Result<Self> {
        let names: Vec<String> = names.into_iter().map(Into::into).collect();
        if names.len() != self.names.len() {
            return Err(err!(
                InvalidArgument,
                "names: expected {}, one a class, found {}",
                self.names.len(),
                names.len()
            )
            .help("give the number of classes where the last ones do not occur in the data"));
        }
        self.names = names;
        Ok(self)
    }

    /// The number of classes.
    pub fn classes(&self) -> usize {
        self.names.len()
    }

    /// The names of the classes, by default their numbers.
    pub fn class_names(&self) -> &[String] {
        &self.names
    }

    /// The weight of the samples of class `truth` that were taken for `predicted`; 0 for classes that there are not.
    pub fn count(&self, truth: usize, predicted: usize) -> f64 {
        let is_there = truth < self.classes() && predicted < self.classes();
        if is_there { self.counts[truth * self.classes() + predicted] } else { 0.0 }
    }

    /// The cells row by row, as counts or shares; a share of nothing is 0.
    pub fn rows(&self, normalize: Normalize) -> Vec<Vec<f64>> {
        let all = 0..self.classes();
        let total: f64 = self.counts.iter().sum();
        let cell = |row: usize, column: usize| {
            let whole = match normalize {
                Normalize::None => return self.count(row, column),
                Normalize::True => self.true_count(row),
                Normalize::Predicted => self.predicted_count(column),
                Normalize::All => total,
            };
            if whole == 0.0 { 0.0 } else { self.count(row, column) / whole }
        };
        all.clone().map(|row| all.clone().map(|column| cell(row, column)).collect()).collect()
    }

    /// The cells as an array `[classes, classes]` of float64.
    ///
    /// # Errors
    /// None that an input can cause.
    pub fn array(&self, normalize: Normalize) -> Result<Array> {
        Array::from_vec(self.rows(normalize).concat(), [self.classes(), self.classes()])
    }

    /// The weight of the samples of a class.
    pub fn true_count(&self, class: usize) -> f64 {
        (0..self.classes()).map(|column| self.count(class, column)).sum()
    }

    /// The weight of the samples taken for a class.
    pub fn predicted_count(&self, class: usize) -> f64 {
        (0..self.classes()).map(|row| self.count(row, class)).sum()
    }

    /// The share of samples whose class is right; 0 of none.
    pub fn accuracy(&self) -> f64 {
        let right: f64 = (0..self.classes()).map(|class| self.count(class, class)).sum();
        let total: f64 = self.counts.iter().sum();
        if total == 0.0 { 0.0 } else { right / total }
    }

    /// Precision, recall and F1 of every class.
    pub fn report(&self) -> ClassificationReport {
        ClassificationReport::of(self)
    }

    /// The matrix as an aligned table, with the true classes down and the predicted ones across.
    pub fn table(&self, normalize: Normalize) -> String {
        let is_whole = self.counts.iter().all(|count| count.fract() == 0.0);
        let text = |value: f64| match normalize {
            Normalize::None if is_whole => format!("{value:.0}"),
            _ => format!("{value:.2}"),
        };
        let cells: Vec<Vec<String>> =
            self.rows(normalize).into_iter().map(|row| row.into_iter().map(text).collect()).collect();
        let wide = |texts: &mut dyn Iterator<Item = &String>| texts.map(|t| t.chars().count()).max().unwrap_or(0);
        let first = wide(&mut self.names.iter()).max("true \\ predicted".len());
        let column = |i: usize| wide(&mut cells.iter().map(|row| &row[i]).chain([&self.names[i]]));
        let widths: Vec<usize> = (0..self.classes()).map(column).collect();
        let line = |head: &str, texts: &[String]| {
            let rest: String = texts.iter().zip(&widths).map(|(text, width)| format!("  {text:>width$}")).collect();
            format!("{head:<first$}{rest}\n")
        };
        let body: String = self.names.iter().zip(&cells).map(|(name, row)| line(name, row)).collect();
        line("true \\ predicted", &self.names) + &body
    }
}

impl fmt::Display for ConfusionMatrix {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.table(Normalize::None))
    }
}

#[cfg(test)]
mod tests {
    use cornet_tensor::Array;

    use super::*;

    fn matrix() -> ConfusionMatrix {
        let y_true = Array::from_literal([0, 1, 2, 2, 2]).unwrap();
        let y_pred = Array::from_literal([
            [0.9_f32, 0.1, 0.0],
            [0.5, 0.5, 0.0],
            [0.0, 0.1, 0.9],
            [0.1, 0.1, 0.8],
            [0.0, 1.0, 0.0],
        ]);
        ConfusionMatrix::new(&y_true, &y_pred.unwrap()).unwrap()
    }

    #[test]
    fn counts_shares_and_table() {
        let matrix = matrix().names(["cat", "dog", "owl"]).unwrap();
        assert_eq!(matrix.rows(Normalize::None), [[1.0, 0.0, 0.0], [1.0, 0.0, 0.0], [0.0, 1.0, 2.0]]);
        assert_eq!(matrix.rows(Normalize::True)[2], [0.0, 1.0 / 3.0, 2.0 / 3.0]);
        assert_eq!(matrix.rows(Normalize::Predicted)[0], [0.5, 0.0, 0.0]);
        assert_eq!(matrix.rows(Normalize::All)[2][2], 0.4);
        let expected = "true \\ predicted  cat  dog  owl\n\
                        cat                 1    0    0\n\
                        dog                 1    0    0\n\
                        owl                 0    1    2\n";
        assert_eq!(matrix.to_string(), expected);
        assert!(matrix.table(Normalize::True).contains("owl               0.00  0.33  0.67"));
    }

    #[test]
    fn what_is_no_class_is_refused() {
        let code = |a: Array, b: Array| ConfusionMatrix::new(&a, &b).unwrap_err().code().word();
        let ints = |v: Vec<i32>| Array::from_vec(v.clone(), [v.len()]).unwrap();
        let floats = |v: Vec<f32>| Array::from_vec(v.clone(), [v.len()]).unwrap();
        assert_eq!(code(ints(vec![0, 1]), ints(vec![0])), "shape_mismatch");
        assert_eq!(code(ints(vec![0, -1]), ints(vec![0, 0])), "invalid_argument");
        assert_eq!(code(ints(vec![0, 1]), floats(vec![0.2, 0.7])), "invalid_argument");
        assert_eq!(code(ints(vec![0, 1]), floats(vec![0.0, 999_999.0])), "limit_exceeded");
        let three =
            ConfusionMatrix::weighted(&ints(vec![0]), &ints(vec![1]), Some(&floats(vec![2.5])), Some(3)).unwrap();
        assert_eq!((three.classes(), three.count(0, 1), three.count(7, 0)), (3, 2.5, 0.0));
        assert!(matrix().names(["one"]).is_err());
    }
}
