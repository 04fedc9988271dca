"""Processors of all makers have names, and cores that are counted as the system grants them."""

import os
import shutil
import sys

import pytest

from dlmark.machine import cgroup, cpu
from dlmark.record import check


def arm(implementer, part, **files):
    lines = f"processor\t: 0\nBogoMIPS\t: 50.00\nFeatures\t: fp asimd\nCPU implementer\t: {implementer}\nCPU architecture: 8\nCPU variant\t: 0x3\nCPU part\t: {part}\n"
    return {"proc/cpuinfo": lines, "sys/devices/system/cpu/possible": "0", "sys/devices/system/cpu/cpu0/uevent": "", **files}


VENDOR = "sys/devices/virtual/dmi/id/sys_vendor"
needs_lscpu = pytest.mark.skipif(not shutil.which("lscpu"), reason="lscpu is not installed here")


@pytest.mark.parametrize("cpuinfo, name", [
    ("model name\t: Intel(R) Xeon(R) CPU           E5-2670 0 @ 2.60GHz\n", "Intel(R) Xeon(R) CPU E5-2670 0 @ 2.60GHz"),
    ("model name\t: 龙芯 3A5000\n", "龙芯 3A5000"), ("cpu\t\t: POWER9, altivec supported\n", "POWER9, altivec supported"),
    ("hart\t: 0\nisa\t: rv64imafdc\nuarch\t: sifive,u74-mc\n", "sifive,u74-mc"),
    ("system type : x\ncpu model\t: Loongson-3 V0.4\n", "Loongson-3 V0.4"), (b"model name\t: Vend\xe9r CPU\n", "Vend\N{REPLACEMENT CHARACTER}r CPU"),
])  # fmt: skip
def test_a_processor_has_the_name_that_it_gives_itself(cpuinfo, name, rooted):
    assert " ".join(cpu.name(rooted({"proc/cpuinfo": cpuinfo})).split()) == name
    check({"model": "A", "device": cpu.name(rooted({"proc/cpuinfo": cpuinfo}))})


@pytest.mark.parametrize("cpuinfo", ["vendor_id\t: GenuineIntel\nmodel name\t: unknown\n", "vendor_id\t: GenuineIntel\nmodel name\t: 06/97\n",
                                     "vendor_id\t: GenuineIntel\nmodel name\t:\n", "", "\0\0"])  # fmt: skip
def test_a_name_that_says_nothing_is_none(cpuinfo, rooted):
    name = cpu.name(rooted({"proc/cpuinfo": cpuinfo}))
    assert name and "unknown" not in name and "06/97" not in name and ("GenuineIntel" in name) == ("Genuine" in cpuinfo)


@needs_lscpu
@pytest.mark.parametrize("implementer, part, vendor, name", [
    ("0x41", "0xd0c", "Amazon EC2", "Neoverse-N1 (Amazon EC2)"), ("0x41", "0xd40", "Amazon EC2", "Neoverse-V1 (Amazon EC2)"),
    ("0x41", "0xd0c", "GIGABYTE", "Neoverse-N1 (GIGABYTE)"), ("0x41", "0xd4f", "", "Neoverse-V2"), ("0x70", "0x662", "", "FTC662"),
])  # fmt: skip
def test_arm_cores_have_names_and_the_makers_of_their_machines(implementer, part, vendor, name, rooted):
    assert cpu.name(rooted(arm(implementer, part, **({VENDOR: vendor} if vendor else {})))) == name


def test_an_arm_core_that_no_table_knows_has_its_makers_numbers(rooted, monkeypatch):
    monkeypatch.setattr(cpu.shutil, "which", lambda name: None)
    assert cpu.name(rooted(arm("0x99", "0x123"))) == "core 0x123 of the maker 0x99"


# ---- cores ----


@pytest.mark.parametrize("files, granted", [
    ({"sys/fs/cgroup/cpu.max": "200000 100000"}, 2.0), ({"sys/fs/cgroup/cpu.max": "max 100000"}, None), ({"sys/fs/cgroup/cpu.max": "1 0"}, None),
    ({"sys/fs/cgroup/a/b/cpu.max": "50000 100000", "sys/fs/cgroup/a/cpu.max": "150000 100000"}, 0.5),
    ({"sys/fs/cgroup/a/b/cpu.max": "max 100000", "sys/fs/cgroup/a/cpu.max": "150000 100000"}, 1.5), ({}, None), ({"sys/fs/cgroup/cpu.max": ""}, None),
])  # fmt: skip
def test_a_quota_of_version_2_holds_in_the_own_group_and_in_all_around_it(files, granted, rooted):
    assert cgroup.granted_cores(rooted({"proc/self/cgroup": "0::/a/b\n", **files})) == granted


