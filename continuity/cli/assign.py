"""`continuity assign`."""

from pathlib import Path
from typing import Any

import click

from continuity import vocabulary as v
from continuity.cli import options, talk
from continuity.errors import UsageError, counted

_CHOICES = (
    "tolerance",
    "move_cost",
    "households",
    "max_moves",
    "lookback",
    "as_of",
    "seed",
    "role",
    "chronic_priority",
    "languages",
    "locked",
    "mode",
    "infeasible",
    "chronic_tolerance",
    "team_tolerance",
    "distance_cost",
    "pair",
    "attribute",
)


@click.command(
    epilog="Example: continuity assign --patients people.csv --providers doctors.csv --visits visits.csv --output plan"
)
@click.option("--visits", metavar="VISITS", required=True, help="Visits: a file, a glob or a folder.")
@options.reading
@click.option("-o", "--output", type=click.Path(path_type=Path), required=True, help="A folder.")
@click.option("--tolerance", type=float, default=0.05, show_default=True, help="Work of each: share x (1 +- this).")
@click.option("--move-cost", type=float, default=1.0, show_default=True, help="What a change costs, in visits.")
@click.option("--households", is_flag=True, help="Keep households together; is_household_free frees a member.")
@click.option("--max-moves", type=int, metavar="N", help="No more patients than this change.")
@click.option("--lookback", default="24mo", show_default=True, help="Visits of this time before the plan count.")
@click.option("--as-of", metavar="DATE", help="The day of the plan. [default: the latest visit]")
@click.option("--seed", type=int, default=1, show_default=True, help="Breaks ties; draws with --mode random.")
@click.option("--role", type=click.Choice(v.words(v.Role)), default="doctor", show_default=True, help="Whose panels.")
@click.option("--chronic-priority", is_flag=True, help="A change of a chronically ill patient costs twice.")
@click.option("--languages/--no-languages", default=True, help="Speakers for who needs them. [default: languages]")
@click.option("--locked/--no-locked", default=True, help="An own choice binds for a year. [default: locked]")
@click.option("--mode", type=click.Choice(v.words(v.AssignmentMode)), default="best", show_default=True,
              help="random: the lot says who leaves a list that is too long.")  # fmt: skip
@click.option("--infeasible", type=click.Choice(v.words(v.Infeasible)), default="refuse", show_default=True,
              help="Of a unit that cannot meet its band. nearest: widen it; penalty: work outside costs.")  # fmt: skip
@click.option(
    "--chronic-tolerance", type=float, metavar="T", help="A band for each one's share of the chronically ill."
)
@click.option("--team-tolerance", type=float, metavar="T", help="A band for each team's work.")
@click.option("--distance-cost", type=float, default=0.0, metavar="C", help="What a kilometre costs, in visits.")
@click.option("--scenarios", type=click.Path(exists=True, dir_okay=False, path_type=Path), metavar="FILE",
              help="What if: a line each, such as 'leaves ID' or 'works ID 0.5'.")  # fmt: skip
@click.option("--pair", is_flag=True, help="Name a nurse of the doctor's team too.")
@click.option("--attribute", type=click.Choice(v.words(v.AttributionRule)),
              help="Whose list a patient without one is on today, told from visits.")  # fmt: skip
@options.language
@click.option(
    "--curve/--no-curve", default=None, help="Plans at other tolerances beside. [default: up to 100,000 patients]"
)
@click.option("--simulate", type=click.IntRange(min=0), default=0, metavar="YEARS",
              help="Simulate years of today's lists and of the plan, such as 20. [default: none]")  # fmt: skip
@options.talking
def command(output: Path, *, quiet: bool, as_json: bool, **given: Any) -> None:
    """Plan panels: one provider for every patient, work in balance, people with those they know.

    Writes assignments.parquet (who, with whom, why), summary.json (cost, lower bound, gap, loads), plan.html to read,
    plan.xlsx to go through patient by patient, and figures. Exit code 5: no plan meets what was asked; the message says
    what is lacking and the nearest tolerance. With --scenarios, scenarios.parquet puts today and each scenario side by
    side, each moving as few patients as can be.
    """
    from continuity.assignment.settings import Settings
    from continuity.pipeline.assign import assign
    from continuity.pipeline.explain_plan import Shown

    if output.is_file():
        raise UsageError(f"{output} is a file.", allowed="--output is a folder.")
    settings = Settings(**{name: given.pop(name) for name in _CHOICES})
    shown = Shown(*(given.pop(name) for name in ("language", "curve", "scenarios", "simulate")))
    inputs = options.inputs_of(given)
    with talk.progress(quiet=quiet) as progress:
        said = assign(inputs, output, settings, shown=shown, progress=progress)
    lines = [
        f"{counted(said['n_patients'], 'patient')} in {counted(said['n_units'], 'unit')}; "
        f"{said['n_moved']:,} change provider; "
        f"{talk.percent(said['share_visits_kept'])} of visits were with the provider of the plan.",
        f"Cost {said['cost']:,.1f}{_penalty(said)}; no plan can cost less than {said['lower_bound']:,.1f}: "
        f"gap {_gap(said['gap'])}.",
        f"Everyone is in the band{_widened(said)}."
        if said["worst_outside_band"] == 0
        else f"Furthest outside its band: {100 * said['worst_outside_band']:.3f} % of the share.",
        *_without_list(said),
        f"Page: {said['page']}",
    ]
    talk.say(lines, said, quiet=quiet, as_json=as_json)


def _gap(gap: float | None) -> str:
    return "-" if gap is None else f"{100 * gap:.4f} %"


def _penalty(said: dict[str, Any]) -> str:
    n = said["n_units_penalised"]
    units = counted(n, "unit")
    return f" and {said['penalty']:,.1f} for work outside the bands of {units}, which cannot be met" if n else ""


def _without_list(said: dict[str, Any]) -> list[str]:
    n, told = said["counts"]["n_patients_without_list"], said["counts"].get("n_lists_told_from_visits")
    if not n:
        return []
    if told is None:
        return [f"{counted(n, 'patient')} without a list today; --attribute four_cut tells it from visits."]
    return [f"{counted(n, 'patient')} without a list today; visits told it of {told:,}."]


def _widened(said: dict[str, Any]) -> str:
    n, asked = said["n_units_widened"], said["parameters"]["tolerance"]
    return (
        f", which is wider than the {100 * asked:g} % asked for in {n:,} of {counted(said['n_units'], 'unit')}"
        if n
        else ""
    )
