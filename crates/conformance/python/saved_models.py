"""Compares what Cornet makes of SavedModels with what TensorFlow makes of them.

Usage: python saved_models.py SAVED_MODEL_CASES [SEED] [NAME ...] [--verbose]

Saved are, in a folder that is thrown away: a model around every layer of keras.layers that Keras can export
(`model.export`), and the models of `_saved_models.py`: tf_keras's own, modules of TensorFlow with control flow, tables,
texts, lists and state, and graphs of TensorFlow 1. Each is called through its signatures in TensorFlow
(`tf.saved_model.load`) and in Cornet. Prints one line for each that differs and ends with 1 if one does. Without a seed
a new one is drawn.
"""

import os

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ["KERAS_BACKEND"] = "tensorflow"

import argparse
import contextlib
import io
import secrets
import sys
import tempfile
import time
import warnings

import keras
import numpy as np
import tensorflow as tf

import _layers_attention
import _layers_basic
import _layers_conv
import _layers_image
import _layers_recurrent
import _layers_text
import _samples
import _saved_models
from _exchange import Folder, deviation

warnings.filterwarnings("ignore")
tf.get_logger().setLevel("ERROR")

LOOSE = ("LSTM", "GRU", "RNN", "Bidirectional", "TimeDistributed", "Normalization", "lstm", "gru", "recurrent", "norm")
"""In the names of layers that add up rounding: recurrent ones and those that divide by a spread."""

UNLIKE = {
    "images": 1e-4,
    "products": 1e-4,
    "elementwise": 1e-4,
    "quantized": 1e-4,
    "half_precision": 2e-2,
}
"""Tolerances of models that compute what depends on rounding."""



def tolerance(name):
    if name in UNLIKE:
        return UNLIKE[name]
    return 1e-4 if any(word in name for word in LOOSE) else 1e-5


def randomize(layer, rng):
    """Weights that no initializer gives, so that a weight in the wrong place shows."""
    for weight in layer.weights:
        if keras.backend.is_float_dtype(weight.dtype):
            value = rng.standard_normal(weight.shape) * 0.4
            if weight.name in ("moving_variance", "variance", "gamma", "scale", "moving_stddev"):
                value = 0.5 + np.abs(value)
            weight.assign(value.astype("float32"))


def of_layer(name, seed, path):
    """Saves a model around a layer; returns the calls to make of it."""
    keras.backend.clear_session()
    r = _samples.Random(seed, name, 0)
    case = _samples.SAMPLERS[name](r, name)
    layer, arrays = case.layer, list(case.inputs)
    if case.how in ("cell", "stacked"):
        layer, arrays = keras.layers.RNN(layer), [r.floats(arrays[0].shape[0], 11, *arrays[0].shape[1:])]
        how = "one"
    else:
        how = case.how
    inputs, further = [], dict(case.values)

    def entry(array):
        dtype = "string" if array.dtype.kind in "OUS" else array.dtype.name
        inputs.append(keras.Input(array.shape[1:], name=f"given_{len(inputs)}", dtype=dtype))
        return inputs[-1]
    if getattr(layer, "stateful", False):
        raise NotImplementedError("stateful layers fix the batch")
    first = [entry(x) for x in arrays]
    for key, value in case.tensors.items():
        several = isinstance(value, (list, tuple))
        made = [entry(np.asarray(v)) for v in (value if several else [value])]
        arrays += [np.asarray(v) for v in (value if several else [value])]
        further[key] = made if several else made[0]
    y = layer(first[0], **further) if how == "one" else layer(first, **further) if how == "list" else layer(*first, **further)
    model = keras.Model(inputs, y)
    (case.weights or randomize)(layer, r.rng)
    with contextlib.redirect_stdout(io.StringIO()):
        model.export(path, verbose=False)
    names = sorted(tf.saved_model.load(path).signatures["serving_default"].structured_input_signature[1], key=natural)
    by_name = {f"given_{i}": x for i, x in enumerate(arrays)}
    if set(names) == set(by_name):
        given = by_name
    else:
        given = dict(zip(names, arrays))
    return [("serving_default", given)]


def packed(value):
    """Strings of bytes as the folder takes them."""
    value = np.asarray(value)
    is_bytes = value.dtype.kind == "O" and value.size and isinstance(value.ravel()[0], bytes)
    return value.astype("S") if is_bytes else value


def natural(name):
    base, _, number = name.rpartition("_")
    return (base, int(number)) if number.isdigit() else (name, -1)


def answers(path, calls):
    """What TensorFlow gives for calls, by output."""
    loaded = tf.saved_model.load(path, tags=["serve"])
    found = []
    for signature, inputs in calls:
        takes = loaded.signatures[signature].structured_input_signature[1]
        tensors = {k: tf.constant(v, dtype=takes[k].dtype if k in takes else None) for k, v in inputs.items()}
        found.append({k: v.numpy() for k, v in loaded.signatures[signature](**tensors).items()})
    return found


