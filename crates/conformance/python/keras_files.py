"""Compares Cornet's Keras files with Keras itself: what Cornet writes, Keras loads, and the other way round.

Usage: python keras_files.py KERAS_FILE [FILE.keras ...]

KERAS_FILE is the program `cargo build -p cornet-format-keras --example keras_file` makes; the files are real ones to
copy. Needs Keras 3.15.1 with any backend. Prints one line a check and ends with 1 if one fails.
"""

import os

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import io
import json
import subprocess
import sys
import tempfile
import warnings
import zipfile

import h5py
import keras
import numpy as np

warnings.filterwarnings("ignore")

failures = 0


def check(name, holds, found=""):
    global failures
    failures += not holds
    print(f"{'ok  ' if holds else 'FAIL'} {name}", "" if holds else found)


def run(*arguments):
    return subprocess.run([program, *arguments], check=True, capture_output=True, text=True).stdout


def quarter_steps(start, shape):
    return (start + np.arange(np.prod(shape), dtype="float32") * np.float32(0.25)).reshape(shape)


def fnv(data):
    value = 0xCBF29CE484222325
    for byte in data:
        value = ((value ^ byte) * 0x100000001B3) % 2**64
    return f"{value:016x}"


def variables(path):
    """Every variable of a file as `keras_file list` prints it, read by h5py; checksums of the small ones only."""
    lines = []
    with zipfile.ZipFile(path) as archive:
        weights = h5py.File(io.BytesIO(archive.read("model.weights.h5")))

        def visit(name, item):
            if isinstance(item, h5py.Dataset):
                dtype = item.attrs.get("dtype", item.dtype.name)
                shape = ", ".join(map(str, item.shape))
                sum_ = fnv(item[()].tobytes()) if item.nbytes < 100_000 else ""
                lines.append(f"{name}\t{dtype}\t[{shape}]\t{sum_}")

        weights.visititems(visit)
    return sorted(lines)


def listed(path, like):
    """`keras_file list`, without the checksums that `like` leaves out."""
    short = {line.rpartition("\t")[0] for line in like if line.endswith("\t")}
    lines = run("list", path).splitlines()
    return sorted(l.rpartition("\t")[0] + "\t" if l.rpartition("\t")[0] in short else l for l in lines)


def built_by_cornet(folder):
    kernel, bias = quarter_steps(-2.0, (6, 4)), quarter_steps(0.5, (4,))
    x = np.random.default_rng(0).standard_normal((5, 2, 3), dtype="float32")
    expected = np.maximum(x.reshape(5, 6) @ kernel + bias, 0)
    for kind in ("build", "compiled"):
        path = os.path.join(folder, f"{kind}.keras")
        run(kind, path)
        model = keras.models.load_model(path)
        check(f"{kind}: weights", all(np.array_equal(a, b) for a, b in zip(model.get_weights(), [kernel, bias])))
        check(f"{kind}: predictions", np.allclose(model.predict(x, verbose=0), expected, rtol=1e-5, atol=1e-5))
    state = [np.array(v) for v in model.optimizer.variables]
    want = [7, np.float32(0.002), quarter_steps(1, (6, 4)), quarter_steps(2, (6, 4)), quarter_steps(3, (4,)), quarter_steps(4, (4,))]
    check("compiled: optimizer state", len(state) == 6 and all(np.array_equal(a, b) for a, b in zip(state, want)), state)
    check("compiled: compile config", model.loss == "mean_squared_error" and model.optimizer.name == "adam")
    before = model.predict(x, verbose=0)
    model.fit(x, np.zeros((5, 4), "float32"), verbose=0)
    check("compiled: trains on", int(model.optimizer.iterations) == 8 and not np.allclose(before, model.predict(x, verbose=0)))


def built_by_keras(folder):
    keras.utils.set_random_seed(0)
    layers = keras.layers
    sequential = keras.Sequential([keras.Input((8, 8, 1)), layers.Conv2D(3, 3, activation="relu"), layers.MaxPooling2D(),
                                   layers.Dropout(0.2), layers.Flatten(), layers.Dense(5), layers.Dense(2)], name="seq")
    a, b = keras.Input((6, 2), name="a"), keras.Input((4,), name="b")
    joined = layers.Concatenate()([layers.Bidirectional(layers.LSTM(3))(a), layers.Dense(2)(b)])
    inner = keras.Sequential([keras.Input((8,)), layers.Dense(3), layers.BatchNormalization(), layers.Dense(3)])
    joined = layers.Dense(2, dtype="float16")(layers.Dense(3, dtype="bfloat16")(inner(joined)))
    functional = keras.Model([a, b], joined, name="fun")
    random = np.random.default_rng(1)
    for model, inputs, optimizer in ((sequential, [(16, 8, 8, 1)], keras.optimizers.Adam(amsgrad=True)),
                                     (functional, [(16, 6, 2), (16, 4)], keras.optimizers.SGD(momentum=0.9))):
        x = [random.standard_normal(shape).astype("float32") for shape in inputs]
        model.compile(optimizer, "mse")
        model.fit(x, random.standard_normal((16, 2)), verbose=0)
        path, copy = (os.path.join(folder, f"{model.name}{suffix}.keras") for suffix in ("", "_copy"))
        model.save(path)
        copied(path, copy)
        loaded = keras.models.load_model(copy)
        check(f"{model.name}: predictions of the copy", np.array_equal(model.predict(x, verbose=0), loaded.predict(x, verbose=0)))
        same = [np.array_equal(p, q) for p, q in zip(model.optimizer.variables, loaded.optimizer.variables)]
        check(f"{model.name}: optimizer of the copy", len(same) == len(model.optimizer.variables) and all(same), same)


def copied(path, copy):
    name = os.path.basename(path)
    of_keras = variables(path)
    check(f"{name}: {len(of_keras)} variables read", listed(path, of_keras) == of_keras)
    run("copy", path, copy)
    check(f"{name}: the copy's variables", variables(copy) == of_keras)
    with zipfile.ZipFile(path) as old, zipfile.ZipFile(copy) as new:
        check(f"{name}: the copy's archive", new.testzip() is None and set(old.namelist()) == set(new.namelist()))
        for entry in ("config.json", "metadata.json"):
            check(f"{name}: {entry}", json.loads(old.read(entry)) == json.loads(new.read(entry)))
        groups = []
        for archive in (old, new):
            found = {}
            h5py.File(io.BytesIO(archive.read("model.weights.h5"))).visititems(lambda k, o: found.update({k: dict(o.attrs)}))
            groups.append(found)
        check(f"{name}: the copy's groups and attributes", groups[0] == groups[1])


def real_files(folder, paths):
    for path in paths:
        if not zipfile.is_zipfile(path):
            continue
        copy = os.path.join(folder, os.path.basename(path))
        copied(path, copy)
        of_keras, of_cornet = keras.models.load_model(path), keras.models.load_model(copy)
        shapes = of_keras.input_shape if isinstance(of_keras.input_shape, list) else [of_keras.input_shape]
        x = [np.random.default_rng(2).random([2, *[axis or 16 for axis in shape[1:]]], dtype="float32") for shape in shapes]
        same = np.array_equal(of_keras.predict(x, verbose=0), of_cornet.predict(x, verbose=0))
        check(f"{os.path.basename(path)}: predictions of the copy", same)


program, paths = os.path.abspath(sys.argv[1]), sys.argv[2:]
print("Keras", keras.__version__, "h5py", h5py.__version__)
with tempfile.TemporaryDirectory() as folder:
    built_by_cornet(folder)
    built_by_keras(folder)
    real_files(folder, paths)
sys.exit(failures > 0)
