"""What has become better or worse since an earlier check, from its quality.json."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final, NoReturn

from continuity.errors import InputError
from continuity.quality.results import Comparison, Finding, QualityResult, Texts, Trend, TrendState

_NEEDED: Final = {"key": str, "success": bool}
_NOTICEABLE: Final = 0.05
_NUMBERS: Final = ("n_unexpected", "share_unexpected")


@dataclass(frozen=True)
class Earlier:
    """The parts of an earlier quality.json that a comparison needs.

    Parameters
    ----------
    findings : mapping
        The earlier findings as JSON objects, by their keys.
    n_rows : mapping
        Rows of each table then.
    suites : mapping
        Fingerprints of the suites then.
    """

    findings: Mapping[str, Mapping[str, Any]]
    n_rows: Mapping[str, int]
    suites: Mapping[str, str]


def read_earlier(path: Path) -> Earlier:
    """Read the quality.json of an earlier check.

    Parameters
    ----------
    path : pathlib.Path

    Returns
    -------
    Earlier

    Raises
    ------
    InputError
        The file is not what `continuity check` writes.
    """
    try:
        content = json.loads(path.read_bytes())
    except (OSError, ValueError):
        _refuse(path)
    findings = content.get("findings") if isinstance(content, dict) else None
    if not isinstance(findings, list) or not all(_is_finding(finding) for finding in findings):
        _refuse(path)
    parts = [content.get(name) for name in ("n_rows", "suites")]
    n_rows, suites = (part if isinstance(part, dict) else {} for part in parts)
    return Earlier({finding["key"]: finding for finding in findings}, n_rows, suites)


def compared(result: QualityResult, earlier: Earlier) -> QualityResult:
    """Add to a result what has changed since an earlier one.

    Parameters
    ----------
    result : QualityResult
    earlier : Earlier

    Returns
    -------
    QualityResult
        With its `comparison`: one `Trend` for each expectation that fails now or failed then.

    Notes
    -----
    Shares are compared where both are known, for exports differ in length; otherwise counts. A change below a twentieth
    of the larger number is called ``same``: files of two months never agree to the last row.
    """
    trends = (*_now(result, earlier), *_unchecked(result, earlier))
    changed = any(earlier.suites.get(name, digits) != digits for name, digits in result.suites.items())
    return replace(result, comparison=Comparison(trends, dict(earlier.n_rows), changed))


def _now(result: QualityResult, earlier: Earlier) -> Iterator[Trend]:
    for finding in result.findings:
        before = earlier.findings.get(finding.key)
        failed_before = before is not None and not before["success"]
        if finding.success and not failed_before:
            continue
        yield Trend(
            key=finding.key,
            state=_state(finding, before if failed_before else None),
            n_before=_number(before, "n_unexpected"),
            share_before=_number(before, "share_unexpected"),
            n_now=finding.n_unexpected,
            share_now=finding.share_unexpected,
            texts=finding.texts,
        )


def _unchecked(result: QualityResult, earlier: Earlier) -> Iterator[Trend]:
    """Name what failed then and was not looked at now: that is no sign of improvement."""
    now = {finding.key for finding in result.findings}
    skipped: dict[str, Texts] = {skip.key: skip.texts for skip in result.skipped}
    for key, before in earlier.findings.items():
        if key not in now and not before["success"]:
            texts = skipped.get(key) or {language: {"title": key} for language in ("fi", "sv", "en")}
            then = (_number(before, "n_unexpected"), _number(before, "share_unexpected"))
            yield Trend(key, "unchecked", then[0], then[1], None, None, texts)


def _state(finding: Finding, before: Mapping[str, Any] | None) -> TrendState:
    if finding.success:
        return "gone"
    if before is None:
        return "new"
    for name in reversed(_NUMBERS):
        then, now = _number(before, name), getattr(finding, name)
        if then is not None and now is not None:
            small = abs(now - then) < _NOTICEABLE * max(now, then)
            return "same" if small or now == then else "worse" if now > then else "better"
    return "same"


def _number(finding: Mapping[str, Any] | None, name: str) -> Any:
    value = None if finding is None else finding.get(name)
    return value if isinstance(value, int | float) and not isinstance(value, bool) else None


def _is_finding(finding: object) -> bool:
    return isinstance(finding, dict) and all(isinstance(finding.get(key), kind) for key, kind in _NEEDED.items())


def _refuse(path: Path) -> NoReturn:
    raise InputError(
        f"{path.name} is not the result of an earlier check.",
        allowed="--previous takes a quality.json that 'continuity check --output DIR' has written.",
        next_step="Name that file, or leave --previous out.",
    ) from None
