//! Sizes that depend on open ones.

use std::fmt;
use std::sync::Arc;

use smallvec::SmallVec;

/// Most open sizes of one function.
pub(crate) const MOST_SYMBOLS: usize = 4;

/// The sizes for which a function is traced: one value for each symbol in each sample.
///
/// The first 2ⁿ samples of n symbols are the corners of a box, corner number `c` with the upper value of each symbol
/// whose bit is set in `c`; those behind them only check.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Samples {
    low: Vec<i64>,
    high: Vec<i64>,
    points: Vec<Vec<i64>>,
}

impl Samples {
    /// Sizes that are unusual in models, so that a coincidence is unlikely to make another graph.
    pub(crate) fn new(symbols: usize) -> Self {
        const LOW: [i64; MOST_SYMBOLS] = [7, 13, 17, 29];
        const HIGH: [i64; MOST_SYMBOLS] = [11, 19, 23, 37];
        const CHECK: [i64; MOST_SYMBOLS] = [10, 22, 34, 46];
        let (low, high) = (LOW[..symbols].to_vec(), HIGH[..symbols].to_vec());
        let corner = |c: usize| (0..symbols).map(|s| if c >> s & 1 == 1 { HIGH[s] } else { LOW[s] }).collect();
        let mut points: Vec<Vec<i64>> = (0..1 << symbols).map(corner).collect();
        if symbols > 0 {
            points.push(CHECK[..symbols].to_vec());
        }
        Self { low, high, points }
    }

    /// One sample after the other.
    pub fn points(&self) -> &[Vec<i64>] {
        &self.points
    }

    /// The polynomial through the values of all samples, if it has whole coefficients.
    fn polynomial(&self, values: &[i64]) -> Option<Terms> {
        let symbols = self.low.len();
        let mut terms: Vec<(u8, i128)> = (0..1u8 << symbols).map(|mask| (mask, 0)).collect();
        for t in 0..1usize << symbols {
            // The difference over the symbols in t, by the steps of each of them.
            let subsets = (0..=t).filter(|u| u & !t == 0);
            let sign = |u: usize| if (t ^ u).count_ones().is_multiple_of(2) { 1 } else { -1 };
            let difference: i128 = subsets.clone().map(|u| sign(u) * i128::from(values[u])).sum();
            let in_t = |s: &usize| t >> s & 1 == 1;
            let step: i128 = (0..symbols).filter(in_t).map(|s| i128::from(self.high[s] - self.low[s])).product();
            if difference % step != 0 {
                return None;
            }
            for u in subsets {
                let rest = |s: usize| -i128::from(self.low[s]);
                let rest: i128 = (0..symbols).filter(|s| (t ^ u) >> s & 1 == 1).map(rest).product();
                terms[u].1 += difference / step * rest;
            }
        }
        let whole = |(mask, c): (u8, i128)| Some((mask, i64::try_from(c).ok().filter(|c| c.abs() < 1 << 40)?));
        let terms = terms.into_iter().filter(|(_, c)| *c != 0).map(whole).collect::<Option<Terms>>()?;
        let fits = self.points.iter().zip(values).all(|(point, &value)| evaluate(&terms, point) == value);
        fits.then_some(terms)
    }
}

/// Coefficients by the set of symbols, as bits, that they stand before.
type Terms = SmallVec<[(u8, i64); 2]>;

fn evaluate(terms: &[(u8, i64)], point: &[i64]) -> i64 {
    let product =
        |mask: u8| -> i64 { point.iter().enumerate().filter(|(s, _)| mask >> s & 1 == 1).map(|(_, n)| *n).product() };
    terms.iter().map(|&(mask, c)| c * product(mask)).sum()
}

/// A size: fixed, a polynomial in the symbols, or known by samples alone (such as half of an open size, rounded up).
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Dim {
    /// The value in each sample; one value stands for all of them.
    values: SmallVec<[i64; 3]>,
    terms: Option<Terms>,
}

