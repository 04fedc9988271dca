"""bench/networks/networks.csv: one name, one network, whatever framework runs it."""

import json
import subprocess

import pytest
from jax_interpreter import PYTHON, ROOT, needs_jax

from bench import adapters
from bench.cnn import ORIGINAL_19
from bench.networks import count as networks
from dlmark.record import check

# As published with the networks: AlexNet's by torchvision, which has Gluon's layers, and the others' in their papers or zoos.
KNOWN = {"AlexNet": 61_100_840, "VGG-16": 138_357_544, "ResNet-v1b-50": 25_557_032, "SqueezeNet-1.1": 1_235_496, "DenseNet-121": 7_978_856,
         "ViT-B-16": 86_567_656, "ConvNeXt-T": 28_589_128, "Swin-T": 28_288_354, "Keras-MobileNetV2": 3_504_872}  # fmt: skip
MULTIPLY_ADDS = {"ViT-B-16": 17.56e9, "ConvNeXt-T": 4.456e9, "Swin-T": 4.491e9, "VGG-16": 15.47e9, "MobileNetV2": 300.8e6}


def test_every_network_that_is_measured_by_default_is_counted():
    wanted = {*ORIGINAL_19, *adapters.get("torch").defaults, *adapters.get("jax").defaults}
    assert wanted <= set(networks.table())


def test_every_network_of_jax_is_counted_in_jax():
    found = networks.merged({}, networks.TABLE)
    assert {model for model, own in found.items() if "jax" in own} == set(adapters.get("jax").models["classification"])


@pytest.mark.parametrize("model", KNOWN)
def test_the_parameters_are_those_that_are_published(model):
    assert networks.table()[model].parameters == KNOWN[model]


@pytest.mark.parametrize("model, multiply_adds", MULTIPLY_ADDS.items())
def test_the_multiply_adds_are_those_that_are_published(model, multiply_adds):
    assert networks.table()[model].multiply_adds == pytest.approx(multiply_adds, rel=0.002)


def test_attention_counts_as_its_two_matrix_products():
    """In each of ViT's 12 layers each of 197 tokens meets each other in 64 numbers of each head, once for the weights, once for the mean."""
    for model, heads, width in (("ViT-Ti-16", 3, 192), ("ViT-B-16", 12, 768)):
        layers = 12 * 197 * (3 * width**2 + width**2 + 2 * 4 * width**2)
        assert networks.table()[model].multiply_adds == 196 * 3 * 16**2 * width + layers + 12 * 2 * heads * 197**2 * 64 + width * 1000


def test_the_counts_are_fields_of_a_record():
    for model, counts in networks.table().items():
        check({"model": model, **counts._asdict()})
        assert min(counts) > 0


def test_a_name_for_two_networks_is_told():
    one, other = networks.Counts(1, 2, 3), networks.Counts(1, 2, 4)
    assert networks.differing({"A": {"mxnet": one, "torch": one}, "B": {"mxnet": one}}) == []
    (line,) = networks.differing({"A": {"mxnet": one, "torch": other}})
    assert line.startswith("A: mxnet Counts(") and "torch Counts(" in line


def test_a_run_keeps_what_the_table_holds_of_frameworks_that_it_does_not_count(tmp_path):
    path, one, two, three = tmp_path / "networks.csv", *(networks.Counts(1, 2, number) for number in (3, 4, 5))
    networks.write({"A": {"torch": one, "mxnet": one}, "Gone": {"torch": two}, "B": {"mxnet": two}}, path)
    found = networks.merged({"jax": {"A": one, "C": three}, "torch": {"A": one}}, path)
    assert found == {"A": {"mxnet": one, "jax": one, "torch": one}, "B": {"mxnet": two}, "C": {"jax": three}}
    networks.write(found, path)
    assert path.read_text().splitlines()[1:] == ["A,1,2,3,mxnet torch jax", "B,1,2,4,mxnet", "C,1,2,5,jax"]


def test_a_count_that_differs_from_the_one_in_the_table_is_told_and_the_table_stays(tmp_path, monkeypatch, capsys):
    path = tmp_path / "networks.csv"
    networks.write({"VGG-16": {"torch": networks.Counts(1, 2, 3)}}, path)
    monkeypatch.setattr(networks, "TABLE", path)
    monkeypatch.setattr(networks.adapters, "version", lambda adapter: "1")
    monkeypatch.setattr(networks, "count", lambda framework, task, models: [("VGG-16", networks.Counts(1, 2, 4))])
    before = path.read_text()
    assert networks.main(["--framework", "jax"]) == 1 and path.read_text() == before
    assert "VGG-16: torch Counts(" in capsys.readouterr().err


def test_a_network_that_is_counted_anew_has_no_old_counts():
    assert networks.merged({"mxnet": {}, "torch": {}, "jax": {}}, networks.TABLE) == {}


def jax_counts(*models):
    """What is counted in JAX, by an interpreter that has it."""
    script = "import json, sys; from bench.networks import count as networks; print(json.dumps(dict(networks.of_jax('classification', sys.argv[1:]))))"
    done = subprocess.run([PYTHON, "-c", script, *models], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return {model: networks.Counts(*counts) for model, counts in json.loads(done.stdout).items()}


@needs_jax
@pytest.mark.thorough
def test_the_table_holds_what_jax_has():
    models = "DenseNet-121", "ConvNeXt-T", "Keras-MobileNet", "Keras-Xception"  # nested and separable layers too
    assert jax_counts(*models) == {model: networks.table()[model] for model in models}


@pytest.mark.thorough
@pytest.mark.parametrize("framework", ["mxnet", "torch"])
def test_the_table_holds_what_the_frameworks_have(framework):
    if adapters.version(adapters.get(framework)) is None:
        pytest.skip(f"{framework} is not installed here")
    models = [name for name in ("AlexNet", "SqueezeNet-1.1", "ResNet-v1b-50", "ResNet-v1-50", "VGG-11", "ViT-Ti-16", "ViT-B-16", "MobileNetV2", "MobileNetV2-1.0")
              if name in adapters.get(framework).models["classification"]]  # fmt: skip
    found = dict(networks.count(framework, "classification", models))
    assert found == {model: networks.table()[model] for model in models}
