"""Writes initializers.json: seeded initializers of Keras on JAX. Run with Keras 3.15.1; the file says which version made it.

Usage: KERAS_BACKEND=jax python make_initializers.py > initializers.json
"""

import json
import sys

import jax
import keras
import numpy as np

cases = []
for name, arguments in [("GlorotUniform", {}), ("HeUniform", {}), ("LecunUniform", {}), ("RandomUniform", {"minval": -2.0, "maxval": 0.5}),
                        ("VarianceScaling", {"scale": 3.0, "mode": "fan_out", "distribution": "uniform"})]:
    for shape in [(3, 5), (2, 3, 4, 2)]:
        made = getattr(keras.initializers, name)(seed=1234, **arguments)
        values = np.asarray(made(shape)).ravel()
        cases.append({"object": keras.initializers.serialize(made), "shape": shape, "values": [float(v) for v in values]})
made_by = f"Keras {keras.__version__} on {keras.backend.backend()} {jax.__version__}, tests/golden/make_initializers.py"
json.dump({"made_by": made_by, "cases": cases}, sys.stdout)
