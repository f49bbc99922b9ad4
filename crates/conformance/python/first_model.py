"""Compares models in Cornet with the same models in Keras: outputs, losses of training, files both ways.

Usage: python first_model.py FIRST_MODEL

FIRST_MODEL is the program `cargo build -p cornet-nn --example first_model` makes. Needs Keras 3.15.1 with any backend.
Prints one line a check and ends with 1 if one fails.
"""

import os

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import json
import subprocess
import sys
import tempfile
import warnings
import zipfile

import keras
import numpy as np
from keras import layers

warnings.filterwarnings("ignore")

failures = 0
random = np.random.default_rng(3)


def check(name, holds, found=""):
    global failures
    failures += not holds
    print(f"{'ok  ' if holds else 'FAIL'} {name}", "" if holds else found)


def run(*arguments):
    done = subprocess.run([program, *map(str, arguments)], capture_output=True, text=True)
    if done.returncode != 0:
        print(done.stderr)
        sys.exit(1)
    return done.stdout


def difference(a, b):
    """The greatest difference relative to the greatest magnitude."""
    a, b = np.asarray(a, "float64"), np.asarray(b, "float64")
    if a.shape != b.shape:
        return f"shapes {a.shape} and {b.shape}"
    return np.abs(a - b).max() / max(np.abs(b).max(), 1e-30)


def close(name, a, b, within):
    found = difference(a, b)
    check(f"{name}: {found if isinstance(found, str) else format(found, '.1e')}", not isinstance(found, str) and found <= within)


def classes(n, count):
    return random.integers(0, count, n)


def models():
    """Name, layers, optimizer, loss, metrics, inputs, targets."""
    dense, conv = layers.Dense, layers.Conv2D
    image, table = random.standard_normal((96, 12, 10, 3), "float32"), random.standard_normal((100, 20), "float32")
    yield ("softmax", [keras.Input((20,)), dense(32, "relu"), dense(16, "elu"), dense(7, "softmax")],
           keras.optimizers.Adam(0.01), "sparse_categorical_crossentropy", ["accuracy"], table, classes(100, 7))
    yield ("logits", [keras.Input((20,)), dense(24, "gelu"), dense(5)],
           keras.optimizers.SGD(0.05, momentum=0.9, nesterov=True),
           keras.losses.SparseCategoricalCrossentropy(from_logits=True),
           ["accuracy", keras.metrics.SparseTopKCategoricalAccuracy(k=2, name="top2")], table, classes(100, 5))
    yield ("one_hot", [keras.Input((20,)), dense(24, "selu", kernel_initializer="lecun_normal"), dense(5, "softmax")],
           keras.optimizers.SGD(0.1, momentum=0.8), keras.losses.CategoricalCrossentropy(label_smoothing=0.1),
           ["accuracy"], table, np.eye(5, dtype="float32")[classes(100, 5)])
    yield ("binary", [keras.Input((20,)), dense(16, "silu"), dense(1, "sigmoid")],
           keras.optimizers.Adam(0.02, amsgrad=True), "binary_crossentropy", ["accuracy", "mae"], table, classes(100, 2)[:, None])
    yield ("regression", [keras.Input((20,)), dense(16, "softplus", kernel_regularizer="l2"), dense(2, activity_regularizer="l1")],
           keras.optimizers.Adam(0.01, weight_decay=0.01, clipnorm=0.5), "mse", ["mae", "RootMeanSquaredError"],
           table, random.standard_normal((100, 2), "float32"))
    yield ("huber", [keras.Input((20,)), dense(16, "leaky_relu"), dense(3, kernel_constraint="non_neg")],
           keras.optimizers.SGD(0.1, global_clipnorm=0.2), keras.losses.Huber(), [], table, random.standard_normal((100, 3), "float32"))
    yield ("images", [keras.Input((12, 10, 3)), conv(8, 3, activation="relu"), layers.MaxPooling2D(),
                      conv(12, (2, 3), padding="same", strides=(2, 1)), layers.Activation("tanh"), layers.Flatten(),
                      layers.Dropout(0.0), dense(10, "softmax")],
           keras.optimizers.Adam(0.003), "sparse_categorical_crossentropy", ["accuracy"], image, classes(96, 10))
    yield ("dilated", [keras.Input((12, 10, 3)), conv(6, 3, dilation_rate=2, padding="same"),
                       layers.AveragePooling2D((3, 2), strides=2, padding="same"), conv(6, 2, groups=3, activation="relu"),
                       layers.Flatten(), dense(4)],
           keras.optimizers.SGD(0.01), "mae", [], image, random.standard_normal((96, 4), "float32"))
    series = random.standard_normal((64, 15, 4), "float32")
    yield ("series", [keras.Input((15, 4)), layers.Conv1D(8, 3, padding="causal", activation="relu"), layers.MaxPooling1D(3),
                      layers.Conv1D(5, 2, strides=2, use_bias=False), layers.Flatten(), dense(3, "log_softmax")],
           keras.optimizers.Adam(0.01), "mse", [], series, random.standard_normal((64, 3), "float32"))


def losses_of(model, x, y, size):
    found = []
    for first in range(0, len(x), size):
        model.reset_metrics()
        found.append(float(np.asarray(model.train_on_batch(x[first : first + size], y[first : first + size], return_dict=True)["loss"])))
    return found


