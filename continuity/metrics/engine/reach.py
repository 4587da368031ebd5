"""How far back the data reach, for indices that look at time before a window."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from functools import cached_property

from continuity.metrics.engine import history
from continuity.metrics.engine.prepare import Sources, base, filtered
from continuity.metrics.engine.rules import FILTER_COLUMNS, Rules
from continuity.metrics.engine.windows import Window


@dataclass(frozen=True)
class Reach:
    """The windows of a computation and the first day of its data; the days of visits are read once, if ever."""

    sources: Sources
    rules: Rules
    spans: Sequence[Window] | None

    def wanted(self, back: str, *, from_end: bool) -> str | None:
        """Say what data would be needed, or None where some window has the time before its start, or end, in the data.

        Parameters
        ----------
        back : str
            The time, as a duration.
        from_end : bool
        """
        if self.spans is None and self.rules.data_from is None and not from_end:
            return "a window, and data before it"  # the window would start with the first visit
        starts = history.earliest([window.end if from_end else window.start for window in self._windows], back)
        if self._first is None or starts.is_empty() or (starts >= self._first).any():
            return None  # without visits there are no rows, and nothing is wrong with the window
        return f"data that start on {max(starts)} or before"

    @cached_property
    def _first(self) -> date | None:
        found: date | None = history.first_day(self.sources, self.rules).collect(engine="streaming").item()
        return found

    @cached_property
    def _windows(self) -> Sequence[Window]:
        """The windows asked for; else the days from the first to the last visit that the filters keep."""
        if self.spans is not None:
            return self.spans
        visits = base(self.sources, self.rules)
        for rule in FILTER_COLUMNS:
            visits = filtered(visits, rule, self.rules)
        days = visits.select(first=history.DAY.min(), last=history.DAY.max()).collect(engine="streaming")
        first, last = days.row(0)
        if first is None:
            return []
        return [Window(datetime.combine(first, time()), datetime.combine(last, time()) + timedelta(days=1))]
