"""The sentence of a failure that goes into a record: what was missing, and no path of the user's."""

import os
from pathlib import Path

import pytest

from dlmark.measure import reasons

INDUCTOR = """backend='inductor' raised:
InvalidCxxCompiler: No working C++ compiler found in torch._inductor.config.cpp.cxx: (None, 'g++')

Set TORCHDYNAMO_VERBOSE=1 for the internal stack trace (please do this especially if you're reporting a bug to PyTorch). For even more developer context, set TORCH_LOGS="+dynamo"
"""
NOEXEC = """backend='inductor' raised:
ImportError: /home/jane/.cache/torchinductor/2x/cabc.main.so: failed to map segment from shared object: Operation not permitted

Set TORCHDYNAMO_VERBOSE=1 for the internal stack trace
"""
CUDA = """CUDA error: device-side assert triggered
CUDA kernel errors might be asynchronously reported at some other API call, so the stacktrace below might be incorrect.
For debugging consider passing CUDA_LAUNCH_BLOCKING=1
Compile with `TORCH_USE_CUDA_DSA` to enable device-side assertions.
"""
MXNET = """Traceback (most recent call last):
  File "../src/ndarray/ndarray.cc", line 1858
MXNetError: Check failed: header == kMXAPINDArrayListMagic: Invalid NDArray file format"""
WEIGHTS = """Weights only load failed. This file can still be loaded, to do so you have two options, \x1b[1mdo those steps only if you trust the source\x1b[0m.
\t(1) In PyTorch 2.6, we changed the default value of the `weights_only` argument
Check the documentation of torch.load to learn more https://pytorch.org/docs/stable/generated/torch.load.html."""


@pytest.mark.parametrize("text, kept", [
    (INDUCTOR, "InvalidCxxCompiler: No working C++ compiler found in torch._inductor.config.cpp.cxx: (None, 'g++')"),
    (NOEXEC, "ImportError: cabc.main.so: failed to map segment from shared object: Operation not permitted"),
    (CUDA, "CUDA error: device-side assert triggered"),
    (MXNET, "MXNetError: Check failed: header == kMXAPINDArrayListMagic: Invalid NDArray file format"),
    (WEIGHTS, "Weights only load failed. This file can still be loaded, to do so you have two options, do those steps only if you trust the source."),
    ("shapes do not fit\ntry another one", "shapes do not fit"), ("trace:\nCUDA error: out of memory\nat x.cc", "CUDA error: out of memory"), ("", ""),
    ("Please wait", "Please wait"), ("\n\n  one line \n", "one line"),
])  # fmt: skip
def test_an_error_keeps_the_line_that_says_what_was_missing(text, kept):
    assert reasons.of_error(text) == kept


DEATH = """INFO: starting
Traceback (most recent call last):
  File "/home/jane/x.py", line 3, in <module>
    load()
RuntimeError: No working C++ compiler found

Set TORCHDYNAMO_VERBOSE=1 for the internal stack trace
"""


@pytest.mark.parametrize("text, kept", [
    (DEATH, "RuntimeError: No working C++ compiler found"), ("one\ntwo\n", "two"), ("terminate called\nstd::bad_alloc\nmore\n", "std::bad_alloc"),
    ("Check failed: no such kernel\nStack trace:\n  [bt] (0) libmxnet.so\n", "Check failed: no such kernel"), ("", ""),
])  # fmt: skip
def test_last_words_keep_it_too(text, kept):
    assert reasons.of_last_words(text) == kept


@pytest.mark.parametrize("text, kept", [
    ("/home/jane/secret/val/x.JPEG can't be read", "x.JPEG can't be read"), ("no file '/home/jane doe/my val/x y.JPEG'", "no file 'x y.JPEG'"),
    ("[Errno 2] No such file or directory: \"/data/jane/w.pth\"", "[Errno 2] No such file or directory: \"w.pth\""),
    ("in /srv/jane/a.so: not found (/opt/jane/b.so)", "in a.so: not found (b.so)"), ("see /srv/jane/folder/.", "see folder."),
    ("C:\\Users\\jane\\w.pth is lost", "w.pth is lost"), ("file:///home/jane/x.onnx", "x.onnx"), ("~/models/w.pth", "w.pth"),
    # what is nobody's own
    ("/dev/nvidia0 may not be opened", "/dev/nvidia0 may not be opened"), ("images/s or 1/2, and/or", "images/s or 1/2, and/or"),
    ("https://pytorch.org/docs/stable", "https://pytorch.org/docs/stable"), ('File "../src/ndarray.cc"', 'File "../src/ndarray.cc"'), ("a / b", "a / b"),
])  # fmt: skip
def test_of_a_path_only_the_files_name_stays(text, kept):
    assert reasons.without_paths(text) == kept


def test_the_users_own_folders_are_known_though_they_have_spaces(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", "/home/jane the first")
    assert reasons.without_paths(f"{Path.home()}/nets/w.pth is broken") == "w.pth is broken"
    (tmp_path / "my work").mkdir()
    monkeypatch.chdir(tmp_path / "my work")
    assert reasons.without_paths(f"read {os.getcwd()}/val/x.png, then") == "read x.png, then"
