"""What NVML says of a GPU, asked through pynvml of a stand-in for NVIDIA's library."""

import math
import os

import pytest

from dlmark.machine import device
from dlmark.record import check

CARDS = "NVIDIA GeForce RTX 4090,NVIDIA H100 80GB HBM3"


def test_gpus_are_named_as_nvml_names_them(nvml):
    assert nvml("[gpu.name for gpu in device.gpus().values()]", NAMES=CARDS) == CARDS.split(",")


def test_a_gpu_without_a_number_is_the_first(nvml):
    assert nvml("device.find('gpu')") == "gpu:0"


def test_a_gpu_that_is_not_there_is_told_with_those_that_are(nvml):
    words = "no device gpu:7: there is gpu:0 (NVIDIA GeForce RTX 4090), gpu:1 (NVIDIA H100 80GB HBM3). Use --device cpu, or one of those."
    assert nvml("device.find('gpu:7')", NAMES=CARDS) == f"DeviceError: {words}"


def test_the_fields_of_a_gpu_keep_the_format(nvml):
    fields = nvml("{**device.describe('gpu:1', 2), **device.state('gpu:1')}", NAMES=CARDS)
    assert check({"model": "a", **fields})["device"] == "NVIDIA H100 80GB HBM3"


def test_a_gpu_is_described_with_its_memory_and_its_power_limit(nvml):
    fields = nvml("device.describe('gpu:0', 2)", POWER_LIMIT="450")
    assert (fields["memory_total_mb"], fields["power_limit_w"]) == (81_920, 450)


def test_memory_and_a_power_limit_that_nvml_does_not_tell_are_none(nvml):
    fields = nvml("device.describe('gpu:0', 2)", LACKS="memory,power_limit")
    assert (fields["memory_total_mb"], fields["power_limit_w"]) == (None, None)


def test_the_state_has_clock_power_temperature_and_throttling(nvml):
    told = {"CLOCK": "1410", "POWER": "287.5", "TEMPERATURE": "71", "THROTTLE": "0x44"}
    reasons = ["software power cap", "hardware thermal slowdown"]
    assert nvml("device.state('gpu:0')", **told) == {"clock_mhz": 1410, "power_w": 287.5, "temperature_c": 71, "throttle_reasons": reasons}


def test_an_idle_clock_is_no_throttling(nvml):
    assert nvml("device.state('gpu:0')", THROTTLE="0x1")["throttle_reasons"] == []


def test_a_state_that_nvml_does_not_tell_is_none(nvml):
    state = nvml("device.state('gpu:0')", LACKS="clock,power,temperature,throttle")
    assert set(state.values()) == {None}


def test_the_energy_counter_is_in_joules(nvml):
    assert nvml("device.energy_j('gpu:0')", ENERGY_W="0") == 1_000_000


def test_the_energy_counter_goes_up_with_time(nvml):
    question = "[perf_counter(), device.energy_j('gpu:0'), sleep(0.1), device.energy_j('gpu:0'), perf_counter()]"
    start_s, before_j, _, after_j, end_s = nvml(question, ENERGY_W="500")
    assert 0.5 * 50 < after_j - before_j < 1.5 * 500 * (end_s - start_s)  # a busy machine sleeps longer


def test_an_energy_counter_that_is_missing_is_none_and_not_zero(nvml):
    assert nvml("device.energy_j('gpu:0')", LACKS="energy") is None


def test_a_cpu_has_no_energy_counter():
    assert device.energy_j("cpu") is None


# ---- slices of a GPU (MIG) ----


def test_a_slice_is_named_as_nvml_names_it(nvml):
    sliced = {"NAMES": "NVIDIA A100-SXM4-80GB", "MIG": "1g.10gb"}
    assert nvml("device.describe('gpu:0', 2)['device']", **sliced) == "NVIDIA A100-SXM4-80GB MIG 1g.10gb"


def test_a_slice_has_its_own_memory(nvml):
    assert nvml("[device.memory_total_mb('gpu:0'), device.describe('gpu:0', 2)['memory_total_mb']]", MIG="1g.10gb") == [10_240, 10_240]


def test_cuda_is_shown_the_slice_that_is_described(nvml):
    assert nvml("device.only_visible('gpu:0')", MIG="1g.10gb")["CUDA_VISIBLE_DEVICES"].startswith("MIG-")


def test_the_energy_of_the_whole_board_is_not_given_as_a_slices(nvml):
    assert nvml("device.energy_j('gpu:0')", MIG="1g.10gb") is None


def test_cuda_is_shown_one_gpu_by_its_own_number(nvml):
    shown = nvml("[device.only_visible(f'gpu:{i}')['CUDA_VISIBLE_DEVICES'] for i in (0, 1)]")
    assert shown == ["GPU-00000000-0000-0000-0000-000000000000", "GPU-00000000-0000-0000-0000-000000000001"]


# ---- processes ----


def test_our_own_memory_on_the_gpu_is_told(nvml):
    assert nvml("device.process_memory_mb('gpu:0')", PROCESSES="1:4096,self:512") == 512


def test_memory_that_nvml_hides_is_none(nvml):
    assert nvml("device.process_memory_mb('gpu:0')", PROCESSES="self:hidden") is None


def test_a_process_without_memory_on_the_gpu_has_none(nvml):
    assert nvml("device.process_memory_mb('gpu:0')") is None


