"""The folder through which a script and a program of Cornet pass cases and results; and how results are compared."""

import json
import os
import subprocess
import tempfile
import time

import ml_dtypes
import numpy as np


class Folder:
    """Collects cases and their arrays, runs a program once over all of them, and reads what it answers."""

    def __init__(self):
        self.cases, self.arrays = [], {}

    def array(self, value):
        """Keeps an array; returns the name that a case gives for it."""
        value = np.asarray(value)
        if value.dtype.kind == "O":
            value = np.char.encode(value.astype(str), "utf-8")
        elif value.dtype.kind == "U":
            value = np.char.encode(value, "utf-8")
        name = f"a{len(self.arrays)}"
        self.arrays[name] = np.ascontiguousarray(value).reshape(value.shape)
        return name

    def run(self, program, *arguments, timeout=1500):
        """Results by case: facts (a dictionary with "error") and arrays by name."""
        with tempfile.TemporaryDirectory() as folder:
            with open(os.path.join(folder, "cases.json"), "w") as file:
                json.dump(self.cases, file)
            np.savez(os.path.join(folder, "arrays.npz"), **self.arrays)
            start = time.time()
            done = subprocess.run([program, *arguments, folder], capture_output=True, text=True, timeout=timeout)
            self.seconds = time.time() - start
            if done.returncode != 0:
                raise SystemExit(f"{program}: {done.stderr}")
            with open(os.path.join(folder, "results.json")) as file:
                facts = json.load(file)
            arrays = {case: {} for case in facts}
            with np.load(os.path.join(folder, "results.npz")) as file:
                for key in file.files:
                    case, _, name = key.partition(":")
                    arrays[case][name] = readable(file[key])
        return facts, arrays


def readable(array):
    """The array with the dtype that the npy format has no name for."""
    return array.view(ml_dtypes.bfloat16) if array.dtype == np.dtype("V2") else array


def dtype_name(array):
    return "string" if array.dtype.kind in "SUO" else array.dtype.name


def deviation(found, expected, floor=0.05):
    """The largest difference relative to the scale of what is expected; infinite where they cannot be compared."""
    if found.shape != expected.shape:
        return np.inf
    if found.size == 0:
        return 0.0
    if expected.dtype.kind in "SUO":
        own, theirs = ([v if isinstance(v, bytes) else str(v).encode() for v in a.ravel()] for a in (found, expected))
        return 0.0 if own == theirs else np.inf
    if expected.dtype.kind == "b" or found.dtype.kind == "b":
        return 0.0 if np.array_equal(found, expected) else np.inf
    wide = np.complex128 if "c" in (found.dtype.kind, expected.dtype.kind) else np.float64
    found, expected = found.astype(wide), expected.astype(wide)
    same = (found == expected) | (np.isnan(found) & np.isnan(expected))
    if same.all():
        return 0.0
    finite = np.isfinite(found) & np.isfinite(expected)
    if not (finite | same).all():
        return np.inf
    scale = max(np.abs(expected[np.isfinite(expected)]).max(initial=0.0), floor)
    return float(np.abs(found - expected)[~same].max() / scale)


IGNORED = ("build_config", "shared_object_id", "compile_config")


def plain(config):
    """A config as JSON, without what does not describe the object."""

    def strip(value):
        if isinstance(value, dict):
            return {key: strip(inner) for key, inner in value.items() if key not in IGNORED}
        return [strip(inner) for inner in value] if isinstance(value, list) else value

    return strip(json.loads(json.dumps(config, default=repr)))


def difference(found, expected, place=""):
    """The first place where two configs differ, or None."""
    if isinstance(found, dict) and isinstance(expected, dict):
        for key in expected:
            if key not in found:
                return f"{place}.{key}: missing, expected {json.dumps(expected[key])[:100]}"
            inner = difference(found[key], expected[key], f"{place}.{key}")
            if inner:
                return inner
        more = [key for key in found if key not in expected]
        return f"{place}: too much: {more}" if more else None
    if isinstance(found, list) and isinstance(expected, list) and len(found) == len(expected):
        inner = (difference(f, e, f"{place}[{i}]") for i, (f, e) in enumerate(zip(found, expected)))
        return next((i for i in inner if i), None)
    if isinstance(found, float) and isinstance(expected, (int, float)) and not isinstance(expected, bool):
        close = abs(found - expected) <= 1e-6 * max(1.0, abs(expected))
        return None if close else f"{place}: expected {expected}, found {found}"
    if isinstance(found, bool) != isinstance(expected, bool) or found != expected:
        return f"{place}: expected {json.dumps(expected)[:100]}, found {json.dumps(found)[:100]}"
    return None


def order(config):
    """The keys of a config in their order."""
    if isinstance(config, dict):
        return [(key, order(value)) for key, value in config.items()]
    return [order(value) for value in config] if isinstance(config, list) else None
