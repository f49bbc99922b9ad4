"""Models that `saved_models.py` saves with TensorFlow, beside those made of Keras's layers: functions by name.

Each gets a path and a source of random numbers, saves a model there, and returns the calls to make of it: pairs of a
signature's name and inputs by name. Some return what TensorFlow itself answers as well, where it cannot load the model.
"""

import numpy as np
import tensorflow as tf

BUILDERS = {}
v1 = tf.compat.v1


def builds(function):
    BUILDERS[function.__name__] = function
    return function


def floats(rng, *shape):
    return rng.standard_normal(shape).astype("float32")


def module(path, function, specs, inputs, calls=1, **attributes):
    """Saves a module around one function."""
    root = tf.Module()
    for name, value in attributes.items():
        setattr(root, name, value)
    traced = tf.function(function, input_signature=[tf.TensorSpec(s, d, name=f"x{i}") for i, (s, d) in enumerate(specs)])
    root.f = traced
    tf.saved_model.save(root, path, signatures={"serving_default": traced.get_concrete_function()})
    return [("serving_default", {f"x{i}": x for i, x in enumerate(inputs)})] * calls


@builds
def cond_on_a_value(path, rng):
    def f(x):
        return {"y": tf.cond(tf.reduce_sum(x) > 0, lambda: x * 2.0, lambda: x - 1.0)}
    calls = module(path, f, [([None, 3], tf.float32)], [floats(rng, 2, 3)])
    return calls + [("serving_default", {"x0": np.full((2, 3), s, "float32")}) for s in (1.0, -1.0)]


@builds
def cond_of_different_shapes(path, rng):
    def f(x):
        return {"y": tf.cond(tf.reduce_sum(x) > 0, lambda: x[:1], lambda: x)}
    calls = module(path, f, [([None], tf.float32)], [np.ones(4, "float32")])
    return calls + [("serving_default", {"x0": -np.ones(4, "float32")})]


@builds
def while_until_a_value(path, rng):
    def f(x):
        return {"y": tf.while_loop(lambda i, v: tf.reduce_sum(v) < 100.0, lambda i, v: (i + 1, v * 1.5 + 1.0), [0, x])[1]}
    return module(path, f, [([None], tf.float32)], [np.abs(floats(rng, 3))])


@builds
def while_of_known_steps(path, rng):
    w = tf.Variable(floats(rng, 3, 3) * 0.3)

    def f(x):
        return {"y": tf.while_loop(lambda i, v: i < 20, lambda i, v: (i + 1, tf.tanh(v @ w)), [0, x])[1]}
    return module(path, f, [([None, 3], tf.float32)], [floats(rng, 2, 3)], w=w)


@builds
def while_that_writes_an_array(path, rng):
    def f(x):
        steps = tf.shape(x)[0]
        array = tf.TensorArray(tf.float32, size=steps, element_shape=[2])

        def body(i, total, out):
            total = total + x[i]
            return i + 1, total, out.write(i, total)
        _, _, out = tf.while_loop(lambda i, *_: i < steps, body, [0, tf.zeros([2]), array])
        return {"y": out.stack()}
    return module(path, f, [([None, 2], tf.float32)], [floats(rng, 13, 2)]) + [("serving_default", {"x0": floats(rng, 3, 2)})]


@builds
def while_that_grows(path, rng):
    def f(n):
        array = tf.TensorArray(tf.int32, size=0, dynamic_size=True, element_shape=[])
        _, out = tf.while_loop(lambda i, _: i < n, lambda i, a: (i + 1, a.write(i, i * i)), [0, array])
        return {"y": out.stack()}
    return module(path, f, [([], tf.int32)], [np.int32(7)])


@builds
def nested_loops(path, rng):
    def f(x):
        def outer(i, v):
            inner = tf.while_loop(lambda j, u: j < i, lambda j, u: (j + 1, u + tf.cast(j, tf.float32)), [0, v])[1]
            return i + 1, inner * 0.9
        return {"y": tf.while_loop(lambda i, v: i < 12, outer, [0, x])[1]}
    return module(path, f, [([2], tf.float32)], [floats(rng, 2)])


@builds
def switch_case(path, rng):
    def f(i, x):
        return {"y": tf.switch_case(i, [lambda: x + 1.0, lambda: x * 2.0, lambda: -x])}
    calls = module(path, f, [([], tf.int32), ([None], tf.float32)], [np.int32(0), floats(rng, 3)])
    return calls + [("serving_default", {"x0": np.int32(i), "x1": floats(rng, 3)}) for i in (1, 2, 5, -1)]


@builds
def autograph(path, rng):
    def f(x):
        total = tf.zeros([])
        for row in x:
            if tf.reduce_sum(row) < 0.0:
                continue
            total += tf.reduce_max(row)
            if total > 3.0:
                break
        return {"y": total}
    return module(path, f, [([None, 4], tf.float32)], [floats(rng, 12, 4)])


@builds
def functions_that_call_functions(path, rng):
    @tf.function
    def square(x):
        return x * x

    @tf.function
    def twice(x):
        return square(x) + square(x + 1.0)
    return module(path, lambda x: {"y": twice(twice(x))}, [([None], tf.float32)], [floats(rng, 5)])


