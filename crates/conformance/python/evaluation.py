"""Compares Cornet's reports, curves, scores and splits with scikit-learn's, and its helpers for data with Keras's.

Usage: python evaluation.py EVALUATION_CASES [SEED]

EVALUATION_CASES is the program `cargo build -p cornet-conformance --bin evaluation_cases` makes. Needs Keras 3.15.1 with
TensorFlow, and scikit-learn. Prints one line a function and ends with 1 if one fails.
"""

import os

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ["KERAS_BACKEND"] = "tensorflow"

import sys
import warnings

import keras
import numpy as np
import sklearn
from sklearn import metrics as sk
from sklearn import model_selection

from _exchange import Folder, deviation

warnings.filterwarnings("ignore")

WITHIN = 1e-12
"""Everything is computed in float64 on both sides; what comes in float32 is compared as such."""

folder, expected = Folder(), []


def case(kind, function, arrays, wanted, within=WITHIN, facts=None, **arguments):
    """A case with the arrays and facts that must come back."""
    names = [None if a is None else folder.array(a) for a in arrays]
    folder.cases.append({"id": f"c{len(expected)}", "kind": kind, "function": function, "arrays": names, **arguments})
    expected.append((function, wanted, within, facts or {}, arguments))


def weights(r, n):
    return [None, r.random(n), r.integers(0, 4, n).astype("float64")][r.integers(0, 3)]


def confusion(r):
    for classes in (2, 3, 5, 11):
        n = int(r.integers(30, 200))
        truth, weight = r.integers(0, classes, n), weights(r, n)
        claimed = np.where(r.random(n) < 0.6, truth, r.integers(0, classes, n))
        scores = r.standard_normal((n, classes)) + 5 * np.eye(classes)[claimed]
        claimed = scores.argmax(-1)
        truth[:classes] = np.arange(classes)
        labels, names = list(range(classes)), [f"class {i}" * (1 + i % 2) for i in range(classes)]
        wanted = {how: sk.confusion_matrix(truth, claimed, labels=labels, sample_weight=weight, normalize=None if how == "none" else how).astype("float64")
                  for how in ("none", "true", "pred", "all")}
        report = lambda **more: sk.classification_report(truth, claimed, labels=labels, target_names=names, zero_division=0, sample_weight=weight, **more)
        facts = {"scores": report(output_dict=True)}
        if weight is None or np.all(weight == np.round(weight)):
            if weight is None:
                facts["report"] = report(digits=3)
        case("judged", "confusion_matrix", [truth.astype("int32"), scores.astype("float32") if r.random() < 0.5 else claimed, weight],
             wanted, facts=facts, classes=classes, names=names)


def curves(r):
    for _ in range(12):
        n = int(r.integers(5, 120))
        truth, weight = r.integers(0, 2, n), weights(r, n)
        truth[:2] = 0, 1
        if weight is not None:
            weight[:2] = 1
        scores = r.random(n) * 0.6 + truth * 0.4
        scores = np.round(scores, 1) if r.random() < 0.5 else scores
        drop = bool(r.random() < 0.5)
        fpr, tpr, thresholds = sk.roc_curve(truth, scores, sample_weight=weight, drop_intermediate=drop)
        area = sk.roc_auc_score(truth, scores, sample_weight=weight)
        case("judged", "roc_curve", [truth, scores, weight], {"fpr": fpr, "tpr": tpr, "thresholds": thresholds, "area": np.array([area, sk.auc(fpr, tpr)])},
             drop_intermediate=drop)
        precision, recall, thresholds = sk.precision_recall_curve(truth, scores, sample_weight=weight)
        area = [sk.average_precision_score(truth, scores, sample_weight=weight), sk.auc(recall, precision)]
        case("judged", "precision_recall_curve", [truth, scores, weight], {"precision": precision, "recall": recall, "thresholds": thresholds, "area": np.array(area)})
    for classes in (3, 6):
        truth = np.concatenate([np.arange(classes), r.integers(0, classes, 60)])
        scores = r.random((len(truth), classes))
        scores /= scores.sum(-1, keepdims=True)
        area = sk.roc_auc_score(truth, scores, multi_class="ovr", average="macro")
        case("judged", "roc_auc_one_vs_rest", [truth, scores, None], {"area": np.array([area])})


