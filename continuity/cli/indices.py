"""`continuity indices`."""

from typing import Any

import click

from continuity.cli import options, talk

_DERIVED = "mean_KEY, visit_weighted_KEY  the means of any index of patients [list, unit, period]"


@click.command(epilog="Example: continuity indices coc --language fi")
@click.argument("key", required=False)
@options.language
@click.option("--json", "as_json", is_flag=True, help="Print a machine-readable catalogue on stdout.")
def command(key: str | None, language: Any, *, as_json: bool) -> None:
    """List the indices, or show one: formula, range, minimum, source, traps."""
    from continuity.metrics import index, keys
    from continuity.reports.paragraph import cited

    if key is None:
        found = {name: index(name).label[language] for name in keys(None)}
        grains = {name: ", ".join(index(name).grains) for name in found}
        lines = [f"{name:20} {label} [{grains[name]}]" for name, label in found.items()]
        talk.say([*lines, _DERIVED], found, quiet=False, as_json=as_json)
        return
    entry = index(key)
    said: dict[str, Any] = {
        "key": entry.key,
        "label": entry.label[language],
        "symbol": entry.symbol,
        "formula": entry.formula,
        "range": list(entry.range),
        "higher_is_more": entry.higher_is_more,
        "min_visits": entry.min_visits,
        "undefined": list(entry.reasons),
        "grains": list(entry.grains),
        "family": entry.family,
        "names": list(entry.names),
        "source": entry.source,
        "cite": list(cited(entry.source)),
        "status": entry.status,
        "traps": list(entry.traps),
        "examples": {visits: None if value is None else str(value) for visits, value in entry.examples.items()},
    }
    more = "more" if entry.higher_is_more else "less"
    lines = [
        f"{entry.label[language]}",
        f"  formula    {entry.symbol} = {entry.formula}",
        f"  range      {entry.range[0]} to {entry.range[1]}; higher means {more} continuity",
        f"  grains     {', '.join(entry.grains)}",
        f"  minimum    {entry.min_visits} visit(s) by mathematics",
        f"  undefined  {', '.join(entry.reasons) or 'only without visits'}",
        f"  source     {entry.source}" + (" (own definition)" if entry.own_definition else ""),
        *[f"  cite       {name}" for name in cited(entry.source)],
        *[f"  name       {name}" for name in entry.names],
        *[f"  trap       {trap}" for trap in entry.traps],
        *[
            f"  example    {visits}: {'undefined' if value is None else value}"
            for visits, value in entry.examples.items()
        ],
    ]
    talk.say(lines, said, quiet=False, as_json=as_json)
