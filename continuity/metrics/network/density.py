"""Care density by the types of the providers, and weighted by them."""

import math
from collections.abc import Mapping
from typing import Any, Final, Unpack

import numpy as np
import polars as pl

from continuity.errors import InputError, UsageError, listing
from continuity.metrics.engine import windows as w
from continuity.metrics.engine.incidence import Incidence, incidences, met, pairs_of_patients
from continuity.metrics.engine.prepare import KEYS
from continuity.metrics.engine.rules import RuleOptions
from continuity.metrics.network.inputs import Given

_TYPES: Final = ("type_one", "type_other")
_BOUNDS: Final = ("window_start", "window_end")


def care_density_by_connection(
    visits: Any,
    *,
    types: Mapping[Any, str] | None = None,
    window: w.WindowLike | list[w.WindowLike] | None = None,
    providers: Any = None,
    preset: str | None = None,
    **rules: Unpack[RuleOptions],
) -> Any:
    """Divide care density by the types of the two providers of a pair.

    Parameters
    ----------
    visits, window, providers, preset, **rules
        As in `continuity.metrics.network.sharing`; several windows are allowed.
    types : mapping of provider id to str, optional
        The type of each provider; without it, the role. A provider without one is of the type ``unknown``.

    Returns
    -------
    frame of the kind of `visits`
        One row per patient, window and unordered pair of types, sorted: patient_id, window_start, window_end,
        type_one <= type_other, n_pairs, n_shared (Int64), care_density (Float64: n_shared over all the patient's pairs;
        never null). Over the types of a patient it adds up to care density. Patients of one provider have no row.

    References
    ----------
    Engels 2024, BMC Med Res Methodol, doi:10.1186/s12874-023-02106-0.

    Examples
    --------
    >>> visits = pl.DataFrame({"patient_id": [1, 1, 2, 2], "provider_id": ["A", "B", "A", "B"]})
    >>> found = care_density_by_connection(visits.with_columns(visit_at=pl.date(2025, 1, 1)),
    ...                                    types={"A": "doctor", "B": "nurse"})
    >>> found.select("patient_id", "type_one", "type_other", "care_density").rows()
    [(1, 'doctor', 'nurse', 2.0), (2, 'doctor', 'nurse', 2.0)]
    """
    given = Given.of(visits, window, providers, preset, rules)
    _, connections = _connections(given, types)
    all_pairs = pl.col("n_pairs").sum().over(KEYS)
    table = connections.with_columns(care_density=pl.col("n_shared") / all_pairs)
    named = w.with_windows(table.lazy(), given.visits(), given.spans).sort("patient_id", *_BOUNDS, *_TYPES)
    return given.restore(named.select("patient_id", *_BOUNDS, *_TYPES, "n_pairs", "n_shared", "care_density"))


def fragmented_care_density(
    visits: Any,
    weights: Mapping[tuple[str, str], float],
    *,
    types: Mapping[Any, str] | None = None,
    window: w.WindowLike | list[w.WindowLike] | None = None,
    providers: Any = None,
    preset: str | None = None,
    **rules: Unpack[RuleOptions],
) -> Any:
    """Give the type-weighted care density of each patient.

    Parameters
    ----------
    visits, types, window, providers, preset, **rules
        As in `care_density_by_connection`.
    weights : mapping of (str, str) to float
        The weight of each unordered pair of types, such as ``{("doctor", "nurse"): 2.0}``. In the source they come
        from a regression on an outcome; fitted on the outcome that is then tested, they must be cross-fitted.

    Returns
    -------
    frame of the kind of `visits`
        One row per patient and window with a known provider, sorted: patient_id, window_start, window_end,
        n_providers (Int64), fragmented_care_density (Float64, null with one provider), undefined_reason
        (``single_provider``). With all weights 1 it is care density.

    Raises
    ------
    UsageError
        A pair of types in the data without a weight, a pair with two weights, or a weight that is no number.

    Notes
    -----
    Σ vₜ sₜ / (k (k − 1) / 2), where sₜ is the sum over the patient's pairs of type t of the patients they share and
    vₜ the weight.

    References
    ----------
    Engels 2024, BMC Med Res Methodol, doi:10.1186/s12874-023-02106-0.

    Examples
    --------
    >>> visits = pl.DataFrame({"patient_id": [1, 1, 2], "provider_id": ["A", "B", "A"]})
    >>> found = fragmented_care_density(visits.with_columns(visit_at=pl.date(2025, 1, 1)), {("doctor", "nurse"): 3},
    ...                                 types={"A": "nurse", "B": "doctor"})
    >>> found.select("patient_id", "fragmented_care_density", "undefined_reason").rows()
    [(1, 3.0, None), (2, None, 'single_provider')]
    """
    of_pair = _weights(weights)
    given = Given.of(visits, window, providers, preset, rules)
    patients, connections = _connections(given, types)
    weighed = connections.join(of_pair, on=_TYPES, how="left")
    missing = weighed.filter(pl.col("weight").is_null()).select(_TYPES).unique().sort(_TYPES)
    if missing.height:
        pairs = listing([f"{one} - {other}" for one, other in missing.iter_rows()])
        raise UsageError(
            f"No weight was given for: {pairs}.", next_step="Give each pair of types in the data a weight."
        )
    # Sorted, because the last digit of a sum of fractions depends on its order.
    by_patient = weighed.sort(*KEYS, *_TYPES).group_by(KEYS, maintain_order=True)
    sums = by_patient.agg(total=(pl.col("n_shared") * pl.col("weight")).sum(), n_pairs=pl.col("n_pairs").sum())
    table = patients.join(sums, on=KEYS, how="left").with_columns(
        fragmented_care_density=pl.col("total") / pl.col("n_pairs"),
        undefined_reason=pl.when(pl.col("n_providers") == 1).then(pl.lit("single_provider")),
    )
    named = w.with_windows(table.lazy(), given.visits(), given.spans).sort("patient_id", *_BOUNDS)
    return given.restore(
        named.select("patient_id", *_BOUNDS, "n_providers", "fragmented_care_density", "undefined_reason")
    )


