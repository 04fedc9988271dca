"""A network in its process: how it is loaded for a job, and the memory that it took."""

from dataclasses import dataclass
from time import perf_counter
from types import ModuleType

from bench import adapters
from bench.run.contract import Network
from bench.run.task import Task
from dlmark.machine import device, sampler
from dlmark.machine import memory as memory_of
from dlmark.measure import sweep


@dataclass(frozen=True)
class Loaded:
    """A network in its process, and what it took to get there."""

    adapter: ModuleType
    network: Network
    phases: dict  # seconds
    before_mb: float  # memory of the process before the network was built

    def optional(self, *names: str) -> dict:
        """What the network offers of these."""
        return {name: getattr(self.network, name)() for name in names if hasattr(self.network, name)}


def load(task: Task, job: sweep.Job, framework: str, where: str, *, training: bool = False) -> Loaded:
    """The network of a job on its device. Raises NotImplementedError where they do not go together, DeviceError where the device is lost."""
    adapter = adapters.get(framework)
    device.state(where)  # raises where a GPU is lost; frameworks say that there is none, as if they could not use it
    make_ready(task, adapter, job)
    start = perf_counter()
    adapter.start(device.kind(where))
    imported, before_mb = perf_counter(), device.process_memory_mb(where) or 0
    options = {**job.options, **({"training": True} if training else {})}
    network = adapter.load(task.name, job.model, device.kind(where), job.fields["precision"], mode=job.fields.get("mode", adapter.modes[0]), **options)
    return Loaded(adapter, network, {"import_s": imported - start, "build_s": perf_counter() - imported}, before_mb)


def make_ready(task: Task, adapter: ModuleType, job: sweep.Job) -> None:
    """Files that an adapter makes once and keeps are not a part of what is timed, nor of what a limit on memory holds for."""
    if hasattr(adapter, "ready"):
        adapter.ready(task.name, job.model, job.fields["precision"], **job.options)


def memory(where: str, loaded: Loaded, seen: sampler.Seen | None = None) -> dict:
    """Peaks: of the process, of the framework's allocator where it tells, and on a GPU of the process as NVML sampled it."""
    peak_mb = used_mb = memory_of.peak_mb()
    if where != "cpu":
        sampled = [seen.process_memory_peak_mb if seen else None, device.process_memory_mb(where)]
        used_mb = max((mb for mb in sampled if mb is not None), default=None)
    grown_mb = None if used_mb is None else max(0.0, used_mb - loaded.before_mb)
    allocator = loaded.optional("allocator_peak_mb").get("allocator_peak_mb")
    return {"device_mem": grown_mb, "allocator_mem_mb": allocator, "process_mem_mb": peak_mb}
