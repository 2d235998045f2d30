"""Results are printed as JSON, and published into a page whose prose stays."""

import argparse
import json
import socket

import pytest

from benchmarks.machine import describe_machine
from benchmarks.measure import Measurement
from benchmarks.report import Report, arguments, command_of, main, markdown, plain, publish, with_table

PAGE = (
    "# Speed\n\nBefore.\n\n<!-- scan -->\nold\n<!-- /scan -->\n\nBetween.\n\n<!-- train -->\n<!-- /train -->\nAfter.\n"
)

DOCUMENT = {
    "benchmark": "scan",
    "command": "python -m benchmarks.scan",
    "date": "2026-11-22",
    "repeats": 5,
    "machine": {
        "processor": "A CPU",
        "cores": 2,
        "memory_gib": 23.4,
        "gpu": None,
        "python": "3.11.9",
        "packages": {"torch": "2.13.0"},
    },
    "load": {"before": 0.5, "after": 1.5},
    "table": {"header": ["codec", "speed"], "rows": [["none", "1 | 2"], ["zstd", "3"]]},
}


@pytest.fixture
def results(tmp_path):
    (tmp_path / "performance.md").write_text(PAGE)
    return tmp_path


def test_a_table_takes_the_place_between_its_markers_and_nothing_else_changes():
    page = with_table(PAGE, "scan", "new\ntable")
    assert page == PAGE.replace("\nold\n", "\nnew\ntable\n")
    assert with_table(page, "train", "x") == page.replace("<!-- train -->\n", "<!-- train -->\nx\n")


def test_putting_a_table_twice_is_putting_it_once():
    once = with_table(PAGE, "scan", "new")
    assert with_table(once, "scan", "new") == once


@pytest.mark.parametrize(
    "page", ["", "<!-- scan -->", "<!-- /scan -->\n<!-- scan -->", "<!-- scan --><!-- /scan -->" * 2]
)
def test_a_page_without_a_place_for_the_table_is_refused(page):
    with pytest.raises(ValueError, match="no place for scan: it needs one line <!-- scan -->"):
        with_table(page, "scan", "new")


def test_the_markdown_says_where_a_result_comes_from():
    assert markdown(DOCUMENT) == (
        "`python -m benchmarks.scan`: 5 repeats; A CPU, 2 cores; 23 GiB; Python 3.11.9; torch 2.13.0; "
        "load 0.5 before, 1.5 after; 2026-11-22.\n\n"
        "| codec | speed |\n| --- | --- |\n| none | 1 \\| 2 |\n| zstd | 3 |"
    )


def test_publishing_writes_the_json_and_the_page(results):
    publish(DOCUMENT, results)
    assert json.loads((results / "benchmarks" / "scan.json").read_text()) == DOCUMENT
    assert (results / "performance.md").read_text() == with_table(PAGE, "scan", markdown(DOCUMENT))


def test_a_result_without_a_place_in_the_page_leaves_no_file(results):
    with pytest.raises(ValueError, match="no place for other"):
        publish(DOCUMENT | {"benchmark": "other"}, results)
    assert [file.name for file in results.iterdir()] == ["performance.md"]


def test_a_result_measured_elsewhere_is_published_from_its_file(results, monkeypatch):
    file = results / "elsewhere.json"
    file.write_text(json.dumps(DOCUMENT))
    published = []
    monkeypatch.setattr("benchmarks.report.publish", published.append)
    monkeypatch.setattr("sys.argv", ["report.py", str(file)])
    main()
    assert published == [DOCUMENT]


def test_a_run_prints_what_it_measured_with_the_settings_and_the_machine(monkeypatch, capsys):
    monkeypatch.setattr("sys.argv", ["/some/where/benchmarks/scan.py", "--store", "/some/where/news"])
    parser = arguments("What it does.")
    parser.add_argument("--store")
    report = Report.begin("scan", parser.parse_args())
    taken = Measurement({"scan": (1.0, 3.0, 2.0), "read": (1.0, 1.0, 1.0)})
    report.end(["what", "took"], [["scan", taken.median("scan")]], {"none": [taken, taken.ratio("scan", "read")]})
    printed = capsys.readouterr().out
    document = json.loads(printed)
    assert document["table"] == {"header": ["what", "took"], "rows": [["scan", "2.00"]]}
    assert document["measured"]["none"] == [taken.to_dict(), taken.ratio("scan", "read").to_dict()]
    assert (document["command"], document["repeats"]) == ("python -m benchmarks.scan --store news", 5)
    assert document["settings"] == {"store": "news"}
    assert document["machine"] == describe_machine()
    assert set(document["load"]) == {"before", "after"}
    assert "some/where" not in printed


def test_nothing_is_published_unless_asked_for(monkeypatch, capsys):
    published = []
    monkeypatch.setattr("benchmarks.report.publish", published.append)
    monkeypatch.setattr("benchmarks.report.load_average", lambda: 1.5)
    monkeypatch.setattr("sys.argv", ["scan.py"])
    for asked in (False, True):
        Report.begin("scan", argparse.Namespace(repeats=5, publish=asked)).end(["a"], [["b"]], {})
        assert bool(published) is asked
    assert json.loads(capsys.readouterr().out.split("\n}\n")[0] + "}") == published[0]


@pytest.mark.parametrize(
    ("words", "command"),
    [
        (["/x/encode.py"], "python -m benchmarks.encode"),
        (["/x/encode.py", "--publish", "--documents", "20"], "python -m benchmarks.encode --documents 20"),
        (["/x/encode.py", "--encoder", "hf:a/b"], "python -m benchmarks.encode --encoder hf:a/b"),
        (["/x/encode.py", "/data/news.parquet", "--out=/a/b"], "python -m benchmarks.encode news.parquet --out=b"),
    ],
)
def test_the_command_has_no_folders_in_it(words, command):
    assert command_of(words) == command


def test_json_has_no_folders_and_six_digits(tmp_path):
    value = {"path": tmp_path / "store", "text": str(tmp_path / "store"), "ratio": 1 / 3, "counts": (1, 2), 4: None}
    assert plain(value) == {"path": "store", "text": "store", "ratio": 0.333333, "counts": [1, 2], "4": None}


def test_the_machine_is_described_without_its_name():
    machine = describe_machine()
    assert machine["cores"] >= 1
    assert machine["packages"]["torch"]
    assert socket.gethostname() not in json.dumps(machine)
