"""Result files changed at random, through both ways of reading: refused in words or accepted alike, in bounded time and memory."""

import json
import os
import re
import resource
import signal
import sys
import time
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from random import Random

from two_readers import fast_records, patient_records

from dlmark.record import FIELDS
from dlmark.results.files import read_records
from reliability.trying import ROOT, Row, Task, Untried

BATCH = 1_000  # files of one seed, in one process
LONGEST_S = 2.0  # that both ways may take for one file
MORE_MEMORY = 512 * 2**20  # than the process has when it begins
TOKEN = re.compile(r'"(?:\\.|[^"\\])*"|[-+.\w]+|\s+|.', re.DOTALL)
STRANGE = [
    "NaN", "-Infinity", "1e400", "-1e400", "1e-400", "-0", "-0.0", "0.0", "1.0", "1e15", "1000000000000001", "9" * 400, "9" * 5_000, "0x10", "01", "1_000", "true", "null", "[]", "{}", '""',
    '"\\u0000"', '"\\ud800"', '"\\ud83d\\ude00"', '"\\u2028"', '"\u202e"', '"\ufeff"', '"x\u200b"', '"' + "x" * 2_001 + '"', '"' + "é" * 2_000 + '"', "'a'", "//", "/**/", "\ufeff", "\x00", "\x0c",
    '"__proto__"', '"__class__"', '"measured"', '"ok"', '"crashed"', "[1,2,3]", '["a"]', '{"a":"b"}', "[" * 2_000, "]" * 2_000, '{"a":' * 2_000, "[0.5" + ",0.5" * 100_000 + "]",
]  # fmt: skip
RUNS = {
    "exec",
    "compile",
    "import",
    "os.system",
    "os.exec",
    "os.posix_spawn",
    "os.fork",
    "subprocess.Popen",
    "socket.connect",
    "socket.getaddrinfo",
    "ctypes.dlopen",
    "pickle.find_class",
    "os.remove",
    "os.rename",
}


def by_bytes(task: Task) -> Iterator[list[str]]:
    """Flipped, inserted, deleted, repeated, cut off and put together from two files."""
    return _batches(task, of_bytes)


def by_tokens(task: Task) -> Iterator[list[str]]:
    """Tokens of JSON swapped, deleted, repeated, nested and replaced by strange ones."""
    return _batches(task, of_tokens)


def by_structures(task: Task) -> Iterator[list[str]]:
    """Files that hypothesis makes of the format's fields and of values that are right, nearly right or anything."""
    try:
        import hypothesis  # noqa: F401
    except ImportError as error:
        raise Untried(f"needs the package hypothesis ({error})") from error
    return _batches(task, of_structures)


