//! Training as Keras does it: histories of small models, and what a user meets around them.

use std::collections::BTreeMap;
use std::sync::Arc;

use cornet_cpu as _;
use cornet_error::Result;
use cornet_nn::layers::{Call, Context, Dense, Input, Layer, LayerBase, Tensors, Weights, apply, build};
use cornet_nn::metrics::{Mean, Metric};
use cornet_nn::models::{BoxedModel, Functional, Model, Sequential, Symbolic};
use cornet_nn::optimizers::{Sgd, apply_gradients};
use cornet_nn::saving::{model_from_json, model_to_json};
use cornet_nn::shape::PartialShape;
use cornet_nn::training::{
    Batch, BatchOptions, CompileOptions, EvaluateOptions, Fields, FitOptions, IntoArrays, PredictOptions, StepData,
    StepLogs, Trainer, Verbose, repeated,
};
use cornet_ops::{GradientTape, Tensor};
use cornet_tensor::{Array, DType};
use serde_json::{Map, Value};

fn golden() -> Value {
    serde_json::from_str(include_str!("golden/training.json")).unwrap()
}

fn quiet<'a>() -> FitOptions<'a> {
    FitOptions::new().seed(1).verbose(Verbose::Silent)
}

fn floats(value: &Value) -> Vec<f64> {
    value.as_array().unwrap().iter().map(|v| v.as_f64().unwrap()).collect()
}

fn array(value: &Value) -> Array {
    let shape: Vec<usize> = floats(&value["shape"]).iter().map(|&n| n as usize).collect();
    let dtype: DType = value["dtype"].as_str().unwrap().parse().unwrap();
    Array::from_vec(floats(&value["values"]), shape).unwrap().cast(dtype).unwrap()
}

/// Arrays as the golden file has them: one, a list, or a map.
struct Data(Value);

impl IntoArrays for Data {
    fn arrays(&self) -> Result<Vec<Array>> {
        Ok(match &self.0 {
            Value::Array(list) => list.iter().map(array).collect(),
            Value::Object(map) if !map.contains_key("shape") => map.values().map(array).collect(),
            Value::Null => Vec::new(),
            one => vec![array(one)],
        })
    }

    fn names(&self) -> Option<Vec<String>> {
        match &self.0 {
            Value::Object(map) if !map.contains_key("shape") => Some(map.keys().cloned().collect()),
            _ => None,
        }
    }
}

/// What is not as expected.
fn far<'a>(
    name: &str,
    found: impl Iterator<Item = (&'a str, Vec<f64>)>,
    expected: &Value,
    tolerance: f64,
) -> Vec<String> {
    let found: BTreeMap<&str, Vec<f64>> = found.collect();
    let expected: BTreeMap<&str, Vec<f64>> =
        expected.as_object().unwrap().iter().map(|(k, v)| (k.as_str(), floats(v))).collect();
    if found.keys().ne(expected.keys()) {
        return vec![format!("{name}: expected {:?}, found {:?}", expected.keys(), found.keys())];
    }
    let is_near = |key: &str, values: &[f64]| {
        found[key].len() == values.len()
            && found[key].iter().zip(values).all(|(a, b)| (a - b).abs() <= tolerance * b.abs().max(1.0))
    };
    let far = expected.iter().filter(|(key, values)| !is_near(key, values));
    far.map(|(key, values)| format!("{name}, {key}: expected {values:?}, found {:?}", found[key])).collect()
}

fn options<'a>(fit: &Value) -> FitOptions<'a> {
    let mut options = quiet().shuffle(false);
    for (key, value) in fit.as_object().unwrap() {
        let count = value.as_u64().unwrap_or(0) as usize;
        options = match key.as_str() {
            "batch_size" => options.batch_size(count),
            "epochs" => options.epochs(count),
            "steps_per_epoch" => options.steps_per_epoch(count),
            "validation_steps" => options.validation_steps(count),
            "validation_freq" => options.validation_freq(count),
            "validation_split" => options.validation_split(value.as_f64().unwrap()),
            other => panic!("no option {other}"),
        };
    }
    options
}

