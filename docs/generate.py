"""Write the generated pages of docs/: the catalogue of indices and the command line. `make docs` runs it."""

import sys
from collections.abc import Mapping
from fractions import Fraction
from math import factorial
from pathlib import Path
from typing import Any

from click.testing import CliRunner

from continuity.cli.main import COMMANDS, app
from continuity.metrics import Index, index, keys
from continuity.reports.paragraph import cited

DOCS = Path(__file__).parent
_MADE = "<!-- Made by docs/generate.py from the code; `make docs` makes it anew. -->\n"

_DERIVED = (
    "Every index of patients also has `mean_<key>`, the mean of patients, and `visit_weighted_<key>`, their mean with "
    'the weight N, for lists, units and periods. With `level="team"` or `"unit"` an index is that of the team or unit, '
    'with `person="household"` that of a household (own definition).\n\n'
    "Two things are no entries, because a formula over the visits of a patient cannot give them: "
    "`fragmented_care_density` needs weights of pairs of types (`continuity.metrics.network`), and the flags of single "
    "visits `is_own`, `is_known`, `same_as_previous`, `prior_visits` and `prior_share` (the last two are own "
    "definitions) come from `continuity.flag_visits`. Citation keys are those of [references.bib](references.bib)."
)


def indices_page() -> str:
    """Give the catalogue of indices as Markdown."""
    rows = [
        f"| [`{key}`](#{key}) | {index(key).label['en']} | {', '.join(index(key).grains)} | `{index(key).formula}` |"
        for key in keys(None)
    ]
    table = ["| key | index | grains | formula |", "| --- | --- | --- | --- |", *rows]
    table += ["", _DERIVED]
    return "\n".join([_MADE, "# Indices", "", *table, "", *[_entry(index(key)) for key in keys(None)]])


def _entry(entry: Index) -> str:
    examples = ", ".join(f"{visits} → {'undefined' if x is None else x}" for visits, x in entry.examples.items())
    more = "more" if entry.higher_is_more else "less"
    facts = {
        "Grains": ", ".join(entry.grains),
        "Formula": f"`{entry.symbol} = {entry.formula}`",
        "Range": f"{entry.range[0]} to {entry.range[1]}; higher means {more} continuity",
        "Minimum": f"{entry.min_visits} {'visit' if entry.min_visits == 1 else 'visits'}",
        "Undefined": ", ".join(f"`{reason}`" for reason in entry.reasons) or "only without visits",
        "In Finnish": entry.label["fi"],
        "In Swedish": entry.label["sv"],
        "Names elsewhere": ", ".join(entry.names) or "none known",
        "Laws, each tested": ", ".join(law.replace("_", " ") for law in entry.laws) or "those of groups, see the tests",
        "Worked examples": examples or "see the tests",
        "Source": entry.source + (" **(own definition)**" if entry.own_definition else ""),
        "Citation keys": ", ".join(f"`{key}`" for key in cited(entry.source)) or "none",
    }
    lines = [f"## {entry.key}", "", entry.label["en"], "", *[f"- **{name}**: {fact}" for name, fact in facts.items()]]
    return "\n".join([*lines, *[f"- **Trap**: {trap}" for trap in entry.traps], ""])


def expectations_page() -> str:
    """Give the list of expectations, and of our own classes of them, as Markdown."""
    from inspect import cleandoc

    from continuity.quality import expectations as own
    from continuity.quality.suites import read_suites

    parts = [_MADE, (DOCS / "expectations.head.md").read_text(encoding="utf-8")]
    for suite in read_suites():
        rows = [
            f"| `{e.key}` | {e.texts['en']['title']} | {e.severity} | {_threshold(e.kwargs)} | `{e.type}` |"
            for e in suite.expectations
        ]
        head = ["| key | expects | severity | arguments | type |", "| --- | --- | --- | --- | --- |"]
        parts += [f"## {suite.table}.json", "", *head, *rows, ""]
    parts += ["## Our own classes", ""]
    for name in own.__all__:
        kind = getattr(own, name)
        parts += [
            f"### {name}",
            "",
            f"Type `{kind.expectation_type}`.",
            "",
            "```text",
            cleandoc(kind.__doc__),
            "```",
            "",
        ]
    return "\n".join(parts)


