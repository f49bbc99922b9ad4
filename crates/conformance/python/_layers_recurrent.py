"""Samplers: recurrent layers, their cells, and wrappers."""

import keras

from _samples import Case, samples

TOLERANCE = 1e-4
ACTIVATIONS = ["tanh", "sigmoid", "relu", "softsign", "elu"]


def recurrent_arguments(r, name, cell=False):
    kwargs = r.some(activation=ACTIVATIONS, use_bias=[False], dropout=[0.2], recurrent_dropout=[0.1], seed=[5])
    if name.startswith(("LSTM", "GRU", "ConvLSTM")):
        kwargs.update(r.some(recurrent_activation=["hard_sigmoid", "tanh"]))
    if name.startswith(("LSTM", "ConvLSTM")):
        kwargs.update(r.some(unit_forget_bias=[False]))
    if name.startswith("GRU"):
        kwargs.update(r.some(reset_after=[False]))
    kwargs.update(r.weights("kernel", "recurrent", "bias"))
    if not cell:
        kwargs.update(r.some(return_sequences=[True], return_state=[True], go_backwards=[True], activity_regularizer=["l2"]))
    return kwargs


def states(name):
    return 2 if "LSTM" in name else 1


@samples("SimpleRNN", "LSTM", "GRU")
def recurrent(r, name):
    batch, time, size, units = r.int(2, 3), r.int(2, 5), r.int(1, 4), r.int(1, 4)
    kwargs = recurrent_arguments(r, name)
    kind = r.one("plain", "mask", "state", "unroll", "stateful", "mask") if not r.policy else "plain"
    tensors, masks = {}, []
    if kind == "mask":
        masks = [r.mask(batch, time, tail=r.flag())]
        if r.flag(0.3):
            kwargs["unroll"] = True
    elif kind == "state":
        tensors["initial_state"] = [r.floats(batch, units) for _ in range(states(name))]
    elif kind == "unroll":
        kwargs["unroll"] = True
    elif kind == "stateful":
        kwargs["stateful"] = True
    return Case(r.make(name, units, **kwargs), r.floats(batch, time, size), tensors=tensors, masks=masks, tolerance=TOLERANCE)


@samples("SimpleRNNCell", "LSTMCell", "GRUCell")
def cell(r, name):
    batch, size, units = 3, r.int(1, 4), r.int(1, 4)
    layer = r.make(name, units, **recurrent_arguments(r, name, cell=True))
    own = [r.floats(batch, units) for _ in range(states(name))]
    return Case(layer, r.floats(batch, size), *own, how="cell", tolerance=TOLERANCE)


def some_cell(r):
    kind, units = r.one("SimpleRNN", "LSTM", "GRU"), r.int(1, 4)
    return getattr(keras.layers, kind + "Cell")(units, **r.some(use_bias=[False], activation=["relu"])), states(kind), units


@samples("StackedRNNCells")
def stacked(r, name):
    cells = [some_cell(r) for _ in range(r.int(1, 3))]
    own = [r.floats(3, units) for _, count, units in cells for _ in range(count)]
    return Case(r.make(name, [c for c, *_ in cells]), r.floats(3, r.int(1, 4)), *own, how="stacked", tolerance=TOLERANCE)


@samples("RNN")
def rnn(r, name):
    batch, time = 2, r.int(2, 5)
    inner = some_cell(r)[0] if r.flag(0.6) else [some_cell(r)[0] for _ in range(2)]
    kwargs = r.some(return_sequences=[True], return_state=[True], go_backwards=[True], unroll=[True])
    masks = []
    if r.flag():
        masks = [r.mask(batch, time, tail=r.flag())]
        # Unrolled backwards, Keras lays the mask over the outputs in the other direction.
        if kwargs.get("return_sequences") and r.flag() and not (kwargs.get("unroll") and kwargs.get("go_backwards")):
            kwargs["zero_output_for_mask"] = True
    return Case(r.make(name, inner, **kwargs), r.floats(batch, time, r.int(1, 4)), masks=masks, tolerance=TOLERANCE)


@samples("Bidirectional")
def bidirectional(r, name):
    batch, time, units = 2, r.int(2, 5), r.int(1, 4)
    kind = r.one("SimpleRNN", "LSTM", "GRU")
    sequences, state = r.flag(), r.flag(0.4)
    inner = getattr(keras.layers, kind)(units, return_sequences=sequences, return_state=state)
    kwargs = r.some(merge_mode=["sum", "mul", "ave", None])
    if r.flag(0.3):
        other = r.one("LSTM", "GRU") if not state else kind
        kwargs["backward_layer"] = getattr(keras.layers, other)(units, return_sequences=sequences, return_state=state,
                                                                go_backwards=True)
    tensors, masks = {}, []
    if r.flag(0.4):
        masks = [r.mask(batch, time)]
    elif r.flag(0.4) and "backward_layer" not in kwargs:
        tensors["initial_state"] = [r.floats(batch, units) for _ in range(2 * states(kind))]
    return Case(r.make(name, inner, **kwargs), r.floats(batch, time, r.int(1, 4)), tensors=tensors, masks=masks,
                tolerance=TOLERANCE)


@samples("TimeDistributed")
def time_distributed(r, name):
    inner, shape, training = r.one(
        (lambda: keras.layers.Dense(3), (2, 4, 3), False), (lambda: keras.layers.Conv2D(2, 2), (2, 3, 5, 5, 2), False),
        (lambda: keras.layers.BatchNormalization(), (2, 3, 4), True), (lambda: keras.layers.Flatten(), (2, 3, 2, 2), False),
        (lambda: keras.layers.LSTM(3), (2, 3, 4, 2), False))
    masks = [r.mask(2, shape[1])] if r.flag(0.3) and len(shape) == 3 and not training else []
    return Case(r.make(name, inner()), r.floats(*shape), training=training and r.flag(), masks=masks, tolerance=TOLERANCE)


@samples("ConvLSTM1D", "ConvLSTM2D", "ConvLSTM3D")
def conv_lstm(r, name):
    rank, filters = int(name[-2]), r.int(1, 3)
    kwargs = recurrent_arguments(r, name)
    kwargs.update(r.some(padding=["same"]))
    kind = r.one("strides", "dilation", "none")
    if kind != "none" and rank < 3:
        kwargs["strides" if kind == "strides" else "dilation_rate"] = 2
    if r.flag(0.25):
        # Filters unlike any width: see UNLIKE in _layers_conv.py.
        kwargs["data_format"], filters = "channels_first", 7
    time, sizes, channels = r.int(2, 3), [r.int(4, 5) for _ in range(rank)], r.int(1, 2)
    first = kwargs.get("data_format") == "channels_first"
    shape = (2, time, channels, *sizes) if first else (2, time, *sizes, channels)
    masks = [r.mask(2, time)] if r.flag(0.3) else []
    return Case(r.make(name, filters, 2, **kwargs), r.floats(*shape), masks=masks, tolerance=TOLERANCE)
