"""House rules about the code, each with the reason why it is one."""

import ast
import re
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PACKAGE = ROOT / "continuity"
FILES = sorted(PACKAGE.rglob("*.py"))
ORDER = (
    "vocabulary",
    "errors",
    "schema",
    "edge",
    "display",
    "files",
    "threads",
    "sources",
    "quality",
    "privacy",
    "metrics",
    "assignment",
    "evaluation",
    "reports",
    "plot",
    "synthetic",
    "pipeline",
    "cli",
)
NAMES = [str(path.relative_to(ROOT)) for path in FILES]


def part(path: Path) -> str:
    """The folder or file directly under the package that a file belongs to."""
    return path.relative_to(PACKAGE).parts[0].removesuffix(".py")


def imported(tree: ast.AST) -> set[str]:
    """The parts of the package that a file imports, wherever in the file."""
    found = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and node.module and node.module.split(".")[0] == "continuity":
            parts = node.module.split(".")
            found |= {parts[1]} if len(parts) > 1 else {alias.name for alias in node.names}
        if isinstance(node, ast.Import):
            found |= {a.name.split(".")[1] for a in node.names if a.name.startswith("continuity.")}
    return found & set(ORDER)


@pytest.mark.parametrize("path", [f for f in FILES if part(f) != "__init__"], ids=str)
def test_imports_run_one_way(path):
    """Because a circle of folders cannot be read, tested or taken apart one at a time."""
    own = ORDER.index(part(path))
    backwards = {name for name in imported(ast.parse(path.read_text())) if ORDER.index(name) > own}
    assert not backwards, f"{path.relative_to(ROOT)} imports {sorted(backwards)}, which come after {ORDER[own]}"


def code_lines(node: ast.AST, source: list[str]) -> int:
    """Lines of a function without blank lines, comments and its docstring."""
    body = node.body[1:] if ast.get_docstring(node) else node.body
    if not body:
        return 0
    lines = source[body[0].lineno - 1 : node.end_lineno]
    return sum(bool(line.strip()) and not line.strip().startswith("#") for line in lines)


def functions():
    for path in FILES:
        source = path.read_text().splitlines()
        for node in ast.walk(ast.parse("\n".join(source))):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                yield path, node, code_lines(node, source)


def test_files_and_functions_are_small(record_property):
    """Because what does not fit on a few screens is not read whole."""
    files = sorted(len(path.read_text().splitlines()) for path in FILES)
    lengths = sorted(n for _, _, n in functions())
    record_property("file lines, median and max", f"{files[len(files) // 2]} {files[-1]}")
    record_property("function lines, median and p90", f"{lengths[len(lengths) // 2]} {lengths[len(lengths) * 9 // 10]}")
    assert files[-1] <= 400
    assert files[len(files) // 2] <= 130
    assert [f"{p.name}:{f.name}" for p, f, n in functions() if n > 50] == []
    assert lengths[len(lengths) // 2] <= 8
    assert lengths[len(lengths) * 9 // 10] <= 25


def test_nothing_prints():
    """Because the command line alone speaks, on the streams and in the form that the user asked for."""
    for path in FILES:
        calls = [n for n in ast.walk(ast.parse(path.read_text())) if isinstance(n, ast.Call)]
        assert not [n for n in calls if isinstance(n.func, ast.Name) and n.func.id == "print"], path.name


def test_pandas_stays_at_the_edge():
    """Because pandas turns ids with gaps into floats; only the gate's fallback engine may use it."""
    for path in FILES:
        modules = {
            name.split(".")[0]
            for node in ast.walk(ast.parse(path.read_text()))
            for name in (
                [a.name for a in node.names]
                if isinstance(node, ast.Import)
                else [node.module or ""]
                if isinstance(node, ast.ImportFrom)
                else []
            )
        }
        assert "pandas" not in modules or part(path) == "quality", path.name


def test_every_index_file_is_named_by_its_key():
    """Because a newcomer looks for the Bice-Boxerman formula in coc.py."""
    from continuity.metrics import keys

    files = {path.stem for path in (PACKAGE / "metrics").glob("*.py")} - {"__init__"}
    assert files == set(keys(None))


def test_public_functions_have_whole_docstrings():
    """Because a number that will be cited must say what it is, what it needs and when it is null."""
    import continuity as ct

    for name in sorted(set(ct.__all__) - {"__version__"}):
        said = getattr(ct, name).__doc__ or ""
        sections = ["Parameters"] if isinstance(getattr(ct, name), type) else ["Returns", "Examples"]
        for section in sections:
            assert re.search(rf"^\s*{section}\n\s*-+$", said, re.MULTILINE), f"{name} has no section {section}"


def tracked() -> list[Path]:
    found = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, check=False)
    if found.returncode:
        pytest.skip("not a git checkout")
    return [ROOT / name for name in found.stdout.decode().split("\0") if name and (ROOT / name).is_file()]


def test_no_registry_and_no_machine_stands_in_a_file():
    """Because the same files must install from any mirror, on any machine."""
    hosts = re.compile(rb"https?://[^\s\"']*(/simple/?[\"'\s]|/packages/[0-9a-f]{2}/|registry[.])")
    machine = re.compile(rb"(?<![\w.])/(wo" rb"rk|ro" rb"ot|home/\w+)/")
    for path in tracked():
        if path.suffix in (".png", ".svg") or path.name == Path(__file__).name:
            continue
        text = path.read_bytes()
        assert not hosts.search(text), path.name
        assert not machine.search(text), path.name


def test_generated_pages_are_current():
    """Because a reference page that differs from the code is worse than none."""
    import runpy

    made = runpy.run_path(str(ROOT / "docs" / "generate.py"))
    for name, page in made["PAGES"].items():
        assert (ROOT / "docs" / name).read_text() == page(), f"docs/{name} is out of date: run make docs"
