"""The command line: what each command prints, its exit status, and that an error is one line."""

import json
import os
import subprocess
import sys

import pytest

from dlmark.__main__ import main

POINT = {"framework": "mxnet", "framework_version": "1.9.1", "device": "CPU", "source": "measured"}


def records(throughput, models=("AlexNet", "VGG-16"), sizes=(1, 8)):
    return [{**POINT, "model": m, "batch_size": b, "throughput": throughput, "throughput_half_width": throughput / 100} for m in models for b in sizes]


@pytest.fixture
def results(tmp_path, monkeypatch):
    """A results folder with three files: a, b that is a tenth slower, and one of another device."""
    for name, content in (("a", records(100.0)), ("b", records(90.0)), ("h100", [{**r, "device": "H100"} for r in records(9_000.0)])):
        (tmp_path / f"{name}.json").write_text(json.dumps(content))
    monkeypatch.setenv("DLMARK_RESULTS", str(tmp_path))
    return tmp_path


@pytest.fixture
def told(capsys, results):
    """Run a command; returns its exit status, standard output and standard error."""

    def run(*words):
        status = main([str(results / word) if word in ("a.json", "b.json", "h100.json") else word for word in words])
        return status, *capsys.readouterr()

    return run


def test_check_counts_the_records(told):
    status, out, _ = told("check", "a.json", "b.json")
    assert status == 0 and out.count("4 records, all right") == 2


def test_check_says_which_file_is_wrong(told, results):
    (results / "wrong.json").write_text('[{"model": "AlexNet", "throughputs": 1}]')
    status, out, err = told("check", "a.json", str(results / "wrong.json"))
    assert status == 1 and "did you mean throughput?" in err and err.endswith("1 of 2 files are wrong; docs/result-format.ipynb describes the format\n")


ODD = {"model": "AlexNet", "device": "Tesla V100-SXM2-16GB", "batch_size": 7, "throughput": 1.0}


def test_check_warns_of_what_is_unlikely_only_when_asked_to_and_stays_content(told, results):
    (results / "odd.json").write_text(json.dumps([ODD]))
    assert told("check", str(results / "odd.json"))[:2] == (0, f"{results}/odd.json: 1 records, all right\n")
    status, out, err = told("check", "--plausible", str(results / "odd.json"))
    assert status == 0 and not err and out.splitlines()[1:] == [f"warning: {results}/odd.json: record 0: batch_size 7 is odd"]


def test_check_compares_with_the_other_files_of_the_results_folder(told, results):
    ceiling = {"model": "peak", "workload": "ceiling", "device": ODD["device"], "precision": "float32", "tflops": 15.7, "source": "published: x"}
    (results / "device.py__benchmark_ceilings__sheets__published.json").write_text(json.dumps([ceiling]))
    fast = {**ODD, "batch_size": 8, "precision": "float32", "multiply_adds": 10**9, "throughput": 10_000.0}
    (results / "fast.json").write_text(json.dumps([fast, {**ceiling, "tflops": 10**6}]))  # what it says of the device itself counts for nothing
    out = told("check", "--plausible", str(results / "fast.json"))[1]
    assert "warning:" in out and "record 0: a throughput of 10,000 images/s means 20.0 TFLOP/s, and Tesla V100-SXM2-16GB does at most 15.7" in out


def test_check_tells_many_warnings_of_one_file_in_few_lines(told, results):
    (results / "odd.json").write_text(json.dumps([{**ODD, "batch_size": 2 * n + 1} for n in range(1, 80)]))
    lines = told("check", "--plausible", str(results / "odd.json"))[1].splitlines()
    assert len(lines) == 52 and lines[-1].endswith("odd.json: and 29 more")


def test_a_wrong_file_beside_it_does_not_keep_check_from_warning(told, results):
    (results / "wrong.json").write_text("[{")
    (results / "odd.json").write_text(json.dumps([ODD]))
    status, out, err = told("check", "--plausible", str(results / "odd.json"))
    assert status == 0 and "is odd" in out and not err


