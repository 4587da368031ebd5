"""The page of an evaluation: the answer, how surely, what speaks against believing it, and how it was made."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING, Any, Final

from continuity.privacy import ProtectedTable
from continuity.reports.comparison_view import comparison_findings
from continuity.reports.findings import Findings
from continuity.reports.grids import Grid
from continuity.reports.labels import definition, index_label
from continuity.reports.method import choice_of, two_columns
from continuity.reports.quality_page import quality_view
from continuity.reports.rendering import render
from continuity.reports.rollout_view import rollout_findings
from continuity.reports.wording import Words

if TYPE_CHECKING:
    from continuity.quality import QualityResult

_VIEWS: Final[Mapping[str, Callable[[ProtectedTable, Mapping[str, Any], Words], Findings]]] = {
    "compare": comparison_findings,
    "event-study": rollout_findings,
    "its": rollout_findings,
}


@dataclass(frozen=True)
class Evaluation:
    """What an evaluation found.

    Parameters
    ----------
    effects : ProtectedTable
    summary : mapping
        What summary.json holds.
    quality : QualityResult
        The verdict of the gate.
    """

    effects: ProtectedTable
    summary: Mapping[str, Any]
    quality: "QualityResult"


def evaluation_page(content: Evaluation, words: Words) -> str:
    """Make the whole page.

    Parameters
    ----------
    content : Evaluation
    words : Words

    Returns
    -------
    str
        HTML that stands alone.
    """
    said = content.summary
    return render(
        "evaluation.html",
        words,
        index=index_label(said["index"], words),
        input_name=said["input"]["name"],
        version=said["versions"].get("continuity", ""),
        created_on=words.style.day(date.fromisoformat(said["created_on"])),
        found=_VIEWS[said["design"]](content.effects, said, words),
        definition=definition(said["index"], words),
        rules=_rules(said["parameters"], words),
        quality=quality_view(content.quality, words),
    )


def _rules(parameters: Mapping[str, str], words: Words) -> Grid:
    chosen = [(words.of_code("parameter", name), choice_of(value, words)) for name, value in parameters.items()]
    return two_columns(words("method.rules_title"), ("method.rule", "method.choice"), chosen, words)
