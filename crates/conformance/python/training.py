"""Trains the same small network in Keras and in Cornet: same first weights, same batches, every optimizer, 50 steps.

Usage: python training.py FIRST_MODEL [OPTIMIZER ...] [--steps N]

FIRST_MODEL is the program `cargo build -p cornet-nn --example first_model` makes. Needs Keras 3.15.1 with TensorFlow.
The network has a convolution, both normalisations, an LSTM and attention. Losses within 1e-4 of Keras's throughout.
ScheduleFreeAdamW is left to optimizers.py: with TensorFlow, Keras reads its momentum after it has changed.
"""

import os

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ["KERAS_BACKEND"] = "tensorflow"

import argparse
import subprocess
import sys
import tempfile
import warnings

import keras
import numpy as np
from keras import layers, optimizers

warnings.filterwarnings("ignore")
TOLERANCE = 1e-4
BATCH = 8
OPTIMIZERS = {
    "Adadelta": lambda: optimizers.Adadelta(0.5), "Adafactor": lambda: optimizers.Adafactor(0.01),
    "Adagrad": lambda: optimizers.Adagrad(0.01), "Adam": lambda: optimizers.Adam(0.003),
    "AdamW": lambda: optimizers.AdamW(0.003), "Adamax": lambda: optimizers.Adamax(0.003), "Ftrl": lambda: optimizers.Ftrl(0.01),
    "Lamb": lambda: optimizers.Lamb(0.003), "Lion": lambda: optimizers.Lion(0.0003), "Nadam": lambda: optimizers.Nadam(0.003),
    "RMSprop": lambda: optimizers.RMSprop(0.001), "SGD": lambda: optimizers.SGD(0.02, momentum=0.9, nesterov=True),
    "Muon": lambda: optimizers.Muon(0.003),
}


def network():
    keras.utils.set_random_seed(7)
    x = entry = keras.Input((8, 6))
    x = layers.Conv1D(6, 3, padding="same", activation="tanh")(x)
    x = layers.BatchNormalization()(x)
    x = layers.LSTM(6, return_sequences=True)(x)
    x = layers.Add()([x, layers.MultiHeadAttention(2, 3)(x, x)])
    x = layers.LayerNormalization()(x)
    x = layers.GlobalAveragePooling1D()(x)
    return keras.Model(entry, layers.Dense(3)(x))


def main():
    parser = argparse.ArgumentParser(usage=__doc__)
    parser.add_argument("program")
    parser.add_argument("names", nargs="*")
    parser.add_argument("--steps", type=int, default=50)
    options = parser.parse_args()
    rng = np.random.default_rng(3)
    x = rng.standard_normal((BATCH * options.steps, 8, 6)).astype("float32")
    y = rng.standard_normal((BATCH * options.steps, 3)).astype("float32") * 0.3 + x[:, 0, :3]
    failed = 0
    with tempfile.TemporaryDirectory() as folder:
        place = lambda name: os.path.join(folder, name)
        np.save(place("x.npy"), x)
        np.save(place("y.npy"), y)
        for name in options.names or OPTIMIZERS:
            model = network()
            model.compile(OPTIMIZERS[name](), "mse")
            model.save(place("model.keras"))
            expected = []
            for first in range(0, len(x), BATCH):
                model.reset_metrics()
                expected.append(float(model.train_on_batch(x[first:first + BATCH], y[first:first + BATCH])))
            done = subprocess.run([options.program, "train", place("model.keras"), place("x.npy"), place("y.npy"), str(BATCH),
                                   place("out.keras")], capture_output=True, text=True)
            if done.returncode != 0:
                failed += 1
                print(f"FAIL {name:18} {done.stderr.strip()[:300]}")
                continue
            found = np.array([float(line) for line in done.stdout.split()])
            off = np.abs(found - expected) / np.abs(expected)
            failed += not off.max() <= TOLERANCE
            print(f"{'ok  ' if off.max() <= TOLERANCE else 'FAIL'} {name:18} {len(found)} steps, loss {expected[0]:.4f} to {expected[-1]:.4f}, "
                  f"largest relative difference {off.max():.1e} at step {off.argmax()}")
            keras.backend.clear_session()
    print(f"{len(options.names or OPTIMIZERS)} optimizers, {failed} failed")
    sys.exit(1 if failed else 0)


main()
