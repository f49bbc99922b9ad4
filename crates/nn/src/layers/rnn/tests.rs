//! Values of Keras 3.15.1 for constant weights, and what Cornet adds.

use std::slice::from_ref;
use std::sync::Arc;

use cornet_error::{Code, Result};
use cornet_ops::Tensor;
use cornet_tensor::{Array, DType};
use serde_json::{Map, Value};

use super::*;
use crate::initializers::Initializer;
use crate::layers::{
    Arguments, Call, Context, Input, Layer, LayerBase, Outputs, Tensors, apply, apply_call, layer_from_json,
    layer_to_json,
};
use crate::models::{Functional, Model, Symbolic};
use crate::shape::PartialShape;

/// 0, 0.1, … of `[2, 3, 2]`.
fn sequence() -> Tensor {
    Tensor::arange(0.0, 12.0, 1.0, DType::F32).reshape([2, 3, 2]) / 10.0
}

fn mask() -> Tensor {
    Tensor::of([[true, false, true], [true, true, false]])
}

fn masked(layer: &dyn Layer, x: &Tensor, mask: Tensor) -> Result<Outputs> {
    let (context, masks) = (Context::inference(), [Some(mask)]);
    apply_call(layer, from_ref(x), &Call { context: &context, masks: &masks, arguments: &Arguments::new() })
}

fn close(found: &Tensor, expected: &[f64]) {
    let found = found.cast(DType::F64).to_vec::<f64>().unwrap();
    assert_eq!(found.len(), expected.len());
    for (f, e) in found.iter().zip(expected) {
        assert!((f - e).abs() < 2e-6, "expected {expected:?}, found {found:?}");
    }
}

/// The same constants for every kernel.
macro_rules! constant {
    ($layer:expr) => {
        $layer
            .kernel_initializer(Initializer::Constant(0.3))
            .recurrent_initializer(Initializer::Constant(-0.2))
            .bias_initializer(Initializer::Constant(0.1))
    };
}

#[test]
fn a_simple_rnn_feeds_its_output_back() -> Result<()> {
    let y = apply(&constant!(SimpleRNN::new(2)).return_sequences(true), &[sequence()], &Context::inference())?;
    let expected = [0.129273, 0.195732, 0.283705, 0.454216, 0.403911, 0.51421];
    close(&y[0], &expected.map(|v| [v, v]).concat());
    Ok(())
}

#[test]
fn an_lstm_keeps_its_states_where_a_step_is_masked() -> Result<()> {
    let found = masked(&constant!(LSTM::new(1)).return_state(true), &sequence(), mask())?;
    close(&found.tensors[0], &[0.149191, 0.326105]);
    close(&found.tensors[1], &[0.149191, 0.326105]);
    close(&found.tensors[2], &[0.258614, 0.561959]);
    assert!(found.masks.iter().all(Option::is_none));
    Ok(())
}

#[test]
fn a_gru_resets_after_or_before_its_product() -> Result<()> {
    let after = constant!(GRU::new(1)).return_sequences(true);
    let y = apply(&after, &[sequence()], &Context::inference())?;
    close(&y[0], &[0.081297, 0.168482, 0.254946, 0.17966, 0.312551, 0.415878]);
    let before = constant!(GRU::new(1)).reset_after(false).return_sequences(true);
    let found = masked(&before, &sequence(), mask())?;
    close(&found.tensors[0], &[0.060441, 0.060441, 0.17866, 0.172554, 0.300645, 0.300645]);
    assert_eq!(found.masks[0].as_ref().unwrap().to_vec::<bool>()?, mask().to_vec::<bool>()?);
    Ok(())
}

