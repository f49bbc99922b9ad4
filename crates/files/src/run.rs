//! Running a program on arrays as they come.

use cornet_error::{Result, err, fail};
use cornet_program::{Program, Signature, TensorSpec};
use cornet_tensor::{Array, DType, Shape};

/// Runs a function of a program on arrays in the order of its inputs: numbers are brought to its dtypes and axes of size 1
/// to its shapes ([`TensorSpec::adapt`]).
///
/// With `batch_size`, examples along the first axis are run so many at once; else all at once. A function that takes
/// batches of one size alone is run as often as it takes.
///
/// # Errors
/// What does not fit; what the program fails with; `shape_mismatch` if batches give outputs that have not one row for
/// each example.
pub fn run(
    program: &dyn Program,
    signature: &Signature,
    inputs: &[Array],
    batch_size: Option<usize>,
) -> Result<Vec<Array>> {
    let (expected, found) = (signature.inputs.len(), inputs.len());
    if expected != found {
        fail!(InvalidArgument, "inputs of '{}': expected {expected}, found {found}", signature.name);
    }
    let adapt = |arrays: &[Array]| -> Result<Vec<Array>> {
        signature.inputs.iter().zip(arrays).map(|(spec, array)| spec.adapt(array)).collect()
    };
    let count = examples(inputs);
    match adapt(inputs) {
        Ok(inputs) => match batch_size.filter(|&size| count > Some(size) && is_open(&signature.inputs)) {
            Some(size) => in_batches(program, signature, &inputs, size, count.unwrap_or_default()),
            None => program.run(signature, &inputs),
        },
        Err(error) => {
            let Some((size, count)) = fixed_size(&signature.inputs).zip(count) else { return Err(error) };
            if size == 0 || size >= count || count % size != 0 {
                return Err(error);
            }
            let first = inputs.iter().map(|array| rows(array, 0, size)).collect::<Result<Vec<_>>>()?;
            adapt(&first).map_err(|_| error)?;
            in_batches(program, signature, inputs, size, count)
        }
    }
}

/// The size of the first axis, if all arrays have it.
fn examples(arrays: &[Array]) -> Option<usize> {
    let mut sizes = arrays.iter().map(|array| array.shape().first().copied());
    let first = sizes.next()??;
    sizes.all(|size| size == Some(first)).then_some(first)
}

/// Whether the first axis of every tensor is open.
fn is_open(specs: &[TensorSpec]) -> bool {
    specs.iter().all(|spec| spec.shape.as_deref().is_some_and(|shape| shape.first() == Some(&None)))
}

/// The size of every tensor's first axis, if it is one size.
fn fixed_size(specs: &[TensorSpec]) -> Option<usize> {
    let mut sizes = specs.iter().map(|spec| spec.shape.as_deref()?.first().copied().flatten());
    let first = sizes.next()??;
    sizes.all(|size| size == Some(first)).then_some(first)
}

fn in_batches(
    program: &dyn Program,
    signature: &Signature,
    inputs: &[Array],
    size: usize,
    count: usize,
) -> Result<Vec<Array>> {
    let mut columns: Vec<Vec<Array>> = vec![Vec::new(); signature.outputs.len()];
    for start in (0..count).step_by(size.max(1)) {
        let size = size.min(count - start);
        let batch = inputs.iter().zip(&signature.inputs).map(|(array, spec)| spec.adapt(&rows(array, start, size)?));
        let outputs = program.run(signature, &batch.collect::<Result<Vec<_>>>()?)?;
        for ((column, output), spec) in columns.iter_mut().zip(outputs).zip(&signature.outputs) {
            if output.shape().first() != Some(&size) {
                let shape = output.shape();
                return Err(err!(
                    ShapeMismatch,
                    "output '{}': expected a row for each example, found {shape}",
                    spec.name
                )
                .operand("examples of the batch", size)
                .help("run all examples at once, without a batch size"));
            }
            column.push(output);
        }
    }
    columns.iter().map(|column| joined(column)).collect()
}

