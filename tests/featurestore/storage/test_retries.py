"""Storage that fails in passing is asked again; storage that says no is not."""

from __future__ import annotations

import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor

import obstore
import pytest
from obstore.exceptions import GenericError, PermissionDeniedError
from obstore.store import MemoryStore

import encore.featurestore.storage.objects
from encore.featurestore import Catalogue, StoreError
from encore.featurestore.storage.objects import Objects
from encore.featurestore.storage.retries import TRIES, again
from tests.faulty_proxy import WAYS, Fault, faulty_proxy
from tests.featurestore.building import expected, held, put, spec_of

LARGE = bytes(range(256)) * (6 << 12)
"""6 MiB: written in several parts."""


class FailingRequest:
    """A request that fails so many times before it gives an answer."""

    def __init__(self, failures: int, error: Exception) -> None:
        self.left, self.error, self.tries = failures, error, 0

    def __call__(self) -> str:
        self.tries += 1
        if self.left:
            self.left -= 1
            raise self.error
        return "answer"


@pytest.fixture
def pauses(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The longest that each pause may be; the tests do not wait."""
    taken: list[float] = []
    monkeypatch.setattr("random.uniform", lambda _, longest: longest)
    monkeypatch.setattr(time, "sleep", taken.append)
    return taken


class TestAgain:
    @pytest.mark.parametrize("failures", range(TRIES))
    def test_a_request_is_made_again_until_there_is_an_answer(self, failures: int, pauses: list[float]) -> None:
        request = FailingRequest(failures, GenericError("broken"))
        assert again(request) == "answer"
        assert request.tries == failures + 1
        assert pauses == pytest.approx([0.2, 0.4, 0.8, 1.6][:failures])

    def test_a_request_is_not_made_for_ever(self, pauses: list[float]) -> None:
        request = FailingRequest(1000, GenericError("broken"))
        with pytest.raises(GenericError, match="broken"):
            again(request)
        assert request.tries == TRIES == len(pauses) + 1

    @pytest.mark.parametrize("error", [FileNotFoundError("x"), PermissionDeniedError("x"), ValueError("x")])
    def test_a_clear_answer_is_final(self, error: Exception, pauses: list[float]) -> None:
        request = FailingRequest(1, error)
        with pytest.raises(type(error)):
            again(request)
        assert (request.tries, pauses) == (1, [])

    def test_what_the_client_has_tried_ten_times_is_not_tried_fifty_times(self, pauses: list[float]) -> None:
        request = FailingRequest(
            1, GenericError("in 3s, after 10 retries, max_retries: 10, retry_timeout: 60s - refused")
        )
        with pytest.raises(GenericError):
            again(request)
        some = FailingRequest(1, GenericError("in 3s, after 1 retries, max_retries: 10, retry_timeout: 60s - reset"))
        assert again(some) == "answer"
        assert (request.tries, some.tries, len(pauses)) == (1, 2, 1)

    def test_a_request_that_took_its_time_is_not_made_again(
        self, pauses: list[float], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        clock = iter([0.0, 59.0, 61.0])
        monkeypatch.setattr(time, "monotonic", lambda: next(clock))
        request = FailingRequest(5, GenericError("timed out"))
        with pytest.raises(GenericError):
            again(request)
        assert request.tries == 2


class TestCreate:
    def test_a_refusal_that_left_nothing_behind_is_tried_again(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """S3 answers 409 to a create that meets another request; the client reports it as an object that exists."""
        objects, write, calls = Objects(MemoryStore(), "memory"), obstore.put, Counter[str]()

        def refuse_once(store: object, path: str, data: bytes, **options: object) -> object:
            calls[path] += 1
            if calls[path] == 1:
                raise obstore.exceptions.AlreadyExistsError("409 ConditionalRequestConflict")
            return write(store, path, data, **options)

        monkeypatch.setattr(obstore, "put", refuse_once)
        assert objects.create("x", b"mine")
        assert (objects.get("x"), calls["x"]) == (b"mine", 2)
        assert not objects.create("x", b"other")

    def test_one_writer_wins_whatever_is_lost(
        self, s3_bucket: str, s3_endpoint: str, through: pytest.MonkeyPatch
    ) -> None:
        """A writer whose answer was lost finds its own bytes under the name, and no other writer's."""
        with faulty_proxy(s3_endpoint, ["drops", "errors"], every=4, seed=1) as proxy:
            through.setenv("AWS_ENDPOINT", proxy.endpoint)
            objects = Objects.open(f"{s3_bucket}/store")
            for round_ in range(6):
                with ThreadPoolExecutor(4) as pool:
                    won = list(pool.map(lambda i, path=f"{round_}": objects.create(path, b"%d" % i), range(4)))
                there = objects.get(f"{round_}")
                assert sum(won) <= 1
                assert not any(won) or there == b"%d" % won.index(True)
        assert min(proxy.schedule.happened[fault] for way in ("drops", "errors") for fault in WAYS[way]) > 0


@pytest.fixture
def through(monkeypatch: pytest.MonkeyPatch, s3_bucket: str) -> pytest.MonkeyPatch:
    """Changes the environment after the bucket has set it."""
    return monkeypatch


class TestThroughFaults:
    """Every second request fails in some way, so that each kind of request meets each kind of fault."""

    @pytest.mark.parametrize(
        ("ways", "in_parts"),
        [*(([way], True) for way in WAYS), (list(WAYS), True), (list(WAYS), False)],
        ids=[*WAYS, "all", "all-in-one-put"],
    )
    def test_objects_are_written_read_listed_and_removed(
        self, ways: list[str], in_parts: bool, s3_bucket: str, s3_endpoint: str, through: pytest.MonkeyPatch
    ) -> None:
        through.setattr(encore.featurestore.storage.objects, "ONE_PUT_BYTES", len(LARGE) - in_parts)
        with faulty_proxy(s3_endpoint, ways, every=2 * len(ways), seed=3, delay=0.02) as proxy:
            through.setenv("AWS_ENDPOINT", proxy.endpoint)
            objects = Objects.open(f"{s3_bucket}/store")
            for i in range(6):
                objects.put(f"small/{i}", b"%d" % i)
            objects.put("large", LARGE)
            assert objects.get("large") == LARGE
            assert objects.get_range("large", 1 << 20, 1 << 20) == LARGE[1 << 20 : 2 << 20]
            assert sorted(objects.walk("small")) == [(f"small/{i}", 1) for i in range(6)]
            assert [stored.path for stored in objects.listing("small")] == [f"small/{i}" for i in range(6)]
            assert objects.size("large") == len(LARGE)
            assert objects.written_at("nothing") is None
            objects.delete([f"small/{i}" for i in range(6)])
            assert [path for path, _ in objects.walk()] == ["large"]
        assert_all_happened(proxy.schedule.happened, ways)

    def test_a_store_is_what_it_is_without_them(
        self, s3_bucket: str, s3_endpoint: str, through: pytest.MonkeyPatch
    ) -> None:
        texts = {f"d{i}": f"text {i}" for i in range(12)}
        with faulty_proxy(s3_endpoint, every=20, seed=5, delay=0.02) as proxy:
            through.setenv("AWS_ENDPOINT", proxy.endpoint)
            store = Catalogue.create(f"{s3_bucket}/store", spec_of())
            for i in range(4):
                store = put(store, {f"d{k}": f"text {k}" for k in range(3 * i, 3 * i + 3)} | {"d0": f"text {3 - i}"})
            assert store.version == 4
            there = held(Catalogue.open(f"{s3_bucket}/store"))
        texts["d0"] = "text 0"
        assert there == expected(texts, store.spec)
        assert_all_happened(proxy.schedule.happened, list(WAYS))


def assert_all_happened(happened: Counter[Fault], ways: list[str]) -> None:
    assert set(happened) == {fault for way in ways for fault in WAYS[way]}


def test_a_listing_of_several_pages_that_breaks_off_is_whole(
    s3_bucket: str, s3_endpoint: str, through: pytest.MonkeyPatch
) -> None:
    straight = Objects.open(f"{s3_bucket}/store")
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda i: straight.put(f"many/{i:04}", b""), range(1010)))
    with faulty_proxy(s3_endpoint, ["cuts"], every=2, seed=0) as proxy:
        through.setenv("AWS_ENDPOINT", proxy.endpoint)
        listed = [path for path, _ in Objects.open(f"{s3_bucket}/store").walk("many")]
    assert listed == [f"many/{i:04}" for i in range(1010)]
    assert proxy.schedule.happened[Fault.CUT_SHORT] >= 2


def test_a_server_that_only_fails_is_given_up(
    s3_bucket: str, s3_endpoint: str, through: pytest.MonkeyPatch, monkeypatch: pytest.MonkeyPatch
) -> None:
    with faulty_proxy(s3_endpoint, ["cuts"], every=1) as proxy:
        through.setenv("AWS_ENDPOINT", proxy.endpoint)
        with pytest.raises(StoreError, match="storage refused"):
            list(Objects.open(f"{s3_bucket}/store").walk())
    assert proxy.schedule.requests["GET"] == TRIES
