"""A contribution to this project, as tests of the door make one."""

import copy
import json
import subprocess
import sys

from dlmark.results.files import file_name

NAME = "cnn.py__benchmark_throughput__torch__amd-epyc-2-threads.json"
NEW = "cnn.py__benchmark_throughput__torch__my-cpu-2-threads.json"
DEVICES = {"mine": "My CPU, 2 threads", "others": "Their CPU, 2 threads"}


def git(folder, *words, **options):
    settings = ["-c", "user.name=a", "-c", "user.email=a@b.c", "-c", "commit.gpgsign=false", "-c", "init.defaultBranch=main"]
    return subprocess.run(["git", *settings, *words], cwd=folder, check=True, capture_output=True, text=True, **options).stdout.strip()


def put(folder, path, content):
    target = folder / path
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_text(content if isinstance(content, str) else json.dumps(content), encoding="utf-8")


def put_new(folder, records, whose="mine"):
    """Add the results of a device that has none yet."""
    device = DEVICES[whose]
    put(folder, f"results/{file_name('cnn.py', 'benchmark_throughput', 'torch', device)}", [{**record, "device": device} for record in records])


def again(records, number=1.25, **fields):
    """The records, measured again: so much slower, a day later."""
    found = copy.deepcopy(records)
    for record in found:
        record["block_times_s"] = [number * time for time in record["block_times_s"]]
        record.update({name: record[name] / number for name in ("throughput", "throughput_half_width")}, measured_at="2026-11-25T10:00:00Z")
        record.update(fields)
    return found


def make_door(project, *words):
    done = subprocess.run([sys.executable, "-m", "dlmark", "door", *words], cwd=project, capture_output=True, text=True, timeout=60)
    assert "Traceback" not in done.stderr
    return done.returncode, done.stdout, done.stderr
