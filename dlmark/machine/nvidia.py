"""NVIDIA's GPUs, as NVML tells of them (nvml.h, through pynvml)."""

import hashlib
import os
from collections.abc import Collection
from contextlib import contextmanager
from functools import cache
from typing import NamedTuple

from dlmark.machine import visible
from dlmark.record import plain

MIB = 2**20
DRIVER = "/proc/driver/nvidia/version"  # there as long as the kernel's module is loaded
NO_LIBRARY = "NVML Shared Library Not Found"

# NVML's clock event reasons that mean a lower clock than the work asks for (nvml.h, nvmlClocksEventReasons).
THROTTLE = {
    0x4: "software power cap",
    0x8: "hardware slowdown",
    0x20: "software thermal slowdown",
    0x40: "hardware thermal slowdown",
    0x80: "hardware power brake",
}


class DeviceError(ValueError):
    """The named device isn't there, or no longer; the message says which are, or what to do, and `word` what it is in short."""

    def __init__(self, message: str, word: str = "silent"):
        super().__init__(message)
        self.word = word


class Gpu(NamedTuple):
    """A GPU, or a slice of one, that this process may see: its name, or why it can't be measured, in a sentence and in a word or two."""

    name: str | None
    problem: str = ""
    word: str = ""


def why_none() -> str:
    """Why no GPU can be found, empty where NVML answers and nothing hides one."""
    return _started()[1] or why_hidden()


def why_hidden() -> str:
    """In words, where CUDA_VISIBLE_DEVICES leaves none of the GPUs that there are, or can't be understood; else empty."""
    value = os.environ.get(visible.VARIABLE)
    try:
        if value is None or _started()[0] is None or not _boards() or gpus():
            return ""
    except DeviceError as error:
        return str(error)
    return f"{visible.VARIABLE}={value!r} leaves none of the {len(_boards())} that there are"


def broken() -> str:
    """What is wrong where there is a driver that can't be asked, in one sentence; empty where NVML answers, or there is no driver at all."""
    nvml, why_not = _started()
    is_there = os.path.exists(DRIVER) or (nvml is None and "NVML says" in why_not and NO_LIBRARY not in why_not)
    return why_not if nvml is None and is_there else ""


def gpus() -> dict[str, Gpu]:
    """The GPUs that this process may see, by gpu:N in NVML's order, of one that is cut (MIG) each slice by gpu:N.K; none without a driver.

    Raises DeviceError where CUDA_VISIBLE_DEVICES can't be understood.
    """
    if _started()[0] is None:
        return {}
    boards = _boards()
    whole = [board for board in boards.values() if isinstance(board, visible.Board)]
    try:
        left = visible.left(whole, os.environ)
    except visible.Ambiguous as error:
        raise DeviceError(str(error)) from error
    return {where: gpu for number, board in boards.items() for where, gpu in _shown(f"gpu:{number}", board, left).items()}


def _shown(where: str, board: "visible.Board | Gpu", left: set[str]) -> dict[str, Gpu]:
    if isinstance(board, Gpu):  # what can't be opened CUDA does not count
        return {} if visible.VARIABLE in os.environ else {where: board}
    return {one: Gpu(_name_of(one)) for one in board.slices or [where] if one in left}


@cache
def _boards() -> "dict[int, visible.Board | Gpu]":
    """Every GPU that NVML counts, or why it can't be measured."""
    with _plain_errors("a GPU") as nvml:
        count = nvml.nvmlDeviceGetCount()
    return {number: _board(f"gpu:{number}") for number in range(count)}


def _board(where: str) -> "visible.Board | Gpu":
    try:
        with _plain_errors(where) as nvml:
            handle = _handle(where)
            slices = {f"{where}.{place}": _text(nvml.nvmlDeviceGetUUID, one) for place, one in _slices(where).items()}
            if _is_cut(where) and not slices:
                return Gpu(None, f"{where} is to be cut into slices (MIG), and there are none: nvidia-smi mig -cgi … -C makes them", "without slices")
            return visible.Board(where, _text(nvml.nvmlDeviceGetName, handle), _text(nvml.nvmlDeviceGetUUID, handle), slices)
    except DeviceError as error:
        return Gpu(None, str(error), error.word)


