"""The canonical tables of Avohilmo, from the rows that are visits and their satellites."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Final

import polars as pl

from continuity.schema import conform
from continuity.sources import avohilmo_codes as codes
from continuity.sources.avohilmo_files import open_satellite
from continuity.sources.avohilmo_filter import Main, filled
from continuity.sources.base import ReadOptions

_ENDS: Final[Mapping[str, Callable[[pl.Expr], pl.Expr]]] = {"low": pl.Expr.min, "high": pl.Expr.max}
_PLACE: Final = ("visit_id", "rank", "order", "code")


def visits(
    kept: pl.LazyFrame, there: frozenset[str], beside: Mapping[str, Sequence[Path]], options: ReadOptions
) -> pl.LazyFrame:
    mapped: dict[str, pl.Expr] = {name: pl.col(name) for name in ("patient_id", "visit_at", "provider_id")}
    mapped |= {name: pl.col(name) for name in ("visit_id", "contacted_at", "assessed_at") if name in there}
    if there & {"occupation", "licence"}:
        mapped["provider_role"] = _role()
    if there & {"unit", "producer"}:
        mapped["unit_id"] = pl.col(_unit(there))
    if "contact" in there:
        mapped["contact_mode"] = pl.col("contact").replace_strict(codes.MODES, default=None, return_dtype=pl.String)
    if "urgency" in there and options.urgencies:
        mapped["urgency"] = pl.col("urgency").replace_strict(options.urgencies, default=None, return_dtype=pl.String)
    if "service" in there:
        mapped["care_type"] = pl.when(pl.col("service") != "").then("service")
    visits = kept.select(**mapped)
    coded = {name: paths for name, paths in beside.items() if name in ("ICPC2", "ICD10")}
    if coded and "visit_id" in there:
        reasons = _reasons(coded, options)
        key = pl.col("visit_id").cast(pl.String)
        visits = visits.join(reasons, left_on=key, right_on="reasoned", how="left", maintain_order="left")
    return conform(visits, "visits")


def _unit(there: frozenset[str]) -> str:
    return "unit" if "unit" in there else "producer"


def _role() -> pl.Expr:
    """Give the profession: either code may tell it, and a doctor's comes first."""
    occupation, licence = pl.col("occupation"), pl.col("licence")
    is_doctor = occupation.is_in(codes.DOCTOR_OCCUPATIONS) | licence.is_in(codes.DOCTOR_LICENCES)
    is_nurse = occupation.is_in(codes.NURSE_OCCUPATIONS) | licence.is_in(codes.NURSE_LICENCES)
    return (
        pl.when(is_doctor)
        .then(pl.lit("doctor"))
        .when(is_nurse)
        .then(pl.lit("nurse"))
        .when((occupation != "") | (licence != ""))
        .then(pl.lit("other"))
    )


def _reasons(coded: Mapping[str, Sequence[Path]], options: ReadOptions) -> pl.LazyFrame:
    """Give one row per visit with its codes: ICPC-2 before ICD-10, each in its order, no row twice."""
    parts = [
        open_satellite(coded[name], name, options).with_columns(rank=pl.lit(rank))
        for rank, name in enumerate(("ICPC2", "ICD10"))
        if name in coded
    ]
    schema: dict[str, pl.DataType] = {"reasoned": pl.String(), "reason_codes": pl.List(pl.String())}
    return pl.concat(parts).drop_nulls("visit_id").map_batches(_placed, schema=schema)


def _placed(rows: pl.DataFrame) -> pl.DataFrame:
    """Put the codes of each visit into a list; rows mostly come in order, which is quicker seen than made."""
    if not rows.select(_is_in_order(*_PLACE)).item():
        rows = rows.sort(_PLACE)
    is_twice = pl.all_horizontal(pl.col(name).eq_missing(pl.col(name).shift()) for name in _PLACE)
    placed = rows.filter(~is_twice).group_by(run=pl.col("visit_id").rle_id(), maintain_order=True)
    return placed.agg(reasoned=pl.col("visit_id").first(), reason_codes="code").drop("run")


