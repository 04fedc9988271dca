"""Sets of records, all accepted by the check, on which every page has to be made: few, odd, missing, one device more, none at all."""

import random
from collections.abc import Callable
from statistics import median

from dlmark.measure.rounds import blocks
from dlmark.record import STATUSES
from dlmark.results.files import file_name

CPU, GPU = "Intel(R) Xeon(R) Processor, 2 threads", "NVIDIA H100 PCIe"
NETS = ["ResNet-v1b-50", "ResNet-v1-18", "ResNet-v2-50", "VGG-16", "AlexNet"]
WAYS = [("mxnet", "float32", "fused"), ("mxnet", "float32", "hybridized"), ("torch", "float32", "eager"), ("torch", "bfloat16", "compiled"),
        ("openvino", "float32", "graph"), ("openvino", "int8", "graph")]  # fmt: skip
THROUGHPUT, LARGEST, ACCURACY = (("cnn.py", f"benchmark_{name}") for name in ("throughput", "largest_batch_size", "accuracy"))
CEILINGS, TRAINING, STUDY = ("device.py", "benchmark_ceilings"), ("training.py", "benchmark_throughput"), ("how_sure.py", "benchmark_methods")
NUMBERS = ("throughput", "throughput_half_width", "grade", "grade_reasons", "tflops", "bandwidth_gb_s", "overhead_s", "accuracy")
RESULTS = ("throughput", "accuracy", "tflops", "bandwidth_gb_s", "overhead_s", "memory_limit_mb")
RAW = ("block_times_s", "round_blocks", "contended_blocks", "calls_per_block")
NEEDED = ((["throughput"], ["throughput_half_width"]), (["throughput_half_width"], ["grade"]), (["batch_size"], RAW))  # one of these, for those

Item = tuple[tuple[str, str], dict]  # script and function, and a record of theirs


def point(model="ResNet-v1b-50", batch_size=8, way=WAYS[0], device=CPU, **fields) -> dict:
    """A throughput as `make results` writes it, without raw times."""
    framework, precision, mode = way
    throughput = 40.0 + len(model) + batch_size**0.5
    record = {
        "model": model, "workload": "inference", "framework": framework, "framework_version": "2.0", "precision": precision, "mode": mode,
        "batch_size": batch_size, "input_shape": [3, 224, 224], "threads": 2, "parameters": 25_000_000, "multiply_adds": 4_000_000_000,
        "activations": 11_000_000, "device": device, "host": "2-core virtual machine, 8 GB, Linux 6.1, no. 70cb47", "throughput": throughput,
        "throughput_half_width": throughput / 10, "round_spread": 0.03, "first_call_s": 1.5, "device_mem": 300.0 + batch_size, "gate_error": 1e-3,
        "gate_agreement": 1.0, "gate_images": 8, "status": "ok", "grade": "C", "grade_reasons": ["no canary", "nobody watched the host"], "flags": [], "source": "measured",
        "measured_at": "2026-11-24T12:00:00Z", "format_version": 1,
    }  # fmt: skip
    return without({**record, **fields})


def timed(record: dict, shares=(0.999, 1.0, 1.001) * 4, **fields) -> dict:
    """The record with raw times that its throughput and spread follow from: `shares` of a block's time."""
    block_s = record["batch_size"] / record["throughput"]
    found = {**record, "block_times_s": [share * block_s for share in shares], "calls_per_block": 1, "round_spread": None, **fields}
    medians = [median(times) for times in blocks(found)]
    return without({**found, "round_spread": max(medians) / min(medians) - 1 if len(medians) > 1 else None})


def without(record: dict, *names: str) -> dict:
    """The record without what is None, without `names`, without numbers where it failed, and without what the check takes only beside these."""
    failed = record.get("status") not in (None, "ok")
    left = {name: value for name, value in record.items() if value is not None and name not in names and not (failed and name in NUMBERS)}
    for needed, others in NEEDED:
        left = left if set(needed) & set(left) else {name: value for name, value in left.items() if name not in others}
    return left if failed or set(RESULTS) & set(left) else {name: value for name, value in left.items() if name != "status"}