def without_ids(value):
    if isinstance(value, dict):
        return {k: without_ids(v) for k, v in value.items() if k != "shared_object_id"}
    return [without_ids(v) for v in value] if isinstance(value, list) else value


def config(path):
    with zipfile.ZipFile(path) as archive:
        return without_ids(json.loads(archive.read("config.json")))


def differing(a, b, place=""):
    """The first place where two configs differ."""
    if type(a) is dict and type(b) is dict and a.keys() == b.keys():
        return next((d for k in a if (d := differing(a[k], b[k], f"{place}/{k}"))), None)
    if type(a) is list and type(b) is list and len(a) == len(b):
        return next((d for i, (p, q) in enumerate(zip(a, b)) if (d := differing(p, q, f"{place}/{i}"))), None)
    return None if a == b else f"{place}: {str(a)[:200]} and {str(b)[:200]}"


def compare(folder, name, parts, optimizer, loss, metrics, x, y):
    keras.utils.set_random_seed(1)
    at = lambda suffix: os.path.join(folder, f"{name}{suffix}")
    model = keras.Sequential(parts, name=name)
    model.compile(optimizer, loss, metrics=metrics)
    model.save(at(".keras"))
    np.save(at("_x.npy"), x), np.save(at("_y.npy"), y)

    run("predict", at(".keras"), at("_x.npy"), at("_p.npy"))
    close(f"{name}: outputs", np.load(at("_p.npy")), model.predict(x, verbose=0), 1e-6)
    expected = dict(zip(["loss"], [0])) | {k: float(v) for k, v in model.evaluate(x, y, verbose=0, return_dict=True).items()}
    found = {k: float(v) for k, v in (line.split() for line in run("evaluate", at(".keras"), at("_x.npy"), at("_y.npy")).splitlines())}
    check(f"{name}: metrics are {sorted(expected)}", sorted(found) == sorted(expected), sorted(found))
    close(f"{name}: evaluation", [found[k] for k in sorted(found)], [expected[k] for k in sorted(expected)], 1e-5)

    lines = run("train", at(".keras"), at("_x.npy"), at("_y.npy"), 16, at("_trained.keras")).split()
    losses = losses_of(model, x, y, 16)
    close(f"{name}: losses of {len(losses)} steps", [float(v) for v in lines], losses, 1e-4)
    trained = keras.models.load_model(at("_trained.keras"))
    for a, b in zip(trained.get_weights(), model.get_weights()):
        found = difference(a, b)
        if isinstance(found, str) or found > 2e-3:
            check(f"{name}: weights after training", False, found)
    run("predict", at("_trained.keras"), at("_x.npy"), at("_p.npy"))
    close(f"{name}: Keras opens what Cornet trained", trained.predict(x, verbose=0), np.load(at("_p.npy")), 1e-6)

    # From one state of weights and optimizer, both go on alike, whoever wrote it.
    trained.save(at("_again.keras"))
    lines = run("train", at("_again.keras"), at("_x.npy"), at("_y.npy"), 16, at("_further.keras")).split()
    losses = losses_of(trained, x, y, 16)
    close(f"{name}: losses of {len(losses)} steps more", [float(v) for v in lines], losses, 1e-4)
    further = keras.models.load_model(at("_further.keras"))
    check(f"{name}: steps counted", int(further.optimizer.iterations) == int(trained.optimizer.iterations) == 2 * len(losses))

    run("copy", at("_again.keras"), at("_copy.keras"))
    where = differing(config(at("_copy.keras")), config(at("_again.keras")))
    check(f"{name}: config of a copy", where is None, where)
    text = []
    trained.summary(print_fn=lambda line, line_break=False: text.append(line), line_length=76)
    same = run("summary", at("_again.keras")).strip() == "\n".join(text).strip()
    check(f"{name}: summary", same, "\n" + run("summary", at("_again.keras")) + "\n".join(text))


def built_by_cornet(folder):
    run("build", folder)
    at = lambda name: os.path.join(folder, name)
    model = keras.models.load_model(at("model.keras"))
    x = np.load(at("x.npy"))
    close("built by Cornet: outputs", model.predict(x, verbose=0), np.load(at("y.npy")), 1e-6)
    model.save(at("again.keras"))
    where = differing(config(at("model.keras")), config(at("again.keras")))
    check("built by Cornet: config as Keras writes it", where is None, where)
    check("built by Cornet: optimizer", int(model.optimizer.iterations) == 6 and model.optimizer.amsgrad)
    before = model.optimizer.variables[2].numpy() if hasattr(model.optimizer.variables[2], "numpy") else np.array(model.optimizer.variables[2])
    model.fit(x, np.arange(40) % 5, verbose=0)
    check("built by Cornet: trains on in Keras", int(model.optimizer.iterations) == 8 and not np.allclose(before, model.optimizer.variables[2]))


program = os.path.abspath(sys.argv[1])
print("Keras", keras.__version__, "on", keras.backend.backend())
with tempfile.TemporaryDirectory() as folder:
    for case in models():
        compare(folder, *case)
    built_by_cornet(folder)
sys.exit(failures > 0)
