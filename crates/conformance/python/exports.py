"""Models written by Cornet for other programs: ONNX for onnxruntime, SavedModels for TensorFlow.

Usage: python exports.py EXPORT_CASES [SEED] [--count N] [--formats onnx,tf_saved_model]

EXPORT_CASES is the program `cargo build -p cornet-conformance --bin export_cases` makes. Needs Keras 3.15.1 with
TensorFlow, onnx 1.23.2 and onnxruntime 1.31.1. N models (140 by default) are built in Keras, each class of layer in one
of them if N allows, and saved; Cornet opens them, predicts batches of two sizes, and exports them. What onnxruntime and
tf.saved_model.load make of the files must agree with what Cornet predicted: within 1e-5 of the outputs' scale, 1e-4 where
recurrent layers or normalisations stand behind each other. onnx.checker passes each file. Models that a format cannot
express are listed with the reason. Ends with 1 on failure.
"""

import os

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ["KERAS_BACKEND"] = "tensorflow"

import argparse
import collections
import sys
import tempfile
import time
import warnings

import keras
import numpy as np
import onnx
import onnxruntime
import tensorflow as tf
from keras import layers

import _samples
import models
from _exchange import Folder, deviation
from _models import randomize

warnings.filterwarnings("ignore")
tf.get_logger().setLevel("ERROR")
onnxruntime.set_default_logger_severity(4)
TOLERANCE, LOOSE = 1e-5, 1e-4
LOOSE_CLASSES = ("RNN", "LSTM", "GRU", "Bidirectional", "Normalization", "Attention", "Resizing", "Network", "Spectral")
REFUSALS = ("[unsupported]", "[data_dependent_shape]")
FEWEST = 0.75
"""The share of models that each format must be able to express."""


def lengths(seed):
    """Models whose inputs leave more than the batch open."""
    r = _samples.Random(seed, "lengths", 0)
    makes = {
        "Dense": lambda x: layers.Dense(3, "tanh")(x),
        "Conv1D": lambda x: layers.Conv1D(3, 2, padding="causal")(x),
        "GlobalAveragePooling1D": lambda x: layers.GlobalAveragePooling1D()(x),
        "LSTM": lambda x: layers.LSTM(3, return_sequences=True)(x),
        "GRU": lambda x: layers.GRU(3)(x),
        "MultiHeadAttention": lambda x: layers.MultiHeadAttention(2, 3)(x, x),
    }
    for name, make in makes.items():
        entry = keras.Input((None, 4))
        yield f"open length {name}", keras.Model(entry, make(entry)), [r.floats(3, 5, 4)], [r.floats(2, 8, 4)]


def batches_of(inputs):
    """The inputs, and a batch of another size."""
    return inputs, [np.concatenate([x, x[::-1], x[:1]]) for x in inputs]


def built(count, seed):
    names = models.chosen(count, np.random.default_rng(seed))
    for name, model, inputs in models.built_by_keras(names, count, seed):
        yield (name, model, *batches_of(inputs))
    yield from lengths(seed)


def run_onnx(path, inputs):
    onnx.checker.check_model(path, full_check=True)
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.log_severity_level = 4
    session = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
    names = [i.name for i in session.get_inputs()]
    for batch in inputs:
        yield session.run(None, dict(zip(names, batch)))


def run_saved_model(path, inputs, names, through_keras):
    if through_keras and len(names) == 1:
        function = keras.layers.TFSMLayer(path, call_endpoint="serving_default")
    else:
        signature = tf.saved_model.load(path).signatures["serving_default"]
        function = lambda *batch: signature(**dict(zip(names, batch)))
    for batch in inputs:
        found = function(*(tf.constant(x) for x in batch))
        yield [np.asarray(found[f"output_{i}"]) for i in range(len(found))]


def worst(found, expected):
    if len(found) != len(expected):
        return np.inf
    return max((deviation(np.asarray(f), e) for f, e in zip(found, expected)), default=0.0)


def ready(model, batch):
    """Arrays as the model's entries take them."""
    return [np.asarray(x, object if entry.dtype == "string" else entry.dtype) for x, entry in zip(batch, model.inputs)]


def main():
    parser = argparse.ArgumentParser(usage=__doc__)
    parser.add_argument("program")
    parser.add_argument("seed", nargs="?", type=int, default=0)
    parser.add_argument("--count", type=int, default=140)
    parser.add_argument("--formats", default="onnx,tf_saved_model")
    arguments = parser.parse_args()
    formats, start, folder = arguments.formats.split(","), time.time(), Folder()
    rng = np.random.default_rng(arguments.seed)
    with tempfile.TemporaryDirectory() as root:
        made = {}
        for number, (name, model, *batches) in enumerate(built(arguments.count, arguments.seed)):
            randomize(model, rng)
            batches = [ready(model, batch) for batch in batches]
            at = os.path.join(root, str(number))
            model.save(f"{at}.keras")
            case = {"id": f"model {number}", "file": f"{at}.keras", "onnx": f"{at}.onnx", "tf_saved_model": at}
            case = {key: value for key, value in case.items() if key in ("id", "file", *formats)}
            folder.cases.append(case | {"batches": [[folder.array(x) for x in batch] for batch in batches]})
            made[f"model {number}"] = name, [i._keras_history.operation.name for i in model.inputs], batches, at, model
        prepared = time.time() - start
        facts, arrays = folder.run(arguments.program)
        failures = 0
        for form in formats:
            checked, largest, refused = 0, (0.0, "none"), collections.defaultdict(list)
            begin = time.time()
            for number, (name, names, batches, at, model) in made.items():
                fact = facts[number]
                if fact["error"] or fact.get(form):
                    reason = fact["error"] or fact[form]
                    if fact["error"] or not any(code in reason for code in REFUSALS):
                        failures += 1
                        print(f"FAIL {form} {name}: {reason}")
                    else:
                        refused[reason.splitlines()[0]].append(name)
                    continue
                expected = [[arrays[number][f"{i} {o}"] for o in range(len(model.outputs))] for i in range(len(batches))]
                try:
                    run = run_onnx(f"{at}.onnx", batches) if form == "onnx" else run_saved_model(at, batches, names, number.endswith("0"))
                    off = max(worst(found, e) for found, e in zip(run, expected))
                except Exception as error:
                    failures += 1
                    print(f"FAIL {form} {name}: {str(error).strip()[:400]}")
                    continue
                checked += 1
                classes = " ".join([name] + [type(layer).__name__ for layer in model.layers])
                loose = any(word in classes for word in LOOSE_CLASSES) or name.startswith(("network", "open"))
                largest = max(largest, (off, name))
                if not off <= (LOOSE if loose else TOLERANCE):
                    failures += 1
                    print(f"FAIL {form} {name}: off by {off:.1e}")
            print(f"{form}: {checked} of {len(made)} models, two batch sizes each, largest deviation {largest[0]:.1e} ({largest[1]}), {time.time() - begin:.0f} s")
            for reason, names in sorted(refused.items()):
                print(f"  not expressed: {', '.join(names)}: {reason}")
            if checked < FEWEST * len(made):
                failures += 1
                print(f"FAIL {form}: expected at least {FEWEST:.0%} of the models")
    print(f"seed {arguments.seed}: {len(made)} models made in {prepared:.0f} s, exported in {folder.seconds:.0f} s; {failures} failures")
    sys.exit(1 if failures else 0)


if __name__ == "__main__":
    main()
