"""Compares Cornet's losses and metrics with Keras's: values, gradients, state, configs, words.

Usage: python metrics.py METRIC_CASES [SEED] [CLASS ...] [--verbose]

METRIC_CASES is the program `cargo build -p cornet-conformance --bin metric_cases` makes. Needs Keras 3.15.1 with
TensorFlow. Without classes all of them. Prints one line a class and ends with 1 if one fails.
"""

import os

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ["KERAS_BACKEND"] = "tensorflow"

import argparse
import inspect
import json
import subprocess
import sys
import time
import warnings

import keras
import numpy as np
import tensorflow as tf
from keras.src.backend.common.masking import set_keras_mask
from keras.src.losses import ALL_OBJECTS_DICT as LOSS_WORDS
from keras.src.metrics import ALL_OBJECTS_DICT as METRIC_WORDS
from keras.src.utils.naming import reset_uids

from _exchange import Folder, deviation, difference, order, plain

warnings.filterwarnings("ignore")
tf.get_logger().setLevel("ERROR")
tf.config.threading.set_intra_op_parallelism_threads(1)
tf.config.threading.set_inter_op_parallelism_threads(1)

WITHIN = 1e-6
"""The largest deviation of a value relative to the scale of its array."""

GRADIENT_WITHIN = 1e-5
"""The same for gradients: they have more steps of rounding."""

LOOSER = {"Circle": 2e-5, "CTC": 5e-6, "R2Score": 1e-4}
"""Classes whose formula multiplies rounding: exponents of up to 80 times a difference; sums over all alignments;
variances as differences of sums, of as few as three samples."""

UNIT = {"AUC", "Mean", "PearsonCorrelation", "Sum", "ConcordanceCorrelation", "CosineSimilarity"}
"""Metrics of numbers around 1 whose sum may come close to 0; their scale is at least 1."""

REDUCTIONS = ["sum_over_batch_size", "sum", "mean", "mean_with_sample_weight", None]


# Data. Each function takes the generator and gives targets and predictions.


def softmax(x, axis=-1):
    e = np.exp(x - x.max(axis=axis, keepdims=True))
    return (e / e.sum(axis=axis, keepdims=True)).astype("float32")


def numbers(*shape, positive=False):
    def make(r, n):
        y, p = r.standard_normal((n, *shape)), r.standard_normal((n, *shape))
        return (np.abs(y), np.abs(p) + 0.05) if positive else (y, p)
    return make


def distributions(*shape):
    return lambda r, n: (softmax(r.standard_normal((n, *shape))), softmax(r.standard_normal((n, *shape))))


def signs(*shape, zeros=False):
    return lambda r, n: (r.integers(0, 2, (n, *shape)) * (1 if zeros else 2) - (0 if zeros else 1), r.standard_normal((n, *shape)))


def one_hot(*shape, axis=-1, logits=False):
    def make(r, n):
        full = (n, *shape)
        classes = full[axis]
        rows = [d for i, d in enumerate(full) if i != axis % len(full)]
        y = np.moveaxis(np.eye(classes)[r.integers(0, classes, rows)], -1, axis)
        p = r.standard_normal(full)
        return y, p if logits else softmax(p, axis)
    return make


def sparse(*shape, axis=-1, logits=False, column=False, void=None):
    def make(r, n):
        full = (n, *shape)
        classes = full[axis]
        rows = [d for i, d in enumerate(full) if i != axis % len(full)]
        y = r.integers(0, classes, rows)
        if void is not None:
            y = np.where(r.random(y.shape) < 0.3, void, y)
        p = r.standard_normal(full)
        return np.expand_dims(y, axis) if column else y, p if logits else softmax(p, axis)
    return make


def binary(*shape, logits=False, coarse=False, soft=False):
    def make(r, n):
        p = r.standard_normal((n, *shape))
        p = p if logits else 1 / (1 + np.exp(-2 * p))
        y = r.random((n, *shape)) if soft else r.integers(0, 2, (n, *shape))
        return y, np.round(p * 10) / 10 if coarse else p
    return make


def embeddings(classes, features, column=False):
    def make(r, n):
        p = r.standard_normal((n, features))
        y = r.integers(0, classes, (n, 1) if column else n)
        return y, p / np.linalg.norm(p, axis=-1, keepdims=True)
    return make


