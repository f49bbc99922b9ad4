"""Writes training.json: what Keras's training reports for small models. Run with Keras 3.15.1.

Usage: python make_training.py > training.json
"""

import os

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import json
import sys

import keras
import numpy as np
from keras import layers

random = np.random.default_rng(15)
cases = []


def nested(a):
    """An array as dtype, shape and values."""
    a = np.asarray(a)
    kind = {"f": "float32", "i": "int32", "b": "bool"}[a.dtype.kind]
    return {"dtype": kind, "shape": list(a.shape), "values": [float(format(v, ".9g")) for v in a.astype("float64").ravel()]}


def data(x):
    if x is None:
        return None
    if isinstance(x, dict):
        return {name: nested(a) for name, a in x.items()}
    if isinstance(x, list):
        return [nested(a) for a in x]
    return nested(x)


def pythonic(logs):
    return {name: [float(v) for v in np.atleast_1d(values)] for name, values in logs.items()}


def case(name, model, x, y, tolerance=1e-5, sample_weight=None, class_weight=None, validation=None, on_batch=False, batches=None, **fit):
    weights = model.get_weights()
    found = {"name": name, "model": keras.saving.serialize_keras_object(model), "tolerance": tolerance}
    found |= {"weights": [nested(w) for w in weights], "x": data(x), "y": data(y), "sample_weight": data(sample_weight)}
    found |= {"class_weight": sorted(class_weight.items()) if class_weight else None, "fit": fit}
    if validation:
        found["validation"] = [data(v) for v in validation]
    if batches:
        found["batches"] = [[data(v) for v in batch] for batch in batches]
        history = model.fit((b for b in batches), verbose=0, class_weight=class_weight, **fit)
    else:
        history = model.fit(x, y, sample_weight=sample_weight, class_weight=class_weight, validation_data=validation, shuffle=False, verbose=0, **fit)
        size = fit.get("batch_size")
        found["evaluate"] = pythonic(model.evaluate(x, y, sample_weight=sample_weight, batch_size=size, verbose=0, return_dict=True))
    if on_batch:
        found["train_on_batch"] = pythonic(model.train_on_batch(x, y, sample_weight=sample_weight, class_weight=class_weight, return_dict=True))
        found["test_on_batch"] = pythonic(model.test_on_batch(x, y, sample_weight=sample_weight, return_dict=True))
        found["predict_on_batch"] = data([np.asarray(p, "float32") for p in keras.tree.flatten(model.predict_on_batch(x))])
    found["history"] = pythonic(history.history)
    found["compiled"] = model.get_compile_config()
    cases.append(found)


def two_outputs(**compile):
    a, b = keras.Input((3,), name="a"), keras.Input((2,), name="b")
    h = layers.Dense(5, activation="tanh")(layers.Concatenate()([a, b]))
    price = layers.Dense(1, name="price")(h)
    kind = layers.Dense(3, activation="softmax", name="kind")(h)
    model = keras.Model([a, b], [price, kind])
    model.compile(keras.optimizers.SGD(0.1), **compile)
    return model


def one_output(units=1, activation=None, loss="mse", **compile):
    model = keras.Sequential([keras.Input((3,)), layers.Dense(4, activation="tanh"), layers.Dense(units, activation=activation)])
    model.compile(keras.optimizers.SGD(0.1), loss, **compile)
    return model


def normal(*shape):
    return random.standard_normal(shape).astype("float32")


def uniform(*shape):
    return random.random(shape).astype("float32")


x = {"a": normal(10, 3), "b": normal(10, 2)}
listed = [x["a"], x["b"]]
price, kind = normal(10, 1), random.integers(0, 3, 10)

