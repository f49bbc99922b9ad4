"""Random models, of Keras 3 or of tf_keras: the module is an argument."""

import numpy as np

import _samples


def randomize(model, rng):
    for weight in model.weights:
        # What Normalization has learned is not read again before the model is saved.
        if "float" in np.dtype(weight.dtype if isinstance(weight.dtype, str) else weight.dtype.as_numpy_dtype).name and weight.name.split("/")[-1].split(":")[0] not in ("mean", "variance"):
            value = rng.standard_normal(weight.shape) * 0.3
            weight.assign((0.5 + np.abs(value) if "variance" in weight.name else value).astype("float32"))


def step(keras, r, x):
    layers = keras.layers
    n = r.int(2, 4)
    rank = len(x.shape)
    if rank == 2:
        make = r.one(lambda: layers.Dense(n, r.one("relu", "tanh", "gelu")), layers.BatchNormalization, layers.LayerNormalization,
                     lambda: layers.Dropout(0.3), lambda: layers.RepeatVector(n), layers.ReLU,
                     lambda: keras.Sequential([layers.Dense(n, "tanh"), layers.Dense(2)]))
    elif rank == 3:
        make = r.one(lambda: layers.Conv1D(n, 2, padding="causal"), lambda: layers.LSTM(n, return_sequences=True),
                     lambda: layers.GRU(n), lambda: layers.Bidirectional(layers.SimpleRNN(n)), layers.LayerNormalization,
                     lambda: layers.TimeDistributed(layers.Dense(n)), lambda: layers.MaxPooling1D(2, padding="same"),
                     lambda: layers.Permute((2, 1)), lambda: None)
        made = make()
        return layers.MultiHeadAttention(2, 3)(x, x) if made is None else made(x)
    else:
        make = r.one(lambda: layers.Conv2D(n, 2, padding="same", activation="relu"), lambda: layers.SeparableConv2D(n, 2, padding="same"),
                     lambda: layers.MaxPooling2D(2, padding="same"), layers.BatchNormalization, lambda: layers.Conv2DTranspose(n, 2),
                     lambda: layers.UpSampling2D(2), layers.GlobalAveragePooling2D)
    return make()(x)


def network(keras, number, seed):
    """Branches of one to three inputs, a shared layer, a nested model, one or two outputs; or a sequence."""
    r, layers = _samples.Random(seed, "network", number), keras.layers
    shapes = [r.one((r.int(2, 5),), (r.int(3, 5), 2), (r.int(4, 6), 5, 2)) for _ in range(r.int(1, 3))]
    entries = [keras.Input(shape) for shape in shapes]
    inner_in = keras.Input((3,))
    inner = keras.Model(inner_in, layers.Add()([layers.Dense(3, "tanh")(inner_in), inner_in]))
    common, branches = layers.Dense(3, "sigmoid"), []
    for x in entries:
        for _ in range(r.int(1, 4)):
            x = step(keras, r, x)
        x = layers.Flatten()(x) if len(x.shape) > 2 else x
        branches.append(inner(common(layers.Dense(4)(x))))
    joined = branches[0] if len(branches) == 1 else r.one(layers.Add, layers.Concatenate, layers.Maximum)()(branches)
    outputs = [layers.Dense(r.int(1, 4), "softmax")(joined)]
    if r.flag():
        outputs.append(step(keras, r, joined))
    model = keras.Model(entries, outputs if len(outputs) > 1 else outputs[0])
    return model, [r.floats(3, *shape) for shape in shapes]


def sequence(keras, number, seed):
    """Layers that follow each other."""
    r, layers = _samples.Random(seed, "sequence", number), keras.layers
    shape = r.one((r.int(2, 5),), (r.int(3, 5), 2), (r.int(4, 6), 5, 2))
    n = r.int(2, 4)
    made = [keras.Input(shape)]
    if len(shape) == 3:
        made += [layers.Conv2D(n, 2, padding="same"), layers.DepthwiseConv2D(2), layers.ReLU(max_value=2.0), layers.ZeroPadding2D(1),
                 layers.SeparableConv2D(n, 2), layers.AveragePooling2D(2), layers.Flatten()]
    elif len(shape) == 2:
        made += [r.one(layers.LSTM, layers.GRU, layers.SimpleRNN)(n, return_sequences=True),
                 layers.TimeDistributed(layers.Dense(n, "tanh")), layers.Bidirectional(r.one(layers.LSTM, layers.GRU)(n)), layers.PReLU()]
    made += [layers.Dense(4, r.one("relu", "selu", "swish")), r.one(layers.BatchNormalization, layers.LayerNormalization)(),
             layers.LeakyReLU(), keras.Sequential([keras.Input((4,)), layers.Dense(3, "sigmoid")]), layers.Dense(2)]
    return keras.Sequential(made), [r.floats(3, *shape)]