def describe(device: str) -> dict:
    """The record's fields about a GPU."""
    with _plain_errors(device) as nvml:
        driver, uuid = _text(nvml.nvmlSystemGetDriverVersion), _text(nvml.nvmlDeviceGetUUID, _part(device))
    memory, limit_mw = _asked(device, "MemoryInfo", of=_part(device)), _asked_of_board(device, "PowerManagementLimit")
    return {
        "device": name(device),
        "device_uuid": hashlib.sha256(f"dlmark {uuid}".encode()).hexdigest()[:16],  # not to be traced back to the board
        "driver_version": driver,
        "cuda_version": _cuda_version(),
        "memory_total_mb": memory and memory.total / MIB,
        "power_limit_w": limit_mw and limit_mw / 1_000,
    }


def _cuda_version() -> str | None:
    """The newest CUDA that the driver serves."""
    nvml = _nvml()
    try:
        number = nvml.nvmlSystemGetCudaDriverVersion_v2()
    except (nvml.NVMLError, AttributeError):  # an older library
        return None
    return f"{number // 1_000}.{number % 1_000 // 10}"


def only_visible(device: str) -> dict[str, str]:
    """Variables under which CUDA sees this GPU alone, as its first: CUDA and NVML count in different orders."""
    with _plain_errors(device) as nvml:
        return {visible.VARIABLE: _text(nvml.nvmlDeviceGetUUID, _part(device))}


def state(device: str) -> dict:
    """The record's fields about the device right now: clock, power, temperature, throttling.

    None stands for what the device can't tell, and on a slice for all of them, which are the whole board's. Raises DeviceError where the
    device is lost.
    """
    nvml = _nvml()
    bits, power_mw = _asked_of_board(device, "CurrentClocksThrottleReasons"), _power_mw(device)
    return {
        "clock_mhz": _asked_of_board(device, "ClockInfo", nvml.NVML_CLOCK_SM),
        "power_w": power_mw and power_mw / 1_000,
        "temperature_c": _asked_of_board(device, "Temperature", nvml.NVML_TEMPERATURE_GPU),
        "throttle_reasons": None if bits is None else [reason for bit, reason in THROTTLE.items() if bits & bit],
    }


def _power_mw(device: str) -> int | None:
    """The power of this moment; of a GPU that has no such field what PowerUsage tells, which from Ampere on is the mean of a second."""
    nvml = _nvml()
    (told,) = _asked_of_board(device, "FieldValues", [getattr(nvml, "NVML_FI_DEV_POWER_INSTANT", 186)]) or (None,)
    return told.value.uiVal if told is not None and told.nvmlReturn == nvml.NVML_SUCCESS else _asked_of_board(device, "PowerUsage")


def energy_j(device: str) -> float | None:
    """What the device's energy counter has reached, in J; None where it has none, and for a slice of a GPU.

    The counter is the whole board's. It moves every 20 to 100 ms, so a difference means something over seconds.
    """
    energy_mj = _asked_of_board(device, "TotalEnergyConsumption")
    return energy_mj and energy_mj / 1_000


def memory_total_mb(device: str) -> float:
    """Memory of a GPU. Raises DeviceError where NVML does not tell."""
    with _plain_errors(device) as nvml:
        return nvml.nvmlDeviceGetMemoryInfo(_part(device)).total / MIB


def processes(device: str) -> dict[int, float | None] | None:
    """The processes that compute on a GPU, with the MB that each holds; None, for a process or all, where nobody tells.

    A process that only draws, such as a desktop's, is not among them.
    """
    held = _asked(device, "ComputeRunningProcesses", of=_part(device))
    return held if held is None else {one.pid: one.usedGpuMemory and one.usedGpuMemory / MIB for one in held}


def strangers(held: dict[int, float | None] | None, own_pids: Collection[int]) -> int | None:
    """How many of the processes in `held` are not among `own_pids`; None where nobody can tell.

    In a container NVML gives the host's numbers: then ours is not among them, and some are of no process here.
    """
    if not held:  # ours at least computes there
        return None
    others = held.keys() - set(own_pids)
    is_told_apart = len(others) < len(held) or all(os.path.exists(f"/proc/{pid}") for pid in others)
    return len(others) if is_told_apart else None


def memory_used_mb(device: str) -> float | None:
    """Memory of a GPU that is in use, by whomever; None where NVML does not tell."""
    told = _asked(device, "MemoryInfo", of=_part(device))
    return told.used / MIB if told else None


