"""Writes progbar.json and summary.json: what Keras prints, for crates/nn/tests/display.rs.

Run with Keras 3.15.1 (any backend) and rich 15: python make_display.py
The clock of the progress bar is replaced by the times in the events, so the output is exact.
"""

import contextlib
import io
import json
import os
import pathlib

os.environ.setdefault("KERAS_BACKEND", "jax")

import keras
from keras.src.callbacks.progbar_logger import ProgbarLogger
from keras.src.utils import progbar, summary_utils

HERE = pathlib.Path(__file__).parent


class Clock:
    now = 1.0e6

    def time(self):
        return Clock.now


class Terminal(io.StringIO):
    def isatty(self):
        return True


@contextlib.contextmanager
def terminal():
    out = Terminal()
    real = progbar.time
    progbar.time = Clock()
    try:
        with contextlib.redirect_stdout(out):
            yield out
    finally:
        progbar.time = real


def bar_case(name, events, target, verbose=1, width=20, unit="step", stateful=None, stateless=None):
    with terminal() as out:
        Clock.now = 1.0e6
        bar = progbar.Progbar(target, width, verbose, 0.05, stateful, stateless, unit)
        for t, current, values, finalize in events:
            Clock.now = 1.0e6 + t
            bar.update(current, values, finalize)
    return dict(name=name, target=target, width=width, verbose=verbose, unit=unit, stateful=stateful,
                stateless=stateless, events=events, output=out.getvalue())


def fit_case(name, epochs, steps, verbose, seen, step_s, logs, end_logs):
    """`seen` batches an epoch, `step_s` seconds each, 0.25 s of validation after the last one."""
    with terminal() as out:
        Clock.now = 1.0e6
        logger = ProgbarLogger()
        logger.set_params(dict(verbose=verbose, epochs=epochs, steps=steps))
        logger.on_train_begin()
        for epoch in range(epochs):
            logger.on_epoch_begin(epoch)
            for batch in range(seen):
                Clock.now += step_s
                logger.on_train_batch_end(batch, dict(logs))
            Clock.now += 0.25
            logger.on_epoch_end(epoch, dict(end_logs))
    return dict(name=name, epochs=epochs, steps=steps, verbose=verbose, seen=seen, step_s=step_s, logs=logs,
                end_logs=end_logs, output=out.getvalue())


def progbars():
    m = [["accuracy", 0.875], ["loss", 0.31054]]
    tiny = [["loss", 0.00031054], ["lr", -2.5e-7], ["neg", -0.5]]
    odd = [["nan", float("nan")], ["inf", float("inf")], ["zero", 0.0], ["big", 12345678.9]]
    evts = [[0.5, 1, m, None], [0.51, 2, m, None], [0.75, 50, m, None], [4.0, 1000, m, None], [8.0, 1875, m, None]]
    cases = [
        bar_case("terminal", evts, 1875, stateless=[]),
        bar_case("two", evts, 1875, verbose=2, stateless=[]),
        bar_case("silent", evts, 1875, verbose=0, stateless=[]),
        bar_case("tiny", [[0.25, 1, tiny, None], [0.5, 4, tiny, None]], 4, stateless=[]),
        bar_case("tiny_two", [[0.25, 1, tiny, None], [0.5, 4, tiny, None]], 4, verbose=2, stateless=[]),
        bar_case("unknown", [[0.25, 1, m, None], [0.5, 2, m, None], [0.75, 2, m, True]], None, stateless=[]),
        bar_case("averaged", [[0.5, 1, [["loss", 1.0]], None], [1.0, 3, [["loss", 2.0]], None],
                              [1.5, 8, [["loss", 4.0]], None], [2.0, 10, [["loss", 8.0]], None]], 10),
        bar_case("averaged_but", [[0.5, 1, m, None], [1.0, 3, [["accuracy", 0.5], ["loss", 2.0]], None],
                                  [1.5, 8, m, None]], 10, stateful=["accuracy"]),
        bar_case("hours", [[100.0, 1, [], None], [200.0, 2, [], None], [86400.0, 997, [], None]], 1000, stateless=[]),
        bar_case("minutes", [[30.0, 1, [], None], [60.0, 2, [], None], [100.0, 5, [], None]], 10, stateless=[]),
        bar_case("microseconds", [[0.5, 1, [], None], [0.625, 1001, [], None], [1.0, 10000, [], None]], 10000,
                 stateless=[], unit="sample"),
        bar_case("shrinks", [[0.5, 1, [["a", 1e9]], None], [1.0, 2, [["a", 1.0]], None], [1.5, 3, [["a", 2.0]], None]],
                 3, stateless=[]),
        bar_case("beyond", [[0.5, 5, [], None]], 4, stateless=[]),
        bar_case("width", [[0.5, 3, [], None], [1.0, 7, [], None]], 7, width=33, stateless=[]),
        bar_case("rounding", [[2.5, 1, [["x", 0.00125], ["y", 0.12345], ["z", 2.00005]], None], [7.5, 3, [], None]],
                 3, stateless=[]),
    ]
    strange = bar_case("strange", [[0.5, 1, odd, None], [1.0, 2, odd, None]], 2, stateless=[])
    for event in strange["events"]:
        event[2] = [[k, str(v)] for k, v in event[2]]
    cases.append(strange)
    return cases


