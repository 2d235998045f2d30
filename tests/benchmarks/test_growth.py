"""The time of a further document leaves out the time that every job takes, however long the job is."""

from benchmarks.growth import further_cell, further_documents
from benchmarks.measure import Measurement

TAKEN = Measurement({"encode 1×": (2.0, 3.0), "encode 4×": (5.0, 6.0), "encode 16×": (29.0, 42.0)})


def test_it_is_the_longer_time_for_each_document_more() -> None:
    further = further_documents(TAKEN, "encode", 1000, [1, 4, 16])
    assert further == {4: (0.001, 0.001), 16: (0.002, 0.003)}


def test_it_is_shown_in_microseconds_and_beside_that_of_the_first_documents_more() -> None:
    further = Measurement({"encode 4×": (0.001, 0.001), "encode 16×": (0.002, 0.003)})
    cells = [further_cell(further, "encode", times, [1, 4, 16]) for times in (1, 4, 16)]
    assert cells == ["", "1,000", "2,500, × 2.50 (2.00 to 3.00)"]