def sequences(length, steps, classes):
    def make(r, n):
        y = r.integers(1, classes, (n, length))
        y[np.arange(length)[None] >= r.integers(1, length + 1, n)[:, None]] = 0
        return y, r.standard_normal((n, steps, classes))
    return make


def labels(*shape, classes, beyond=0):
    return lambda r, n: (r.integers(0, classes + beyond, (n, *shape)), r.integers(0, classes + beyond, (n, *shape)))


def ranked(k, classes):
    return lambda r, n: (r.integers(0, classes, n), np.stack([r.permutation(classes)[:k] for _ in range(n)]).astype("float32"))


def equal_numbers(*shape):
    return lambda r, n: (r.integers(0, 3, (n, *shape)), r.integers(0, 3, (n, *shape)).astype("float32"))


# Cases: class, arguments, data.


def losses():
    for name in ("MeanSquaredError", "MeanAbsoluteError", "MeanAbsolutePercentageError", "LogCosh", "MeanSquaredLogarithmicError"):
        for data in (numbers(4), numbers(3, 5), numbers(1), numbers(), numbers(3, positive=True)):
            yield name, {}, data
    for axis in (-1, 1, 0):
        yield "CosineSimilarity", {"axis": axis}, numbers(4, 3)
    yield "CosineSimilarity", {}, numbers(6)
    for delta in (1.0, 0.3, 2.5):
        yield "Huber", {"delta": delta}, numbers(4, 2)
    for name in ("Hinge", "SquaredHinge"):
        for data in (signs(4), signs(4, zeros=True), signs(2, 3), signs(1, zeros=True)):
            yield name, {}, data
    yield "CategoricalHinge", {}, one_hot(5, logits=True)
    yield "CategoricalHinge", {}, one_hot(3, 5, logits=True)
    for data in (distributions(5), distributions(3, 4), numbers(4, positive=True)):
        yield "KLDivergence", {}, data
        yield "Poisson", {}, data
    for logits in (False, True):
        for smoothing in (0.0, 0.2):
            common = {"from_logits": logits, "label_smoothing": smoothing}
            for data in (binary(4, logits=logits), binary(3, 2, logits=logits), binary(1, logits=logits, soft=True)):
                yield "BinaryCrossentropy", common, data
                yield "BinaryFocalCrossentropy", common, data
            yield "BinaryCrossentropy", {**common, "axis": 1}, binary(3, 2, logits=logits)
            yield "BinaryFocalCrossentropy", {**common, "axis": 1, "gamma": 1.5, "alpha": 0.6, "apply_class_balancing": True}, binary(3, 2, logits=logits)
            yield "BinaryFocalCrossentropy", {**common, "gamma": 0.0}, binary(5, logits=logits)
            for name in ("CategoricalCrossentropy", "CategoricalFocalCrossentropy"):
                yield name, common, one_hot(5, logits=logits)
                yield name, common, one_hot(2, 3, 4, logits=logits)
                # Keras counts the classes along the last axis, whatever the axis, so that both have to be of one size.
                yield name, {**common, "axis": 1}, one_hot(4, 4, axis=1, logits=logits)
            yield "CategoricalFocalCrossentropy", {**common, "alpha": 0.7, "gamma": 0.5}, one_hot(6, logits=logits)
        for data in (sparse(5, logits=logits), sparse(5, logits=logits, column=True), sparse(3, 4, logits=logits)):
            yield "SparseCategoricalCrossentropy", {"from_logits": logits}, data
        for void in (-1, 255, 2):
            yield "SparseCategoricalCrossentropy", {"from_logits": logits, "ignore_class": void}, sparse(3, 4, logits=logits, void=void)
    for q in (0.5, 0.1, 0.9):
        yield "CategoricalGeneralizedCrossEntropy", {"q": q}, sparse(5)
        yield "CategoricalGeneralizedCrossEntropy", {"q": q}, sparse(3, 4)
    for axis in (None, 1, -1, (1, 2), (1, 2, 3)):
        yield "Dice", {"axis": axis}, binary(4, 3, 2)
        yield "Tversky", {"axis": axis}, binary(4, 3, 2)
        yield "Tversky", {"axis": axis, "alpha": 0.3, "beta": 0.8}, binary(4, 3, 2, soft=True)
    for arguments in ({}, {"gamma": 20.0}, {"margin": 0.25}, {"remove_diagonal": False}):
        yield "Circle", arguments, embeddings(3, 6)
        yield "Circle", arguments, embeddings(4, 8, column=True)
    yield "CTC", {}, sequences(3, 9, 5)
    yield "CTC", {}, sequences(4, 12, 7)


