"""Found by every Python that a try starts: one more adapter, a witness, and little warm-up, so that a run saves a point every tenth of a second.

It waits for the imports of the bench, so that a signal meets a start as short as a user's.
"""

import os
import sys
from importlib.machinery import PathFinder
from pathlib import Path


def add_networks_that_fail(adapters) -> None:
    adapters.__path__.append(str(Path(__file__).parent.parent / "adapters"))


def shorten_the_warm_up(in_rounds) -> None:
    from dataclasses import replace

    usual = in_rounds.rules
    in_rounds.rules = lambda *args, **options: replace(usual(*args, **options), warmup_s=0.05, warmup_floor_s=0.02)


def quieten_the_canary(canary) -> None:
    """It sings with TRIES_CANARY alone, and shortly: each song starts a process, which takes longer than a point."""
    canary.WORK_S = 0.01
    if "TRIES_CANARY" not in os.environ:
        canary.NEEDS = ("nothing that an adapter has",)


def tell_what_is_measured(keeping) -> None:
    """Each record goes into the open file no. $TRIES_WITNESS before it is saved: what must not be lost, told by another than the run."""
    import json

    usual = keeping.Keeping.keep

    def keep(self, record, *args):
        if number := os.environ.get("TRIES_WITNESS"):
            os.write(int(number), json.dumps(record).encode() + b"\n")
        return usual(self, record, *args)

    keeping.Keeping.keep = keep


class Changed:
    """Finds the modules of `CHANGES` as usual, and changes each after its import."""

    CHANGES = {"bench.adapters": add_networks_that_fail, "bench.run.in_rounds": shorten_the_warm_up, "bench.run.canary": quieten_the_canary,
               "bench.run.keeping": tell_what_is_measured}  # fmt: skip

    def find_spec(self, name, path, target=None):
        if name not in self.CHANGES or not (spec := PathFinder.find_spec(name, path)):
            return None
        usual, change = spec.loader.exec_module, self.CHANGES[name]
        spec.loader.exec_module = lambda module: (usual(module), change(module))
        return spec


sys.meta_path.insert(0, Changed())