@pytest.mark.parametrize("name", ["a\u2028b.json", "a\x1b[2Jb.json", "\udce9.json", "f\u202eo/a.json", "f\n/a.json"])
def test_check_refuses_names_that_can_not_be_seen_in_one_escaped_line(name, told, results):
    path = results / name
    path.parent.mkdir(exist_ok=True)
    path.write_text("[]")
    status, out, err = told("check", str(path))
    assert status == 1 and not out and "all of whose characters can be seen" in err and err.count("\n") == 2
    assert err.replace("\n", "").isprintable() and err.isascii()


def test_show_prints_all_results(told):
    status, out, err = told("show")
    assert status == 0 and len(out.splitlines()) == 2 + 12 and not err


def test_show_filters_sorts_and_limits(told):
    status, out, err = told("show", "--model", "vgg*", "--device", "H1", "--source", "measured", "--status", "ok", "--sort", "batch_size", "--descending",
                            "--limit", "1", "--columns", "batch,device")  # fmt: skip
    assert out.splitlines()[-1].split() == ["8", "H100"] and err == "1 of 2 records; --limit says how many\n"


@pytest.mark.parametrize("words, message", [
    (["show", "nothing"], "no result file matches 'nothing'"),
    (["show", "--framework", "torch"], "no record has framework torch; there are: mxnet"),
    (["show", "--sort", "sped"], "unknown field 'sped'"),
    (["show", "--columns", "spede"], "unknown column 'spede'"),
    (["compare", "a.json", "gone.json"], "gone.json: can't be read: No such file"),
    (["compare", "a.json", "h100.json"], "have no point in common (4 only in A, 4 only in B): they differ in device "),
    (["compare", "a.json", "h100.json"], "; --any-device compares different devices"),
    (["export", "--csv", "no/such/folder/x.csv"], "can't be written: No such file"),
    (["export", "nothing", "--csv", "-"], "no result file matches"),
])  # fmt: skip
def test_an_error_is_one_line(told, words, message):
    status, out, err = told(*words)
    assert status == 2 and message in err and err.count("\n") == 1 and not out


def test_an_error_does_not_pass_on_control_characters(told, results):
    (results / "wrong.json").write_text(json.dumps([{"model": "AlexNet", "\x1b[2J": 1}]))
    _, _, err = told("show", "wrong.json")
    assert "\x1b" not in err and "unknown field" in err


@pytest.mark.parametrize("words", [["show", "--limit", "0"], ["show", "--limit", "x"], ["compare", "a", "b", "--within", "-1"],
                                   ["compare", "a", "b", "--within", "nan"], ["export"], ["export", "--csv", "a", "--parquet", "b"], []])  # fmt: skip
def test_a_wrong_command_line_says_how_it_goes(words, capsys):
    with pytest.raises(SystemExit) as end:
        main(words)
    assert end.value.code == 2 and "usage: python -m dlmark" in capsys.readouterr().err


def test_compare_judges_points_and_networks(told):
    status, out, _ = told("compare", "a.json", "b.json")
    assert status == 0 and "4 points: 0 SAME, 0 FASTER, 4 SLOWER, 0 UNSURE" in out and "2 networks: 0 SAME, 0 FASTER, 2 SLOWER, 0 UNSURE" in out
    assert "AlexNet, batch 8  100.0 ± 1.0  90.00 ± 0.90       -10.0%      ±1.0%  SLOWER" in out


def test_compare_tells_the_unit_of_its_columns_and_of_each_number_where_there_are_several(told, results):
    boxes = [{**record, "unit": "boxes/s", "task": "boxes"} for record in records(10.0, models=("Toy",), sizes=(1,))]
    for name, content in (("boxes", boxes), ("both", boxes + records(100.0, models=("AlexNet",), sizes=(1,)))):
        (results / f"{name}.json").write_text(json.dumps(content))
    one, both = (told("compare", *[str(results / f"{name}.json")] * 2)[1] for name in ("boxes", "both"))
    assert "A, boxes/s" in one and "  10.00 ± 0.10  10.00 ± 0.10  " in one and "images/s" not in one
    assert "A, " not in both and "10.00 ± 0.10 boxes/s" in both and "100.0 ± 1.0 images/s" in both