impl Dim {
    /// A size that is the same always.
    pub fn fixed(value: i64) -> Self {
        let terms = if value == 0 { Terms::new() } else { Terms::from_slice(&[(0, value)]) };
        Self { values: SmallVec::from_slice(&[value]), terms: Some(terms) }
    }

    /// The size that has these values in the samples.
    pub fn of(values: impl IntoIterator<Item = i64>, samples: &Arc<Samples>) -> Self {
        let values: SmallVec<[i64; 3]> = values.into_iter().collect();
        match values.first() {
            Some(&first) if values.iter().all(|v| *v == first) => Self::fixed(first),
            _ => Self { terms: samples.polynomial(&values), values },
        }
    }

    /// The value, if it is the same always.
    pub fn known(&self) -> Option<i64> {
        match self.values.as_slice() {
            [value] => Some(*value),
            _ => None,
        }
    }

    /// Whether it is the same always.
    pub fn is_fixed(&self) -> bool {
        self.known().is_some()
    }

    /// Factors, each with the symbols (as bits) whose product it stands before; `None` if it is no polynomial.
    pub fn terms(&self) -> Option<&[(u8, i64)]> {
        self.terms.as_deref()
    }

    /// The symbol that it is, if it is one.
    pub fn symbol(&self) -> Option<usize> {
        match self.terms() {
            Some(&[(mask, 1)]) if mask.count_ones() == 1 => Some(mask.trailing_zeros() as usize),
            _ => None,
        }
    }

    /// The value in a sample.
    pub fn at(&self, sample: usize) -> i64 {
        self.values.get(sample).or(self.values.first()).copied().unwrap_or(0)
    }

    /// The size that `f` makes of this and another.
    pub fn with(&self, other: &Dim, samples: &Arc<Samples>, f: impl Fn(i64, i64) -> i64) -> Dim {
        let count = self.values.len().max(other.values.len());
        Dim::of((0..count).map(|i| f(self.at(i), other.at(i))), samples)
    }
}

impl fmt::Display for Dim {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Some(terms) = self.terms() else { return write!(f, "one of {:?}", self.values.as_slice()) };
        if terms.is_empty() {
            return f.write_str("0");
        }
        for (i, (mask, c)) in terms.iter().enumerate() {
            let names = (0..8).filter(|s| mask >> s & 1 == 1).map(|s| format!("n{s}")).collect::<Vec<_>>().join("·");
            f.write_str(if i > 0 { " + " } else { "" })?;
            match (names.as_str(), c) {
                ("", c) => write!(f, "{c}")?,
                (names, 1) => f.write_str(names)?,
                (names, c) => write!(f, "{c}·{names}")?,
            }
        }
        Ok(())
    }
}

impl fmt::Debug for Dim {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn dim(f: impl Fn(i64, i64) -> i64) -> Dim {
        let samples = Arc::new(Samples::new(2));
        Dim::of(samples.points().iter().map(|p| f(p[0], p[1])), &samples)
    }

    #[test]
    fn sizes_are_polynomials() {
        assert_eq!(dim(|_, _| 5).known(), Some(5));
        assert_eq!(dim(|b, _| b).symbol(), Some(0));
        assert_eq!(dim(|_, t| t).symbol(), Some(1));
        assert_eq!(dim(|b, t| 3 * b * t - t + 4).terms(), Some(&[(0, 4), (2, -1), (3, 3)][..]));
        assert_eq!(dim(|b, t| 3 * b * t - t + 4).to_string(), "4 + -1·n1 + 3·n0·n1");
    }

    #[test]
    fn what_is_no_polynomial_is_known_by_samples() {
        assert_eq!(dim(|b, _| b / 2).terms(), None);
        assert_eq!(dim(|b, _| b * b).terms(), None);
        assert_eq!(dim(|b, _| b / 2), dim(|b, _| b / 2));
        assert_eq!(dim(|b, _| b.min(10)).terms(), None);
    }
}
