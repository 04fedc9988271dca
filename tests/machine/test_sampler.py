"""The sampler sees what NVML tells while something runs, survives what NVML does, and costs little."""

import json
import subprocess
import sys

import pytest
from nvml_stand_in import watched

from dlmark.machine import sampler
from dlmark.machine.sampler import Seen, energy_per_item
from dlmark.measure.process import run_in_process
from dlmark.record import check


def one_sample(**fields):
    unknown = dict.fromkeys(("clock_mhz", "power_w", "temperature_c", "throttle_reasons", "foreign_processes", "process_memory_mb"))
    return {**unknown, **fields}


def seen_in_this_process():
    yield watched()


def test_a_cpu_is_not_watched():
    assert watched(where="cpu") == Seen("cpu")


def test_a_cpu_gives_no_fields():
    assert watched(where="cpu").fields() == {}


def test_the_fields_keep_the_format(nvml):
    assert check({"model": "a", **nvml("watched().fields()", PROCESSES="self:512,77:hidden")})


def test_the_fields_are_all_there_and_none_where_the_device_can_not_tell(nvml):
    fields = nvml("watched().fields()", LACKS="clock,power,temperature,throttle,processes")
    assert {name for name, value in fields.items() if value is None} == set(nvml("watched().fields()")) - {"samples", "sampler_share"}


def test_power_and_clock_are_medians():
    samples = [one_sample(power_w=p, clock_mhz=c) for p, c in ((100, 900), (700, 1980), (690, 1970))]
    fields = Seen("gpu:0", samples).fields()
    assert (fields["power_w"], fields["clock_mhz"]) == (690, 1970)


def test_the_lowest_clock_and_the_highest_temperature_are_kept(nvml):
    fields = nvml("watched().fields()", CLOCK="1980,1200,1500", TEMPERATURE="60,83,70")
    assert (fields["clock_min_mhz"], fields["temperature_c"]) == (1200, 83)


def test_throttle_reasons_of_all_samples_come_once_and_in_one_order(nvml):
    fields = nvml("watched().fields()", THROTTLE="0x40,0x4,0x44")
    assert fields["throttle_reasons"] == ["software power cap", "hardware thermal slowdown"]


def test_no_throttling_is_an_empty_list(nvml):
    assert nvml("watched().fields()")["throttle_reasons"] == []


def test_the_most_foreign_processes_at_once_are_kept():
    assert Seen("gpu:0", [one_sample(foreign_processes=n) for n in (0, 2, 1)]).fields()["foreign_processes"] == 2


def test_foreign_processes_leave_out_our_own(nvml):
    assert nvml("watched(own_pids=[77]).fields()", PROCESSES="self:512,77:10,78:10")["foreign_processes"] == 1


def test_the_peak_of_our_memory_is_kept():
    assert Seen("gpu:0", [one_sample(process_memory_mb=mb) for mb in (100.0, 900.0, None)]).process_memory_peak_mb == 900


def test_our_memory_is_seen(nvml):
    assert nvml("watched().process_memory_peak_mb", PROCESSES="self:512,77:9999") == 512


def test_memory_that_is_hidden_has_no_peak(nvml):
    assert nvml("watched().process_memory_peak_mb", PROCESSES="self:hidden") is None


def test_a_block_shorter_than_the_interval_says_nothing_of_power_and_clocks(nvml):
    fields = nvml("watched(0, interval_s=60).fields()")
    assert fields["samples"] == 1 and (fields["power_w"], fields["clock_mhz"], fields["clock_min_mhz"]) == (None, None, None)
    assert fields["temperature_c"] == 60 and fields["throttle_reasons"] == []


def test_the_processes_are_listed_before_and_after_and_not_under_load(nvml):
    samples, processes = nvml("[(seen := watched(0.2, interval_s=0.005)).samples, seen.processes]", PROCESSES="self:512,77:10")
    assert len(samples) > 3 and not any("foreign_processes" in sample for sample in samples)
    assert processes == [{"foreign_processes": 1, "process_memory_mb": 512}] * 2