def test_processes_of_others_are_counted(nvml):
    assert nvml("device.strangers(device.processes('gpu:0'), [os.getpid()])", PROCESSES="1:4096,self:512,77:hidden") == 2


def test_our_other_processes_are_not_foreign(nvml):
    assert nvml("device.strangers(device.processes('gpu:0'), [os.getpid(), 77])", PROCESSES="self:512,77:10") == 0


def test_processes_that_nvml_does_not_tell_are_none_and_not_zero(nvml):
    assert nvml("device.strangers(device.processes('gpu:0'), [])", LACKS="processes") is None


def test_processes_are_told_apart_before_ours_is_on_the_gpu():
    assert device.strangers({os.getpid(): 10.0, os.getppid(): None}, [0]) == 2


def test_process_numbers_of_another_system_are_not_taken_for_strangers():
    assert device.strangers({2**30: 10.0}, [os.getpid()]) is None


def test_a_list_without_our_own_process_tells_nothing():
    assert device.strangers({}, [os.getpid()]) is None


# ---- what goes wrong ----


def test_without_a_driver_there_is_no_gpu(nvml):
    assert nvml("[gpu.name for gpu in device.gpus().values()]", INIT="9") == []


def test_a_driver_that_is_not_loaded_is_told(nvml):
    told = nvml("device.find('gpu')", INIT="9")
    assert told.startswith("DeviceError: no device gpu: there is no GPU (NVML says: Driver Not Loaded;") and told.endswith("Use --device cpu.")


def test_a_library_that_is_missing_is_told(nvml, tmp_path):
    (tmp_path / "libnvidia-ml.so.1").write_bytes(b"")  # found before any real one, and can't be loaded
    told = type(nvml)(tmp_path)("device.find('gpu:0')")
    assert "there is no GPU (NVML says: NVML Shared Library Not Found;" in told


def test_a_question_without_a_driver_is_answered_in_one_sentence(nvml):
    assert nvml("device.state('gpu:0')", INIT="9").startswith("DeviceError: there is no GPU (NVML says: Driver Not Loaded;")


def test_a_gpu_without_an_answer_on_its_memory_says_so(nvml):
    words = "NVML can't tell about gpu:0: Not Supported. See what nvidia-smi says, or use --device cpu."
    assert nvml("device.memory_total_mb('gpu:0')", LACKS="memory") == f"DeviceError: {words}"


@pytest.mark.parametrize("question", ["describe('gpu:0', 2)", "state('gpu:0')", "energy_j('gpu:0')", "process_memory_mb('gpu:0')",
                                      "memory_total_mb('gpu:0')", "only_visible('gpu:0')", "memory_used_mb('gpu:0')"])  # fmt: skip
def test_a_lost_gpu_is_told_with_what_to_do(nvml, question):
    told = nvml(f"device.{question}", LOST_AFTER="1")
    assert told.startswith("DeviceError: gpu:0 is lost: NVML says: GPU is lost.") and "nvidia-smi --gpu-reset -i 0" in told


def test_one_lost_gpu_leaves_the_others(nvml):
    assert nvml("[gpu.name for gpu in device.gpus().values()]", NAMES=CARDS, LOST="0") == [None, CARDS.split(",")[1]]
    assert nvml("device.find('gpu:1')", NAMES=CARDS, LOST="0") == "gpu:1"
    assert nvml("device.find('gpu:0')", LOST="0").startswith("DeviceError: gpu:0 is lost: NVML says: GPU is lost.")
    assert "gpu:0 (lost), gpu:1 (" in nvml("device.find('gpu:9')", LOST="0")


def test_the_memory_in_use_is_told_or_nan(nvml):
    assert nvml("device.memory_used_mb('gpu:0')") == 1024
    assert math.isnan(nvml("device.memory_used_mb('gpu:0')", LACKS="memory"))


def test_numpy_on_a_gpu_that_is_there_says_that_it_runs_on_the_cpu(cnn, nvml, tmp_path):
    words = ("throughput", "--framework", "numpy", "--models", "MLP-64", "--device", "gpu:1", "--results", tmp_path)
    done = cnn(*words, environment=nvml.environment(NAMES=CARDS))
    assert (done.returncode, done.stderr) == (
        2, "python -m bench.cnn: NumPy runs on the CPU only: use --device cpu, or another framework\n")  # fmt: skip


def test_a_bench_script_names_the_gpus_that_are_there(cnn, nvml, tmp_path):
    words = ("throughput", "--framework", "numpy", "--models", "MLP-64", "--device", "gpu:7", "--results", tmp_path)
    done = cnn(*words, environment=nvml.environment(NAMES=CARDS))
    assert done.returncode == 2 and "gpu:0 (NVIDIA GeForce RTX 4090), gpu:1 (NVIDIA H100 80GB HBM3)" in done.stderr


def test_a_gpu_tells_the_cuda_of_its_driver_and_a_number_that_is_not_its_makers(nvml):
    one, other = (nvml(f"device.describe('gpu:{number}', 2)", NAMES=CARDS) for number in (0, 1))
    assert one["cuda_version"] == "12.5" and len(one["device_uuid"]) == 16 and one["device_uuid"] != other["device_uuid"]
    assert one["device_uuid"] not in nvml("device.only_visible('gpu:0')", NAMES=CARDS)["CUDA_VISIBLE_DEVICES"]
