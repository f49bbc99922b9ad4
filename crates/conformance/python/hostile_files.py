"""Files that attack whoever opens them, each refused by the command `cornet` with a message and within a bound of memory.

Usage: python hostile_files.py CORNET

CORNET is the program `cargo build -p cornet-cli` makes. One file or more for each class of vulnerability known in model
loading, made here: by editing what Keras 3.15.1 and h5py write. `cornet predict`, `inspect` and `convert` must end with
exit code 1 and one message that has a code, take at most twice the file's size plus 64 MiB, read and write nothing else,
and end within 20 seconds. `inspect` may succeed where looking is harmless. Prints one line a file and ends with 1 if one
fails. docs/security.md is the threat model that these files belong to.
"""

import os

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("KERAS_BACKEND", "tensorflow")

import base64
import io
import json
import marshal
import pickle
import re
import struct
import subprocess
import sys
import tarfile
import tempfile
import time
import zipfile

import h5py
import keras
import numpy as np
from keras import layers

SPARE = 64 << 20
SECONDS = 20
CODES = {"unsafe_content", "limit_exceeded", "corrupt", "unsupported_format", "unsupported", "invalid_argument",
         "not_found", "shape_mismatch", "dim_mismatch"}
CASES = []


def attack(*vulnerabilities, harmless_to_inspect=True):
    """Enters a function that makes a file (or folder) in a folder and returns its path."""

    def enter(function):
        CASES.append((", ".join(vulnerabilities), function, harmless_to_inspect))
        return function

    return enter


# What the attacks begin with.


def sound_keras():
    """The entries of a sound `.keras` file."""
    keras.utils.set_random_seed(1)
    model = keras.Sequential([layers.Input((4,)), layers.Dense(3, name="first"), layers.Dense(2, name="second")])
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "sound.keras")
        model.save(path)
        with zipfile.ZipFile(path) as archive:
            return {name: archive.read(name) for name in archive.namelist()}


def write_keras(path, entries, compression=zipfile.ZIP_STORED):
    with zipfile.ZipFile(path, "w", compression) as archive:
        for name, content in entries.items():
            archive.writestr(name, content)
    return path


def with_layer(folder, name, layer):
    """A `.keras` file whose first Dense layer is replaced by this object."""
    entries = dict(SOUND)
    config = json.loads(entries["config.json"])
    config["config"]["layers"][1] = layer
    entries["config.json"] = json.dumps(config)
    return write_keras(os.path.join(folder, name), entries)


def with_weights(folder, name, edit):
    """A `.keras` file whose weights file was edited."""
    entries = dict(SOUND)
    buffer = io.BytesIO(entries["model.weights.h5"])
    with h5py.File(buffer, "a") as file:
        edit(file)
    entries["model.weights.h5"] = buffer.getvalue()
    return write_keras(os.path.join(folder, name), entries)


def kernel_of(file):
    """The group of the first layer's variables."""
    return file["layers/dense/vars"] if "layers/dense/vars" in file else file["layers/first/vars"]


def marker(folder):
    """A file that an attack would make if it ran."""
    return os.path.join(folder, "ran")


def shell(folder):
    return f"touch {marker(folder)}"


def code_of(folder):
    path = marker(folder)
    function = eval(f"lambda x: (open({path!r}, 'w'), x)[1]")
    return base64.b64encode(marshal.dumps(function.__code__)).decode()


# Code in a config.


@attack("CVE-2024-3660", "CVE-2026-12481")
def lambda_layer(folder):
    config = {"name": "evil", "function": {"class_name": "__lambda__",
              "config": {"code": code_of(folder), "defaults": None, "closure": None}}}
    return with_layer(folder, "lambda.keras", {"module": "keras.layers", "class_name": "Lambda", "config": config,
                                               "registered_name": None})


@attack("CVE-2025-9905", "CVE-2024-3660")
def lambda_in_hdf5(folder):
    path = os.path.join(folder, "lambda.h5")
    config = {"class_name": "Sequential", "config": {"name": "s", "layers": [
        {"class_name": "InputLayer", "config": {"batch_input_shape": [None, 4], "dtype": "float32", "name": "i"}},
        {"class_name": "Lambda", "config": {"name": "evil", "function": [code_of(folder), None, None],
                                            "function_type": "lambda", "arguments": {}}}]}}
    with h5py.File(path, "w") as file:
        file.attrs["model_config"] = json.dumps(config)
        file.attrs["keras_version"], file.attrs["backend"] = "2.12.0", "tensorflow"
        file.create_group("model_weights").attrs["layer_names"] = np.array([b"i", b"evil"])
    return path


