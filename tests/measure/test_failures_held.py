"""A failure is held only while what it came from stands: versions, or memory."""

import resource

import pytest

from dlmark.measure import sweep

FIELDS = sweep.common_fields(framework="test")
VERSIONS = {"framework_version": "2.11.0", "driver_version": "550", "library_versions": {"python": "3.11.2", "timm": "1.0"}}
SMALL = {"host_memory_mb": 64_000.0, "granted_memory_mb": 700.0}


@pytest.mark.parametrize("status", ["unsupported", "wrong_output"])
@pytest.mark.parametrize("now, why", [
    ({}, None), ({"framework_version": "2.13.0"}, "test 2.13.0 instead of 2.11.0"), ({"driver_version": "560"}, "driver 560 instead of 550"),
    ({"library_versions": {"python": "3.11.2", "timm": "1.1"}}, "timm 1.1 instead of 1.0"),
    ({"library_versions": {"python": "3.11.2", "timm": "1.0", "torchvision": "0.28"}}, "torchvision 0.28 instead of none"),
    ({"granted_memory_mb": 9_000.0}, None),
])  # fmt: skip
def test_what_versions_forbade_is_tried_again_under_others(status, now, why):
    held = {**FIELDS, **VERSIONS, "session": "a", "model": "A", "batch_size": 1, "status": status, "reason": "x"}
    today = sweep.Job("A", [1], {**FIELDS, **VERSIONS, "session": "a", **now})
    assert sweep.why_missing(today, held, again=False, time_cap_s=60, number=2) == why


@pytest.mark.parametrize("was, now, why", [
    (SMALL, SMALL, None), (SMALL, {**SMALL, "granted_memory_mb": None}, "64,000 MB of memory instead of 700"), (SMALL, {**SMALL, "granted_memory_mb": 600.0}, None),
    (SMALL, {**SMALL, "granted_memory_mb": 1_400.0}, "1,400 MB of memory instead of 700"), ({}, SMALL, None), (SMALL, {}, None),
    ({"host_memory_mb": 64_000.0}, {"host_memory_mb": 64_010.0}, None), ({"memory_total_mb": 16_000.0}, {"memory_total_mb": 80_000.0}, "80,000 MB of the GPU's memory instead of 16,000"),
    ({**SMALL, "memory_total_mb": 80_000.0}, {**SMALL, "memory_total_mb": 141_000.0}, "141,000 MB of the GPU's memory instead of 80,000"),
])  # fmt: skip
def test_what_memory_forbade_is_tried_again_where_there_is_more(was, now, why):
    held = {**FIELDS, "session": "a", "model": "A", "batch_size": 1, "status": "out_of_memory", "reason": "not tried: batch 1 already ran out of memory", **was}
    assert sweep.why_missing(sweep.Job("A", [1], {**FIELDS, "session": "a", **now}), held, again=False, time_cap_s=60, number=2) == why


def test_a_search_for_the_largest_batch_that_was_stopped_goes_on():
    held = {**FIELDS, "session": "a", "model": "A", "batch_size": 64, "memory_limit_mb": 2_048, "status": "time_cap", "reason": "x"}
    assert sweep.why_missing(sweep.Job("A", [1], {**FIELDS, "session": "a"}), held, again=False, time_cap_s=0, number=1) == ""


@pytest.mark.slow
def test_out_of_memory_under_a_limit_is_tried_again_without_it_and_the_plan_says_so(cnn, saved, tmp_path):
    def a_small_machine():
        resource.setrlimit(resource.RLIMIT_DATA, (2 * 2**30, 2 * 2**30))

    words = [*"throughput --framework numpy --models MLP-64 --batch-sizes 1000000 --rounds 1 --time-cap 900000 --results".split(), tmp_path]
    cnn(*words, preexec_fn=a_small_machine)
    (record,) = saved(tmp_path)
    assert record["status"] == "out_of_memory" and record["granted_memory_mb"] == 2_048
    assert "0 to measure" in cnn(*words, "--dry-run", preexec_fn=a_small_machine).stdout
    assert "1 tried again: " in (said := cnn(*words, "--dry-run").stdout) and "MB of memory instead of 2,048" in said
