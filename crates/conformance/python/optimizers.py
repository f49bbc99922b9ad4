"""Compares optimizers, learning rate schedules, initializers, regularizers, constraints and activations with Keras.

Usage: python optimizers.py OPTIMIZERS FIRST_MODEL [SEED]

OPTIMIZERS and FIRST_MODEL are the programs that `cargo build -p cornet-nn --examples` makes. Needs Keras 3.15.1, whose
NumPy backend is used: it takes single steps ten times as fast as the others, and it has the rule of ScheduleFreeAdamW
that JAX's has too, while TensorFlow's variables change under its hands. Prints one line a check and ends with 1 if one
fails.
"""

import os

os.environ["KERAS_BACKEND"] = "numpy"

import json
import re
import subprocess
import sys
import tempfile
import warnings

import keras
import numpy as np
from keras import activations, constraints, initializers, ops, optimizers, regularizers
from keras.optimizers import schedules

warnings.filterwarnings("ignore")

STEPS = 50
failures = checks = 0


def check(name, holds, found=""):
    global failures, checks
    failures, checks = failures + (not holds), checks + 1
    print(f"{'ok  ' if holds else 'FAIL'} {name}", "" if holds else found)


def difference(a, b):
    """The greatest difference relative to the greatest magnitude."""
    a, b = np.asarray(a, "float64"), np.asarray(b, "float64")
    if a.shape != b.shape:
        return f"shapes {a.shape} and {b.shape}"
    return float(np.abs(a - b).max() / max(np.abs(b).max(), 1e-30)) if a.size else 0.0


def array(result):
    return np.asarray(result["values"], "float64").reshape(result["shape"])


def plain(value):
    return {"shape": list(value.shape), "values": value.astype("float64").ravel().tolist()}


def close(name, found, expected, limit):
    """Whether arrays of a result are those of Keras."""
    if len(found) != len(expected):
        return check(name, False, f"{len(found)} and {len(expected)} arrays")
    each = [difference(array(a), np.asarray(b)) for a, b in zip(found, expected)]
    text = next((d for d in each if isinstance(d, str)), None)
    worst = text or max(each, default=0.0)
    check(f"{name} {worst if text else format(worst, '.1e')}", text is None and worst <= limit)


def serialized(thing):
    return json.loads(json.dumps(keras.saving.serialize_keras_object(thing)))


# Optimizers.

CLASSES = {
    "Adadelta": [{}, {"learning_rate": 1.0, "rho": 0.9}],
    "Adafactor": [{}, {"relative_step": False, "clip_threshold": 0.7, "beta_2_decay": -0.6}],
    "Adagrad": [{}, {"learning_rate": 0.1, "initial_accumulator_value": 0.3}],
    "Adam": [{}, {"learning_rate": 0.02, "amsgrad": True, "beta_1": 0.8}],
    "AdamW": [{}, {"learning_rate": 0.02, "amsgrad": True}],
    "Adamax": [{}, {"learning_rate": 0.05, "beta_2": 0.9}],
    "Ftrl": [{}, {"learning_rate": 0.1, "l1_regularization_strength": 0.05, "l2_regularization_strength": 0.02,
                  "l2_shrinkage_regularization_strength": 0.03, "beta": 0.2, "learning_rate_power": -0.7}],
    "Lamb": [{}, {"learning_rate": 0.02}],
    "Lion": [{}, {"learning_rate": 0.02, "beta_1": 0.8}],
    "Muon": [{}, {"learning_rate": 0.02, "nesterov": False, "rms_rate": None, "exclude_layers": ["head"], "ns_steps": 3,
                  "adam_weight_decay": None, "adam_lr_ratio": 0.5}],
    "Nadam": [{}, {"learning_rate": 0.02, "beta_1": 0.8}],
    "RMSprop": [{}, {"learning_rate": 0.02, "momentum": 0.7}, {"learning_rate": 0.02, "centered": True},
                {"learning_rate": 0.02, "centered": True, "momentum": 0.5}],
    "SGD": [{}, {"learning_rate": 0.05, "momentum": 0.9}, {"learning_rate": 0.05, "momentum": 0.9, "nesterov": True}],
    "ScheduleFreeAdamW": [{}, {"learning_rate": 0.05, "warmup_steps": 7}],
}
RATES = {
    "CosineDecay": lambda: schedules.CosineDecay(0.02, 40, alpha=0.1, warmup_target=0.05, warmup_steps=8),
    "ExponentialDecay": lambda: schedules.ExponentialDecay(0.03, 20, 0.5),
}
COMMON = {
    "weight decay": lambda: {"weight_decay": 0.03},
    "clipnorm": lambda: {"clipnorm": 0.7},
    "EMA": lambda: {"use_ema": True, "ema_momentum": 0.8},
    "accumulation": lambda: {"gradient_accumulation_steps": 3, "weight_decay": 0.01, "clipnorm": 0.7},
    "schedule": lambda: {"learning_rate": RATES["CosineDecay"]()},
}
# What is the same code for all of them.
ONCE = {
    "clipvalue": lambda: {"clipvalue": 0.2},
    "global_clipnorm": lambda: {"global_clipnorm": 1.5},
    "EMA that overwrites": lambda: {"use_ema": True, "ema_overwrite_frequency": 7},
    "accumulation and EMA": lambda: {"gradient_accumulation_steps": 4, "use_ema": True, "ema_overwrite_frequency": 3},
    "loss scale": lambda: {"loss_scale_factor": 8.0},
    "ExponentialDecay": lambda: {"learning_rate": RATES["ExponentialDecay"]()},
    "schedule and accumulation": lambda: {"learning_rate": RATES["CosineDecay"](), "gradient_accumulation_steps": 2},
}


