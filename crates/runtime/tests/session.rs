//! Sessions: what is run, what is refused.

use cornet_ops::{Tensor, Type, Variable};
use cornet_runtime::session::{Fetch, Graph, Session};
use cornet_tensor::{Code, DType, Result};

#[test]
fn only_what_the_fetches_need_is_run_and_must_be_fed() -> Result<()> {
    let graph = Graph::new("g");
    let x = graph.placeholder("x", DType::F32, [2])?;
    let y = graph.placeholder("y", DType::F32, [2])?;
    let (a, b) = graph.build(|| (&x + 1.0, &x * &y));
    let session = Session::new(&graph);
    let fed = Tensor::of([1.0_f32, 2.0]);
    assert_eq!(session.run([&a], &[(&x, fed.clone())])?[0].to_vec::<f32>()?, [2.0, 3.0]);
    let error = session.run([&a, &b], &[(&x, fed.clone())]).unwrap_err();
    assert_eq!(error.code(), Code::InvalidArgument);
    assert!(error.to_string().contains("placeholder 'y' (float32[2]) is needed but not fed"), "{error}");
    let both = [(&y, fed.clone()), (&x, fed.clone())];
    let results = session.run([&b, &a, &b], &both)?;
    assert_eq!(results[0].to_vec::<f32>()?, [1.0, 4.0]);
    assert_eq!(results[1].to_vec::<f32>()?, [2.0, 3.0]);
    assert_eq!(results[2].to_vec::<f32>()?, [1.0, 4.0]);
    // Any tensor can be fed: what leads to it is not run.
    let c = graph.build(|| &b * 10.0);
    assert_eq!(session.run([&c], &[(&b, fed)])?[0].to_vec::<f32>()?, [10.0, 20.0]);
    Ok(())
}

#[test]
fn a_set_of_fetches_and_feeds_is_compiled_once() -> Result<()> {
    let graph = Graph::new("g");
    let x = graph.placeholder("x", DType::F32, [])?;
    let y = graph.build(|| x.exp());
    let session = Session::new(&graph);
    for i in 0..5 {
        let found = session.run([&y], &[(&x, Tensor::of(i as f32))])?[0].item::<f32>()?;
        assert!((found - (i as f32).exp()).abs() < 1e-4 * found);
    }
    assert_eq!(session.compiled(), 1);
    session.run([&y, &x], &[(&x, Tensor::of(0.0_f32))])?;
    assert_eq!(session.compiled(), 2);
    Ok(())
}

#[test]
fn feeds_are_checked() -> Result<()> {
    let (graph, other) = (Graph::new("g"), Graph::new("other"));
    let x = graph.placeholder("x", DType::F32, [2])?;
    let stranger = other.placeholder("x", DType::F32, [2])?;
    let y = graph.build(|| &x + 1.0);
    let session = Session::new(&graph);
    let good = Tensor::of([1.0_f32, 2.0]);
    let fails = |feeds: &[(&Tensor, Tensor)], code: Code, text: &str| {
        let error = session.run([&y], feeds).unwrap_err();
        assert_eq!(error.code(), code, "{error}");
        assert!(error.to_string().contains(text), "{error}");
    };
    fails(&[(&x, Tensor::of([1.0_f32]))], Code::ShapeMismatch, "feed of 'x': expected float32[2], found float32[1]");
    fails(&[(&x, Tensor::of([1_i32, 2]))], Code::DtypeMismatch, "feed of 'x': expected float32[2], found int32[2]");
    fails(&[(&stranger, good.clone())], Code::NotTraced, "another graph");
    fails(&[(&good, good.clone())], Code::NotTraced, "expected a placeholder");
    fails(&[(&x, good.clone()), (&x, good.clone())], Code::InvalidArgument, "'x' is fed twice");
    fails(&[(&x, y.clone())], Code::NotTraced, "no value while its graph is built");
    assert_eq!(session.run([&stranger], &[]).unwrap_err().code(), Code::NotTraced);
    assert_eq!(session.run(["nothing"], &[]).unwrap_err().code(), Code::NotFound);
    assert_eq!(graph.placeholder("x", DType::F32, [1]).unwrap_err().code(), Code::AlreadyExists);
    assert_eq!(graph.operation("none", || Ok(())).err().map(|e| e.code()), Some(Code::InvalidArgument));
    Ok(())
}

#[test]
fn variables_must_be_initialised_and_are_named_if_not() -> Result<()> {
    let graph = Graph::new("g");
    let w = graph.variable("layer/w", Tensor::of([1.0_f32, 2.0]))?;
    let b = graph.variable("layer/b", Tensor::of([0.5_f32, 0.5]))?;
    let y = graph.build(|| w.read() + b.read());
    let session = Session::new(&graph);
    let error = session.run([&y], &[]).unwrap_err();
    assert_eq!(error.code(), Code::Uninitialized);
    assert!(error.to_string().contains("'layer/w'") && error.to_string().contains("initializer"), "{error}");
    let step = graph.operation("step", || w.assign_add(&b.read()))?;
    assert_eq!(session.run([&step], &[]).unwrap_err().code(), Code::Uninitialized);
    assert!(session.run([&graph.global_variables_initializer()], &[])?.is_empty());
    assert_eq!(session.run([&y], &[])?[0].to_vec::<f32>()?, [1.5, 2.5]);
    // A fetch beside an assignment sees the value from before.
    let both: [Fetch; 2] = [(&y).into(), (&step).into()];
    assert_eq!(session.run(&both, &[])?[0].to_vec::<f32>()?, [1.5, 2.5]);
    assert_eq!(session.run(["step"], &[])?.len(), 0);
    assert_eq!(w.value()?.to_vec::<f32>()?, [2.0, 3.0]);
    let other = graph.assign("reset", &w, &Tensor::of([0.0_f32, 0.0]))?;
    let error = session.run([&step, &other], &[]).unwrap_err();
    assert!(error.to_string().contains("'layer/w' is assigned by two"), "{error}");
    session.run([&other], &[])?;
    assert_eq!(session.run([&y], &[])?[0].to_vec::<f32>()?, [0.5, 0.5]);
    Ok(())
}

