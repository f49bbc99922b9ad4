//! Runs optimizers, schedules, initializers, regularizers, constraints and activations on given numbers, for a program
//! that compares the results with Keras's.
//!
//! `optimizers CASES.json RESULTS.json`: see `crates/conformance/python/optimizers.py` for what the files have. Steps of
//! optimizers run as one traced function, as in training.

use cornet_cpu as _;
use cornet_error::{Error, Result, err};
use cornet_nn::activations::Activation;
use cornet_nn::constraints::Constraint;
use cornet_nn::initializers::Initializer;
use cornet_nn::layers::Weight;
use cornet_nn::optimizers::{OptimizerArg, optimizer_to_json, schedules};
use cornet_nn::regularizers::Regularizer;
use cornet_ops::{GradientTape, Tensor, Type, Variable};
use cornet_runtime::Concrete;
use cornet_tensor::{Array, DType, Shape};
use serde_json::{Map, Value, json};

fn wrong(what: &str) -> Error {
    err!(InvalidArgument, "cases: expected {what}")
}

fn list<'a>(value: &'a Value, what: &str) -> Result<&'a [Value]> {
    value.as_array().map(Vec::as_slice).ok_or_else(|| wrong(what))
}

fn shape(value: &Value) -> Result<Shape> {
    let sizes: Option<Vec<usize>> = list(value, "a shape")?.iter().map(|n| n.as_u64().map(|n| n as usize)).collect();
    Ok(Shape::new(&sizes.ok_or_else(|| wrong("sizes"))?))
}

fn array(values: &Value, shape: &Shape) -> Result<Array> {
    let values: Option<Vec<f64>> = list(values, "numbers")?.iter().map(Value::as_f64).collect();
    Array::from_f64(DType::F32, shape, &values.ok_or_else(|| wrong("numbers"))?)
}

/// The array that an object has as `shape` and `values`.
fn given(case: &Value) -> Result<Array> {
    array(&case["values"], &shape(&case["shape"])?)
}

fn numbers(array: &Array) -> Result<Value> {
    Ok(json!({"shape": array.shape()[..], "values": array.cast(DType::F64)?.to_vec::<f64>()?}))
}

fn optimizer(object: &Value, cases: &Value) -> Result<Value> {
    let optimizer = OptimizerArg::from_json(object)?;
    let optimizer = optimizer.optimizer();
    let weight = |case: &Value| {
        let path = case["path"].as_str().ok_or_else(|| wrong("a path"))?;
        let name = if path.ends_with("bias") { "bias" } else { "kernel" };
        let constraint = Constraint::from_json(&case["constraint"])?;
        Ok(Weight { variable: Variable::new(path, given(case)?)?, name, regularizer: None, constraint })
    };
    let weights = list(&cases["weights"], "weights")?.iter().map(weight).collect::<Result<Vec<_>>>()?;
    optimizer.build(&weights)?;
    let types: Vec<Type> =
        weights.iter().map(|w| Type { dtype: DType::F32, shape: w.variable.shape().clone() }).collect();
    let step = Concrete::trace("step", &types, |gradients| {
        optimizer.apply(&weights, gradients.to_vec(), None).map(|()| Vec::new())
    })?;
    for gradients in list(&cases["gradients"], "gradients")? {
        let each = list(gradients, "gradients")?.iter().zip(&types).map(|(values, ty)| array(values, &ty.shape));
        let each = each.collect::<Result<Vec<_>>>()?;
        step.run(&each.iter().collect::<Vec<_>>(), &mut Vec::new())?;
    }
    let values = |variables: &mut dyn Iterator<Item = Variable>| {
        variables.map(|v| numbers(&v.value()?)).collect::<Result<Vec<_>>>()
    };
    let names: Vec<String> = optimizer.variables().iter().map(|v| v.name().to_owned()).collect();
    let results = json!({
        "config": optimizer_to_json(&**optimizer)?, "names": names,
        "variables": values(&mut optimizer.variables().into_iter())?,
        "weights": values(&mut weights.iter().map(|w| w.variable.clone()))?,
    });
    optimizer.finalize_variable_values(&weights)?;
    let mut results = results;
    results["final_weights"] = values(&mut weights.iter().map(|w| w.variable.clone()))?.into();
    Ok(results)
}

fn schedule(case: &Value) -> Result<Value> {
    let schedule = schedules::from_json(&case["object"])?;
    let steps = list(&case["steps"], "steps")?.iter().map(|s| s.as_i64().ok_or_else(|| wrong("integers")));
    let rates = steps.map(|step| schedule.rate(&Tensor::of(step?)).item::<f32>().map(f64::from));
    Ok(json!({"config": schedules::to_json(&*schedule), "values": rates.collect::<Result<Vec<_>>>()?}))
}

fn initializer(case: &Value) -> Result<Value> {
    let initializer = Initializer::from_json(&case["object"])?;
    let made = initializer.make(&shape(&case["shape"])?, DType::F32, || 7)?;
    let mut result = numbers(&made)?;
    result["config"] = initializer.to_json();
    Ok(result)
}

fn regularizer(case: &Value) -> Result<Value> {
    let regularizer = Regularizer::from_json(&case["object"])?.ok_or_else(|| wrong("a regularizer"))?;
    differentiated(case, regularizer.to_json(), |x| regularizer.penalty(x))
}

fn constraint(case: &Value) -> Result<Value> {
    let constraint = Constraint::from_json(&case["object"])?.ok_or_else(|| wrong("a constraint"))?;
    let mut result = numbers(&constraint.apply(&given(case)?.into()).array()?)?;
    result["config"] = constraint.to_json();
    Ok(result)
}

fn activation(case: &Value) -> Result<Value> {
    let activation = Activation::from_json(&case["object"])?;
    differentiated(case, activation.to_json(), |x| activation.apply(x))
}

/// The value of `f` at the given point, and the gradient of the sum of its squares.
fn differentiated(case: &Value, config: Value, f: impl Fn(&Tensor) -> Tensor) -> Result<Value> {
    let x = Tensor::from(given(case)?);
    let tape = GradientTape::new();
    tape.watch(&x);
    let y = f(&x);
    let gradient = tape.gradient(&y.square().sum(&[], false), &[&x])?;
    let mut result = numbers(&y.array()?)?;
    result["gradient"] = numbers(&gradient[0].array()?)?;
    result["config"] = config;
    Ok(result)
}

fn main() -> Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [from, to] = &arguments[..] else { return Err(wrong("the files CASES.json and RESULTS.json")) };
    let text = std::fs::read(from).map_err(|e| err!(Io, "{from}: {e}"))?;
    let cases: Value = serde_json::from_slice(&text).map_err(|e| err!(InvalidArgument, "{from}: {e}"))?;
    let mut results = Map::new();
    type Run<'a> = &'a dyn Fn(&Value) -> Result<Value>;
    let kinds: [(&str, Run<'_>); 6] = [
        ("optimizers", &|object| optimizer(object, &cases)),
        ("schedules", &schedule),
        ("initializers", &initializer),
        ("regularizers", &regularizer),
        ("constraints", &constraint),
        ("activations", &activation),
    ];
    for (kind, run) in kinds {
        let mut found = Map::new();
        for (name, case) in cases[kind].as_object().into_iter().flatten() {
            found.insert(name.clone(), run(case).unwrap_or_else(|e| json!({"error": e.to_string()})));
        }
        results.insert(kind.into(), found.into());
    }
    std::fs::write(to, Value::from(results).to_string()).map_err(|e| err!(Io, "{to}: {e}"))
}
