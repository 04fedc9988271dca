"""The arrows of docs/design: what may import what, and what nobody may write."""

import ast
import re
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
LIBRARY = sorted((ROOT / "dlmark").rglob("*.py"))
BENCH = sorted((ROOT / "bench").rglob("*.py"))
ADAPTERS = sorted(path for path in (ROOT / "bench" / "adapters").rglob("*.py") if path.parent.name != "adapters" or path.stem != "__init__")
ENTRIES = [path for path in ADAPTERS if path.parent.name == "adapters" or path.stem == "__init__"]  # what is imported to know an adapter
# These know frameworks by name: the former mend the import of one, the latter count or convert the networks of several.
KNOWING = ("compat", "networks")
# What each part of the library may import of the others; the house is drawn in docs/architecture.rst.
ARROWS = {
    "record": set(),
    "machine": {"record"},
    "measure": {"machine", "record"},
    "results": {"machine", "record"},
    "analysis": {"results", "measure", "record"},
    "plots": {"analysis", "results", "record"},
    "terminal": {"results", "record"},
    "door": {"analysis", "results", "measure", "record"},
    "benchmark": {"results"},
    "plot": {"plots"},
    "__init__": {"benchmark", "machine"},
    "__main__": {"door", "terminal", "analysis", "results", "machine", "record"},
}
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


@pytest.mark.parametrize("path", ENTRIES, ids=relative)
def test_an_adapter_imports_its_framework_in_functions_only(path):
    allowed = set(sys.stdlib_module_names) | {"numpy", "bench"}
    assert tops(imports(path, top_level_only=True)) <= allowed


@pytest.mark.parametrize("path", [path for path in BENCH if path not in ADAPTERS and path.parent.name not in KNOWING], ids=relative)
def test_a_bench_script_names_no_framework(path):
    assert not tops(imports(path)) & FRAMEWORKS


# published.py measures nothing: it needs the MXNet adapter only for the names of the networks.
@pytest.mark.parametrize("path", [p for p in BENCH if p.parent.name == "bench" and p.stem not in ("__init__", "published")], ids=relative)
def test_a_bench_script_gets_adapters_by_name(path):
    assert not {name for name in imports(path) if name.startswith("bench.adapters.")}


def part(path):
    """The part of the library that a file is of: its folder, or a file beside them."""
    return path.relative_to(ROOT / "dlmark").with_suffix("").parts[0]


@pytest.mark.parametrize("path", LIBRARY, ids=relative)
def test_the_arrows_of_the_library_run_one_way(path):
    parts = {name.split(".")[1] for name in imports(path) if name.startswith("dlmark.")} & ARROWS.keys()
    assert parts - {part(path)} <= ARROWS[part(path)]


def test_the_arrows_make_no_circle():
    left = dict(ARROWS)
    while left:
        lowest = [name for name, uses in left.items() if not uses & left.keys()]
        assert lowest, left
        for name in lowest:
            del left[name]


def test_every_part_of_the_library_has_its_arrows():
    assert {part(path) for path in LIBRARY} == ARROWS.keys()


@pytest.mark.parametrize("path", [path for path in BENCH if path.parent.name == "run"], ids=relative)
def test_what_the_bench_scripts_share_knows_none_of_them(path):
    scripts = {f"bench.{script.stem}" for script in (ROOT / "bench").glob("*.py")} - {"bench.__init__"}
    assert not imports(path) & scripts


@pytest.mark.parametrize("path", sorted((ROOT / "dlmark" / "plots").glob("*.py")), ids=relative)
def test_plots_read_no_file_and_show_nothing(path):
    assert not {name for name in imports(path) if name.startswith(("dlmark.benchmark", "dlmark.results.load", "pathlib", "os", "io"))}
    called = {node.func for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))) if isinstance(node, ast.Call)}
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


def test_each_station_on_the_way_of_a_number_is_there():
    text = (ROOT / "docs" / "architecture.rst").read_text(encoding="utf-8").partition("Who may import whom")[0]
    stations = re.findall(r"^``(.+)``$", text, re.MULTILINE)
    assert 8 <= len(stations) <= 12 and not [station for station in stations if not (ROOT / station).exists()]


@pytest.mark.parametrize("importer, imported", [
    ("bench/run/throughput.py", "dlmark.measure.timing"), ("bench/run/in_rounds.py", "dlmark.measure.sweep"), ("dlmark/measure/sweep.py", "dlmark.measure.process"),
    ("bench/run/in_rounds.py", "dlmark.measure.rounds"), ("dlmark/results/save.py", "dlmark.record"), ("dlmark/plots/ways.py", "dlmark.analysis.ways"),
])  # fmt: skip
def test_the_stations_are_tied_as_drawn(importer, imported):
    assert imported in imports(ROOT / importer)
