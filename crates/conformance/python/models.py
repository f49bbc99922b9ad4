"""Whole models there and back: built in Keras and opened by Cornet, built by Cornet and opened in Keras.

Usage: python models.py MODEL_CASES [SEED] [--count N]

MODEL_CASES is the program `cargo build -p cornet-conformance --bin model_cases` makes. Needs Keras 3.15.1 with
TensorFlow. N models (200 by default) are built in Keras, saved, opened by Cornet, which predicts and saves them again, and
opened in Keras once more. N models are built and saved by Cornet and opened in Keras. Every class of keras.layers but
those that docs/coverage.md leaves out is in a model of either direction if N is 200 or more: the classes are printed, and
one that is in none is a failure. Outputs within 1e-4 of their scale. Ends with 1 on failure.
"""

import os

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ["KERAS_BACKEND"] = "tensorflow"

import argparse
import json
import sys
import tempfile
import time
import warnings
import zipfile

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
from _models import network, randomize

warnings.filterwarnings("ignore")
tf.get_logger().setLevel("ERROR")
TOLERANCE = 1e-4
LEFT_OUT = {"Layer", "Wrapper", "Lambda", "FlaxLayer", "JaxLayer", "TFSMLayer", "TorchModuleWrapper"}
"""Base classes, and those that docs/coverage.md leaves out."""

CLASSES = {found.__name__ if hasattr(layers, found.__name__) else name for name, found in vars(layers).items()
           if isinstance(found, type) and issubclass(found, keras.Layer)} - LEFT_OUT
"""The classes of keras.layers: each is in a model of either direction if there are enough models."""


def appearing(file):
    """The classes of keras.layers in a model's file, those within others too."""

    def walk(value):
        if isinstance(value, dict):
            if str(value.get("module", "")).startswith("keras.layers") or value.get("class_name") in CLASSES:
                yield value["class_name"]
            for inner in value.values():
                yield from walk(inner)
        elif isinstance(value, list):
            for inner in value:
                yield from walk(inner)

    with zipfile.ZipFile(file) as archive:
        return set(walk(json.loads(archive.read("config.json")))) & CLASSES


def around(name, seed):
    """A model around one layer of a class: entries, the layer, and what makes vectors of it; and its inputs."""
    refused = "no sample fits"
    for number in range(40):
        try:
            found = around_sample(name, number, seed)
        except Exception as error:
            refused = f"{type(error).__name__}: {str(error).strip()[:150]}"
            found = None
        if found:
            return found
    raise RuntimeError(f"Keras makes no model around {name}: {refused}")


def around_sample(name, number, seed):
    case = _samples.SAMPLERS[name](_samples.Random(seed, name, number), name)
    layer, inputs, how = case.layer, list(case.inputs), case.how
    if how in ("cell", "stacked"):
        inputs, how = [np.stack([inputs[0]] * 3, axis=1)], "one"
        layer = layers.RNN(layer)
    if case.tensors or getattr(layer, "stateful", False) or any(x.ndim < 2 for x in inputs):
        return None
    # Keras refuses some configs that it has written itself.
    type(layer).from_config(layer.get_config())
    entries = [keras.Input(x.shape[1:], dtype="string" if x.dtype == object else x.dtype.name) for x in inputs]
    given = {"one": entries[:1], "list": [entries], "args": entries}[how]
    found = layer(*given, **case.values)
    if any(y.dtype == "string" for y in (found if isinstance(found, (list, tuple)) else [found])):
        return None
    outputs = [plain(y) for y in (found if isinstance(found, (list, tuple)) else [found])]
    if outputs[0].ndim == 2 and "float" in outputs[0].dtype and outputs[0].shape[1] is not None:
        outputs[0] = layers.Dense(2)(outputs[0])
    model = keras.Model(entries if len(entries) > 1 else entries[0], outputs if len(outputs) > 1 else outputs[0])
    if how == "one" and type(layer) is type(case.layer) and layer not in model.layers:
        # A layer that returns the very tensor it was given leaves no trace in a drawn model.
        again = type(layer).from_config(layer.get_config())
        model = keras.Sequential([layers.InputLayer(inputs[0].shape[1:], dtype=entries[0].dtype), again, layers.Flatten()])
    return model, inputs


