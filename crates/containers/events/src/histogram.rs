/// How many buckets TensorBoard's histograms have.
pub const BUCKETS: usize = 30;

/// The histogram of some values: rows of left edge, right edge and count, `[BUCKETS, 3]`; none of no values. Values that
/// are all the same are all in the last bucket, whose edges are that value. Values that are not finite are left out.
pub fn buckets(values: &[f64]) -> Vec<[f64; 3]> {
    let finite = || values.iter().copied().filter(|v| v.is_finite());
    let (low, high) = finite().fold((f64::INFINITY, f64::NEG_INFINITY), |(l, h), v| (l.min(v), h.max(v)));
    let count = finite().count();
    if count == 0 {
        return Vec::new();
    }
    if low == high {
        let mut rows = vec![[high, high, 0.0]; BUCKETS];
        rows[BUCKETS - 1][2] = count as f64;
        return rows;
    }
    let width = (high - low) / BUCKETS as f64;
    let edge = |i: usize| if i == BUCKETS { high } else { low + width * i as f64 };
    let mut rows: Vec<[f64; 3]> = (0..BUCKETS).map(|i| [edge(i), edge(i + 1), 0.0]).collect();
    for value in finite() {
        rows[(((value - low) / width).floor() as usize).min(BUCKETS - 1)][2] += 1.0;
    }
    rows
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_value_is_in_one_bucket() {
        let values: Vec<f64> = (0..100).map(f64::from).collect();
        let rows = buckets(&values);
        assert_eq!((rows[0][0], rows[BUCKETS - 1][1]), (0.0, 99.0));
        assert_eq!(rows.iter().map(|r| r[2]).sum::<f64>(), 100.0);
        assert!(rows.windows(2).all(|pair| pair[0][1] == pair[1][0]));
        assert_eq!(buckets(&[2.0, 2.0, f64::NAN])[BUCKETS - 1], [2.0, 2.0, 2.0]);
        assert!(buckets(&[f64::NAN]).is_empty());
    }
}
