"""`micropython profile_heap.py FOLDER MODEL...` prints how many bytes of heap each model's profile takes, as one JSON
object. The names of the signals are not counted: MicroPython has each once, however many devices give it.
"""

import gc
import json
import sys

from decode import Profile

FOLDER, MODELS = sys.argv[1], sys.argv[2:]


def load(name):
    with open("%s/%s.json" % (FOLDER, name)) as file:
        return json.load(file)


def profile(model):
    made = Profile(load(model), 0xD2, load)
    if made.probe:
        made.settle(b"\x00\x04")
    return made


def free():
    gc.collect()
    gc.collect()
    return gc.mem_free()


kept = [profile(model) for model in MODELS]  # the names are there now
costs = {}
for model in MODELS:
    before = free()
    kept.append(profile(model))
    costs[model] = before - free()
print(json.dumps(costs))
