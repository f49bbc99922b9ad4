//! What the comparison with Keras does not show: gradients that are not finite, weights left out, errors, no allocation of
//! state twice.

use cornet_error::Result;
use cornet_ops::{Tensor, Variable};
use cornet_tensor::{Array, DType};

use super::*;
use crate::layers::Weight;

fn weight(path: &str, values: &[f32]) -> Weight {
    let variable = Variable::new(path, Array::from_slice(values, [values.len()]).unwrap()).unwrap();
    Weight { variable, name: "kernel", regularizer: None, constraint: None }
}

fn values(weight: &Weight) -> Vec<f32> {
    weight.variable.value().unwrap().to_vec().unwrap()
}

/// Takes a step with these gradients, one number a weight.
fn step(optimizer: &dyn Optimizer, weights: &[Weight], gradients: &[f32]) -> Result<()> {
    optimizer.build(weights)?;
    let gradients = gradients.iter().zip(weights);
    let each = gradients.map(|(&g, w)| Tensor::full(w.variable.shape().clone(), g.into(), DType::F32)).collect();
    apply_gradients(optimizer, weights, each)
}

#[test]
fn weights_are_left_out_of_decay_by_name_and_by_themselves() {
    let weights = ["m/dense/kernel", "m/dense/bias", "m/norm/gamma"].map(|path| weight(path, &[1.0]));
    let optimizer = Sgd::new()
        .learning_rate(0.1)
        .weight_decay(0.5)
        .exclude_from_weight_decay(["bias"])
        .exclude_variables_from_weight_decay([&weights[2].variable]);
    step(&optimizer, &weights, &[0.0; 3]).unwrap();
    assert_eq!(values(&weights[0]), [1.0 - 0.05]);
    assert_eq!([values(&weights[1]), values(&weights[2])], [[1.0], [1.0]]);
    let wrong = Sgd::new().exclude_from_weight_decay(["(bias"]);
    assert!(step(&wrong, &weights, &[0.0; 3]).is_err_and(|e| e.message().contains("regular expression")));
}

#[test]
fn gradients_that_are_not_finite_halve_the_scale_and_change_nothing() {
    let optimizer = LossScaleOptimizer::new(Sgd::new().learning_rate(0.5).momentum(0.9).gradient_accumulation_steps(2))
        .initial_scale(8.0)
        .dynamic_growth_steps(2);
    let weights = [weight("w", &[1.0, 1.0])];
    let scale = || optimizer.base().globals()[1].value().unwrap().item::<f32>().unwrap();
    let steps = || optimizer.inner_optimizer().base().iterations().value().unwrap().item::<i64>().unwrap();
    step(&optimizer, &weights, &[8.0]).unwrap();
    step(&optimizer, &weights, &[f32::INFINITY]).unwrap();
    step(&optimizer, &weights, &[f32::NAN]).unwrap();
    assert_eq!((values(&weights[0]), scale(), steps()), (vec![1.0, 1.0], 2.0, 1));
    assert_eq!(optimizer.scale_loss(&Tensor::of(3.0_f32)).item::<f32>().unwrap(), 6.0);
    // The sum of 8 / 8 and 2 / 2, halved, is what the weights change by; then the scale has had two good steps.
    step(&optimizer, &weights, &[2.0]).unwrap();
    assert_eq!((values(&weights[0]), scale(), steps()), (vec![0.5, 0.5], 2.0, 2));
    step(&optimizer, &weights, &[2.0]).unwrap();
    assert_eq!((scale(), steps()), (4.0, 3));
}

#[test]
fn moving_averages_begin_with_the_first_value_and_end_in_the_weights() {
    let optimizer = Sgd::new().learning_rate(1.0).use_ema(true).ema_momentum(0.75);
    let weights = [weight("w", &[0.0])];
    for _ in 0..3 {
        step(&optimizer, &weights, &[-1.0]).unwrap();
    }
    // 1, then 0.75 + 0.25 · 2 = 1.25, then 0.9375 + 0.25 · 3 = 1.6875.
    assert_eq!(optimizer.averages()[0].value().unwrap().to_vec::<f32>().unwrap(), [1.6875]);
    assert_eq!(values(&weights[0]), [3.0]);
    optimizer.finalize_variable_values(&weights).unwrap();
    assert_eq!(values(&weights[0]), [1.6875]);
}