@attack("CVE-2025-1550")
def any_function_as_a_layer(folder):
    return with_layer(folder, "system.keras", {"module": "os", "class_name": "function", "config": "system",
                                               "registered_name": "system", "inbound_nodes": [
                                                   {"args": [shell(folder)], "kwargs": {}}]})


@attack("CVE-2025-1550")
def any_class_as_a_layer(folder):
    return with_layer(folder, "popen.keras", {"module": "subprocess", "class_name": "Popen",
                                              "config": {"args": shell(folder), "shell": True}, "registered_name": None})


@attack("CVE-2025-8747")
def download_as_a_layer(folder):
    config = {"name": "a", "layers": [{"module": "keras.utils", "class_name": "function", "config": "get_file",
                                       "registered_name": "get_file", "name": "get_file", "inbound_nodes": [
                                           {"args": ["x.tar", "file:///etc/hostname"], "kwargs": {"cache_dir": folder}}]}],
              "input_layers": [["get_file", 0, 0]], "output_layers": [["get_file", 0, 0]]}
    entries = dict(SOUND, **{"config.json": json.dumps({"module": "keras.src.models.functional", "class_name": "Functional",
                                                        "config": config, "registered_name": "Functional"})})
    return write_keras(os.path.join(folder, "download.keras"), entries)


@attack("CVE-2025-9906")
def switch_of_the_safe_mode(folder):
    return with_layer(folder, "switch.keras", {"module": "keras.config", "class_name": "function",
                                               "config": "enable_unsafe_deserialization",
                                               "registered_name": "enable_unsafe_deserialization"})


class Payload:
    def __init__(self, command):
        self.command = command

    def __reduce__(self):
        return os.system, (self.command,)


@attack("CVE-2025-49655")
def pickled_module(folder):
    pickled = base64.b64encode(pickle.dumps(Payload(shell(folder)))).decode()
    return with_layer(folder, "torch.keras", {"module": "keras.layers", "class_name": "TorchModuleWrapper",
                                              "config": {"name": "t", "module": pickled, "output_shape": None},
                                              "registered_name": None})


@attack("CVE-2026-1462")
def saved_model_as_a_layer(folder):
    return with_layer(folder, "tfsm.keras", {"module": "keras.layers", "class_name": "TFSMLayer",
                                             "config": {"name": "t", "filepath": os.path.join(folder, "evil"),
                                                        "call_endpoint": "serve"}, "registered_name": None})


def vocabulary(folder, name, class_name, path):
    config = {"name": "words", "vocabulary": path, "max_tokens": None, "num_oov_indices": 1, "mask_token": None,
              "oov_token": "[UNK]", "invert": False, "output_mode": "int", "sparse": False, "pad_to_max_tokens": False,
              "encoding": "utf-8"}
    return with_layer(folder, name, {"module": "keras.layers", "class_name": class_name, "config": config,
                                     "registered_name": None})


@attack("CVE-2025-12058")
def vocabulary_of_this_machine(folder):
    return vocabulary(folder, "vocabulary.keras", "StringLookup", "/etc/passwd")


@attack("CVE-2025-12058")
def vocabulary_of_the_network(folder):
    return vocabulary(folder, "network.keras", "TextVectorization", "http://127.0.0.1:9/words.txt")


# HDF5.


@attack("CVE-2026-0897")
def shape_without_bytes(folder):
    def edit(file):
        variables = kernel_of(file)
        del variables["0"]
        variables.create_dataset("0", shape=(1 << 20, 1 << 20), dtype="float32", chunks=(1024, 1024), compression="gzip")

    return with_weights(folder, "shape.keras", edit)


@attack("CVE-2026-0897")
def bomb_in_a_filter(folder):
    def edit(file):
        variables = kernel_of(file)
        del variables["0"]
        variables.create_dataset("0", data=np.zeros((1 << 13, 1 << 13), np.float32), compression="gzip",
                                 chunks=(1 << 12, 1 << 13))

    return with_weights(folder, "filter.keras", edit)


@attack("CVE-2026-1669")
def external_storage(folder):
    def edit(file):
        variables = kernel_of(file)
        del variables["0"]
        variables.create_dataset("0", shape=(4, 3), dtype="float32", external=[("/etc/passwd", 0, 48)])

    return with_weights(folder, "external.keras", edit)