def scores(r):
    for shape in ((20,), (30, 1), (25, 4)):
        for _ in range(3):
            truth, claimed, weight = r.standard_normal(shape), r.standard_normal(shape), weights(r, shape[0])
            wanted = [f(truth, claimed, sample_weight=weight) for f in (sk.r2_score, sk.root_mean_squared_error, sk.mean_absolute_error)]
            case("judged", "scores", [truth, claimed, weight], {"scores": np.array(wanted)})


def tied(classes, share):
    """Whether classes have equal remainders when they are shared out, so that chance decides between them."""
    counts = np.bincount(classes, minlength=4)
    test = int(np.ceil(share * len(classes)))
    for total, of in ((len(classes) - test, counts), (test, counts)):
        exact = of / of.sum() * total
        if len(np.unique(np.round(exact - np.floor(exact), 9))) < 4:
            return True
    return False


def divisions(r):
    for samples, parts in ((10, 2), (11, 3), (57, 10)):
        wanted = {}
        for i, (train, test) in enumerate(model_selection.KFold(parts).split(np.zeros(samples))):
            wanted |= {f"{i} train": train, f"{i} test": test}
        case("divided", "k_fold", [], wanted, samples=samples, n_splits=parts)
        classes = r.integers(0, 3, samples)
        classes[: parts * 2] = np.arange(parts * 2) % 2
        wanted = {}
        for i, (train, test) in enumerate(model_selection.StratifiedKFold(parts).split(np.zeros(samples), classes)):
            wanted |= {f"{i} train": train, f"{i} test": test}
        case("divided", "stratified_k_fold", [classes], wanted, n_splits=parts)
    for samples, share in ((10, 0.25), (33, 0.3), (100, 0.01)):
        train, test = model_selection.train_test_split(np.arange(samples), test_size=share, shuffle=False)
        case("divided", "train_test_split", [], {"0 train": train, "0 test": test}, samples=samples, test_size=share)
        classes = np.concatenate([np.arange(4).repeat(2), r.integers(0, 4, 8 * samples)])
        # Which samples is a matter of the seed; how many of each class is not, where no remainders are equal.
        parts = model_selection.train_test_split(classes, test_size=max(share, 0.1), stratify=classes, random_state=0)
        counted = {f"0 {name}": np.bincount(part, minlength=4) for name, part in zip(("train", "test"), parts)}
        if not tied(classes, max(share, 0.1)):
            case("divided", "stratified train_test_split", [classes], counted, test_size=max(share, 0.1), strata=classes.tolist())


