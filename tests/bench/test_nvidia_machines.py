"""Machines with NVIDIA's GPUs: which of them may be measured, and what is said of the others. All on a stand-in for NVIDIA's library."""

import json

import pytest

FOUR = ",".join(["NVIDIA A100-SXM4-80GB"] * 4)
QUICK = ("--framework", "numpy", "--models", "MLP-64", "--preset", "quick", "--batch-sizes", "1,8")
NO_UTF_8 = b"\xf8\x9d\xa1".decode(errors="surrogateescape")
BROKEN = {"18": "RM has detected an NVML/RM version mismatch", "9": "Driver Not Loaded", "999": "Unknown Error"}
HIDDEN = {"environment": {"CUDA_VISIBLE_DEVICES": "2"}}


@pytest.fixture
def dry_run(bench, nvml, tmp_path):
    """Function: what `make results` plans."""

    def run(*words, visible=None, **settings):
        environment = {**nvml.environment(**settings), **({} if visible is None else {"CUDA_VISIBLE_DEVICES": visible})}
        return bench(*QUICK, "--dry-run", "--results", tmp_path / "results", *words, environment=environment)

    return run


# ---- what may be seen ----


@pytest.mark.parametrize("value, left", [("2", ["gpu:2"]), ("GPU-00000000-0000-0000-0000-000000000003,0", ["gpu:3", "gpu:0"]), ("", []), ("-1", [])])
def test_what_the_user_allows_is_all_that_is_there(nvml, monkeypatch, value, left):
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", value)
    assert sorted(nvml("list(device.gpus())", NAMES=FOUR)) == sorted(left)


def test_a_hidden_gpu_can_not_be_asked_for(nvml, monkeypatch):
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "2")
    told = nvml("device.find('gpu:0')", NAMES=FOUR)
    assert told.startswith("DeviceError: no device gpu:0: there is gpu:2 (NVIDIA A100-SXM4-80GB); CUDA_VISIBLE_DEVICES=2 leaves no other.")
    assert nvml("[(where := device.find('gpu')), device.only_visible(where)['CUDA_VISIBLE_DEVICES'][-1]]", NAMES=FOUR) == ["gpu:2", "2"]


def test_a_number_of_cudas_among_gpus_that_differ_ends_with_what_to_set(nvml, monkeypatch):
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "1")
    assert "set CUDA_DEVICE_ORDER=PCI_BUS_ID" in nvml("device.find('gpu')", NAMES="NVIDIA A,NVIDIA B")
    monkeypatch.setenv("CUDA_DEVICE_ORDER", "PCI_BUS_ID")
    assert nvml("device.find('gpu')", NAMES="NVIDIA A,NVIDIA B") == "gpu:1"


def test_of_four_gpus_the_one_that_is_visible_is_planned(dry_run):
    said = dry_run(visible="2", NAMES=FOUR).stdout
    assert "numpy throughput on gpu:2:" in said and not any(f"gpu:{number}" in said for number in (0, 1, 3))


@pytest.mark.parametrize("value", ["", "-1"])
def test_where_none_is_visible_the_cpu_is_planned_and_the_reason_said(dry_run, value):
    said = dry_run(visible=value, NAMES=FOUR).stdout
    assert f"no GPU: CUDA_VISIBLE_DEVICES={value!r} leaves none of the 4 that there are" in said and "numpy throughput on cpu:" in said


def test_the_cpu_is_measured_by_its_name_whatever_the_gpus_are(dry_run):
    done = dry_run("--device", "cpu", visible="1", NAMES="NVIDIA A,NVIDIA B")
    assert done.returncode == 0 and "no GPU: CUDA_VISIBLE_DEVICES=1 counts as CUDA does" in done.stdout and "numpy throughput on cpu:" in done.stdout


# ---- one that may not be opened, one that is lost ----


def test_a_gpu_that_one_may_not_open_is_not_called_lost(nvml, dry_run):
    told = nvml("device.find('gpu:1')", NAMES=FOUR, DENIED="1")
    assert told.startswith("DeviceError: gpu:1 may not be used by you (NVML says: Insufficient Permissions)") and "reset" not in told
    said = dry_run(NAMES=FOUR, DENIED="1").stdout
    assert "gpu:1 may not be used by you" in said and "lost" not in said and "numpy throughput on gpu:0 and gpu:2 and gpu:3:" in said


def test_cuda_does_not_count_a_gpu_that_one_may_not_open(nvml, monkeypatch):
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "1")
    assert list(nvml("device.gpus()", NAMES=FOUR, DENIED="1")) == ["gpu:2"]


def test_who_loses_a_gpu_is_not_told_to_reset_a_machine_of_others(nvml):
    told = nvml("device.find('gpu:0')", LOST="0")
    assert "by whoever looks after it where others use it too" in told


# ---- slices ----