@cache
def _started():
    """pynvml, initialized once a process, and ""; or None and why there is none."""
    try:
        import pynvml

        pynvml.nvmlInit()
    except ImportError:
        return None, "the package nvidia-ml-py is missing: pip install nvidia-ml-py"
    except pynvml.NVMLError as error:
        return None, f"NVML says: {str(error).rstrip('.')}; a GPU needs NVIDIA's driver, and nvidia-smi shows whether it works"
    return pynvml, ""


def _nvml():
    nvml, why_not = _started()
    if nvml is None:
        raise DeviceError(f"there is no GPU ({why_not}). Use --device cpu, or mend that.")
    return nvml


@cache
def _handle(device: str):
    with _plain_errors(device) as nvml:
        return nvml.nvmlDeviceGetHandleByIndex(int(_of_board(device).partition(":")[2] or 0))


def _of_board(device: str) -> str:
    """gpu:N of gpu:N or gpu:N.K."""
    return device.partition(".")[0]


@cache
def _is_cut(device: str) -> bool:
    """Whether the board is cut into slices (MIG)."""
    return bool((_asked(device, "MigMode") or [0])[0])


@cache
def _slices(device: str) -> dict:
    """Handles of the slices that a board is cut into, by their places, of which some may be empty."""
    if not _is_cut(device):
        return {}
    places = range(_asked(device, "MaxMigDeviceCount") or 0)
    return {place: one for place in places if (one := _asked(device, "MigDeviceHandleByIndex", place))}


@cache
def _part(device: str):
    """What CUDA computes on: the GPU, or where it is cut into slices (MIG) the one that is named, else the first."""
    slices = _slices(_of_board(device))
    if not slices:
        return _handle(device)
    place = device.partition(".")[2]
    if place and int(place) not in slices:
        raise DeviceError(f"{_of_board(device)} has no slice {place} (MIG): there is {', '.join(f'{_of_board(device)}.{one}' for one in slices)}")
    return slices[int(place)] if place else next(iter(slices.values()))


def name(device: str) -> str:
    """What NVML calls it. Raises DeviceError where it is lost."""
    with _plain_errors(device) as nvml:
        return _text(nvml.nvmlDeviceGetName, _part(device))


_name_of = cache(name)


@contextmanager
def _plain_errors(device: str):
    """Give pynvml, and turn its errors into a DeviceError."""
    nvml = _nvml()
    try:
        yield nvml
    except nvml.NVMLError as error:
        raise _plain(device, error) from error


def _asked(device: str, question: str, *args, of=None):
    """What NVML answers to nvmlDeviceGet`question`, or None where this device has no answer; `of` is a part of it."""
    nvml = _nvml()
    try:
        return getattr(nvml, f"nvmlDeviceGet{question}")(of or _handle(_of_board(device)), *args)
    except AttributeError:  # an older pynvml
        return None
    except nvml.NVMLError as error:
        if _is_lost(error):
            raise _plain(device, error) from error
        return None


def _asked_of_board(device: str, question: str, *args):
    """The same of the whole board; None for a slice of it, whose figures these are not."""
    return None if _is_cut(_of_board(device)) else _asked(device, question, *args)


def _is_lost(error) -> bool:
    """Whether the device or its driver is gone, rather than unable to answer."""
    nvml = _nvml()
    return error.value in (nvml.NVML_ERROR_GPU_IS_LOST, nvml.NVML_ERROR_RESET_REQUIRED, nvml.NVML_ERROR_DRIVER_NOT_LOADED)


def _plain(device: str, error) -> DeviceError:
    """NVML's error as one that a user can act on."""
    if error.value == _nvml().NVML_ERROR_NO_PERMISSION:
        words = f"{device} may not be used by you (NVML says: {error}): take another, or ask whoever gives them out on this machine"
        return DeviceError(words, "not for you")
    if not _is_lost(error):
        return DeviceError(f"NVML can't tell about {device}: {error}. See what nvidia-smi says, or use --device cpu.")
    number = _of_board(device).partition(":")[2] or 0
    return DeviceError(
        f"{device} is lost: NVML says: {error}. See dmesg and nvidia-smi. It has to be reset (nvidia-smi --gpu-reset -i {number}) or the machine "
        "restarted, by whoever looks after it where others use it too; then give the same command again.",
        "lost",
    )


def _text(ask, *args) -> str:
    """What NVML answers as text; drivers have given bytes that are none."""
    try:
        text = ask(*args)
    except UnicodeDecodeError as error:
        text = error.object
    return plain(text.decode(errors="replace") if isinstance(text, bytes) else text) or "unknown"
