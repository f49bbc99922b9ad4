//! Round numbers along an axis.

/// The numbers that an axis names, and how they are written.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Axis {
    /// From where the axis runs.
    pub low: f64,
    /// To where.
    pub high: f64,
    /// The numbers on it.
    pub ticks: Vec<f64>,
    step: f64,
    is_log: bool,
}

impl Axis {
    /// An axis for numbers from `low` to `high` with about `count` ticks; of whole numbers alone if asked for.
    pub fn new(low: f64, high: f64, count: usize, whole: bool) -> Self {
        let (mut low, mut high) = if low.is_finite() && high.is_finite() { (low, high) } else { (0.0, 1.0) };
        if high - low <= f64::EPSILON * low.abs().max(high.abs()) {
            let around = if whole { 0.5 } else { (low.abs() * 0.05).max(1e-12) };
            (low, high) = (low - around, high + around);
        }
        let step = round_step((high - low) / count.max(1) as f64, whole);
        let first = (low / step).ceil() as i64;
        let last = (high / step + 1e-9).floor() as i64;
        let ticks = (first..=last.min(first.saturating_add(100))).map(|i| i as f64 * step).collect();
        Self { low, high, ticks, step, is_log: false }
    }

    /// The same, running on to the ticks beyond both ends.
    pub fn rounded(low: f64, high: f64, count: usize) -> Self {
        let inner = Self::new(low, high, count, false);
        let step = inner.step;
        Self::new((inner.low / step + 1e-9).floor() * step, (inner.high / step - 1e-9).ceil() * step, count, false)
    }

    /// A logarithmic axis for positive numbers.
    pub fn log(low: f64, high: f64) -> Self {
        let (first, last) = (low.log10().floor() as i32, high.log10().ceil() as i32);
        let last = last.max(first + 1);
        let every = ((last - first) as usize).div_ceil(6).max(1);
        let ticks = (first..=last).step_by(every).map(|power| 10f64.powi(power)).collect();
        Self { low: 10f64.powi(first), high: 10f64.powi(last), ticks, step: 0.0, is_log: true }
    }

    /// Where a number is, from 0 to 1.
    pub fn place(&self, value: f64) -> f64 {
        match self.is_log {
            true => (value.log10() - self.low.log10()) / (self.high.log10() - self.low.log10()),
            false => (value - self.low) / (self.high - self.low),
        }
    }

    /// A tick as text.
    pub fn text(&self, tick: f64) -> String {
        let largest = self.low.abs().max(self.high.abs());
        if self.is_log || !(1e-4..1e6).contains(&largest) {
            return format!("{:e}", round_to(tick, if self.is_log { tick } else { self.step }));
        }
        let decimals = (0..9).find(|&d| {
            let scaled = self.step * 10f64.powi(d);
            (scaled - scaled.round()).abs() < 1e-6 * scaled.max(1e-300)
        });
        let text = format!("{tick:.*}", decimals.unwrap_or(9) as usize);
        if text.trim_start_matches(['-', '0', '.']).is_empty() { text.trim_start_matches('-').into() } else { text }
    }
}

/// Three digits of the step are as many as a tick needs.
fn round_to(tick: f64, step: f64) -> f64 {
    let unit = 10f64.powf(step.abs().max(f64::MIN_POSITIVE).log10().floor() - 2.0);
    let rounded = (tick / unit).round();
    // Divided rather than multiplied where the unit is below one, since 1e-3 is no exact number.
    if unit < 1.0 { rounded / (1.0 / unit).round() } else { rounded * unit }
}

/// The least of 1, 2, 2.5 and 5 times a power of ten that is not below `step`.
fn round_step(step: f64, whole: bool) -> f64 {
    let step = step.max(f64::MIN_POSITIVE);
    let power = 10f64.powf(step.log10().floor());
    let factor = [1.0, 2.0, 2.5, 5.0].into_iter().find(|f| f * power >= step * (1.0 - 1e-9)).unwrap_or(10.0);
    let round = factor * power;
    if whole { if round < 2.0 { 1.0 } else { round.ceil() } } else { round }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts(axis: &Axis) -> Vec<String> {
        axis.ticks.iter().map(|&t| axis.text(t)).collect()
    }

    #[test]
    fn ticks_are_round_numbers() {
        assert_eq!(texts(&Axis::rounded(0.03, 0.97, 5)), ["0.0", "0.2", "0.4", "0.6", "0.8", "1.0"]);
        assert_eq!(texts(&Axis::rounded(-1.2, 1.1, 4)), ["-2", "-1", "0", "1", "2"]);
        assert_eq!(texts(&Axis::new(1.0, 10.0, 10, true)), ["1", "2", "3", "4", "5", "6", "7", "8", "9", "10"]);
        assert_eq!(texts(&Axis::rounded(1.2e-7, 4.9e-7, 4)), ["1e-7", "2e-7", "3e-7", "4e-7", "5e-7"]);
        assert_eq!(texts(&Axis::log(0.02, 3.0)), ["1e-2", "1e-1", "1e0", "1e1"]);
    }

    #[test]
    fn an_axis_of_one_number_has_some_room() {
        for axis in [Axis::rounded(0.5, 0.5, 4), Axis::new(1.0, 1.0, 4, true), Axis::rounded(f64::NAN, 1.0, 4)] {
            assert!(axis.low < axis.high && !axis.ticks.is_empty(), "{axis:?}");
        }
    }
}