@builds
def counter(path, rng):
    count = tf.Variable(0.0)

    def f(x):
        count.assign_add(tf.reduce_sum(x))
        return {"y": count + 0.0}
    return module(path, f, [([None], tf.float32)], [floats(rng, 3)], calls=3, count=count)


@builds
def counter_in_a_branch(path, rng):
    count = tf.Variable(0)

    def f(x):
        if tf.reduce_sum(x) > 0.0:
            count.assign_add(1)
        return {"y": count + 0}
    calls = module(path, f, [([None], tf.float32)], [np.ones(2, "float32")], calls=2, count=count)
    return calls + [("serving_default", {"x0": -np.ones(2, "float32")})]


@builds
def scattered_variable(path, rng):
    table = tf.Variable(floats(rng, 5, 2))

    def f(i, x):
        table.scatter_nd_update(i[:, None], x)
        return {"y": tf.nn.embedding_lookup(table, tf.constant([0, 3, 1]))}
    return module(path, f, [([None], tf.int32), ([None, 2], tf.float32)], [np.array([3, 0], "int32"), floats(rng, 2, 2)], table=table)


@builds
def several_signatures(path, rng):
    root = tf.Module()
    root.w = tf.Variable(floats(rng, 4, 3))
    spec = tf.TensorSpec([None, 4], tf.float32)
    encode = tf.function(lambda x: {"code": x @ root.w, "norm": tf.norm(x, axis=-1)}, input_signature=[spec])
    decode = tf.function(lambda z: {"x": z @ tf.transpose(root.w)}, input_signature=[tf.TensorSpec([None, 3], tf.float32)])
    root.encode, root.decode = encode, decode
    tf.saved_model.save(root, path, signatures={"serving_default": encode, "encode": encode, "decode": decode})
    return [("encode", {"x": floats(rng, 2, 4)}), ("decode", {"z": floats(rng, 2, 3)}), ("serving_default", {"x": floats(rng, 1, 4)})]


@builds
def table_of_words(path, rng):
    keys, values = tf.constant(["cat", "dog", "été"]), tf.constant([3, 5, 7], tf.int64)
    table = tf.lookup.StaticHashTable(tf.lookup.KeyValueTensorInitializer(keys, values), -1)
    return module(path, lambda x: {"y": table.lookup(x), "n": table.size()}, [([None], tf.string)],
                  [np.array(["dog", "bird", "été"], object)], table=table)


@builds
def table_of_a_file(path, rng):
    file = path + ".txt"
    with open(file, "w") as out:
        out.write("one\ntwo\nthree\n")
    words = tf.lookup.TextFileInitializer(file, tf.string, tf.lookup.TextFileIndex.WHOLE_LINE, tf.int64, tf.lookup.TextFileIndex.LINE_NUMBER)
    table = tf.lookup.StaticVocabularyTable(words, num_oov_buckets=3)
    back = tf.lookup.StaticHashTable(
        tf.lookup.TextFileInitializer(file, tf.int64, tf.lookup.TextFileIndex.LINE_NUMBER, tf.string, tf.lookup.TextFileIndex.WHOLE_LINE), "?")
    return module(path, lambda x: {"y": table.lookup(x), "z": back.lookup(table.lookup(x))}, [([None], tf.string)],
                  [np.array(["two", "bird", "three", ""], object)], table=table, back=back)


@builds
def table_that_changes(path, rng):
    table = tf.lookup.experimental.MutableHashTable(tf.string, tf.float32, -1.0)
    table.insert(tf.constant(["a", "b"]), tf.constant([1.0, 2.0]))

    def f(k, v):
        old = table.lookup(k)
        with tf.control_dependencies([old]):
            table.insert(k, v)
        return {"old": old, "new": table.lookup(k)}
    return module(path, f, [([None], tf.string), ([None], tf.float32)],
                  [np.array(["b", "c"], object), np.array([5.0, 6.0], "float32")], calls=2, table=table)


@builds
def words_of_texts(path, rng):
    def f(x):
        x = tf.strings.regex_replace(tf.strings.lower(tf.strings.strip(x)), "[^a-z ]", "")
        words = tf.strings.split(x)
        return {"words": words.to_tensor("-"), "lengths": words.row_lengths(), "characters": tf.strings.length(x),
                "joined": tf.strings.reduce_join(words, axis=-1, separator="_"), "start": tf.strings.substr(x, 0, 3),
                "hash": tf.strings.to_hash_bucket_fast(x, 100)}
    return module(path, f, [([None], tf.string)], [np.array(["Hello, World!", " a B c ", ""], object)])


@builds
def numbers_as_texts(path, rng):
    def f(x, i, s):
        return {"f": tf.strings.as_string(x, precision=3), "i": tf.strings.as_string(i, width=5, fill="0"),
                "n": tf.strings.to_number(s), "j": tf.strings.join([s, tf.strings.as_string(i)], "/"),
                "m": tf.strings.regex_full_match(s, r"\d+"), "u": tf.strings.upper(s),
                "b": tf.io.decode_base64(tf.io.encode_base64(s))}
    return module(path, f, [([None], tf.float32), ([None], tf.int32), ([None], tf.string)],
                  [floats(rng, 3), np.array([1, -20, 300], "int32"), np.array(["12", "3.5", "-7"], object)])