#[test]
fn assignments_belong_into_operations() -> Result<()> {
    let graph = Graph::new("g");
    let v = graph.variable("v", Tensor::of(1.0_f32))?;
    let error = graph.build(|| v.assign(&(v.read() + 1.0))).unwrap_err();
    assert_eq!(error.code(), Code::InvalidState);
    assert!(error.to_string().contains("'v' is assigned while a graph is built"), "{error}");
    // Inside one operation, reads see what was assigned before.
    let twice = graph.operation("twice", || {
        v.assign_add(&Tensor::of(1.0_f32))?;
        v.assign(&(v.read() * 10.0))
    })?;
    let session = Session::new(&graph);
    session.run([&graph.global_variables_initializer()], &[])?;
    session.run([&twice], &[])?;
    assert_eq!(v.value()?.item::<f32>()?, 20.0);
    // And reads built later see the variable itself.
    let now = graph.build(|| v.read() + 0.5);
    assert_eq!(session.run([&now], &[])?[0].item::<f32>()?, 20.5);
    Ok(())
}

#[test]
fn operations_are_listed_and_found_by_name() -> Result<()> {
    let graph = Graph::new("g");
    let x = graph.placeholder("x", DType::F32, [2])?;
    let v = graph.variable("v", Tensor::of([1.0_f32, 1.0]))?;
    graph.build(|| cornet_ops::scope("dense", || (&x * &x) + v.read()));
    graph.assign("keep", &v, &x)?;
    let listed = graph.get_operations();
    let names: Vec<&str> = listed.iter().map(|o| o.name.as_str()).collect();
    assert_eq!(names, ["x", "v", "constant", "dense/multiply", "dense/add", "keep"]);
    let add = listed.iter().find(|o| o.name == "dense/add").unwrap();
    assert_eq!((add.op.as_str(), &add.inputs[..]), ("add", &["dense/multiply".to_string(), "v".to_string()][..]));
    assert_eq!(add.outputs, [Type::new(DType::F32, [2])]);
    let product = graph.get_tensor_by_name("dense/multiply:0")?;
    let session = Session::new(&graph);
    assert_eq!(session.run([&product], &[(&x, Tensor::of([3.0_f32, 4.0]))])?[0].to_vec::<f32>()?, [9.0, 16.0]);
    assert_eq!(session.run(["dense/multiply"], &[(&x, Tensor::of([3.0_f32, 4.0]))])?[0].to_vec::<f32>()?, [9.0, 16.0]);
    assert!(graph.get_tensor_by_name("dense/multiply:1").is_err());
    Ok(())
}

#[test]
fn a_model_trains_by_gradients_of_the_graph() -> Result<()> {
    let graph = Graph::new("fit");
    let x = graph.placeholder("x", DType::F32, [4, 1])?;
    let y = graph.placeholder("y", DType::F32, [4, 1])?;
    let w = graph.variable("w", Tensor::of([[0.0_f32]]))?;
    let b = graph.variable("b", Tensor::of([0.0_f32]))?;
    let loss = graph.build(|| (x.matmul(w.read()) + b.read() - &y).square().sum(&[], false));
    let gradients = graph.gradients(&loss, &[&w, &b])?;
    let train = graph.operation("train", || {
        w.assign_sub(&(&gradients[0] * 0.02))?;
        b.assign_sub(&(&gradients[1] * 0.02))
    })?;
    let by_input = graph.gradients(&loss, &[&x])?;
    let session = Session::new(&graph);
    session.run([&graph.global_variables_initializer()], &[])?;
    let feeds =
        [(&x, Tensor::of([[0.0_f32], [1.0], [2.0], [3.0]])), (&y, Tensor::of([[1.0_f32], [3.0], [5.0], [7.0]]))];
    for _ in 0..300 {
        session.run([&train], &feeds)?;
    }
    assert!((w.value()?.item::<f32>()? - 2.0).abs() < 0.01 && (b.value()?.item::<f32>()? - 1.0).abs() < 0.01);
    w.set(cornet_tensor::Array::from_literal([[3.0_f32]])?)?;
    b.set(cornet_tensor::Array::from_literal([1.0_f32])?)?;
    // Residuals are 0, 1, 2, 3; d loss / d x = 2 · residual · w.
    assert_eq!(session.run([&by_input[0]], &feeds)?[0].to_vec::<f32>()?, [0.0, 6.0, 12.0, 18.0]);
    Ok(())
}

#[test]
fn variables_made_elsewhere_work_too() -> Result<()> {
    let graph = Graph::new("g");
    let v = Variable::new("v", Tensor::of(3.0_f32))?;
    let y = graph.build(|| v.read() * 2.0);
    assert_eq!(Session::new(&graph).run([&y], &[])?[0].item::<f32>()?, 6.0);
    Ok(())
}