#[test]
fn both_directions_meet_step_by_step_and_masked_steps_are_zero() -> Result<()> {
    let layer = Bidirectional::new(constant!(LSTM::new(1)).return_sequences(true).name("a"));
    let y = masked(&layer, &sequence(), mask())?.tensors;
    let expected = [0.036592, 0.108269, 0.0, 0.0, 0.149191, 0.122056, 0.170184, 0.298289, 0.326105, 0.219422, 0.0, 0.0];
    close(&y[0], &expected);
    let paths: Vec<String> = layer.weights_paths();
    assert_eq!(paths[0], format!("{}/forward_a/lstm_cell/kernel", layer.base().name()));
    assert_eq!(paths[5], format!("{}/backward_a/lstm_cell/bias", layer.base().name()));
    Ok(())
}

trait Paths {
    fn weights_paths(&self) -> Vec<String>;
}

impl<L: Layer> Paths for L {
    fn weights_paths(&self) -> Vec<String> {
        Layer::weights(self).iter().map(|w| w.path().to_owned()).collect()
    }
}

#[test]
fn a_convolutional_lstm_slides_over_space() -> Result<()> {
    let y = apply(&constant!(ConvLSTM1D::new(1, 2)), &[sequence().expand_dims(&[-1])], &Context::inference())?;
    close(&y[0], &[0.192693, 0.455911]);
    Ok(())
}

#[test]
fn a_stack_is_one_cell_after_the_other() -> Result<()> {
    let cells = [constant!(LSTMCell::new(1)).into_cell(), constant!(GRUCell::new(1)).into_cell()];
    let layer = RNN::new(cells).return_state(true);
    let y = masked(&layer, &sequence(), mask())?.tensors;
    close(&y[0], &[0.125164, 0.154174]);
    close(&y[1], &[0.149191, 0.326105]);
    close(&y[2], &[0.258614, 0.561959]);
    close(&y[3], &[0.125164, 0.154174]);
    let parts = layer.parts();
    assert_eq!(parts[0].0, "cell");
    let places: Vec<String> = parts[0].1.parts().into_iter().map(|(place, _)| place).collect();
    assert_eq!(places, ["cells/lstm_cell", "cells/gru_cell"]);
    // The same cells as a layer, for one step.
    let x = sequence().slice_axis(1, 0, 1).squeeze(&[1]);
    let zeros = || Tensor::zeros([2, 1], DType::F32);
    let step = apply(&*parts[0].1, &[x, zeros(), zeros(), zeros()], &Context::inference())?;
    assert_eq!(step.len(), 4);
    Ok(())
}

#[test]
fn unrolling_going_backwards_and_initial_states_fit_together() -> Result<()> {
    let x = sequence();
    let state = Tensor::of([[0.5_f32], [-0.5]]);
    let layer = |unroll| constant!(GRU::new(1)).go_backwards(true).return_sequences(true).unroll(unroll);
    let loop_ = apply(&layer(false), &[x.clone(), state.clone()], &Context::inference())?;
    let unrolled = apply(&layer(true), &[x.flip(&[1]).flip(&[1]), state.clone()], &Context::inference())?;
    close(&unrolled[0], &loop_[0].cast(DType::F64).to_vec::<f64>()?);
    let forward = constant!(GRU::new(1)).return_sequences(true);
    let turned = apply(&forward, &[x.flip(&[1]), state], &Context::inference())?;
    close(&loop_[0], &turned[0].cast(DType::F64).to_vec::<f64>()?);
    Ok(())
}

#[test]
fn states_stay_until_they_are_reset() -> Result<()> {
    let layer = constant!(SimpleRNN::new(1)).stateful(true);
    let x = sequence();
    let once = apply(&layer, from_ref(&x), &Context::inference())?[0].to_vec::<f32>()?;
    let twice = apply(&layer, from_ref(&x), &Context::inference())?[0].to_vec::<f32>()?;
    assert_ne!(once, twice);
    assert_eq!(layer.states()[0].value()?.to_vec::<f32>()?, twice);
    let model: &dyn Layer = &layer;
    model.reset_state()?;
    assert_eq!(apply(&layer, from_ref(&x), &Context::inference())?[0].to_vec::<f32>()?, once);
    let error = apply(&layer, &[x.slice_axis(0, 0, 1)], &Context::inference()).unwrap_err();
    assert_eq!(error.code(), Code::ShapeMismatch);
    assert_eq!(layer.weights_paths().len(), 3);
    Ok(())
}