@attack("CVE-2026-1669")
def external_link(folder):
    def edit(file):
        variables = kernel_of(file)
        del variables["0"]
        variables["0"] = h5py.ExternalLink(os.path.join(folder, "other.h5"), "/secret")

    with h5py.File(os.path.join(folder, "other.h5"), "w") as other:
        other["secret"] = np.ones((4, 3), np.float32)
    return with_weights(folder, "link.keras", edit)


@attack("CVE-2026-1669")
def virtual_dataset(folder):
    def edit(file):
        variables = kernel_of(file)
        del variables["0"]
        layout = h5py.VirtualLayout((4, 3), "float32")
        layout[...] = h5py.VirtualSource(os.path.join(folder, "other.h5"), "secret", (4, 3))
        variables.create_virtual_dataset("0", layout)

    return with_weights(folder, "virtual.keras", edit)


@attack("CVE-2026-1669")
def soft_link(folder):
    def edit(file):
        variables = kernel_of(file)
        del variables["0"]
        variables["0"] = h5py.SoftLink("/layers/elsewhere")

    return with_weights(folder, "soft.keras", edit)


@attack("CVE-2026-26200")
def damaged_structures(folder):
    """Every length and address of the weights file's first kilobytes made huge: the largest harm that a parser allows."""
    entries = dict(SOUND)
    weights = bytearray(entries["model.weights.h5"])
    for at in range(48, min(len(weights), 2048) - 8, 8):
        (value,) = struct.unpack_from("<Q", weights, at)
        if 0 < value < 1 << 20:
            struct.pack_into("<Q", weights, at, value | 1 << 40)
    entries["model.weights.h5"] = bytes(weights)
    return write_keras(os.path.join(folder, "damaged.keras"), entries)


@attack("CVE-2026-26200")
def whole_model_of_damaged_structures(folder):
    path = os.path.join(folder, "damaged.h5")
    with open(path, "wb") as file:
        content = bytearray(SOUND["model.weights.h5"])
        content[8:96] = bytes(255 for _ in range(88))
        file.write(content)
    return path


# Paths.


@attack("CVE-2026-12479")
def layer_names_that_leave(folder):
    config = {"name": "../../../../../../../../../tmp/cornet_evil", "max_tokens": None, "vocabulary": ["a", "b"],
              "num_oov_indices": 1, "output_mode": "int"}
    return with_layer(folder, "names.keras", {"module": "keras.layers", "class_name": "StringLookup", "config": config,
                                              "registered_name": None})


@attack("CVE-2025-12638", harmless_to_inspect=False)
def entries_that_leave(folder):
    return write_keras(os.path.join(folder, "leave.keras"), dict(SOUND, **{"assets/../../../evil.txt": b"x"}))


@attack("CVE-2025-12638", harmless_to_inspect=False)
def absolute_entries(folder):
    return write_keras(os.path.join(folder, "absolute.keras"), dict(SOUND, **{"/tmp/cornet_evil.txt": b"x"}))


@attack("CVE-2025-12638", harmless_to_inspect=False)
def tar_that_leaves(folder):
    path = os.path.join(folder, "model.tar.gz")
    with tarfile.open(path, "w:gz") as archive:
        link = tarfile.TarInfo("link")
        link.type, link.linkname = tarfile.SYMTYPE, "/tmp"
        archive.addfile(link)
        archive.addfile(tarfile.TarInfo("link/cornet_evil"), io.BytesIO(b""))
    return path


# Size and depth.


@attack("decompression bomb", harmless_to_inspect=False)
def zip_bomb(folder):
    path = os.path.join(folder, "bomb.keras")
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in SOUND.items():
            if name != "model.weights.h5":
                archive.writestr(name, content)
        with archive.open("model.weights.h5", "w") as entry:
            for _ in range(512):
                entry.write(bytes(1 << 20))
    return path


@attack("decompression bomb", harmless_to_inspect=False)
def npz_bomb(folder):
    path = os.path.join(folder, "bomb.npz")
    header = b"\x93NUMPY\x01\x00" + struct.pack("<H", 118)
    header += (b"{'descr': '<f4', 'fortran_order': False, 'shape': (134217728,), }".ljust(117)) + b"\n"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        with archive.open("x.npy", "w") as entry:
            entry.write(header)
            for _ in range(512):
                entry.write(bytes(1 << 20))
    return path


@attack("deep nesting", harmless_to_inspect=False)
def deep_json(folder):
    entries = dict(SOUND, **{"config.json": b"[" * 200_000 + b"]" * 200_000})
    return write_keras(os.path.join(folder, "deep.keras"), entries)


