"""Compares event files that Cornet wrote with what it logged, as TensorBoard reads them.

Usage: python tensorboard_files.py PROGRAM

PROGRAM is the program `tensorboard_files` of crates/conformance. Needs tensorboard 2.21 and Keras 3.15.1. Prints one line
a check and ends with 1 if one fails.
"""

import os

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import json
import subprocess
import sys
import tempfile

import numpy as np
from google.protobuf import text_format
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from tensorboard.plugins.graph import keras_util
from tensorboard.plugins.histogram import summary_v2 as histograms
from tensorboard.plugins.projector.projector_config_pb2 import ProjectorConfig
from tensorboard.util import tensor_util

failures = 0


def check(name, holds, found=""):
    global failures
    failures += not holds
    print(f"{'ok  ' if holds else 'FAIL'} {name}", "" if holds else found)


def read(folder):
    events = EventAccumulator(folder, size_guidance={"tensors": 0, "graph": 0})
    events.Reload()
    return events


def points(events, tag):
    return {e.step: tensor_util.make_ndarray(e.tensor_proto) for e in events.Tensors(tag)}


def plugin(events, tag):
    return events.SummaryMetadata(tag).plugin_data.plugin_name


def scalars(name, events, expected):
    """Every scalar, and no other, is there, and equal. None stands for a number that only a clock knows."""
    found = {t: points(events, t) for t in events.Tags()["tensors"] if plugin(events, t) == "scalars"}
    check(f"{name}: the scalars are those that were logged", set(found) == set(expected), set(found) ^ set(expected))
    wrong = []
    for tag, values in expected.items():
        own = found.get(tag, {})
        same = own.keys() == values.keys() and all(
            own[step].dtype == np.float32
            and (own[step] > 0 if value is None else own[step] == np.float32(value))
            for step, value in values.items()
        )
        if not same:
            wrong.append((tag, own, values))
    count = sum(len(values) for values in expected.values())
    check(f"{name}: {count} numbers are equal", not wrong, wrong[:3])


def compare_scalars(logged, train, validation):
    expected = {}

    def put(tag, step, value):
        expected.setdefault(tag, {})[step] = value

    for step, logs in enumerate(logged["steps"], 1):
        if step % logged["every"] == 0:
            for name, value in logs.items():
                put(f"batch_{name}", step, value)
            put("batch_steps_per_second", step, None)
    for epoch, entry in enumerate(logged["epochs"]):
        for name, value in entry["logs"].items():
            if not name.startswith("val_"):
                put(f"epoch_{name}", epoch, value)
        put("epoch_learning_rate", epoch, entry["learning_rate"])
        put("epoch_steps_per_second", epoch, None)
    scalars("train", train, expected)
    expected = {}
    per_epoch = len(logged["steps"]) // len(logged["epochs"])
    for epoch, (entry, logs) in enumerate(zip(logged["epochs"], logged["tests"])):
        for name, value in entry["logs"].items():
            if name.startswith("val_"):
                put(f"epoch_{name[4:]}", epoch, value)
        for name, value in logs.items():
            put(f"evaluation_{name}_vs_iterations", per_epoch * (epoch + 1), value)
    scalars("validation", validation, expected)


def compare_histograms(logged, train):
    tags = {t for t in train.Tags()["tensors"] if plugin(train, t) == "histograms"}
    weights = logged["epochs"][0]["weights"]
    check("every weight has a histogram", tags == {f"{w}/histogram" for w in weights}, tags)
    wrong = []
    for epoch, entry in enumerate(logged["epochs"]):
        for name, weight in entry["weights"].items():
            ours = points(train, f"{name}/histogram")[epoch]
            theirs = histograms.histogram_pb("x", np.array(weight["values"])).value[0].tensor
            theirs = tensor_util.make_ndarray(theirs)
            same = ours.shape == theirs.shape and np.allclose(ours[:, :2], theirs[:, :2], rtol=1e-12, atol=1e-15)
            # An element on the edge of two buckets may be in either, since the edges differ by roundings.
            if not same or ours[:, 2].sum() != theirs[:, 2].sum() or np.abs(ours[:, 2] - theirs[:, 2]).sum() > 2:
                wrong.append((name, epoch, ours, theirs))
    check("histograms are those that TensorBoard makes", not wrong, wrong[:1])