CURVES = [{"curve": c, "summation_method": m} for c in ("ROC", "PR", "PRGAIN") for m in ("interpolation", "majoring", "minoring")]


def metrics():
    for name in ("MeanSquaredError", "MeanAbsoluteError", "MeanAbsolutePercentageError", "LogCoshError",
                 "MeanSquaredLogarithmicError", "RootMeanSquaredError"):
        for data in (numbers(4), numbers(3, 5), numbers(1), numbers(3, positive=True)):
            yield name, {}, data
    for axis in (-1, 1):
        for name in ("CosineSimilarity", "PearsonCorrelation", "ConcordanceCorrelation"):
            yield name, {"axis": axis}, numbers(4, 6)
            yield name, {"axis": axis}, numbers(6)
    for name in ("Hinge", "SquaredHinge"):
        for data in (signs(4), signs(4, zeros=True), signs(2, 3)):
            yield name, {}, data
    yield "CategoricalHinge", {}, one_hot(5, logits=True)
    for data in (distributions(5), distributions(3, 4)):
        yield "KLDivergence", {}, data
        yield "Poisson", {}, data
    for logits in (False, True):
        for smoothing in (0, 0.2):
            common = {"from_logits": logits, "label_smoothing": smoothing}
            yield "BinaryCrossentropy", common, binary(4, logits=logits)
            yield "BinaryCrossentropy", common, binary(3, 2, logits=logits)
            yield "CategoricalCrossentropy", common, one_hot(5, logits=logits)
            yield "CategoricalCrossentropy", {**common, "axis": 1}, one_hot(4, 3, axis=1, logits=logits)
        yield "SparseCategoricalCrossentropy", {"from_logits": logits}, sparse(5, logits=logits, column=True)
        yield "SparseCategoricalCrossentropy", {"from_logits": logits, "ignore_class": 255}, sparse(3, 4, logits=logits, void=255)
    for data in (equal_numbers(4), equal_numbers(3, 2), equal_numbers(1)):
        yield "Accuracy", {}, data
    for threshold in (0.5, 0.3, 0.9):
        for data in (binary(4), binary(1), binary(3, 2, coarse=True)):
            yield "BinaryAccuracy", {"threshold": threshold}, data
    for data in (one_hot(5), one_hot(3, 4), one_hot(2, 3, 4)):
        yield "CategoricalAccuracy", {}, data
        yield "TopKCategoricalAccuracy", {"k": 2}, data
    yield "TopKCategoricalAccuracy", {}, one_hot(12)
    for data in (sparse(5), sparse(5, column=True), sparse(3, 4)):
        yield "SparseCategoricalAccuracy", {}, data
        yield "SparseTopKCategoricalAccuracy", {"k": 2}, data
    yield "SparseTopKCategoricalAccuracy", {"k": 3, "from_sorted_ids": True}, ranked(5, 8)
    yield from confusion_metrics()
    for name, beta in (("F1Score", {}), ("FBetaScore", {"beta": 0.5}), ("FBetaScore", {"beta": 2.0})):
        for average in (None, "micro", "macro", "weighted"):
            yield name, {**beta, "average": average}, one_hot(5)
            yield name, {**beta, "average": average, "threshold": 0.4}, binary(4)
    for aggregation in (None, "uniform_average", "variance_weighted_average"):
        for regressors in (0, 2, 500):
            yield "R2Score", {"class_aggregation": aggregation, "num_regressors": regressors}, numbers(3)
    yield "R2Score", {}, numbers(1)
    yield from overlap_metrics()
    for fn in ("huber", "mean_absolute_error", "log_cosh", "pearson_correlation"):
        function = getattr(keras.losses, fn, None) or getattr(keras.metrics, fn)
        yield "MeanMetricWrapper", {"fn": function, **({"delta": 0.5} if fn == "huber" else {})}, numbers(4)
    yield "MeanMetricWrapper", {"fn": keras.losses.MeanSquaredError()}, numbers(4)
    yield "MeanMetricWrapper", {"fn": keras.losses.Huber(delta=1.0, reduction="sum")}, numbers(4)


