"""Accelerators that are there and that this benchmark does not measure yet, so that none is silently absent. `root` is where /sys is looked for."""

import platform
import re
from pathlib import Path

from dlmark.machine.proc import read
from dlmark.record import plain

# PCI's numbers of makers (pcisig.com), and the class of what draws or computes (PCI Code and ID Assignment, 0x03 and 0x12).
MAKERS = {"0x1002": "AMD", "0x8086": "Intel", "0x1da3": "Habana", "0x1e52": "Tenstorrent", "0x1d0f": "Amazon"}
COMPUTES = re.compile(r"0x(03|12)")


def names(root: str = "/") -> list[str]:
    """What is there, such as "AMD Instinct MI210" or "an Intel GPU (PCI 0x8086:0x56a0)"; NVIDIA's are not among them."""
    found = []
    for folder in sorted(Path(f"{root}/sys/bus/pci/devices").glob("*")):
        maker, number = (read(f"{folder}/{what}").strip() for what in ("vendor", "device"))
        if maker in MAKERS and COMPUTES.match(read(f"{folder}/class").strip()):
            own = plain(read(f"{folder}/product_name"))
            found.append(f"{MAKERS[maker]} {own}" if own else f"an accelerator of {MAKERS[maker]} (PCI {maker}:{number})")
    if platform.system() == "Darwin" and platform.machine() == "arm64":
        found.append("the GPU of this Apple processor")
    return found