case(
    "losses, weights and metrics as lists",
    two_outputs(
        loss=["mse", "sparse_categorical_crossentropy"], loss_weights=[1.0, 0.5],
        metrics=[["mae", "mae"], ["accuracy"]], weighted_metrics=[["mae", "mse"], ["sparse_categorical_crossentropy"]],
    ),
    listed, [price, kind], sample_weight=[uniform(10), uniform(10)], batch_size=4, epochs=3, on_batch=True,
)
case(
    "losses, weights and metrics by name",
    two_outputs(
        loss={"kind": keras.losses.SparseCategoricalCrossentropy(reduction="sum"), "price": keras.losses.Huber()},
        loss_weights={"price": 2.0, "kind": 0.25},
        metrics={"price": [keras.metrics.RootMeanSquaredError()]}, weighted_metrics={"kind": ["accuracy"], "price": ["mae"]},
    ),
    x, [price, kind], sample_weight=uniform(10), batch_size=4, epochs=2, validation_split=0.2,
)
case(
    "an output without loss or targets", two_outputs(loss=["mse", None], metrics=[["mae"], None]), listed, [price], batch_size=5, epochs=2,
)
case("one loss for all outputs", two_outputs(loss="mse", metrics=["mae", "mse"]), listed, [price, uniform(10, 3)], batch_size=5, epochs=2, on_batch=True)
case("crossentropy by shapes", two_outputs(loss=["mse", "ce"]), listed, [price, np.eye(3, dtype="float32")[kind]], batch_size=5, epochs=2)
case(
    "classes of different weight, validated with weights every other epoch",
    one_output(3, "softmax", "sparse_categorical_crossentropy", metrics=["accuracy"], weighted_metrics=["accuracy"]),
    x["a"], kind, class_weight={0: 1.0, 1: 3.0, 2: 0.5}, validation=(normal(6, 3), random.integers(0, 3, 6), uniform(6)),
    batch_size=4, epochs=4, validation_freq=2, on_batch=True,
)
case(
    "one-hot classes of different weight",
    one_output(3, "softmax", "categorical_crossentropy", metrics=["accuracy"], weighted_metrics=["acc"]),
    x["a"], np.eye(3, dtype="float32")[kind], class_weight={0: 1.0, 1: 3.0}, batch_size=4, epochs=2,
)
case("epochs cut out of passes", one_output(metrics=["mae"]), x["a"], price, batch_size=2, steps_per_epoch=3, epochs=4)
case("a batch size that follows from the steps", one_output(), x["a"], price, steps_per_epoch=3, epochs=3)
case("fewer steps of validation", one_output(), x["a"], price, validation=(x["a"], price), batch_size=2, validation_steps=2, epochs=2)
case(
    "a loss that divides by the weights",
    one_output(loss=keras.losses.MeanSquaredError(reduction="mean_with_sample_weight"), weighted_metrics=["mse"]),
    x["a"], price, sample_weight=uniform(10), batch_size=4, epochs=2,
)

i = keras.Input((6, 2))
steps = layers.Dense(1, name="out")(layers.Dense(3, activation="tanh")(i))
temporal = keras.Model(i, steps)
temporal.compile(keras.optimizers.SGD(0.1), "mse", metrics=["mae"], weighted_metrics=["mae"])
case("a weight for each time step", temporal, normal(8, 6, 2), normal(8, 6, 1), sample_weight=uniform(8, 6), batch_size=4, epochs=2)

sequences = normal(8, 6, 2)
sequences[2:5, 3:] = 0.0
sequences[6, 1:] = 0.0
i = keras.Input((6, 2))
steps = layers.Dense(1, name="out")(layers.Masking()(i))
masked = keras.Model(i, steps)
masked.compile(keras.optimizers.SGD(0.1), "mse", metrics=["mae", keras.metrics.RootMeanSquaredError()], weighted_metrics=["mae"])
case("a mask that reaches the loss", masked, sequences, normal(8, 6, 1), batch_size=4, epochs=2)
masked.compile(keras.optimizers.SGD(0.1), "mae", weighted_metrics=["mse"])
case("a mask and weights", masked, sequences, normal(8, 6, 1), sample_weight=uniform(8, 6), batch_size=4, epochs=2)

i = keras.Input((3,))
h = layers.Dense(4, activation="relu", kernel_regularizer="l2", activity_regularizer="l1")(i)
penalties = keras.Model(i, layers.Dense(1, bias_regularizer="l1")(h))
penalties.compile(keras.optimizers.SGD(0.1), "mse")
case("penalties", penalties, x["a"], price, batch_size=4, epochs=2)

batches = [(normal(n, 3), normal(n, 1), uniform(n)) for n in (4, 2, 4, 7, 2)]
case("batches of changing sizes", one_output(weighted_metrics=["mae"]), None, None, batches=batches, epochs=1)
batches = [(normal(3, 3), random.integers(0, 3, 3)) for _ in range(6)]
case(
    "batches for several epochs",
    one_output(3, "softmax", "sparse_categorical_crossentropy"), None, None,
    batches=batches, steps_per_epoch=3, epochs=2,
)

keras.config.set_dtype_policy("mixed_float16")
case("mixed float16", one_output(3, "softmax", "sparse_categorical_crossentropy", metrics=["accuracy"]), x["a"], kind, tolerance=2e-3, batch_size=4, epochs=3)
keras.config.set_dtype_policy("mixed_bfloat16")
case("mixed bfloat16", one_output(3, "softmax", "sparse_categorical_crossentropy", metrics=["accuracy"]), x["a"], kind, tolerance=2e-2, batch_size=4, epochs=3)
keras.config.set_dtype_policy("float64")
case("layers in float64", one_output(3, "softmax", "sparse_categorical_crossentropy", metrics=["accuracy"]), x["a"], kind, batch_size=4, epochs=3)

json.dump({"keras": keras.__version__, "cases": cases}, sys.stdout)