DRAWN = {
    "AugMix", "CutMix", "MixUp", "RandAugment", "RandomBrightness", "RandomColorDegeneration", "RandomColorJitter",
    "RandomContrast", "RandomElasticTransform", "RandomErasing", "RandomFlip", "RandomGaussianBlur", "RandomGrayscale",
    "RandomHue", "RandomInvert", "RandomPerspective", "RandomPosterization", "RandomRotation", "RandomSaturation",
    "RandomSharpness", "RandomShear", "RandomTranslation", "RandomZoom",
}
"""Layers that Keras exports as it trains with them: each call draws anew, so outputs have a shape and are finite."""


def compare(name, expected, arrays, allowed):
    """Complaints and the largest deviation."""
    complaints, worst = [], 0.0
    for i, outputs in enumerate(expected):
        for output, theirs in outputs.items():
            own = arrays.get(f"{i} {output}")
            if own is None:
                complaints.append(f"call {i}: no output '{output}'")
            elif np.shape(own) != np.shape(theirs):
                complaints.append(f"call {i} {output}: expected shape {np.shape(theirs)}, found {np.shape(own)}")
            else:
                theirs = np.asarray(theirs)
                if name in DRAWN:
                    if not np.isfinite(np.asarray(own)).all():
                        complaints.append(f"call {i} {output}: not finite")
                    continue
                if theirs.dtype.kind in "OSU":
                    mine = [bytes(b) for b in np.asarray(own).astype("S").ravel()]
                    same = mine == [bytes(b).rstrip(b"\0") for b in theirs.ravel()]
                    off = 0.0 if same else np.inf
                else:
                    off = deviation(np.asarray(own), theirs)
                worst = max(worst, off)
                if not off <= allowed:
                    complaints.append(f"call {i} {output}: off by {off:.1e} (allowed {allowed:.0e})")
    return complaints, worst


def main():
    parser = argparse.ArgumentParser(usage=__doc__)
    parser.add_argument("program")
    parser.add_argument("words", nargs="*")
    parser.add_argument("--verbose", action="store_true")
    parser.add_argument("--keep", help="a folder in which the models stay")
    options = parser.parse_args()
    seed = int(options.words.pop(0)) if options.words and options.words[0].isdigit() else secrets.randbelow(1 << 30)
    names = options.words or sorted(_samples.SAMPLERS) + list(_saved_models.BUILDERS)
    folder, expected, absent, start = Folder(), {}, {}, time.time()
    with contextlib.ExitStack() as stack:
        models = options.keep or stack.enter_context(tempfile.TemporaryDirectory())
        for name in names:
            path = os.path.join(models, name)
            try:
                if name in _saved_models.BUILDERS:
                    r = np.random.default_rng([seed, len(name), sum(map(ord, name))])
                    calls = _saved_models.BUILDERS[name](path, r)
                else:
                    calls = of_layer(name, seed, path)
                calls, found = calls if isinstance(calls, tuple) else (calls, answers(path, calls))
            except Exception as error:
                absent[name] = f"{type(error).__name__}: {' '.join(str(error).split())[:200]}"
                continue
            entries = [{"signature": s, "inputs": {k: folder.array(packed(v)) for k, v in given.items()}} for s, given in calls]
            folder.cases.append({"id": name, "path": path, "kind": "frozen" if name == "v1_frozen" else "folder", "calls": entries})
            expected[name] = found
        seconds = time.time() - start
        facts, arrays = folder.run(options.program)
    failed, unsupported, overall = [], [], 0.0
    for name, found in expected.items():
        error = facts[name]["error"]
        complaints, worst = ([error.replace("\n", " ")], 0.0) if error else compare(name, found, arrays[name], tolerance(name))
        if complaints and error and "[unsupported]" in error:
            unsupported.append(name)
            print(f"unsupported {name}: {complaints[0][:300]}")
        elif complaints:
            failed.append(name)
            print(f"FAIL {name}: " + "; ".join(complaints[:4])[:900])
        else:
            overall = max(overall, worst if np.isfinite(worst) else overall)
            if options.verbose:
                print(f"ok   {name}: {worst:.1e}")
    for name, why in absent.items():
        print(f"note {name}: TensorFlow does not save or run it: {why}")
    passed = len(expected) - len(failed) - len(unsupported)
    print(f"seed {seed}: {len(expected)} models, {passed} passed, {len(failed)} failed, {len(unsupported)} unsupported, "
          f"{len(absent)} that TensorFlow does not save, largest deviation {overall:.1e}; TensorFlow {seconds:.0f} s, Cornet {folder.seconds:.0f} s")
    sys.exit(1 if failed or (not options.words and len(expected) < 100) else 0)


main()
