"""The ONNX project's own backend tests, run by Cornet.

Usage: python onnx_backend.py ONNX_BACKEND [PATTERN]

ONNX_BACKEND is the program `cargo build -p cornet-conformance --bin onnx_backend` makes: one process answers all tests.
Needs onnx 1.23.2. Runs every suite of the package: the operators' (node), simple, pytorch-converted, pytorch-operator, and
the networks of real models, whose weights the package's own small files make. Prints passed, failed and unsupported of
each suite and the names of failures. Ends with 1 if the process died, a test panicked, less than 90 % of the operators'
tests of the domain ai.onnx pass, or less than 90 % of another suite.
"""

import os
import re
import struct
import subprocess
import sys
import tempfile
import time
import unittest
import warnings

import numpy as np
import onnx
from onnx import numpy_helper
from onnx.backend.base import Backend, BackendRep
from onnx.backend.test.loader import load_model_tests
from onnx.backend.test.runner import Runner

warnings.filterwarnings("ignore")
LEAST = 0.9
"""Of each suite; of the operators' tests, those whose nodes are all of the domain ai.onnx."""


class Unsupported(Exception):
    """What Cornet says it does not have."""


def varint(number):
    out = bytearray()
    while number >= 0x80:
        out.append(number & 0x7F | 0x80)
        number >>= 7
    out.append(number)
    return bytes(out)


def field(number, content):
    return varint(number << 3 | 2) + varint(len(content)) + content


def fields(content):
    """Numbers and contents of fields that are all of bytes."""
    at = 0

    def number():
        nonlocal at
        value = shift = 0
        while True:
            byte = content[at]
            at += 1
            value |= (byte & 0x7F) << shift
            shift += 7
            if byte < 0x80:
                return value

    while at < len(content):
        key, length = number(), number()
        yield key >> 3, content[at:at + length]
        at += length


def write(value):
    if value is None:
        return field(4, b"")
    if isinstance(value, (list, tuple)):
        return field(2, b"".join(field(1, write(v)) for v in value))
    array = np.asarray(value)
    # An array of one object is how the package writes the value of an optional.
    return field(1, numpy_helper.from_array(array).SerializeToString())


def read(content):
    for number, inner in fields(content):
        if number == 1:
            tensor = onnx.TensorProto()
            tensor.ParseFromString(inner)
            array = numpy_helper.to_array(tensor)
            if tensor.data_type == onnx.TensorProto.STRING:
                array = np.array([s.decode() for s in tensor.string_data], dtype=object).reshape(tuple(tensor.dims))
            return array
        if number == 2:
            return [read(item) for _, item in fields(inner)]
        return read(inner) if number == 3 else None


class Cornet(Backend):
    process = None
    died = 0

    @classmethod
    def supports_device(cls, device):
        return device == "CPU"

    @classmethod
    def prepare(cls, model, device="CPU", **kwargs):
        return Prepared(model)

    @classmethod
    def ask(cls, request):
        if cls.process is None:
            cls.process = subprocess.Popen([sys.argv[1]], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        try:
            cls.process.stdin.write(struct.pack("<Q", len(request)) + request)
            cls.process.stdin.flush()
            (length,) = struct.unpack("<Q", cls.process.stdout.read(8))
            return list(fields(cls.process.stdout.read(length)))
        except (BrokenPipeError, struct.error):
            cls.died += 1
            cls.process.wait()
            cls.process = None
            raise AssertionError("the process died") from None


class Prepared(BackendRep):
    def __init__(self, model):
        self.model = model

    def run(self, inputs, **kwargs):
        types = {i.name: i.type for i in self.model.graph.input}
        given = {i.name for i in self.model.graph.initializer}
        names = [i.name for i in self.model.graph.input if i.name not in given]
        parts = []
        for name, value in zip(names, inputs):
            content = write(value)
            if types[name].WhichOneof("value") == "optional_type" and value is not None:
                content = field(3, content)
            parts.append(field(3, content))
        reply = Cornet.ask(field(1, self.model.SerializeToString()) + b"".join(parts))
        facts = {number: inner.decode() for number, inner in reply if number < 3}
        if facts:
            kind = Unsupported if facts[1] in ("unsupported", "unsupported_format") else AssertionError
            raise kind(facts[2])
        return [read(inner) for number, inner in reply if number == 3]


def outcome(test):
    """passed, unsupported, or what failed."""
    try:
        test()
        return "passed", ""
    except Unsupported as error:
        return "unsupported", str(error)
    except unittest.SkipTest as error:
        return "unsupported", str(error)
    except Exception as error:
        return "failed", f"{type(error).__name__}: {error}"


def standard(case):
    model = case.model
    return model is not None and all(n.domain in ("", "ai.onnx") for n in model.graph.node)


def main():
    pattern = re.compile(sys.argv[2] if len(sys.argv) > 2 else "")
    start, failed, panics, shares = time.time(), [], 0, {}
    scratch = tempfile.TemporaryDirectory()
    os.environ["ONNX_MODELS"] = scratch.name
    own = {case.name for case in load_model_tests(kind="node") if standard(case)}
    runner = Runner(Cornet)
    items = runner._test_items
    kinds = {"NodeModel": "node", "SimpleModel": "simple", "PyTorchConvertedModel": "pytorch-converted",
             "PyTorchOperatorModel": "pytorch-operator", "RealModel": "real"}
    for category, suite in kinds.items():
        counts = {"passed": 0, "failed": 0, "unsupported": 0}
        own_passed = own_total = 0
        for name, item in sorted(items[category].items()):
            if not name.endswith("_cpu") or not pattern.search(name):
                continue
            name = name.removesuffix("_cpu")
            result, why = outcome(lambda: item.func(None))
            counts[result] += 1
            panics += "panic:" in why
            if suite == "node" and name in own:
                own_total += 1
                own_passed += result == "passed"
            if result != "passed":
                text = " ".join(why.split())
                failed.append(f"  {result:11} {suite} {name}: {text[:int(os.environ.get('WIDTH', 160))]}")
        total = sum(counts.values())
        print(f"{suite}: {', '.join(f'{k} {v}' for k, v in counts.items())}, total {total}")
        if suite == "node":
            shares["node"] = own_passed / max(own_total, 1)
            print(f"  of the domain ai.onnx: passed {own_passed} of {own_total} ({100 * shares['node']:.1f} %)")
        else:
            shares[suite] = counts["passed"] / max(total, 1)
    print("not passed:" if failed else "every test passed")
    print("\n".join(failed))
    print(f"{time.time() - start:.0f} s, process died {Cornet.died} times, {panics} panics")
    if len(sys.argv) == 2 and (Cornet.died or panics or min(shares.values()) < LEAST):
        sys.exit(1)


if __name__ == "__main__":
    main()
