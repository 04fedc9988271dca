"""The door: a contribution goes through it as data. The workflow's own steps are run, with real git, on hostile ones too."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from contribution import NAME, NEW, again, git, make_door, put, put_new
from markdown_it import MarkdownIt

from dlmark.door import changes, conditions, differences, door
from dlmark.door.report import Quoted, as_markdown, as_text, line
from dlmark.record.words import speed

HOSTILE = "$(touch ran)`touch ran`\n::error::gone ##[error]gone<script>x</script>.json"
DOOR = yaml.safe_load((Path(__file__).parents[2] / ".github" / "workflows" / "door.yml").read_text(encoding="utf-8"))
STEPS = DOOR["jobs"]["report"]["steps"]


@pytest.fixture
def runner(tmp_path):
    """Function: run the workflow's steps on what the repository's branch `contribution` would be merged to, as GitHub's runner does."""

    def run(project):
        git(project, "add", "-A")
        git(project, "commit", "-qm", "contribution", "--allow-empty")
        git(project, "checkout", "-qf", "main")
        git(project, "merge", "-q", "--no-ff", "-m", "merge", "contribution")
        merge = git(project, "rev-parse", "HEAD")
        git(project, "config", "uploadpack.allowAnySHA1InWant", "true")
        programs, work, summary = tmp_path / "bin", tmp_path / "work", tmp_path / "summary.md"
        programs.mkdir()
        work.mkdir()
        # A Python with nothing but its own library, as the runner's is.
        (programs / "python3").write_text(f'#!/bin/sh\nexec "{sys.executable}" -S "$@"\n')
        (programs / "python3").chmod(0o755)
        (tmp_path / "owner").mkdir()
        (tmp_path / "owner" / "name").symlink_to(project)
        environment = {"PATH": f"{programs}:{os.environ['PATH']}", "HOME": str(tmp_path), "GITHUB_SERVER_URL": f"file://{tmp_path}",
                       "GITHUB_REPOSITORY": "owner/name", "GITHUB_SHA": merge, "GITHUB_STEP_SUMMARY": str(summary)}  # fmt: skip
        said, status = "", 0
        for number, step in enumerate(STEPS):
            script = tmp_path / f"step-{number}.sh"
            script.write_text(step["run"])
            shell = DOOR["jobs"]["report"]["defaults"]["run"]["shell"].replace("{0}", str(script)).split()
            done = subprocess.run(shell, cwd=work, env={**environment, **step.get("env", {})}, capture_output=True, text=True, timeout=120)
            said, status = said + done.stdout + done.stderr, done.returncode
            if status:
                break
        return status, said, summary.read_text(encoding="utf-8") if summary.exists() else ""

    return run


def judged(before=None, after=None, path=f"results/{NAME}"):
    change = changes.Change(path, "changed" if before else "new", "", *(None if part is None else json.dumps(part).encode() for part in (before, after)))
    refused, lines = door.judge(changes.Contribution([change], []))
    return refused, as_text(lines)


# ---- the workflow as it is written ----


@pytest.mark.parametrize("path", sorted((Path(__file__).parents[2] / ".github" / "workflows").glob("*")), ids=lambda path: path.name)
def test_a_workflow_has_no_rights_and_uses_nothing_of_others(path):
    text = path.read_text(encoding="utf-8")
    workflow = yaml.safe_load(text)
    assert workflow["permissions"] == {"contents": "read"} and workflow[True] == "pull_request"  # YAML reads `on` as true
    assert "secrets" not in text and "pull_request_target" not in text and "uses:" not in text
    for job in workflow["jobs"].values():
        assert job["timeout-minutes"] <= 15 and "permissions" not in job
        assert not [step for step in job["steps"] if "${{" in step["run"]]


# ---- the workflow as it runs ----


def test_a_good_contribution_is_accepted_and_told_what_it_adds(project, runner, records):
    put(project, f"results/{NAME}", records + again(records, host="another machine 1a2b"))
    status, said, summary = runner(project)
    assert status == 0, said
    assert "Accepted by the checks" in summary and "6 new points, 6 the same" in summary and NAME in summary


def test_it_runs_the_code_of_the_base_and_nothing_of_the_contribution(project, runner, tmp_path):
    mark = tmp_path / "ran"
    code = f"open({str(mark)!r}, 'w')\n"
    for path in (
        "conf.py",
        "sitecustomize.py",
        "dlmark/record/fields.py",
        "dlmark/door/door.py",
        "dlmark/__init__.py",
        "json.py",
        "tests/conftest.py",
        "setup.py",
    ):
        put(project, path, code)
    put(project, "Makefile", f"door:\n\ttouch {mark}\n")
    put(project, ".gitattributes", "*.json filter=evil diff=evil\n")
    put(project, ".gitmodules", '[submodule "a"]\n\tpath = a\n\turl = file:///nowhere\n')
    put(project, "notebooks/evil.ipynb", {"cells": [{"cell_type": "code", "source": [code], "outputs": [], "metadata": {}, "execution_count": None}]})
    put(project, ".github/workflows/other.yml", "on: push\n")
    put(project, "results/conf.py", code)
    put(project, "results/sub/evil.json", [])
    status, said, _ = runner(project)
    assert status == 1 and not mark.exists(), said
    assert "outside results/" in said and "notebooks/evil.ipynb" in said and "Refused: results/conf.py" in said and "Refused: results/sub/evil.json" in said


