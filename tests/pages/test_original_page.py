"""The cells of the page that this benchmark began with still run, as they stand, on old files and on ours."""

import json

import pytest
from bokeh.io.notebook import install_notebook_hook
from bokeh.models import GlyphRenderer

CELLS = [
    """import dlmark as dm
thr = dm.benchmark.load_results('cnn.py__benchmark_throughput*json')
models = thr.model.unique()
devices = thr.device.unique()
(models, devices)""",
    """from dlmark import plot
from bokeh.plotting import show, output_notebook
output_notebook()
data = thr[thr.device==devices[0]]
show(plot.batch_size_vs_throughput_grid(data, models[::4]))""",
    """bs = dm.benchmark.load_results('cnn.py__benchmark_largest_batch_size.json')
show(plot.max_batch_size(bs))""",
    """show(plot.throughput_vs_device(thr[(thr.model=='AlexNet')]))""",
    """show(plot.throughput_vs_device(thr[(thr.model=='ResNet-v2-50')]))""",
    """acc = dm.benchmark.load_results('cnn*accuracy.json')
data = thr[(thr.model.isin(acc.model)) &
           (thr.batch_size.isin(acc.batch_size)) &
           (thr.device.isin(acc.device))]
data = data.set_index('model').join(acc[['model','accuracy']].set_index('model'))
data['model_prefix'] = [i[:i.rfind('-')] if i.rfind('-') > 0 else i for i in data.index]
show(plot.throughput_vs_accuracy(data))""",
]
OLD_MODELS = ["AlexNet", "DensetNet-121", "ResNet-v1-50", "ResNet-v2-50", "VGG-16"]


@pytest.fixture
def shown(monkeypatch):
    """What the cells show, in order; nothing is opened."""
    import bokeh.io.notebook as notebook

    figures = []
    monkeypatch.setattr(notebook, "_HOOKS", dict(notebook._HOOKS))
    install_notebook_hook("jupyter", lambda *a, **k: None, lambda figure, *a, **k: figures.append(figure), lambda *a, **k: None, overwrite=True)
    return figures


@pytest.fixture
def old_files(tmp_path, monkeypatch):
    """A results folder in the old bare format: lists of objects with nothing but the original fields."""
    devices = ["Tesla K80", "Tesla M60"]
    rows = [{"device": d, "model": m, "batch_size": b, "throughput": 100.0 * b**0.5 + i, "workload": "Inference", "device_mem": 10 * b}
            for d in devices for i, m in enumerate(OLD_MODELS) for b in (1, 2, 64)]  # fmt: skip
    largest = [{"device": "Tesla M60", "model": m, "batch_size": 100 + i} for i, m in enumerate(OLD_MODELS)]
    accuracy = [{"device": "Tesla M60", "model": m, "batch_size": 64, "accuracy": 0.7 + i / 100} for i, m in enumerate(OLD_MODELS)]
    for name, records in (("throughput__Tesla_M60", rows), ("largest_batch_size", largest), ("accuracy", accuracy)):
        (tmp_path / f"cnn.py__benchmark_{name}.json").write_text(json.dumps(records))
    monkeypatch.setenv("DLMARK_RESULTS", str(tmp_path))


def run_cells() -> dict:
    names = {}
    for cell in CELLS:
        exec(cell, names)
    return names


def test_the_original_cells_run_on_files_of_the_old_format(old_files, shown):
    names = run_cells()
    assert list(names["models"]) == ["AlexNet", "DenseNet-121", "ResNet-v1-50", "ResNet-v2-50", "VGG-16"]
    assert list(names["devices"]) == ["Tesla K80", "Tesla M60"]
    assert len(shown) == 5
    assert all(len(list(figure.select({"type": GlyphRenderer}))) for figure in shown)


def test_the_original_cells_run_on_the_results_of_this_repository(shown, monkeypatch):
    monkeypatch.delenv("DLMARK_RESULTS", raising=False)
    names = run_cells()
    assert {"AlexNet", "ResNet-v2-50"} <= set(names["models"])
    assert len(shown) == 5
    assert all(len(list(figure.select({"type": GlyphRenderer}))) for figure in shown)
