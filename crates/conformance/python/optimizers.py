"""Compares optimizers, learning rate schedules, initializers, regularizers, constraints and activations with Keras.

Usage: python optimizers.py OPTIMIZERS FIRST_MODEL [SEED]

OPTIMIZERS and FIRST_MODEL are the programs that `cargo build -p cornet-nn --examples` makes. Needs Keras 3.15.1, whose
NumPy backend is used: it takes single steps ten times as fast as the others, and it has the rule of ScheduleFreeAdamW
that JAX's has too, while TensorFlow's variables change under its hands. Gradients are TensorFlow's, in a process of their
own. Prints one line a check and ends with 1 if one fails.
"""

import os
import sys

IS_DIFFERENTIATING = sys.argv[1:2] == ["--gradients"]
os.environ["KERAS_BACKEND"] = "tensorflow" if IS_DIFFERENTIATING else "numpy"
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import json
import re
import subprocess
import tempfile
import warnings

import keras
import numpy as np
from keras import activations, constraints, initializers, ops, optimizers, regularizers
from keras.optimizers import schedules
from keras.src.activations import ALL_OBJECTS_DICT

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
    """The config of an object. Arrays are NumPy's with other backends than NumPy."""
    text = json.dumps(keras.saving.serialize_keras_object(thing))
    return json.loads(text.replace("__tensor__", "__numpy__"))


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


# Schedules, initializers, regularizers, constraints, activations.


def schedule_cases(random):
    steps = [*range(101), 1000, 12345]
    rate = lambda: float(random.uniform(0.01, 1))
    made = {
        "CosineDecay": schedules.CosineDecay(rate(), 40),
        "CosineDecay with warm-up": schedules.CosineDecay(rate() / 10, 30, alpha=0.2, warmup_target=rate(), warmup_steps=10),
        "CosineDecayRestarts": schedules.CosineDecayRestarts(rate(), 11, alpha=0.1),
        "CosineDecayRestarts of one length": schedules.CosineDecayRestarts(rate(), 13, t_mul=1.0, m_mul=0.8),
        "CosineDecayRestarts that shrink": schedules.CosineDecayRestarts(rate(), 7, t_mul=1.5, m_mul=0.9),
        "ExponentialDecay": schedules.ExponentialDecay(rate(), 15, 0.7),
        "ExponentialDecay in stairs": schedules.ExponentialDecay(rate(), 15, 0.9, staircase=True),
        "InverseTimeDecay": schedules.InverseTimeDecay(rate(), 15, 0.7),
        "InverseTimeDecay in stairs": schedules.InverseTimeDecay(rate(), 15, 0.7, staircase=True),
        "PiecewiseConstantDecay": schedules.PiecewiseConstantDecay([10, 20, 75], [rate() for _ in range(4)]),
        "PolynomialDecay": schedules.PolynomialDecay(rate(), 30, power=1.7),
        "PolynomialDecay in cycles": schedules.PolynomialDecay(rate(), 30, end_learning_rate=0.01, cycle=True),
    }
    return made, steps


def initializer_cases():
    """Name, initializer, shape, and whether its values are fixed."""
    yield "Zeros", initializers.Zeros(), (2, 3), True
    yield "Ones", initializers.Ones(), (4,), True
    yield "Constant", initializers.Constant(2.5), (2, 3), True
    yield "Constant of an array", initializers.Constant(np.arange(6, dtype="float32").reshape(2, 3)), (2, 3), True
    yield "Identity", initializers.Identity(), (3, 5), True
    windows = [dict(window=w) for w in ("hamming", "blackman", "triang", "nuttall", "bohman", "parzen", "tukey", "cosine", "barthann", "flattop", "bartlett", "lanczos", "blackmanharris")]
    others = [dict(), dict(side="imag"), dict(window=None), dict(scaling=None), dict(scaling="spectrum", periodic=True),
              dict(window=np.linspace(0, 1, 12, dtype="float32"))]
    for arguments in others + windows:
        yield f"STFT {arguments}", initializers.STFT(**arguments), (12, 1, 9), True
    for name in ("GlorotUniform", "GlorotNormal", "HeUniform", "HeNormal", "LecunUniform", "LecunNormal", "RandomNormal", "RandomUniform", "TruncatedNormal", "Orthogonal"):
        yield name, getattr(initializers, name)(), (60, 40), False
        yield f"{name} seeded", getattr(initializers, name)(seed=5), (3, 3, 20, 30), False
    for mode in ("fan_in", "fan_out", "fan_avg"):
        for distribution in ("uniform", "truncated_normal", "untruncated_normal"):
            yield f"VarianceScaling {mode} {distribution}", initializers.VarianceScaling(0.7, mode, distribution, seed=3), (50, 80), False
    yield "VarianceScaling with axes", initializers.VarianceScaling(2.0, "fan_in", input_axes=[0], output_axes=[1, 2]), (40, 10, 20), False


