"""The catalogue: what an index is, how one is defined, and where all of them are found."""

import importlib
import pkgutil
from collections.abc import Mapping
from dataclasses import dataclass, replace
from fractions import Fraction
from functools import cache
from typing import Final, Literal

import polars as pl

from continuity import display
from continuity.errors import UsageError
from continuity.metrics.engine import symbols
from continuity.vocabulary import Grain, Language, Reason

Family = Literal["density", "concentration", "sequence", "duration", "network"]
Perspective = Literal["patient", "provider"]
Law = Literal[
    "relabelling",
    "within_range",
    "one_provider_gives_1",
    "visit_order_is_free",
    "reversal_changes_nothing",
    "merging_providers_never_lowers",
    "merging_providers_never_raises",
    "copies_change_nothing",
    "usual_visit_never_lowers",
    "mean_0_and_sd_1",
    "mean_0_under_chance",
    "longer_lookback_never_lowers",
    "added_visit_never_lowers",
    "a_year_later_it_is_1_more",
]


@dataclass(frozen=True, kw_only=True)
class Sums:
    """How an index of a group divides sums: over the patients who count, `Index.value` above the line, `below` below.

    Parameters
    ----------
    below : polars.Expr
        What is summed below the line, over the sufficient statistics of a patient.
    of : {"patients", "provider_visits", "follow_ups"}
        Whose statistics they are: a patient's in a window; a patient's with one provider, for indices that look from
        the provider; or a patient's visits that another visit preceded.
    min_visits_apply : bool
        Whether patients with fewer visits than the rule `min_visits` are left out.
    empty, without_rows : str
        The reason when nobody counts, and when the group has no visits at all.
    """

    below: pl.Expr
    of: Literal["patients", "provider_visits", "follow_ups"] = "patients"
    min_visits_apply: bool = True
    empty: Reason = "no_eligible_patients"
    without_rows: Reason = "no_eligible_patients"


@dataclass(frozen=True, kw_only=True)
class Index:
    """One continuity index: its formula and everything that is said about it.

    Parameters
    ----------
    key : str
        The public name; also the name of the file that defines the index.
    label : mapping of {"fi", "sv", "en"} to str
    symbol, formula : str
        As the papers write them.
    value : polars.Expr
        The formula over the sufficient statistics of `continuity.metrics.engine.symbols`.
    undefined : tuple of (polars.Expr, str)
        Conditions under which the mathematics gives no value, each with its reason code; the first that holds counts.
    bounded : bool
        Whether the two extremes of concentration bound the index, so that it may be asked for with
        ``unknown_provider="bounds"``.
    family, perspective : str
    range : tuple of str
        Least and greatest value, as formulas.
    higher_is_more : bool
        Whether a higher value means more continuity.
    min_visits : int
        The fewest visits for which the formula says anything.
    source : str
        Citation of the definition.
    status : {"READ", "READ-2", "DERIVED", "OWN"}
        How the definition was checked; ``OWN`` must be shown as "own definition".
    names : tuple of str
        Names of the same formula elsewhere.
    traps : tuple of str
        What misleads users of this index.
    laws : tuple of str
        Laws that the index claims; the tests check each claim.
    examples : mapping of str to Fraction or None
        Worked examples: a sequence of providers such as ``"AAB"``, and the exact value.
    grains : tuple of str
        Of whom the index speaks: ``patient``, or the groups ``list``, ``provider``, ``unit``, ``period``.
    sums : Sums, optional
        For an index of groups: what `value` is divided by. `undefined` then says which patients do not count.
    """

    key: str
    label: Mapping[Language, str]
    symbol: str
    formula: str
    value: pl.Expr
    undefined: tuple[tuple[pl.Expr, Reason], ...] = ()
    bounded: bool = True
    family: Family
    perspective: Perspective = "patient"
    range: tuple[str, str]
    higher_is_more: bool
    min_visits: int
    source: str
    status: Literal["READ", "READ-2", "DERIVED", "OWN"]
    names: tuple[str, ...] = ()
    traps: tuple[str, ...] = ()
    laws: tuple[Law, ...]
    examples: Mapping[str, Fraction | None]
    grains: tuple[Grain, ...] = ("patient",)
    sums: Sums | None = None

    @property
    def needs(self) -> frozenset[str]:
        """The sufficient statistics that the formula uses."""
        conditions = (name for condition, _ in self.undefined for name in condition.meta.root_names())
        below = () if self.sums is None else self.sums.below.meta.root_names()
        return frozenset((*self.value.meta.root_names(), *below, *conditions))

    @property
    def reasons(self) -> tuple[Reason, ...]:
        """Why a row may have no value, besides too few visits: of a group, when none of its patients counts."""
        if self.sums is None:
            return tuple(reason for _, reason in self.undefined)
        return tuple(dict.fromkeys((self.sums.empty, self.sums.without_rows)))

    def _repr_html_(self) -> str:
        """Show what a reader must know before citing a value."""
        facts = [
            ("formula", f"{self.symbol} = {self.formula}"),
            ("range", f"{self.range[0]} to {self.range[1]}"),
            ("higher means", "more continuity" if self.higher_is_more else "less continuity"),
            ("fewest visits", self.min_visits),
            ("source", self.source),
            *(("trap", trap) for trap in self.traps),
        ]
        return display.panel(f"{self.label['en']} ({self.key})", facts)

    @property
    def own_definition(self) -> bool:
        """Whether outputs must say "own definition"."""
        return self.status == "OWN"