def test_compare_tells_ceilings_in_their_own_units(told, results):
    ceilings = [{**POINT, "model": name, "workload": "ceiling", "batch_size": 1, "throughput": 200.0, "throughput_half_width": 2.0, **own}
                for name, own in (("matrix product 64", {"tflops": 1.25}), ("call", {"overhead_s": 0.005}))]  # fmt: skip
    (results / "c.json").write_text(json.dumps(ceilings))
    out = told("compare", *[str(results / "c.json")] * 2)[1]
    assert "1.250 ± 0.013 TFLOP/s" in out and "5,000 ± 50 µs a call" in out and "images/s" not in out and "calls/s" not in out


def test_compare_says_how_many_differ_by_chance(told):
    _, out, _ = told("compare", "a.json", "a.json")
    assert out.endswith("Of the 4 points with two intervals about 0.20 (one in 20) are expected to differ by chance.\n")


def test_compare_says_first_what_else_differs(told):
    _, out, _ = told("compare", "a.json", "h100.json", "--any-device")
    assert out.startswith("differs: device CPU -> H100\n")


def test_compare_counts_what_only_one_file_has(told, results):
    (results / "b.json").write_text(json.dumps(records(100.0, models=("AlexNet",)) + records(1.0, models=("VGG-19",), sizes=(1,))))
    assert "Only in A: 2 points. Only in B: 1 points." in told("compare", "a.json", "b.json")[1]


@pytest.mark.parametrize("a, b, status", [("a.json", "b.json", 1), ("b.json", "a.json", 0), ("a.json", "a.json", 0)])
def test_compare_fails_on_a_slower_network_when_asked_to(told, a, b, status):
    assert told("compare", a, b, "--fail-on-slower")[0] == status and told("compare", a, b)[0] == 0


def test_compare_takes_a_tolerance(told):
    assert "4 points: 4 SAME" in told("compare", "a.json", "a.json")[1]
    assert "4 points: 0 SAME, 0 FASTER, 0 SLOWER, 4 UNSURE" in told("compare", "a.json", "a.json", "--within", "0.5")[1]


def test_export_writes_a_file(told, results):
    status, out, err = told("export", "a.json", "--csv", str(results / "x.csv"))
    assert status == 0 and err.endswith("x.csv: 4 records\n") and not out
    assert (results / "x.csv").read_text().startswith("model,framework,framework_version,batch_size,")


def run(*words, **options):
    return subprocess.Popen([sys.executable, "-m", "dlmark", *words], stdout=subprocess.PIPE, stderr=subprocess.PIPE, **options)


@pytest.mark.parametrize("words", [["show"], ["export", "--csv", "-"]])
def test_a_pipe_that_closes_early_is_no_error(words, root):
    reading, writing = os.pipe()
    os.close(reading)
    process = subprocess.Popen([sys.executable, "-m", "dlmark", *words], stdout=writing, stderr=subprocess.PIPE, cwd=root)
    os.close(writing)
    assert process.communicate(timeout=60)[1] == b"" and process.returncode == 141


@pytest.mark.parametrize("words, status, out, message", [
    (["check", "empty.json"], 0, "0 records, all right", ""),
    (["show", "empty.json"], 0, "model", ""),
    (["export", "empty.json", "--csv", "-"], 0, "file\n", ""),
    (["compare", "empty.json", "empty.json"], 2, "", "have no point in common"),
    (["show", "empty.json", "--model", "x"], 2, "", "no record has model x; there are: none"),
])  # fmt: skip
def test_a_file_without_records_is_the_empty_result_or_a_sentence(results, root, words, status, out, message):
    (results / "empty.json").write_text("[]")
    done = run(*[str(results / word) if word == "empty.json" else word for word in words], cwd=root)
    said, err = done.communicate(timeout=60)
    assert done.returncode == status and out in said.decode() and message in err.decode() and err.count(b"\n") == (status == 2)


