//! Kernels as older versions and other backends stored them.
//!
//! Source: tf_keras 2.21, `legacy.hdf5_format.preprocess_weights_for_loading`; Keras 2.2, the same, for Theano's kernels.

use std::sync::Arc;

use cornet_error::Result;
use cornet_ops::Tensor;
use cornet_tensor::Array;

use super::Generation;
use super::weights::Target;

/// Who wrote a file.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Origin {
    pub generation: Generation,
    /// Theano's convolutions turn their kernels around.
    pub is_theano: bool,
}

/// Parts of the names of Keras 1's recurrent weights, gate by gate as they were stored, and the order of today.
const GATES: [(&[&str], &[usize]); 2] = [(&["i", "c", "f", "o"], &[0, 2, 1, 3]), (&["z", "r", "h"], &[0, 1, 2])];

/// The arrays of a layer, with those joined that Keras 1 stored gate by gate: `W_i`, `U_i`, `b_i`, `W_c`, ….
pub(super) fn joined(saved: &[(String, Array)]) -> Result<Vec<Array>> {
    let (mut arrays, mut at) = (Vec::with_capacity(saved.len()), 0);
    while at < saved.len() {
        let run = GATES.iter().find(|(gates, _)| is_run(&saved[at..], gates));
        let Some((gates, order)) = run else {
            arrays.push(saved[at].1.clone());
            at += 1;
            continue;
        };
        for kind in 0..3 {
            let parts: Vec<Tensor> =
                order.iter().map(|gate| Tensor::from(saved[at + 3 * gate + kind].1.clone())).collect();
            arrays.push(Tensor::concat(&parts.iter().collect::<Vec<_>>(), -1).array()?);
        }
        at += 3 * gates.len();
    }
    Ok(arrays)
}

/// Whether names begin with those of all gates, one after the other.
fn is_run(saved: &[(String, Array)], gates: &[&str]) -> bool {
    let wanted = gates.iter().flat_map(|gate| ["W", "U", "b"].map(|kind| format!("_{kind}_{gate}")));
    let mut names = saved.iter().map(|(name, _)| bare(name));
    wanted.into_iter().all(|end| names.next().is_some_and(|name| name.ends_with(&end)))
}

/// A weight's name without the number of the output, and without the mark of a second variable of that name.
fn bare(name: &str) -> &str {
    let name = name.rsplit_once(':').map_or(name, |(name, _)| name);
    match name.rsplit_once('_') {
        Some((before, number)) if !number.is_empty() && number.bytes().all(|b| b.is_ascii_digit()) => before,
        _ => name,
    }
}

/// The arrays as today's layers have them; those that cannot be made to fit stay as they are.
pub(super) fn converted(targets: &[Target], arrays: &[Array], origin: Origin) -> Result<Vec<Array>> {
    let mut values = arrays.to_vec();
    for (target, value) in targets.iter().zip(&mut values) {
        if let Some(made) = kernel(target, value, origin)? {
            *value = made;
        }
    }
    recurrent(targets, &mut values)?;
    Ok(values)
}

fn transposed(array: &Array, axes: &[isize]) -> Result<Array> {
    Tensor::from(array.clone()).transpose(axes).array()
}

/// A weight that was stored otherwise.
fn kernel(target: &Target, value: &Array, origin: Origin) -> Result<Option<Array>> {
    let class = target.owner.class.as_str();
    let expected = target.variable.shape();
    if class == "Dense" {
        return maxout(target, value);
    }
    let is_convolution = class.contains("Conv");
    let kernels = match class {
        _ if class.starts_with("ConvLSTM") => 2,
        _ => 1,
    };
    if !is_convolution || target.place >= kernels {
        return Ok(None);
    }
    let rank = value.shape().rank();
    let mut found = value.clone();
    if origin.generation == Generation::One {
        found = older_kernel(target, found)?;
    }
    if found.shape() != expected && rank == 4 && expected.rank() == 4 {
        let turned = transposed(&found, &[3, 2, 0, 1])?;
        if turned.shape() == expected {
            found = turned;
        }
    }
    if origin.is_theano && found.shape() == expected && expected.rank() > 2 {
        let axes: Vec<isize> = (0..expected.rank() as isize - 2).collect();
        found = Tensor::from(found).flip(&axes).array()?;
    }
    Ok(Some(found))
}

