"""The demo's corpus: docstrings of the Python standard library, some 7,000 real texts that every machine has.

They are read from the library's source with `ast`. Nothing is imported. The texts depend on the running Python:
versions differ, and Linux distributions leave parts out.
"""

from __future__ import annotations

import ast
import sys
import sysconfig
import warnings
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from encore.featurestore.errors import DataError

SHORTEST = 40
"""Least characters of a text. Shorter ones ("See PEP 302.") say too little to be classified."""

LEFT_OUT = frozenset({"site-packages", "dist-packages", "test", "tests", "idle_test", "__pycache__"})
"""Folders that hold no part of the library itself."""

DOCSTRING_SCHEMA = pa.schema(
    [
        pa.field("doc_id", pa.string(), nullable=False),
        pa.field("text", pa.string(), nullable=False),
        pa.field("package", pa.string(), nullable=False),
        pa.field("module", pa.string(), nullable=False),
        pa.field("kind", pa.string(), nullable=False),
    ]
)


@dataclass(frozen=True)
class Docstring:
    """One docstring and where it stands.

    Attributes:
        module: dotted name, ``json.decoder``.
        path: names from the module's top level down, as in Python's qualified names; empty for the module itself.
        kind: ``module``, ``class``, ``function`` or ``method``.
        text: the docstring without its indentation.
    """

    module: str
    path: tuple[str, ...]
    kind: str
    text: str

    @property
    def doc_id(self) -> str:
        """``json.decoder:JSONDecoder.decode``; a module's is its name alone."""
        return f"{self.module}:{'.'.join(self.path)}" if self.path else self.module

    @property
    def package(self) -> str:
        """Top-level package or module."""
        return self.module.partition(".")[0]


def standard_library() -> Path:
    """Folder of the running Python's library sources."""
    return Path(sysconfig.get_paths()["stdlib"])


def build_corpus(root: Path | None = None) -> pa.Table:
    """One row a text, ordered by file and line: ``doc_id``, ``text``, ``package``, ``module``, ``kind``.

    Repeated ids and texts are left out, so that no text is in both parts of a split. Texts of fewer than `SHORTEST`
    characters are left out, too. The schema's metadata say how many of each, and how many files did not parse.

    Args:
        root: folder of Python sources; the running Python's standard library unless given.

    Raises:
        DataError: there is no docstring under ``root``.
    """
    root = standard_library() if root is None else root
    counts = Counter(dict.fromkeys(("files", "unparsed_files", "short", "repeated", "undecodable"), 0))
    ids: set[str] = set()
    texts: set[str] = set()
    kept: list[Docstring] = []
    for docstring in _docstrings_under(root, counts):
        if len(docstring.text) < SHORTEST:
            counts["short"] += 1
        elif not _is_unicode(docstring.text):
            counts["undecodable"] += 1
        elif docstring.doc_id in ids or docstring.text in texts:
            counts["repeated"] += 1
        else:
            ids.add(docstring.doc_id)
            texts.add(docstring.text)
            kept.append(docstring)
    if not kept:
        raise DataError(f"{root}: no docstrings found; this Python was installed without its library's sources")
    columns = [pa.array([getattr(d, name) for d in kept], type=pa.string()) for name in DOCSTRING_SCHEMA.names]
    facts = {"python": sys.version.split()[0]} | {name: str(count) for name, count in counts.items()}
    return pa.Table.from_arrays(columns, schema=DOCSTRING_SCHEMA.with_metadata(facts))


def write_corpus(directory: Path, root: Path | None = None) -> Path:
    """Build the corpus of ``root`` and write it as ``directory/docstrings.parquet``. Return the path."""
    directory.mkdir(parents=True, exist_ok=True)
    path = directory / "docstrings.parquet"
    pq.write_table(build_corpus(root), path)
    return path


def _docstrings_under(root: Path, counts: Counter[str]) -> Iterator[Docstring]:
    for file in sorted(root.rglob("*.py"), key=lambda file: file.relative_to(root).parts):
        parts = file.relative_to(root).with_suffix("").parts
        if LEFT_OUT.isdisjoint(parts):
            counts["files"] += 1
            tree = _parsed(file)
            if tree is None:
                counts["unparsed_files"] += 1
            else:
                module = ".".join(parts[:-1] if parts[-1] == "__init__" and len(parts) > 1 else parts)
                yield from _docstrings_of(tree, module, (), "module")


def _parsed(file: Path) -> ast.Module | None:
    """The file's syntax tree; None where this Python cannot read it."""
    with warnings.catch_warnings():
        # Old files hold escapes that newer Pythons warn about, one line each.
        warnings.simplefilter("ignore")
        try:
            return ast.parse(file.read_bytes())
        except (OSError, SyntaxError, ValueError, RecursionError):
            return None


def _docstrings_of(
    node: ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef,
    module: str,
    path: tuple[str, ...],
    kind: str,
) -> Iterator[Docstring]:
    """The node's own docstring, then those of what it defines, in the order of lines."""
    text = ast.get_docstring(node)
    if text:
        yield Docstring(module, path, kind, text)
    inner = (*path, "<locals>") if kind in {"function", "method"} else path
    for child in _definitions(node):
        of_function = "method" if kind == "class" else "function"
        child_kind = "class" if isinstance(child, ast.ClassDef) else of_function
        yield from _docstrings_of(child, module, (*inner, child.name), child_kind)


def _definitions(node: ast.AST) -> Iterator[ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef]:
    """Classes and functions defined in the node's own scope, inside ``if`` and ``try`` too."""
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            yield child
        elif isinstance(child, ast.stmt | ast.ExceptHandler | ast.match_case):
            yield from _definitions(child)


def _is_unicode(text: str) -> bool:
    """Whether UTF-8 can hold the text; a literal may spell half a surrogate pair."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True
