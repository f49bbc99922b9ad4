"""Compares Cornet's layers with Keras's, case by case: config, weights, shapes, outputs, gradients, state.

Usage: python layers.py LAYER_CASES [SEED] [CLASS ...] [--cases N] [--verbose] [--keras-only]

LAYER_CASES is the program `cargo build -p cornet-conformance --bin layer_cases` makes. Needs Keras 3.15.1 with
TensorFlow. Without classes all of them. Prints one line a class and ends with 1 if one fails; classes that Cornet does
not have are named and not counted as failures: docs/coverage.md lists them.
"""

import os

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ["KERAS_BACKEND"] = "tensorflow"

import argparse
import subprocess
import sys
import time
import warnings

import keras
import numpy as np
import tensorflow as tf
from keras.src import tree
from keras.src.backend.common.masking import get_keras_mask, set_keras_mask

import _samples
import _layers_attention
import _layers_basic
import _layers_conv
import _layers_image
import _layers_recurrent
import _layers_text
from _exchange import Folder, deviation, difference, dtype_name, order, plain

warnings.filterwarnings("ignore")
tf.get_logger().setLevel("ERROR")

HALF = {"mixed_float16": 2e-2, "mixed_bfloat16": 1e-1, "float16": 3e-2, "bfloat16": 1.5e-1}
"""Policies that a case of some classes is computed under, and their tolerances."""

HALVES = {"Dense", "EinsumDense", "Embedding", "Conv1D", "Conv2D", "DepthwiseConv2D", "MaxPooling2D", "AveragePooling2D",
          "GlobalAveragePooling2D", "LayerNormalization", "BatchNormalization", "GroupNormalization", "Activation", "ReLU",
          "Softmax", "Add", "Concatenate", "Dot", "Flatten", "Dropout", "LSTM", "GRU", "MultiHeadAttention", "Attention",
          "UpSampling2D", "ZeroPadding2D", "Rescaling", "RMSNormalization"}


def numpy_of(tensor):
    tensor = tf.convert_to_tensor(tensor)
    return np.asarray(tensor.numpy()) if tensor.dtype != tf.string else np.asarray(tensor.numpy(), dtype=object)


def randomize(layer, rng):
    """Weights that no initializer gives, so that a weight in the wrong place shows."""
    for weight in layer.weights:
        if not keras.backend.is_float_dtype(weight.dtype):
            continue
        value = rng.standard_normal(weight.shape) * 0.4
        if weight.name in ("moving_variance", "variance", "gamma", "scale", "moving_stddev"):
            value = 0.5 + np.abs(value)
        weight.assign(value.astype("float32"))


