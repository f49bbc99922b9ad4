//! Which classes are taken for which.

use std::fmt;

use cornet_error::{Result, err, fail};

/// Counts of examples by true and predicted class. Printing gives a table: a row for each true class, a column for each
/// predicted one, `·` for none, and the recall of each class.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConfusionMatrix {
    classes: Vec<String>,
    counts: Vec<usize>,
}

impl ConfusionMatrix {
    /// Counts `predicted` against `labels`; `classes` are the names of the classes 0, 1, ….
    ///
    /// # Errors
    /// `shape_mismatch` when there are not as many predictions as labels; `out_of_range` for a class that has no name;
    /// `empty_data` without classes.
    ///
    /// ```
    /// use cornet_data::ConfusionMatrix;
    /// let m = ConfusionMatrix::new(&[0, 0, 1], &[0, 1, 1], &["cat", "dog"])?;
    /// assert_eq!(m.count(0, 1), 1);
    /// assert_eq!(m.correct(), 2);
    /// # Ok::<(), cornet_data::Error>(())
    /// ```
    pub fn new(labels: &[usize], predicted: &[usize], classes: &[&str]) -> Result<Self> {
        if labels.len() != predicted.len() {
            fail!(ShapeMismatch, "predictions: expected {}, one a label, found {}", labels.len(), predicted.len());
        }
        if classes.is_empty() {
            fail!(EmptyData, "classes: expected at least one, found none");
        }
        let n = classes.len();
        let mut counts = vec![0; n * n];
        for (&label, &class) in labels.iter().zip(predicted) {
            if label >= n || class >= n {
                return Err(err!(OutOfRange, "class: expected less than {n}, found {}", label.max(class)));
            }
            counts[label * n + class] += 1;
        }
        Ok(Self { classes: classes.iter().map(ToString::to_string).collect(), counts })
    }

    /// How many examples of class `label` were taken for `predicted`; 0 for classes there are not.
    pub fn count(&self, label: usize, predicted: usize) -> usize {
        let n = self.classes.len();
        if label < n && predicted < n { self.counts[label * n + predicted] } else { 0 }
    }

    /// How many examples there are.
    pub fn total(&self) -> usize {
        self.counts.iter().sum()
    }

    /// How many were predicted as they are.
    pub fn correct(&self) -> usize {
        (0..self.classes.len()).map(|i| self.count(i, i)).sum()
    }

    /// The share of a class's examples that were predicted as it; none for a class without examples.
    pub fn recall(&self, label: usize) -> Option<f64> {
        let all: usize = (0..self.classes.len()).map(|class| self.count(label, class)).sum();
        (all > 0).then(|| self.count(label, label) as f64 / all as f64)
    }
}

impl fmt::Display for ConfusionMatrix {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let n = self.classes.len();
        let name = self.classes.iter().map(|c| c.chars().count()).max().unwrap_or(0).max(4);
        // Long names are columns' numbers instead, since a table of ten wide columns fits no terminal.
        let heads: Vec<String> = match self.classes.iter().all(|c| c.chars().count() <= 4) {
            true => self.classes.clone(),
            false => (0..n).map(|i| i.to_string()).collect(),
        };
        let digits = self.counts.iter().max().unwrap_or(&0).to_string().len();
        let cell = heads.iter().map(|h| h.chars().count()).max().unwrap_or(0).max(digits);
        write!(f, "{:name$} │", "true")?;
        for head in &heads {
            write!(f, " {head:>cell$}")?;
        }
        writeln!(f, " │ recall")?;
        writeln!(f, "{}┼{}┼───────", "─".repeat(name + 1), "─".repeat((cell + 1) * n + 1))?;
        for (label, class) in self.classes.iter().enumerate() {
            write!(f, "{class:name$} │")?;
            for predicted in 0..n {
                match self.count(label, predicted) {
                    0 => write!(f, " {:>cell$}", "·")?,
                    count => write!(f, " {count:>cell$}")?,
                }
            }
            match self.recall(label) {
                Some(recall) => writeln!(f, " │ {:5.1}%", recall * 100.0)?,
                None => writeln!(f, " │      -")?,
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use cornet_error::Code;

    #[test]
    fn the_table_is_aligned() {
        let labels = [vec![0; 12], vec![1; 4]].concat();
        let predicted = [vec![0; 11], vec![2], vec![1; 4]].concat();
        let m = ConfusionMatrix::new(&labels, &predicted, &["0", "1", "2"]).unwrap();
        let expected = "\
true │  0  1  2 │ recall
─────┼──────────┼───────
0    │ 11  ·  1 │  91.7%
1    │  ·  4  · │ 100.0%
2    │  ·  ·  · │      -
";
        assert_eq!(m.to_string(), expected);
        assert_eq!((m.correct(), m.total()), (15, 16));
    }

    #[test]
    fn long_names_stand_before_the_rows_alone() {
        let text = ConfusionMatrix::new(&[0, 1], &[0, 0], &["Trouser", "Ankle boot"]).unwrap().to_string();
        let expected = "\
true       │ 0 1 │ recall
───────────┼─────┼───────
Trouser    │ 1 · │ 100.0%
Ankle boot │ 1 · │   0.0%
";
        assert_eq!(text, expected);
    }

    #[test]
    fn wrong_input_is_an_error() {
        let code = |labels: &[usize], predicted: &[usize], classes: &[&str]| {
            ConfusionMatrix::new(labels, predicted, classes).unwrap_err().code()
        };
        assert_eq!(code(&[0], &[], &["a"]), Code::ShapeMismatch);
        assert_eq!(code(&[0], &[1], &["a"]), Code::OutOfRange);
        assert_eq!(code(&[], &[], &[]), Code::EmptyData);
    }
}
