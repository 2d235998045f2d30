"""Estimate of the time that a job still takes, from its recent rate. Short delays do not raise the estimate."""

from __future__ import annotations

from collections import deque

WINDOW_SECONDS = 60.0
"""The rate is computed over these last seconds, so that it follows changes of speed."""
KEPT = 8
"""The rate is computed over at least this many reports: some jobs report rarely, once a work unit."""
FIRST_SECONDS = 5.0
"""Seconds of work that are watched before the first estimate."""
SLACK, SLACK_SECONDS = 0.15, 5.0
"""Tolerance: the shown end is raised only if the new estimate is later by more than this share of the time left, and
by more than these seconds.
"""


class Pace:
    """The recent rate of work, computed from reports of how much is done.

    It counts from the first report with work done, so that the loading of a model does not count as slow work.
    """

    def __init__(self) -> None:
        self._seen: deque[tuple[float, float]] = deque()

    def see(self, now: float, done: float) -> bool:
        """Take a report of how much is done, never less than before. Returns whether it is more than before."""
        if not done or (self._seen and done <= self._seen[-1][1]):
            return False
        self._seen.append((now, done))
        while len(self._seen) > KEPT and self._seen[1][0] <= now - WINDOW_SECONDS:
            self._seen.popleft()
        return True

    @property
    def rate(self) -> float | None:
        """Work a second; None while there are too few reports."""
        if not self._seen or self._seen[-1][0] - self._seen[0][0] < FIRST_SECONDS:
            return None
        (first, before), (last, after) = self._seen[0], self._seen[-1]
        return (after - before) / (last - first)


class TimeLeft:
    """An estimate from reports of how much is done and how much is left, in the same unit.

    When the end seems to be later than shown, the shown time left stands still until it is right again. It rises only
    if the end is clearly later.
    """

    def __init__(self) -> None:
        self._pace = Pace()
        self._end: float | None = None
        self._estimate = self._seen = 0.0

    def see(self, now: float, done: float, left: float) -> None:
        """Take a report.

        Args:
            now: seconds of a clock that does not jump.
            done: work that is finished; never less than before.
            left: work that is left, as far as is known.
        """
        news = self._pace.see(now, done)
        rate = self._pace.rate
        since, self._seen = now - self._seen, now
        if rate is None or not left:
            self._end = None
            return
        if news:
            self._estimate = now + left / rate
        late = 0.0 if self._end is None else self._estimate - self._end
        if self._end is None or late <= 0 or late > max(SLACK * (self._estimate - now), SLACK_SECONDS):
            self._end = self._estimate
        else:
            self._end += min(late, since)

    def seconds(self, now: float) -> float | None:
        """Seconds left; None without an estimate, or when the estimated end has passed."""
        return None if self._end is None or self._end <= now else self._end - now


def in_words(seconds: float | None) -> str:
    """``2 h 10 min left``, ``12 min left``, ``40 s left``: rounded up, coarser for longer times; empty for None."""
    if seconds is None:
        return ""
    if seconds > 7200:
        minutes = 10 * -(-seconds // 600)
        return f"{minutes // 60:.0f} h {minutes % 60:02.0f} min left"
    if seconds > 90:
        return f"{-(-seconds // 60):.0f} min left"
    step = 5 if seconds > 20 else 1
    return f"{step * -(-seconds // step):.0f} s left"