@pytest.mark.parametrize("mount", ["cpu", "cpu,cpuacct"])
@pytest.mark.parametrize("where", ["/", "/docker/3f2a/"])
def test_a_quota_of_version_1_is_read_in_the_own_group_and_as_a_container_shows_it(mount, where, rooted):
    files = {f"sys/fs/cgroup/{mount}{where}cpu.cfs_quota_us": "100000", f"sys/fs/cgroup/{mount}{where}cpu.cfs_period_us": "100000"}
    assert cgroup.granted_cores(rooted({"proc/self/cgroup": f"7:{mount}:/docker/3f2a\n0::/x\n", **files})) == 1.0


def test_no_quota_of_version_1_is_none(rooted):
    files = {"proc/self/cgroup": "1:cpu:/\n", "sys/fs/cgroup/cpu/cpu.cfs_quota_us": "-1", "sys/fs/cgroup/cpu/cpu.cfs_period_us": "100000"}
    assert cgroup.granted_cores(rooted(files)) is None


@pytest.mark.parametrize("stat, held_s", [("nr_periods 5\nthrottled_usec 250000\n", 0.25), ("throttled_time 250000000\n", 0.25), ("", None)])
def test_what_the_quota_held_back_is_told_in_both_versions(stat, held_s, rooted):
    assert cgroup.held_back_s(rooted({"proc/self/cgroup": "0::/\n", "sys/fs/cgroup/cpu.max": "1000 100000", "sys/fs/cgroup/cpu.stat": stat})) == held_s


@pytest.mark.parametrize("files, mb", [({"sys/fs/cgroup/memory.max": "734003200"}, 700), ({"sys/fs/cgroup/memory.max": "max"}, None)])
def test_the_memory_that_a_container_is_granted_is_told(files, mb, rooted):
    assert cgroup.granted_memory_mb(rooted({"proc/self/cgroup": "0::/\n", **files})) == mb
    of_1 = {
        "proc/self/cgroup": "3:memory:/a\n",
        "sys/fs/cgroup/memory/a/memory.limit_in_bytes": "734003200",
        "sys/fs/cgroup/memory/memory.limit_in_bytes": str(2**63 - 4096),
    }
    assert cgroup.granted_memory_mb(rooted(of_1)) == 700


def test_a_core_counts_once_however_many_threads_it_has_and_only_those_that_may_be_used(tmp_path):
    for number, (package, own) in enumerate([(0, 0), (0, 1), (0, 0), (0, 1)]):
        topology = tmp_path / f"cpu{number}" / "topology"
        topology.mkdir(parents=True)
        (topology / "physical_package_id").write_text(f"{package}\n")
        (topology / "core_id").write_text(f"{own}\n")
    assert cpu.physical_cores(str(tmp_path)) == 2 and cpu.physical_cores(str(tmp_path), {0, 2}) == 1


@pytest.mark.parametrize("granted, cores", [(None, 4), (2.5, 2), (0.5, 1), (99.0, 4)])
def test_the_threads_are_one_a_core_within_the_quota(granted, cores, monkeypatch):
    monkeypatch.setattr(cpu, "_allowed_cores", lambda: 4)
    monkeypatch.setattr(cpu, "granted_cores", lambda: granted)
    assert cpu.cores() == cores


@pytest.mark.parametrize("files, turbo, smt", [
    ({"intel_pstate/no_turbo": "0", "smt/active": "1"}, True, True), ({"cpufreq/boost": "0", "smt/active": "0"}, False, False), ({}, None, None)])  # fmt: skip
def test_turbo_and_threads_of_a_core_are_told_or_none(files, turbo, smt, rooted):
    folder = rooted(files)
    assert (cpu.turbo(folder), cpu.smt(folder)) == (turbo, smt)


@pytest.mark.skipif(sys.platform != "linux" or not os.path.exists("/proc/self/cgroup"), reason="of Linux")
def test_this_machine_has_cores_and_a_name():
    assert 1 <= cpu.cores() <= cpu.logical_cores() <= os.cpu_count() and cpu.name()
