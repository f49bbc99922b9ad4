"""Compares the command `cornet` with Keras: models that one made, used by the other.

Usage: python command_line.py CORNET

CORNET is the program `cargo build -p cornet-cli` makes. Needs Keras 3.15.1 with any backend. Prints one line a check and
ends with 1 if one fails.
"""

import os

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import json
import re
import subprocess
import sys
import tempfile

import keras
import numpy as np
from keras import layers

failures = 0


def check(name, holds, found=""):
    global failures
    failures += not holds
    print(f"{'ok  ' if holds else 'FAIL'} {name}", "" if holds else found)


def cornet(*arguments):
    ran = subprocess.run([program, *arguments], capture_output=True, text=True)
    if ran.returncode:
        sys.exit(f"cornet {' '.join(arguments)} ended with {ran.returncode}: {ran.stderr}")
    return ran.stdout


def far(ours, theirs):
    """The largest difference, relative to the largest output."""
    return np.abs(ours - theirs).max() / np.abs(theirs).max()


def saved_here(folder):
    """A model that `cornet train` saved, in Keras."""
    file, x_file, y_file = (os.path.join(folder, name) for name in ("digits.keras", "x.npy", "y.npy"))
    report = json.loads(cornet("train", "digits-cnn", "--epochs", "2", "--verbose", "0", "--json", "--out", file))
    check("the loss falls", report["history"]["loss"][1] < report["history"]["loss"][0], report)
    model = keras.models.load_model(file)
    x = np.random.default_rng(5).random((77, 8, 8, 1), dtype=np.float32)
    np.save(x_file, x)
    cornet("predict", file, "--input", x_file, "--output", y_file)
    theirs = model.predict(x, verbose=0)
    check("Keras predicts as the model's maker, within 1e-6", far(np.load(y_file), theirs) < 1e-6, far(np.load(y_file), theirs))
    check("Keras goes on training it", np.isfinite(model.fit(x, np.arange(77) % 10, verbose=0).history["loss"][0]))


def saved_there(folder):
    """A model that Keras saved, in the command."""
    file, x_file, y_file, data = (os.path.join(folder, n) for n in ("keras.keras", "x2.npy", "y2.npy", "data.npz"))
    keras.utils.set_random_seed(3)
    model = keras.Sequential(
        [
            layers.Input((12, 10, 3)),
            layers.Conv2D(8, 3, activation="relu"),
            layers.MaxPooling2D(),
            layers.Flatten(),
            layers.Dropout(0.3),
            layers.Dense(5, activation="softmax"),
        ]
    )
    model.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
    x = np.random.default_rng(6).random((50, 12, 10, 3), dtype=np.float32)
    y = np.arange(50) % 5
    model.fit(x, y, verbose=0)
    model.save(file)
    np.save(x_file, x)
    np.savez(data, x=x, y=y)
    cornet("predict", file, "--input", x_file, "--output", y_file)
    theirs = model.predict(x, verbose=0)
    check("the command predicts as Keras, within 1e-6", far(np.load(y_file), theirs) < 1e-6, far(np.load(y_file), theirs))
    ours = json.loads(cornet("evaluate", file, "--data", data, "--json"))["logs"]
    loss, accuracy = model.evaluate(x, y, verbose=0)
    check("it evaluates as Keras", abs(ours["loss"] - loss) < 1e-5 and abs(ours["accuracy"] - accuracy) < 1e-6, ours)
    lines = []
    keras.models.load_model(file).summary(print_fn=lambda text, **_: lines.append(text))
    plain = re.sub(r"\x1b\[[0-9;]*m", "", "\n".join(lines)).strip()
    found = cornet("summary", file).strip()
    check("its summary is Keras's", found == plain, f"\n{found}\n{plain}")


def several(folder):
    """A model of two inputs, of texts and of numbers, and two outputs: arrays by name in, by name out."""
    file, x_file, y_file = (os.path.join(folder, n) for n in ("two.keras", "two.npz", "two_y.npz"))
    words, sizes = layers.Input((3,), name="words", dtype="int32"), layers.Input((4,), name="sizes")
    both = layers.Concatenate()([layers.Flatten()(layers.Embedding(9, 2)(words)), sizes])
    outputs = [layers.Dense(1, name="score")(both), layers.Dense(3, activation="softmax", name="kind")(both)]
    model = keras.Model([words, sizes], outputs)
    model.save(file)
    rng = np.random.default_rng(8)
    x = {"sizes": rng.random((40, 4), dtype=np.float32), "words": rng.integers(0, 9, (40, 3))}
    np.savez(x_file, **x)
    theirs = dict(zip(("score", "kind"), model.predict(x, verbose=0)))
    for name in (file, os.path.join(folder, "two.h5"), os.path.join(folder, "two.onnx"), os.path.join(folder, "two")):
        if name != file:
            cornet("convert", file, name)
        cornet("predict", name, "--input", x_file, "--output", y_file)
        ours = np.load(y_file)
        pairs = zip(ours.files, theirs) if set(ours.files) != set(theirs) else [(k, k) for k in theirs]
        worst = max(far(ours[a], theirs[b]) for a, b in pairs)
        check(f"two inputs and two outputs by name, {os.path.basename(name)}, within 1e-5", worst < 1e-5, worst)
    weights = os.path.join(folder, "w.safetensors")
    cornet("convert", file, weights)
    back = os.path.join(folder, "back.keras")
    cornet("convert", weights, back, "--into", file)
    same = all(np.array_equal(a, b) for a, b in zip(keras.models.load_model(back).get_weights(), model.get_weights()))
    check("weights go through safetensors and back", same)


program = sys.argv[1]
print(f"Keras {keras.__version__} on {keras.backend.backend()}")
with tempfile.TemporaryDirectory() as folder:
    saved_here(folder)
    saved_there(folder)
    several(folder)
sys.exit(failures > 0)