def _batches(task: Task, one: Callable) -> Iterator[list[str]]:
    def batch(place: int) -> list[list[str]]:
        return list(task.in_a_process(one, [task.seed + place // BATCH], min(BATCH, task.number - place)))

    return task.side_by_side(batch, range(0, task.number, BATCH))


# ---- in a process of its own: a batch of files by one seed ----


def of_bytes(folder: Path, seed: int, number: int) -> list[list[str]]:
    """So many files."""
    random = Random(f"bytes {seed}")
    return [both(folder, changed_bytes(random), seed) for _ in range(number)]


def of_tokens(folder: Path, seed: int, number: int) -> list[list[str]]:
    """So many files."""
    random = Random(f"tokens {seed}")
    return [both(folder, changed_tokens(random), seed) for _ in range(number)]


def of_structures(folder: Path, seed: int, number: int) -> list[list[str]]:
    """So many files."""
    from hypothesis import HealthCheck, Phase, configuration, given, settings
    from hypothesis import seed as seeded

    configuration.set_hypothesis_home_dir(folder)
    found = []

    @seeded(seed)
    @settings(max_examples=number, database=None, deadline=None, phases=[Phase.generate], suppress_health_check=list(HealthCheck))
    @given(_files())
    def look(data: bytes) -> None:
        found.append(both(folder, data, seed))

    look()
    return found


def both(folder: Path, data: bytes, seed: int) -> list[str]:
    """What is wrong with how the two ways read a file, or how long they take."""
    _bounded()
    path, events = folder / f"mutant-{os.getpid()}.json", _watched()
    path.write_bytes(data)
    events.clear()
    begun = time.perf_counter()
    try:
        signal.setitimer(signal.ITIMER_REAL, 10 * LONGEST_S)
        problems = disagreement(path, data)
    except BaseException as error:
        problems = [f"{type(error).__name__}: {_short(error)}"]
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
    if (seconds := time.perf_counter() - begun) > LONGEST_S:
        problems.append(f"took {seconds:.1f} s")
    problems += [f"it made Python do: {event}" for event in events]
    return [f"seed {seed}, {len(data):,} bytes: {problem}; the file: {_short(data)}" for problem in problems]


def disagreement(path: Path, data: bytes, fast: Callable = fast_records) -> list[str]:
    """What the fast way accepts and the patient one does not, or reads otherwise."""
    quick, patient = fast(data), patient_records(path)
    return [] if quick is None or quick == patient else [f"the fast way accepts it as {_short(quick)}, the patient one as {_short(patient)}"]


@cache
def _bounded() -> None:
    """No more memory than some, and an alarm that is an error: a file of strangers must not take the machine along."""
    fast_records(b'[{"model": "A"}]')
    pages = int(Path("/proc/self/statm").read_text().split()[0])
    limit = pages * resource.getpagesize() + MORE_MEMORY
    resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
    signal.signal(signal.SIGALRM, _too_long)


def _too_long(*_) -> None:
    raise TimeoutError(f"it took longer than {10 * LONGEST_S:g} s")


@cache
def _watched() -> list[str]:
    """What Python did since the list was cleared, of all that a file must not make it do (sys.addaudithook)."""
    done: list[str] = []
    sys.addaudithook(lambda event, arguments: done.append(f"{event} {arguments!r:.200}") if event in RUNS else None)
    return done


def _short(value: object) -> str:
    text = repr(value)
    return text if len(text) <= 600 else f"{text[:300]} … {text[-300:]}"


# ---- how a file is changed ----


@cache
def originals() -> list[str]:
    """Some records of each of the project's result files, as files of their own."""
    texts = []
    for path in sorted((ROOT / "results").glob("*.json")):
        records = read_records(path)
        chosen = records[:: max(1, len(records) // 3)][:3]
        texts.append(json.dumps([{k: v[:8] if k == "flags" else v for k, v in record.items()} for record in chosen], ensure_ascii=False))
    return [text for text in texts if len(text) < 10_000]


def changed_bytes(random: Random) -> bytes:
    """One of the originals with a few changes."""
    data = bytearray(random.choice(originals()).encode())
    for _ in range(random.choice((1, 1, 2, 4))):
        a = random.randrange(len(data) + 1)
        b = min(len(data), a + random.choice((1, 1, 2, 8, 200)))
        part = random.choice(("bit", "byte", "insert", "delete", "repeat", "cut", "splice", "space"))
        if part == "bit" and a < len(data):
            data[a] ^= 1 << random.randrange(8)
        elif part == "byte":
            data[a:b] = random.randbytes(b - a)
        elif part == "insert":
            data[a:a] = random.choice(
                (random.randbytes(4), b'"', b",", b"}", b"[", b"\\", b"0", b"-", b"e9", b"\x00", b"\xef\xbb\xbf", b"\xed\xa0\x80", b"\xc0\xaf")
            )
        elif part == "delete":
            del data[a:b]
        elif part == "repeat":
            data[a:a] = data[a:b] * random.choice((1, 2, 50))
        elif part == "cut":
            del data[a:]
        elif part == "splice":
            data[a:] = random.choice(originals()).encode()[random.randrange(2_000) :]
        elif part == "space":
            data[a:a] = random.choice((b" ", b"\n", b"\t", b"\r", b"\xc2\xa0", b"\xe2\x80\xa8"))
    return bytes(data)


def changed_tokens(random: Random) -> bytes:
    """The same by tokens."""
    tokens = TOKEN.findall(random.choice(originals()))
    for _ in range(random.choice((1, 1, 2, 4))):
        a, b = random.randrange(len(tokens)), random.randrange(len(tokens))
        change = random.choice(("swap", "delete", "repeat", "nest", "strange", "key", "move", "value"))
        if change == "swap":
            tokens[a], tokens[b] = tokens[b], tokens[a]
        elif change == "delete":
            del tokens[a : a + random.choice((1, 1, 2, 4))]
            tokens = tokens or ["[]"]
        elif change == "repeat":
            tokens[a:a] = tokens[a : a + random.choice((1, 2, 4, 8))] * random.choice((1, 2, 20))
        elif change == "nest":
            depth = random.choice((1, 1, 2, 5, 1_000, 100_000))
            tokens[a] = "[" * depth + tokens[a] + "]" * depth if random.random() < 0.5 else '{"a":' * depth + tokens[a] + "}" * depth
        elif change == "strange":
            tokens[a] = random.choice(STRANGE)
        elif change == "key":
            tokens[a] = json.dumps(random.choice([*FIELDS, "", "Model", "model ", "modèle"]))
        elif change == "move":
            tokens.insert(b, tokens.pop(a))
        elif change == "value" and tokens[a] == ":":
            tokens[a] = f": {random.choice(STRANGE)}, {json.dumps(random.choice(list(FIELDS)))}:"
    return "".join(tokens).encode(errors="surrogatepass")


def _files():
    """A strategy for the bytes of a file."""
    from hypothesis import strategies as st

    texts, floats, whole = st.text(max_size=12), st.floats(), st.integers()
    anything = st.recursive(
        st.none() | st.booleans() | whole | floats | texts, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3), max_leaves=5
    )
    near = {
        "text": texts | st.sampled_from(["ok", "crashed", "measured", "A", "published: a/b@c:d", "2026-01-01"]), "number": floats | st.floats(0, 1e6) | whole, "integer": st.integers(0, 100) | whole | floats,
        "numbers": st.lists(st.floats(0, 10) | floats, max_size=5), "integers": st.lists(st.integers(0, 5) | whole, max_size=4), "texts": st.lists(texts, max_size=3),
        "table": st.dictionaries(texts, texts, max_size=3),
        "measures": st.dictionaries(texts, floats, max_size=3),
    }  # fmt: skip

    def pair(name: str):
        return st.tuples(st.just(name), st.one_of(near[FIELDS[name].kind], near[FIELDS[name].kind], anything) if name in FIELDS else anything)

    fields = st.lists(st.sampled_from([*FIELDS, "unknown", ""]).flatmap(pair), max_size=6).map(dict)
    record = st.builds(lambda model, more: {"model": model, **more}, texts.filter(bool), fields) | fields | anything
    return st.builds(
        lambda records, ascii: json.dumps(records, ensure_ascii=ascii).encode(errors="surrogatepass"), st.lists(record, max_size=3) | anything, st.booleans()
    )


PROMISE = "a stranger's result file is refused in words, or accepted by both ways of reading alike"
WAYS = "through dlmark.results.reader.decode.decode and dlmark.results.files.read_records, which must agree, within 2 s, 512 MB more, and with nothing run"
ROWS = [
    Row("bytes", PROMISE, f"real files with bytes changed, {WAYS}", by_bytes, 45_000, 1_500, 0.001),
    Row("tokens", PROMISE, f"real files with tokens swapped, deleted, repeated, nested and replaced, {WAYS}", by_tokens, 45_000, 1_500, 0.0015),
    Row("structures", PROMISE, f"structures that hypothesis makes of the format's fields, {WAYS}", by_structures, 10_000, 500, 0.005),
]