def optimizer_cases():
    """Name and a function that makes the optimizer."""
    for name, variants in CLASSES.items():
        make = getattr(optimizers, name)
        for number, arguments in enumerate(variants):
            yield f"{name} {number or 'plain'}", lambda make=make, arguments=arguments: make(**arguments)
        for what, common in (COMMON | (ONCE if name in ("Adam", "SGD") else {})).items():
            yield f"{name} {what}", lambda make=make, first=variants[1], common=common: make(**{**first, **common()})
    loss_scale, multi, by = optimizers.LossScaleOptimizer, optimizers.MultiOptimizer, optimizers.OptimizerMap
    yield "LossScaleOptimizer", lambda: loss_scale(optimizers.Adam(0.02), initial_scale=4.0, dynamic_growth_steps=5)
    yield "LossScaleOptimizer accumulation", lambda: loss_scale(
        optimizers.SGD(0.02, momentum=0.5, gradient_accumulation_steps=3, use_ema=True), initial_scale=8.0, dynamic_growth_steps=4)
    yield "MultiOptimizer", lambda: multi(by(optimizers.SGD(0.02), {"model/dense/.*": optimizers.Adam(0.02), ".*head/bias": optimizers.Lion(0.03)}))
    yield "MultiOptimizer loss scale", lambda: multi(
        by(optimizers.RMSprop(0.02, use_ema=True), {"model/deep/kernel": optimizers.Nadam(0.02)}), loss_scale_factor=4.0)


def weight_cases(random):
    shapes = {"model/dense/kernel": (5, 4), "model/dense/bias": (4,), "model/deep/kernel": (2, 3, 4), "model/head/kernel": (4, 6),
              "model/head/bias": (6,)}
    weights = [{"path": path, "constraint": None, **plain(random.standard_normal(shape).astype("float32"))} for path, shape in shapes.items()]
    weights[3]["constraint"] = serialized(constraints.MaxNorm(1.4))
    gradients = [[random.standard_normal(len(w["values"])).astype("float32") * random.uniform(0.1, 2) for w in weights] for _ in range(STEPS)]
    # The rows of an embedding that a batch has no use for have no gradient.
    for each in gradients[3:]:
        each[0][:4] = 0
    return weights, gradients


def variables(weights):
    made = []
    for weight in weights:
        layer, _, name = weight["path"].rpartition("/")
        with keras.name_scope(layer.split("/")[0]), keras.name_scope(layer.split("/")[1]):
            made.append(keras.Variable(array(weight).astype("float32"), name=name))
        if weight["constraint"]:
            made[-1].constraint = keras.saving.deserialize_keras_object(weight["constraint"])
    return made


def stepped(optimizer, weights, gradients):
    """Variables and optimizer after all steps."""
    made = variables(weights)
    optimizer.build(made)
    shapes = [v.shape for v in made]
    for each in gradients:
        optimizer.apply([ops.convert_to_tensor(g.reshape(s)) for g, s in zip(each, shapes)], made)
    return made


def compare_optimizer(name, object_, result, weights, gradients):
    optimizer = again(object_)
    if "error" in result:
        return check(name, False, result["error"])
    expected = stepped(optimizer, weights, gradients)
    check(f"{name}: config", result["config"] == object_, f"{result['config']}\n     {object_}")
    close(f"{name}: weights", result["weights"], expected, 1e-5)
    # Nadam's product of momenta is called `variable`, with a number from the second one on.
    short = lambda path: re.sub(r"^variable_\d+$", "variable", path.split("/")[-1])
    names = [[short(v) for v in paths] for paths in (result["names"], [v.path for v in optimizer.variables])]
    check(f"{name}: variables", names[0] == names[1], names)
    close(f"{name}: state", result["variables"], optimizer.variables, 1e-5)
    optimizer.finalize_variable_values(expected)
    close(f"{name}: weights in the end", result["final_weights"], expected, 1e-5)


def again(object):
    """Another optimizer of the same config."""
    return keras.saving.deserialize_keras_object(json.loads(json.dumps(object)))


def main():
    global failures
    program, first_model = sys.argv[1:3]
    seed = int(sys.argv[3]) if len(sys.argv) > 3 else int.from_bytes(os.urandom(3), "little")
    print(f"seed {seed}")
    random = np.random.default_rng(seed)
    weights, gradients = weight_cases(random)
    made = dict(optimizer_cases())
    objects = {}
    for name, make in made.items():
        objects[name] = serialized(make())
    cases = {
        "weights": weights,
        "gradients": [[g.astype("float64").tolist() for g in each] for each in gradients],
        "optimizers": objects,
    }
    folder = tempfile.mkdtemp()
    results = run(program, cases, folder)
    for name in made:
        compare_optimizer(name, objects[name], results["optimizers"][name], weights, gradients)
    print(f"{checks} checks, {failures} failed, seed {seed}")
    sys.exit(failures > 0)


def run(program, cases, folder):
    at = lambda name: os.path.join(folder, name)
    with open(at("cases.json"), "w") as file:
        json.dump(cases, file)
    subprocess.run([program, at("cases.json"), at("results.json")], check=True)
    with open(at("results.json")) as file:
        return json.load(file)


main()