@builds
def unicode_characters(path, rng):
    def f(x):
        codes = tf.strings.unicode_decode(x, "UTF-8")
        return {"codes": codes.to_tensor(), "back": tf.strings.unicode_encode(codes, "UTF-8"),
                "ngrams": tf.strings.ngrams(tf.strings.unicode_split(x, "UTF-8"), 2).to_tensor("")}
    return module(path, f, [([None], tf.string)], [np.array(["héé", "日本語", "ab"], object)])


@builds
def raw_bytes(path, rng):
    return module(path, lambda x: {"y": tf.io.decode_raw(x, tf.int16)}, [([None], tf.string)],
                  [np.array([b"\x01\x00\x02\x01", b"\xff\xff\x00\x01"], object)])


@builds
def pictures(path, rng):
    def f(x):
        one = tf.io.decode_image(x[0], channels=3, expand_animations=False)
        return {"png": one, "resized": tf.image.resize(tf.cast(one, tf.float32)[None], [5, 7])}
    image = rng.integers(0, 255, (6, 9, 3)).astype("uint8")
    return module(path, f, [([1], tf.string)], [np.array([tf.io.encode_png(image).numpy()], object)])


@builds
def examples(path, rng):
    features = {"x": tf.io.FixedLenFeature([2], tf.float32), "n": tf.io.FixedLenFeature([], tf.int64, 7),
                "s": tf.io.FixedLenFeature([], tf.string, ""), "v": tf.io.VarLenFeature(tf.int64),
                "q": tf.io.FixedLenSequenceFeature([], tf.float32, allow_missing=True), "r": tf.io.RaggedFeature(tf.int64)}

    def f(x):
        parsed = tf.io.parse_example(x, features)
        return {"x": parsed["x"], "n": parsed["n"], "s": parsed["s"], "v": tf.sparse.to_dense(parsed["v"]), "q": parsed["q"],
                "r": parsed["r"].to_tensor()}

    def example(**values):
        def of(v):
            if isinstance(v[0], bytes):
                return tf.train.Feature(bytes_list=tf.train.BytesList(value=v))
            if isinstance(v[0], float):
                return tf.train.Feature(float_list=tf.train.FloatList(value=v))
            return tf.train.Feature(int64_list=tf.train.Int64List(value=v))
        return tf.train.Example(features=tf.train.Features(feature={k: of(v) for k, v in values.items()})).SerializeToString()
    texts = [example(x=[1.0, 2.0], n=[3], s=[b"a"], v=[1, 2, 3], q=[0.5], r=[4]), example(x=[3.0, 4.0], v=[9], q=[1.5, 2.5], r=[5, 6])]
    return module(path, f, [([None], tf.string)], [np.array(texts, object)])


@builds
def ragged_sums(path, rng):
    def f(values, lengths):
        ragged = tf.RaggedTensor.from_row_lengths(values, lengths)
        return {"sum": tf.reduce_sum(ragged, axis=1), "dense": ragged.to_tensor(-1.0), "mean": tf.reduce_mean(ragged, axis=1),
                "picked": tf.gather(ragged, [2, 0]).to_tensor(), "max": tf.reduce_max(ragged, axis=1)}
    return module(path, f, [([None], tf.float32), ([None], tf.int64)], [floats(rng, 7), np.array([3, 1, 3], "int64")])


@builds
def sparse_products(path, rng):
    def f(x, i, v):
        sparse = tf.sparse.reorder(tf.SparseTensor(i, v, [3, 4]))
        return {"y": tf.sparse.sparse_dense_matmul(sparse, x), "d": tf.sparse.to_dense(sparse), "s": tf.sparse.reduce_sum(sparse, 1),
                "r": tf.sparse.to_dense(tf.sparse.reshape(sparse, [4, 3]))}
    return module(path, f, [([4, 2], tf.float32), ([None, 2], tf.int64), ([None], tf.float32)],
                  [floats(rng, 4, 2), np.array([[2, 1], [0, 3], [0, 0]], "int64"), floats(rng, 3)])


