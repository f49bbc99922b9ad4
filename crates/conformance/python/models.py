"""Whole models there and back: built in Keras and opened by Cornet, built by Cornet and opened in Keras.

Usage: python models.py MODEL_CASES [SEED] [--count N]

MODEL_CASES is the program `cargo build -p cornet-conformance --bin model_cases` makes. Needs Keras 3.15.1 with
TensorFlow. N models (40 by default, 200 for the whole comparison) are built in Keras, saved, opened by Cornet, which
predicts and saves them again, and opened in Keras once more; each class of layer that Cornet has is in one of them if N
allows. N models are built and saved by Cornet and opened in Keras. Outputs within 1e-5 of their scale, 1e-4 where
recurrent layers or normalisations stand behind each other. Ends with 1 on failure.
"""

import os

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ["KERAS_BACKEND"] = "tensorflow"

import argparse
import sys
import tempfile
import time
import warnings

import keras
import numpy as np
import tensorflow as tf
from keras import layers

import _layers_attention
import _layers_basic
import _layers_conv
import _layers_image
import _layers_recurrent
import _layers_text
import _samples
from _exchange import Folder, deviation

warnings.filterwarnings("ignore")
tf.get_logger().setLevel("ERROR")
TOLERANCE = 1e-4
SKIPPED = {"SimpleRNNCell", "LSTMCell", "GRUCell", "StackedRNNCells", "MaxNumBoundingBoxes", "Hashing", "HashedCrossing",
           "RandomShear"}
"""Cells are called by recurrent layers; Keras does not open its own files of RandomShear with a factor of one number; the
others are no layers of models in Keras's own files."""


def randomize(model, rng):
    for weight in model.weights:
        # What Normalization has learned is not read again before the model is saved.
        if keras.backend.is_float_dtype(weight.dtype) and weight.name not in ("mean", "variance"):
            value = rng.standard_normal(weight.shape) * 0.3
            weight.assign((0.5 + np.abs(value) if "variance" in weight.name else value).astype("float32"))


def around(name, number, seed):
    """A model around one layer of a class: entry, the layer, and what makes vectors of it."""
    r = _samples.Random(seed, name, number)
    case = _samples.SAMPLERS[name](r, name)
    if case.tensors or case.how in ("cell", "stacked") or case.values or any(x.dtype == object or x.ndim < 2 for x in case.inputs):
        return None
    # Cornet's predict gives numbers: words come from predict_on_batch.
    if getattr(case.layer, "stateful", False) or getattr(case.layer, "invert", False) and "Lookup" in name or "random" in name.lower() and case.training:
        return None
    entries = [keras.Input(x.shape[1:], dtype=x.dtype.name) for x in case.inputs]
    if case.how == "one":
        found = case.layer(entries[0])
    else:
        found = case.layer(entries) if case.how == "list" else case.layer(*entries)
    found = list(found) if isinstance(found, (list, tuple)) else [found]
    if any(y.dtype == "string" for y in found):
        return None
    outputs = [layers.Flatten()(y) if y.ndim > 2 and None not in y.shape[1:] else y for y in found]
    outputs[0] = layers.Dense(2)(outputs[0]) if outputs[0].ndim == 2 and "float" in outputs[0].dtype and None not in outputs[0].shape[1:] else outputs[0]
    return keras.Model(entries if len(entries) > 1 else entries[0], outputs if len(outputs) > 1 else outputs[0]), list(case.inputs)


def step(r, x):
    n = r.int(2, 4)
    if x.ndim == 2:
        make = r.one(lambda: layers.Dense(n, r.one("relu", "tanh", "gelu")), layers.BatchNormalization, layers.LayerNormalization,
                     lambda: layers.Dropout(0.3), lambda: layers.RepeatVector(n), layers.ReLU,
                     lambda: keras.Sequential([layers.Dense(n, "tanh"), layers.Dense(2)]))
    elif x.ndim == 3:
        make = r.one(lambda: layers.Conv1D(n, 2, padding="causal"), lambda: layers.LSTM(n, return_sequences=True),
                     lambda: layers.GRU(n), lambda: layers.Bidirectional(layers.SimpleRNN(n)), layers.LayerNormalization,
                     lambda: layers.TimeDistributed(layers.Dense(n)), lambda: layers.MaxPooling1D(2, padding="same"),
                     lambda: layers.Permute((2, 1)), lambda: None)
        made = make()
        return layers.MultiHeadAttention(2, 3)(x, x) if made is None else made(x)
    else:
        make = r.one(lambda: layers.Conv2D(n, 2, padding="same", activation="relu"), lambda: layers.SeparableConv2D(n, 2, padding="same"),
                     lambda: layers.MaxPooling2D(2, padding="same"), layers.BatchNormalization, lambda: layers.Conv2DTranspose(n, 2),
                     lambda: layers.UpSampling2D(2), layers.GlobalAveragePooling2D)
    return make()(x)


