"""NumPy writes .npy and .npz files, Cornet copies them, NumPy reads the copies.

usage: python npy_roundtrip.py NPY_COPY

NPY_COPY is the built example: cargo build -p cornet-tensor --example npy_copy.
Needs numpy and ml_dtypes. Every copy must hold the same values in the same shape; copies of arrays that
are C-ordered and of native byte order must equal NumPy's file byte for byte.
"""

import io
import subprocess
import sys
import tempfile
from pathlib import Path

import ml_dtypes
import numpy as np

rng = np.random.default_rng(20)
SHAPES = [(), (0,), (1,), (7,), (3, 4), (2, 0, 3), (2, 3, 4), (1, 2, 1, 3, 2), (40, 17), (2,) * 20]
DTYPES = ["?", "i1", "i2", "i4", "i8", "u1", "u2", "u4", "u8", "f2", "f4", "f8", "c8", "V2", "S5", "U3"]


def array(dtype, shape):
    """An array of random bits, or of random texts."""
    dtype = np.dtype(dtype)
    n = int(np.prod(shape))
    if dtype.kind == "?" or dtype == bool:
        return rng.integers(0, 2, shape).astype(bool)
    if dtype.kind in "SU":
        letters = "ab é€😀\x00'" if dtype.kind == "U" else "abc '\"\\\x00"
        texts = ["".join(rng.choice(list(letters), rng.integers(0, 4))) for _ in range(n)]
        return np.array(texts, dtype=dtype).reshape(shape)
    return np.frombuffer(rng.bytes(n * dtype.itemsize), dtype=dtype).reshape(shape).copy()


def cases():
    """Name, array, and the bytes NumPy saves."""
    for dtype in DTYPES:
        for shape in SHAPES:
            a = array(dtype, shape)
            for order in "CF":
                for endian in "<>":
                    if np.dtype(dtype).kind == "V" and endian == ">":
                        continue
                    b = np.asarray(a, order=order)
                    if endian == ">":
                        b = b.astype(b.dtype.newbyteorder(">"), order=order)
                    out = io.BytesIO()
                    np.save(out, b)
                    yield b, out.getvalue()
    a = array("f4", (3, 2))
    for version in [(1, 0), (2, 0), (3, 0)]:
        out = io.BytesIO()
        np.lib.format.write_array(out, a, version=version)
        yield a, out.getvalue()
    bf16 = np.arange(6, dtype=ml_dtypes.bfloat16).reshape(2, 3)
    out = io.BytesIO()
    np.save(out, bf16)
    yield bf16, out.getvalue()


def as_read(a):
    """What Cornet makes of an array: native order, texts as UTF-8 bytes."""
    if a.dtype.kind == "U":
        return np.array([s.encode() for s in a.ravel()] or [b""], dtype="S")[: a.size].reshape(a.shape)
    return a.astype(a.dtype.newbyteorder("="))


def same(a, b):
    if a.dtype.kind == "S":
        return a.shape == b.shape and a.tolist() == b.tolist()
    return a.dtype.itemsize == b.dtype.itemsize and a.shape == b.shape and a.tobytes() == b.tobytes()


REFUSED = {
    "object": (np.array([1, "a", None], dtype=object), "unsafe_content"),
    "complex128": (np.zeros(3, "c16"), "unsupported_format"),
    "longdouble": (np.zeros(3, np.longdouble), "unsupported_format"),
    "record": (np.zeros(3, [("a", "f4"), ("b", "i4")]), "unsupported_format"),
    "date": (np.zeros(3, "M8[s]"), "unsupported_format"),
    "void": (np.zeros(3, "V3"), "unsupported_format"),
}


def main():
    with tempfile.TemporaryDirectory() as folder:
        source, target = Path(folder, "in"), Path(folder, "out")
        source.mkdir(), target.mkdir()
        saved = list(cases())
        for i, (_, data) in enumerate(saved):
            (source / f"{i}.npy").write_bytes(data)
        for name, (a, _) in REFUSED.items():
            np.save(source / f"{name}.npy", a, allow_pickle=True)
        named = {f"z{i}/a b" if i % 2 else f"y{i}": as_read(a) for i, (a, _) in reversed(list(enumerate(saved[::37])))}
        np.savez(source / "stored.npz", **named)
        np.savez_compressed(source / "compressed.npz", **named)
        subprocess.run([sys.argv[1], source, target], check=True)

        exact = 0
        for i, (a, data) in enumerate(saved):
            copy = (target / f"{i}.npy").read_bytes()
            found, expected = np.load(io.BytesIO(copy)), as_read(a)
            assert same(expected, found), (i, a.dtype, a.shape, expected, found)
            # Cornet writes row-major version 1 files, and texts as short as they fit.
            if a.flags.c_contiguous and a.dtype.isnative and a.dtype.kind not in "SUV" and data[6] == 1:
                assert copy == data, (i, copy[:128], data[:128])
                exact += 1
        for kind in ("stored", "compressed"):
            with np.load(target / f"{kind}.npz") as copy:
                assert copy.files == list(named), copy.files
                for name, a in named.items():
                    assert same(a, copy[name]), (kind, name)
        for name, (_, code) in REFUSED.items():
            found = (target / f"{name}.npy.error").read_text()
            assert found == code, (name, found)
        sizes = [(target / f"{kind}.npz").stat().st_size for kind in ("stored", "compressed")]
        assert sizes[1] < sizes[0], sizes
    print(f"numpy {np.__version__}: {len(saved)} npy files, {exact} of them byte for byte, {len(named)} arrays in npz,")
    print(f"{len(REFUSED)} files refused as they should be")


main()
