"""Writes print.txt: arrays and the text NumPy prints for them.

usage: python print.py [SEED [COUNT]] > print.txt
"""

import sys

import ml_dtypes
import numpy as np

seed = int(sys.argv[1]) if len(sys.argv) > 1 else 20
count = int(sys.argv[2]) if len(sys.argv) > 2 else 200
rng = np.random.default_rng(seed)

FLOATS = [np.float16, np.float32, np.float64, ml_dtypes.bfloat16]
INTS = [np.int8, np.int16, np.int32, np.int64, np.uint8, np.uint16, np.uint32, np.uint64]
STRINGS = [b"", b"a", b"it's", b'q"q', b"'\"", b"\xc3\xa9\n\t\\", b"x" * 40, b"\x00\x7f\xff"]


def shape():
    kind = rng.integers(0, 40)
    if kind in (0, 3):
        return ()
    if kind in (1, 4):
        return [(0,), (0, 3), (2, 0), (1, 0, 4)][rng.integers(0, 4)]
    if kind == 2:
        return [(1200,), (40, 30), (3, 500), (501, 2), (2, 10, 70), (1001,)][rng.integers(0, 6)]
    return tuple(rng.integers(1, [1, 22, 5, 4, 3][rank := rng.integers(1, 5)], rank))


def values(s):
    """Float values of many characters: round ones, decimals, wide ranges, specials."""
    n = int(np.prod(s))
    with np.errstate(all="ignore"):
        v = [
            lambda: rng.integers(-9, 10, n).astype(float),
            lambda: np.round(rng.normal(size=n), rng.integers(1, 6)),
            lambda: rng.normal(size=n),
            lambda: rng.uniform(size=n),
            lambda: rng.normal(size=n) * 10.0 ** rng.integers(-6, 9),
            lambda: 10.0 ** rng.uniform(-12, 12, n),
            lambda: 10.0 ** rng.integers(-40, 40, n) * rng.normal(),
            lambda: 2.0 ** rng.integers(-30, 30, n),
            lambda: rng.integers(0, 10**6, n) / 8.0,
            lambda: 0.1 * rng.integers(0, 40, n),
            lambda: rng.normal(size=n) * 10.0 ** rng.integers(-200, 200),
        ][rng.integers(0, 11)]()
        if rng.integers(0, 5) == 0:
            for special in rng.choice([np.nan, np.inf, -np.inf, 0.0, -0.0], rng.integers(1, 4)):
                v[rng.integers(0, 2) : n : rng.integers(1, 5)] = special
    return v.reshape(s)


def case():
    s = shape()
    kind = rng.integers(0, 12)
    with np.errstate(all="ignore"):
        if kind < 7:
            return values(s).astype(FLOATS[[1, 1, 1, 2, 2, 0, 3][kind]])
        if kind == 7:
            re, im = values(s).astype(np.float32), values(s).astype(np.float32)
            c = np.empty(s, np.complex64)
            c.real, c.imag = re, im
            return c
        if kind == 8:
            return rng.integers(0, 2, s).astype(bool)
        if kind == 9:
            return rng.choice(np.array(STRINGS, dtype=object), s) if s else np.array(STRINGS[3], dtype=object)
        d = np.iinfo(INTS[rng.integers(0, 8)])
        low = max(int(d.min), -(10 ** int(rng.integers(0, 19))))
        return rng.integers(low, min(int(d.max), 10 ** int(rng.integers(0, 19))), s, dtype=d.dtype, endpoint=True)


def text(value):
    return "".join("|" + line + "\n" for line in value.split("\n"))


print(f"# numpy {np.__version__}, ml_dtypes {ml_dtypes.__version__}, seed {seed}, print.py")
for _ in range(count):
    a = np.asarray(case())
    if a.dtype == object:
        data, name = ",".join(x.hex() for x in a.ravel()), "string"
    else:
        data, name = a.tobytes().hex(), a.dtype.name
    print(f"array {name} {','.join(map(str, a.shape))} {data}")
    sys.stdout.write("str\n" + text(str(a)))
    sys.stdout.write("repr\n" + text(repr(a).replace("dtype=object", "dtype=string")))