def changed(items: list[Item], **fields) -> list[Item]:
    """The same with other values in the measured records; None takes a field away. Another throughput has no raw times."""
    raw = RAW if {"throughput", "batch_size", "status"} & set(fields) and not set(RAW) & set(fields) else ()
    return [(where, without({**record, **fields}, *raw) if record["source"] == "measured" else record) for where, record in items]


def device_points(device=CPU, nets=NETS, sizes=(1, 8, 32, 64), ways=WAYS) -> list[Item]:
    """What a device has been measured with."""
    return [(THROUGHPUT, point(net, size, way, device)) for net in nets for size in sizes for way in ways]


def ceilings(device=CPU, source="measured") -> list[Item]:
    """Rates and overhead of a device, in three precisions."""
    base = {"workload": "ceiling", "framework": "torch", "device": device, "source": source, "status": "ok"}
    parts = [{"model": "matrix product 4096", "tflops": 1.0}, {"model": "copy 256 MB", "bandwidth_gb_s": 30.0}, {"model": "call", "overhead_s": 1e-6}]
    return [(CEILINGS, {**base, "precision": p, **part}) for p in ("float32", "bfloat16", "int8") for part in parts]


def training(device=CPU, sizes=(8, 32), frameworks=("mxnet", "torch", "jax"), nets=NETS) -> list[Item]:
    """Steps of training."""
    ways = [(name, "float32", "eager") for name in frameworks]
    return [(TRAINING, point(net, size, way, device, workload="training")) for way in ways for net in nets for size in sizes]


def study(device=CPU) -> list[Item]:
    """Repetitions of the study of the measuring."""
    conditions = ["nothing else", "one core busy for 1 s of every 2 s", "before ResNet-v1-18 is made 5% slower",
                  "ResNet-v1-18 made 5% slower", "after ResNet-v1-18 was made 5% slower"]  # fmt: skip
    methods = ["dlmark", "original loop", "dlmark, no early stop"]
    draw = random.Random(1)
    cases = [(net, m, r, c) for c in conditions for m in methods for r in (1, 2, 3) for net in NETS[:2]]
    fields = {"round_blocks": [6, 6], "spent_s": 4.0}
    return [(STUDY, timed(point(net, 4, WAYS[1], device, throughput=40 * draw.uniform(0.9, 1.1), method=m, repetition=r, condition=c), **fields))
            for net, m, r, c in cases]  # fmt: skip


def accuracies(zoo="gluon-zoo", accuracy=0.7) -> list[Item]:
    """Published accuracies; `zoo` stands in the place of the device in the file's name."""
    base = {"framework": "mxnet", "batch_size": 64, "device": zoo, "accuracy": accuracy, "source": "published: a/b@1:x.md"}
    return [(ACCURACY, without({**base, "model": net})) for net in NETS]


def published(device="Tesla V100-SXM2-16GB") -> list[Item]:
    """Figures of others."""
    about = {"source": "published: a/b@1:x.md", "published_date": "2020-01-04", "throughput_half_width": None, "grade": None, "grade_reasons": None}
    return [*changed(device_points(device, sizes=(1, 64), ways=WAYS[:1]), **about), *accuracies(device), *accuracies(),
            *ceilings(device, "published: a/b@1:x.md")]  # fmt: skip


def largest(device=CPU) -> list[Item]:
    """Largest batches."""
    return changed([(LARGEST, point(net, 100, WAYS[1], device)) for net in NETS], throughput=None, throughput_half_width=None, memory_limit_mb=8_000.0)


def everything(device=CPU) -> list[Item]:
    """All pages have something to show."""
    return [*device_points(device), *ceilings(device), *training(device), *study(device), *largest(device), *published()]


def missing(*names: str) -> list[Item]:
    """All of that, in which no measured record has `names`."""
    return changed(everything(), **dict.fromkeys(names))


def some_missing(name: str) -> list[Item]:
    """All of that, in which every third record lacks `name`."""
    return [(where, without(record, *[name] * (number % 3 == 0))) for number, (where, record) in enumerate(everything())]


