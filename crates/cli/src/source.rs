//! Where examples come from: a dataset by name, or a `.npz` file.

use std::io::{IsTerminal, stderr};
use std::path::{Path, PathBuf};

use cornet_data::{Dataset, FetchOptions, LoadOptions, TransferLine, fetch_dataset, is_cached, load_dataset, scaled};
use cornet_error::{Limits, Result, err};
use cornet_tensor::Array;

use crate::commands::datasets::named;
use crate::output::say;

/// Inputs and labels.
pub type Pair = (Array, Array);

/// Examples to train on and to test with.
pub struct Examples {
    pub train: Pair,
    /// None if the file has none.
    pub test: Option<Pair>,
    /// Names of the classes, if they have any.
    pub classes: Vec<String>,
}

/// Reads examples: of the dataset of that name (from `folder` alone if it is given, downloaded if it is not here), or
/// from a `.npz` file with arrays `x` and `y` and, if there are, `x_test` and `y_test`.
///
/// # Errors
/// `not_found` for an unknown name or an array that is missing; what reading and downloading fail with.
pub fn examples(word: &str, folder: Option<&Path>) -> Result<Examples> {
    if word.ends_with(".npz") {
        return from_file(Path::new(word));
    }
    let dataset = named(word)?;
    if folder.is_none() && !is_cached(dataset) && cornet_data::locate(dataset.name, None).is_err() {
        download(dataset)?;
    }
    let options = LoadOptions { data: folder.map(PathBuf::from), ..LoadOptions::default() };
    let splits = load_dataset(dataset, &options)?;
    let ready = |(x, y): &Pair| Ok((scaled(x, dataset.max_value)?, y.clone()));
    let classes = dataset.classes.iter().map(ToString::to_string).collect();
    Ok(Examples { train: ready(&splits.train)?, test: Some(ready(&splits.test)?), classes })
}

fn download(dataset: &Dataset) -> Result<()> {
    say(&format!("downloading {} ({})", dataset.name, dataset.licence));
    let mut line = TransferLine::new(stderr(), stderr().is_terminal());
    fetch_dataset(dataset, &FetchOptions::default(), &mut |transfer| {
        // Progress that cannot be shown is no reason to stop.
        let _ = line.show(transfer);
    })
    .map(|_| ())
}

fn from_file(path: &Path) -> Result<Examples> {
    let mut arrays = Array::read_npz_within(path, &Limits::default())?;
    let names: Vec<String> = arrays.iter().map(|(name, _)| name.clone()).collect();
    let mut take = |name: &str| {
        let place = arrays.iter().position(|(n, _)| n == name)?;
        Some(arrays.swap_remove(place).1)
    };
    let missing = |name: &str| {
        err!(NotFound, "{}: expected an array '{name}', found {}", path.display(), names.join(", "))
            .help("numpy.savez(file, x=inputs, y=labels) writes such a file")
    };
    let train = (take("x").ok_or_else(|| missing("x"))?, take("y").ok_or_else(|| missing("y"))?);
    let test = match (take("x_test"), take("y_test")) {
        (Some(x), Some(y)) => Some((x, y)),
        (None, None) => None,
        (Some(_), None) => return Err(missing("y_test")),
        (None, Some(_)) => return Err(missing("x_test")),
    };
    Ok(Examples { train, test, classes: Vec::new() })
}

/// `x` with examples of that shape, where they differ by axes of size 1 alone or the data is flat; as it is otherwise,
/// for the model to say what does not fit.
pub fn shaped(x: &Array, example: &[Option<usize>]) -> Result<Array> {
    let shape = x.shape().as_slice();
    let Some((count, own)) = shape.split_first() else { return Ok(x.clone()) };
    let Some(sizes) = example.iter().copied().collect::<Option<Vec<usize>>>() else { return Ok(x.clone()) };
    let without_ones = |axes: &[usize]| axes.iter().copied().filter(|&n| n != 1).collect::<Vec<_>>();
    let is_flat = own.len() == 1 && own[0] == sizes.iter().product::<usize>();
    if own == sizes || !(is_flat || without_ones(own) == without_ones(&sizes)) {
        return Ok(x.clone());
    }
    let mut to = vec![*count];
    to.extend(sizes);
    x.reshaped(to.as_slice())
}

/// The class with the largest output of each example, of outputs `[examples, classes]`; none for other outputs.
pub fn classes_of(outputs: &Array) -> Option<Vec<usize>> {
    let &[_, classes] = outputs.shape().as_slice() else { return None };
    if classes < 2 {
        return None;
    }
    let values = outputs.to_f64().ok()?;
    let largest = |row: &[f64]| {
        let better = |best: usize, (i, v): (usize, &f64)| if *v > row[best] { i } else { best };
        row.iter().enumerate().fold(0, better)
    };
    Some(values.chunks_exact(classes).map(largest).collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use cornet_tensor::DType;

    #[test]
    fn only_axes_of_one_and_flat_rows_are_reshaped() {
        let zeros = |shape: &[usize]| Array::zeros(DType::F32, shape);
        let image = [Some(8), Some(8), Some(1)];
        assert_eq!(shaped(&zeros(&[3, 8, 8]), &image).unwrap().shape().as_slice(), [3, 8, 8, 1]);
        assert_eq!(shaped(&zeros(&[3, 64]), &image).unwrap().shape().as_slice(), [3, 8, 8, 1]);
        assert_eq!(shaped(&zeros(&[3, 4, 16]), &image).unwrap().shape().as_slice(), [3, 4, 16]);
        assert_eq!(shaped(&zeros(&[3, 9, 9]), &image).unwrap().shape().as_slice(), [3, 9, 9]);
    }

    #[test]
    fn the_first_of_equal_outputs_is_the_class() {
        let outputs = Array::from_vec(vec![0.1_f32, 0.7, 0.2, 0.4, 0.2, 0.4], [2, 3]).unwrap();
        assert_eq!(classes_of(&outputs), Some(vec![1, 0]));
        assert_eq!(classes_of(&Array::zeros(DType::F32, [2, 1])), None);
    }
}
