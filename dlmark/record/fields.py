"""One measurement: every field with its unit, and the format version.

A result file is a JSON list of records. Field = JSON key = DataFrame column. Any field may be missing or null, except
`model`. Files may come from strangers: everything is bounded, nothing is evaluated, texts are texts, and what a record says of
itself agrees.
"""

import math
from typing import NamedTuple

FORMAT_VERSION = 2

MEASURED = "measured"
PUBLISHED = "published: "  # followed by owner/repository@commit:path

STATUSES = {
    "ok": "measured",
    "out_of_memory": "the device or the stated memory limit had no room for it",
    "unsupported": "the framework, network, precision and device do not go together",
    "time_cap": "it would have taken longer than the stated cap, so it was not measured",
    "timed_out": "the measuring process gave no sign of life within the watchdog's limit and was ended",
    "crashed": "the measuring process ended by itself",
    "wrong_output": "the network's answers are not those of the same network in float32, so its speed means nothing",
    "recompiled": "the framework compiled anew inside the timed part",
}
WORKLOADS = ("inference", "training", "prefill", "decode", "ceiling")
GRADES = ("A", "B", "C")

MAX_ITEMS = 100_000
MAX_TABLE = 100
MAX_MEASURES = 10_000
MAX_NUMBER = 1e15  # up to here a float and a DataFrame's integers are exact


class Field(NamedTuple):
    """How a field is written: `kind`, `unit`, what it means, and the range that its numbers must lie in."""

    kind: str  # text, number, integer, numbers, integers, texts, table (of texts) or measures (a table of numbers)
    unit: str
    meaning: str
    low: float = 0
    high: float = math.inf


