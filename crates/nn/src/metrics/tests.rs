//! Values of Keras's documentation and worked out by hand, configs, words, traced steps.

use std::sync::Arc;

use cornet_cpu as _;
use cornet_ops::Tensor;
use cornet_tensor::{DType, Shape};
use serde_json::json;

use super::*;
use crate::losses::{Huber, Loss, MeanSquaredError};
use crate::saving::config;

#[track_caller]
fn result(metric: impl Metric, y_true: &Tensor, y_pred: &Tensor, weight: Option<&Tensor>) -> f64 {
    metric.update_state(y_true, y_pred, weight).unwrap();
    metric.result().unwrap()
}

#[track_caller]
fn near(found: f64, expected: f64) {
    assert!((found - expected).abs() < 1e-5, "expected {expected}, found {found}");
}

#[test]
fn right_and_wrong_claims_are_counted() {
    let (t, y) = (Tensor::of([0, 1, 1, 1]), Tensor::of([1.0_f32, 0.0, 1.0, 1.0]));
    let weight = Tensor::of([0.0_f32, 0.0, 1.0, 0.0]);
    near(result(Precision::new(), &t, &y, None), 2.0 / 3.0);
    near(result(Precision::new(), &t, &y, Some(&weight)), 1.0);
    near(result(Recall::new(), &t, &y, None), 2.0 / 3.0);
    near(result(FalsePositives::new(), &t, &y, None), 1.0);
    let at = TruePositives::new().thresholds([0.2, 1.0]);
    at.update_state(&t, &y, None).unwrap();
    assert_eq!(at.result_array().unwrap().to_vec::<f32>().unwrap(), [2.0, 0.0]);
    near(at.result().unwrap(), 1.0);
    at.reset_state().unwrap();
    near(at.result().unwrap(), 0.0);
}

#[test]
fn operating_points_are_those_of_keras() {
    let (t, y) = (Tensor::of([0, 0, 0, 1, 1]), Tensor::of([0.0_f32, 0.3, 0.8, 0.3, 0.8]));
    let weight = Tensor::of([1.0_f32, 1.0, 2.0, 2.0, 1.0]);
    near(result(SensitivityAtSpecificity::new(0.5), &t, &y, None), 0.5);
    near(result(SensitivityAtSpecificity::new(0.5), &t, &y, Some(&weight)), 1.0 / 3.0);
    near(result(SpecificityAtSensitivity::new(0.5), &t, &y, None), 2.0 / 3.0);
    near(result(PrecisionAtRecall::new(0.5), &t, &y, None), 0.5);
    near(
        result(RecallAtPrecision::new(0.8), &Tensor::of([0, 0, 1, 1]), &Tensor::of([0.0_f32, 0.5, 0.3, 0.9]), None),
        0.5,
    );
}

#[test]
fn regions_and_numbers() {
    let (t, y) = (Tensor::of([0, 0, 1, 1]), Tensor::of([0, 1, 0, 1]));
    near(result(MeanIoU::new(2), &t, &y, None), 1.0 / 3.0);
    let weight = Tensor::of([0.3_f32, 0.3, 0.3, 0.1]);
    near(result(MeanIoU::new(2).dtype(DType::F32), &t, &y, Some(&weight)), 0.238_095_2);
    near(result(IoU::new(2, [0]), &t, &y, None), 1.0 / 3.0);
    let probabilities = Tensor::of([0.1_f32, 0.2, 0.4, 0.7]);
    near(result(BinaryIoU::new().threshold(0.3), &Tensor::of([0, 1, 0, 1]), &probabilities, None), 1.0 / 3.0);
    let (t, y) = (Tensor::of([[1.0_f32], [4.0], [3.0]]), Tensor::of([[2.0_f32], [4.0], [4.0]]));
    near(result(R2Score::new(), &t, &y, None), 0.571_428_5);
    let (t, y) =
        (Tensor::of([[0.0_f32, 1.0, 0.5], [1.0, 1.0, 0.2]]), Tensor::of([[0.1_f32, 0.9, 0.5], [1.0, 0.9, 0.2]]));
    near(result(MeanMetric::new(PearsonCorrelation::default()), &t, &y, None), 0.996_699_57);
    near(result(MeanMetric::new(ConcordanceCorrelation::default()), &t, &y, None), 0.981_632_0);
}

