"""What a framework can do on a device: asked beforehand, in one short process, so that what can't be is one line and not a start a network.

python -m bench.run.probe --framework torch --device gpu     each precision and mode, and why not, as JSON
"""

import argparse
import json
import sys
from collections.abc import Iterator, Sequence
from time import perf_counter
from types import ModuleType
from typing import NamedTuple

from bench import adapters
from bench.run import options
from bench.run.options import UsageError
from dlmark.machine import cpu, device
from dlmark.measure.process import ProcessEnded, run_in_process
from dlmark.record import words

SILENCE_S = 300  # a first import from a slow disk may take minutes
Pair = tuple[str, str]  # precision and mode


class Answer(NamedTuple):
    """What a framework said: why it can't use the device at all, how long its import took, and why it can't do each pair, None where it can."""

    refused: str | None
    import_s: float
    pairs: dict[Pair, str | None]

    def words(self) -> dict:
        """The same for JSON."""
        offered = [{"precision": precision, "mode": mode, "reason": reason} for (precision, mode), reason in self.pairs.items()]
        return {"refused": self.refused, "import_s": round(self.import_s, 3), "offers": offered}


def pairs(adapter: ModuleType, kind: str) -> list[Pair]:
    """The pairs of precision and mode that an adapter finds worth knowing on a kind of device, the recommended one first."""
    return list(getattr(adapter, "combinations", lambda _: [(adapter.precisions[0], adapter.modes[0])])(kind))


def ask(framework: str, where: str, wanted: Sequence[Pair], threads: int | None = None, *, training: bool = False) -> Answer:
    """What the framework can do of these pairs on the device."""
    environment = adapters.get(framework).environment(threads or cpu.cores()) | device.only_visible(where)
    import_s = 0.0
    found: dict[Pair, str | None] = {}
    told = run_in_process(_offers, framework, where, list(wanted), training, silence_s=SILENCE_S, environment=environment)
    try:
        import_s = next(told)
        found.update(told)
    except ProcessEnded as end:
        reason = end.reason if end.status == "unsupported" else words.failure({"status": end.status, "reason": end.reason})
        if not import_s:
            return Answer(reason, 0.0, {})
        found |= dict.fromkeys([pair for pair in wanted if pair not in found], reason)
    return Answer(None, import_s, found)


def _offers(framework: str, where: str, wanted: Sequence[Pair], training: bool) -> Iterator:
    """Yield the seconds of the import, then each pair with the reason why it can't be; in a process of its own."""
    adapter, kind, start = adapters.get(framework), device.kind(where), perf_counter()
    device.state(where)  # raises where a GPU is lost
    adapter.start(kind)
    getattr(adapter, "small_call", lambda _: None)(kind)  # what is only loaded when something is computed
    yield perf_counter() - start
    for precision, mode in wanted:
        try:
            getattr(adapter, "go_together", lambda *_: None)(kind, precision, mode, training)
            yield (precision, mode), None
        except NotImplementedError as error:
            yield (precision, mode), str(error)


def refuse(framework: str, where: str, pair: Pair, threads: int, *, training: bool = False) -> None:
    """Raises UsageError with the reason where the framework can't use the device, or not in this precision and mode."""
    answer = ask(framework, where, [pair], threads, training=training)
    if reason := answer.refused or answer.pairs[pair]:
        raise UsageError(reason)


def run(opts: argparse.Namespace) -> int:
    """Say as JSON what a framework can do."""
    if opts.framework not in adapters.names():
        raise UsageError(f"unknown framework {opts.framework!r}; there are: {', '.join(adapters.names())}")
    adapter, where = adapters.get(opts.framework), device.find(opts.device)
    if adapters.version(adapter) is None:
        raise UsageError(f"{opts.framework} is not installed here. {adapter.install}")
    answer = ask(opts.framework, where, pairs(adapter, device.kind(where)))
    print(json.dumps({"framework": opts.framework, "version": adapters.version(adapter), "device": where, **answer.words()}, indent=1))
    return 2 if answer.refused else 0


def parser() -> argparse.ArgumentParser:
    """The command line."""
    main = argparse.ArgumentParser(prog="python -m bench.run.probe", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    main.add_argument("--framework", required=True)
    main.add_argument("--device", default="cpu", help="cpu, gpu or gpu:N (default: %(default)s)")
    main.set_defaults(run=run)
    return main


if __name__ == "__main__":
    sys.exit(options.main(parser()))