@builds
def elementwise(path, rng):
    def f(x, y):
        p = tf.abs(x) + 0.5
        return {n: g for n, g in enumerate_names([
            tf.sin(x), tf.cos(x), tf.tan(x), tf.asinh(x), tf.acosh(p + 1), tf.atanh(tf.tanh(x)), tf.exp(x), tf.math.log(p),
            tf.math.log1p(p), tf.math.expm1(x), tf.sqrt(p), tf.math.rsqrt(p), tf.math.erf(x), tf.math.erfc(x), tf.math.lgamma(p),
            tf.math.digamma(p), tf.math.ndtri(tf.sigmoid(x)), tf.math.bessel_i0e(x), tf.math.bessel_i1e(x), tf.sign(x), tf.round(x),
            tf.floor(x), tf.math.ceil(x), tf.math.rint(x), x ** 2, tf.pow(p, y), tf.math.atan2(x, y), tf.maximum(x, y),
            tf.minimum(x, y), tf.math.squared_difference(x, y), tf.math.divide_no_nan(x, y), tf.math.floormod(x, y),
            tf.math.floordiv(x, y), tf.truncatemod(x, y), tf.math.xlogy(p, p), tf.math.xdivy(x, y), tf.math.xlog1py(x, p),
            tf.nn.elu(x), tf.nn.selu(x), tf.nn.relu6(x), tf.nn.leaky_relu(x), tf.nn.softplus(x), tf.nn.softsign(x), tf.nn.gelu(x),
            tf.nn.silu(x), tf.clip_by_value(x, -0.5, 0.5), tf.math.is_nan(x), tf.math.is_finite(x), tf.where(x > 0, x, y),
            tf.cast(x, tf.int32), tf.cast(x, tf.bool), tf.cast(x, tf.float16), tf.complex(x, y), tf.abs(tf.complex(x, y)),
            tf.math.nextafter(x, y), tf.add_n([x, y, x]), tf.math.cumulative_logsumexp(x, 1), tf.math.softmax(x, 0),
            tf.math.l2_normalize(x, -1), tf.math.reduce_logsumexp(x, 1), tf.bitcast(x, tf.int32)])}
    return module(path, f, [([None, 4], tf.float32), ([None, 4], tf.float32)], [floats(rng, 3, 4), floats(rng, 3, 4)])


def enumerate_names(items):
    return [(f"o{i:02d}", item) for i, item in enumerate(items)]


@builds
def whole_numbers(path, rng):
    def f(x, y):
        z = tf.abs(y) + 1
        return dict(enumerate_names([
            x // z, x % z, tf.truncatediv(x, z), tf.truncatemod(x, z), tf.bitwise.bitwise_and(x, y), tf.bitwise.bitwise_or(x, y),
            tf.bitwise.bitwise_xor(x, y), tf.bitwise.invert(x), tf.bitwise.left_shift(x, z % 5), tf.bitwise.right_shift(x, z % 5),
            x * y, x + y, x - y, -x, tf.abs(x), tf.sign(x), x ** 2, tf.math.cumsum(x, 1, exclusive=True), tf.math.cumprod(x, 1, reverse=True),
            tf.reduce_sum(x), tf.reduce_prod(x, 1), tf.reduce_max(x, 0), tf.reduce_min(x, 1, keepdims=True), tf.reduce_mean(x, 1),
            tf.argmax(x, 1), tf.argmin(x, 0, output_type=tf.int32), tf.reduce_any(x > 3, 1), tf.reduce_all(x > -9, 0), tf.math.bincount(z),
            tf.unique(tf.reshape(x, [-1]))[0], tf.unique_with_counts(tf.reshape(x, [-1]))[2], tf.one_hot(z, 4, 2, 1, axis=0),
            tf.sort(x, 1), tf.argsort(x, 1), tf.math.top_k(x, 2).values, tf.math.top_k(x, 2).indices, tf.where(x > 2), tf.boolean_mask(x, y > 0),
            tf.setdiff1d(tf.reshape(x, [-1]), [1, 2])[0], tf.math.segment_sum(x, [0, 0, 2]), tf.math.unsorted_segment_max(x, [1, 0, 1], 3),
            tf.raw_ops.Bucketize(input=x, boundaries=[0, 2, 4]), tf.searchsorted([[0, 2, 4], [1, 3, 5], [0, 1, 2]], x, "right")]))
    ints = lambda: rng.integers(-6, 7, (3, 5)).astype("int32")
    return module(path, f, [([3, 5], tf.int32), ([3, 5], tf.int32)], [ints(), ints()])