/// Keras 1 kept kernels as its backends took them.
fn older_kernel(target: &Target, value: Array) -> Result<Array> {
    let (class, rank) = (target.owner.class.as_str(), value.shape().rank());
    let sizes = value.shape().as_slice().to_vec();
    match (class, rank, target.owner.is_channels_first) {
        ("Conv1D", 4, _) => {
            let expected = target.variable.shape();
            // `[steps, 1, channels, filters]`, and in the first versions `[filters, channels, steps, 1]`.
            let is_first = sizes[1] != 1 || expected.rank() == 3 && sizes[0] != expected[0];
            let value = if is_first { transposed(&value, &[2, 3, 1, 0])? } else { value };
            let sizes = value.shape().as_slice().to_vec();
            if sizes[1] != 1 { Ok(value) } else { value.reshaped([sizes[0], sizes[2], sizes[3]]) }
        }
        ("Conv2DTranspose", 4, false) => transposed(&value, &[0, 1, 3, 2]),
        ("Conv2DTranspose", 4, true) => transposed(&value, &[2, 3, 0, 1]),
        ("Conv3D", 5, true) => transposed(&value, &[2, 3, 4, 1, 0]),
        (_, 4, true) => transposed(&value, &[2, 3, 1, 0]),
        _ => Ok(value),
    }
}

/// Keras 1's MaxoutDense has a kernel and a bias for each of its parts.
fn maxout(target: &Target, value: &Array) -> Result<Option<Array>> {
    let sizes = value.shape().as_slice();
    match (sizes, target.variable.shape().rank()) {
        ([parts, features, units], 2) => {
            let turned = transposed(value, &[1, 0, 2])?;
            turned.reshaped([*features, parts * units]).map(Some)
        }
        ([parts, units], 1) => value.reshaped([parts * units]).map(Some),
        _ => Ok(None),
    }
}

/// Weights that NVIDIA's library had: transposed, gate by gate, with two biases.
fn recurrent(targets: &[Target], values: &mut [Array]) -> Result<()> {
    for at in 0..targets.len().saturating_sub(2) {
        let owner = &targets[at].owner;
        let gates = match owner.class.as_str() {
            "LSTMCell" => 4,
            "GRUCell" => 3,
            _ => continue,
        };
        let is_whole =
            |offset: usize| Arc::ptr_eq(&targets[at + offset].owner, owner) && targets[at + offset].place == offset;
        if !(0..3).all(is_whole) || values.len() < at + 3 {
            continue;
        }
        let (bias, expected) = (values[at + 2].clone(), targets[at + 2].variable.shape());
        let is_of_library = bias.shape().rank() == 1
            && bias.elements() == 2 * gates * (values[at + 1].shape().as_slice().first().copied().unwrap_or(0))
            && bias.shape() != expected
            && values[at].shape() == targets[at].variable.shape()
            && values[at + 1].shape() == targets[at + 1].variable.shape();
        if !is_of_library {
            continue;
        }
        values[at] =
            by_gate(&values[at], gates, |gate, rows, columns| gate.reshape([columns, rows]).transpose(&[1, 0]))?;
        values[at + 1] = by_gate(&values[at + 1], gates, |gate, _, _| gate.transpose(&[1, 0]))?;
        let halves = Tensor::from(bias).reshape([2, expected.elements() / if gates == 3 { 2 } else { 1 }]);
        values[at + 2] = if gates == 4 { halves.sum(&[0], false).array()? } else { halves.array()? };
    }
    Ok(())
}

/// Each gate's part of a kernel changed by itself.
fn by_gate(kernel: &Array, gates: usize, change: impl Fn(&Tensor, usize, usize) -> Tensor) -> Result<Array> {
    let (rows, columns) = (kernel.shape()[0], kernel.shape()[1] / gates.max(1));
    let kernel = Tensor::from(kernel.clone());
    let parts: Vec<Tensor> =
        (0..gates).map(|gate| change(&kernel.slice_axis(1, gate * columns, columns), rows, columns)).collect();
    Tensor::concat(&parts.iter().collect::<Vec<_>>(), 1).array()
}