#[test]
fn gathered_gradients_change_weights_by_their_mean_after_a_group() {
    let rate = LearningRate::function(|step| 0.5 / (step.cast(DType::F32) + 1.0));
    let optimizer = Sgd::new().learning_rate(rate).gradient_accumulation_steps(3);
    let weights = [weight("w", &[1.0])];
    let found: Vec<f32> = [1.0, 2.0, 6.0, 9.0]
        .map(|g| {
            step(&optimizer, &weights, &[g]).unwrap();
            values(&weights[0])[0]
        })
        .to_vec();
    // The rate sees every step: 0.5 / 3 at the third.
    assert_eq!(found[..2], [1.0, 1.0]);
    assert!((found[2] - 0.5).abs() < 1e-6 && found[3] == found[2], "{found:?}");
}

#[test]
fn a_rate_can_be_set_if_it_is_a_number() {
    let optimizer = Adam::new().learning_rate(0.5);
    Optimizer::set_learning_rate(&optimizer, 0.25).unwrap();
    assert_eq!(Optimizer::learning_rate(&optimizer).unwrap(), 0.25);
    let scheduled = Adam::new().learning_rate(schedules::CosineDecay::new(0.5, 10));
    assert_eq!(Optimizer::learning_rate(&scheduled).unwrap(), 0.5);
    assert!(Optimizer::set_learning_rate(&scheduled, 0.1).is_err_and(|e| e.message().contains("schedule")));
    let function = Adam::new().learning_rate(LearningRate::function(|_| Tensor::of(0.5_f32)));
    assert!(optimizer_to_json(&function).is_err_and(|e| e.message().contains("closure")));
}

#[test]
fn weights_go_by_the_optimizer_of_their_pattern() {
    let map = OptimizerMap::new(Sgd::new().learning_rate(1.0)).with("a/.*", Sgd::new().learning_rate(0.5));
    let optimizer = MultiOptimizer::new(map.with("a/two", "adam"));
    let weights = ["a/one", "a/two", "b/a/one"].map(|path| weight(path, &[1.0]));
    step(&optimizer, &weights, &[1.0; 3]).unwrap();
    assert_eq!([values(&weights[0]), values(&weights[2])], [[0.5], [0.0]]);
    assert!((values(&weights[1])[0] - 0.999).abs() < 1e-5);
    let paths: Vec<String> = optimizer.parts().into_iter().map(|(path, _)| path).collect();
    assert_eq!(paths, ["optimizers/sgd", "optimizers/adam", "optimizers/sgd_1"]);
    let twice = MultiOptimizer::new(OptimizerMap::new("sgd").with("a/.*", "adam").with(".*/one", "adam"));
    assert!(step(&twice, &weights, &[0.0; 3]).is_err_and(|e| e.message().contains("one pattern")));
    let nested = MultiOptimizer::new(OptimizerMap::new(LossScaleOptimizer::new("sgd")));
    assert!(nested.base().check_arguments().is_err());
}

#[test]
fn wrong_arguments_are_told_before_training() {
    let wrong: [(Box<dyn Optimizer>, &str); 6] = [
        (Box::new(Sgd::new().momentum(1.5)), "momentum"),
        (Box::new(Adam::new().clipnorm(1.0).clipvalue(1.0)), "clipnorm"),
        (Box::new(Adam::new().use_ema(true).ema_momentum(2.0)), "ema_momentum"),
        (Box::new(Lion::new().beta_1(0.0)), "beta_1"),
        (Box::new(Ftrl::new().l1_regularization_strength(-1.0)), "l1_regularization_strength"),
        (Box::new(Adam::new().gradient_accumulation_steps(1)), "gradient_accumulation_steps"),
    ];
    for (optimizer, what) in wrong {
        let error = step(&*optimizer, &[weight("w", &[1.0])], &[1.0]).unwrap_err();
        assert!(error.message().contains(what), "{error}");
    }
}

#[test]
fn optimizers_are_built_for_their_weights_alone() {
    let optimizer = Adam::new();
    step(&optimizer, &[weight("w", &[1.0])], &[1.0]).unwrap();
    let other = [weight("w", &[1.0])];
    assert!(step(&optimizer, &other, &[1.0]).is_err_and(|e| e.message().contains("built for")));
}