def fits():
    logs = dict(accuracy=0.9128, loss=0.3105)
    end = dict(accuracy=0.9128, loss=0.3105, val_accuracy=0.95, val_loss=0.16)
    return [
        fit_case("bar", 2, 8, 1, 8, 0.125, logs, end),
        fit_case("lines", 2, 8, 2, 8, 0.125, logs, end),
        fit_case("silent", 2, 8, 0, 8, 0.125, logs, end),
        fit_case("one_epoch", 1, 8, 1, 8, 0.125, logs, end),
        fit_case("unknown", 2, None, 1, 4, 0.125, logs, end),
        fit_case("unknown_lines", 2, None, 2, 4, 0.125, logs, end),
    ]


def plain(text):
    from rich.text import Text

    return Text.from_markup(text).plain


def rows_of(model, expand, connected):
    rows = []

    def add(layer, depth):
        row = dict(name=layer.name, type=layer.__class__.__name__, shape=plain(summary_utils.format_layer_shape(layer)),
                   params=layer.count_params() if layer.built else None, depth=depth,
                   trainable=layer.trainable if layer.weights else None)
        if connected:
            row["connected"] = [[t._keras_history.operation.name, t._keras_history.node_index,
                                 t._keras_history.tensor_index]
                                for node in layer._inbound_nodes for t in node.input_tensors]
        rows.append(row)
        if expand and getattr(layer, "layers", None):
            for inner in layer.layers:
                add(inner, depth + 1)

    layers = model._operations if isinstance(model, keras.Model) and hasattr(model, "_nodes_by_depth") and not isinstance(
        model, keras.Sequential) else model.layers
    for layer in layers:
        add(layer, 0)
    return rows


def summary_case(name, model, connected=False, width=None, columns=200, **kwargs):
    lines = []
    os.environ["COLUMNS"] = str(columns)
    model.summary(line_length=width, print_fn=lambda text: lines.append(text), **kwargs)
    count = lambda ws: [summary_utils.count_params(ws), summary_utils.weight_memory_size(ws)]
    optimizer = None
    if model.compiled and model.optimizer and model.optimizer.built:
        optimizer = count(model.optimizer.variables)
    return dict(name=name, model=model.name, width=width, columns=columns, show_trainable=kwargs.get("show_trainable", False),
                positions=kwargs.get("positions"), connected=connected,
                rows=rows_of(model, kwargs.get("expand_nested", False), connected),
                trainable=count(model.trainable_weights), non_trainable=count(model.non_trainable_weights),
                optimizer=optimizer, output="\n".join(lines))


def summaries():
    L = keras.layers
    keras.utils.clear_session()
    mlp = keras.Sequential([keras.Input((784,)), L.Dense(128, activation="relu"), L.Dropout(0.2), L.Dense(10)])
    cases = [summary_case("mlp", mlp), summary_case("mlp_terminal", mlp, columns=80)]
    mlp.compile(optimizer="adam", loss="mse")
    mlp.optimizer.build(mlp.trainable_variables)
    cases.append(summary_case("mlp_compiled", mlp))
    mlp.layers[0].trainable = False
    cases.append(summary_case("mlp_frozen", mlp, show_trainable=True))
    for width in (40, 51, 88, 120):
        cases.append(summary_case(f"mlp_{width}", mlp, width=width))
    cases.append(summary_case("mlp_positions", mlp, width=100, positions=[0.25, 0.5, 1.0]))
    cases.append(summary_case("mlp_narrow_positions", mlp, width=100, positions=[0.25, 0.35, 0.45]))
    cnn = keras.Sequential([
        keras.Input((28, 28, 1)), L.Conv2D(32, 3), L.BatchNormalization(), L.MaxPooling2D(),
        L.Conv2DTranspose(8, 3, name="a_transposed_convolution"), L.GlobalAveragePooling2D(),
        L.Dense(10, name="a_name_that_is_far_too_long_for_its_column_in_the_table")], name="digits [cnn]")
    cases += [summary_case("cnn", cnn, columns=80), summary_case("cnn_44", cnn, width=44)]
    unbuilt = keras.Sequential([L.Dense(4), L.Dense(2)], name="unbuilt")
    cases.append(summary_case("unbuilt", unbuilt))
    x = keras.Input((8, 8, 3), name="image")
    y = L.Conv2D(4, 3, padding="same", name="conv")(x)
    z = L.Add(name="sum")([y, L.Activation("relu", name="act")(y)])
    out = L.Dense(2, name="head")(L.Flatten(name="flatten")(z))
    fun = keras.Model(x, [out, z], name="branches")
    cases += [summary_case("functional", fun, connected=True, columns=80),
              summary_case("functional_108", fun, connected=True, width=108),
              summary_case("functional_trainable", fun, connected=True, width=108, show_trainable=True)]
    inner = keras.Sequential([keras.Input((4,)), L.Dense(3, name="in_a"), L.Dense(3, name="in_b")], name="inner")
    nested = keras.Sequential([keras.Input((4,)), inner, L.Dense(1, name="out")], name="outer")
    cases += [summary_case("nested", nested), summary_case("nested_expanded", nested, expand_nested=True)]
    big = keras.Sequential([keras.Input((4096,)), L.Dense(4096, name="wide"), L.Dense(20000, name="wider")],
                           name="big")
    cases.append(summary_case("big", big))
    i = keras.Input((5, 2), name="steps")
    lstm = keras.Model(i, L.LSTM(3, return_state=True, name="lstm")(i), name="states")
    cases.append(summary_case("states", lstm, columns=80))
    return cases


versions = dict(keras=keras.__version__, generator="make_display.py")
(HERE / "progbar.json").write_text(json.dumps(dict(versions, bars=progbars(), fits=fits()), indent=1, ensure_ascii=False))
(HERE / "summary.json").write_text(json.dumps(dict(versions, cases=summaries()), indent=1, ensure_ascii=False))