/// `output = x + 2 · state`, `state' = x`: a cell as a program writes it, whose output is not its state.
struct Echo(LayerBase);

impl Layer for Echo {
    fn class_name(&self) -> &str {
        "Echo"
    }
    fn base(&self) -> &LayerBase {
        &self.0
    }
    fn arguments(&self) -> Map<String, Value> {
        Map::new()
    }
    fn as_cell(self: Arc<Self>) -> Option<Arc<dyn Cell>> {
        Some(self)
    }
    fn call(&self, inputs: &[Tensor], _call: &Call<'_>) -> Result<Tensors> {
        Ok([&inputs[0] + 2.0 * &inputs[1], inputs[0].clone()].into_iter().collect())
    }
    fn compute_output_shape(&self, inputs: &[PartialShape]) -> Result<Vec<PartialShape>> {
        Ok(vec![inputs[0].clone(); 2])
    }
}

impl Cell for Echo {
    fn state_size(&self) -> Vec<usize> {
        vec![2]
    }
}

#[test]
fn a_cell_of_ones_own_runs_like_any_other() -> Result<()> {
    let x = sequence();
    let last = RNN::new(Echo(LayerBase::new("Echo"))).return_state(true);
    let y = masked(&last, &x, mask())?.tensors;
    // Step 1 of sample 0 and step 2 of sample 1 are masked.
    close(&y[0], &[0.4, 0.7, 2.0, 2.3]);
    close(&y[1], &[0.4, 0.5, 0.8, 0.9]);
    let zeros = RNN::new(Echo(LayerBase::new("Echo"))).zero_output_for_mask(true);
    close(&masked(&zeros, &x, mask())?.tensors[0], &[0.4, 0.7, 0.0, 0.0]);
    Ok(())
}

/// `output = x + count`, where `count` is a variable that each step adds one to.
struct Counting(LayerBase, cornet_ops::Variable);

impl Layer for Counting {
    fn class_name(&self) -> &str {
        "Counting"
    }
    fn base(&self) -> &LayerBase {
        &self.0
    }
    fn arguments(&self) -> Map<String, Value> {
        Map::new()
    }
    fn as_cell(self: Arc<Self>) -> Option<Arc<dyn Cell>> {
        Some(self)
    }
    fn call(&self, inputs: &[Tensor], _call: &Call<'_>) -> Result<Tensors> {
        self.1.assign_add(&Tensor::of(1.0_f32))?;
        Ok([&inputs[0] + self.1.read(), inputs[0].clone()].into_iter().collect())
    }
    fn compute_output_shape(&self, inputs: &[PartialShape]) -> Result<Vec<PartialShape>> {
        Ok(vec![inputs[0].clone(); 2])
    }
}

impl Cell for Counting {
    fn state_size(&self) -> Vec<usize> {
        vec![2]
    }
}

#[test]
fn a_cell_that_assigns_a_variable_runs_in_a_traced_step_too() -> Result<()> {
    let count = cornet_ops::Variable::new("count", cornet_tensor::Array::full(cornet_tensor::DType::F32, [], 0.0)?)?;
    let layer = RNN::new(Counting(LayerBase::new("Counting"), count.clone()));
    let x = Tensor::ones([1, 3, 2], cornet_tensor::DType::F32);
    close(&apply(&layer, std::slice::from_ref(&x), &Context::inference())?[0], &[4.0, 4.0]);
    let step = cornet_runtime::Concrete::trace("step", &[x.ty()?], |inputs| {
        Ok(apply(&layer, inputs, &Context::inference())?.into_vec())
    })?;
    let mut found = Vec::new();
    step.run(&[&x.array()?], &mut found)?;
    close(&Tensor::from(found.remove(0)), &[7.0, 7.0]);
    assert_eq!(count.read().item::<f32>()?, 6.0);
    Ok(())
}

