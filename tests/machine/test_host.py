"""The host and its processor: what can be read is told, and what can't is None."""

import pytest

from dlmark.machine import cgroup, cpu, host, proc
from dlmark.record import check


def core(folder, number, package, own):
    topology = folder / f"cpu{number}" / "topology"
    topology.mkdir(parents=True)
    (topology / "physical_package_id").write_text(f"{package}\n")
    (topology / "core_id").write_text(f"{own}\n")


def test_a_core_with_two_threads_counts_once_and_one_of_another_socket_again(tmp_path):
    for number, (package, own) in enumerate([(0, 0), (0, 1), (0, 0), (0, 1), (1, 0)]):
        core(tmp_path, number, package, own)
    assert cpu.physical_cores(str(tmp_path)) == 3


def test_where_the_system_tells_no_topology_the_physical_cores_and_the_governor_are_unknown(tmp_path):
    (tmp_path / "cpu0").mkdir()
    assert cpu.physical_cores(str(tmp_path)) is None and cpu.governor(str(tmp_path)) is None


def test_the_governor_is_that_of_the_first_core(tmp_path):
    (tmp_path / "cpu0" / "cpufreq").mkdir(parents=True)
    (tmp_path / "cpu0" / "cpufreq" / "scaling_governor").write_text("powersave\n")
    assert cpu.governor(str(tmp_path)) == "powersave"


# ---- what a machine is ----


@pytest.mark.parametrize("files, expected", [
    ({"proc/cpuinfo": "flags : fpu hypervisor"}, "virtual machine"), ({"proc/cpuinfo": "flags : fpu"}, "none"), ({}, None),
    ({"proc/cpuinfo": "CPU part : 0xd0c", "sys/devices/virtual/dmi/id/sys_vendor": "Amazon EC2"}, "virtual machine"),
    ({"proc/cpuinfo": "CPU part : 0xd0c", "sys/devices/virtual/dmi/id/sys_vendor": "Amazon EC2", "sys/devices/virtual/dmi/id/product_name": "m6g.metal"}, "none"),
    ({"proc/cpuinfo": "CPU part : 0xd0c", "proc/device-tree/hypervisor/compatible": "linux,kvm"}, "virtual machine"),
    ({"proc/cpuinfo": "flags : fpu", "proc/sys/kernel/osrelease": "5.15.1-microsoft-standard-WSL2"}, "virtual machine"),
    ({"proc/cpuinfo": "flags : hypervisor", ".dockerenv": ""}, "container in a virtual machine"),
    ({"proc/cpuinfo": "flags : fpu", "run/.containerenv": ""}, "container"),
    ({"proc/cpuinfo": "flags : fpu", "proc/self/cgroup": "4:memory:/kubepods/pod1/a"}, "container"),
    ({"proc/cpuinfo": "flags : fpu", "proc/self/mounts": "overlay / overlay rw 0 0"}, "container"),
])  # fmt: skip
def test_virtual_machines_and_containers_are_told(files, expected, rooted):
    assert host.virtualization(rooted(files)) == expected


DISK = {"proc/cpuinfo": "flags : fpu", "sys/block/nvme0n1/wwid": "eui.0025385b11b2c3d4", "proc/sys/kernel/random/boot_id": "one", "etc/machine-id": "a"}


def test_a_machine_is_known_by_its_disk_also_in_a_container_and_whatever_id_its_image_has(rooted):
    usual = host.identity(rooted(DISK))
    assert usual.startswith("no. ") and len(usual) == 10
    assert host.identity(rooted({**DISK, ".dockerenv": "", "etc/machine-id": "", "proc/sys/kernel/random/boot_id": "two"})) == usual
    assert host.identity(rooted({**DISK, "sys/block/nvme0n1/wwid": "eui.1"})) != usual
    assert host.identity(rooted({**DISK, "sys/block/sda/removable": "1", "sys/block/sda/device/wwid": "naa.5"})) == usual


def test_two_machines_made_from_one_image_are_two_and_one_in_two_containers_is_one(rooted):
    image = {"proc/cpuinfo": "flags : hypervisor", "etc/machine-id": "88544b92", "sys/block/vda/serial": "1786635925", "sys/block/sda/device/wwid": "naa.6"}
    one, other = ({**image, "proc/sys/kernel/random/boot_id": boot} for boot in ("one", "other"))
    assert host.identity(rooted(one)).startswith("known by its boot ") and host.identity(rooted(one)) != host.identity(rooted(other))
    assert host.identity(rooted(one)) == host.identity(rooted({**one, ".dockerenv": "", "etc/machine-id": ""}))


def test_amazons_volumes_number_a_virtual_machine(rooted):
    volume = {"proc/cpuinfo": "flags : hypervisor", "sys/block/nvme0n1/device/serial": "vol0f3a9c1b2d4e5f607"}
    assert host.identity(rooted(volume)).startswith("no. ")


def test_where_nothing_tells_a_machine_apart_its_record_says_so(rooted):
    assert host.identity(rooted({})) == "which one nobody can tell"
    check({"model": "A", "host": host.name(rooted({}))})


def test_without_proc_and_sys_a_host_is_still_described(monkeypatch):
    for module in (cpu, host, cgroup):
        monkeypatch.setattr(module, "read", lambda path: "")
    for module in (host, proc):
        monkeypatch.setattr(module, "kib", lambda path, name: 0)
    fields = host.describe(2)
    assert fields["host_memory_mb"] is None and fields["virtualization"] is None and "GB" not in fields["host"]
    check({"model": "A", **fields})


def test_the_fields_of_this_host_keep_the_format():
    check({"model": "A", **host.describe(2, ("numpy",))})