@attack("deep nesting", harmless_to_inspect=False)
def deep_models(folder):
    inner = '{"module":"keras","class_name":"Sequential","registered_name":null,"config":{"name":"s","layers":['
    text = inner * 3000 + "]}}" * 3000
    return write_keras(os.path.join(folder, "models.keras"), dict(SOUND, **{"config.json": text}))


@attack("cyclic graph")
def cyclic_layers(folder):
    def dense(name, source):
        tensor = {"class_name": "__keras_tensor__", "config": {"shape": [None, 4], "dtype": "float32",
                                                               "keras_history": [source, 0, 0]}}
        return {"module": "keras.layers", "class_name": "Dense", "config": {"name": name, "units": 4},
                "registered_name": None, "name": name, "inbound_nodes": [{"args": [tensor], "kwargs": {}}]}

    config = {"name": "c", "layers": [dense("a", "b"), dense("b", "a")], "input_layers": [["a", 0, 0]],
              "output_layers": [["b", 0, 0]]}
    entries = dict(SOUND, **{"config.json": json.dumps({"module": "keras.src.models.functional", "class_name": "Functional",
                                                        "config": config, "registered_name": "Functional"})})
    return write_keras(os.path.join(folder, "cycle.keras"), entries)


@attack("huge layer")
def huge_layer(folder):
    return with_layer(folder, "huge.keras", {"module": "keras.layers", "class_name": "Dense", "registered_name": None,
                                             "config": {"name": "first", "units": 1 << 40}})


# Other formats.


@attack("pickle", harmless_to_inspect=False)
def pickle_file(folder):
    path = os.path.join(folder, "model.pkl")
    with open(path, "wb") as file:
        pickle.dump(Payload(shell(folder)), file)
    return path


@attack("pickle", harmless_to_inspect=False)
def pickled_array(folder):
    path = os.path.join(folder, "objects.npy")
    np.save(path, np.array([Payload(shell(folder))], dtype=object), allow_pickle=True)
    return path


@attack("pickle", harmless_to_inspect=False)
def torch_file(folder):
    path = os.path.join(folder, "model.pt")
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("archive/data.pkl", pickle.dumps(Payload(shell(folder))))
    return path


def proto(*fields):
    """A message of (number, bytes or integer) fields."""
    def varint(value):
        out = bytearray()
        while value >= 0x80:
            out.append(value & 0x7F | 0x80)
            value >>= 7
        return bytes(out + bytes([value]))

    message = b""
    for number, value in fields:
        if isinstance(value, int):
            message += varint(number << 3) + varint(value)
        else:
            value = value.encode() if isinstance(value, str) else value
            message += varint(number << 3 | 2) + varint(len(value)) + value
    return message


def onnx_model(graph):
    return proto((1, 8), (2, "evil"), (7, graph), (8, proto((1, ""), (2, 17))))


def onnx_value(name, *shape):
    dims = b"".join(proto((1, proto((1, size)))) for size in shape)
    return proto((1, name), (2, proto((1, proto((1, 1), (2, dims))))))


@attack("external data of ONNX")
def onnx_external_data(folder):
    path = os.path.join(folder, "external.onnx")
    entry = proto((1, "location"), (2, "../../../../../../../../etc/passwd"))
    tensor = proto((1, 4), (2, 1), (8, "w"), (13, entry), (14, 1))
    graph = proto((1, proto((1, "x"), (1, "w"), (2, "y"), (4, "Add"))), (2, "g"), (5, tensor), (11, onnx_value("x", 4)),
                  (12, onnx_value("y", 4)))
    with open(path, "wb") as file:
        file.write(onnx_model(graph))
    return path


@attack("cyclic graph of ONNX")
def onnx_cycle(folder):
    path = os.path.join(folder, "cycle.onnx")
    nodes = [(1, proto((1, "b"), (2, "a"), (4, "Relu"))), (1, proto((1, "a"), (2, "b"), (4, "Relu")))]
    with open(path, "wb") as file:
        file.write(onnx_model(proto(*nodes, (2, "g"), (11, onnx_value("x", 4)), (12, onnx_value("b", 4)))))
    return path


@attack("shape without bytes in ONNX")
def onnx_huge_tensor(folder):
    path = os.path.join(folder, "tensor.onnx")
    tensor = proto((1, 1 << 40), (1, 1 << 20), (2, 1), (8, "w"), (9, b"\0" * 16))
    graph = proto((1, proto((1, "x"), (1, "w"), (2, "y"), (4, "Add"))), (2, "g"), (5, tensor), (11, onnx_value("x", 4)),
                  (12, onnx_value("y", 4)))
    with open(path, "wb") as file:
        file.write(onnx_model(graph))
    return path


