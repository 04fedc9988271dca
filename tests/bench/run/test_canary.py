"""The canary: a fixed piece of work in a process of its own, whose change marks what lies between."""

import pytest

from bench import adapters
from bench.run import canary
from bench.run.canary import Canary


def test_it_times_a_matrix_product_a_copy_and_a_network():
    singer = Canary("mxnet", "cpu", {"OPENBLAS_NUM_THREADS": "1"})
    assert singer.framework == "numpy"  # the same on every CPU, whatever framework is measured
    assert singer.sing() is None  # nothing to compare with yet
    drift = singer.sing()
    assert isinstance(drift, float)  # and how large it is, is this machine's affair


@pytest.mark.parametrize("songs, drift", [
    ([{"copy": 1.0, "network": 2.0}, {"copy": 1.0, "network": 2.0}], 0), ([{"copy": 1.0, "network": 2.0}, {"copy": 1.01, "network": 1.9}], 0.05),
])  # fmt: skip
def test_the_drift_is_the_largest_change_of_a_piece(songs, drift, monkeypatch):
    sung = iter(songs)
    monkeypatch.setattr(canary, "run_in_process", lambda *args, **options: [next(sung)])
    singer = Canary("numpy", "cpu", {})
    singer.sing()
    assert singer.sing() == pytest.approx(drift)


def test_calls_that_compile_are_not_in_its_times(monkeypatch):
    taken = iter([1.0, 1.0, *[0.01] * 100])
    clock = [0.0]

    def run():
        clock[0] += next(taken)

    monkeypatch.setattr(canary, "perf_counter", lambda: clock[0])
    assert canary._call_s(run, lambda: None) == pytest.approx(0.01)


def test_an_adapter_that_offers_no_canary_has_none_and_no_process_is_started_for_it(monkeypatch):
    monkeypatch.delattr(adapters.get("numpy"), "copy")
    monkeypatch.setattr(canary, "run_in_process", lambda *args, **options: pytest.fail("a process was started"))
    singer = Canary("numpy", "cpu", {})
    assert singer.lacks == ["copy"] and singer.sing() is None


def test_a_canary_that_dies_says_nothing(monkeypatch):
    def dies(*args, **options):
        raise canary.ProcessEnded("crashed", "x")

    singer = Canary("numpy", "cpu", {})
    monkeypatch.setattr(canary, "run_in_process", dies)
    assert singer.sing() is None and singer.sing() is None


def test_it_is_due_again_after_a_while():
    assert Canary("numpy", "cpu", {}, every_s=0).due() and not Canary("numpy", "cpu", {}, every_s=60).due()


@pytest.mark.parametrize("name", [name for name in adapters.names() if hasattr(adapters.get(name), "canary")])
def test_an_adapters_canary_is_one_of_its_networks(name):
    adapter = adapters.get(name)
    task, model = adapter.canary
    assert model in adapters.models(adapter, task)


def test_the_matrix_product_and_the_copy_do_what_they_say():
    adapter = adapters.get("numpy")
    for piece in (adapter.matrix_product("cpu", 16), adapter.copy("cpu", 1)):
        run, wait = piece
        run()
        wait()
