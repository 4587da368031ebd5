"""What an evaluation is asked."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from continuity.metrics import Rules
from continuity.metrics.engine.windows import Window
from continuity.privacy import Limits
from continuity.reports import Break
from continuity.vocabulary import Design, Language


@dataclass(frozen=True)
class EvaluateJob:
    """What an evaluation shall answer.

    Parameters
    ----------
    design : {"compare", "event-study", "its"}
    key : str
        The index.
    by : sequence of str
        Columns whose groups are compared, or get effects of their own besides that of everybody.
    rollout : path or None
        A table unit_id, starts_at; not for a comparison.
    adjust : sequence of str
        Columns whose mix of patients a comparison makes alike.
    rules : Rules
    spans : sequence of Window or None
    limits : Limits
    language : {"fi", "sv", "en"}
    breaks : tuple of Break
        Changes at the site that break courses over time; `reports.breaks_of` reads them from texts.
    earlier : sequence of path
        Manifests of earlier runs that this one is compared with.
    """

    design: Design
    key: str
    by: Sequence[str]
    rollout: str | None
    adjust: Sequence[str]
    rules: Rules
    spans: Sequence[Window] | None
    limits: Limits
    language: Language
    breaks: tuple[Break, ...] = ()
    earlier: Sequence[str | Path] = ()
