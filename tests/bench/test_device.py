"""A device's ceilings through the real command line, with NumPy as the framework, and MXNet and PyTorch where they are installed."""

from functools import partial

import pytest

from bench import adapters
from bench import device as bench_device
from dlmark.benchmark import load_results
from dlmark.measure import rounds, sweep
from dlmark.record import check

QUICK = ("--sizes", "64", "--seconds", "0.1", "--rounds", "1", "--threads", "1")


@pytest.fixture(scope="module")
def ceilings(script):
    return partial(script, "device", "ceilings")


@pytest.fixture(scope="module")
def measured(tmp_path_factory, ceilings):
    folder = tmp_path_factory.mktemp("ceilings")
    done = ceilings("--framework", "numpy", *QUICK, "--results", folder)
    assert done.returncode == 0, done.stderr
    return folder, done


def test_each_piece_of_work_becomes_a_record(measured, saved):
    records = saved(measured[0])
    assert [record["model"] for record in records] == ["matrix product 64", "copy 256 MB", "call"]
    for record in records:
        assert check(record)["status"] == "ok" and record["workload"] == "ceiling" and record["precision"] == "float32"
        assert record["block_times_s"] and record["calls_per_block"] and record["throughput_half_width"] >= 0 and record["grade"]


def test_the_file_is_named_after_script_function_framework_and_device(measured):
    (path,) = measured[0].iterdir()
    assert path.name.startswith("device.py__benchmark_ceilings__numpy__") and path.name.endswith("-1-thread.json")
    assert len(load_results("device.py__benchmark_ceilings.json", measured[0])) == 3


def test_each_has_its_own_unit_which_follows_from_the_raw_times(measured, saved):
    product, copy, call = saved(measured[0])
    assert product["tflops"] == pytest.approx(2 * 64**3 * product["throughput"] / 1e12, rel=1e-4) and product["multiply_adds"] == 64**3
    assert copy["bandwidth_gb_s"] == pytest.approx(2 * 256 * 2**20 * copy["throughput"] / 1e9, rel=1e-4)
    assert call["overhead_s"] == pytest.approx(1 / call["throughput"], rel=1e-4)
    assert [name for record in (product, copy, call) for name in ("tflops", "bandwidth_gb_s", "overhead_s") if name in record] == [
        "tflops", "bandwidth_gb_s", "overhead_s"]  # fmt: skip
    assert list(map(bench_device.derived, rounds.settle(saved(measured[0])))) == saved(measured[0])


def test_a_call_is_also_timed_with_a_wait_after_each(measured, saved):
    *others, call = saved(measured[0])
    assert call["latency_p50_s"] > 0 and not any("latency_p50_s" in record for record in others)


def test_the_terminal_tells_them_in_their_own_units(measured):
    out = measured[1].stdout
    assert "[1/3] matrix product 64: " in out and "TFLOP/s ±" in out and "GB/s ±" in out and "µs a call ±" in out
    assert "images/s" not in out and "3 measured; saved in " in out


def test_a_second_run_measures_nothing(measured, ceilings):
    (path,) = measured[0].iterdir()
    before = path.read_bytes()
    done = ceilings("--framework", "numpy", *QUICK, "--results", measured[0])
    assert done.returncode == 0 and "0 to measure" in done.stdout and path.read_bytes() == before


def test_a_dry_run_tells_and_does_nothing(tmp_path, ceilings):
    done = ceilings("--framework", "numpy", "--sizes", "64", "--results", tmp_path, "--dry-run")
    assert done.returncode == 0 and "3 ceilings: matrix product 64, copy 256 MB, call" in done.stdout
    assert not list(tmp_path.iterdir())


@pytest.mark.slow
def test_another_precision_is_another_record_in_the_same_file_and_rounds_are_put_together(tmp_path, ceilings, saved):
    for precision in ("float32", "float64"):
        words = ("--models", "matrix product *", "--sizes", "64", "--seconds", "0.1", "--threads", "1", "--precision", precision)
        assert ceilings("--framework", "numpy", *words, "--results", tmp_path).returncode == 0
    records = saved(tmp_path)
    assert [record["precision"] for record in records] == ["float32", "float64"]
    assert all(rounds.count(record) >= 2 and record["tflops"] > 0 for record in records)


def test_what_would_take_too_long_is_left_out_and_recorded(tmp_path, ceilings, saved):
    done = ceilings("--framework", "numpy", "--sizes", "256", "--models", "matrix*", *QUICK[2:], "--time-cap", "0.0001", "--results", tmp_path)
    (record,) = saved(tmp_path)
    assert done.returncode == 0 and "Traceback" not in done.stderr
    assert record["status"] == "time_cap" and "more than the cap of 0.0001 s" in record["reason"] and "tflops" not in record


@pytest.mark.parametrize("words, said", [
    (("--framework", "numpy", "--models", "copy 3 MB"), "unknown network 'copy 3 MB'"), (("--framework", "nunpy"), "did you mean numpy?"),
    (("--framework", "numpy", "--precision", "bfloat16"), "not in 'bfloat16'"), (("--framework", "numpy", "--sizes", "200000"), "at most 100,000"),
])  # fmt: skip
def test_a_mistake_is_told_in_one_sentence(words, said, ceilings, tmp_path):
    done = ceilings(*words, "--results", tmp_path)
    assert done.returncode == 2 and said in done.stderr and "Traceback" not in done.stderr


def test_a_framework_without_ceilings_says_which_have_them(monkeypatch):
    monkeypatch.delattr(adapters.get("numpy"), "small_call")
    opts = bench_device.parser().parse_args(["ceilings", "--framework", "numpy", "--dry-run"])
    opts.argv, opts.part, opts.prog = [], None, "python -m bench.device"
    with pytest.raises(bench_device.options.UsageError, match="numpy offers no small_call here: measure the ceilings with --framework .*mxnet"):
        bench_device.ceilings(opts)


def test_a_large_product_is_foretold_by_a_small_one():
    class Adapter:
        sizes = []

        def matrix_product(self, kind, size, precision):
            self.sizes.append(size)
            return (lambda: None), (lambda: None)

    job = sweep.Job("matrix product 4096", [1], {"precision": "float32"})
    assert bench_device._foretold_s(Adapter(), job, "cpu") >= 0 and Adapter.sizes == [1024]
    assert bench_device._foretold_s(Adapter(), sweep.Job("copy 256 MB", [1]), "cpu") == 0 and Adapter.sizes == [1024]


@pytest.mark.parametrize("precision", ["float32", "float64"])
def test_numpys_product_is_made_in_the_precision_that_was_asked_for(precision):
    run, _ = adapters.get("numpy").matrix_product("cpu", 8, precision)
    product = run()
    assert product.dtype == precision and product.shape == (8, 8) and product.any()


@pytest.mark.slow
@pytest.mark.parametrize("framework", ["mxnet", "torch"])
def test_the_ceilings_of_an_installed_framework(framework, tmp_path, ceilings, saved):
    if framework not in adapters.names() or not adapters.version(adapters.get(framework)):
        pytest.skip(f"{framework} is not installed here")
    done = ceilings("--framework", framework, "--sizes", "512", *QUICK[2:], "--results", tmp_path)
    assert done.returncode == 0, done.stderr
    product, copy, call = saved(tmp_path)
    assert product["tflops"] > 0.001 and copy["bandwidth_gb_s"] > 0.1 and 1e-8 < call["overhead_s"] < 1e-2
