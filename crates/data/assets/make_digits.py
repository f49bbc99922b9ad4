"""Writes the embedded digits: digits-images-idx3-ubyte.gz and digits-labels-idx1-ubyte.gz, from scikit-learn.

Run with scikit-learn 1.x: python make_digits.py
The IDX content is the same for every version of scikit-learn, zlib and Python; the gzip wrapper may differ.
"""

import gzip
import pathlib
import struct

import numpy
from sklearn.datasets import load_digits

HERE = pathlib.Path(__file__).parent


def write(name, array):
    header = struct.pack(">HBB", 0, 0x08, array.ndim) + struct.pack(f">{array.ndim}I", *array.shape)
    data = gzip.compress(header + array.tobytes(), compresslevel=9, mtime=0)
    (HERE / name).write_bytes(data)


digits = load_digits()
images = digits.images.astype(numpy.uint8)
labels = digits.target.astype(numpy.uint8)
assert images.shape == (1797, 8, 8) and (images == digits.images).all() and images.max() == 16
assert labels.shape == (1797,) and (labels == digits.target).all()
write("digits-images-idx3-ubyte.gz", images)
write("digits-labels-idx1-ubyte.gz", labels)