def test_every_slice_is_found_and_named_also_behind_gaps(nvml):
    found = nvml("{where: gpu.name for where, gpu in device.gpus().items()}", NAMES="NVIDIA A100", MIG="1g.10gb,,3g.40gb")
    assert found == {"gpu:0.0": "NVIDIA A100 MIG 1g.10gb", "gpu:0.2": "NVIDIA A100 MIG 3g.40gb"}


def test_slices_have_uuids_of_their_own(nvml):
    question = "[[device.only_visible(where)['CUDA_VISIBLE_DEVICES'], device.describe(where, 2)['device_uuid']] for where in device.gpus()]"
    shown = nvml(question, NAMES="NVIDIA A100", MIG=",1g.10gb,1g.10gb")
    assert all(uuid.startswith("MIG-") for uuid, _ in shown) and len({hashed for _, hashed in shown}) == len({uuid for uuid, _ in shown}) == 2


def test_a_gpu_that_is_cut_is_found_as_its_first_slice_and_one_that_is_not_there_is_told(nvml):
    assert nvml("device.find('gpu:0')", MIG=",1g.10gb") == nvml("device.find('gpu')", MIG=",1g.10gb") == "gpu:0.1"
    assert "no device gpu:0.5: there is gpu:0.1 (NVIDIA Stand-in A MIG 1g.10gb)" in nvml("device.find('gpu:0.5')", MIG=",1g.10gb")


def test_no_figure_of_the_whole_board_is_stated_as_a_slices(nvml):
    state, power_limit_w, memory_mb = nvml(
        "[device.state('gpu:0.1'), *map(device.describe('gpu:0.1', 2).get, ('power_limit_w', 'memory_total_mb'))]", MIG=",1g.10gb"
    )
    assert set(state.values()) == {None} and power_limit_w is None and memory_mb == 10_240


def test_a_board_that_is_to_be_cut_and_has_no_slice_says_so(nvml):
    assert nvml("device.find('gpu:0')", MIG="none").startswith("DeviceError: gpu:0 is to be cut into slices (MIG), and there are none: nvidia-smi mig")


def test_slices_of_one_profile_are_planned_together(dry_run):
    said = dry_run(NAMES="NVIDIA A100", MIG="1g.10gb,,1g.10gb,3g.40gb").stdout
    assert "numpy throughput on gpu:0.0 and gpu:0.2:" in said and "numpy throughput on gpu:0.3:" in said


# ---- a driver that does not answer as it should ----


@pytest.mark.parametrize("number, words", BROKEN.items())
def test_a_broken_driver_is_said_in_one_line_before_the_cpu_is_planned(dry_run, number, words):
    done = dry_run(INIT=number)
    (line,) = [line for line in done.stdout.splitlines() if "no GPU" in line]
    assert f"NVML says: {words}" in line and done.stdout.index(line) < done.stdout.index("numpy throughput on cpu:") and done.returncode == 0


@pytest.mark.parametrize("what", ["NAMES", "DRIVER"])
def test_text_that_is_no_utf_8_is_shown_as_far_as_it_is(nvml, dry_run, what):
    shown = nvml("[[gpu.name for gpu in device.gpus().values()][0], device.describe('gpu:0', 2)['driver_version']]", **{what: f"a{NO_UTF_8}"})[what == "DRIVER"]
    assert shown.startswith("a\N{REPLACEMENT CHARACTER}")
    assert dry_run(**{what: NO_UTF_8}).returncode == dry_run("--device", "cpu", **{what: NO_UTF_8}).returncode == 0


# ---- power ----


def test_power_is_that_of_the_moment_where_the_gpu_has_it(nvml):
    assert nvml("device.state('gpu:0')['power_w']", POWER="300", POWER_INSTANT="412") == 412
    assert nvml("device.state('gpu:0')['power_w']", POWER="300") == 300


# ---- a run ----


def test_a_run_on_a_visible_gpu_measures_what_can_be_and_says_what_can_not(bench, nvml, tmp_path):
    environment = {**nvml.environment(NAMES=FOUR), "CUDA_VISIBLE_DEVICES": "2"}
    done = bench(*QUICK, "--results", tmp_path / "results", environment=environment)
    assert "numpy throughput on gpu:2" in done.stdout and "NumPy runs on the CPU only" in done.stdout + done.stderr and done.returncode == 2


@pytest.mark.slow
def test_where_no_gpu_is_visible_the_cpu_is_measured(bench, nvml, tmp_path, saved):
    done = bench(*QUICK, "--results", tmp_path / "results", environment={**nvml.environment(NAMES=FOUR), "CUDA_VISIBLE_DEVICES": ""})
    records = saved(tmp_path / "results")
    assert done.returncode == 0 and sorted(record["batch_size"] for record in records) == [1, 8] and all("thread" in record["device"] for record in records)
    assert json.dumps(records).count("A100") == 0