#[test]
fn every_step_goes_through_the_layer_at_once_or_one_by_one() -> Result<()> {
    let x = sequence();
    let dense = TimeDistributed::new(crate::layers::Dense::new(3));
    let found = masked(&dense, &x, mask())?;
    assert_eq!(found.tensors[0].shape()?[..], [2, 3, 3]);
    assert!(found.masks[0].is_some());
    let wrong = masked(&dense, &x, Tensor::of([[true, false]])).unwrap_err();
    assert_eq!(wrong.code(), Code::ShapeMismatch);
    // A class of the program's own is not known to treat samples by themselves.
    struct Centre(LayerBase);
    impl Layer for Centre {
        fn class_name(&self) -> &str {
            "Centre"
        }
        fn base(&self) -> &LayerBase {
            &self.0
        }
        fn arguments(&self) -> Map<String, Value> {
            Map::new()
        }
        fn call(&self, inputs: &[Tensor], _call: &Call<'_>) -> Result<Tensors> {
            Ok([&inputs[0] - inputs[0].mean(&[0], true)].into_iter().collect())
        }
        fn compute_output_shape(&self, inputs: &[PartialShape]) -> Result<Vec<PartialShape>> {
            Ok(inputs.to_vec())
        }
    }
    let y = apply(&TimeDistributed::new(Centre(LayerBase::new("Centre"))), &[x], &Context::inference())?;
    close(&y[0], &[[-0.3; 6], [0.3; 6]].concat());
    Ok(())
}

#[test]
fn dropout_is_the_same_in_every_step() -> Result<()> {
    let ones = Tensor::ones([4, 6, 3], DType::F32);
    let layer = constant!(SimpleRNN::new(5))
        .recurrent_initializer(Initializer::Zeros)
        .dropout(0.5)
        .seed(3)
        .return_sequences(true);
    let y = apply(&layer, from_ref(&ones), &Context::training())?;
    let steps = y[0].unstack(1)?;
    let first = steps[0].to_vec::<f32>()?;
    assert!(steps.iter().all(|step| step.to_vec::<f32>().is_ok_and(|step| step == first)));
    assert!(first.iter().any(|v| (v - first[0]).abs() > 0.1));
    let quiet = apply(&layer, from_ref(&ones), &Context::inference())?[0].to_vec::<f32>()?;
    assert!(quiet.iter().all(|v| (v - quiet[0]).abs() < 1e-6));
    // With dropout of the states each gate has its own.
    for layer in
        [constant!(LSTM::new(3)).recurrent_dropout(0.5), constant!(LSTM::new(3)).dropout(0.5).implementation(1)]
    {
        let y = apply(&layer, from_ref(&ones), &Context::training())?;
        assert!(y[0].to_vec::<f32>()?.iter().all(|v| v.is_finite()));
    }
    let layer = constant!(ConvLSTM1D::new(2, 1)).dropout(0.5).recurrent_dropout(0.5);
    let y = apply(&layer, &[ones.expand_dims(&[-1])], &Context::training())?;
    assert!(y[0].to_vec::<f32>()?.iter().all(|v| v.is_finite()));
    Ok(())
}

#[test]
fn configs_make_the_same_layers_again() -> Result<()> {
    let cells = [constant!(LSTMCell::new(4)).into_cell(), constant!(SimpleRNNCell::new(3)).into_cell()];
    let layers: Vec<Arc<dyn Layer>> = vec![
        Arc::new(constant!(LSTM::new(4)).unit_forget_bias(false).activity_regularizer("l2").use_cudnn("auto")),
        Arc::new(constant!(GRU::new(4)).reset_after(false).use_cudnn(false).recurrent_activation("relu").dropout(0.1)),
        Arc::new(RNN::new(cells).stateful(true).unroll(true)),
        Arc::new(Bidirectional::new(constant!(SimpleRNN::new(2)).return_state(true)).merge_mode("ave")),
        Arc::new(Bidirectional::new(constant!(GRU::new(2))).merge_mode(None)),
        Arc::new(TimeDistributed::new(crate::layers::Dense::new(3))),
        Arc::new(constant!(ConvLSTM2D::new(2, (3, 2)).padding("same").strides([1, 2]).data_format("channels_first"))),
        Arc::new(constant!(ConvLSTM3D::new(2, 1).dilation_rate(2))),
    ];
    for layer in layers {
        let json = layer_to_json(&*layer);
        assert_eq!(layer_to_json(&*layer_from_json(&json)?), json);
    }
    Ok(())
}

