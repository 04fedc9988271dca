"""The arrows of docs/design: what may import what, and what nobody may write."""

import ast
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
LIBRARY = sorted((ROOT / "dlmark").glob("*.py"))
BENCH = sorted((ROOT / "bench").rglob("*.py"))
ADAPTERS = sorted(path for path in (ROOT / "bench" / "adapters").glob("*.py") if path.stem != "__init__")
# These know frameworks by name: two mend the import of one; two count or convert the networks of several.
KNOWING = ("mxnet_compat", "torchvision_import", "networks", "onnx_export")
FRAMEWORKS = {"mxnet", "gluoncv", "torch", "torchvision", "timm", "onnx", "onnxruntime", "openvino", "jax", "flax", "keras", "haiku", "tensorflow"}


def relative(path):
    return str(path.relative_to(ROOT))


def imports(path, top_level_only=False):
    """Full names of the modules that a file imports, wherever it does."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    found = set()
    for node in tree.body if top_level_only else ast.walk(tree):
        if isinstance(node, ast.Import):
            found |= {name.name for name in node.names}
        if isinstance(node, ast.ImportFrom):
            package = node.module or ""
            if node.level:
                package = ".".join([*path.relative_to(ROOT).parts[:-1][: -node.level + 1 or None], *filter(None, [node.module])])
            found |= {package, *(f"{package}.{name.name}" for name in node.names)}
    return found


def tops(names):
    return {name.partition(".")[0] for name in names}


def test_there_is_something_to_look_at():
    assert len(LIBRARY) > 5 and len(BENCH) > 5 and len(ADAPTERS) >= 2


@pytest.mark.parametrize("path", LIBRARY, ids=relative)
def test_the_library_imports_no_framework_and_nothing_of_bench(path):
    assert not tops(imports(path)) & (FRAMEWORKS | {"bench"})


@pytest.mark.parametrize("path", ADAPTERS, ids=relative)
def test_an_adapter_imports_nothing_of_dlmark(path):
    assert "dlmark" not in tops(imports(path))


@pytest.mark.parametrize("path", ADAPTERS, ids=relative)
def test_an_adapter_imports_its_framework_in_functions_only(path):
    allowed = set(sys.stdlib_module_names) | {"numpy", "bench"}
    assert tops(imports(path, top_level_only=True)) <= allowed


@pytest.mark.parametrize("path", [path for path in BENCH if path not in ADAPTERS and path.stem not in KNOWING], ids=relative)
def test_a_bench_script_names_no_framework(path):
    assert not tops(imports(path)) & FRAMEWORKS


# published.py measures nothing: it needs the MXNet adapter only for the names of the networks.
@pytest.mark.parametrize("path", [p for p in BENCH if p.parent.name == "bench" and p.stem not in ("__init__", "published")], ids=relative)
def test_a_bench_script_gets_adapters_by_name(path):
    assert not {name for name in imports(path) if name.startswith("bench.adapters.")}


def test_record_imports_nothing_of_the_project():
    assert not tops(imports(ROOT / "dlmark" / "record.py")) & {"dlmark", "bench"}


@pytest.mark.parametrize("path", [path for path in LIBRARY if path.stem in ("timing", "largest", "device", "process", "sampler", "stats", "watch", "rounds")], ids=relative)
def test_a_foundation_imports_none_of_the_layers_above(path):
    above = {"dlmark.sweep", "dlmark.benchmark", "dlmark.plot", "dlmark.progress"}
    assert not imports(path) & above


@pytest.mark.skipif(not (ROOT / "dlmark" / "plot.py").exists(), reason="no plots yet")
def test_plots_read_no_file():
    path = ROOT / "dlmark" / "plot.py"
    assert not {name for name in imports(path) if name.startswith(("dlmark.benchmark", "pathlib", "os", "io"))}
    called = {node.func for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.Call)}
    names = {f.id if isinstance(f, ast.Name) else f.attr if isinstance(f, ast.Attribute) else "" for f in called}
    assert not names & {"open", "read_text", "read_csv", "read_json", "load_results", "save", "show", "output_file", "output_notebook"}


@pytest.mark.parametrize("path", LIBRARY + BENCH, ids=relative)
def test_no_failure_is_swallowed(path):
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ExceptHandler):
            broad = node.type is None or isinstance(node.type, ast.Name) and node.type.id in ("Exception", "BaseException")
            silent = all(isinstance(s, (ast.Pass, ast.Continue)) or isinstance(s, ast.Expr) and isinstance(s.value, ast.Constant) for s in node.body)
            assert not (broad and silent), f"line {node.lineno}"


@pytest.mark.parametrize("path", LIBRARY + BENCH, ids=relative)
def test_no_star_import_and_no_edit_of_the_path(path):
    text = path.read_text(encoding="utf-8")
    stars = [n for n in ast.walk(ast.parse(text)) if isinstance(n, ast.ImportFrom) and any(a.name == "*" for a in n.names)]
    assert not stars and "sys.path." not in text


@pytest.mark.parametrize("path", LIBRARY + BENCH, ids=relative)
def test_a_module_says_what_it_is_for(path):
    assert ast.get_docstring(ast.parse(path.read_text(encoding="utf-8")))