_CATALOGUE: Final[dict[str, Index]] = {}


def define(new: Index) -> None:
    """Put an index into the catalogue.

    Raises
    ------
    UsageError
        The key is taken.
    """
    if new.key in _CATALOGUE:
        raise UsageError(f"The index '{new.key}' is defined twice.")
    _CATALOGUE[new.key] = new


@cache
def _load() -> Mapping[str, Index]:
    package = importlib.import_module("continuity.metrics")
    for module in pkgutil.iter_modules(package.__path__):
        if not module.ispkg:
            importlib.import_module(f"continuity.metrics.{module.name}")
    return dict(sorted(_CATALOGUE.items()))


def keys(grain: Grain | None = "patient") -> tuple[str, ...]:
    """Give the keys of the indices of a grain, in alphabetical order.

    Parameters
    ----------
    grain : {"patient", "list", "provider", "unit", "period"} or None
        None gives all; the estimators that `estimators` derives are not among them.

    Examples
    --------
    >>> "coc" in keys(), "slicc" in keys(), "slicc" in keys("list")
    (True, False, True)
    """
    return tuple(key for key, entry in _load().items() if grain is None or grain in entry.grains)


def index(key: str) -> Index:
    """Give the catalogue entry of one index.

    Parameters
    ----------
    key : str
        Such as ``"coc"``; ``"mean_coc"`` and ``"visit_weighted_coc"`` are derived from it.

    Returns
    -------
    Index

    Raises
    ------
    UsageError
        There is no such index.

    Examples
    --------
    >>> index("coc").symbol
    'COC'
    >>> index("mean_coc").grains
    ('list', 'unit', 'period')
    """
    if key in _load():
        return _load()[key]
    for prefix in ESTIMATORS:
        base = _load().get(key.removeprefix(prefix)) if key.startswith(prefix) else None
        if base is not None and "patient" in base.grains:
            return _derived(base, prefix)
    means = tuple(prefix + name for prefix in ESTIMATORS if key.startswith(prefix) for name in keys())
    raise UsageError.unknown_choice("index", key, means or keys(None))


ESTIMATORS: Final[Mapping[str, Mapping[Language, str]]] = {
    "mean_": {"fi": "potilaiden keskiarvo", "sv": "medelvärde av patienter", "en": "mean of patients"},
    "visit_weighted_": {
        "fi": "käynneillä painotettu keskiarvo",
        "sv": "medelvärde viktat med besök",
        "en": "visit-weighted mean of patients",
    },
}
"""The estimates of groups that follow from an index of patients: each patient once, or with the weight N."""

_GROUPS_OF_PATIENTS: Final[tuple[Grain, ...]] = ("list", "unit", "period")


def estimators(grain: Grain) -> tuple[str, ...]:
    """Give the keys of the means that indices of patients have at a grain.

    Examples
    --------
    >>> "visit_weighted_coc" in estimators("unit"), estimators("provider")
    (True, ())
    """
    if grain not in _GROUPS_OF_PATIENTS:
        return ()
    return tuple(prefix + key for prefix in ESTIMATORS for key in keys())


def _derived(base: Index, prefix: str) -> Index:
    """Give the mean of an index over patients: the sum of the values by their number, or of N times both."""
    once = prefix == "mean_"
    return replace(
        base,
        key=prefix + base.key,
        label={language: f"{label}, {ESTIMATORS[prefix][language]}" for language, label in base.label.items()},
        symbol=f"mean {base.symbol}" if once else f"visit-weighted {base.symbol}",
        formula=f"Σ {base.symbol} / n" if once else f"Σ N · {base.symbol} / Σ N",
        value=base.value if once else base.value * symbols.N,
        status=base.status if base.own_definition or once else "DERIVED",
        traps=(*base.traps, "Patients without a value are left out, and counted in n_undefined."),
        laws=(),
        examples={},
        grains=_GROUPS_OF_PATIENTS,
        sums=Sums(below=pl.lit(1, pl.Int64) if once else symbols.N),
    )


def catalogue(language: Language = "en") -> pl.DataFrame:
    """Give the catalogue of indices as a frame.

    Parameters
    ----------
    language : {"fi", "sv", "en"}
        Language of the label.

    Returns
    -------
    polars.DataFrame
        One row per index: key, grains, label, symbol, formula, family, range, higher_is_more,
        min_visits, status, source.

    Examples
    --------
    >>> catalogue().filter(pl.col("key") == "coc")["formula"].item()
    '(Σ nᵢ² − N) / (N (N − 1))'
    """
    return pl.DataFrame(
        [
            {
                "key": entry.key,
                "grains": list(entry.grains),
                "label": entry.label[language],
                "symbol": entry.symbol,
                "formula": entry.formula,
                "family": entry.family,
                "range": f"[{entry.range[0]}, {entry.range[1]}]",
                "higher_is_more": entry.higher_is_more,
                "min_visits": entry.min_visits,
                "status": entry.status,
                "source": entry.source,
            }
            for entry in _load().values()
        ]
    )