@attack("deep nesting in ONNX", harmless_to_inspect=False)
def onnx_deep_graphs(folder):
    path = os.path.join(folder, "deep.onnx")
    graph = proto((2, "g"))
    for _ in range(2000):
        attribute = proto((1, "then_branch"), (20, 5), (6, graph))
        graph = proto((1, proto((1, "x"), (2, "y"), (4, "If"), (5, attribute))), (2, "g"))
    with open(path, "wb") as file:
        file.write(onnx_model(graph))
    return path


@attack("header of safetensors", harmless_to_inspect=False)
def safetensors_header(folder):
    path = os.path.join(folder, "header.safetensors")
    with open(path, "wb") as file:
        file.write(struct.pack("<Q", 1 << 62) + b'{"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}}' + b"\0" * 4)
    return path


@attack("offsets of safetensors", harmless_to_inspect=False)
def safetensors_offsets(folder):
    path = os.path.join(folder, "offsets.safetensors")
    header = b'{"a":{"dtype":"F32","shape":[4611686018427387904,4],"data_offsets":[0,16]}}'
    with open(path, "wb") as file:
        file.write(struct.pack("<Q", len(header)) + header + b"\0" * 16)
    return path


def run(command, file):
    """Exit code, message and peak memory of `cornet command file`."""
    folder = os.path.dirname(file)
    arguments = {"predict": ["predict", file, "--input", INPUT, "--output", os.path.join(folder, "out.npy")],
                 "inspect": ["inspect", file],
                 "convert": ["convert", file, os.path.join(folder, "out.npz")]}[command]
    before = time.monotonic()
    measured = os.path.join(folder, "memory")
    code = ("import os, resource, subprocess, sys\n"
            "ran = subprocess.run(sys.argv[2:], stdout=subprocess.DEVNULL, stderr=2)\n"
            "open(sys.argv[1], 'w').write(str(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss))\n"
            "sys.exit(ran.returncode % 256)")
    try:
        ran = subprocess.run([sys.executable, "-S", "-c", code, measured, program, *arguments], capture_output=True,
                             text=True, timeout=SECONDS, cwd=folder)
    except subprocess.TimeoutExpired:
        return None, f"did not end within {SECONDS} s", 0
    with open(measured) as memory:
        return ran.returncode, ran.stderr.strip(), int(memory.read()) << 10


def complaints(file, may_inspect):
    size = sum(os.path.getsize(os.path.join(d, f)) for d, _, fs in os.walk(file) for f in fs) if os.path.isdir(file) \
        else os.path.getsize(file)
    for command in ("predict", "inspect", "convert"):
        code, message, memory = run(command, file)
        found = re.search(r"\[(\w+)\]", message)
        if code != 1 and not (command == "inspect" and may_inspect and code == 0):
            yield f"{command}: exit code {code}: {message[:200]}"
        elif code == 1 and (not found or found[1] not in CODES):
            yield f"{command}: no known code in: {message[:200]}"
        if "panicked" in message:
            yield f"{command}: a panic: {message[:200]}"
        if memory > 2 * size + SPARE:
            yield f"{command}: {memory >> 20} MiB for a file of {size >> 10} KiB"
        global largest
        largest = max(largest, memory - 2 * size)
    folder = os.path.dirname(file)
    for trace in ("ran", "evil.txt", "out.npy", "out.npz"):
        if os.path.exists(os.path.join(folder, trace)):
            yield f"left {trace} behind"
    for trace in ("/tmp/cornet_evil", "/tmp/cornet_evil.txt"):
        if os.path.exists(trace):
            yield f"made {trace}"


def main():
    failed = 0
    for vulnerability, make, may_inspect in CASES:
        with tempfile.TemporaryDirectory() as folder:
            wrong = list(complaints(make(folder), may_inspect))
        failed += bool(wrong)
        print(f"{'FAIL' if wrong else 'ok  '} {make.__name__} ({vulnerability})", *wrong, sep="\n       " if wrong else " ")
    print(f"{len(CASES)} files, {failed} failed; the most memory beyond twice the file's size: {largest >> 20} MiB")
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    program = os.path.abspath(sys.argv[1])
    largest = 0
    SOUND = sound_keras()
    with tempfile.TemporaryDirectory() as around:
        INPUT = os.path.join(around, "x.npy")
        np.save(INPUT, np.zeros((2, 4), np.float32))
        sound = write_keras(os.path.join(around, "sound.keras"), SOUND)
        code, message, _ = run("predict", sound)
        if code != 0:
            sys.exit(f"the sound file that the attacks begin with is refused: {message}")
        main()
