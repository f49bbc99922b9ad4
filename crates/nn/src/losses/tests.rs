//! Values worked out by hand, and configs.

use cornet_ops::Tensor;
use serde_json::json;

use super::*;

fn value(loss: impl Into<Loss>, y_true: &Tensor, y_pred: &Tensor) -> f64 {
    f64::from(loss.into().call(y_true, y_pred).unwrap().item::<f32>().unwrap())
}

#[track_caller]
fn near(found: f64, expected: f64) {
    assert!((found - expected).abs() < 1e-6, "expected {expected}, found {found}");
}

#[test]
fn regions_overlap() {
    let (t, y) = (Tensor::of([[1.0_f32, 1.0, 0.0, 0.0]]), Tensor::of([[1.0_f32, 0.5, 0.5, 0.0]]));
    near(value(Dice::default(), &t, &y), 0.25);
    near(value(Tversky { alpha: 1.0, beta: 0.0, axis: vec![1] }, &t, &y), 0.25);
}

#[test]
fn focal_losses_weigh_easy_samples_less() {
    let half = Tensor::of([[0.5_f32, 0.5]]);
    let ln2 = std::f64::consts::LN_2;
    near(value(CategoricalFocalCrossentropy::default(), &Tensor::of([[0.0_f32, 1.0]]), &half), 0.0625 * ln2);
    let one = Tensor::of([[1.0_f32, 1.0]]);
    near(value(BinaryFocalCrossentropy::default(), &one, &half), 0.25 * ln2);
    let balanced = BinaryFocalCrossentropy { apply_class_balancing: true, ..BinaryFocalCrossentropy::default() };
    near(value(balanced, &one, &half), 0.0625 * ln2);
    let p = Tensor::of([[0.75_f32, 0.25]]);
    near(value(CategoricalGeneralizedCrossEntropy::default(), &Tensor::of([1]), &p), 1.0);
    let wrong = Loss::from(CategoricalGeneralizedCrossEntropy { q: 1.0 });
    assert_eq!(wrong.call(&Tensor::of([1]), &p).unwrap_err().code().word(), "invalid_argument");
}

#[test]
fn directions_and_neighbours() {
    let (t, y) = (Tensor::of([[0.0_f32, 1.0], [1.0, 1.0]]), Tensor::of([[1.0_f32, 0.0], [1.0, 1.0]]));
    near(value(CosineSimilarity::default(), &t, &y), -0.5);
    // The third sample has no other of its class, so no loss, and does not count.
    let embeddings = Tensor::of([[1.0_f32, 0.0], [1.0, 0.0], [0.0, 1.0]]);
    let circle = Circle { gamma: 1.0, ..Circle::default() };
    near(value(circle, &Tensor::of([0, 0, 1]), &embeddings), (-0.32_f64).exp().ln_1p());
    assert!(Loss::from(Circle::default()).call(&Tensor::of([0, 1]), &embeddings).is_err());
}

#[test]
fn classes_may_lie_along_another_axis() {
    let logits = Tensor::of([[[1.0_f32, 0.0], [2.0, 3.0], [0.0, 0.0]]]);
    let labels = Tensor::of([[1, 0]]);
    let along = SparseCategoricalCrossentropy { axis: 1, ..SparseCategoricalCrossentropy::on_logits() };
    let moved = value(SparseCategoricalCrossentropy::on_logits(), &labels, &logits.swap_last());
    near(value(along, &labels, &logits), moved);
}

#[test]
fn words_choose_by_shapes_or_by_name() {
    let y = Tensor::of([[0.25_f32, 0.75]]);
    let by = |word: &str, t: &Tensor, y: &Tensor| value(get(word).unwrap(), t, y);
    near(by("ce", &Tensor::of([1]), &y), by("sparse_categorical_crossentropy", &Tensor::of([1]), &y));
    let one_hot = Tensor::of([[0.0_f32, 1.0]]);
    near(by("crossentropy", &one_hot, &y), by("CategoricalCrossentropy", &one_hot, &y));
    let (t, p) = (Tensor::of([[1.0_f32]]), Tensor::of([[0.75_f32]]));
    near(by("crossentropy", &t, &p), by("BCE", &t, &p));
    assert_eq!(get("ce").unwrap().to_json(), json!("ce"));
    assert_eq!(get("no_loss").err().unwrap().code().word(), "invalid_argument");
}

#[test]
fn configs_come_back() {
    let all = [
        Loss::from(Tversky { alpha: 0.3, beta: 0.7, axis: vec![1, 2] }),
        Loss::from(Dice { axis: vec![1] }).name("mine").reduction(Reduction::Sum),
        Loss::from(Circle { remove_diagonal: false, ..Circle::default() }).reduction(Reduction::None),
        Loss::from(BinaryFocalCrossentropy { gamma: 1.0, ..BinaryFocalCrossentropy::default() }),
        Loss::from(CosineSimilarity { axis: 1 }),
    ];
    for loss in all {
        assert_eq!(Loss::from_json(&loss.to_json()).unwrap().to_json(), loss.to_json());
    }
    let own = Loss::from_fn("own", |t, y| t - y);
    let expected =
        json!({"module": "builtins", "class_name": "function", "config": "own", "registered_name": "function"});
    assert_eq!(own.to_json(), expected);
    assert_eq!(Loss::from_json(&expected).err().unwrap().code().word(), "unsupported");
    let failing = Loss::from_fn("failing", |t, y| t.matmul(y));
    assert!(failing.call(&Tensor::of([[1.0_f32, 2.0]]), &Tensor::of([[1.0_f32, 2.0]])).is_err());
}
