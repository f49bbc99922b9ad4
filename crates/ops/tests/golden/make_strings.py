"""String ops of TensorFlow 2.21 on fixed strings: `python make_strings.py > strings.txt`. One line a result: its name,
then its values as JSON."""

import json
import os

os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
import tensorflow as tf

s = tf.strings
words = tf.constant(["", " Hello, World! ", "a b  c", "ÀÉ straße", "\t-1.5e3\n", "x"])
floats = tf.constant([0.0, 1.5, -2.25, 123456.789, 1e-7, 1e20, float("inf"), float("-inf"), 0.1])
# Every length up to 200 bytes, so that each branch of the hashes is taken.
text = "".join(chr(33 + i * 7 % 90) for i in range(200))
prefixes = tf.constant([text[:n] for n in range(201)])


def show(name, value):
    if isinstance(value, tf.RaggedTensor):
        value = [r for r in value.to_list()]
    else:
        value = value.numpy().tolist()
    plain = lambda v: [plain(x) for x in v] if isinstance(v, list) else v.decode() if isinstance(v, bytes) else v
    print(name, json.dumps(plain(value), ensure_ascii=False), sep="|")


print(f"# tensorflow {tf.__version__}")
show("lower", s.lower(words))
show("upper", s.upper(words))
show("lower_unicode", s.lower(words, encoding="utf-8"))
show("strip", s.strip(words))
show("length", s.length(words))
show("length_characters", s.length(words, unit="UTF8_CHAR"))
show("substr", s.substr(words[1:5], 2, 4))
show("substr_end", s.substr(words[1:5], -3, 2, unit="UTF8_CHAR"))
show("join", s.join([words, "é", words], separator="-"))
show("reduce_join", s.reduce_join(tf.reshape(words, [2, 3]), axis=0, separator="+"))
show("split", s.split(words))
show("split_space", s.split(words, sep=" "))
show("split_most", s.split(words, maxsplit=1))
show("split_most_l", s.split(words, sep="l", maxsplit=1))
show("replace", s.regex_replace(words, r"(\w)(\w)", r"<\2\1\0>"))
show("replace_first", s.regex_replace(words, "[ l]", "$", replace_global=False))
show("full_match", s.regex_full_match(words, r"\s*[-a-z. ]*\d?.*"))
show("to_number", s.to_number(tf.constant(["1.5", " -2e3\n", "inf", "0.1"])))
show("to_integer", s.to_number(tf.constant(["7", "+3", " -4 "]), tf.int64))
show("as_string", s.as_string(floats))
show("as_string_e", s.as_string(floats, precision=3, scientific=True, width=12))
show("as_string_g", s.as_string(floats, shortest=True))
show("as_string_f", s.as_string(floats[:6], precision=2, width=9, fill="0"))
show("as_string_left", s.as_string(tf.constant([3, -14]), width=5, fill="-"))
show("as_string_bool", s.as_string(tf.constant([True, False])))
show("hash_fast", s.to_hash_bucket_fast(prefixes, 2**62))
show("hash_strong", s.to_hash_bucket_strong(prefixes, 2**62, [133, 1234567890123456789]))
vocabulary = tf.lookup.StaticVocabularyTable(
    tf.lookup.KeyValueTensorInitializer(["x", "", "dog"], tf.constant([0, 1, 2], tf.int64)), num_oov_buckets=5
)
show("vocabulary", vocabulary.lookup(words))