def _weights(weights: Mapping[tuple[str, str], float]) -> pl.DataFrame:
    found: dict[tuple[str, str], float] = {}
    for pair, weight in weights.items():
        if not (isinstance(pair, tuple) and len(pair) == 2):
            raise UsageError("A key of weights is no pair of types.", allowed="Allowed: such as ('doctor', 'nurse').")
        one, other = sorted(map(str, pair))
        if isinstance(weight, bool) or not isinstance(weight, int | float) or not math.isfinite(weight):
            raise UsageError(f"The weight of {one} - {other} is no finite number.")
        if found.setdefault((one, other), float(weight)) != float(weight):
            raise UsageError(f"{one} - {other} has two weights.", allowed="A pair of types has no order.")
    rows = [(*pair, weight) for pair, weight in found.items()]
    return pl.DataFrame(rows, schema={**dict.fromkeys(_TYPES, pl.String), "weight": pl.Float64}, orient="row")


def _connections(given: Given, types: Mapping[Any, str] | None) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Give n_providers by patient and window; and n_pairs and n_shared by patient, window and types of the pair."""
    pairs = met(given.visits()).collect()
    patients = pairs.group_by(KEYS).agg(n_providers=pl.len().cast(pl.Int64))
    empty = {**dict.fromkeys(_TYPES, pl.String), "n_pairs": pl.Int64, "n_shared": pl.Int64}
    parts = [pairs.clear().select(KEYS).with_columns(pl.lit(None, dtype).alias(name) for name, dtype in empty.items())]
    of_provider = _types_of(given, types, pairs["actor"].unique().sort())
    parts += [_of_window(incidence, of_provider) for incidence in incidences(pairs)]
    return patients, pl.concat(parts)


def _types_of(given: Given, types: Mapping[Any, str] | None, providers: pl.Series) -> pl.Series:
    if types is not None:
        said = [types.get(provider) for provider in providers]
        return pl.Series([None if name is None else str(name) for name in said], dtype=pl.String).fill_null("unknown")
    staff = given.staff()
    if given.rules.level != "provider" or "role" not in staff.collect_schema():
        raise InputError(
            "Nothing says the types of the providers.",
            allowed="Needed: providers with the column role, or visits with provider_role.",
            next_step="Give providers=frame, or types={provider: type}.",
        )
    roles = staff.select("provider_id", pl.col("role").cast(pl.String)).collect()
    frame = pl.DataFrame({"provider_id": providers}).join(roles, on="provider_id", how="left", maintain_order="left")
    return frame["role"].fill_null("unknown")


def _of_window(incidence: Incidence, of_provider: pl.Series) -> pl.DataFrame:
    names = of_provider.unique().sort()
    numbers = of_provider.rank("dense").to_numpy().astype(np.int64) - 1
    parts = []
    for found in pairs_of_patients(incidence):
        one, other = numbers[found.one], numbers[found.other]
        columns = {"patient": found.patient, "one": np.minimum(one, other), "other": np.maximum(one, other)}
        frame = pl.DataFrame({**columns, "n_shared": found.n_shared})
        sums = frame.group_by("patient", "one", "other").agg(
            pl.len().cast(pl.Int64).alias("n_pairs"), pl.sum("n_shared")
        )
        parts.append(sums)
    schema = {"patient": pl.Int64, "one": pl.Int64, "other": pl.Int64, "n_pairs": pl.Int64, "n_shared": pl.Int64}
    added = pl.concat([pl.DataFrame(schema=schema), *parts]).group_by("patient", "one", "other").sum()
    who = [pl.lit(incidence.patients[key]).gather(pl.col("patient")).alias(key) for key in KEYS]
    what = [pl.lit(names).gather(pl.col(side)).alias(f"type_{side}") for side in ("one", "other")]
    return added.select(*who, *what, "n_pairs", "n_shared")
