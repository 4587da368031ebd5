"""The catalogue: what an index is, how one is defined, and where all of them are found."""

import importlib
import pkgutil
from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction
from functools import cache
from typing import Final, Literal

import polars as pl

from continuity.errors import UsageError
from continuity.vocabulary import Language, Reason

Family = Literal["density", "concentration", "sequence", "network"]
Perspective = Literal["patient"]
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
]


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

    @property
    def needs(self) -> frozenset[str]:
        """The sufficient statistics that the formula uses."""
        conditions = (name for condition, _ in self.undefined for name in condition.meta.root_names())
        return frozenset((*self.value.meta.root_names(), *conditions))

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


def keys() -> tuple[str, ...]:
    """Give the keys of all indices, in alphabetical order.

    Examples
    --------
    >>> "coc" in keys()
    True
    """
    return tuple(_load())


def index(key: str) -> Index:
    """Give the catalogue entry of one index.

    Parameters
    ----------
    key : str
        Such as ``"coc"``.

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
    """
    if key not in _load():
        raise UsageError.unknown_choice("index", key, keys())
    return _load()[key]


def catalogue(language: Language = "en") -> pl.DataFrame:
    """Give the catalogue of indices as a frame.

    Parameters
    ----------
    language : {"fi", "sv", "en"}
        Language of the label.

    Returns
    -------
    polars.DataFrame
        One row per index: key, label, symbol, formula, family, range, higher_is_more, min_visits, status, source.

    Examples
    --------
    >>> catalogue().filter(pl.col("key") == "coc")["formula"].item()
    '(Σ nᵢ² − N) / (N (N − 1))'
    """
    return pl.DataFrame(
        [
            {
                "key": entry.key,
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