def _is_in_order(*names: str) -> pl.Expr:
    """Tell whether no row comes before the one above it, by several columns; null is first, as when sorting."""
    is_behind = pl.lit(value=False)
    for name in reversed(names):
        value, above = pl.col(name), pl.col(name).shift()
        is_less = (value < above).fill_null(value=False) | (value.is_null() & above.is_not_null())
        is_behind = is_less | (value.eq_missing(above) & is_behind)
    return ~is_behind.slice(1).any()


def homes(main: Main) -> pl.LazyFrame:
    """Give one row per patient, municipality, birth and sex as written, from which `patients` makes one per patient."""
    names = ("patient_id", "home", *(name for name in ("born", "sex") if name in main.there))
    rows = main.chosen(visit_at=pl.col("visit_at"), **{name: pl.col(name) for name in names})
    return rows.group_by(names).agg(pl.col("visit_at").max())


def patients(found: pl.DataFrame, there: frozenset[str]) -> tuple[pl.DataFrame | None, int]:
    """Give one row per patient: birth year and sex where all rows agree, the municipality of the latest visit.

    Returns
    -------
    tuple of (polars.DataFrame or None, int)
        The patients, None where no column is about them; and for how many birth year or sex differ.
    """
    if not there & {"born", "sex", "home"}:
        return None, 0
    named = [name for name in ("born", "sex") if name in there]
    ends = [f(pl.col(name)).alias(f"{name}_{end}") for name in named for end, f in _ENDS.items()]
    read = {"born": pl.col("born").str.extract(r"(\d{4})").cast(pl.Int64)} if "born" in named else {}
    if "sex" in named:
        read["sex"] = pl.col("sex").replace_strict(codes.SEXES, default=None, return_dtype=pl.String)
    latest = pl.col("home").sort_by(pl.col("home").is_not_null(), "visit_at", "home").last()
    rows = found.lazy().with_columns(**read).group_by("patient_id").agg(latest, *ends).sort("patient_id")
    people = rows.collect(engine="streaming")
    agree = {name: pl.col(f"{name}_low") == pl.col(f"{name}_high") for name in named}
    given = {name: pl.when(agrees).then(f"{name}_low") for name, agrees in agree.items()}
    differ = pl.any_horizontal([pl.lit(value=False), *((~agrees).fill_null(value=False) for agrees in agree.values())])
    area = {"area_code": pl.col("home")} if "home" in there else {}
    made = people.select("patient_id", **given, **area).rename({"born": "birth_year"}, strict=False)
    return made, int(people.select(differ.sum()).item())


def places(main: Main) -> pl.LazyFrame:
    """Give one row per provider, profession and unit, with its rows: those that are there twice count twice."""
    unit = pl.col(_unit(main.there)) if main.there & {"unit", "producer"} else pl.lit(None, pl.String)
    names = ("provider_id", "occupation", "licence")
    rows = main.chosen(unit_id=unit, **{name: pl.col(name) for name in names})
    return rows.group_by(*names, "unit_id").agg(n=pl.len().cast(pl.Int64))


def providers(found: pl.DataFrame) -> pl.DataFrame:
    """Give one row per provider: the role and the unit of most of its rows; of two as frequent, the first by name."""
    staff = found.filter(filled("provider_id")).with_columns(role=_role())
    return _most(staff, "role").join(_most(staff, "unit_id"), on="provider_id").sort("provider_id")


def _most(found: pl.DataFrame, name: str) -> pl.DataFrame:
    counted = found.group_by("provider_id", name).agg(pl.col("n").sum())
    return counted.group_by("provider_id").agg(pl.col(name).sort_by(pl.col(name).is_null(), -pl.col("n"), name).first())