def test_what_is_no_plain_file_is_told_and_not_followed(project, runner, records, tmp_path):
    put(tmp_path, "secret.json", [{"model": "SECRET", "throughput": 1.0}])
    (project / "results" / "link.json").symlink_to(tmp_path / "secret.json")
    (project / "results" / "folder.json").symlink_to("../dlmark")
    put(project, "results/program.json", records)
    (project / "results" / "program.json").chmod(0o755)
    git(project, "update-index", "--add", "--cacheinfo", f"160000,{'1' * 40},results/module.json")
    (project / "results" / "module.json").mkdir()
    status, said, summary = runner(project)
    assert status == 1
    assert said.count("got a symbolic link") == 2 and "got a submodule" in said and "marked as a program" in said
    assert "SECRET" not in said + summary


def test_a_name_is_a_name_whatever_it_holds(project, runner, records):
    put(project, f"results/{HOSTILE.replace('/', '_')}", records)
    put(project, "notes\n::warning::x.md", "")
    status, said, summary = runner(project)
    assert status == 1 and not list(project.parent.rglob("ran")), said
    first, *middle, last = said.splitlines()
    token = first.removeprefix("::stop-commands::")
    assert re.fullmatch(r"[0-9a-f-]{36}", token) and last == f"::{token}::", "what lies between them is no command to the runner"
    assert not [text for text in middle if text.strip().startswith("::")]
    tags = re.findall(r"<(/?[a-z0-9]+)", MarkdownIt("commonmark", {"html": True}).render(summary))
    assert {tag.strip("/") for tag in tags} <= {"h3", "ul", "li", "code", "p"} and "<script" not in re.sub("`.*`", "", summary)


def test_a_huge_file_is_refused_unread(project, runner):
    (project / "results" / NEW).write_bytes(b"[" + b" " * changes.MAX_FILE_BYTES + b"]")
    status, said, _ = runner(project)
    assert status == 1 and "expected at most 32 MB, got 33,554,434 bytes" in said


def test_a_thousand_files_are_refused_unread_and_not_all_listed(project, runner):
    for number in range(1_000):
        put(project, f"results/cnn.py__benchmark_throughput__torch__d{number}.json", "[")
    status, said, summary = runner(project)
    assert status == 1 and "one of 1,000 files, and at most 200" in said and "960 more files" in said and "not readable JSON" not in said
    assert len(summary) < 100_000


def test_a_file_that_breaks_the_format_is_refused_with_the_path_that_it_has(project, runner):
    put(project, f"results/{NAME}", [{"model": "AlexNet", "troughput": 1.0}])
    status, said, _ = runner(project)
    assert status == 1 and f"results/{NAME}: record 0: unknown field 'troughput'" in said and "/tmp" not in said


@pytest.mark.parametrize("name", ["mine.json", "CNN.py__benchmark_throughput__torch__a.json", f"{'x' * 235}.py__a__b__c.json"])
def test_a_name_that_make_results_does_not_give_is_refused(name, project, records):
    put(project, f"results/{name}", records)
    assert "expected a name as `make results` gives it" in make_door(project)[1]


def test_what_is_unlikely_is_told(project, records):
    put_new(project, [{**record, "multiply_adds": 12_345} for record in records])
    status, said, _ = make_door(project)
    assert status == 0 and "Record 0: multiply_adds 12,345, and other files have" in said


def test_a_contribution_does_not_vouch_for_itself(records):
    base = door.Base([changes.Change(f"results/{NEW}", "new", "", None, b"")])
    forged = {**records[0], "multiply_adds": 12_345}
    assert base.known(f"results/{NEW}").sizes(forged, "multiply_adds") == {records[0]["multiply_adds"]} and base.held(f"results/{NEW}") == []


def test_a_contribution_without_results_is_nothing_to_judge(project, runner):
    put(project, "README.md", "better")
    status, said, _ = runner(project)
    assert status == 0 and "No result files" in said and "README.md" in said


# ---- what it says ----


def test_every_result_file_of_the_project_is_accepted(root, capsys, monkeypatch):
    monkeypatch.chdir(root)
    assert door.run([str(path.relative_to(root)) for path in sorted(root.glob("results/*.json"))][: changes.MAX_FILES], None, None, None) == 0
    assert "Accepted" in capsys.readouterr().out


