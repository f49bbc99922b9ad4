"""Prints the public names of the installed Keras with their arguments: what crates/conformance/data/keras-*.txt holds.

Usage: python _api.py > ../data/keras-VERSION.txt
"""

import inspect
import re

import keras

SECTIONS = ("layers", "losses", "metrics", "optimizers", "optimizers.schedules", "callbacks", "initializers", "regularizers",
            "constraints", "activations", "ops", "random")

print(f"# Public names of Keras {keras.__version__} with their arguments, printed by python/_api.py")
for section in SECTIONS:
    module = keras
    for part in section.split("."):
        module = getattr(module, part)
    print(f"\n[{section}]")
    first = {}
    for name in sorted(dir(module)):
        found = getattr(module, name)
        if name.startswith("_") or inspect.ismodule(found):
            continue
        # Of several names for one object the longest is its own, unless the object says another.
        own = getattr(found, "__name__", name)
        if own != name and getattr(module, own, None) is found:
            print(f"{name} = {own}")
            continue
        try:
            arguments = str(inspect.signature(found))
        except (TypeError, ValueError):
            arguments = "()"
        arguments = re.sub(r"<function (\w+) at 0x\w+>", r"\1", arguments).replace("\n", " ").replace("(self, ", "(")
        print(name + re.sub(r" at 0x\w+", "", arguments))
