"""The door on a contributor's machine: make door."""

import os
import subprocess
import sys

import pytest
from contribution import NAME, NEW, again, git, make_door, put, put_new

from dlmark.door import changes

# ---- on a contributor's machine ----


def test_without_files_it_takes_what_git_says_is_changed_committed_or_not(project, records):
    put(project, f"results/{NAME}", again(records))
    put_new(project, records)
    status, said, _ = make_door(project)
    assert status == 0 and f"Changed: results/{NAME}" in said and f"New: results/{NEW}" in said
    git(project, "add", "-A")
    git(project, "commit", "-qm", "mine")
    assert make_door(project)[1] == said
    assert make_door(project, "--head", "contribution")[1] == said, "from git's store it is the same"


def test_a_newer_base_is_not_held_against_a_contribution(project, records):
    put_new(project, records)
    git(project, "add", "-A")
    git(project, "commit", "-qm", "mine")
    git(project, "checkout", "-q", "main")
    put_new(project, records, "others")
    git(project, "add", "-A")
    git(project, "commit", "-qm", "others")
    for words in (["--head", "contribution"], ["--base", "main", "--head", "contribution"]):
        said = make_door(project, *words)[1]
        assert "my-cpu" in said and "their-cpu" not in said


def test_named_files_are_set_against_the_base(project, records):
    put(project, f"results/{NAME}", again(records))
    assert "6 points of the base are replaced" in make_door(project, f"results/{NAME}")[1]


def test_outside_of_a_repository_named_files_are_judged_by_themselves(root, tmp_path, records):
    put(tmp_path, NAME, records)
    environment = {**os.environ, "PYTHONPATH": str(root), "GIT_CEILING_DIRECTORIES": str(tmp_path.parent)}
    words = [sys.executable, "-m", "dlmark", "door", NAME]
    done = subprocess.run(words, cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0 and f"New: {NAME}" in done.stdout, done.stderr


@pytest.mark.parametrize("kind", ["link", "pipe", "folder", "missing"])
def test_what_can_not_be_read_as_a_file_is_told(kind, project, tmp_path, records):
    put(tmp_path, "x", records)
    path = project / "results" / NEW
    {"link": lambda: path.symlink_to(tmp_path / "x"), "pipe": lambda: os.mkfifo(path), "folder": path.mkdir, "missing": lambda: None}[kind]()
    status, said, _ = make_door(project, f"results/{NEW}")
    assert status == 1 and f"Refused: results/{NEW}" in said


@pytest.mark.parametrize("words", [["--base", "nothing"], ["--base", "--upload-pack=x"], ["--head", "nothing"]])
def test_a_commit_that_git_does_not_know_is_told_in_one_line(words, project):
    status, said, complaint = make_door(project, *[words[0] + "=" + words[1]])
    assert status == 2 and not said and complaint == f"git knows no commit {words[1]!r}\n"


def test_outside_of_a_repository_it_says_what_to_do(root, tmp_path):
    environment = {**os.environ, "PYTHONPATH": str(root), "GIT_CEILING_DIRECTORIES": str(tmp_path.parent)}
    words = [sys.executable, "-m", "dlmark", "door"]
    done = subprocess.run(words, cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=60)
    assert done.returncode == 2 and "not a git repository" in done.stderr and done.stderr.endswith("name the result files\n")


def test_a_summary_that_can_not_be_written_is_told(project):
    assert make_door(project, f"results/{NAME}", "--summary", "/nowhere/summary.md")[::2] == (
        2,
        "/nowhere/summary.md: can't be written: No such file or directory\n",
    )


def test_without_git_it_says_so(project, monkeypatch):
    monkeypatch.setenv("PATH", "/nowhere")
    with pytest.raises(changes.ChangesError, match="git is needed"):
        changes.commit(project, "main")