FIELDS = {
    # what was measured
    "model": Field("text", "", "network, by the name that readers know"),
    "session": Field("text", "", "the run that measured it: on one machine, with one set of versions; its records depend on no other's"),
    "task": Field("text", "", "what the network is for: classification, detection …; none of a ceiling"),
    "unit": Field("text", "", "unit of the throughput: images/s, clips/s, tokens/s, calls/s …"),
    "workload": Field("text", "", "inference, training, prefill, decode, or ceiling: what the device can do at most"),
    "framework": Field("text", "", "framework, as its adapter is named"),
    "framework_version": Field("text", "", "the framework's own version"),
    "precision": Field("text", "", "number format of the network: float32, float16, bfloat16, int8 …"),
    "mode": Field("text", "", "how the framework runs it: eager, hybridized, compiled, graph …"),
    "layout": Field("text", "", "order of the images' axes in memory, NCHW or NHWC, where it is chosen"),
    "autotune": Field("text", "", "whether the framework tries several algorithms at the first call: on or off, where it is chosen"),
    "compile_mode": Field("text", "", "how far the compiler goes, by the framework's own name for it"),
    "batch_size": Field("integer", "", "items in one batch: images, clips … as unit says", low=1, high=10_000_000),
    "input_shape": Field("integers", "", "shape of one input, without the batch: channels, height, width of an image", low=1, high=10_000_000),
    "threads": Field("integer", "", "CPU threads that the framework was given", low=1, high=100_000),
    "parameters": Field("integer", "", "numbers that the network has learned, or would have"),
    "multiply_adds": Field("integer", "", "multiplications with an addition, in convolutions and matrix products, for one item"),
    "activations": Field("integer", "", "numbers that the convolutions and matrix products put out for one item"),
    # where
    "device": Field("text", "", "what NVML or /proc/cpuinfo reports; on a CPU with the thread count"),
    "device_kind": Field("text", "", "cpu or gpu"),
    "host": Field("text", "", "the machine around it, and a short number that tells two alike machines apart, or that it is known by its boot alone"),
    "driver_version": Field("text", "", "version of the GPU's driver"),
    "cuda_version": Field("text", "", "newest CUDA that the driver serves"),
    "device_uuid": Field("text", "", "a number made of what the maker numbered the GPU by, which tells two boards of one name apart"),
    "cpu": Field("text", "", "the processor, by the name that it gives itself"),
    "physical_cores": Field("integer", "", "cores of the host, each counted once however many threads it has", low=1, high=1_000_000),
    "logical_cores": Field("integer", "", "threads that the host's cores run at once", low=1, high=1_000_000),
    "granted_cores": Field("number", "", "cores' worth of time that the container is granted, where it is limited", high=1_000_000),
    "governor": Field("text", "", "what chooses the processor's clock, such as performance or powersave"),
    "turbo": Field("text", "", "whether cores may run faster than their nominal clock: on or off"),
    "smt": Field("text", "", "whether cores run several threads at once: on or off"),
    "clock_limit_mhz": Field("number", "MHz", "highest clock that the system may choose for the first core"),
    "load_1min": Field("number", "", "programs that ran or waited for a core in the minute before, on average"),
    "host_memory_mb": Field("number", "MB", "memory of the host (2^20 bytes)"),
    "granted_memory_mb": Field("number", "MB", "memory that a container or a limit of the shell grants, where there is one (2^20 bytes)"),
    "virtualization": Field("text", "", "virtual machine, container, container in a virtual machine, or none"),
    "library_versions": Field("table", "", "versions of Python and of the libraries that matter"),
    # throughput
    "throughput": Field("number", "as unit says", "batch size over the median time to complete net(X); of several rounds their median"),
    "throughput_half_width": Field("number", "as unit says", "half-width of the 95% interval, in which a second measurement is expected to fall"),
    "round_spread": Field("number", "", "difference between the slowest and the fastest round, as a share of the throughput"),
    "block_times_s": Field("numbers", "s", "raw time of each timed block of calls, round after round"),
    "round_blocks": Field("integers", "", "blocks of each round; each round has a process of its own", low=1),
    "calls_per_block": Field("integer", "", "calls in one block, with one wait at its end", low=1),
    "contended_blocks": Field("integers", "", "places in block_times_s, from 0, of the blocks that were disturbed by other programs"),
    "event_gap": Field("number", "", "largest difference between device events and wall clock, as a share of a round's time"),
    # latency, from a pass of its own
    "latency_p50_s": Field("number", "s", "median time of one call and one wait; from 30 calls on"),
    "latency_p90_s": Field("number", "s", "90th percentile; from 100 calls on"),
    "latency_p99_s": Field("number", "s", "99th percentile; from 1,000 calls on"),
    "latency_calls": Field("integer", "", "calls behind the percentiles"),
    # phases before the steady state
    "import_s": Field("number", "s", "importing the framework"),
    "build_s": Field("number", "s", "building the network and its weights"),
    "first_call_s": Field("number", "s", "first call at this batch size: compiling, autotuning, first memory"),
    "warmup_s": Field("number", "s", "warm-up after the first call, until two successive blocks agree"),
    "spent_s": Field("number", "s", "all the time that the point took: its rounds, and its share of starting processes"),
    # the host meanwhile
    "other_cpu_share": Field("number", "", "CPU time taken by other programs during the timed blocks, in cores", high=100_000),
    "steal_share": Field("number", "", "CPU time that the virtual machine did not get, in cores", high=100_000),
    "cpu_wait_share": Field("number", "", "time for which our threads waited for a core, as a share of the CPU time that they got in the timed blocks"),
    "cpu_per_wall": Field("number", "", "our own CPU time over wall time, in cores"),
    "quota_wait_s": Field("number", "s", "time for which a quota (cgroup) kept the process from the CPU during the timed blocks"),
    "involuntary_switches": Field("integer", "", "times that the system took a core from one of our threads during the timed blocks"),
    "devices_beside": Field("integer", "", "other devices of the machine that were measured at the same time, at most; none where they took turns"),
    "canary_drift": Field("number", "", "change of a fixed piece of work between before and after, as a share"),
    # memory and state of the device
    "device_mem": Field("number", "MB", "peak growth of memory since before the network was built: resident on a CPU, the process's on a GPU (2^20 bytes)"),
    "allocator_mem_mb": Field("number", "MB", "peak of the framework's own allocator, where it tells (2^20 bytes)"),
    "process_mem_mb": Field("number", "MB", "peak resident memory of the measuring process (2^20 bytes)"),
    "memory_total_mb": Field("number", "MB", "memory of the GPU (2^20 bytes)"),
    "memory_limit_mb": Field("number", "MB", "limit within which the largest batch was sought (2^20 bytes)"),
    "trials": Field("integer", "", "batches that were tried in the search for the largest"),
    "energy_j": Field("number", "J", "energy per item in steady state, where the device counts it"),
    "energy_s": Field("number", "s", "seconds of steady load behind the energy"),
    "power_w": Field("number", "W", "power drawn: median of the samples under steady load"),
    "power_limit_w": Field("number", "W", "power limit that the device was set to"),
    "clock_mhz": Field("number", "MHz", "clock of the processing units: median of the samples under steady load"),
    "clock_min_mhz": Field("number", "MHz", "lowest clock among those samples"),
    "temperature_c": Field("number", "°C", "highest temperature among those samples", low=-273.15, high=1_000),
    "throttle_reasons": Field("texts", "", "reasons that the device gave for lowering its clocks"),
    "foreign_processes": Field("integer", "", "most processes of others that were seen on the GPU at once"),
    "samples": Field("integer", "", "samples of the device's state behind these figures"),
    "sampler_share": Field("number", "", "CPU time that the sampling took, in cores", high=100_000),
    # what the device can do
    "tflops": Field("number", "TFLOP/s", "floating-point operations a second of a large matrix product, two a multiply-add"),
    "bandwidth_gb_s": Field("number", "GB/s", "bytes read and written a second by a large copy (10^9 bytes)"),
    "overhead_s": Field("number", "s", "time of a call that has next to nothing to do"),
    # the gate: the answers on fixed images against those of the same network in float32
    "gate_error": Field("number", "", "largest difference of an answer, as a share of the largest answer in float32"),
    "gate_agreement": Field("number", "", "share of the images with the same first answer", high=1),
    "gate_images": Field("integer", "images", "images behind the gate"),
    # accuracy
    "accuracy": Field("number", "", "top-1 accuracy", high=1),
    "accuracy_top5": Field("number", "", "top-5 accuracy", high=1),
    "quality": Field("measures", "", "of a task that has others: each metric by its usual name, such as mAP or mean IoU", low=-math.inf),
    "quality_by_class": Field("measures", "", "the first of them for each class", low=-math.inf),
    "images": Field("integer", "images", "images behind the accuracy or quality"),
    "dataset": Field("text", "", "the images behind the accuracy or quality"),
    "images_unreadable": Field("integer", "images", "images of the folder that could not be read and were left out"),
    "weights": Field("text", "", "where the network's weights come from"),
    "weights_version": Field("text", "", "which weights they are, by the name that their makers give them"),
    "preprocessing": Field("text", "", "what was done with each image before the network was given it"),
    # how far to trust it
    "status": Field("text", "", "ok, or why there is no number: " + ", ".join(s for s in STATUSES if s != "ok")),
    "reason": Field("text", "", "one sentence on a status that is not ok"),
    "flags": Field("texts", "", "what to know before trusting the number"),
    "grade": Field("text", "", "A: all conditions of a good measurement hold; B: one is missed; C: more"),
    "grade_reasons": Field("texts", "", "the conditions that are missed"),
    "time_cap_s": Field("number", "s", "cap on one point's time under which it was measured or left out"),
    "source": Field("text", "", "measured, or published: and the repository, commit and path"),
    "published_date": Field("text", "", "day on which a published figure appeared, YYYY-MM-DD"),
    "measured_at": Field("text", "", "when it was measured, ISO 8601, UTC"),
    "command": Field("text", "", "command that measures it again"),
    # a study of the measuring itself
    "method": Field("text", "", "how it was timed, in a study that compares ways of timing"),
    "repetition": Field("integer", "", "which repetition of the study", low=1),
    "condition": Field("text", "", "what else ran on the machine, in a study"),
    "format_version": Field("integer", "", "version of this format", low=1),
}
