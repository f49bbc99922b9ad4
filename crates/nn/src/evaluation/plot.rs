//! Pictures of matrices and curves.

use cornet_plot::{Canvas, Chart, Color, Matrix, Series};

use super::{ConfusionMatrix, Normalize, PrecisionRecallCurve, RocCurve};

impl ConfusionMatrix {
    /// The matrix as a heat map: each cell in the shade of its share of the true class, with its count or share. Save it
    /// as SVG or PNG with [`Canvas::save`].
    ///
    /// ```
    /// use cornet_nn::evaluation::{ConfusionMatrix, Normalize};
    /// use cornet_tensor::Array;
    /// let y_true = Array::from_literal([0, 1, 1, 0])?;
    /// let matrix = ConfusionMatrix::new(&y_true, &Array::from_literal([0, 1, 0, 0])?)?.names(["cat", "dog"])?;
    /// let picture = matrix.plot("pets", Normalize::None);
    /// assert!(picture.to_svg().contains("dog"));
    /// # Ok::<(), cornet_error::Error>(())
    /// ```
    pub fn plot(&self, title: impl Into<String>, normalize: Normalize) -> Canvas {
        let cells = self.rows(normalize);
        let is_whole = normalize == Normalize::None && cells.iter().flatten().all(|cell| cell.fract() == 0.0);
        let shades = match normalize {
            Normalize::None => self.rows(Normalize::True),
            // The darkest is the greatest where shares are of all samples, which are small.
            Normalize::All => {
                let most = cells.iter().flatten().copied().fold(0.0, f64::max);
                let shade = |cell: &f64| if most == 0.0 { 0.0 } else { cell / most };
                cells.iter().map(|row| row.iter().map(shade).collect()).collect()
            }
            _ => cells.clone(),
        };
        Matrix::new(title, cells)
            .labels(self.class_names().iter().cloned())
            .x_label("predicted")
            .y_label("true")
            .shades(shades)
            .decimals(if is_whole { 0 } else { 2 })
            .canvas()
    }
}

/// A chart of ratios from 0 to 1.
fn chart(title: &str, x: &str, y: &str, series: Series) -> Chart {
    Chart::new(title).x_label(x).y_label(y).size(480.0, 400.0).series(series)
}

impl RocCurve {
    /// The curve, with its area in the legend and the line of chance.
    pub fn plot(&self, title: &str) -> Canvas {
        let points = self.false_positive_rate.iter().copied().zip(self.true_positive_rate.iter().copied());
        let curve = Series::new(format!("area {:.3}", self.area()), points.collect::<Vec<_>>());
        chart(title, "false-positive rate", "true-positive rate", curve)
            .series(Series::new("chance", [(0.0, 0.0), (1.0, 1.0)]).dashed().color(Color::GRAY))
            .canvas()
    }
}

impl PrecisionRecallCurve {
    /// The curve in steps, with its average precision in the legend.
    pub fn plot(&self, title: &str) -> Canvas {
        let corner = |(i, (recall, precision)): (usize, (&f64, &f64))| {
            let next = self.precision.get(i + 1).copied().unwrap_or(*precision);
            let x = self.recall.get(i + 1).copied().unwrap_or(*recall);
            [(*recall, *precision), (x, *precision), (x, next)]
        };
        let points: Vec<(f64, f64)> = self.recall.iter().zip(&self.precision).enumerate().flat_map(corner).collect();
        let name = format!("average precision {:.3}", self.average_precision());
        chart(title, "recall", "precision", Series::new(name, points)).canvas()
    }
}
