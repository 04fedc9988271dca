"""The machine around the device, and its software. `root` is where /proc and /sys are looked for."""

import hashlib
import os
import platform
import re
import subprocess
import sys
from importlib import metadata
from pathlib import Path

from dlmark.machine import cpu, memory
from dlmark.machine.proc import kib, read

MIB = 2**20
# The makers that virtual machines name in their DMI table, where there is no flag of the processor for them (as on ARM).
VIRTUAL = re.compile(r"QEMU|KVM|Amazon EC2|Google Compute Engine|VMware|VirtualBox|innotek|Xen|Bochs|Parallels|OpenStack|Alibaba Cloud|Virtual Machine")
CONTAINERS = re.compile(r"docker|kubepods|containerd|lxc|libpod|garden")


def name(root: str = "/") -> str:
    """The machine around the device, and a short number that tells two alike machines apart, or what stands for it."""
    size = f"{kib(f'{root}/proc/meminfo', 'MemTotal') / MIB:.0f} GB, " if read(f"{root}/proc/meminfo") else ""
    return f"{cpu.cores()}-core {'virtual machine' if is_virtual(root) else 'machine'}, {size}{platform.system()}, {identity(root)}"


def identity(root: str = "/") -> str:
    """What no image copies and no container hides: a number made of the first disk's own; else of this boot, which says that after the next one
    nobody can tell whether it is the same machine; else that it is unknown."""
    for what, value in (("no.", _disk(root) or _platform_uuid()), ("known by its boot", read(f"{root}/proc/sys/kernel/random/boot_id").strip())):
        if value:
            return f"{what} {hashlib.sha256(f'dlmark {value}'.encode()).hexdigest()[:6]}"  # not to be traced back to the machine
    return "which one nobody can tell"


def _disk(root: str) -> str:
    """What the maker numbered the first disk by that stays in the machine; sysfs shows it in containers and to everybody.

    A virtual machine's disks have the numbers that its image came with. Amazon's volumes alone are numbered by who makes them.
    """
    disks = [path for path in sorted(Path(f"{root}/sys/block").glob("*")) if re.match(r"nvme|mmcblk|sd|dasd", path.name)]
    kept = [path for path in disks if read(f"{path}/removable").strip() != "1" and "/usb" not in os.path.realpath(path)]
    is_copied = is_virtual(root)
    for path in sorted(kept, key=lambda path: not path.name.startswith(("nvme", "mmcblk"))):
        for file in ("wwid", "device/wwid", "device/serial", "device/cid"):
            number = read(f"{path}/{file}").strip()
            if number.strip("0 ") and (not is_copied or file == "device/serial" and re.match("vol-?[0-9a-f]{8}", number)):
                return number
    return ""


def _platform_uuid() -> str:
    """On macOS."""
    if platform.system() != "Darwin":
        return ""
    try:
        told = subprocess.run(["ioreg", "-rd1", "-c", "IOPlatformExpertDevice"], capture_output=True, text=True, timeout=10, check=True).stdout
    except (OSError, subprocess.SubprocessError):
        return ""
    found = re.search(r'"IOPlatformUUID" = "([^"]+)"', told)
    return found[1] if found else ""


def virtualization(root: str = "/") -> str | None:
    """Whether it is a virtual machine, a container, or both; "none", or None where the system does not tell."""
    if not read(f"{root}/proc/cpuinfo"):
        return None
    return " in a ".join(["container"] * is_container(root) + ["virtual machine"] * is_virtual(root)) or "none"


def is_virtual(root: str = "/") -> bool:
    """By the processor's flag, what the kernel knows of a hypervisor, or the machine's maker."""
    dmi = [read(f"{root}/sys/devices/virtual/dmi/id/{line}").strip() for line in ("sys_vendor", "product_name")]
    if dmi[1].endswith(".metal"):  # Amazon's machines without a hypervisor
        return False
    hypervisors = ("sys/hypervisor/type", "proc/device-tree/hypervisor/compatible")
    return (" hypervisor" in read(f"{root}/proc/cpuinfo") or any(read(f"{root}/{path}") for path in hypervisors)
            or "microsoft" in read(f"{root}/proc/sys/kernel/osrelease").lower() or bool(VIRTUAL.search(" ".join(dmi))))  # fmt: skip


def is_container(root: str = "/") -> bool:
    """By the marks that the programs leave which make them, by the names of its control groups, or by a root of layers."""
    marks = (".dockerenv", "run/.containerenv", "run/systemd/container", ".singularity.d")
    layered = re.search(r"^\S+ / (overlay|aufs) ", read(f"{root}/proc/self/mounts"), re.MULTILINE)
    return any(os.path.exists(f"{root}/{mark}") for mark in marks) or bool(layered or CONTAINERS.search(read(f"{root}/proc/self/cgroup")))


def describe(threads: int, libraries: tuple[str, ...] = ()) -> dict:
    """The record's fields about the host and the software."""
    total = kib("/proc/meminfo", "MemTotal")
    return {"host": name(), **cpu.describe(), "host_memory_mb": total / 1024 if total else None, "granted_memory_mb": memory.granted_mb(),
            "virtualization": virtualization(), "threads": threads, "library_versions": library_versions(libraries)}  # fmt: skip


def library_versions(libraries: tuple[str, ...]) -> dict[str, str]:
    """Versions of the system's kernel, of Python, and of those of `libraries` that are installed."""
    versions = {platform.system(): platform.release(), "python": ".".join(map(str, sys.version_info[:3]))}
    for name in libraries:
        try:
            versions[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            continue
    return versions