fn run(case: &Value, wrong: &mut Vec<String>) -> Result<()> {
    let (name, tolerance) = (case["name"].as_str().unwrap(), case["tolerance"].as_f64().unwrap());
    let model = model_from_json(&case["model"], true)?;
    model.set_weights(&case["weights"].as_array().unwrap().iter().map(array).collect::<Vec<_>>())?;
    let mut ours = model_to_json(&model)?["compile_config"].clone();
    let mut theirs = case["compiled"].clone();
    // Automatic names and rounded rates are compared elsewhere.
    (ours["optimizer"], theirs["optimizer"]) = (Value::Null, Value::Null);
    if ours != theirs {
        wrong.push(format!("{name}: expected {theirs}, found {ours}"));
    }
    let (x, y, w) = (Data(case["x"].clone()), Data(case["y"].clone()), Data(case["sample_weight"].clone()));
    let classes: Vec<(i64, f64)> = case["class_weight"].as_array().map_or_else(Vec::new, |list| {
        list.iter().map(|pair| (pair[0].as_i64().unwrap(), pair[1].as_f64().unwrap())).collect()
    });
    let validation: Vec<Data> =
        case["validation"].as_array().map_or_else(Vec::new, |v| v.iter().cloned().map(Data).collect());
    let mut options = options(&case["fit"]).class_weight(classes.clone());
    let mut evaluation = EvaluateOptions::new();
    if !w.0.is_null() {
        options = options.sample_weight(&w);
        evaluation = evaluation.sample_weight(&w);
    }
    options = match &validation[..] {
        [x, y] => options.validation_data(x, y),
        [x, y, w] => options.validation_data_weighted(x, y, w),
        _ => options,
    };
    let history = if let Some(batches) = case["batches"].as_array() {
        let of = |v: Option<&Value>| Fields::of(&Data(v.cloned().unwrap_or_default()));
        let mut batches = batches.iter().map(|b| -> Result<Batch> {
            Ok(Batch { x: of(b.get(0))?, y: of(b.get(1))?, sample_weight: of(b.get(2))? })
        });
        model.fit_on(&mut batches, options)?
    } else {
        model.fit(&x, &y, options)?
    };
    wrong.extend(far(name, history.iter().map(|(k, v)| (k, v.to_vec())), &case["history"], tolerance));
    if !case["evaluate"].is_null() {
        if let Some(size) = case["fit"]["batch_size"].as_u64() {
            evaluation = evaluation.batch_size(size as usize);
        }
        let logs = model.evaluate_with(&x, &y, evaluation)?;
        wrong.extend(far(name, logs.iter().map(|(k, v)| (k, vec![v])), &case["evaluate"], tolerance));
    }
    if !case["train_on_batch"].is_null() {
        let weights = if w.0.is_null() { BatchOptions::new() } else { BatchOptions::new().sample_weight(&w) };
        let logs = model.train_on_batch_with(&x, &y, weights.clone().class_weight(classes))?;
        wrong.extend(far(name, logs.iter().map(|(k, v)| (k, vec![v])), &case["train_on_batch"], tolerance));
        let logs = model.test_on_batch_with(&x, &y, weights)?;
        wrong.extend(far(name, logs.iter().map(|(k, v)| (k, vec![v])), &case["test_on_batch"], tolerance));
        for (found, expected) in
            model.predict_on_batch(&x)?.iter().zip(Data(case["predict_on_batch"].clone()).arrays()?)
        {
            let (found, expected) = (found.to_f64()?, expected.to_f64()?);
            assert!(found.iter().zip(&expected).all(|(a, b)| (a - b).abs() < tolerance), "{name}: predictions");
        }
    }
    Ok(())
}

