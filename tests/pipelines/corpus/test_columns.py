from __future__ import annotations

import pytest

from encore.featurestore.errors import UsageError
from encore.pipelines.corpus.columns import CorpusColumns
from encore.tablefiles.names import list_names


def test_the_default_columns_are_doc_id_and_text():
    assert CorpusColumns() == CorpusColumns("doc_id", "text", None, ())
    assert CorpusColumns().wanted.names == ("doc_id", "text")


def test_the_required_columns_are_those_of_every_role_once():
    columns = CorpusColumns("uid", "premise", "hypothesis", ("label", "uid"))
    assert columns.wanted.names == ("uid", "premise", "hypothesis", "label")


@pytest.mark.parametrize("name", ["doc_id", "key_hash", "text_digest", "n_tokens", "truncated", "text", "pair"])
def test_a_kept_column_may_not_bear_a_name_of_the_index(name):
    with pytest.raises(UsageError, match=f"kept columns {name}: the document index uses these names itself"):
        CorpusColumns("uid", "body", None, ("label", name))


@pytest.mark.parametrize(
    "columns",
    [("a", "a", None, ()), ("a", "b", "b", ()), ("a", "b", "a", ()), ("a", "b", None, ("c", "c")), ("", "b", None, ())],
)
def test_a_column_that_serves_twice_or_has_no_name_is_refused(columns):
    with pytest.raises(UsageError, match="column"):
        CorpusColumns(*columns)


def test_a_missing_column_is_an_error_that_lists_those_there():
    with pytest.raises(UsageError, match=r"x.csv: no column doc_id, text; columns there: id, body"):
        CorpusColumns().wanted.require("x.csv", ["id", "body"])


def test_a_needed_column_that_is_there_twice_is_an_error_and_another_is_not():
    CorpusColumns().wanted.require("x.csv", ["doc_id", "text", "note", "note"])
    with pytest.raises(UsageError, match="more than one column text"):
        CorpusColumns().wanted.require("x.csv", ["doc_id", "text", "text"])


def test_a_long_list_of_names_is_cut():
    assert list_names([]) == "none"
    assert list_names(["a", "b"]) == "a, b"
    assert list_names([str(i) for i in range(23)]).endswith("18, 19 and 3 more")
