"""Names of result files: never empty, and what they say is what the records inside say, in both ways of reading."""

import json
import os

import hostile
import pytest

from dlmark.benchmark import load_results
from dlmark.record import RecordError, is_text
from dlmark.record.names import Claim, claim, file_name, slug
from dlmark.results.files import ResultsError, read_records
from dlmark.results.reader import decode as fast

POINT = {"model": "AlexNet", "batch_size": 1, "framework": "mxnet", "device": "Tesla V100-SXM2-16GB", "workload": "inference",
         "throughput": 600.5, "status": "ok", "source": "measured"}  # fmt: skip
NAME = "cnn.py__benchmark_throughput__mxnet__tesla-v100-sxm2-16gb.json"
PUBLISHED = {**POINT, "source": "published: owner/repository@0a1b2c:table.csv"}


@pytest.fixture(params=["fast", "patient"])
def way(request, monkeypatch):
    """Both ways of reading; the patient one is all that there is without msgspec."""
    if request.param == "patient":
        monkeypatch.setattr(fast, "msgspec", None)


def write(folder, name, *records):
    (folder / name).write_text(json.dumps(records))


# ---- slugs ----


@pytest.mark.parametrize("text", ["", "--", "!!!", "Сеть", "设备", "🤖", "\udce9", "  ", "x" * 2_000])
def test_a_slug_is_never_empty_and_fits_a_files_name(text):
    assert 0 < len(slug(text)) <= 80 and slug(text).isascii()


@pytest.mark.parametrize("one, other", [("设备一", "设备二"), ("Ускоритель A", "Усилитель A"), ("é", "e"), ("x" * 100 + "a", "x" * 100 + "b"), ("Åre", "Äre")])
def test_devices_of_other_alphabets_have_files_of_their_own(one, other):
    assert slug(one) != slug(other)


@pytest.mark.parametrize("text, expected", [("NVIDIA GeForce™ RTX 4090", "nvidia-geforce-rtx-4090"), ("AMD EPYC, 2 threads", "amd-epyc-2-threads")])
def test_a_slug_without_letters_of_other_alphabets_has_no_number(text, expected):
    assert slug(text) == expected


@pytest.mark.parametrize("text", [text for texts in hostile.STRINGS.values() for text in texts])
def test_the_name_of_a_file_stays_in_its_folder_and_claims_what_it_was_made_of(text):
    name = file_name("cnn.py", "benchmark_throughput", "mxnet", text)
    assert os.path.basename(name) == name and len(name) < 200
    assert claim(name) == Claim("cnn.py", "benchmark_throughput", "mxnet", slug(text), False)


# ---- claims ----


@pytest.mark.parametrize("name, expected", [
    (NAME, Claim("cnn.py", "benchmark_throughput", "mxnet", "tesla-v100-sxm2-16gb", False)),
    ("cnn.py__benchmark_accuracy__mxnet__gluon-zoo__published.json", Claim("cnn.py", "benchmark_accuracy", "mxnet", "gluon-zoo", True)),
    ("device.py__benchmark_ceilings__data-sheets__published.json", Claim("device.py", "benchmark_ceilings", None, None, True)),
    ("my_own.py__f__jax__x.json", Claim("my_own.py", "f", "jax", "x", False)),
    ("a.json", None), ("cnn.py__benchmark_throughput.json", None), ("cnn.py__benchmark_throughput__mxnet.json", None),
    ("cnn__benchmark_throughput__mxnet__x.json", None), ("cnn.py__benchmark_throughput__mxnet__X__y.json", None),
])  # fmt: skip
def test_a_name_of_this_form_claims_these(name, expected):
    assert claim(name) == expected


def test_every_result_file_has_a_name_that_claims_something(root):
    assert all(claim(path.name) for path in (root / "results").glob("*.json"))


@pytest.mark.parametrize("change", [{}, {"device": None}, {"framework": None}, {"source": None}, {"workload": "Inference"},
                                    {"throughput": None, "status": "crashed", "reason": "x"}, {"throughput": None, "status": None}])  # fmt: skip
def test_records_that_do_not_contradict_the_name_are_read(change, way, tmp_path):
    write(tmp_path, NAME, POINT, {**POINT, **change})
    assert len(load_results("*", tmp_path)) == 2


@pytest.mark.parametrize("name, wrong, message", [
    (NAME, {"framework": "torch"}, "framework mxnet, and framework is 'torch'"),
    (NAME, {"device": "Tesla T4"}, "device tesla-v100-sxm2-16gb, and device is 'Tesla T4'"),
    (NAME, {"workload": "training"}, "cnn.py, which is about inference, and workload is training"),
    (NAME, {"source": "published: x"}, "measured records, and source is 'published: x'"),
    (NAME, {"throughput": None, "accuracy": 0.5}, "benchmark_throughput, and there is no throughput"),
    (NAME.replace("throughput", "accuracy"), {}, "benchmark_accuracy, and there is no accuracy"),
    (NAME.replace("throughput", "largest_batch_size"), {}, "benchmark_largest_batch_size, and there is no memory_limit_mb"),
    (NAME.replace("cnn", "training"), {}, "training.py, which is about training, and workload is inference"),
    (NAME.replace(".json", "__published.json"), {}, "published records, and source is 'measured'"),
    ("cnn.py__benchmark_accuracy__zoo__published.json", {"source": None}, "published records, and source is None"),
])  # fmt: skip
def test_a_record_that_is_not_what_the_name_says_is_refused_with_both(name, wrong, message, way, tmp_path):
    write(tmp_path, "a.json", POINT, {**POINT, **wrong})  # this name claims nothing
    assert len(load_results("a.json", tmp_path)) == 2
    right = {**PUBLISHED, "accuracy": 0.5} if "published" in name else {**POINT, "accuracy": 0.5, "memory_limit_mb": 1, "workload": None}
    write(tmp_path, name, right, {**POINT, **wrong})
    with pytest.raises(RecordError) as error:
        load_results(name, tmp_path)
    assert f"{name}: record 1: the file's name says {message}: rename the file" in str(error.value)


def test_figures_of_several_devices_may_share_a_file_that_names_their_source(way, tmp_path):
    name = "device.py__benchmark_ceilings__data-sheets__published.json"
    write(tmp_path, name, *({**PUBLISHED, "workload": "ceiling", "device": device, "framework": None} for device in ("Tesla T4", "Tesla V100")))
    assert len(load_results(name, tmp_path)) == 2


# ---- names that can't be shown ----


@pytest.mark.parametrize(
    "name", ["a\nb.json", "a\u2028b.json", "a\x1b[2Jb.json", "a\u202eb.json", "a\u200bb.json", "a\u00a0b.json", "\u0301.json", "\udce9.json", "\u3164.json"]
)
def test_a_file_whose_name_can_not_be_seen_is_refused_and_its_name_escaped(name, way, tmp_path):
    write(tmp_path, name, POINT)
    for read in (read_records, lambda path: load_results("*", tmp_path)):
        with pytest.raises(ResultsError, match="expected a name in UTF-8, all of whose characters can be seen, got .*: rename it") as error:
            read(tmp_path / name)
        assert is_text(str(error.value))


@pytest.mark.parametrize("name", ["ResNet é.json", "网络.json", "a b.json", "=1+1.json", "<b>.json"])
def test_a_file_with_any_other_name_is_read(name, way, tmp_path):
    write(tmp_path, name, POINT)
    assert list(load_results("*", tmp_path)["file"]) == [name]
