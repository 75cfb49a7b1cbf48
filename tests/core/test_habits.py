"""What the code promises about itself, counted."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from importlib.metadata import entry_points
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
FOLDERS = (
    "deidkit",
    "analyzers",
    "attackers",
    "engines",
    "networks",
    "recognizers",
    "reports",
    "service",
    "migrations",
)

WORDS = {
    "blocks",
    "context",
    "folder",
    "fusion",
    "identity",
    "ignorant",
    "informed",
    "linkage",
    "mask",
    "program",
    "restoration",
}
"""Names of plugins that are ordinary words, which the core uses as such."""


def modules(*folders: str) -> Iterator[tuple[Path, str]]:
    for folder in folders:
        for path in sorted((ROOT / folder).rglob("*.py")):
            yield path.relative_to(ROOT), path.read_text(encoding="utf-8")


def is_compiled(function: ast.FunctionDef | ast.AsyncFunctionDef, path: Path) -> bool:
    decorated = any(isinstance(name, ast.Name) and name.id == "compiled" for name in function.decorator_list)
    return decorated or path.stem.endswith(("_kernels", "_kernel"))


def test_no_function_takes_more_than_seven_arguments() -> None:
    """But for compiled kernels, which take no records."""
    found = []
    for path, text in modules(*FOLDERS):
        for node in ast.walk(ast.parse(text)):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and not is_compiled(node, path):
                given = [*node.args.posonlyargs, *node.args.args, *node.args.kwonlyargs]
                names = {argument.arg for argument in given} - {"self", "cls"}
                if len(names) + bool(node.args.vararg) + bool(node.args.kwarg) > 7:
                    found.append(f"{path}:{node.lineno} {node.name}")
    assert not found


def test_any_is_rare() -> None:
    """Fewer than 8 in 1,000 lines, imports included."""
    lines = uses = 0
    for _, text in modules(*FOLDERS):
        lines += text.count("\n")
        for node in ast.walk(ast.parse(text)):
            uses += (isinstance(node, ast.Name) and node.id == "Any") or (
                isinstance(node, ast.alias) and node.name == "Any"
            )
    assert uses / lines < 0.008, f"{uses} in {lines} lines"


@pytest.mark.parametrize("group", ["engines", "recognizers", "attackers", "quality_measures", "segmenters", "trainers"])
def test_the_core_names_no_plugin_of_another_package(group: str) -> None:
    """Its defaults stand in one file; everything else comes from what is installed."""
    names = {entry.name for entry in entry_points(group=f"deidkit.{group}") if not entry.value.startswith("deidkit.")}
    names -= WORDS
    found = []
    for path, text in modules("deidkit"):
        if path.name == "defaults.py" or path.parts[1] in ("testing", "synthesis"):
            continue
        for node in ast.walk(ast.parse(text)):
            if isinstance(node, ast.Constant) and isinstance(node.value, str) and node.value.partition(":")[0] in names:
                found.append(f"{path}:{node.lineno} {node.value!r}")
    assert not found
