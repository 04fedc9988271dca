"""No accelerator is silently absent: those that are not measured are named."""

import pytest

from dlmark.machine import others


def pci(place, vendor, device, kind, **files):
    folder = f"sys/bus/pci/devices/{place}"
    return {f"{folder}/vendor": vendor, f"{folder}/device": device, f"{folder}/class": kind, **{f"{folder}/{name}": text for name, text in files.items()}}


@pytest.mark.parametrize("files, names", [
    (pci("0000:03:00.0", "0x1002", "0x740f", "0x038000", product_name="Instinct MI210\n"), ["AMD Instinct MI210"]),
    (pci("0000:03:00.0", "0x8086", "0x56a0", "0x030000"), ["an accelerator of Intel (PCI 0x8086:0x56a0)"]),
    (pci("0000:03:00.0", "0x1da3", "0x1020", "0x120000"), ["an accelerator of Habana (PCI 0x1da3:0x1020)"]),
    (pci("0000:03:00.0", "0x8086", "0x1572", "0x020000"), []),  # a network card
    (pci("0000:03:00.0", "0x10de", "0x2204", "0x030000"), []), ({}, []),  # NVIDIA's own library tells of those
])  # fmt: skip
def test_accelerators_of_other_makers_are_named_and_other_cards_are_not(files, names, rooted, monkeypatch):
    monkeypatch.setattr(others.platform, "system", lambda: "Linux")
    assert others.names(rooted(files)) == names


def test_apples_gpu_is_named(rooted, monkeypatch):
    monkeypatch.setattr(others.platform, "system", lambda: "Darwin")
    monkeypatch.setattr(others.platform, "machine", lambda: "arm64")
    assert others.names(rooted({})) == ["the GPU of this Apple processor"]