class Prepared:
    """A case with what Keras says of it."""

    def __init__(self, case, rng):
        self.case, layer = case, case.layer
        inputs = [tf.constant(x) for x in case.inputs]
        tensors = {k: [tf.constant(t) for t in v] if isinstance(v, (list, tuple)) else tf.constant(v)
                   for k, v in case.tensors.items()}
        further = dict(case.values, **tensors)
        if layer._call_has_training_arg:
            further["training"] = case.training

        def call():
            # Before each call, since attention takes the masks off its inputs.
            for x, mask in zip(inputs, case.masks):
                if mask is not None:
                    set_keras_mask(x, tf.constant(mask))
            if case.how == "cell":
                return layer(inputs[0], inputs[1:], **further)
            if case.how == "stacked":
                return layer(inputs[0], tree.pack_sequence_as(layer.state_size, inputs[1:]), **further)
            if case.how == "one":
                return layer(inputs[0], **further)
            return layer(inputs, **further) if case.how == "list" else layer(*inputs, **further)

        call()
        (case.weights or randomize)(layer, rng)
        if getattr(layer, "stateful", False):
            layer.reset_state()
        self.weights = [w.numpy() for w in layer.weights]
        floats = [x for x in inputs if x.dtype.is_floating]
        with tf.GradientTape() as tape:
            tape.watch(floats)
            self.outputs = [tf.convert_to_tensor(y) for y in tree.flatten(call())]
            self.losses = float(tf.add_n([tf.cast(l, tf.float32) for l in layer.losses])) if layer.losses else None
            cotangents = [rng.standard_normal(y.shape).astype("float32") if y.dtype.is_floating else None
                          for y in self.outputs]
            parts = [tf.reduce_sum(y * tf.cast(c, y.dtype)) for y, c in zip(self.outputs, cotangents) if c is not None]
            total = tf.add_n([tf.cast(p, tf.float32) for p in parts]) if parts else None
        self.cotangents = cotangents if case.gradients and case.compare == "values" else []
        self.expected = {f"output {i}": numpy_of(y) for i, y in enumerate(self.outputs)}
        self.masks = [get_keras_mask(y) for y in self.outputs]
        for i, mask in enumerate(self.masks):
            if mask is not None:
                self.expected[f"mask {i}"] = numpy_of(mask)
        if self.losses is not None:
            self.expected["losses"] = np.float32(self.losses)
        if self.cotangents and total is not None:
            trainable = [w.value for w in layer.trainable_weights]
            found = tape.gradient(total, floats + trainable)
            places = [i for i, x in enumerate(inputs) if x.dtype.is_floating]
            names = [f"gradient of input {i}" for i in places]
            names += [f"gradient of weight {i}" for i in range(len(trainable))]
            for name, gradient, source in zip(names, found, floats + trainable):
                gradient = tf.zeros_like(source) if gradient is None else tf.convert_to_tensor(gradient)
                self.expected[name] = numpy_of(gradient)
        for i, weight in enumerate(layer.weights):
            if not weight.trainable:
                self.expected[f"state {i}"] = weight.numpy()
        self.object = plain(keras.saving.serialize_keras_object(layer))
        self.named = [(w.name, list(w.shape), w.dtype) for w in layer.weights]
        self.paths = [w.path for w in layer.weights]

    def entry(self, name, folder):
        case = self.case
        tensors = {k: [folder.array(t) for t in (v if isinstance(v, (list, tuple)) else [v])]
                   for k, v in case.tensors.items()}
        return {"id": name, "object": self.object, "inputs": [folder.array(x) for x in case.inputs],
                "masks": [None if m is None else folder.array(m) for m in case.masks], "tensors": tensors,
                "values": case.values, "training": bool(case.training), "compiled": case.compiled,
                "weights": [folder.array(w) for w in self.weights],
                "cotangents": [None if c is None else folder.array(c) for c in self.cotangents]}

    def verdict(self, facts, arrays):
        """Complaints, remarks, and the largest deviation."""
        if facts["error"]:
            return [facts["error"].replace("\n", " ")], [], 0.0
        complaints, remarks, largest = [], [], 0.0
        found = plain(facts["object"])
        complaints += [f"config{d}" for d in [difference(found, self.object)] if d]
        if not complaints and order(found) != order(self.object):
            remarks.append("the keys of the config are in another order")
        named = [(w["name"], w["shape"], w["dtype"]) for w in facts["weights"]]
        if named != [(n, s, str(d)) for n, s, d in self.named]:
            complaints.append(f"weights: expected {self.named}, found {named}")
        elif [w["path"] for w in facts["weights"]] != self.paths:
            remarks.append(f"paths: expected {self.paths}, found {[w['path'] for w in facts['weights']]}")
        if facts.get("compiled_error"):
            complaints.append("compiled: " + facts["compiled_error"].replace("\n", " "))
        for i, (shape, dtype) in enumerate(zip(facts["shapes"], facts["dtypes"])):
            own = arrays.get(f"eager:output {i}")
            if own is None:
                continue
            if len(shape) != own.ndim or any(n is not None and n != m for n, m in zip(shape, own.shape)):
                complaints.append(f"inferred shape {i}: {shape}, the output has {list(own.shape)}")
            if dtype != dtype_name(own):
                complaints.append(f"inferred dtype {i}: {dtype}, the output has {dtype_name(own)}")
        for kind in ("eager", "compiled") if self.case.compiled and not facts.get("compiled_error") else ("eager",):
            own = {name[len(kind) + 1:]: value for name, value in arrays.items() if name.startswith(kind + ":")}
            more, worst = self.compare(kind, own)
            complaints += more
            largest = max(largest, worst)
        return complaints, remarks, largest

    def compare(self, kind, own):
        complaints, worst = [], 0.0
        if self.case.compare != "values":
            outputs = [own[f"output {i}"] for i in range(len(self.outputs))]
            complaint = self.case.compare([numpy_of(y) for y in self.outputs], outputs)
            return [f"{kind}: {complaint}"] if complaint else [], 0.0
        for name, value in self.expected.items():
            if name not in own:
                complaints.append(f"{kind} {name}: missing")
                continue
            value = np.asarray(value)
            if dtype_name(own[name]) != dtype_name(value):
                complaints.append(f"{kind} {name}: expected {dtype_name(value)}, found {dtype_name(own[name])}")
            elif own[name].shape != value.shape:
                complaints.append(f"{kind} {name}: expected {value.shape}, found {own[name].shape}")
            else:
                off = deviation(own[name], value)
                worst = max(worst, off)
                if not off <= self.case.tolerance:
                    complaints.append(f"{kind} {name}: off by {off:.1e} (allowed {self.case.tolerance:.0e})")
        more = [n for n in own if n not in self.expected and n.partition(" ")[0] in ("output", "mask", "losses")]
        if more:
            complaints.append(f"{kind}: too much: {more}")
        return complaints, worst