def confusion_metrics():
    for name in ("TruePositives", "FalsePositives", "TrueNegatives", "FalseNegatives", "Precision", "Recall"):
        for thresholds in (None, 0.3, [0.2, 0.7], [0.0, 0.25, 0.5, 0.75, 1.0]):
            for data in (binary(4), binary(), binary(1, coarse=True), binary(2, 3)):
                yield name, {"thresholds": thresholds}, data
    for name in ("Precision", "Recall"):
        for arguments in ({"top_k": 2}, {"class_id": 1}, {"top_k": 3, "class_id": 2}, {"top_k": 2, "thresholds": 0.4}):
            yield name, arguments, binary(6)
    for name, argument in (("SensitivityAtSpecificity", "specificity"), ("SpecificityAtSensitivity", "sensitivity"),
                           ("PrecisionAtRecall", "recall"), ("RecallAtPrecision", "precision")):
        for demand in (0.3, 0.7, 1.0):
            for further in ({}, {"num_thresholds": 1}, {"num_thresholds": 2}, {"num_thresholds": 21, "class_id": 1}):
                yield name, {argument: demand, **further}, binary(3)
            yield name, {argument: demand, "num_thresholds": 11}, binary(coarse=True)
    for curve in CURVES:
        yield "AUC", curve, binary()
        yield "AUC", {**curve, "num_thresholds": 11}, binary(1, coarse=True)
        yield "AUC", {**curve, "from_logits": True, "num_thresholds": 50}, binary(logits=True)
        yield "AUC", {**curve, "thresholds": [0.8, 0.1, 0.55]}, binary(3)
        yield "AUC", {**curve, "thresholds": [0.25, 0.5, 0.75]}, binary(2)
        yield "AUC", {**curve, "label_weights": [0.3, 2.0, 1.0]}, binary(3)
        for further in ({}, {"num_labels": 3}, {"num_labels": 3, "label_weights": [0.3, 2.0, 1.0]}, {"thresholds": [0.2, 0.6]}):
            yield "AUC", {**curve, "multi_label": True, "num_thresholds": 30, **further}, binary(3)


def overlap_metrics():
    for dtype in (None, "float32"):
        for data in (labels(classes=3), labels(4, 5, classes=3), labels(6, classes=3, beyond=1)):
            for ignore in (None, 0):
                yield "IoU", {"num_classes": 3, "target_class_ids": [0, 2], "ignore_class": ignore, "dtype": dtype}, data
                yield "MeanIoU", {"num_classes": 3, "ignore_class": ignore, "dtype": dtype}, data
        yield "MeanIoU", {"num_classes": 4, "sparse_y_pred": False, "dtype": dtype}, sparse(5, 4)
        yield "MeanIoU", {"num_classes": 4, "sparse_y_true": False, "sparse_y_pred": False, "dtype": dtype}, one_hot(5, 4)
        yield "BinaryIoU", {"dtype": dtype}, binary(4)
        yield "BinaryIoU", {"target_class_ids": [1], "threshold": 0.3, "dtype": dtype}, binary(4, 2)
        yield "OneHotIoU", {"num_classes": 4, "target_class_ids": [1, 3], "dtype": dtype}, one_hot(4)
        yield "OneHotMeanIoU", {"num_classes": 4, "dtype": dtype}, one_hot(3, 4)
        yield "OneHotMeanIoU", {"num_classes": 4, "dtype": dtype, "ignore_class": 1}, one_hot(3, 4)


