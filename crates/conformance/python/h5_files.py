"""`.h5`, `.weights.h5` and `.keras` files with optimizer state, there and back: Keras 3 and tf_keras against Cornet.

Usage: python h5_files.py MODEL_CASES [SEED] [--count N] [--older N]

MODEL_CASES is the program `cargo build -p cornet-conformance --bin model_cases` makes. Needs Keras 3.15.1 with
TensorFlow, tf_keras 2.21 and h5py. N models of Keras 3 and N of tf_keras are built, trained a little and saved; Cornet
opens each, predicts, saves it again and goes on training, and so does the program that made it, from its own and from
Cornet's file. N models are built, trained and saved by Cornet, which Keras 3 opens and goes on training. Files are
copied by h5py into other forms of HDF5 before Cornet opens them. Outputs within 1e-5 of their scale, 1e-4 where
recurrent layers or normalisations stand behind each other; losses within 1e-4. Ends with 1 on failure.
"""

import os

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ["KERAS_BACKEND"] = "tensorflow"

import argparse
import logging
import sys
import tempfile
import time
import warnings

import absl.logging
import h5py
import keras
import numpy as np
import tensorflow as tf
import tf_keras
from keras.src.legacy.saving import legacy_h5_format

import _samples
from _exchange import Folder, deviation
from _models import network, randomize, sequence

warnings.filterwarnings("ignore")
absl.logging.set_verbosity("error")
tf.get_logger().setLevel(logging.ERROR)
TOLERANCE = 1e-4
STEPS = 2
OPTIMIZERS = {
    keras: ["adam", "rmsprop", "sgd", "adagrad", "adamax", "nadam", "adamw", "adadelta"],
    tf_keras: ["adam", "rmsprop", "sgd", "adagrad", "adamax", "adadelta"],
}
FORMS = {
    "latest": {"libver": "latest"},
    "v110": {"libver": ("earliest", "v110")},
    "userblock": {"userblock_size": 1024},
    "chunks": {},
    "gzip": {"libver": "latest"},
    "big endian": {},
}
"""Ways in which h5py writes the same file; see `copied`."""


