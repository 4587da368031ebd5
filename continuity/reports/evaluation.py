"""The page of an evaluation: the answer, how surely, what speaks against believing it, and how it was made."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING, Any, Final

from continuity.privacy import ProtectedTable
from continuity.reports.comparison_view import comparison_findings
from continuity.reports.evaluation_text import breaks_in, evaluation_paragraphs, evaluation_references
from continuity.reports.findings import Findings
from continuity.reports.grids import Grid
from continuity.reports.labels import definition, index_label
from continuity.reports.manifest import Run
from continuity.reports.method import choice_of, two_columns
from continuity.reports.protected import refuse_unprotected
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
    run : Run
        What was read and asked, for the manifest.
    """

    effects: ProtectedTable
    summary: Mapping[str, Any]
    quality: "QualityResult"
    run: Run

    def __post_init__(self) -> None:
        refuse_unprotected({"effects": self.effects})


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
    found = _VIEWS[said["design"]](content.effects, said, words)
    paragraphs = evaluation_paragraphs(content.effects, said, found.method, words)
    return render(
        "evaluation.html",
        words,
        index=index_label(said["index"], words),
        input_name=said["input"]["name"],
        version=said["versions"].get("continuity", ""),
        created_on=words.style.day(date.fromisoformat(said["created_on"])),
        found=found,
        paragraphs=paragraphs,
        references=evaluation_references(paragraphs),
        definition=definition(said["index"], words),
        rules=_rules(said, words),
        versions=_versions(said, words),
        quality=quality_view(content.quality, words),
    )


def _rules(said: Mapping[str, Any], words: Words) -> Grid:
    """Give every rule of the computation with its choice, and what the design was told."""
    named = [choice_of(value, words) for value in said["parameters"].values()]
    chosen = dict(zip((words.of_code("parameter", name) for name in said["parameters"]), named, strict=True))
    chosen[words("parameter.time_zone")] = said["time_zone"]
    if said.get("adjust"):
        chosen[words("parameter.adjusted_for")] = choice_of(", ".join(said["adjust"]), words)
    if said["breaks"]:
        texts = (f"{words.style.day(one.day)} {one.text}" for one in breaks_in(said))
        chosen[words("parameter.breaks")] = "; ".join(texts)
    return two_columns(words("method.rules_title"), ("method.rule", "method.choice"), chosen.items(), words)


def _versions(said: Mapping[str, Any], words: Words) -> Grid:
    pairs = (*said["versions"].items(), (words("method.fingerprint"), said["input"]["sha256"]))
    return two_columns(words("method.versions_title"), ("method.component", "method.version"), pairs, words)