class Case:
    """A loss or a metric with its batches, and what Keras says of it."""

    def __init__(self, kind, name, arguments, batches):
        self.kind, self.name, self.arguments, self.batches = kind, name, arguments, batches

    def describe(self):
        shapes = [tuple(None if a is None else a.shape for a in batch) for batch in self.batches]
        return f"{self.name}({self.arguments}) on {shapes}"

    def made(self):
        return getattr(keras.losses if self.kind == "loss" else keras.metrics, self.name)(**self.arguments)

    def object(self, made):
        """The config, with the arguments that Keras reads but does not write."""
        written = plain(keras.saving.serialize_keras_object(made))
        self.expected_object = json.loads(json.dumps(written))
        for key in ("axis", "delta", "dtype"):
            if self.arguments.get(key) is not None:
                written["config"].setdefault(key, self.arguments[key])
        return written

    def tensors(self, batch):
        y_true, y_pred, weight, mask = (None if a is None else tf.constant(a) for a in batch)
        if mask is not None:
            set_keras_mask(y_pred, mask)
        return y_true, y_pred, weight

    def expect(self):
        made = self.made()
        self.given_object = self.object(made)
        self.expected = {}
        if self.kind == "loss":
            y_true, y_pred, weight = self.tensors(self.batches[0])
            with tf.GradientTape() as tape:
                tape.watch(y_pred)
                value = made(y_true, y_pred, sample_weight=weight)
            gradient = tape.gradient(value, y_pred)
            self.expected["value"] = value.numpy()
            self.expected["gradient"] = tf.convert_to_tensor(gradient).numpy()
            return
        for i, batch in enumerate(self.batches):
            y_true, y_pred, weight = self.tensors(batch)
            if self.name in ("Mean", "Sum"):
                made.update_state(y_pred, sample_weight=weight)
            else:
                made.update_state(y_true, y_pred, sample_weight=weight)
            self.expected[f"result {i}"] = np.asarray(made.result())
        self.variables = [v.path for v in made.variables]
        for v in made.variables:
            self.expected[v.path] = np.asarray(v.value)

    def put(self, folder, id):
        name = lambda a: None if a is None else folder.array(a)
        batches = [[name(a) for a in batch] for batch in self.batches]
        folder.cases.append({"id": id, "kind": self.kind, "object": self.given_object, "batches": batches})

    def within(self, key, dtype):
        wide = {"float16": 2e-3, "bfloat16": 2e-2}.get(dtype)
        return wide or LOOSER.get(self.name, GRADIENT_WITHIN if key == "gradient" else WITHIN)

    def check(self, facts, arrays):
        """Largest deviation, and the first fault if there is one."""
        if facts["error"]:
            return 0.0, facts["error"]
        fault = difference(facts["object"], self.expected_object, "object")
        if fault and not self.differs_rightly(facts["object"]):
            return 0.0, fault
        if not fault and order(facts["object"]) != order(self.expected_object):
            return 0.0, f"order of the config: {order(facts['object'])}"
        if self.kind == "metric" and facts["variables"] != self.variables:
            return 0.0, f"variables: expected {self.variables}, found {facts['variables']}"
        worst, dtype = 0.0, self.arguments.get("dtype")
        for how in ("eager", "compiled"):
            for key, expected in self.expected.items():
                found = arrays.get(f"{how}:{key}")
                if found is None:
                    return worst, f"{how} {key}: missing"
                far = deviation(found, expected, 1.0 if self.name in UNIT else 0.05)
                if far > self.within(key, dtype):
                    return far, f"{how} {key}: deviates by {far:.1e}\n    found {found}\n    expected {expected}"
                worst = max(worst, far) if key != "gradient" and dtype not in ("float16", "bfloat16") else worst
        return worst, None

    def differs_rightly(self, found):
        """Whether all that differs is an argument that Keras reads, loses, and needs."""
        kept = {k: v for k, v in found["config"].items() if k in self.expected_object["config"]}
        more = {k for k in found["config"] if k not in kept}
        return not difference(kept, self.expected_object["config"]) and more <= {"axis", "delta"}


def weights_for(r, y_true, y_pred, how):
    n = len(y_true)
    if how == "none":
        return None
    if how == "zeros":
        return np.where(r.random(n) < 0.4, 0, r.random(n) * 2).astype("float32")
    if how == "each":
        return r.random(y_true.shape).astype("float32")
    if how == "eighths":
        # Their sums are exact in any order, so that a ratio is 1 where it should be.
        return (r.integers(0, 16, n) / 8).astype("float32")
    if how == "column":
        return r.random((n, 1)).astype("float32")
    return r.random(n).astype("float32")