def copied(source, to, form):
    """The file with another layout: newer structures, chunks, filters, another byte order, more attributes."""
    with h5py.File(source, "r") as old, h5py.File(to, "w", **FORMS[form]) as new:
        new.attrs.update(dict(old.attrs))

        def copy(name, item):
            if isinstance(item, h5py.Group):
                made = new.require_group(name)
            else:
                options = {}
                if item.ndim and item.size and form in ("chunks", "gzip"):
                    options["chunks"] = tuple(max(1, n // 2) for n in item.shape)
                if options and form == "gzip":
                    options.update(compression="gzip", shuffle=True, fletcher32=True)
                dtype = item.dtype.newbyteorder(">") if form == "big endian" else item.dtype
                made = new.create_dataset(name, data=item[()], dtype=dtype, **options)
            made.attrs.update(dict(item.attrs))
            if form == "latest":
                # More than a header holds: dense storage.
                for i in range(12):
                    made.attrs[f"note {i}"] = "x" * 400

        old.visititems(copy)


def call(model, inputs):
    tensors = [tf.constant(x) for x in inputs]
    found = model(tensors if len(tensors) > 1 else tensors[0], training=False)
    return [np.asarray(y) for y in (found if isinstance(found, (list, tuple)) else [found])]


def differs(found, expected):
    if len(found) != len(expected):
        return f"{len(expected)} outputs expected, {len(found)} found", 0.0
    worst = max(deviation(f, e) for f, e in zip(found, expected))
    return (f"off by {worst:.1e}" if not worst <= TOLERANCE else None), worst if np.isfinite(worst) else 0.0


def is_random(model):
    classes = [type(layer).__name__ for layer in model._flatten_layers()] if hasattr(model, "_flatten_layers") else []
    return any("Dropout" in name or "Noise" in name for name in classes)


def train(model, inputs, targets):
    losses = []
    for _ in range(STEPS):
        model.reset_metrics()
        one = lambda arrays: arrays if len(arrays) > 1 else arrays[0]
        losses.append(float(np.ravel(model.train_on_batch(one(inputs), one(targets)))[0]))
    return losses


def compare_losses(own, theirs):
    worst = max(abs(a - b) / max(abs(b), 1e-3) for a, b in zip(own, theirs))
    return (f"losses {theirs} expected, {own} found" if not worst <= TOLERANCE else None), worst


class Made:
    """A model of Keras that Cornet is to open, with what it gives."""

    def __init__(self, library, number, seed, rng, folder):
        r = _samples.Random(seed, f"{library.__name__} optimizer", number)
        make = sequence if number % 3 == 0 else network
        model, self.inputs = make(library, number, seed)
        randomize(model, rng)
        self.library = library
        self.title = f"{library.__name__} {make.__name__} {number}"
        self.targets = [rng.standard_normal(y.shape).astype("float32") for y in call(model, self.inputs)]
        self.is_random = is_random(model)
        self.end = ".keras" if library is keras and number % 2 else ".h5"
        name = os.path.join(folder, f"{library.__name__}{number}")
        self.file, self.to, self.weights = name + self.end, name + "_back" + (".h5" if number % 4 < 2 else ".keras"), None
        if library is tf_keras:
            self.to = name + "_back.h5"
        model.compile(r.one(*OPTIMIZERS[library]), "mse", run_eagerly=True)
        train(model, self.inputs, self.targets)
        model.save(self.file)
        if self.end == ".h5" and number % 2 == 0:
            form = list(FORMS)[number // 2 % len(FORMS)]
            source, self.file = self.file, name + "_copy.h5"
            copied(source, self.file, form)
            self.title += f" ({form})"
        elif number % 5 == 1 and library is keras:
            self.weights = name + ".weights.h5"
            model.save_weights(self.weights)
        self.outputs = call(model, self.inputs)
        self.losses = None if self.is_random or self.weights else train(model, self.inputs, self.targets)

    def case(self, cases, key):
        case = {"id": key, "file": self.file, "to": self.to, "inputs": [cases.array(x) for x in self.inputs],
                "targets": [cases.array(y) for y in self.targets]}
        if self.losses:
            case["steps"] = STEPS
        if self.library is tf_keras:
            case["for_keras_2"] = True
        if self.weights:
            case["weights"] = self.weights
        cases.cases.append(case)


def with_built_optimizer(model, path):
    """Builds the optimizer for the model's variables and gives it the file's state. Keras 3.15.1 builds the optimizer of a
    model from `.h5` for no variable, and so refuses to train one that it has saved itself."""
    with h5py.File(path) as file:
        if "optimizer_weights" not in file:
            return
        state = [np.array(values) for values in legacy_h5_format.load_optimizer_weights_from_hdf5_group(file)]
    optimizer = type(model.optimizer).from_config(model.optimizer.get_config())
    optimizer.build(model.trainable_variables)
    optimizer.set_weights(state)
    model.optimizer = optimizer


def check(report, key, library, path, inputs, targets, outputs, losses):
    """What a program gives for a file that Cornet saved."""
    try:
        model = library.models.load_model(path)
        report(key, "opens what Cornet saved", differs(call(model, inputs), outputs))
        if losses and not is_random(model):
            if library is keras and path.endswith(".h5"):
                with_built_optimizer(model, path)
            report(key, "goes on training", compare_losses(train(model, inputs, targets), losses))
    except Exception as error:
        report(key, "opens what Cornet saved", (f"{type(error).__name__}: {str(error).strip()[:300]}", 0.0))


def main():
    parser = argparse.ArgumentParser(usage=__doc__)
    parser.add_argument("program")
    parser.add_argument("seed", nargs="?", type=int, default=0)
    parser.add_argument("--count", type=int, default=60)
    parser.add_argument("--older", type=int, default=40)
    options = parser.parse_args()
    start, failures, largest = time.time(), [], {"outputs": 0.0, "losses": 0.0}
    rng = np.random.default_rng(options.seed)

    def report(title, what, found):
        complaint, worst = found
        kind = "losses" if "training" in what else "outputs"
        largest[kind] = max(largest[kind], worst)
        if complaint:
            failures.append(f"{title}: {what}: {complaint}")

    with tempfile.TemporaryDirectory() as folder:
        cases, made = Folder(), {}
        for library, count in ((keras, options.count), (tf_keras, options.older)):
            for number in range(count):
                key = f"{library.__name__}-{number}"
                made[key] = Made(library, number, options.seed, rng, folder)
                made[key].case(cases, key)
                library.backend.clear_session()
        own = [f"cornet-{i}" for i in range(options.count + options.older)]
        for i, key in enumerate(own):
            name = os.path.join(folder, key)
            case = {"id": key, "seed": options.seed * 1000 + i, "to": name + (".h5" if i % 2 else ".keras"), "steps": STEPS,
                    "optimizer": OPTIMIZERS[keras][i % len(OPTIMIZERS[keras])]}
            if i % 5 == 0:
                case["weights_to"] = name + ".weights.h5"
            cases.cases.append(case)
        facts, arrays = cases.run(options.program)
        for case in cases.cases:
            key = case["id"]
            title = f"{key} ({made[key].title})" if key in made else key
            if facts[key]["error"]:
                failures.append(f"{title}: " + facts[key]["error"].replace("\n", " "))
                continue

            def several(kind):
                return [arrays[key][f"{kind} {n}"] for n in range(sum(name.startswith(kind) for name in arrays[key]))]

            found = facts[key].get("losses")
            if key in made:
                m = made[key]
                report(title, "Cornet opens it", differs(several("output"), m.outputs))
                if m.losses:
                    if found is None:
                        failures.append(f"{title}: Cornet goes on training: not compiled")
                    else:
                        report(title, "Cornet goes on training", compare_losses(found, m.losses))
                check(report, title, m.library, m.to, m.inputs, m.targets, m.outputs, m.losses)
            else:
                inputs, targets, outputs = several("input"), several("target"), several("output")
                check(report, title, keras, case["to"], inputs, targets, outputs, found)
                if "weights_to" in case:
                    model = keras.models.load_model(case["to"], compile=False)
                    randomize(model, rng)
                    model.load_weights(case["weights_to"])
                    report(title, "Keras loads the weights", differs(call(model, inputs), outputs))
            keras.backend.clear_session()
    for line in failures:
        print("FAIL", line)
    print(f"{options.count} models of Keras 3, {options.older} of tf_keras, {len(own)} of Cornet: {len(failures)} failures, largest "
          f"deviation {largest['outputs']:.1e} of outputs, {largest['losses']:.1e} of losses; {time.time() - start:.0f} s, of which "
          f"Cornet {cases.seconds:.0f} s")
    sys.exit(1 if failures else 0)


main()