def test_output_without_room_is_told_in_a_line(results, root):
    with open("/dev/full", "w") as full:
        done = subprocess.run([sys.executable, "-m", "dlmark", "show"], stdout=full, stderr=subprocess.PIPE, text=True, cwd=root)
    assert done.returncode == 2 and done.stderr == "the output: No space left on device\n"


@pytest.mark.parametrize("limit", [6, 8, 12])
@pytest.mark.parametrize("words", [("dlmark", "show"), ("bench.cnn", "throughput", "--framework", "numpy"), ("bench", "--dry-run")])
def test_few_open_files_are_enough_or_told_in_a_line(limit, words, results, root):
    command = ["sh", "-c", f'ulimit -n {limit}; exec "$@"', "sh", sys.executable, "-m", *words]
    done = subprocess.run(command, capture_output=True, text=True, cwd=root)
    if words[0] == "dlmark":
        assert done.returncode == 0 and done.stderr == "" and done.stdout.count("AlexNet") == 6
    else:
        assert done.returncode == 2 and "at least 16 open files, and the limit is" in done.stderr and len(done.stderr.splitlines()) == 1


@pytest.fixture
def two_sessions(results):
    sessions = [{**r, "session": name, "measured_at": f"2026-11-0{day}T10:00:00Z", "throughput": r["throughput"] * day}
                for day, name in ((1, "first"), (2, "second")) for r in records(100.0)]  # fmt: skip
    (results / "a.json").write_text(json.dumps(sessions))


def test_show_and_export_give_the_newest_session_and_with_history_all(told, two_sessions):
    for words in (("show", "a.json", "--columns", "session"), ("export", "a.json", "--csv", "-")):
        assert [told(*words, *more)[1].count("first") for more in ((), ("--history",))] == [0, 4]
        assert told(*words)[1].count("second") == 4


def test_compare_sets_two_sessions_of_one_file_beside_each_other(told, two_sessions):
    status, out, _ = told("compare", "a.json", "a.json", "--session-a", "first", "--session-b", "second")
    assert status == 0 and out.count("+100.0%") == 4 + 2 and "2 networks: 0 SAME, 2 FASTER" in out
    assert "4 SAME" in told("compare", "a.json", "a.json")[1]  # the newest, both times


def test_compare_names_the_sessions_that_there_are(told, two_sessions):
    status, _, err = told("compare", "a.json", "b.json", "--session-a", "third")
    assert status == 2 and "holds no session 'third'; there are: first, second" in err


def test_ctrl_c_is_quiet(monkeypatch, told):
    def interrupted(*_, **__):
        raise KeyboardInterrupt

    monkeypatch.setattr("dlmark.__main__.find_records", interrupted)
    assert told("show") == (130, "", "")


def test_export_writes_to_the_standard_output(results, root):
    out, err = run("export", "a.json", "--csv", "-", cwd=root).communicate(timeout=60)
    assert out.count(b"\n") == 5 and not err


def test_shows_in_an_encoding_without_the_characters(results, root):
    process = run("show", "--limit", "1", cwd=root, env={**os.environ, "PYTHONIOENCODING": "ascii"})
    assert process.communicate(timeout=60)[1].count(b"Traceback") == 0 and process.returncode == 0


@pytest.mark.parametrize("script", ["cnn", "device", "training"])
def test_a_bench_script_may_be_named_as_a_file_from_anywhere(script, root, tmp_path):
    done = subprocess.run([sys.executable, root / "bench" / f"{script}.py", "--help"], cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 0 and f"usage: python -m bench.{script}" in done.stdout and done.stderr == ""