#[test]
fn a_functional_model_takes_states_as_an_argument_or_as_further_inputs() -> Result<()> {
    let (x, h, c) = (Input::new([3, 2]).symbol(), Input::new([1]).symbol(), Input::new([1]).symbol());
    let named = Arguments::new().with_tensors("initial_state", [h.clone(), c.clone()]);
    let a = constant!(LSTM::new(1)).on_with(&x, named).swap_remove(0);
    let b = constant!(LSTM::new(1)).on([&x, &h, &c]);
    let model = Functional::new([&x, &h, &c], [&a, &b])?;
    let state = Tensor::of([[0.5_f32], [1.0]]);
    let y = model.forward_in(&[sequence(), state.clone(), state], &Context::inference())?;
    assert_eq!(y[0].to_vec::<f32>()?, y[1].to_vec::<f32>()?);
    let config = layer_to_json(&model);
    for at in [3, 4] {
        let call = &config["config"]["layers"][at]["inbound_nodes"][0];
        assert_eq!(call["args"].as_array().map(Vec::len), Some(1));
        assert_eq!(call["kwargs"]["initial_state"].as_array().map(Vec::len), Some(2));
    }
    Ok(())
}

#[test]
fn what_does_not_fit_is_refused() {
    let x = sequence();
    let refused = |layer: &dyn Layer, inputs: &[Tensor], code: Code| {
        assert_eq!(apply(layer, inputs, &Context::inference()).unwrap_err().code(), code, "{}", layer.class_name());
    };
    let state = || Tensor::zeros([2, 1], DType::F32);
    refused(&constant!(LSTM::new(0)), from_ref(&x), Code::InvalidArgument);
    refused(&constant!(LSTM::new(1)), &[state()], Code::RankMismatch);
    refused(&constant!(LSTM::new(1)), &[x.clone(), state()], Code::InvalidArgument);
    refused(&constant!(GRU::new(2)), &[x.clone(), state()], Code::ShapeMismatch);
    refused(&constant!(GRU::new(2)).activation("no_such"), from_ref(&x), Code::InvalidArgument);
    refused(&constant!(LSTM::new(1)).use_cudnn("perhaps"), from_ref(&x), Code::InvalidArgument);
    refused(&constant!(SimpleRNN::new(1)), &[Tensor::zeros([2, 0, 3], DType::F32)], Code::DimMismatch);
    refused(&RNN::new(Vec::<LSTMCell>::new()), from_ref(&x), Code::InvalidArgument);
    refused(&constant!(LSTMCell::new(1)), &[state()], Code::InvalidArgument);
    refused(&Bidirectional::new(crate::layers::Dense::new(1)), from_ref(&x), Code::InvalidArgument);
    let same_way = Bidirectional::new(constant!(GRU::new(1))).backward_layer(constant!(GRU::new(1)));
    refused(&same_way, from_ref(&x), Code::InvalidArgument);
    let few = Bidirectional::new(constant!(GRU::new(1))).weights([Array::zeros(DType::F32, [1])]);
    refused(&few, from_ref(&x), Code::InvalidArgument);
    refused(&constant!(ConvLSTM1D::new(1, 5)), &[x.expand_dims(&[-1])], Code::DimMismatch);
    refused(&TimeDistributed::new(crate::layers::Dense::new(1)), &[state()], Code::RankMismatch);
}
