from __future__ import annotations

import pytest

from encore.tablefiles.listing.outputs import covers


@pytest.mark.parametrize(
    ("text", "output", "expected"),
    [
        ("in", "in/report.json", True),
        ("in/", "in/a/b/report.json", True),
        ("in", "in", True),
        ("in", "inner/report.json", False),
        ("in/a", "in/report.json", False),
        ("in/a.csv", "in/report.json", False),
        ("in/a.csv", "in/a.csv", True),
        ("in/../out", "out/report.json", True),
        ("in/*.json", "in/report.json", True),
        ("in/*.csv", "in/report.json", False),
        ("in/*", "in/rejected", True),
        ("in/*", "in/deep/report.json", True),
        ("in/**/*.json", "in/a/b/report.json", True),
        ("in/*/**", "in/report.json", False),
        ("in/*.json", "in/_report.json", False),
        ("in/_*.json", "in/_report.json", True),
        ("in/**/*.json", "in/_runs/report.json", False),
        ("s3://b/in", "s3://b/in/report.json", True),
        ("s3://b/in/", "s3://b/in/report.json", True),
        ("s3://b/in", "s3://b/inner/report.json", False),
        ("s3://b/in/*.json", "s3://b/in/report.json", True),
        ("s3a://b/in", "s3://b/in/report.json", True),
        ("s3://b/in%20", "s3://b/in /report.json", False),
        ("s3://b/in", "s3://b/in#2/report.json", False),
        ("s3://b/in", "in/report.json", False),
        ("in", "s3://b/in/report.json", False),
    ],
)
def test_an_output_lies_below_an_input_or_matches_it(tmp_path, monkeypatch, text, output, expected):
    monkeypatch.chdir(tmp_path)
    assert covers(text, output) is expected


def test_links_lead_to_the_same_folder(tmp_path):
    (tmp_path / "in").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "in")
    assert covers(str(tmp_path / "link"), str(tmp_path / "in/report.json"))
    assert covers(f"file://{tmp_path}/in", str(tmp_path / "link/report.json"))


def test_the_name_of_the_working_folder_is_no_pattern(tmp_path, monkeypatch):
    (tmp_path / "run[1]").mkdir()
    monkeypatch.chdir(tmp_path / "run[1]")
    assert covers("in/*.json", "in/report.json")
    assert covers("in[1]", "in[1]/report.json")
    assert not covers("in/*.json", str(tmp_path / "run1/in/report.json"))