def failures(status: str) -> list[Item]:
    """Nothing but failures."""
    return changed(everything(), status=status, reason="it did not work")


ODD_NAMES = [
    "x",
    "X",
    "é́ 測試 Ωμέγα",
    "a" * 120,
    " ".join(["Intel(R) Xeon(R) Processor"] * 4),
    "model",
    "source",
    "index",
    "limited by",
    "0",
    "nan",
    "None",
    "all",
]


def odd_names(field: str) -> list[Item]:
    """Every name of ODD_NAMES in one field, on top of all the rest."""
    named = [(where, {**record, field: name}) for name in ODD_NAMES for where, record in everything()[::3] if field in record]
    return everything() + named


def many_devices() -> list[Item]:
    """Hundreds of devices with a few points each, of every kind."""
    names = [f"Accelerator {number}" for number in range(400)]
    return [item for name in names for item in [*device_points(name, NETS[2:4], (8,), WAYS[:1]), *ceilings(name)[:2], *training(name, (8,), nets=NETS[:1]),
                                                *largest(name)]]  # fmt: skip


def extreme(number: float, half_width: float | None = None) -> list[Item]:
    """Numbers of one size."""
    counts = {name: int(number) for name in ("parameters", "multiply_adds", "activations")}
    several = dict.fromkeys(("tflops", "bandwidth_gb_s", "overhead_s", "first_call_s", "spent_s", "device_mem", "gate_error", "memory_limit_mb"), number)
    speeds = {"throughput": max(number, 1e-9), "throughput_half_width": number if half_width is None else half_width}
    items = everything()
    numbers = {**speeds, **several, **counts}
    return [(where, {name: numbers.get(name, value) for name, value in record.items() if name not in RAW}) for where, record in items]