def batch_of(r, data, n, how, with_mask, takes_ints):
    y_true, y_pred = data(r, n)
    y_true, y_pred = np.asarray(y_true), np.asarray(y_pred)
    y_true = y_true.astype("int32") if y_true.dtype.kind in "iu" and r.random() < 0.7 else y_true.astype("float32")
    y_pred = y_pred.astype("int32" if takes_ints and y_pred.dtype.kind in "iu" else "float32")
    mask = r.random(y_pred.shape[:-1] or y_pred.shape) < 0.6 if with_mask else None
    return y_true, y_pred, weights_for(r, y_true, y_pred, how), mask


def loss_cases(r):
    for name, arguments, data in losses():
        n = int(r.integers(3, 9))
        fits = not ("axis" in arguments and arguments["axis"] != -1)
        for how in ("none", "samples", "zeros", "column") if fits else ("none",):
            probe = data(np.random.default_rng(0), n)[1]
            if how != "none" and np.ndim(probe) > 2 and name not in ("CTC",) or how == "column" and np.ndim(probe) > 2:
                continue
            further = {"reduction": REDUCTIONS[r.integers(0, len(REDUCTIONS))]}
            yield Case("loss", name, {**arguments, **further}, [batch_of(r, data, n, how, False, False)])
    for dtype in ("float64", "float16", "bfloat16"):
        for name in ("MeanSquaredError", "BinaryCrossentropy", "CategoricalCrossentropy", "Huber"):
            data = numbers(4) if name in ("MeanSquaredError", "Huber") else one_hot(4)
            yield Case("loss", name, {"dtype": dtype}, [batch_of(r, data, 5, "samples", False, False)])
    for name, data in (("MeanSquaredError", numbers(3, 5)), ("CategoricalCrossentropy", one_hot(3, 4)),
                       ("SparseCategoricalCrossentropy", sparse(3, 4))):
        for reduction in REDUCTIONS:
            for how in ("none", "column"):
                yield Case("loss", name, {"reduction": reduction}, [batch_of(r, data, 5, how, True, False)])
    data = sparse(3, 4, void=9)
    yield Case("loss", "SparseCategoricalCrossentropy", {"ignore_class": 9}, [batch_of(r, data, 5, "none", True, False)])


MASKED = {"MeanSquaredError", "MeanAbsoluteError", "CategoricalAccuracy", "SparseCategoricalAccuracy", "CategoricalCrossentropy"}


def metric_cases(r):
    for name, arguments, data in metrics():
        arguments = {k: v for k, v in arguments.items() if not (k == "dtype" and v is None)}
        sizes = [int(v) for v in r.integers(3, 40, int(r.integers(1, 4)))]
        probe = np.asarray(data(np.random.default_rng(0), 3)[1])
        hows = ["none", "samples", "zeros"]
        mean_like = name not in ("R2Score", "AUC", "Precision", "Recall") and "IoU" not in name
        if "IoU" in name and (probe.ndim > 1 or arguments.get("dtype") is None):
            hows = ["none"]
        if probe.ndim > 2 and not mean_like or name.endswith(("Positives", "Negatives")) and probe.ndim > 2:
            hows = ["none"]
        if arguments.get("ignore_class") is not None and name == "SparseCategoricalCrossentropy":
            hows = ["none", "each"]
        if "At" in name or name == "AUC":
            hows = ["none", "eighths"]
        if name == "MeanMetricWrapper" and not inspect.isfunction(arguments["fn"]):
            hows = ["none"]
        if name in ("CosineSimilarity", "PearsonCorrelation", "ConcordanceCorrelation", "CategoricalCrossentropy") and probe.ndim > 2:
            hows = ["none", "samples"]
        for how in hows:
            batches = [batch_of(r, data, n, how, False, "IoU" in name) for n in sizes]
            yield Case("metric", name, arguments, batches)
        if name in MASKED and probe.ndim > 2 and "axis" not in arguments:
            yield Case("metric", name, arguments, [batch_of(r, data, n, "none", True, False) for n in sizes])
    for name in ("Mean", "Sum"):
        for how in ("none", "samples", "zeros"):
            for shape in ((), (3,), (2, 4)):
                data = lambda r, n: (r.standard_normal((n, *shape)),) * 2
                yield Case("metric", name, {}, [batch_of(r, data, n, how, False, False) for n in (4, 7)])
    for dtype in ("float64", "float16"):
        for name in ("MeanSquaredError", "RootMeanSquaredError", "Mean"):
            yield Case("metric", name, {"dtype": dtype}, [batch_of(r, numbers(3), n, "none", False, False) for n in (4, 7)])


