"""Writes npy.txt: files as NumPy saves them, in hex, and what they hold.

usage: python npy.py > npy.txt

Lines: `npy NAME DTYPE SHAPE VALUES FILE`, VALUES being the row-major little-endian bytes (of strings: one
hex text each, separated by commas); `refused CODE FILE`; `npz FILE` with arrays `x` (float32 [2, 2]) and
`empty/y` (int8 [0]), in that order.
"""

import io

import ml_dtypes
import numpy as np


def saved(a, version=None):
    out = io.BytesIO()
    np.lib.format.write_array(out, np.asanyarray(a), version=version)
    return out.getvalue().hex()


def line(name, dtype, a, version=None):
    if dtype == "string":
        texts = [s.encode() if isinstance(s, str) else bytes(s) for s in a.ravel()]
        values = ",".join(t.hex() for t in texts)
    else:
        values = np.ascontiguousarray(a).astype(a.dtype.newbyteorder("<")).tobytes().hex()
    print("npy", name, dtype, ",".join(map(str, a.shape)), values, saved(a, version))


m = np.array([[1.5, -2.25, np.nan], [0.0, -0.0, np.inf]])
print(f"# numpy {np.__version__}, ml_dtypes {ml_dtypes.__version__}, npy.py")
for d in ["f2", "f4", "f8"]:
    line("plain", np.dtype(d).name, m.astype(d))
for d in ["i1", "i2", "i4", "i8", "u1", "u2", "u4", "u8"]:
    line("plain", np.dtype(d).name, np.arange(-3, 3).astype(d))
line("plain", "bool", np.array([[True, False]]))
line("plain", "complex64", np.array([1 + 2j, -0.5j], np.complex64))
line("bf16", "bfloat16", np.array([1.5, -3e38], ml_dtypes.bfloat16))
line("scalar", "float32", np.array(2.5, np.float32))
line("empty", "int64", np.zeros((2, 0, 3), np.int64))
line("fortran", "int32", np.asfortranarray(np.arange(24, dtype=np.int32).reshape(2, 3, 4)))
line("fortran-big", "int16", np.asfortranarray(np.arange(6).reshape(2, 3).astype(">i2")))
line("big", "float32", m.astype(">f4"))
line("big", "complex64", np.array([1 + 2j], ">c8"))
line("bytes", "string", np.array([[b"a", b""], [b"caf\xc3\xa9", b"x\x00y"]]))
line("unicode", "string", np.array(["a", "é€", "😀"]))
line("unicode-big", "string", np.array(["né"], ">U4"))
line("unicode-fortran", "string", np.asfortranarray([["a", "bb"], ["c", "dd"]]))
line("version2", "uint8", np.arange(3, dtype=np.uint8), (2, 0))
line("version3", "uint8", np.arange(3, dtype=np.uint8), (3, 0))
for a, code in [
    (np.array([None, "a"], dtype=object), "unsafe_content"),
    (np.zeros(2, "c16"), "unsupported_format"),
    (np.zeros(2, np.longdouble), "unsupported_format"),
    (np.zeros(2, [("a", "f4"), ("b", "i8")]), "unsupported_format"),
    (np.zeros(2, "M8[D]"), "unsupported_format"),
    (np.zeros(2, "V5"), "unsupported_format"),
]:
    print("refused", code, saved(a))
for save in (np.savez, np.savez_compressed):
    out = io.BytesIO()
    save(out, **{"x": np.array([[1, 2], [3, 4]], np.float32), "empty/y": np.zeros(0, np.int8)})
    print("npz", out.getvalue().hex())
