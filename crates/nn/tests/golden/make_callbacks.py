"""Makes callbacks.json: what Keras 3.15.1's EarlyStopping and ReduceLROnPlateau decide on given numbers.

Usage: python make_callbacks.py > callbacks.json
"""

import json
import random
import warnings

import keras
import numpy as np

warnings.simplefilter("ignore")
random.seed(7)
x, y = np.zeros((4, 1), "float32"), np.zeros((4, 1), "float32")


def model():
    made = keras.Sequential([keras.layers.Input((1,)), keras.layers.Dense(1)])
    accuracy = keras.metrics.BinaryAccuracy(name="accuracy")
    made.compile(keras.optimizers.SGD(0.5), "mse", metrics=["mae", accuracy])
    return made


class Script(keras.callbacks.Callback):
    """Logs given numbers."""

    def __init__(self, name, values):
        super().__init__()
        self.name, self.values = name, values

    def on_epoch_end(self, epoch, logs):
        logs[self.name] = self.values[epoch]


def early_stopping(made):
    values = [round(random.choice([0.9**k, 1]) * random.random(), 2) for k in range(12)]
    arguments = dict(
        patience=random.randint(0, 4),
        min_delta=random.choice([0, 0, 0.1, -0.05]),
        start_from_epoch=random.choice([0, 0, 3]),
    )
    if random.random() < 0.4:
        arguments["baseline"] = round(random.random(), 2)
    monitor = random.choice(["val_loss", "val_accuracy", "val_mae"])
    if random.random() < 0.3:
        arguments["mode"] = random.choice(["min", "max"])
    arguments["restore_best_weights"] = True
    stop = keras.callbacks.EarlyStopping(monitor, **arguments)
    history = made.fit(x, y, epochs=12, verbose=0, callbacks=[Script(monitor, values), stop])
    found = dict(stopped_epoch=stop.stopped_epoch, best_epoch=stop.best_epoch, best=stop.best)
    return dict(monitor=monitor, values=values, arguments=arguments, epochs=len(history.epoch), **found)


def reduce_lr():
    values = [round(random.random(), 2) for _ in range(14)]
    arguments = dict(
        patience=random.randint(0, 3),
        factor=random.choice([0.1, 0.5, 0.3]),
        cooldown=random.choice([0, 0, 1, 3]),
        min_lr=random.choice([0, 0.01, 0.1]),
        min_delta=random.choice([1e-4, 0.1]),
    )
    monitor = random.choice(["val_loss", "val_accuracy"])
    made = model()
    reduce = keras.callbacks.ReduceLROnPlateau(monitor, **arguments)
    history = made.fit(x, y, epochs=14, verbose=0, callbacks=[Script(monitor, values), reduce])
    found = dict(learning_rate=history.history["learning_rate"], last=float(made.optimizer.learning_rate))
    return dict(monitor=monitor, values=values, arguments=arguments, **found)


one = model()
print(json.dumps({"early_stopping": [early_stopping(one) for _ in range(24)], "reduce_lr": [reduce_lr() for _ in range(16)]}))