def words(program):
    """Every word of Keras means the same here."""
    asked = sorted({w for w in (*LOSS_WORDS, *METRIC_WORDS) if w not in ("Loss", "LossFunctionWrapper", "Metric", "metric")})
    done = subprocess.run([program, "--words"], input="\n".join(asked), capture_output=True, text=True, check=True)
    found = {line["word"]: line for line in map(json.loads, done.stdout.splitlines())}
    faults = []
    losses_by_name = {name.lower().replace("_", ""): name for name in LOSS_WORDS if inspect.isclass(LOSS_WORDS[name])}
    for word in asked:
        if word in LOSS_WORDS:
            object = LOSS_WORDS[word]
            class_name = object.__name__ if inspect.isclass(object) else losses_by_name[object.__name__.replace("_", "")]
            if found[word]["loss"] != class_name:
                faults.append(f"loss {word}: expected {class_name}, found {found[word]['loss']}")
        needs = ("num_classes", "recall", "precision", "sensitivity", "specificity", "fn")
        if word in METRIC_WORDS and not any(p in inspect.signature(METRIC_WORDS[word].__init__).parameters for p in needs):
            if found[word]["metric"] != METRIC_WORDS[word].__name__:
                faults.append(f"metric {word}: expected {METRIC_WORDS[word].__name__}, found {found[word]['metric']}")
    print(f"{'FAIL' if faults else 'ok  '} {len(asked)} words of compile")
    for fault in faults:
        print("    " + fault)
    return len(faults)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("program")
    parser.add_argument("seed", nargs="?", type=int, default=0)
    parser.add_argument("classes", nargs="*")
    parser.add_argument("--verbose", action="store_true")
    arguments = parser.parse_args()
    program = os.path.abspath(arguments.program)
    print(f"Keras {keras.__version__} on {keras.backend.backend()}, seed {arguments.seed}")
    folder, cases, refused, began = Folder(), [], [], time.time()
    for kind, made in (("loss", loss_cases), ("metric", metric_cases)):
        r = np.random.default_rng([arguments.seed, kind == "loss"])
        for case in made(r):
            if arguments.classes and case.name not in arguments.classes:
                continue
            reset_uids()
            try:
                case.expect()
            except Exception as error:
                refused.append(f"{case.describe()}: {str(error)[:200]}")
                continue
            case.put(folder, f"c{len(cases)}")
            cases.append(case)
    print(f"{len(cases)} cases, Keras took {time.time() - began:.0f} s", flush=True)
    facts, arrays = folder.run(program)
    failures, groups = 0, {}
    for i, case in enumerate(cases):
        worst, fault = case.check(facts[f"c{i}"], arrays[f"c{i}"])
        group = groups.setdefault((case.kind, case.name), [0, 0.0, []])
        group[0] += 1
        group[1] = max(group[1], worst)
        if fault:
            group[2].append(f"{case.describe()}: {fault}")
    for (kind, name), (count, worst, faults) in groups.items():
        print(f"{'FAIL' if faults else 'ok  '} {kind} {name}: {count} cases, largest deviation {worst:.1e}")
        failures += len(faults)
        for fault in faults if arguments.verbose else faults[:2]:
            print("    " + fault)
    # Keras itself refuses these; a case that nobody runs compares nothing.
    for line in refused:
        print("not comparable:", line)
    failures += len(refused)
    if not arguments.classes:
        failures += words(program)
    worst = {kind: max((g[1] for (k, _), g in groups.items() if k == kind and _ not in LOOSER), default=0.0) for kind in ("loss", "metric")}
    print(f"{len(cases)} cases of {len(groups)} classes in {folder.seconds:.1f} s; largest deviation: "
          f"losses {worst['loss']:.1e}, metrics {worst['metric']:.1e}; {failures} failed")
    sys.exit(failures > 0)


main()
