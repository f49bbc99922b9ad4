"""Trains the same small network in Keras and in Cornet with every callback; and compares what keras.random draws.

Usage: python callbacks.py CALLBACK_CASES [SEED] [NAME ...]

CALLBACK_CASES is the program `cargo build -p cornet-conformance --bin callback_cases` makes. Needs Keras 3.15.1 with
TensorFlow. Histories (learning rates among them) and final weights within 1e-5 of Keras's; the same epochs, the same
events, the same files with the same weights, the same posts to a server, the same rows in CSV files. Random numbers are
compared by dtype, shape, bounds, and five standard errors of mean and deviation. Ends with 1 on failure.
"""

import os

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ["KERAS_BACKEND"] = "tensorflow"

import csv
import http.server
import json
import sys
import tempfile
import threading
import urllib.parse
import warnings

import keras
import numpy as np
from keras import callbacks, layers, optimizers

from _exchange import Folder, deviation

warnings.filterwarnings("ignore")
TOLERANCE = 1e-5
EPOCHS, BATCH, SAMPLES = 8, 8, 40


class Posts(http.server.BaseHTTPRequestHandler):
    """Keeps what RemoteMonitor posts."""

    found = []

    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"])).decode()
        kind = self.headers["Content-Type"].partition(";")[0]
        Posts.found.append((self.path, kind, json.loads(body if kind.endswith("json") else urllib.parse.parse_qs(body)["data"][0])))
        self.send_response(200)
        self.end_headers()

    def log_message(self, *arguments):
        pass


def noting(events):
    """A LambdaCallback that writes down what it sees."""
    return callbacks.LambdaCallback(
        on_train_begin=lambda logs: events.append("train begins"), on_train_end=lambda logs: events.append("train ends"),
        on_epoch_begin=lambda epoch, logs: events.append(f"epoch {epoch} begins"),
        on_epoch_end=lambda epoch, logs: events.append(f"epoch {epoch} ends: {' '.join(sorted(logs))}"),
        on_train_batch_begin=lambda batch, logs: events.append(f"step {batch} begins"),
        on_train_batch_end=lambda batch, logs: events.append(f"step {batch} ends"))


class Failure(Exception):
    pass


class Failing(callbacks.Callback):
    """Ends a training in the middle."""

    def __init__(self, epoch):
        super().__init__()
        self.at = epoch

    def on_epoch_begin(self, epoch, logs=None):
        if epoch == self.at:
            raise Failure


class Case:
    """A training: callbacks as their arguments, beginning with the class, and what else is not the usual."""

    def __init__(self, *given, validated=True, optimizer=lambda: optimizers.SGD(0.05, momentum=0.5), broken=False, epochs=EPOCHS,
                 fails=False, again=None):
        self.given, self.validated, self.optimizer, self.broken = given, validated, optimizer, broken
        self.epochs, self.fails, self.again = epochs, fails, again


