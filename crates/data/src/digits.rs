//! The digits that are part of the program: see `assets/DIGITS.md` for their authors and licence (CC BY 4.0).

use cornet_error::{Limits, Result};
use cornet_tensor::Array;

use crate::gzip::gunzip;
use crate::idx;

static IMAGES: &[u8] = include_bytes!("../assets/digits-images-idx3-ubyte.gz");
static LABELS: &[u8] = include_bytes!("../assets/digits-labels-idx1-ubyte.gz");

/// All 1,797 digits in their original order: images `[1797, 8, 8]` with values 0 to 16, and labels `[1797]`, as uint8.
///
/// [`load`](crate::load)`("digits", …)` gives the same divided into examples to train on and to test with.
///
/// # Errors
/// None in practice: the data is part of the program.
///
/// Source: E. Alpaydin, C. Kaynak: Optical Recognition of Handwritten Digits, UCI Machine Learning Repository, 1998,
/// <https://doi.org/10.24432/C50P49>, CC BY 4.0; scikit-learn's `load_digits`.
pub fn digits() -> Result<(Array, Array)> {
    let limits = Limits { object_bytes: 1 << 20, total_bytes: 1 << 20, ..Limits::default() };
    let array = |data| idx::parse(&gunzip(data, &limits)?, &limits).map_err(|e| e.within("embedded digits"));
    Ok((array(IMAGES)?, array(LABELS)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_digits_are_those_of_load_digits() {
        let (x, y) = digits().unwrap();
        assert_eq!(x.shape().as_slice(), [1797, 8, 8]);
        assert_eq!(y.shape().as_slice(), [1797]);
        let (x, y) = (x.to_vec::<u8>().unwrap(), y.to_vec::<u8>().unwrap());
        // From scikit-learn 1.9.1: images[0], target[-10:], images.sum(), images.max(), bincount(target).
        let first = [
            [0, 0, 5, 13, 9, 1, 0, 0],
            [0, 0, 13, 15, 10, 15, 5, 0],
            [0, 3, 15, 2, 0, 11, 8, 0],
            [0, 4, 12, 0, 0, 8, 8, 0],
            [0, 5, 8, 0, 0, 9, 8, 0],
            [0, 4, 11, 0, 1, 12, 7, 0],
            [0, 2, 14, 5, 10, 12, 0, 0],
            [0, 0, 6, 13, 10, 0, 0, 0],
        ];
        assert_eq!(x[..64], first.concat());
        assert_eq!(y[1787..], [5, 4, 8, 8, 4, 9, 0, 8, 9, 8]);
        assert_eq!(x.iter().map(|&v| u64::from(v)).sum::<u64>(), 561_718);
        assert_eq!(x.iter().max(), Some(&16));
        let counts: Vec<usize> = (0..10).map(|c| y.iter().filter(|&&l| l == c).count()).collect();
        assert_eq!(counts, [178, 182, 177, 183, 181, 182, 181, 179, 174, 180]);
    }
}