@builds
def shapes(path, rng):
    def f(x):
        return dict(enumerate_names([
            tf.reshape(x, [tf.shape(x)[0], -1]), tf.transpose(x, [2, 0, 1]), x[:, 1], x[..., ::-1], x[:, None, 1:, ::2], x[-1],
            tf.slice(x, [0, 1, 0], [-1, 2, 3]), tf.pad(x, [[0, 0], [1, 2], [0, 1]]), tf.pad(x, [[1, 1], [0, 0], [2, 0]], constant_values=3.0),
            tf.pad(x, [[0, 0], [1, 1], [2, 2]], "REFLECT"), tf.pad(x, [[0, 0], [1, 1], [2, 2]], "SYMMETRIC"), tf.tile(x, [1, 2, 1]),
            tf.concat([x, x], 1), tf.stack([x, x], 2), tf.unstack(x, axis=1)[1], tf.split(x, [1, 2], 1)[1], tf.split(x, 2, 2)[0],
            tf.expand_dims(x, -2), tf.squeeze(x[:, :1], 1), tf.reverse(x, [0, 2]), tf.roll(x, [1, -1], [1, 2]), tf.broadcast_to(x[:, :1], tf.shape(x)),
            tf.gather(x, [2, 0], axis=1), tf.gather(x, tf.zeros([tf.shape(x)[0], 2], tf.int32), axis=1, batch_dims=1), tf.gather_nd(x, [[0, 1], [0, 2]]),
            tf.tensor_scatter_nd_update(x, [[0, 1]], x[:1, 0]), tf.scatter_nd([[1], [3]], tf.ones([2, 2]), [5, 2]), tf.linalg.diag(x[0, :, 0]),
            tf.linalg.diag_part(x), tf.linalg.band_part(x, 1, 0), tf.linalg.set_diag(x, x[:, :, 0]), tf.eye(3), tf.range(tf.shape(x)[1]),
            tf.linspace(0.0, 1.0, 5), tf.fill([tf.shape(x)[0], 2], 7), tf.zeros_like(x), tf.ones_like(x), tf.rank(x), tf.size(x), tf.shape(x),
            tf.reverse_sequence(x, tf.ones([tf.shape(x)[0]], tf.int32) * 2, seq_axis=1, batch_axis=0), tf.dynamic_partition(x[0, 0], [0, 1, 0, 1], 2)[1],
            tf.dynamic_stitch([[0, 2], [1]], [x[0, :2], x[0, 2:]]), tf.repeat(x, 2, axis=1), tf.meshgrid(x[0, 0], x[0, 1])[1],
            tf.nn.space_to_batch(x[..., None], [3, 2], [[0, 0], [0, 0]]), tf.nn.space_to_depth(x[:, :2, :, None], 2),
            tf.nn.depth_to_space(tf.reshape(x, [-1, 1, 3, 4]), 2), tf.math.invert_permutation([2, 0, 1])]))
    return module(path, f, [([None, 3, 4], tf.float32)], [floats(rng, 2, 3, 4)])


@builds
def products(path, rng):
    def f(x, y):
        s = tf.matmul(x, x, transpose_b=True) + 4.0 * tf.eye(3)
        return dict(enumerate_names([
            x @ y, tf.matmul(x, x, transpose_a=True), tf.einsum("bij,bjk->bik", x, y), tf.einsum("bij,bkj->bik", x, x), tf.tensordot(x, y, [[2], [1]]),
            tf.linalg.cholesky(s), tf.linalg.inv(s), tf.linalg.det(s), tf.linalg.solve(s, x), tf.linalg.triangular_solve(tf.linalg.cholesky(s), x),
            tf.linalg.slogdet(s)[1], tf.linalg.svd(s, compute_uv=False), tf.linalg.eigh(s)[0], tf.abs(tf.linalg.qr(s)[1]), tf.linalg.trace(s),
            tf.norm(x, axis=-1), tf.linalg.cross(x[..., :3], x[..., 1:]), tf.abs(tf.signal.rfft(x)), tf.signal.irfft(tf.signal.rfft(x)),
            tf.abs(tf.signal.fft(tf.cast(x, tf.complex64)))]))
    return module(path, f, [([None, 3, 4], tf.float32), ([None, 4, 2], tf.float32)], [floats(rng, 2, 3, 4), floats(rng, 2, 4, 2)])


@builds
def convolutions(path, rng):
    k, d, t = floats(rng, 3, 3, 2, 4), floats(rng, 3, 2, 2, 2), floats(rng, 3, 3, 5, 2)

    def f(x):
        n = tf.shape(x)[0]
        return dict(enumerate_names([
            tf.nn.conv2d(x, k, 1, "SAME"), tf.nn.conv2d(x, k, 2, "VALID"), tf.nn.conv2d(x, k, 1, [[0, 0], [1, 2], [0, 3], [0, 0]]),
            tf.nn.conv2d(x, k, 1, "SAME", dilations=2), tf.nn.depthwise_conv2d(x, d, [1, 2, 2, 1], "SAME"),
            tf.nn.conv2d_transpose(x, t, [n, 16, 18, 5], 2, "SAME"), tf.nn.conv2d_transpose(x, t, [n, 10, 11, 5], 1, "VALID"),
            tf.nn.max_pool2d(x, 2, 2, "SAME"), tf.nn.avg_pool2d(x, 3, 2, "SAME"), tf.nn.max_pool2d(x, [2, 3], 1, "VALID"),
            tf.nn.local_response_normalization(x, 1), tf.image.extract_patches(x, [1, 3, 3, 1], [1, 2, 2, 1], [1, 1, 1, 1], "SAME"),
            tf.raw_ops.FusedBatchNormV3(x=x, scale=[1.0, 2.0], offset=[0.5, -1.0], mean=[0.1, 0.2], variance=[1.0, 2.0], is_training=False).y,
            tf.nn.softmax_cross_entropy_with_logits(tf.nn.softmax(x), x), tf.nn.bias_add(x, [1.0, 2.0])]))
    return module(path, f, [([None, 8, 9, 2], tf.float32)], [floats(rng, 2, 8, 9, 2)])