def cases():
    """By name; FOLDER in a path stands for the folder of Keras or of Cornet, ROOT for the server."""
    stop, plateau, keep = "EarlyStopping", "ReduceLROnPlateau", "ModelCheckpoint"
    fast = lambda: optimizers.SGD(0.15, momentum=0.7)
    averaged = lambda: optimizers.SGD(0.1, use_ema=True, ema_momentum=0.8)
    yield "nothing", Case()
    yield "EarlyStopping", Case({"class": stop, "patience": 1, "min_delta": 0.02})
    yield "EarlyStopping, best weights", Case({"class": stop, "patience": 2, "restore_best_weights": True}, optimizer=fast)
    yield "EarlyStopping, accuracy", Case({"class": stop, "monitor": "val_mean_absolute_error", "patience": 1, "mode": "max", "restore_best_weights": True})
    yield "EarlyStopping, baseline", Case({"class": stop, "baseline": 0.01, "patience": 3, "restore_best_weights": True})
    yield "EarlyStopping, late", Case({"class": stop, "monitor": "loss", "mode": "max", "start_from_epoch": 3}, validated=False)
    yield "ReduceLROnPlateau", Case({"class": plateau, "patience": 1, "factor": 0.5, "min_delta": 0.05})
    yield "ReduceLROnPlateau, cooldown", Case({"class": plateau, "monitor": "loss", "mode": "max", "patience": 1, "factor": 0.3, "cooldown": 2, "min_lr": 0.002})
    yield "LearningRateScheduler", Case({"class": "LearningRateScheduler", "factor": 0.7, "from": 2})
    yield "ModelCheckpoint", Case({"class": keep, "filepath": "FOLDER/{epoch:02d}-{val_loss:.2f}.keras"})
    yield "ModelCheckpoint, best", Case({"class": keep, "filepath": "FOLDER/at{epoch}.keras", "save_best_only": True}, optimizer=fast)
    yield "ModelCheckpoint, best of a threshold", Case(
        {"class": keep, "filepath": "FOLDER/at{epoch}.weights.h5", "save_best_only": True, "save_weights_only": True, "monitor": "loss",
         "initial_value_threshold": 0.4})
    yield "ModelCheckpoint, steps", Case({"class": keep, "filepath": "FOLDER/{epoch}-{batch}.weights.h5", "save_weights_only": True, "save_freq": 7})
    yield "CSVLogger", Case({"class": "CSVLogger", "filename": "FOLDER/log.csv"})
    yield "CSVLogger, appended", Case({"class": "CSVLogger", "filename": "FOLDER/log.csv", "separator": ";", "append": True}, validated=False, again={})
    yield "CSVLogger, rates", Case({"class": "LearningRateScheduler", "factor": 0.5}, {"class": "CSVLogger", "filename": "FOLDER/log.csv"})
    yield "TerminateOnNaN", Case({"class": "TerminateOnNaN"}, {"class": "CSVLogger", "filename": "FOLDER/log.csv"}, broken=True)
    yield "SwapEMAWeights", Case({"class": "SwapEMAWeights"}, optimizer=averaged)
    yield "SwapEMAWeights, epochs", Case({"class": "SwapEMAWeights", "swap_on_epoch": True}, {"class": keep, "filepath": "FOLDER/at{epoch}.keras"}, optimizer=averaged)
    yield "BackupAndRestore", Case({"class": "BackupAndRestore", "backup_dir": "FOLDER/backup"}, {"class": "Failing", "epoch": 4}, fails=True, again={"drop": 1})
    yield "BackupAndRestore, kept", Case({"class": "BackupAndRestore", "backup_dir": "FOLDER/backup", "delete_checkpoint": False},
                                         {"class": "CSVLogger", "filename": "FOLDER/log.csv", "append": True},
                                         {"class": "Failing", "epoch": 2}, fails=True, again={"drop": 1})
    yield "LambdaCallback", Case({"class": "LambdaCallback"}, {"class": stop, "patience": 1, "min_delta": 0.02})
    yield "RemoteMonitor", Case({"class": "RemoteMonitor", "root": "ROOT"}, {"class": "LearningRateScheduler", "factor": 0.5})
    yield "RemoteMonitor, JSON", Case({"class": "RemoteMonitor", "root": "ROOT", "send_as_json": True}, validated=False)


def placed(given, folder, root):
    return {key: value.replace("FOLDER", folder).replace("ROOT", root) if isinstance(value, str) else value for key, value in given.items()}


def made(given, events):
    arguments = {key: value for key, value in given.items() if key != "class"}
    if given["class"] == "LambdaCallback":
        return noting(events)
    if given["class"] == "Failing":
        return Failing(**arguments)
    if given["class"] == "LearningRateScheduler":
        factor, first = arguments["factor"], arguments.get("from", 0)
        return callbacks.LearningRateScheduler(lambda epoch, rate: rate if epoch < first else rate * factor)
    return getattr(callbacks, given["class"])(**arguments)


def network(optimizer):
    keras.utils.set_random_seed(7)
    model = keras.Sequential([keras.Input((5,)), layers.Dense(6, "tanh"), layers.BatchNormalization(), layers.Dense(1)])
    model.compile(optimizer, "mse", metrics=["mean_absolute_error"])
    return model