def test_points_of_others_that_are_removed_measured_again_or_edited_are_told(records):
    edited = [{**records[1], "mode": records[1]["mode"], "flags": ["nothing to see"]}]
    refused, said = judged(records, again(records[:1]) + edited + records[3:])
    assert not refused
    assert "1 points of the base are removed" in said and records[2]["model"] in said
    assert "1 points of the base are replaced by other measurements" in said and f"{speed(records[0])} to {speed(again(records[:1])[0])}" in said
    assert "1 points of the base differ, though they were measured at the same time" in said and "flags" in said


def test_what_a_new_point_moves_in_the_others_is_no_edit(records):
    moved = [{**record, "throughput_half_width": 9.0, "grade": "C"} for record in records]
    notes, warnings = differences.between(records, [*moved, {**records[0], "model": "one more"}])
    assert not warnings and "6 worked out anew" in as_text(notes)


def test_figures_that_no_new_point_has_moved_are_for_a_person_to_look_at(records):
    better = [{**record, "throughput_half_width": 0.01, "canary_drift": 0.0} for record in records]
    _, warnings = differences.between(records, better)
    assert "6 points of the base have other figures from the same raw times, and no point is new" in as_text(warnings)
    assert "throughput_half_width" in as_text(warnings)


def test_a_removed_file_is_told_point_by_point(records):
    refused, said = judged(records, None)
    assert not refused and "6 points of the base are removed" in said and "and 1 more" in said


@pytest.mark.parametrize("name", ["driver_version", "host", "framework_version", "precision", "mode", "command", "measured_at", "gate_images", "canary_drift",
                                  "other_cpu_share", "library_versions"])  # fmt: skip
def test_a_condition_that_is_not_stated_costs_something(name, records):
    told = [{**record, "device": "NVIDIA A100", "driver_version": "550.54", "gate_images": 8} for record in records]
    assert f"have no {name}" not in as_text(conditions.lacking(told))
    assert f"6 of 6 have no {name}, which costs" in as_text(conditions.lacking([{**record, name: None} for record in told]))


def test_a_cpu_is_asked_for_its_threads_and_not_for_a_driver(records):
    said = as_text(conditions.lacking([{**record, "threads": None} for record in records]))
    assert "have no threads" in said and "driver_version" not in said


def test_published_figures_and_failed_points_are_not_asked_for_conditions(records):
    published = {"model": "AlexNet", "throughput": 1.0, "source": "published: a/b@c:d"}
    failed = {"model": "AlexNet", "status": "crashed", "reason": "it did"}
    assert not conditions.lacking([published, failed])


def test_a_grade_that_its_own_fields_do_not_allow_is_told(records):
    assert not conditions.lacking([{**records[0], "gate_images": 8}])
    said = as_text(conditions.lacking([{**records[0], "gate_images": 8, "grade": "A", "canary_drift": 0.5}]))
    assert "1 claim a better grade" in said and "canary drifted by 50.0%" in said


def test_what_comes_after_the_time_is_up_is_refused_unread(records):
    times = iter([0, 0, door.MAX_S + 1])
    found = [changes.Change(f"results/{NAME}", kind, "", None, json.dumps(records).encode()) for kind in ("new", "changed")]
    refused, lines = door.judge(changes.Contribution(found, []), clock=lambda: next(times))
    assert refused and f"Refused: results/{NAME}\n  not looked at" in as_text(lines) and f"New: results/{NAME}" in as_text(lines)


def test_more_bytes_than_a_contribution_may_have_are_refused_unread(project, monkeypatch, records):
    monkeypatch.setattr(changes, "MAX_BYTES", 20_000)
    for number in range(3):
        put(project, f"results/cnn.py__benchmark_throughput__torch__d{number}.json", records)
    found = changes.on_disk(project, "main").changes
    assert "together" in found[-1].refusal and found[-1].after is None and found[0].after


# ---- the two forms of a report ----


@pytest.mark.parametrize("text", ["`", "``` a", "<img src=x onerror=alert(1)>", "[a](javascript:alert(1))", "a|b", "*a*", "line\u2028## heading", "\r# x",
                                  "\x1b[31m", "![x](http://a.b/c.png)", "@someone #1", "", " ", "x" * 5_000, "`` ` ```` x", "\\`<b>"])  # fmt: skip
def test_a_text_of_strangers_is_text_in_both_forms(text):
    lines = [line(0, "Heading ", Quoted(text)), line(1, "own_words*: ", Quoted(text)), line(2, Quoted(text))]
    assert "\x1b" not in as_text(lines) and len(as_text(lines).splitlines()) == 3
    html = MarkdownIt("commonmark", {"html": True}).render(as_markdown(lines))
    assert html.count("<code>") == 3 and "own_words*" in html
    assert {tag.strip("/") for tag in re.findall(r"<(/?[a-z0-9]+)", html)} <= {"h3", "ul", "li", "code"}
    assert len(as_markdown(lines)) < 1_500
