"""What every bench script makes of its options, and of a machine that lacks what it needs beside the frameworks."""

import os

import pytest

from bench import cnn as bench_cnn
from bench.run import options

POINT = "throughput --framework numpy --models MLP-64 --threads 1 --batch-sizes 1 --seconds 0.1 --rounds 1".split()


@pytest.mark.parametrize("name", ["precision", "mode", "device", "rounds", "seconds", "size", "wait", "budget", "session"])
def test_an_option_with_an_empty_value_is_as_if_it_were_not_there(name, tmp_path):
    plans = []
    for words in ([], [f"--{name}="]):
        assert options.main(bench_cnn.parser(), [*POINT, f"--results={tmp_path}", "--session=a", "--dry-run", *words], plans) == 0
    first, second = ((plan.asked.fields, plan.effort, plan.to_do.grid(), plan.where, plan.session) for plan in plans)
    assert first == second


NO_TEMPORARY_FOLDER = """
import os
import tempfile
tempfile._candidate_tempdir_list = lambda: [os.environ.get("TMPDIR", "/proc/nowhere")]
"""


def test_without_a_folder_for_temporary_files_they_lie_beside_the_results_while_it_runs(tmp_path, cnn, saved, root):
    (tmp_path / "sitecustomize.py").write_text(NO_TEMPORARY_FOLDER)
    environment = {"TMPDIR": "/proc/nowhere", "PYTHONPATH": f"{tmp_path}:{root}"}
    done = cnn(*POINT, "--results", tmp_path / "results", environment=environment)
    assert f"so they lie in {tmp_path / 'results'} while this runs; TMPDIR names another" in done.stderr
    assert [record["batch_size"] for record in saved(tmp_path / "results")] == [1] and len(os.listdir(tmp_path / "results")) == 1