ALONE: dict[str, Callable[[], list[Item]]] = {  # with nothing else in the folder
    "nothing": lambda: [],
    "everything": everything,
    "published only": published,
    "one point": lambda: device_points(nets=NETS[:1], sizes=(8,), ways=WAYS[:1]),
    "one record of nothing but a name, of each kind": lambda: [(where, {"model": "a"}) for where in (THROUGHPUT, LARGEST, ACCURACY, CEILINGS, TRAINING, STUDY)],
    "a name and a device": lambda: [(where, {"model": "a", "device": CPU}) for where in (THROUGHPUT, LARGEST, ACCURACY, CEILINGS, TRAINING, STUDY)],
    "no batch size 32": lambda: [item for item in everything() if item[1].get("batch_size") != 32],
    "no batch size 1": lambda: [item for item in everything() if item[1].get("batch_size") != 1],
    "batch size 3 only": lambda: changed(everything(), batch_size=3),
    "the largest batch size": lambda: changed(everything(), batch_size=10_000_000),
    "ceilings with overhead only": lambda: device_points() + [(CEILINGS, {**record, "overhead_s": 1e-6}) for _, record in changed(ceilings(), tflops=None, bandwidth_gb_s=None)],
    "no ceilings": lambda: [item for item in everything() if item[0] != CEILINGS],
    "ceilings of nothing": lambda: [*device_points(), *changed(ceilings(), tflops=0, bandwidth_gb_s=0, overhead_s=0)],
    "counts of nothing": lambda: changed(everything(), parameters=0, multiply_adds=0, activations=0),
    "nobody failed and nobody looked": lambda: changed(everything(), gate_error=None, gate_agreement=None, gate_images=None),
    "accuracy of nothing": lambda: everything() + accuracies(accuracy=0.0) + accuracies("Tesla V100-SXM2-16GB", accuracy=0.0),
    "no accuracy": lambda: everything() + accuracies(accuracy=None),
    "a study without a second repetition": lambda: changed(study(), repetition=1),
    "a study of one method": lambda: changed(study(), method="original loop"),
    "a study of no spread": lambda: changed(study(), throughput=40.0),
    "a study that took no time": lambda: changed(study(), spent_s=0.0),
    "a study under other conditions": lambda: changed(study(), condition="a storm"),
    "a study with a block of no time": lambda: [(where, timed(record, (0.0, 1.0, 1.0, 1.0, 1.0), round_blocks=None)) for where, record in study()],
    "a study with one block": lambda: [(where, timed(record, (1.0,), round_blocks=[1])) for where, record in study()],
    "a study with rounds of a block": lambda: [(where, timed(record, (1.0, 1.0), round_blocks=[1, 1])) for where, record in study()],
    "a study with disturbed blocks": lambda: changed(study(), contended_blocks=list(range(12))),
    "hundreds of devices": many_devices,
    "huge numbers": lambda: extreme(1e15),
    "tiny numbers": lambda: extreme(1e-9),
    "no number but 0": lambda: extreme(0.0),
    "intervals as wide as can be": lambda: extreme(1e-9, 1e15),
    "lists of nothing": lambda: changed(everything(), input_shape=[], flags=[], grade=None, grade_reasons=[], throttle_reasons=[], library_versions={}),
    "nothing but clips": lambda: changed(everything(), unit="clips/s", task="action"),
    "clips among images": lambda: everything() + changed(everything(), unit="clips/s", task="action"),
    "crops among images of one task": lambda: everything() + [(where, {**record, "unit": "crops/s", "mode": "cropped"}) for where, record in everything()],
    **{f"nobody says {name}": lambda name=name: missing(name) for name in (
        "throughput_half_width", "mode", "precision", "framework", "grade", "measured_at", "batch_size", "host", "device", "throughput", "source",
        "method", "repetition", "condition", "spent_s", "tflops", "multiply_adds", "first_call_s", "device_mem", "input_shape", "status", "workload")},
    "nobody says anything": lambda: missing("throughput_half_width", "mode", "precision", "framework", "framework_version", "batch_size", "host", "device", "grade"),
    **{f"some do not say {name}": lambda name=name: some_missing(name) for name in (
        "throughput_half_width", "mode", "precision", "framework", "batch_size", "host", "device", "source", "method", "repetition",
        "condition", "spent_s", "throughput", "measured_at", "accuracy", "tflops", "workload")},
    **{f"nothing but {status}": lambda status=status: failures(status) for status in STATUSES if status != "ok"},
    **{f"odd names of a {field}": lambda field=field: odd_names(field) for field in ("model", "device", "framework", "precision", "mode", "method", "condition", "host")},
}  # fmt: skip

BESIDE: dict[str, Callable[[], list[Item]]] = {  # beside the results of this repository
    "a device more with few points": lambda: device_points(GPU, NETS[:1], (8,), WAYS[:1]),
    "a device more with training at batch 8 only": lambda: training(GPU, (8,)),
    "a device more with most points": lambda: everything(GPU) + device_points(GPU, [f"net {n}" for n in range(40)], (1, 8, 64)),
    "a device more with most points, all at batch 1": lambda: device_points(GPU, [f"net {n}" for n in range(250)], (1,), WAYS[:1]),
    "a record of a study without a batch size": lambda: [(STUDY, without(point("AlexNet", 1, WAYS[1], method="dlmark", repetition=1, condition="nothing else"), "batch_size"))],
    "a record of a study with nothing": lambda: [(STUDY, {"model": "AlexNet", "device": CPU, "method": "dlmark"})],
    "a record without a device": lambda: changed(device_points(GPU, NETS, (1, 2, 4, 8), WAYS[:1]), device=None),
    "failures of a device more": lambda: changed(everything(GPU), status="crashed", reason="x"),
}  # fmt: skip


def files(items: list[Item]) -> dict[str, list[dict]]:
    """The records by the names of the files that `make results` would put them into."""
    found: dict[str, list[dict]] = {}
    for (script, function), record in items:
        name = file_name(script, function, record.get("framework", "zz"), record.get("device", "zz"))
        if record.get("source", "measured") != "measured":
            name = name.replace(".json", "__published.json")
        found.setdefault(name, []).append(record)
    return found