def arguments_of(case):
    config = {k: v for k, v in case.layer.get_config().items() if k not in ("name", "trainable")}
    shapes = ", ".join(f"{x.dtype}{list(x.shape)}" for x in case.inputs)
    return (f"[{shapes}] training={case.training} {case.values} {list(case.tensors)} "
            f"masks={[m is not None for m in case.masks]} {config}")


def prepare(seed, name, number, count):
    r = _samples.Random(seed, name, number)
    sampler = _samples.SAMPLERS[name]
    if name in HALVES and number == count - 1:
        # TensorFlow makes no orthogonal matrix of bfloat16.
        r.policy = r.one("mixed_float16", "mixed_bfloat16", *([] if name in ("LSTM", "GRU") else ["float16", "bfloat16"]))
    case = sampler(r, name)
    if r.policy:
        case.tolerance = HALF[r.policy]
    return Prepared(case, r.rng)


def main():
    parser = argparse.ArgumentParser(usage=__doc__)
    parser.add_argument("program")
    parser.add_argument("words", nargs="*")
    parser.add_argument("--cases", type=int, default=6)
    parser.add_argument("--verbose", action="store_true")
    parser.add_argument("--keras-only", action="store_true", help="only whether Keras computes every case, of all classes")
    options = parser.parse_args()
    seed = int(options.words.pop(0)) if options.words and options.words[0].isdigit() else 0
    unknown = [name for name in options.words if name not in _samples.SAMPLERS]
    if unknown:
        raise SystemExit(f"no samplers for {unknown}")
    there = set(subprocess.run([options.program, "--classes"], check=True, capture_output=True, text=True).stdout.split())
    chosen = options.words or sorted(_samples.SAMPLERS)
    absent = [name for name in chosen if name not in there and not options.keras_only]
    folder, prepared, start = Folder(), {}, time.time()
    broken = []
    for name in chosen:
        if name in absent:
            continue
        count = _samples.SAMPLERS[name].cases or options.cases
        for number in range(count):
            keras.backend.clear_session()
            key = f"{name}-{number}"
            try:
                prepared[key] = prepare(seed, name, number, count)
                folder.cases.append(prepared[key].entry(key, folder))
            except Exception as error:
                broken.append(f"{key}: Keras cannot compute it: {type(error).__name__}: {str(error).strip()[:300]}")
                prepared.pop(key, None)
    keras_seconds = time.time() - start
    if options.keras_only:
        print("\n".join(broken), f"\n{len(chosen)} classes, {len(prepared)} cases in {keras_seconds:.0f} s")
        sys.exit(1 if broken else 0)
    facts, arrays = folder.run(options.program)
    failed, overall = 0, 0.0
    for name in chosen:
        keys = [key for key in prepared if key.rpartition("-")[0] == name]
        if not keys:
            continue
        lines, worst, notes = [], 0.0, set()
        for key in keys:
            complaints, remarks, largest = prepared[key].verdict(facts[key], arrays[key])
            worst = max(worst, largest if prepared[key].case.tolerance <= 1e-3 else 0.0)
            notes.update(remarks)
            if complaints:
                lines.append(f"    {key}: " + "; ".join(complaints[:4]) + (" ..." if len(complaints) > 4 else ""))
                if options.verbose:
                    lines.append(f"        {arguments_of(prepared[key].case)}")
        failed += bool(lines)
        overall = max(overall, worst if np.isfinite(worst) else overall)
        print(f"{'FAIL' if lines else 'ok  '} {name:34} {len(keys)} cases, largest deviation {worst:.1e}")
        for line in lines + [f"    remark: {note}" for note in sorted(notes) if options.verbose]:
            print(line)
    for line in broken:
        print(f"note {line}")
    if absent:
        print(f"not there yet ({len(absent)}): {' '.join(absent)}")
    print(f"{len(chosen) - len(absent)} classes, {len(prepared)} cases, {failed} classes failed, "
          f"{len(broken)} cases that Keras cannot compute, largest deviation {overall:.1e}; Keras {keras_seconds:.0f} s, Cornet {folder.seconds:.0f} s")
    # Some random arguments TensorFlow has no kernel for; more would mean that a sampler is wrong.
    sys.exit(1 if failed or len(broken) > max(2, len(prepared) // 50) else 0)


main()