#[test]
fn histories_are_those_of_keras() {
    let mut wrong = Vec::new();
    for case in golden()["cases"].as_array().unwrap() {
        if let Err(error) = run(case, &mut wrong) {
            wrong.push(format!("{}: {error}", case["name"]));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

fn two_outputs() -> Result<Functional> {
    let x = Input::new([2]).name("x").symbol();
    let (a, b) = (Dense::new(1).name("price").on(&x), Dense::new(3).activation("softmax").name("kind").on(&x));
    Functional::named("model", &x, [&a, &b])
}

fn text<T>(result: Result<T>) -> String {
    result.map(|_| ()).unwrap_err().to_string()
}

#[test]
fn what_compile_does_not_understand_it_says() -> Result<()> {
    let model = two_outputs()?;
    let sgd = || CompileOptions::new("sgd");
    let found = text(model.compile_with(sgd().loss_for("prise", "mse")));
    assert!(found.starts_with("loss: expected names among the outputs 'price', 'kind', found 'prise'"), "{found}");
    assert!(found.contains("did you mean 'price'?"), "{found}");
    let found = text(model.compile_with(sgd().losses(["mse"])));
    assert!(found.contains("loss: expected 2, one for each of the outputs 'price', 'kind', found 1"), "{found}");
    let found = text(model.compile_with(sgd().loss("mse").loss_weights([1.0])));
    assert!(found.contains("loss_weights: expected 2"), "{found}");
    let found = text(model.compile("sgd", "mse", ["mae"]));
    assert!(found.contains("metrics_for(\"price\", [..])"), "{found}");
    let found = text(model.compile_with(sgd().metrics_for("price", ["acuracy"])));
    assert!(found.contains("did you mean 'accuracy'?"), "{found}");
    assert!(text(model.compile_with(sgd().steps_per_execution(0))).contains("steps_per_execution"));
    let one = Sequential::new().add(Input::new([2])).add(Dense::new(1));
    assert!(text(one.compile_with(sgd().losses(["mse", "mae"]))).contains("expected one, for the model's one output"));
    Ok(())
}

#[test]
fn data_that_do_not_fit_several_outputs_are_refused() -> Result<()> {
    let model = two_outputs()?;
    model.compile_with(CompileOptions::new("sgd").losses(["mse", "sparse_categorical_crossentropy"]))?;
    let (x, y) = (Array::zeros(DType::F32, [4, 2]), Array::zeros(DType::F32, [4, 1]));
    let kinds = Array::from_vec(vec![0, 1, 2, 3], [4])?;
    let found = text(model.fit(&x, &y, quiet()));
    assert!(found.contains("y: expected 2, one for each of the outputs 'price', 'kind', found 1"), "{found}");
    assert!(text(model.fit(&x, &(), quiet())).contains("the output 'price', found none"));
    assert!(text(model.fit(&x, &[&y, &kinds], quiet())).contains("y, sample 3: expected a class from 0 to 2, found 3"));
    let found = text(model.fit(&x, &[("price", &y), ("kinds", &kinds)], quiet()));
    assert!(found.contains("did you mean 'kind'?"), "{found}");
    let found = text(model.fit(&[("y", &x)], &[&y, &kinds], quiet()));
    assert!(found.contains("x: expected the inputs x, found 'y'"), "{found}");
    let classes = Array::from_vec(vec![0, 1, 2, 1], [4])?;
    let wide = Array::zeros(DType::F32, [4, 2]);
    let found = text(model.fit(&x, &[&y, &classes], quiet().sample_weight(&wide)));
    assert!(found.contains("expected one weight a sample, for all 2 outputs, found [4, 2]"), "{found}");
    let found = text(model.fit(&x, &[&y, &classes], quiet().class_weight([(0, 2.0)])));
    assert!(found.contains("class_weight: expected a model of one output"), "{found}");
    let short = Array::zeros(DType::F32, [3]);
    let found = text(model.fit(&x, &[&y, &classes], quiet().sample_weight(&short)));
    assert!(found.contains("samples of sample_weight: expected 4, as x has, found 3"), "{found}");
    Ok(())
}

#[test]
fn batches_that_run_out_end_the_training_and_those_that_begin_anew_do_not() -> Result<()> {
    let model = Sequential::new().seed(3).add(Dense::new(1));
    model.compile("sgd", "mse", ())?;
    let batch = |n: usize| (Array::zeros(DType::F32, [n, 2]), Array::zeros(DType::F32, [n, 1]));
    let history = model.fit_on(&mut (1..4).map(batch), quiet().epochs(3))?;
    assert_eq!(history.epochs, [0]);
    let history = model.fit_on(&mut repeated(|_| (1..4).map(batch)), quiet().epochs(3))?;
    assert_eq!(history.epochs, [0, 1, 2]);
    let history = model.fit_on(&mut (1..).map(batch), quiet().epochs(2).steps_per_epoch(2))?;
    assert_eq!(history.epochs, [0, 1]);
    assert!(text(model.fit_on(&mut (0..0).map(batch), quiet())).contains("expected batches, found none"));
    let failing = || [Ok(batch(2)), Err(cornet_error::err!(Io, "the disk is gone"))].into_iter();
    assert!(text(model.fit_on(&mut failing(), quiet())).contains("the disk is gone"));
    assert_eq!(model.evaluate_on(&mut (1..4).map(batch), EvaluateOptions::new())?.loss(), 0.0);
    let outputs = model.predict_on(&mut (1..4).map(|n| batch(n).0), PredictOptions::new())?;
    assert_eq!(outputs[0].shape()[..], [6, 1]);
    Ok(())
}

#[test]
fn layers_that_are_frozen_after_the_first_step_need_a_new_compile() -> Result<()> {
    let model = Sequential::new().seed(3).add(Input::new([2])).add(Dense::new(2)).add(Dense::new(1));
    let (x, y) = (Array::zeros(DType::F32, [4, 2]), Array::zeros(DType::F32, [4, 1]));
    model.compile("sgd", "mse", ())?;
    model.layers()[0].base().set_trainable(false);
    model.fit(&x, &y, quiet())?;
    model.layers()[0].base().set_trainable(true);
    assert!(text(model.fit(&x, &y, quiet())).contains("compile the model anew"));
    model.compile("sgd", "mse", ())?;
    model.fit(&x, &y, quiet())?;
    Ok(())
}

#[test]
fn steps_that_run_eagerly_or_in_groups_give_the_same() -> Result<()> {
    let (x, y) = (Tensor::of([[1.0_f32, 2.0], [0.5, -1.0], [3.0, 1.0]]), Tensor::of([[1.0_f32], [0.0], [2.0]]));
    let losses = |options: CompileOptions| -> Result<Vec<f64>> {
        let model = Sequential::new().seed(3).add(Input::new([2])).add(Dense::new(1));
        model.compile_with(options.loss("mse").metrics(["mae"]))?;
        let history = model.fit(&x, &y, quiet().batch_size(1).epochs(2))?;
        Ok(history.get("loss").to_vec())
    };
    let expected = losses(CompileOptions::new("sgd"))?;
    let eager = losses(CompileOptions::new("sgd").run_eagerly(true))?;
    assert!(expected.iter().zip(&eager).all(|(a, b)| (a - b).abs() < 1e-6), "{expected:?} {eager:?}");
    assert_eq!(expected, losses(CompileOptions::new("sgd").steps_per_execution(2))?);
    Ok(())
}

/// A linear model that trains on the absolute error with a step of its own.
struct Own {
    base: LayerBase,
    dense: Arc<Dense>,
    trainer: Trainer,
    error: Arc<Mean>,
}

impl Layer for Own {
    fn class_name(&self) -> &str {
        "Own"
    }

    fn base(&self) -> &LayerBase {
        &self.base
    }

    fn arguments(&self) -> Map<String, Value> {
        Map::new()
    }

    fn build(&self, inputs: &[PartialShape], weights: &mut Weights<'_>) -> Result<()> {
        build(&*self.dense, inputs, weights.path(), weights.seeds())
    }

    fn call(&self, inputs: &[Tensor], call: &Call<'_>) -> Result<Tensors> {
        apply(&*self.dense, inputs, call.context)
    }

    fn compute_output_shape(&self, inputs: &[PartialShape]) -> Result<Vec<PartialShape>> {
        self.dense.compute_output_shape(inputs)
    }

    fn parts(&self) -> Vec<(String, Arc<dyn Layer>)> {
        vec![("dense".into(), self.dense.clone())]
    }
}

impl Model for Own {
    fn as_model(&self) -> &dyn Model {
        self
    }

    fn trainer(&self) -> &Trainer {
        &self.trainer
    }

    fn metrics(&self) -> Vec<Arc<dyn Metric>> {
        vec![self.error.clone()]
    }

    fn train_step(&self, data: &StepData) -> Result<StepLogs> {
        let weights = self.trainable_weights();
        let tape = GradientTape::new();
        let y_pred = self.forward_in(&data.x, &Context::training())?;
        let loss = (data.target()? - &y_pred[0]).abs().mean(&[], false);
        let gradients = tape.gradient(&loss, &weights.iter().map(|w| &w.variable).collect::<Vec<_>>())?;
        if let Some(optimizer) = self.optimizer() {
            apply_gradients(&*optimizer, &weights, gradients)?;
        }
        self.error.update(&loss, data.samples()?)?;
        Ok(StepLogs::of_metrics().with("own_loss", &loss).with("twice", &(loss.clone() * 2.0)))
    }

    fn test_step(&self, data: &StepData) -> Result<StepLogs> {
        let y_pred = self.forward_in(&data.x, &Context::inference())?;
        self.error.update(&(data.target()? - &y_pred[0]).abs().mean(&[], false), data.samples()?)?;
        Ok(StepLogs::of_metrics())
    }
}

#[test]
fn a_model_may_have_steps_of_its_own() -> Result<()> {
    let dense = Arc::new(Dense::new(1).kernel_initializer("ones"));
    let own = || Own {
        base: LayerBase::new("Own"),
        dense: dense.clone(),
        trainer: Trainer::default(),
        error: Arc::new(Mean::new("error").unwrap()),
    };
    let model: BoxedModel = own().boxed();
    model.compile_with(CompileOptions::new(Sgd::new().learning_rate(0.5)))?;
    let (x, y) = (Tensor::of([[1.0_f32], [2.0]]), Tensor::of([[0.0_f32], [1.0]]));
    let history = model.fit(&x, &y, quiet().batch_size(1).shuffle(false).epochs(1))?;
    // 1 · 1 = 1 is off by 1; then the kernel is 0.5 and the bias -0.5: 2 · 0.5 - 0.5 is off by 0.5.
    assert_eq!((history.last("own_loss"), history.last("twice")), (Some(0.5), Some(1.0)));
    assert_eq!(history.last("loss"), None);
    let logs = model.evaluate(&x, &y)?;
    // Then the kernel is 1.5 and the bias 0: off by 1.5 and by 2.
    assert_eq!(logs.get("error"), Some(1.75));
    assert_eq!(model.predict(&x)?.shape()[..], [2, 1]);
    Ok(())
}
