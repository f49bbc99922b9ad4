"""Writes promote.txt: what keras.backend.result_type gives for all pairs of dtypes, and for 150 triples.

usage: KERAS_BACKEND=tensorflow python promote.py > promote.txt
"""

import random

import keras

NAMES = "bool int8 int16 int32 int64 uint8 uint16 uint32 uint64 float16 bfloat16 float32 float64 complex64 string".split()
NAMES += ["int", "float"]
WEAK = {"int": int, "float": float}


def line(*operands):
    try:
        result = keras.backend.result_type(*(WEAK.get(o, o) for o in operands))
    except ValueError:
        result = "error"
    print(*operands, result)


random.seed(20)
print(f"# keras {keras.__version__}, backend {keras.backend.backend()}, seed 20, promote.py")
for a in NAMES:
    for b in NAMES:
        line(a, b)
for _ in range(150):
    line(*random.choices(NAMES, k=3))