@builds
def images(path, rng):
    def f(x):
        return dict(enumerate_names([
            tf.image.resize(x, [5, 13]), tf.image.resize(x, [12, 4], "nearest"), tf.image.resize(x, [9, 9], "bicubic"),
            tf.image.resize(x, [3, 4], "area"), tf.image.resize(x, [4, 4], "lanczos3", antialias=True), tf.image.resize(x, [4, 3], antialias=True),
            v1.image.resize_bilinear(x, [5, 13]), v1.image.resize_bilinear(x, [5, 13], align_corners=True),
            v1.image.resize_nearest_neighbor(x, [5, 13], align_corners=True), tf.image.rgb_to_hsv(tf.sigmoid(x)), tf.image.adjust_contrast(x, 1.5),
            tf.image.adjust_saturation(tf.sigmoid(x), 0.5), tf.image.adjust_hue(tf.sigmoid(x), 0.2), tf.image.rgb_to_grayscale(x),
            tf.image.flip_left_right(x), tf.image.central_crop(x, 0.5), tf.image.crop_and_resize(x, [[0.1, 0.2, 0.8, 0.9]], [0], [3, 4]),
            tf.image.per_image_standardization(x), tf.image.sobel_edges(x), tf.image.total_variation(x)]))
    return module(path, f, [([None, 7, 8, 3], tf.float32)], [floats(rng, 2, 7, 8, 3)])


@builds
def quantized(path, rng):
    def f(x):
        q = tf.quantization.quantize(x, -3.0, 3.0, tf.quint8, mode="MIN_FIRST")
        s = tf.quantization.quantize(x, -3.0, 3.0, tf.qint8, mode="SCALED")
        return dict(enumerate_names([
            tf.quantization.dequantize(q.output, q.output_min, q.output_max, mode="MIN_FIRST"),
            tf.quantization.dequantize(s.output, s.output_min, s.output_max, mode="SCALED"),
            tf.quantization.fake_quant_with_min_max_args(x, -2.0, 2.5), tf.quantization.fake_quant_with_min_max_vars(x, -1.5, 2.0, 4),
            tf.quantization.quantize_and_dequantize_v2(x, -2.0, 2.0, range_given=True)]))
    return module(path, f, [([None, 5], tf.float32)], [floats(rng, 4, 5)])


@builds
def half_precision(path, rng):
    w = tf.Variable(tf.cast(floats(rng, 4, 3), tf.bfloat16))

    def f(x):
        return {"y": tf.cast(tf.cast(x, tf.bfloat16) @ w, tf.float32)}
    return module(path, f, [([None, 4], tf.float32)], [floats(rng, 2, 4)], w=w)


@builds
def asserted(path, rng):
    def f(x):
        tf.debugging.assert_positive(tf.shape(x)[0])
        tf.debugging.assert_equal(tf.shape(x)[1], 3)
        return {"y": tf.ensure_shape(x, [None, 3]) + 1.0}
    return module(path, f, [([None, None], tf.float32)], [floats(rng, 2, 3)])


@builds
def with_gradients(path, rng):
    w = tf.Variable(floats(rng, 3, 2))

    def f(x):
        with tf.GradientTape() as tape:
            tape.watch(x)
            y = tf.reduce_sum(tf.tanh(x @ w) ** 2)
        return {"g": tape.gradient(y, x)}
    return module(path, f, [([None, 3], tf.float32)], [floats(rng, 2, 3)], w=w)


@builds
def lists_of_tensors(path, rng):
    def f(x):
        rows = tf.raw_ops.TensorListFromTensor(tensor=x, element_shape=tf.constant([3]))
        rows = tf.raw_ops.TensorListSetItem(input_handle=rows, index=0, item=tf.zeros([3]))
        return {"y": tf.raw_ops.TensorListStack(input_handle=rows, element_shape=tf.constant([3]), element_dtype=tf.float32),
                "n": tf.raw_ops.TensorListLength(input_handle=rows), "m": tf.map_fn(lambda r: tf.reduce_sum(r) * r, x),
                "s": tf.scan(lambda a, r: a * 0.5 + r, x), "v": tf.vectorized_map(lambda r: r / tf.reduce_sum(r), x)}
    return module(path, f, [([None, 3], tf.float32)], [floats(rng, 11, 3)])


# --- TensorFlow 1


def session(path, build, inputs, calls=1, init=True, **save):
    """Saves a graph that `build` makes within a session: it returns inputs and outputs by name."""
    with tf.Graph().as_default(), v1.Session() as s:
        v1.set_random_seed(7)
        takes, gives = build()
        s.run([v1.global_variables_initializer(), v1.tables_initializer()])
        v1.saved_model.simple_save(s, path, takes, gives, **save)
    return [("serving_default", inputs)] * calls


@builds
def v1_dense(path, rng):
    def build():
        x = v1.placeholder(tf.float32, [None, 4], "x")
        w = v1.get_variable("w", initializer=floats(rng, 4, 3), use_resource=False)
        b = v1.get_variable("b", initializer=floats(rng, 3), use_resource=True)
        return {"x": x}, {"y": tf.nn.softmax(v1.nn.xw_plus_b(x, w, b))}
    return session(path, build, {"x": floats(rng, 2, 4)})


def without_v2(build):
    """The same with control flow of TensorFlow 1."""
    def built():
        enabled = v1.control_flow_v2_enabled()
        v1.disable_control_flow_v2()
        try:
            return build()
        finally:
            if enabled:
                v1.enable_control_flow_v2()
    return built


