"""How the numbers came about, put into words: rules, the flow of visits, versions and the sentence to cite."""

from collections.abc import Iterable, Iterator
from itertools import pairwise

from continuity.reports.content import Method, ReportContent
from continuity.reports.grids import Cell, Grid, grid_of, number_range
from continuity.reports.labels import index_label
from continuity.reports.rows import all_roles, headline_index, rows_of, shown_row
from continuity.reports.wording import Words

_FLOW_COLUMNS = ("step", "n_visits", "n_patients", "share_of_visits")


def rules_of(method: Method, words: Words) -> Grid:
    """Give every rule of the computation with its choice.

    Parameters
    ----------
    method : Method
    words : Words

    Returns
    -------
    Grid
        A rule or choice that the catalogue of words does not know is shown by its code.
    """
    period = words.style.period(method.window_start, method.window_end)
    fixed = {"window": period, "created_on": words.style.day(method.created_on), "time_zone": method.time_zone}
    if method.breaks:
        fixed["breaks"] = "; ".join(f"{words.style.day(one.day)} {one.text}" for one in method.breaks)
    coded = {"unit_rule": method.unit_rule, "team_rule": method.team_rule, **method.parameters}
    choices = fixed | {name: choice_of(value, words) for name, value in coded.items() if name not in fixed}
    pairs = ((words.of_code("parameter", name), choice) for name, choice in choices.items())
    return two_columns(words("method.rules_title"), ("method.rule", "method.choice"), pairs, words)


def versions_of(method: Method, words: Words) -> Grid:
    """Give the versions that made the numbers, and the fingerprint of the data."""
    pairs = (*method.versions.items(), (words("method.fingerprint"), method.input_fingerprint))
    return two_columns(words("method.versions_title"), ("method.component", "method.version"), pairs, words)


def flow_of(content: ReportContent, words: Words) -> Grid | None:
    """Give the visits and patients left after each step, where the flow is known."""
    table = content.tables.get("flow")
    if table is None:
        return None
    return grid_of(rows_of(table).sort("step_order"), _FLOW_COLUMNS, words, words("method.flow_title"))


def citation(method: Method, words: Words) -> str:
    """Give the sentence with which the numbers can be cited."""
    chosen = {name: choice_of(method.parameters.get(name, "–"), words) for name in ("same_day", "unknown_provider")}
    return words(
        "method.cite",
        version=method.versions.get("continuity", "–"),
        period=words.style.period(method.window_start, method.window_end),
        indices="; ".join(index_label(key, words) for key in method.indices),
        min_visits=method.parameters.get("min_visits", "–"),
        **chosen,
    )


def preset_note(method: Method, words: Words) -> str:
    """Give what every output made with the preset must say; nothing without one."""
    preset = method.parameters.get("preset")
    return words(f"preset.{preset}") if preset else ""


def unknown_providers(content: ReportContent, words: Words) -> tuple[str, ...]:
    """Say how many visits have no known provider, and how far they could move the result.

    Parameters
    ----------
    content : ReportContent
    words : Words

    Returns
    -------
    tuple of str
        Nothing where the flow of visits is unknown or suppressed.
    """
    share = _share_unknown(content)
    if share is None:
        return ()
    if share == 0:
        return (words("reading.unknown_none"),)
    return (words("reading.unknown", share=words.style.share(share, 1)), *_bounds(content, words))


def choice_of(value: str, words: Words) -> str:
    """Put a choice, or a list of choices with commas, into words."""
    parts = [words.of_code("value", part.strip()) for part in value.split(",") if part.strip()]
    return ", ".join(parts) or words("reason.missing")


def _share_unknown(content: ReportContent) -> float | None:
    steps = rows_of(content.tables.get("flow"))
    if steps.is_empty():
        return None
    counts = steps.sort("step_order").select("step", "n_visits").rows()
    for (_, before), (step, after) in pairwise(counts):
        if step == "unknown_provider" and before and after is not None:
            return float(before - after) / float(before)
    return None


def _bounds(content: ReportContent, words: Words) -> Iterator[str]:
    ranges = []
    for role in all_roles(content):
        row = shown_row(content.tables["whole"], role=role, index=headline_index(content))
        if row is not None and row["bound_low"] is not None and row["bound_high"] is not None:
            between = number_range(row["bound_low"], row["bound_high"], "decimal", words)
            ranges.append(f"{words.of_code('role', role)} {between}")
    if ranges:
        yield words("reading.unknown_bounds", ranges="; ".join(ranges))


def two_columns(caption: str, heads: tuple[str, str], pairs: Iterable[tuple[str, str]], words: Words) -> Grid:
    """Make a table of names and what stands for each; the heads are keys of `words`."""
    rows = tuple((Cell(name), Cell(value)) for name, value in pairs)
    return Grid(caption, tuple((words(head), False) for head in heads), rows)
