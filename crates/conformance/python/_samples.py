"""What samplers of cases are made with: a seeded source of choices, the case, and the table of samplers."""

import zlib

import numpy as np

SAMPLERS = {}
"""By class: a function from a `Random` and the class's name to a `Case`."""


def samples(*classes, cases=None):
    """Enters a function as the sampler of these classes; `cases` where the number is not the usual one."""

    def enter(function):
        for name in classes:
            SAMPLERS[name] = function
        function.cases = cases
        return function

    return enter


class Case:
    """A layer and one call of it.

    inputs      arrays, in the order of Keras's call
    how         "one" input, a "list" of inputs, or inputs as separate "args"
    tensors     further tensors by name: an array or a list of arrays
    values      further arguments by name
    masks       a mask or None for each input
    tolerance   relative to the output's scale
    compare     "values"; or a function from outputs to a complaint or None, for what is random
    compiled    false where values decide shapes or strings are read, which a compiled graph cannot do
    adapt       data that the layer is adapted to first
    gradients   false where a derivative is not compared, with the reason in the sampler
    """

    def __init__(self, layer, *inputs, how="one", tensors=None, values=None, masks=None, training=False,
                 tolerance=1e-5, compare="values", compiled=True, gradients=True, weights=None):
        self.layer, self.inputs, self.how = layer, inputs, how
        self.tensors, self.values, self.masks = tensors or {}, values or {}, masks or []
        self.training, self.tolerance, self.compare = training, tolerance, compare
        self.compiled, self.gradients, self.weights = compiled, gradients, weights


class Random:
    """Choices that depend on the seed, the class and the number of the case alone."""

    def __init__(self, seed, name, number):
        self.rng = np.random.default_rng([seed, zlib.crc32(name.encode()), number])
        self.number = number
        self.policy = None

    def one(self, *choices):
        return choices[self.rng.integers(len(choices))]

    def flag(self, p=0.5):
        return bool(self.rng.random() < p)

    def int(self, low, high):
        """From low to high, both included."""
        return int(self.rng.integers(low, high + 1))

    def ints(self, low, high, shape, dtype="int32"):
        return self.rng.integers(low, high + 1, shape).astype(dtype)

    def floats(self, *shape, dtype="float32", scale=1.0):
        return (self.rng.standard_normal(shape) * scale).astype(dtype)

    def uniform(self, low, high, *shape, dtype="float32"):
        return self.rng.uniform(low, high, shape).astype(dtype)

    def separate(self, *shape):
        """Floats of which no two are close, so that orders and maxima do not depend on rounding."""
        n = int(np.prod(shape))
        return ((self.rng.permutation(n) - n / 2) / max(n / 6, 1)).astype("float32").reshape(shape)

    def nonzero(self, *shape):
        """Floats away from 0, where rectifiers bend."""
        x = self.floats(*shape)
        return np.where(np.abs(x) < 0.05, np.float32(0.5), x)

    def mask(self, batch, time, tail=True):
        """Which steps count; at least the first. With `tail` what does not count is at the end."""
        if tail:
            return np.arange(time)[None] < self.rng.integers(1, time + 1, (batch, 1))
        mask = self.rng.random((batch, time)) < 0.7
        mask[:, 0] = True
        return mask

    def some(self, **choices):
        """Of each argument, with probability 1/2, one of its choices."""
        return {name: self.one(*of) for name, of in choices.items() if self.flag()}

    def weights(self, *names):
        """Initializers, regularizers and constraints for weights, sometimes."""
        import keras

        initializers = ["he_normal", "ones", keras.initializers.RandomNormal(stddev=0.02, seed=3), "lecun_uniform",
                        keras.initializers.Constant(0.25), keras.initializers.VarianceScaling(2.0, "fan_avg", "uniform")]
        regularizers = ["l2", "l1", keras.regularizers.L1L2(0.01, 0.02), keras.regularizers.L2(0.003)]
        constraints = ["max_norm", "non_neg", keras.constraints.MinMaxNorm(0.1, 0.9), "unit_norm"]
        found = {}
        for name in names:
            for kind, choices in (("initializer", initializers), ("regularizer", regularizers), ("constraint", constraints)):
                if self.flag(0.25):
                    found[f"{name}_{kind}"] = self.one(*choices)
        return found

    def make(self, name, *args, **kwargs):
        """The layer of a class of keras.layers, under the policy of the case."""
        import keras

        if self.policy:
            kwargs["dtype"] = self.policy
        if self.flag(0.3) and name not in NO_NAME:
            kwargs.setdefault("name", f"my_{name.lower()}")
        return getattr(keras.layers, name)(*args, **kwargs)


NO_NAME = ()