def network(number, seed):
    """Branches of one to three inputs, a shared layer, a nested model, one or two outputs; or a sequence."""
    r = _samples.Random(seed, "network", number)
    shapes = [r.one((r.int(2, 5),), (r.int(3, 5), 2), (r.int(4, 6), 5, 2)) for _ in range(r.int(1, 3))]
    entries = [keras.Input(shape) for shape in shapes]
    inner_in = keras.Input((3,))
    inner = keras.Model(inner_in, layers.Add()([layers.Dense(3, "tanh")(inner_in), inner_in]))
    common, branches = layers.Dense(3, "sigmoid"), []
    for x in entries:
        for _ in range(r.int(1, 4)):
            x = step(r, x)
        x = layers.Flatten()(x) if x.ndim > 2 else x
        branches.append(inner(common(layers.Dense(4)(x))))
    joined = branches[0] if len(branches) == 1 else r.one(layers.Add, layers.Concatenate, layers.Maximum)()(branches)
    outputs = [layers.Dense(r.int(1, 4), "softmax")(joined)]
    if r.flag():
        outputs.append(step(r, joined))
    model = keras.Model(entries, outputs if len(outputs) > 1 else outputs[0])
    return model, [r.floats(3, *shape) for shape in shapes]


def call(model, inputs):
    tensors = [tf.constant(x) for x in inputs]
    found = model(tensors if len(tensors) > 1 else tensors[0], training=False)
    return [np.asarray(y) for y in (found if isinstance(found, (list, tuple)) else [found])]


def differs(found, expected):
    if len(found) != len(expected):
        return f"{len(expected)} outputs expected, {len(found)} found", np.inf
    worst = max(deviation(f, e) for f, e in zip(found, expected))
    return (f"off by {worst:.1e}" if not worst <= TOLERANCE else None), worst


def built_by_keras(names, count, seed):
    made = 0
    for number, name in enumerate(names):
        if made < count * 3 // 4:
            try:
                found = around(name, seed % 3, seed)
            except Exception as error:
                print(f"note around {name}: Keras cannot make it: {str(error).strip()[:150]}")
                continue
            if found:
                made += 1
                yield (f"around {name}", *found)
    while made < count:
        yield (f"network {made}", *network(made, seed))
        made += 1


def main():
    parser = argparse.ArgumentParser(usage=__doc__)
    parser.add_argument("program")
    parser.add_argument("seed", nargs="?", type=int, default=0)
    parser.add_argument("--count", type=int, default=40)
    options = parser.parse_args()
    start, failures, largest = time.time(), [], 0.0
    rng = np.random.default_rng(options.seed)
    names = [name for name in sorted(_samples.SAMPLERS) if name not in SKIPPED]
    rng.shuffle(names)
    with tempfile.TemporaryDirectory() as folder:
        cases, expected = Folder(), {}
        for i, (title, model, inputs) in enumerate(built_by_keras(names, options.count, options.seed)):
            randomize(model, rng)
            file, back = (os.path.join(folder, f"keras{i}{end}.keras") for end in ("", "_back"))
            model.save(file)
            expected[f"keras-{i}"] = (title, call(model, inputs), inputs, back)
            cases.cases.append({"id": f"keras-{i}", "file": file, "to": back, "inputs": [cases.array(x) for x in inputs]})
            keras.backend.clear_session()
        for i in range(options.count):
            to = os.path.join(folder, f"cornet{i}.keras")
            cases.cases.append({"id": f"cornet-{i}", "seed": options.seed * 1000 + i, "to": to})
        facts, arrays = cases.run(options.program)
        for case in cases.cases:
            key = case["id"]
            title, wanted, inputs, _ = expected.get(key, (key, None, None, None))
            if facts[key]["error"]:
                failures.append(f"{key} ({title}): " + facts[key]["error"].replace("\n", " "))
                continue
            own = [arrays[key][f"output {n}"] for n in range(sum(name.startswith("output") for name in arrays[key]))]
            if wanted is not None:
                complaint, worst = differs(own, wanted)
                largest = max(largest, worst if np.isfinite(worst) else 0.0)
                if complaint:
                    failures.append(f"{key} ({title}): Cornet opens what Keras saved: {complaint}")
            else:
                inputs = [arrays[key][f"input {n}"] for n in range(sum(name.startswith("input") for name in arrays[key]))]
            try:
                complaint, worst = differs(call(keras.models.load_model(case["to"]), inputs), wanted or own)
                largest = max(largest, worst if np.isfinite(worst) else 0.0)
            except Exception as error:
                complaint = f"{type(error).__name__}: {str(error).strip()[:300]}"
            if complaint:
                failures.append(f"{key} ({title}): Keras opens what Cornet saved: {complaint}")
            keras.backend.clear_session()
    for line in failures:
        print("FAIL", line)
    print(f"{len(expected)} models of Keras and {options.count} of Cornet, there and back: {len(failures)} failures, largest deviation "
          f"{largest:.1e}; {time.time() - start:.0f} s, of which Cornet {cases.seconds:.0f} s")
    sys.exit(1 if failures else 0)


main()
