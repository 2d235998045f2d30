import sys
import textwrap

import pyarrow.parquet as pq
import pytest

from encore.experiments.demo.docstrings import (
    DOCSTRING_SCHEMA,
    build_corpus,
    standard_library,
    write_corpus,
)
from encore.featurestore.errors import DataError


def written(root, files):
    for name, source in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(textwrap.dedent(source))
    return root


def corpus_counts(corpus):
    return {key.decode(): int(value) for key, value in corpus.schema.metadata.items() if key != b"python"}


LONG = "of a length that says something about it"


def test_some_thousands_of_distinct_texts_come_from_this_pythons_library(corpus):
    assert corpus.schema.names == DOCSTRING_SCHEMA.names
    assert corpus.num_rows > 4000
    assert len(set(corpus["doc_id"].to_pylist())) == corpus.num_rows
    assert len(set(corpus["text"].to_pylist())) == corpus.num_rows
    assert corpus_counts(corpus)["unparsed_files"] < 5
    assert corpus.schema.metadata[b"python"].decode() == sys.version.split()[0]


def test_a_well_known_docstring_is_there_under_its_qualified_name(corpus):
    rows = {row["doc_id"]: row for row in corpus.to_pylist()}
    method = rows["json.decoder:JSONDecoder.decode"]
    assert method["text"].startswith("Return the Python representation of ``s``")
    assert (method["package"], method["module"], method["kind"]) == ("json", "json.decoder", "method")
    assert rows["json"]["kind"] == "module"
    assert rows["json.decoder:JSONDecoder"]["kind"] == "class"
    assert rows["json:dumps"]["kind"] == "function"


def test_tests_and_installed_packages_are_left_out(corpus):
    modules = set(corpus["module"].to_pylist())
    parts = {part for module in modules for part in module.split(".")}
    assert not parts & {"test", "tests", "idle_test", "site-packages", "dist-packages"}


def test_two_builds_are_equal():
    root = standard_library() / "asyncio"
    assert build_corpus(root).equals(build_corpus(root), check_metadata=True)


def test_the_library_is_found_where_the_interpreter_has_it():
    assert (standard_library() / "json" / "decoder.py").exists()


def test_definitions_inside_branches_and_functions_are_found_in_order(tmp_path):
    root = written(
        tmp_path,
        {
            "pack/mod.py": f'''
            """A module {LONG}."""
            if True:
                async def first():
                    """An async function {LONG}."""
                    def inner():
                        """A nested function {LONG}."""
            else:
                try:
                    pass
                except OSError:
                    class Second:
                        """A class {LONG}."""
                        with open("x"):
                            def third(self):
                                """A method {LONG}.

                                A line.
                                    An indented line.
                                """
            ''',
            "pack/__init__.py": f'"""A package {LONG}."""',
        },
    )
    rows = [(row["doc_id"], row["kind"]) for row in build_corpus(root).to_pylist()]
    assert rows == [
        ("pack", "module"),
        ("pack.mod", "module"),
        ("pack.mod:first", "function"),
        ("pack.mod:first.<locals>.inner", "function"),
        ("pack.mod:Second", "class"),
        ("pack.mod:Second.third", "method"),
    ]
    assert build_corpus(root)["text"][-1].as_py() == f"A method {LONG}.\n\nA line.\n    An indented line."


def test_what_cannot_be_used_is_counted(tmp_path):
    root = written(
        tmp_path,
        {
            "good.py": f'"""A module {LONG}."""\ndef f():\n    """Short."""\ndef g():\n    """A module {LONG}."""\n',
            "broken.py": "def f(:\n",
            "null.py": '"""\0"""',
            "surrogate.py": rf'"""A module {LONG} \ud800."""',
            "twice.py": f'def f():\n    """One {LONG}."""\ndef f():\n    """Another {LONG}."""\n',
            "tests/left_out.py": f'"""A test {LONG}."""',
        },
    )
    corpus = build_corpus(root)
    assert corpus["doc_id"].to_pylist() == ["good", "twice:f"]
    assert corpus_counts(corpus) == {
        "files": 5,
        "unparsed_files": 2,
        "short": 1,
        "repeated": 2,
        "undecodable": 1,
    }


def test_nothing_is_imported_or_run(tmp_path):
    root = written(tmp_path, {"evil.py": f'"""A module {LONG}."""\nraise SystemExit\n'})
    assert build_corpus(root).num_rows == 1


def test_a_folder_without_sources_is_an_error_that_names_it(tmp_path):
    with pytest.raises(DataError, match=f"{tmp_path}: no docstrings found"):
        build_corpus(tmp_path)


def test_the_written_corpus_reads_back_with_its_counts(tmp_path):
    root = written(tmp_path / "library", {"one.py": f'"""A module {LONG}."""', "broken.py": "def"})
    table = pq.read_table(write_corpus(tmp_path / "new" / "folder", root))
    assert table.equals(build_corpus(root))
    assert corpus_counts(table)["unparsed_files"] == 1