def helpers(r):
    for shape, classes in (((7,), None), ((5, 1), 9), ((2, 3), None), ((2, 3, 1), 12)):
        x = r.integers(0, 8, shape)
        case("prepared", "to_categorical", [x], {"result": keras.utils.to_categorical(x, classes).astype("float32")}, classes=classes)
    # Keras takes axis 0 for the last one, by mistake.
    for axis, order in ((-1, 2), (1, 1), (1, 3), (-2, 2)):
        x = r.standard_normal((4, 5))
        x[:, 2] = 0
        case("prepared", "normalize", [x], {"result": keras.utils.normalize(x, axis, order)}, axis=axis, order=order)
    sequences = [r.integers(1, 50, int(n)).tolist() for n in r.integers(0, 9, 8)]
    for padding in ("pre", "post"):
        for truncating in ("pre", "post"):
            for maxlen in (None, 4):
                arguments = {"maxlen": maxlen, "padding": padding, "truncating": truncating, "value": -1}
                case("prepared", "pad_sequences", [], {"result": keras.utils.pad_sequences(sequences, **arguments)}, sequences=sequences, **arguments)
    for arguments in ({}, {"sequence_stride": 3, "batch_size": 4}, {"sampling_rate": 2}, {"start_index": 5, "end_index": 30},
                      {"sequence_stride": 2, "sampling_rate": 3, "batch_size": 5, "start_index": 2}):
        for with_targets in (False, True):
            data, targets = r.standard_normal((40, 3)).astype("float32"), r.standard_normal(40) if with_targets else None
            batches = keras.utils.timeseries_dataset_from_array(data, targets, sequence_length=5, **arguments)
            wanted = {}
            for i, batch in enumerate(batches):
                x, y = batch if with_targets else (batch, None)
                wanted |= {f"x {i}": x.numpy()} | ({f"y {i}": y.numpy()} if with_targets else {})
            case("prepared", "timeseries", [data, targets], wanted, sequence_length=5, **arguments)
    for left, right in ((0.8, None), (None, 0.3), (0.5, 0.25)):
        x = r.standard_normal((20, 2))
        parts = keras.utils.split_dataset(x, left_size=left, right_size=right)
        wanted = {name: np.stack([np.asarray(row).reshape(2) for row in part]) for name, part in zip(("left", "right"), parts)}
        case("prepared", "split_dataset", [x], wanted, left=left, right=right)


def fault_of(i, found_facts, found):
    """Largest deviation, and what is wrong."""
    function, wanted, within, facts, arguments = expected[i]
    if found_facts["error"]:
        return 0.0, found_facts["error"]
    if "strata" in arguments:
        classes = np.array(arguments["strata"])
        found = {name: np.bincount(classes[places], minlength=4) for name, places in found.items()}
    worst = 0.0
    if set(found) != set(wanted):
        return 0.0, f"expected {sorted(wanted)}, found {sorted(found)}"
    for name, value in wanted.items():
        far = deviation(found[name], np.asarray(value))
        if far > within:
            return far, f"{name}: deviates by {far:.1e}\n    found {found[name]}\n    expected {value}"
        worst = max(worst, far)
    if "report" in facts and found_facts["report"] != facts["report"]:
        return worst, f"report:\n{found_facts['report']}\nexpected:\n{facts['report']}"
    for name, scores in facts.get("scores", {}).items():
        own = found_facts["scores"].get(name)
        for key, value in scores.items() if isinstance(scores, dict) else [("", scores)]:
            is_near = own is not None and abs((own[key] if key else own) - value) <= 1e-12 * max(1, abs(value))
            if not is_near:
                return worst, f"{name} {key}: expected {value}, found {own}"
    return worst, None


def main():
    seed = int(sys.argv[2]) if len(sys.argv) > 2 else 0
    print(f"scikit-learn {sklearn.__version__}, Keras {keras.__version__}, seed {seed}")
    for k, make in enumerate((confusion, curves, scores, divisions, helpers)):
        make(np.random.default_rng([seed, k]))
    facts, arrays = folder.run(os.path.abspath(sys.argv[1]))
    groups = {}
    for i, (function, *_) in enumerate(expected):
        worst, fault = fault_of(i, facts[f"c{i}"], arrays[f"c{i}"])
        group = groups.setdefault(function, [0, 0.0, []])
        group[0] += 1
        group[1] = max(group[1], worst)
        if fault:
            group[2].append(fault)
    for function, (count, worst, faults) in groups.items():
        print(f"{'FAIL' if faults else 'ok  '} {function}: {count} cases, largest deviation {worst:.1e}")
        for fault in faults[:3]:
            print("    " + fault)
    failures = sum(len(faults) for *_, faults in groups.values())
    print(f"{len(expected)} cases of {len(groups)} functions; {failures} failed")
    sys.exit(failures > 0)


main()