def regularizer_cases():
    for name, one in {"L1": regularizers.L1(0.03), "L2": regularizers.L2(0.02), "L1L2": regularizers.L1L2(0.1, 0.2), "L1L2 of nothing": regularizers.L1L2(),
                      "Orthogonal rows": regularizers.OrthogonalRegularizer(0.3), "Orthogonal columns": regularizers.OrthogonalRegularizer(0.3, "columns")}.items():
        yield name, one, (5, 4)


def constraint_cases():
    yield "NonNeg", constraints.NonNeg(), (5, 4)
    for axis in (0, 1, [0, 1], -1):
        yield f"MaxNorm {axis}", constraints.MaxNorm(1.2, axis), (5, 4)
        yield f"UnitNorm {axis}", constraints.UnitNorm(axis), (5, 4)
        yield f"MinMaxNorm {axis}", constraints.MinMaxNorm(0.5, 1.2, 0.7, axis), (5, 4)
    yield "MaxNorm of a kernel", constraints.MaxNorm(1.2, [0, 1, 2]), (3, 3, 2, 4)


def differentiate(path):
    """Writes the values of penalties and activations, and the gradients of the sums of their squares."""
    import tensorflow as tf

    with open(path) as file:
        cases = json.load(file)
    results = {}
    for kind, get in (("regularizers", keras.saving.deserialize_keras_object), ("activations", activations.get)):
        for name, case in cases[kind].items():
            x = tf.constant(array(case).astype("float32"))
            with tf.GradientTape() as tape:
                tape.watch(x)
                y = get(case["object"])(x)
                total = tf.reduce_sum(tf.square(y))
            dx = tape.gradient(total, x)
            results[name] = {"value": plain(np.asarray(y)), "gradient": plain(np.asarray(tf.zeros_like(x) if dx is None else dx))}
    with open(path + ".gradients", "w") as file:
        json.dump(results, file)


def compare_differentiated(name, result, expected, config):
    if "error" in result:
        return check(name, False, result["error"])
    check(f"{name}: config", result["config"] == config, f"{result['config']}\n     {config}")
    close(f"{name}: values", [result], [array(expected["value"])], 1e-6)
    close(f"{name}: gradient", [result["gradient"]], [array(expected["gradient"])], 1e-5)


def moments(values):
    return np.array([values.mean(), values.std(), values.min(), values.max()])


def compare_initializer(name, initializer, result, shape, fixed):
    if "error" in result:
        return check(name, False, result["error"])
    check(f"{name}: config", result["config"] == serialized(initializer), f"{result['config']}\n     {serialized(initializer)}")
    found, expected = array(result), np.asarray(initializer(shape))
    if fixed:
        # Angles of thousands of radians in float32 are what two libraries differ in.
        return check(f"{name}: values", np.abs(found - expected).max() <= 2e-6 and found.shape == expected.shape, np.abs(found - expected).max())
    # Both draw from one distribution: five standard errors of mean and deviation; the ends of a bounded one.
    deviation, n = expected.std(), found.size
    apart = np.abs(moments(found) - moments(expected)) / deviation
    ends = 0.15 if np.abs(expected).max() < 2.5 * deviation else 1.5
    check(f"{name}: moments", max(apart[:2]) < 10 / n**0.5 and max(apart[2:]) < ends, f"{moments(found)} and {moments(expected)}")
    if "Orthogonal" in name:
        rows = found.reshape(-1, found.shape[-1])
        product = rows.T @ rows if rows.shape[0] >= rows.shape[1] else rows @ rows.T
        check(f"{name}: orthogonality", np.abs(product - np.eye(len(product))).max() < 1e-5)


NAMES = [name for name in ALL_OBJECTS_DICT if name not in ("threshold", "swish", "hard_swish")]