class Trained:
    """One training of Keras, and what Cornet is asked for the same."""

    def __init__(self, name, case, number, data, place, root, folder):
        self.name, self.case, self.key = name, case, f"{name} {number}"
        self.own, theirs = os.path.join(place, f"cornet {name}"), os.path.join(place, f"keras {name}")
        self.theirs = theirs
        for path in (self.own, theirs):
            os.makedirs(path, exist_ok=True)
        given = list(case.given)
        fails = case.fails and number == 0
        if number and case.again.get("drop"):
            given = given[:-case.again["drop"]]
        x, y, validation = data["x"], data["y"], (data["vx"], data["vy"])
        if case.broken:
            x = x.copy()
            x[20, 1] = np.nan
        self.events, before = [], len(Posts.found)
        model, self.model = network(case.optimizer()), os.path.join(place, f"{self.key}.keras")
        model.save(self.model)
        to, self.history = os.path.join(place, f"{self.key} trained.keras"), None
        options = dict(validation_data=validation) if case.validated else {}
        try:
            done = model.fit(x, y, batch_size=BATCH, epochs=case.epochs, shuffle=False, verbose=0,
                             callbacks=[made(placed(one, theirs, root), self.events) for one in given], **options)
            self.history, self.epochs = done.history, done.epoch
        except Failure:
            assert fails
        self.trained, self.to, self.fails = model, to, fails
        self.posts = Posts.found[before:]
        folder.cases.append({
            "id": self.key, "model": self.model, "to": to, "x": folder.array(x), "y": folder.array(y), "epochs": case.epochs, "batch_size": BATCH,
            "validation": [folder.array(v) for v in validation] if case.validated else None,
            "callbacks": [placed(one, self.own, root) for one in given]})

    def complaints(self, facts, arrays):
        """What differs, and the largest deviation."""
        error = facts["error"]
        if self.fails:
            return ([] if error and "cancelled" in error else [f"it should have been cancelled: {error}"]), 0.0
        if error:
            return [error.replace("\n", " ")], 0.0
        found, worst = [], 0.0
        if facts["epochs"] != self.epochs:
            found.append(f"epochs {facts['epochs']}, expected {self.epochs}")
        own = {name.partition(" ")[2]: values for name, values in arrays.items() if name.startswith("history ")}
        if set(own) != set(self.history):
            found.append(f"history of {sorted(own)}, expected {sorted(self.history)}")
        for name in set(own) & set(self.history):
            off = deviation(own[name], np.array(self.history[name], "float64"), floor=1e-3)
            worst = max(worst, off)
            if not off <= TOLERANCE:
                found.append(f"{name} {own[name]}, expected {self.history[name]}")
        if facts["events"] != self.events:
            found.append(f"events {facts['events'][:6]} ..., expected {self.events[:6]} ...")
        loaded = keras.models.load_model(self.to)
        for more in (self.weights("weights", loaded, self.trained), *self.files()):
            found += [more[0]] if more[0] else []
            worst = max(worst, more[1])
        return found, worst

    def weights(self, what, found, expected):
        off = max(deviation(np.asarray(f), np.asarray(e)) for f, e in zip(found.weights, expected.weights, strict=True))
        return (None if off <= TOLERANCE else f"{what} off by {off:.1e}"), off if np.isfinite(off) else 0.0

    def files(self):
        """Complaint and deviation for each file that the callbacks wrote."""
        names = [sorted(name for name in os.listdir(path) if name != "backup") for path in (self.own, self.theirs)]
        if names[0] != names[1]:
            yield f"files {names[0]}, expected {names[1]}", 0.0
        kept = [os.path.isdir(os.path.join(path, "backup")) and bool(os.listdir(os.path.join(path, "backup"))) for path in (self.own, self.theirs)]
        if kept[0] != kept[1]:
            yield f"a backup is left: {kept[0]}, expected {kept[1]}", 0.0
        for name in set(names[0]) & set(names[1]):
            own, theirs = os.path.join(self.own, name), os.path.join(self.theirs, name)
            if name.endswith(".csv"):
                yield rows_differ(own, theirs), 0.0
            elif name.endswith(".weights.h5"):
                pair = [network("sgd"), network("sgd")]
                for model, path in zip(pair, (own, theirs)):
                    model.load_weights(path)
                yield self.weights(name, *pair)
            else:
                yield self.weights(name, keras.models.load_model(own), keras.models.load_model(theirs))


def rows_differ(own, theirs):
    """What differs between two CSV files, numbers within the tolerance."""
    separator = ";" if ";" in open(theirs).readline() else ","
    texts = [open(path, newline="").read() for path in (own, theirs)]
    tables = [list(csv.reader(text.splitlines(), delimiter=separator)) for text in texts]
    if [len(row) for row in tables[0]] != [len(row) for row in tables[1]] or texts[0].count("\r\n") != texts[1].count("\r\n"):
        return f"{own}: rows {tables[0]}, expected {tables[1]}"
    for found, expected in zip(*tables):
        for a, b in zip(found, expected):
            try:
                same = np.isclose(float(a), float(b), rtol=TOLERANCE, atol=1e-6, equal_nan=True) and ("." in a) == ("." in b)
            except ValueError:
                same = a == b
            if not same:
                return f"{own}: {found}, expected {expected}"
    return None


def posts_differ(found, expected):
    if [(path, kind, sorted(content)) for path, kind, content in found] != [(path, kind, sorted(content)) for path, kind, content in expected]:
        return f"posts {found}, expected {expected}"
    for (*_, a), (*_, b) in zip(found, expected):
        for key in a:
            if not np.isclose(float(a[key]), float(b[key]), rtol=TOLERANCE, atol=1e-6):
                return f"posted {key}: {a[key]}, expected {b[key]}"
    return None