/// Some rows of an array.
fn rows(array: &Array, start: usize, count: usize) -> Result<Array> {
    let [all, rest @ ..] = array.shape().as_slice() else { return Ok(array.clone()) };
    let shape: Shape = [count].into_iter().chain(rest.iter().copied()).collect();
    let part = |len: usize| {
        let row = len / (*all).max(1);
        start * row..(start + count) * row
    };
    let outside = || err!(OutOfRange, "rows: expected at most {all}, found {}", start + count);
    if array.dtype() == DType::Str {
        let strings = array.strings()?;
        return Array::from_strings(strings.get(part(strings.len())).ok_or_else(outside)?.to_vec(), shape);
    }
    let bytes = array.bytes();
    Array::from_bytes(array.dtype(), shape, bytes.get(part(bytes.len())).ok_or_else(outside)?)
}

/// Arrays behind each other along the first axis.
fn joined(parts: &[Array]) -> Result<Array> {
    let Some(first) = parts.first() else { fail!(EmptyData, "expected batches, found none") };
    let rest = first.shape().as_slice().get(1..).unwrap_or_default();
    for part in parts {
        if part.shape().as_slice().get(1..) != Some(rest) || part.dtype() != first.dtype() {
            return Err(err!(ShapeMismatch, "outputs: expected batches alike, found {}", part.shape())
                .operand("before", first.shape())
                .help("run all examples at once, without a batch size"));
        }
    }
    let count = parts.iter().filter_map(|part| part.shape().first()).sum::<usize>();
    let shape: Shape = [count].into_iter().chain(rest.iter().copied()).collect();
    if first.dtype() == DType::Str {
        let strings = parts.iter().map(|part| Ok(part.strings()?.to_vec())).collect::<Result<Vec<_>>>()?;
        return Array::from_strings(strings.concat(), shape);
    }
    let mut whole = Array::try_zeros(first.dtype(), shape)?;
    let mut rest = whole.bytes_mut();
    for part in parts {
        let (place, behind) = rest.split_at_mut(part.bytes().len());
        place.copy_from_slice(part.bytes());
        rest = behind;
    }
    Ok(whole)
}

#[cfg(test)]
mod tests {
    use cornet_cpu as _;
    use cornet_program::Compiled;

    use super::*;

    struct Double {
        function: Compiled,
        signatures: [Signature; 1],
    }

    impl Double {
        fn new(first: Option<usize>) -> Self {
            let spec = |name: &str| TensorSpec::new(name, DType::F32, Some(vec![first, Some(2)]));
            let signature =
                Signature { name: "f".into(), inputs: vec![spec("x")], outputs: vec![spec("y")], ..Default::default() };
            Self { function: Compiled::new("double", |x| Ok(vec![&x[0] * 2.0])), signatures: [signature] }
        }

        fn on(&self, x: &Array, batch_size: Option<usize>) -> Result<Vec<Array>> {
            run(self, &self.signatures[0], std::slice::from_ref(x), batch_size)
        }
    }

    impl Program for Double {
        fn signatures(&self) -> &[Signature] {
            &self.signatures
        }

        fn run(&self, signature: &Signature, inputs: &[Array]) -> Result<Vec<Array>> {
            signature.check(inputs)?;
            self.function.run(inputs)
        }

        fn weight_bytes(&self) -> u64 {
            0
        }
    }

    #[test]
    fn batches_of_any_size_give_the_same_rows() {
        let x = Array::from_vec((0..10_i64).collect(), [5, 2]).unwrap();
        let expected: Vec<f32> = (0..10).map(|i| 2.0 * i as f32).collect();
        for (program, batch_size) in [
            (Double::new(None), None),
            (Double::new(None), Some(2)),
            (Double::new(Some(5)), Some(2)),
            (Double::new(Some(1)), None),
        ] {
            let y = program.on(&x, batch_size).unwrap();
            assert_eq!(y[0].to_vec::<f32>().unwrap(), expected);
            assert_eq!(y[0].shape().as_slice(), [5, 2]);
        }
        let error = Double::new(Some(2)).on(&x, None).unwrap_err().to_string();
        assert!(error.contains("expected float32 [2, 2], found int64 [5, 2]"), "{error}");
    }

    #[test]
    fn texts_are_cut_and_joined() {
        let texts = Array::from_strings((0..4_u8).map(|i| vec![b'a' + i]).collect(), [4, 1]).unwrap();
        let parts = [rows(&texts, 0, 3).unwrap(), rows(&texts, 3, 1).unwrap()];
        assert_eq!(joined(&parts).unwrap(), texts);
        assert!(rows(&texts, 3, 2).is_err());
    }
}
