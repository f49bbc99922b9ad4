"""Writes keras.json: what Keras makes of small inputs. Run with Keras 3.15.1; the file says which version made it.

Usage: python make_keras.py > keras.json
"""

import os

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import json
import sys

import keras
import numpy as np
from keras import layers

random = np.random.default_rng(2026)


def nested(a):
    """An array as shape and values."""
    a = np.asarray(a)
    return {"shape": list(a.shape), "values": [float(format(v, ".9g")) for v in a.astype("float64").ravel()]}


def probabilities(rows, classes):
    x = random.random((rows, classes)) + 0.05
    return (x / x.sum(-1, keepdims=True)).astype("float32")


def targets_for(word):
    """Targets and predictions that fit a loss or a metric."""
    if "sparse" in word:
        return random.integers(0, 6, 5), probabilities(5, 6)
    if "binary" in word or word == "accuracy":
        return random.integers(0, 2, (5, 3)), np.clip(random.random((5, 3), "float32"), 0.01, 0.99) if word != "accuracy" else random.integers(0, 2, (5, 3)).astype("float32")
    if "categorical" in word:
        return np.eye(6, dtype="float32")[random.integers(0, 6, 5)], probabilities(5, 6)
    if word in ("kl_divergence", "poisson", "mean_squared_logarithmic_error", "mean_absolute_percentage_error"):
        return random.random((5, 3), "float32") + 0.1, random.random((5, 3), "float32") + 0.1
    if "hinge" in word:
        return random.integers(0, 2, (5, 3)), random.standard_normal((5, 3), "float32")
    return random.standard_normal((5, 3), "float32"), random.standard_normal((5, 3), "float32") * 2


LOSSES = ["binary_crossentropy", "categorical_crossentropy", "sparse_categorical_crossentropy", "hinge", "squared_hinge",
          "categorical_hinge", "huber", "kl_divergence", "log_cosh", "mean_absolute_error", "mean_squared_error",
          "mean_absolute_percentage_error", "mean_squared_logarithmic_error", "poisson"]
METRICS = ["BinaryAccuracy", "CategoricalAccuracy", "SparseCategoricalAccuracy", "TopKCategoricalAccuracy",
           "SparseTopKCategoricalAccuracy", "RootMeanSquaredError", "MeanAbsoluteError", "Accuracy"]
ACTIVATIONS = ["linear", "relu", "softmax", "sigmoid", "tanh", "gelu", "elu", "selu", "celu", "softplus", "softsign", "silu",
               "exponential", "hard_sigmoid", "hard_silu", "hard_tanh", "leaky_relu", "log_softmax", "log_sigmoid", "relu6", "mish"]


def losses():
    for word in LOSSES:
        y_true, y_pred = targets_for(word)
        value = keras.losses.LossFunctionWrapper(keras.losses.get(word))(y_true, y_pred) if hasattr(keras.losses, "LossFunctionWrapper") else keras.ops.mean(keras.losses.get(word)(y_true, y_pred))
        yield {"word": word, "y_true": nested(y_true), "y_pred": nested(y_pred), "value": float(value)}


def metrics():
    for name in METRICS:
        words = {"BinaryAccuracy": "binary", "Accuracy": "accuracy", "RootMeanSquaredError": "mse", "MeanAbsoluteError": "mae"}
        word = words.get(name, "sparse" if "Sparse" in name else "categorical")
        y_true, y_pred = targets_for(word)
        metric = getattr(keras.metrics, name)(**({"k": 2} if "TopK" in name else {}))
        metric.update_state(y_true, y_pred)
        yield {"class": name, "y_true": nested(y_true), "y_pred": nested(y_pred), "value": float(metric.result())}


def activations():
    x = np.array([[-30, -7, -3.5, -1, -0.25, 0], [0.5, 1, 2.5, 5.5, 8, 30]], "float32")
    for word in ACTIVATIONS:
        yield {"word": word, "x": nested(x), "y": nested(keras.activations.get(word)(keras.ops.convert_to_tensor(x)))}


def trainings():
    """Weights before, batches, and the loss of each step."""
    for optimizer in (keras.optimizers.SGD(0.1), keras.optimizers.SGD(0.05, momentum=0.9, nesterov=True),
                      keras.optimizers.Adam(0.02), keras.optimizers.Adam(0.02, amsgrad=True, clipvalue=0.05, weight_decay=0.1)):
        keras.utils.set_random_seed(1)
        model = keras.Sequential([keras.Input((5, 4, 2)), layers.Conv2D(3, 2, activation="relu"), layers.MaxPooling2D(2, 1),
                                  layers.Flatten(), layers.Dense(6, "tanh", kernel_regularizer="l2"), layers.Dense(4, "softmax")])
        config = keras.optimizers.serialize(optimizer)
        model.compile(optimizer, "sparse_categorical_crossentropy")
        x, y = random.standard_normal((20, 5, 4, 2), "float32"), random.integers(0, 4, 20)
        weights = [nested(w) for w in model.get_weights()]
        before = nested(model.predict(x, verbose=0))
        steps = []
        for step in range(10):
            model.reset_metrics()
            batch = slice(step % 4 * 5, step % 4 * 5 + 5)
            steps.append(float(model.train_on_batch(x[batch], y[batch])))
        yield {"optimizer": config, "x": nested(x), "y": [int(v) for v in y], "weights": weights, "outputs": before, "losses": steps}


json.dump({"made_by": f"Keras {keras.__version__} on {keras.backend.backend()}, seed 2026, tests/golden/make_keras.py",
           "losses": list(losses()), "metrics": list(metrics()), "activations": list(activations()),
           "trainings": list(trainings())}, sys.stdout)