def random_cases(rng):
    """Name, function of Keras, arguments for Cornet, an array it is given, whether the values are whole."""
    shape = (40, 250)
    pick = lambda low, high: float(rng.uniform(low, high))
    logits = rng.standard_normal((3, 5)).astype("float32")
    for name, given in {
        "uniform": {"minval": pick(-2, 0), "maxval": pick(1, 3)}, "normal": {"mean": pick(-1, 1), "stddev": pick(0.5, 2)},
        "truncated_normal": {"mean": pick(-1, 1), "stddev": pick(0.5, 2)}, "randint": {"minval": -3, "maxval": int(rng.integers(4, 20))},
        "gamma": {"alpha": pick(0.3, 3)}, "beta": {"alpha": pick(0.5, 2), "beta": pick(0.5, 3)},
        "binomial": {"counts": int(rng.integers(2, 20)), "probabilities": pick(0.1, 0.9)},
    }.items():
        yield name, given, shape, None, getattr(keras.random, name)(shape, **given, seed=5)
    yield "categorical", {"num_samples": 4000}, (), logits, keras.random.categorical(logits, 4000, seed=5)
    whole = np.arange(12000, dtype="float32").reshape(6000, 2)
    yield "shuffle", {"axis": 0}, (), whole, keras.random.shuffle(whole, axis=0, seed=5)
    ones = np.ones(shape, "float32")
    yield "dropout", {"rate": 0.3}, (), ones, keras.random.dropout(ones, 0.3, seed=5)


def drawn_differ(name, found, expected):
    if found.dtype != expected.dtype or found.shape != expected.shape:
        return f"{found.dtype}{found.shape}, expected {expected.dtype}{expected.shape}"
    if name == "shuffle":
        same = np.array_equal(np.sort(found[:, 0]), np.sort(expected[:, 0])) and np.array_equal(found[:, 0] + 1, found[:, 1])
        moved = (found[:, 0] != np.arange(0, 12000, 2)).mean()
        return None if same and moved > 0.99 else f"no order of the rows, or {1 - moved:.3f} of them in their places"
    if name == "categorical":
        shares = [np.stack([np.bincount(row, minlength=5) / row.size for row in a]) for a in (found, expected)]
        return None if np.abs(shares[0] - shares[1]).max() < 5 * (0.5 / 4000) ** 0.5 else f"shares {shares}"
    a, b, n = found.astype("float64"), expected.astype("float64"), found.size
    scale = b.std()
    for what, limit, of in (("mean", 5, np.mean), ("deviation", 10, np.std)):
        if abs(of(a) - of(b)) > limit * (2 / n) ** 0.5 * scale:
            return f"{what} {of(a)}, expected {of(b)}"
    if name in ("uniform", "truncated_normal", "randint", "beta", "dropout"):
        ends = [abs(a.min() - b.min()), abs(a.max() - b.max())]
        return None if max(ends) < 0.05 * (b.max() - b.min()) else f"from {a.min()} to {a.max()}, expected {b.min()} to {b.max()}"
    return None


def main():
    program, words = sys.argv[1], sys.argv[2:]
    seed = int(words.pop(0)) if words and words[0].isdigit() else 0
    rng = np.random.default_rng(seed)
    data = {name: rng.standard_normal((rows, 5)).astype("float32") for name, rows in (("x", SAMPLES), ("vx", 16))}
    for name in ("y", "vy"):
        x = data["vx" if name == "vy" else "x"]
        data[name] = (x[:, :1] - 0.5 * x[:, 1:2] + 0.3 * rng.standard_normal((len(x), 1))).astype("float32")
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Posts)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    root, failed, largest = f"http://127.0.0.1:{server.server_address[1]}", 0, 0.0
    with tempfile.TemporaryDirectory() as place:
        folder = Folder()
        trainings = [Trained(name, case, number, data, place, root, folder)
                     for name, case in cases() if not words or any(name.startswith(word) for word in words)
                     for number in range(2 if case.again is not None else 1)]
        draws = {name: (given, expected) for name, given, shape, x, expected in random_cases(rng)
                 if not folder.cases.append({"id": f"random {name}", "random": name, "given": given, "shape": list(shape), "seed": seed + 3,
                                             "x": None if x is None else folder.array(x)})}
        del Posts.found[:]
        facts, arrays = folder.run(program)
        for one in trainings:
            found, worst = one.complaints(facts[one.key], arrays[one.key])
            if one.posts:
                mine, Posts.found[:len(one.posts)] = Posts.found[:len(one.posts)], []
                complaint = posts_differ(mine, one.posts)
                found += [complaint] if complaint else []
            largest, failed = max(largest, worst), failed + bool(found)
            print(f"{'FAIL' if found else 'ok  '} {one.key:40} {worst:.1e}", *(f"\n     {line}" for line in found))
        for name, (given, expected) in draws.items():
            key = f"random {name}"
            complaint = facts[key]["error"] or drawn_differ(name, arrays[key]["drawn"], np.asarray(expected))
            failed += bool(complaint)
            print(f"{'FAIL' if complaint else 'ok  '} keras.random.{name} {given}", complaint or "")
    print(f"{len(trainings)} trainings, {len(draws)} random functions, {failed} failed, largest deviation {largest:.1e}; seed {seed}")
    sys.exit(1 if failed else 0)


main()