def files(program, folder, random):
    """Optimizers' state through files of Keras and of Cornet."""
    makers = [getattr(optimizers, name) for name in CLASSES]
    makers += [lambda: optimizers.Adam(use_ema=True, gradient_accumulation_steps=2, learning_rate=RATES["CosineDecay"]()),
               lambda: optimizers.LossScaleOptimizer(optimizers.SGD(momentum=0.9)),
               lambda: optimizers.MultiOptimizer(optimizers.OptimizerMap(optimizers.SGD(momentum=0.5), {".*first/.*": optimizers.Adam()}))]
    for make in makers:
        model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(3, name="first"), keras.layers.Dense(2, name="second")], name="model")
        optimizer = make()
        name = optimizer.name
        optimizer.build(model.trainable_variables)
        for variable in optimizer.variables:
            value = random.uniform(1, 9, variable.shape)
            variable.assign(value.astype(variable.dtype) if variable.dtype.startswith("int") else value.astype("float32"))
        model.compile(optimizer, "mse")
        before, after = os.path.join(folder, "before.keras"), os.path.join(folder, "after.keras")
        model.save(before)
        done = subprocess.run([program, "copy", before, after], capture_output=True, text=True)
        if done.returncode:
            check(f"{name}: file", False, done.stderr)
            continue
        loaded = keras.models.load_model(after)
        pairs = list(zip(loaded.optimizer.variables, optimizer.variables))
        same = len(loaded.optimizer.variables) == len(optimizer.variables) and all(np.array_equal(np.asarray(a), np.asarray(b)) for a, b in pairs)
        check(f"{name}: state of {len(optimizer.variables)} variables through a file", same, [(np.asarray(a), np.asarray(b)) for a, b in pairs])
        check(f"{name}: config through a file", serialized(loaded.optimizer) == serialized(optimizer))


def main():
    program, first_model = sys.argv[1:3]
    seed = int(sys.argv[3]) if len(sys.argv) > 3 else int.from_bytes(os.urandom(3), "little")
    print(f"seed {seed}")
    random = np.random.default_rng(seed)
    weights, gradients = weight_cases(random)
    objects = {name: serialized(make()) for name, make in optimizer_cases()}
    rates, steps = schedule_cases(random)
    drawn = {name: (initializer, shape, fixed) for name, initializer, shape, fixed in initializer_cases()}
    normal = lambda shape: random.standard_normal(shape).astype("float32")
    penalties = {name: (one, normal(shape)) for name, one, shape in regularizer_cases()}
    bounds = {name: (one, normal(shape)) for name, one, shape in constraint_cases()}
    points = {name: normal((3, 8)) * 2 for name in NAMES}
    cases = {
        "weights": weights,
        "gradients": [[g.astype("float64").tolist() for g in each] for each in gradients],
        "optimizers": objects,
        "schedules": {name: {"object": serialized(one), "steps": steps} for name, one in rates.items()},
        "initializers": {name: {"object": serialized(one), "shape": shape} for name, (one, shape, _) in drawn.items()},
        "regularizers": {name: {"object": serialized(one), **plain(x)} for name, (one, x) in penalties.items()},
        "constraints": {name: {"object": serialized(one), **plain(x)} for name, (one, x) in bounds.items()},
        "activations": {name: {"object": name, **plain(x)} for name, x in points.items()},
    }
    with tempfile.TemporaryDirectory() as folder:
        results = run(program, cases, folder)
        files(first_model, folder, random)
    for kind in ("regularizers", "activations"):
        for name, case in cases[kind].items():
            compare_differentiated(name, results[kind][name], results["gradients"][name], case["object"])
    for name, (one, x) in bounds.items():
        result = results["constraints"][name]
        check(f"{name}: config", result.get("config") == serialized(one), result)
        close(f"{name}: values", [result], [np.asarray(one(x))], 1e-6)
    for name, one in rates.items():
        result = results["schedules"][name]
        check(f"{name}: config", result.get("config") == serialized(one), result)
        expected = [float(one(ops.convert_to_tensor(step, "int32"))) for step in steps]
        found = difference(result.get("values", []), expected)
        check(f"{name}: rates {found}", not isinstance(found, str) and found <= 2e-6, f"{result.get('values')}\n     {expected}")
    for name, (one, shape, fixed) in drawn.items():
        compare_initializer(name, one, results["initializers"][name], shape, fixed)
    for name in objects:
        compare_optimizer(name, objects[name], results["optimizers"][name], weights, gradients)
    print(f"{checks} checks, {failures} failed, seed {seed}")
    sys.exit(failures > 0)


def run(program, cases, folder):
    at = lambda name: os.path.join(folder, name)
    with open(at("cases.json"), "w") as file:
        json.dump(cases, file)
    subprocess.run([program, at("cases.json"), at("results.json")], check=True)
    with open(at("results.json")) as file:
        results = json.load(file)
    subprocess.run([sys.executable, __file__, "--gradients", at("cases.json")], check=True)
    with open(at("cases.json.gradients")) as file:
        results["gradients"] = json.load(file)
    return results


if IS_DIFFERENTIATING:
    differentiate(sys.argv[2])
else:
    main()