def test_what_comes_after_the_load_is_no_sample_of_it(nvml):
    samples = nvml("watched_for(4, interval_s=0.02).samples", POWER="300,300,300,300,300,20")
    assert len(samples) == 4 and {sample["power_w"] for sample in samples} == {300}


def test_samples_come_at_the_interval(nvml):
    samples, watched_s = nvml("[(seen := watched_for(6, interval_s=0.03)).fields()['samples'], seen.watched_s]")
    assert 6 <= samples <= watched_s / 0.03 + 2  # one more at the start, and one at the end


def test_the_interval_grows_where_samples_cost_too_much(nvml):
    cost_s, samples, watched_s = nvml("[(seen := watched(0.5, interval_s=0.001, max_cost=0.01)).cost_s, len(seen.samples), seen.watched_s]")
    assert cost_s * (samples - 2) / samples <= 0.011 * watched_s  # without the last two, of which the block's end hastens one


def test_the_sampling_ends_with_the_block(nvml):
    assert nvml("[watched(), [t.name for t in threading.enumerate()]][1]") == ["MainThread"]


def test_the_sampling_ends_with_an_error_too(nvml):
    assert nvml("[fails_while_watched(), [t.name for t in threading.enumerate()]]") == ["the block's own", ["MainThread"]]


def test_what_the_sampling_costs_is_known(nvml):
    assert 0 < nvml("watched().cost_share") < 1


def test_what_was_seen_comes_out_of_a_process_of_its_own(nvml):
    (seen,) = run_in_process(seen_in_this_process, silence_s=60, environment=nvml.environment(CLOCK="1500"))
    assert seen.fields()["clock_mhz"] == 1500


# ---- a GPU that drops out, or never was ----


def test_a_gpu_that_drops_out_does_not_end_the_block(nvml):
    assert nvml("watched().lost", LOST_AFTER="14").startswith("gpu:0 is lost: NVML says: GPU is lost.")


def test_what_was_seen_before_a_gpu_dropped_out_is_given(nvml):
    fields = nvml("watched(0.3).fields()", LOST_AFTER="24")
    assert (fields["clock_mhz"], fields["samples"]) == (1980, 3)


def test_a_gpu_that_dropped_out_is_a_flag(nvml):
    (flag,) = nvml("watched().flags", LOST_AFTER="14")
    assert flag.startswith("the device was watched only in part: gpu:0 is lost")


def test_a_gpu_that_stays_is_no_flag(nvml):
    assert nvml("watched().flags") == []


def test_a_gpu_that_is_lost_from_the_start_is_told(nvml):
    assert nvml("[watched().lost[:13], watched().fields()['samples']]", LOST_AFTER="1") == ["gpu:0 is lost", 0]


def test_without_a_driver_the_block_runs_all_the_same(nvml):
    assert nvml("watched().lost", INIT="9").startswith("there is no GPU (NVML says: Driver Not Loaded;")


def test_a_driver_that_hangs_is_not_waited_for(nvml):
    lost = nvml("watched(0, patience_s=0.02).lost", SLOW_MS="30")
    assert lost.startswith("gpu:0 did not answer within 0.02 s: the driver hangs")


# ---- energy ----


def test_energy_is_told_per_item():
    assert energy_per_item(1_000.0, 2_200.0, 4.0, 600) == {"energy_j": 2.0, "energy_s": 4.0}


@pytest.mark.parametrize("readings", [(None, None), (None, 5.0), (5.0, None), (5.0, 5.0), (5.0, 4.0)], ids=str)
def test_a_counter_that_is_missing_or_stands_still_gives_none_and_not_zero(readings):
    assert energy_per_item(*readings, seconds=4.0, items=600) == {"energy_j": None, "energy_s": None}


def test_energy_needs_two_seconds_of_load():
    assert energy_per_item(1_000.0, 2_000.0, 1.99, 600)["energy_j"] is None


def test_neither_the_sampler_nor_the_device_imports_numpy_or_nvml():
    code = "import sys, json, dlmark.machine.device, dlmark.machine.sampler; print(json.dumps([m for m in ('numpy', 'pandas', 'pynvml') if m in sys.modules]))"
    assert json.loads(subprocess.check_output([sys.executable, "-c", code], cwd=sampler.__file__.rpartition("/dlmark/")[0])) == []