def _threshold(kwargs: Mapping[str, Any]) -> str:
    usual = ("column", "column_A", "column_B", "column_list", "or_equal", "ignore_row_if")
    columns = [str(kwargs[key]) for key in ("column", "column_A", "column_B") if key in kwargs and "by" not in kwargs]
    columns += kwargs.get("column_list", [])
    limits = [
        f"{key} {value}" for key, value in kwargs.items() if key not in usual or ("by" in kwargs and key == "column")
    ]
    return "; ".join([", ".join(columns), *limits] if columns else limits)


def command_page() -> str:
    """Give the help of every command as Markdown."""
    parts = [_MADE, "# Command line", ""]
    for command in ("", *COMMANDS):
        arguments = [part for part in (command, "--help") if part]
        said = CliRunner().invoke(app, arguments, prog_name="continuity", terminal_width=110, catch_exceptions=False)
        parts += [f"## continuity {command}".rstrip(), "", "```text", said.output.rstrip(), "```", ""]
    return "\n".join(parts)


def expected(n_visits: int, n_providers: int = 5) -> dict[str, float]:
    """Give the exact mean of each index when every visit goes to one of equally likely providers.

    UPC needs the largest count, K and MMCI the number of providers seen: both from the distribution of the counts,
    built up provider by provider. COC and SECON have the chance of an equal pair, HHI follows from COC.
    """
    ways = {(0, 0, 0): Fraction(1)}  # visits placed, largest count, providers seen -> 1 / (product of factorials)
    for _ in range(n_providers):
        more: dict[tuple[int, int, int], Fraction] = {}
        for (placed, largest, seen), weight in ways.items():
            for n in range(n_visits - placed + 1):
                key = (placed + n, max(largest, n), seen + (n > 0))
                more[key] = more.get(key, Fraction(0)) + weight / factorial(n)
        ways = more
    scale = Fraction(factorial(n_visits), n_providers**n_visits)
    chance = {key[1:]: weight * scale for key, weight in ways.items() if key[0] == n_visits}
    upc = sum(p * Fraction(largest, n_visits) for (largest, _), p in chance.items())
    seen = sum(p * k for (_, k), p in chance.items())
    coc = Fraction(1, n_providers)
    return {
        "UPC": float(upc),
        "HHI": float(((n_visits - 1) * coc + 1) / n_visits),
        "K": float((n_visits - seen) / (n_visits - 1)),
        "MMCI": float((n_visits - seen + Fraction(1, 10)) / (n_visits - Fraction(9, 10))),
        "COC, SECON": float(coc),
    }


def which_index_figure() -> str:
    """Draw how each index moves with the number of visits when behaviour is constant."""
    import altair as alt
    import polars as pl
    import vl_convert

    rows = [{"visits": n, "index": name, "value": x} for n in range(2, 21) for name, x in expected(n).items()]
    base = alt.Chart(pl.DataFrame(rows), width=520, height=300)
    x = alt.X(
        "visits:Q",
        title="Visits of a patient",
        scale=alt.Scale(domain=[2, 23]),
        axis=alt.Axis(values=[2, 5, 10, 15, 20]),
    )
    y = alt.Y("value:Q", title="Expected value", scale=alt.Scale(domain=[0, 0.85]))
    color = alt.Color(
        "index:N", legend=None, scale=alt.Scale(range=["#0b5a70", "#b4540a", "#5b3a8c", "#2f7d32", "#a3195b"])
    )
    lines = base.mark_line(strokeWidth=2.5).encode(x=x, y=y, color=color)
    # K and MMCI end at the same height: one label serves both.
    label = alt.expr.if_(alt.datum.index == "MMCI", "MMCI, K", alt.datum.index)
    ends = base.transform_filter((alt.datum.visits == 20) & (alt.datum.index != "K")).transform_calculate(label=label)
    names = ends.mark_text(align="left", dx=6, fontWeight="bold").encode(x=x, y=y, color=color, text="label:N")
    chart = (lines + names).configure(font="sans-serif").configure_view(stroke=None)
    return str(vl_convert.vegalite_to_svg(chart.to_dict()))


PAGES = {
    "expectations.md": expectations_page,
    "indices.md": indices_page,
    "command-line.md": command_page,
    "which-index.svg": which_index_figure,
}


def main() -> None:
    """Write the pages."""
    for name, page in PAGES.items():
        (DOCS / name).write_text(page(), encoding="utf-8")
    sys.stdout.write(f"Wrote {', '.join(PAGES)} in {DOCS.name}/\n")


if __name__ == "__main__":
    main()