@builds
def v1_while(path, rng):
    def build():
        x = v1.placeholder(tf.float32, [None, 3], "x")
        w = v1.get_variable("w", initializer=floats(rng, 3, 3) * 0.5, use_resource=False)
        i, y = v1.while_loop(lambda i, y: i < 15, lambda i, y: (i + 1, tf.tanh(y @ w)), [tf.constant(0), x])
        return {"x": x}, {"y": y, "i": i}
    return session(path, without_v2(build), {"x": floats(rng, 2, 3)})


@builds
def v1_while_on_a_value(path, rng):
    def build():
        x = v1.placeholder(tf.float32, [None], "x")
        y = v1.while_loop(lambda y: tf.reduce_sum(y) < 50.0, lambda y: y * 2.0 + 1.0, [x])
        return {"x": x}, {"y": y}
    return session(path, without_v2(build), {"x": np.abs(floats(rng, 3))})


@builds
def v1_nested_while(path, rng):
    def build():
        x = v1.placeholder(tf.float32, [2], "x")

        def outer(i, y):
            z = v1.while_loop(lambda j, u: j < i, lambda j, u: (j + 1, u + tf.cast(i, tf.float32)), [tf.constant(0), y])[1]
            return i + 1, z * 0.5
        return {"x": x}, {"y": v1.while_loop(lambda i, y: i < 11, outer, [tf.constant(0), x])[1]}
    return session(path, without_v2(build), {"x": floats(rng, 2)})


@builds
def v1_cond(path, rng):
    def build():
        x = v1.placeholder(tf.float32, [None], "x")
        y = v1.cond(tf.reduce_sum(x) > 0, lambda: x * 2.0 + tf.constant(1.0), lambda: -x)
        z = v1.cond(tf.reduce_max(x) > 1.0, lambda: v1.cond(tf.reduce_min(x) > 0, lambda: x, lambda: x * x), lambda: y)
        return {"x": x}, {"y": y, "z": z}
    calls = session(path, without_v2(build), {"x": np.array([2.0, 3.0], "float32")})
    return calls + [("serving_default", {"x": np.array(x, "float32")}) for x in ([-2.0, 1.5], [-1.0, -1.0], [0.5, 0.2])]


@builds
def v1_cond_of_different_shapes(path, rng):
    def build():
        x = v1.placeholder(tf.float32, [None], "x")
        return {"x": x}, {"y": v1.cond(tf.reduce_sum(x) > 0, lambda: x[:1], lambda: x)}
    calls = session(path, without_v2(build), {"x": np.array([2.0, 3.0], "float32")})
    return calls + [("serving_default", {"x": np.array([-2.0, 1.0], "float32")})]


@builds
def v1_partitioned(path, rng):
    def build():
        x = v1.placeholder(tf.float32, [None, 6], "x")
        with v1.variable_scope("s", partitioner=v1.fixed_size_partitioner(3), use_resource=False):
            w = v1.get_variable("w", shape=[6, 4], initializer=v1.random_normal_initializer(seed=3))
        return {"x": x}, {"y": x @ tf.convert_to_tensor(w)}
    return session(path, build, {"x": floats(rng, 2, 6)})


@builds
def v1_counter(path, rng):
    def build():
        x = v1.placeholder(tf.float32, [], "x")
        count = v1.get_variable("count", initializer=0.0, use_resource=False)
        return {"x": x}, {"y": tf.identity(v1.assign_add(count, x))}
    return session(path, build, {"x": np.float32(2.5)}, calls=3)


@builds
def v1_recurrent(path, rng):
    def build():
        x = v1.placeholder(tf.float32, [None, 12, 3], "x")
        w, u = floats(rng, 3, 4) * 0.5, floats(rng, 4, 4) * 0.5
        steps = tf.TensorArray(tf.float32, 12).unstack(tf.transpose(x, [1, 0, 2]))
        out = tf.TensorArray(tf.float32, 12)

        def body(t, h, out):
            h = tf.tanh(steps.read(t) @ w + h @ u)
            return t + 1, h, out.write(t, h)
        _, h, out = v1.while_loop(lambda t, *_: t < 12, body, [tf.constant(0), tf.zeros([tf.shape(x)[0], 4]), out])
        return {"x": x}, {"y": tf.transpose(out.stack(), [1, 0, 2]), "h": h}
    return session(path, without_v2(build), {"x": floats(rng, 2, 12, 3)})


@builds
def v1_several_signatures(path, rng):
    with tf.Graph().as_default(), v1.Session() as s:
        example = v1.placeholder(tf.string, [None], "example")
        x = v1.parse_example(example, {"x": v1.FixedLenFeature([2], tf.float32)})["x"]
        y = tf.reduce_sum(x, 1, keepdims=True) * 2.0
        labels = tf.gather(tf.constant(["no", "yes"]), tf.cast(y > 0, tf.int32))
        builder = v1.saved_model.Builder(path)
        sm = v1.saved_model
        builder.add_meta_graph_and_variables(s, ["serve"], {
            "serving_default": sm.predict_signature_def({"x": x}, {"y": y}),
            "classify": sm.classification_signature_def(example, labels, y), "regress": sm.regression_signature_def(example, y)})
        builder.save()
    text = tf.train.Example(features=tf.train.Features(feature={"x": tf.train.Feature(float_list=tf.train.FloatList(value=[1.0, -3.0]))}))
    text = np.array([text.SerializeToString()] * 2, object)
    return [("serving_default", {"x": floats(rng, 3, 2)}), ("classify", {"inputs": text}), ("regress", {"inputs": text})]


