"""The options that commands share, each written once, and how they become the parameters of a job."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Final, TypeVar

import click

from continuity import vocabulary as v
from continuity.errors import UsageError

Command = TypeVar("Command", bound=Callable[..., Any])
Given = dict[str, Any]
"""What the user gave, by the name of the option; None where nothing was given."""


def _group(*options: Callable[[Any], Any]) -> Callable[[Command], Command]:
    def decorate(command: Command) -> Command:
        for option in reversed(options):
            command = option(command)
        return command

    return decorate


def _words(name: str, kind: object, text: str, **more: Any) -> Callable[[Any], Any]:
    return click.option(name, type=click.Choice(v.words(kind)), help=text, **more)


visits = click.argument("visits", metavar="VISITS")
language = _words("--language", v.Language, "Language of the pages.", default="en", show_default=True)
breaks = click.option(
    "--break",
    "breaks",
    metavar="DATE=TEXT",
    multiple=True,
    help="A reform or change of systems to mark in courses over time; may be repeated.",
)
pdf = click.option("--pdf", is_flag=True, help="Write report.pdf too; needs the extra pdf.")
suites = click.option(
    "--suites", type=click.Path(exists=True, file_okay=False, path_type=Path), help="A folder of your own expectations."
)
previous = click.option(
    "--previous",
    metavar="FILE",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="The quality.json of an earlier check: says what is new, worse, better and gone.",
)

CODES: Final = ("services", "contacts", "visit_concepts")
"""Choices of a source that are lists of codes; each is a field of `ReadOptions` of the same name."""
by_source = _group(  # one line a choice, named after the source that knows it
    click.option("--query", metavar="SQL", help="Database: a table or a SELECT of visits. [default: visits]"),
    click.option("--services", metavar="CODE,...", help="Avohilmo: service types kept, or 'all'. [default: T11]"),
    click.option("--contacts", metavar="CODE,...", help="Avohilmo: contact codes kept, or 'all'. [default: R10]"),
    click.option(
        "--visit-concepts",
        metavar="CODE,...",
        help="OMOP: visit concepts or source values kept, or 'all': 9202,PRIM_OUT-R10-*. [default: outpatient]",
    ),
    click.option("--visit-detail", is_flag=True, help="OMOP: take visits from visit_detail."),
    click.option(
        "--max-malformed",
        type=click.FloatRange(0, 1),
        default=0.001,
        show_default=True,
        help="FHIR: share of lines that may be malformed.",
    ),
    click.option("--urgency-codes", metavar="CODE=WORD,...", help="Avohilmo: what its codes of urgency mean."),
)
reading = _group(
    click.option("--patients", metavar="FILE", help="Patients: listed provider, unit, birth year, ..."),
    click.option("--providers", metavar="FILE", help="Providers: role, team, unit, ..."),
    _words("--source", v.SourceKind, "Kind of the source.", default="auto", show_default=True),
    click.option("--columns", metavar="NAME=COLUMN,...", help="Column names: patient_id=asiakas,provider_id=laakari"),
    click.option("--separator", metavar="CHAR", help="Separator of a CSV file; detected where not given."),
    click.option("--encoding", metavar="NAME", help="Encoding of a CSV file; detected where not given."),
    click.option("--date-format", metavar="FORM", help="Form of the dates of a CSV file, such as '%d.%m.%Y %H:%M'."),
    click.option("--time-zone", default=v.DEFAULT_TIME_ZONE, show_default=True, help="Zone of local times."),
    by_source,
    click.option("--pseudonymise", is_flag=True, help="Replace ids of persons by keyed pseudonyms."),
    click.option("--key-file", metavar="FILE", help="The secret key; or the environment variable CONTINUITY_KEY."),
)

FILTERS: Final = {"role": "role", "mode": "contact_mode", "urgency": "urgency", "care_type": "care_type"}
ruling = _group(
    _words("--level", v.Level, "Continuity with whom. [default: provider]"),
    _words("--unknown-provider", v.UnknownProvider, "What a visit without a provider counts as. [default: drop]"),
    click.option(
        "--unknown-codes", metavar="CODE,...", help="Provider codes that mean 'unknown', such as a shared login."
    ),
    _words("--same-day", v.SameDay, "Which rows of one day are one visit."),
    _words("--tie-order", v.TieOrder, "Order of visits at the same moment. [default: expectation]"),
    click.option("--min-visits", type=click.IntRange(min=1), help="Fewest visits for a value. [default: 3]"),
    click.option("--role", metavar="ROLE,...", help=f"Keep visits to these roles: {','.join(v.words(v.Role))}"),
    click.option("--mode", metavar="MODE,...", help=f"Keep these modes: {','.join(v.words(v.ContactMode))}"),
    click.option("--urgency", metavar="URGENCY,...", help=f"Keep these urgencies: {','.join(v.words(v.Urgency))}"),
    click.option("--care-type", metavar="TYPE,...", help="Keep these care types, in the words of the source."),
    click.option("--preset", metavar="NAME", help="Rules after a publication: thl_like, nqf_3617, hull_2022."),
    click.option("--window", metavar="START:END", help="Half-open window, such as 2025-01-01:2026-01-01."),
)
looking = _group(
    click.option("--lookback", metavar="D", help="How far back a provider is known: 365d, 12mo, ... [default: 365d]"),
    click.option("--data-from", metavar="DATE", help="Since when the data hold all visits. [default: the first visit]"),
    click.option("--cover-days", type=int, metavar="N", help="Days that a visit covers, for cover_index."),
    click.option(
        "--visit-weights", metavar="MODE=W,...", help="Weights for coc_weighted, upc_weighted: in_person=1,phone=0.5"
    ),
)
person = _words("--person", v.Person, "Whose visits are taken together. [default: patient]")
rolling = _group(
    click.option("--every", metavar="D", help="Rolling windows: a new one every 1mo, 1w, ..."),
    click.option("--period", metavar="D", help="Rolling windows: their length, such as 12mo."),
)
choosing = _group(
    click.option("--index", "indices", multiple=True, metavar="KEY", help="An index; may be repeated."),
    click.option("--all", "every_index", is_flag=True, help="Every index that the data allow."),
)
protecting = _group(
    click.option("--min-patients", type=int, help="Fewest patients in a published cell. [default: 5]"),
    click.option("--min-providers", type=int, help="Fewest providers in a published cell. [default: 5]"),
    click.option("--round-to", type=int, metavar="N", help="Round counts to multiples, ratios alike. [default: 1]"),
)
earlier_runs = click.option(
    "--previous-manifest",
    "earlier",
    multiple=True,
    metavar="FILE",
    help="Manifest of an earlier run that is or will be published: what the two tell together is checked.",
)
talking = _group(
    click.option("-q", "--quiet", is_flag=True, help="Say nothing but errors."),
    click.option("--json", "as_json", is_flag=True, help="Print a machine-readable summary on stdout."),
)


def split(text: str | None) -> tuple[str, ...] | None:
    """Split a comma-separated list; None stays None."""
    return None if text is None else tuple(part.strip() for part in text.split(",") if part.strip())


def pairs(text: str | None, option: str, example: str) -> dict[str, str]:
    """Split NAME=VALUE,...

    Raises
    ------
    UsageError
        A part has no equals sign.
    """
    parts = split(text) or ()
    if any("=" not in part for part in parts):
        raise UsageError(f"{option} cannot be read.", allowed=f"Allowed: {example}")
    return dict(part.split("=", 1) for part in parts)


def inputs_of(given: Given) -> Any:
    """Give the `Inputs` of a job, and take their options out of `given`.

    Raises
    ------
    UsageError
        ``--columns`` or ``--urgency-codes`` cannot be read, or pseudonyms have no key.
    """
    from continuity.pipeline import Inputs
    from continuity.sources import ReadOptions

    columns = pairs(given.pop("columns"), "--columns", "patient_id=asiakas,provider_id=laakari")
    separator = given.pop("separator")
    options = ReadOptions(
        columns=columns,
        separator="\t" if separator in ("tab", "\\t") else separator,
        encoding=given.pop("encoding"),
        date_format=given.pop("date_format"),
        time_zone=given.pop("time_zone"),
        **{name: split(given.pop(name)) for name in CODES},
        visit_detail=given.pop("visit_detail"),
        max_malformed=given.pop("max_malformed"),
        query=given.pop("query"),
        urgencies=pairs(given.pop("urgency_codes"), "--urgency-codes", "E=planned,V=acute"),
    )
    key = _key(given)
    return Inputs(given.pop("visits"), given.pop("patients"), given.pop("providers"), given.pop("source"), options, key)


def _key(given: Given) -> Any:
    from continuity.privacy.keys import Key

    wanted, path = given.pop("pseudonymise"), given.pop("key_file")
    if path is not None and not wanted:
        raise UsageError("--key-file is for pseudonyms.", next_step="Say --pseudonymise too.")
    if not wanted:
        return None
    return Key.from_environment() if path is None else Key.from_file(path)


def rules_of(given: Given, **defaults: Any) -> tuple[Any, Any]:
    """Give the `Rules` and the windows of a job, and take their options out of `given`.

    A rule that the user does not give comes from the preset, then from `defaults`, then from `Rules`.

    Raises
    ------
    UsageError
        A rule, preset or window that does not exist.
    """
    from continuity.metrics import Rules
    from continuity.metrics.engine.presets import preset as find_preset
    from continuity.metrics.engine.windows import windows

    values: Given = {rule: split(given.pop(option)) for option, rule in FILTERS.items()}
    values["unknown_codes"] = split(given.pop("unknown_codes"))
    for name in ("level", "unknown_provider", "same_day", "tie_order", "min_visits"):
        values[name] = given.pop(name)
    for name in ("person", "lookback", "data_from", "cover_days"):
        values[name] = given.pop(name, None)
    values["visit_weights"] = _weights(given.pop("visit_weights", None))
    preset = given.pop("preset")
    spans = windows(_window(given.pop("window")), given.pop("every", None), given.pop("period", None))
    fixed = find_preset(preset).rules if preset else {}
    chosen = {name: value for name, value in values.items() if value is not None}
    return Rules.of(preset, **{**defaults, **fixed, **chosen}), spans


def _weights(text: str | None) -> dict[str, str] | None:
    pairs = split(text)
    if pairs is None:
        return None
    if any("=" not in pair for pair in pairs):
        raise UsageError("--visit-weights cannot be read.", allowed="Allowed: in_person=1,phone=0.5")
    return {mode.strip(): weight.strip() for mode, weight in (pair.split("=", 1) for pair in pairs)}


def _window(text: str | None) -> tuple[str, str] | None:
    if text is None:
        return None
    start, colon, end = text.partition(":")
    if not colon or ":" in end:
        raise UsageError("--window cannot be read.", allowed="Allowed: START:END, such as 2025-01-01:2026-01-01.")
    return start, end


def indices_of(given: Given, default: Sequence[str], *, with_lists: bool) -> tuple[str, ...]:
    """Give the keys of the indices asked for, and take their options out of `given`."""
    from continuity.metrics import keys

    asked, every = given.pop("indices"), given.pop("every_index")
    if every:
        return tuple(key for key in keys() if with_lists or key != "upc_assigned")
    return tuple(asked) or tuple(default)


def group_indices_of(given: Given, grain: Any, *, with_lists: bool) -> tuple[str, ...]:
    """Give the keys of the indices of groups asked for, and take their options out of `given`."""
    from continuity.metrics.engine.registry import estimators, keys

    asked, every = given.pop("indices"), given.pop("every_index")
    if every:
        return (*keys(grain), *estimators(grain))
    means = tuple(f"mean_{key}" for key in ("upc", "coc", "secon"))
    usual = {"list": ("slicc", *means), "provider": ("own_patient_ratio",) if with_lists else ("coc_at_least",)}
    return tuple(asked) or usual.get(grain, means)


def breaks_of(given: Given) -> Any:
    """Give the breaks of the series, and take their option out of `given`.

    Raises
    ------
    UsageError
        One cannot be read.
    """
    from continuity.reports import breaks_of

    return breaks_of(given.pop("breaks"))


def limits_of(given: Given) -> Any:
    """Give the `Limits` of disclosure control, and take their options out of `given`.

    Raises
    ------
    UsageError
        A limit that would protect nobody.
    """
    from continuity.privacy import Limits

    asked = {name: given.pop(name) for name in ("min_patients", "min_providers", "round_to")}
    return Limits(**{name: value for name, value in asked.items() if value is not None})
