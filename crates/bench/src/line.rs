//! One figure.

use std::fmt;

/// A figure: `name backend=cornet step_ms=M items_per_s=N`, and how near to a ceiling it is.
#[derive(Clone, Debug, PartialEq)]
pub struct Line {
    /// What was timed.
    pub name: String,
    /// Threads it ran on.
    pub threads: usize,
    /// Milliseconds a step (a training step, a product, a pass).
    pub step_ms: f64,
    /// Examples, products, images or elements a second.
    pub items_per_s: f64,
    /// The rate in `unit`, where there is a ceiling.
    pub rate: Option<f64>,
    /// `GFLOP/s` or `GB/s`.
    pub unit: &'static str,
    /// 100 times the share of the ceiling, measured around each round: the median of the rounds.
    pub percent_of_peak: Option<f64>,
}

impl Line {
    /// The figure of a step that handles so many items.
    pub fn of_step(name: impl Into<String>, threads: usize, seconds: f64, items: usize) -> Self {
        Self {
            name: name.into(),
            threads,
            step_ms: seconds * 1e3,
            items_per_s: items as f64 / seconds,
            rate: None,
            unit: "",
            percent_of_peak: None,
        }
    }

    /// The same with the rate, and its share of a ceiling.
    #[must_use]
    pub fn beside(self, rate: f64, unit: &'static str, share: f64) -> Self {
        Self { rate: Some(rate), unit, percent_of_peak: Some(100.0 * share), ..self }
    }
}

impl fmt::Display for Line {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { name, threads, step_ms, items_per_s, rate, unit, percent_of_peak } = self;
        write!(f, "{name} backend=cornet step_ms={step_ms:.3} items_per_s={items_per_s:.0} threads={threads}")?;
        if let (Some(rate), Some(percent)) = (rate, percent_of_peak) {
            write!(f, " rate={rate:.1} unit={unit} percent_of_peak={percent:.0}")?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::Line;

    #[test]
    fn a_line_keeps_the_form_that_programs_read() {
        let line = Line::of_step("mlp", 2, 0.000_25, 32);
        assert_eq!(line.to_string(), "mlp backend=cornet step_ms=0.250 items_per_s=128000 threads=2");
        let line = Line::of_step("gemm_1024", 1, 0.02, 1).beside(107.37, "GFLOP/s", 0.8945);
        let end = "threads=1 rate=107.4 unit=GFLOP/s percent_of_peak=89";
        assert_eq!(line.to_string(), format!("gemm_1024 backend=cornet step_ms=20.000 items_per_s=50 {end}"));
    }
}