@builds
def v1_frozen(path, rng):
    with tf.Graph().as_default() as graph, v1.Session() as s:
        x = v1.placeholder(tf.float32, [None, 5, 5, 1], "x")
        y = tf.nn.relu(tf.nn.conv2d(x, floats(rng, 3, 3, 1, 2), 1, "SAME"))
        tf.identity(tf.reduce_mean(y, [1, 2]), "y")
        given = floats(rng, 2, 5, 5, 1)
        expected = s.run("y:0", {"x:0": given})
        tf.io.write_graph(graph.as_graph_def(), *path.rsplit("/", 1), as_text=False)
    return [("serving_default", {"x": given})], [{"y": expected}]


def keras_2(path, model):
    import tf_keras
    model.save(path, save_format="tf")
    loaded = tf.saved_model.load(path).signatures["serving_default"]
    return list(loaded.structured_input_signature[1])


def of_keras_2(name):
    """A model of tf_keras."""
    def made(path, rng):
        import tf_keras
        from tf_keras import layers as l
        tf_keras.utils.set_random_seed(int(rng.integers(1 << 30)))
        shapes = {"text": (), "embedding": (7,), "lstm": (15, 3), "gru": (15, 3), "bidirectional": (12, 3), "rnn_unrolled": (4, 3),
                  "dense": (6,), "norms": (6,), "branches": (6,), "cnn": (12, 12, 2), "separable": (12, 12, 2), "mobile": (12, 12, 2),
                  "attention": (5, 8), "conv1d": (15, 3), "transposed": (6, 6, 2), "masked_lstm": (12, 3), "convlstm": (4, 6, 6, 2)}
        x = given = tf_keras.Input(shapes[name], name="given", dtype={"text": "string", "embedding": "int32"}.get(name, "float32"))
        if name == "text":
            vectorize = l.TextVectorization(output_sequence_length=6, vocabulary=["a", "quick", "fox"])
            x = l.GlobalAveragePooling1D()(l.Embedding(8, 4)(vectorize(x)))
        elif name == "embedding":
            x = l.LSTM(4)(l.Embedding(11, 3, mask_zero=True)(x))
        elif name == "lstm":
            x = l.LSTM(3)(l.LSTM(4, return_sequences=True)(x))
        elif name == "gru":
            x = l.GRU(3, reset_after=False)(l.GRU(4, return_sequences=True)(x))
        elif name == "bidirectional":
            x = l.Bidirectional(l.LSTM(3))(x)
        elif name == "masked_lstm":
            x = l.LSTM(3)(l.Masking(0.0)(x))
        elif name == "rnn_unrolled":
            x = l.SimpleRNN(4, unroll=True)(x)
        elif name == "dense":
            x = l.Dropout(0.5)(l.Dense(5, "gelu")(l.Dense(7, "swish")(x)))
        elif name == "norms":
            x = l.LayerNormalization()(l.BatchNormalization()(x))
        elif name == "branches":
            x = l.Concatenate()([l.Add()([l.Dense(4)(x), l.Dense(4, "tanh")(x)]), l.Dense(2, "softmax")(x)])
        elif name == "cnn":
            x = l.Dense(3, "softmax")(l.Flatten()(l.MaxPooling2D()(l.Conv2D(4, 3, activation="relu")(x))))
        elif name == "separable":
            x = l.GlobalAveragePooling2D()(l.SeparableConv2D(4, 3, padding="same", strides=2)(x))
        elif name == "mobile":
            x = l.ReLU(6.0)(l.BatchNormalization()(l.DepthwiseConv2D(3, strides=2)(l.ZeroPadding2D()(x))))
        elif name == "attention":
            x = l.MultiHeadAttention(2, 4)(x, x)
        elif name == "conv1d":
            x = l.GlobalMaxPooling1D()(l.Conv1D(4, 3, padding="causal", dilation_rate=2)(x))
        elif name == "transposed":
            x = l.Conv2DTranspose(3, 3, strides=2, padding="same")(l.UpSampling2D(interpolation="bilinear")(x))
        elif name == "convlstm":
            x = l.ConvLSTM2D(2, 3)(x)
        model = tf_keras.Model(given, x)
        names = keras_2(path, model)
        if name == "text":
            value = np.array(["a quick", "the fox, a FOX!", ""], object)
        elif name == "embedding":
            value = rng.integers(0, 11, (2, 7)).astype("int32")
        else:
            value = floats(rng, 2, *shapes[name])
            if name == "masked_lstm":
                value[0, 5:] = 0.0
        return [("serving_default", {names[0]: value})]
    made.__name__ = f"tf_keras_{name}"
    return builds(made)


for kind in ("dense norms branches cnn separable mobile attention conv1d transposed lstm gru bidirectional masked_lstm rnn_unrolled "
             "embedding text convlstm").split():
    of_keras_2(kind)