def compare_images(logged, train):
    tags = {t for t in train.Tags()["tensors"] if plugin(train, t) == "images"}
    import tensorflow as tf

    wrong = []
    for tag in tags:
        weight = logged["epochs"][0]["weights"][tag.removesuffix("/image")]
        value = np.squeeze(np.array(weight["values"]).reshape(weight["shape"]))
        if value.ndim == 1:
            value = value.reshape(1, -1, 1)
        elif value.ndim == 2:
            value = (value.T if value.shape[0] > value.shape[1] else value)[None]
        else:
            value = value.transpose(2, 0, 1)
        width, height, *files = points(train, tag)[0]
        images = [tf.io.decode_png(file).numpy()[:, :, 0] for file in files]
        theirs = np.clip(value * 255.5, 0, 255).astype(np.uint8)[:3]
        if not (np.array(images).shape == theirs.shape and (np.array(images) == theirs).all()):
            wrong.append((tag, np.array(images), theirs))
        if (int(width), int(height)) != images[0].shape[::-1]:
            wrong.append((tag, width, height))
    check(f"{len(tags)} weights are the images that TensorFlow makes", len(tags) == len(weights_of(logged)) and not wrong, wrong[:1])


def weights_of(logged):
    return logged["epochs"][0]["weights"]


def compare_graph(train):
    json_text = points(train, "keras")[0].item()
    check("the model is one for the graph plugin", plugin(train, "keras") == "graph_keras_model")
    model = json.loads(json_text)
    drawn = keras_util.keras_model_to_graph_def(model)
    names = {node.name for node in drawn.node}
    check("TensorBoard draws every layer of the model", len(names) >= 9, names)
    graph = train.Graph()
    found = {node.name: set(node.input) for node in graph.node}
    expected = {
        "image": set(),
        "word": set(),
        "convolution": {"image"},
        "flat": {"convolution"},
        "words": {"word"},
        "line": {"words"},
        "both": {"flat", "line"},
        "head/hidden": {"head/input"},
        "head/class": {"head/hidden"},
    }
    entry = [name for name in found if name.startswith("head/") and name not in expected]
    check("the nested model has an entry", len(entry) == 1, found)
    expected["head/hidden"] = set(entry)
    expected[entry[0]] = {"both"}
    check("the graph of the run has every layer and every edge", found == expected, found)
    classes = {node.name: node.op for node in graph.node}
    check("nodes say what they are", classes["convolution"] == "Conv2D" and classes["head/class"] == "Dense", classes)
    import keras

    remade = keras.models.model_from_json(json_text)
    check("Keras makes the model from it", [l.name for l in remade.layers] == [l["config"]["name"] for l in model["config"]["layers"]])


def compare_projector(folder, logged):
    config = ProjectorConfig()
    with open(os.path.join(folder, "projector_config.pbtxt")) as file:
        text_format.Parse(file.read(), config)
    check("the projector has one embedding with its metadata", [e.metadata_path for e in config.embeddings] == ["words.tsv"])
    table = np.loadtxt(os.path.join(folder, config.embeddings[0].tensor_path), delimiter="\t", ndmin=2)
    name = next(name for name in weights_of(logged) if name.endswith("words/embeddings"))
    last = logged["epochs"][-1]["weights"][name]
    same = (table.astype(np.float32) == np.array(last["values"], np.float32).reshape(last["shape"])).all()
    check("its table has the embedding's numbers", same)
    check("the weights are there", os.path.exists(os.path.join(folder, "train", "keras_embedding.ckpt-2.weights.h5")))


program = sys.argv[1]
with tempfile.TemporaryDirectory() as folder:
    subprocess.run([program, folder], check=True)
    with open(os.path.join(folder, "logged.json")) as file:
        logged = json.load(file)
    train, validation = (read(os.path.join(folder, name)) for name in ("train", "validation"))
    compare_scalars(logged, train, validation)
    compare_histograms(logged, train)
    compare_images(logged, train)
    compare_graph(train)
    compare_projector(folder, logged)
sys.exit(failures > 0)