#[test]
fn wrong_arguments_are_reported_when_used() {
    let word = |metric: &dyn Metric| metric.result().unwrap_err().code().word();
    assert_eq!(word(&AUC::new().curve("ROCK")), "invalid_argument");
    assert_eq!(word(&AUC::new().num_thresholds(1)), "invalid_argument");
    assert_eq!(word(&Precision::new().thresholds(1.5)), "out_of_range");
    assert_eq!(word(&RecallAtPrecision::new(2.0)), "out_of_range");
    assert_eq!(word(&F1Score::new().threshold(0.0)), "out_of_range");
    assert_eq!(word(&IoU::new(2, [2])), "out_of_range");
    let (t, y) = (Tensor::of([[1.0_f32, 0.0]]), Tensor::of([[0.5_f32, 0.5]]));
    let error = Precision::new().class_id(2).name("p").update_state(&t, &y, None).unwrap_err().to_string();
    assert!(error.starts_with("metric p: class_id: expected 0 to 1, found 2"), "{error}");
    assert!(AUC::new().multi_label(true).update_state(&Tensor::of([1.0_f32]), &Tensor::of([1.0_f32]), None).is_err());
    assert!(FalsePositives::new().update_state(&t, &y, Some(&Tensor::of([1.0_f32, 2.0, 3.0]))).is_err());
}

#[test]
fn configs_come_back() {
    let all: [MetricArg; 8] = [
        AUC::new().thresholds([0.7, 0.2]).multi_label(true).label_weights([0.5, 2.0]).curve("PR").name("area").into(),
        OneHotMeanIoU::new(3).ignore_class(1).name("iou").into(),
        BinaryIoU::new().threshold(0.25).name("b").into(),
        FBetaScore::new().beta(2.0).average("macro").into(),
        R2Score::new().class_aggregation(ClassAggregation::None).into(),
        SparseTopKCategoricalAccuracy { k: 3, from_sorted_ids: true }.into(),
        MeanMetric::of_loss(Huber { delta: 0.5 }).into(),
        Mean::new("m").unwrap().dtype(DType::F64).into(),
    ];
    for metric in all {
        let written = metric.to_json();
        assert_eq!(MetricArg::from_json(&written).unwrap().to_json(), written);
    }
    let whole = json!({"module": "keras.metrics", "class_name": "MeanMetricWrapper", "registered_name": null, "config": {
        "name": "whole", "dtype": "float32", "fn": Loss::from(MeanSquaredError).to_json()}});
    assert_eq!(MetricArg::from_json(&whole).unwrap().to_json(), whole);
    let own: MetricArg = MeanMetric::from_fn("own", |t, y| t - y).into();
    assert_eq!(own.to_json()["config"]["fn"], config::function("own"));
    assert!(MetricArg::from_json(&own.to_json()).is_err());
}

#[test]
fn words_are_classes_and_names_in_snake_case() {
    for word in
        ["f1_score", "AUC", "auc", "r2_score", "mse", "LogCoshError", "log_cosh_error", "precision", "huber", "acc"]
    {
        assert!(check_word(word).is_ok(), "{word}");
        let metric = MetricArg::from(word).resolve(&[4, 3][..].into(), &[4, 3][..].into()).unwrap();
        assert_eq!(metric.name(), word);
    }
    assert_eq!(get("cosine_similarity").unwrap().class_name(), "CosineSimilarity");
    assert!(check_word("no_metric").is_err());
    assert!(check_word("mean_io_u").is_err());
}

#[test]
fn a_traced_step_updates_the_state() {
    let metric: Arc<dyn Metric> = Arc::new(F1Score::new());
    let types = [cornet_ops::Type::new(DType::F32, [2, 2]), cornet_ops::Type::new(DType::F32, [2, 2])];
    let step = |all: &[Tensor]| metric.update_state(&all[0], &all[1], None).map(|()| Vec::new());
    let function = cornet_runtime::Concrete::trace("step", &types, step).unwrap();
    let (t, y) = (Tensor::of([[1.0_f32, 0.0], [0.0, 1.0]]), Tensor::of([[0.9_f32, 0.1], [0.6, 0.4]]));
    let (t, y) = (t.array().unwrap(), y.array().unwrap());
    for _ in 0..2 {
        function.run(&[&t, &y], &mut Vec::new()).unwrap();
    }
    let found = metric.result_array().unwrap();
    assert_eq!(found.shape(), &Shape::from([2]));
    near(metric.result().unwrap(), 1.0 / 3.0);
    assert_eq!(metric.variables()[0].read().to_vec::<f32>().unwrap(), [2.0, 0.0]);
}