def plain(y):
    return layers.Flatten()(y) if y.ndim > 2 and None not in y.shape[1:] and y.dtype != "string" else y


def call(model, inputs):
    tensors = [tf.constant(x) for x in inputs]
    found = model(tensors if len(tensors) > 1 else tensors[0], training=False)
    return [np.asarray(y) for y in (found if isinstance(found, (list, tuple)) else [found])]


def differs(found, expected):
    if len(found) != len(expected):
        return f"{len(expected)} outputs expected, {len(found)} found", np.inf
    worst = max(deviation(f, e) for f, e in zip(found, expected))
    return (f"off by {worst:.1e}" if not worst <= TOLERANCE else None), worst


def chosen(count, rng):
    """The classes around which models are made: all, in any order, or as many as leave a quarter to networks."""
    names = sorted(CLASSES & set(_samples.SAMPLERS))
    rng.shuffle(names)
    return names[:count * 3 // 4]


def opens_itself(file):
    """Whether Keras opens a model that it has saved, which it does not where a layer returns the tensor it was given."""
    try:
        return file is None or bool(keras.models.load_model(file))
    except Exception:
        return False


def built_by_keras(names, count, seed):
    for name in names:
        yield (f"around {name}", *around(name, seed))
    for number in range(count - len(names)):
        yield (f"network {number}", *network(keras, number, seed))


def complete(direction, files, count):
    """A complaint if a class is in none of many models' files."""
    found = set().union(*(appearing(file) for file in files if os.path.exists(file)))
    print(f"{direction}: {len(found)} of {len(CLASSES)} classes: {' '.join(sorted(found))}")
    absent = sorted(CLASSES - found)
    return [f"{direction}: no model has {' '.join(absent)}"] if absent and count * 3 // 4 >= len(_samples.SAMPLERS) else []


def main():
    parser = argparse.ArgumentParser(usage=__doc__)
    parser.add_argument("program")
    parser.add_argument("seed", nargs="?", type=int, default=0)
    parser.add_argument("--count", type=int, default=200)
    options = parser.parse_args()
    start, failures, largest = time.time(), [], 0.0
    rng = np.random.default_rng(options.seed)
    names = chosen(options.count, rng)
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
            around_one = {"class": names[i]} if i < len(names) else {}
            cases.cases.append({"id": f"cornet-{i}", "seed": options.seed * 1000 + i, "to": to, **around_one})
        facts, arrays = cases.run(options.program)
        for case in cases.cases:
            key = case["id"]
            title, wanted, inputs, _ = expected.get(key, (case.get("class", "network"), None, None, None))
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
                if not opens_itself(case.get("file")):
                    print(f"note {key} ({title}): Keras does not open its own file: {complaint[:150]}")
                    complaint = None
            if complaint:
                failures.append(f"{key} ({title}): Keras opens what Cornet saved: {complaint}")
            keras.backend.clear_session()
        made = {kind: [case.get("file", case["to"]) for case in cases.cases if case["id"].startswith(kind)] for kind in ("keras", "cornet")}
        for kind, files in made.items():
            failures += complete(f"built by {kind.capitalize()}", files, options.count)
    for line in failures:
        print("FAIL", line)
    print(f"{len(expected)} models of Keras and {options.count} of Cornet, there and back: {len(failures)} failures, largest deviation "
          f"{largest:.1e}; {time.time() - start:.0f} s, of which Cornet {cases.seconds:.0f} s")
    sys.exit(1 if failures else 0)


if __name__ == "__main__":
    main()
