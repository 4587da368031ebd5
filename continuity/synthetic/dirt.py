"""Faults of real data, planted on request: one function a kind, whose first sentence is its effect.

Here are the faults of visits that came first; `dirt_records` and `dirt_lists` have those of records and of lists.

Each is planted block by block (50,000 patients) and leaves everything else as it was. A fault of one row or person is
planted in the first block only.
"""

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime, time, timedelta
from typing import Final

import numpy as np
import polars as pl

from continuity.synthetic.arrays import number_ids, take
from continuity.synthetic.calendar import add_years
from continuity.synthetic.dirt_lists import LIST_KINDS
from continuity.synthetic.dirt_records import RECORD_KINDS
from continuity.synthetic.setting import Dirt, Setting
from continuity.synthetic.spots import Planting, Spot, append, change, shift
from continuity.synthetic.tables import Synthetic
from continuity.vocabulary import words

BUSY_VISITS: Final = 5_000
POOLED_VISITS: Final = 250  # more than 200 a day: nobody does that alone
HOSTILE: Final = (
    "<script>alert(1)</script>",
    '=HYPERLINK("http://example.invalid")',
    '"quoted", and; split',
    "O'Brien\\",
    "😀🩺",
    "-- ; DROP TABLE visits",
)


def soil(clean: Synthetic, setting: Setting, block: int, seeds: np.random.SeedSequence) -> Synthetic:
    """Plant the kinds of dirt that the setting asks for, in the order of `Dirt`.

    Parameters
    ----------
    clean : Synthetic
        One block.
    setting : Setting
    block : int
        Its number.
    seeds : numpy.random.SeedSequence
        Every kind takes its own child.

    Returns
    -------
    Synthetic
    """
    tables = clean
    for kind, child in zip(words(Dirt), seeds.spawn(len(words(Dirt))), strict=True):
        if kind in setting.dirt:
            tables = KINDS[kind](tables, Spot(setting, block, np.random.default_rng(child)))
    return tables


def blank_provider(tables: Synthetic, spot: Spot) -> Synthetic:
    """Leave a third of the visits without a provider: null, empty, or spaces."""
    n = tables.visits.height
    blank = take(pl.Series([None, "", "  "], dtype=pl.String), spot.rng.integers(0, 3, n))
    return change(tables, spot.some(n, 1 / 3), provider_id=blank)


def unknown_patient(tables: Synthetic, spot: Spot) -> Synthetic:
    """Give one visit in a hundred to a patient who is not in the table of patients."""
    stranger = pl.lit("X") + pl.col("patient_id").str.slice(1)
    return change(tables, spot.some(tables.visits.height, 0.01), patient_id=stranger)


def unknown_provider_id(tables: Synthetic, spot: Spot) -> Synthetic:
    """Give one visit in a hundred to a provider who is not in the table of providers."""
    return change(tables, spot.some(tables.visits.height, 0.01), provider_id=pl.lit("X999"))


def bad_code(tables: Synthetic, spot: Spot) -> Synthetic:
    """Write a role outside the list into one visit in a hundred, and likewise a contact mode."""
    n = tables.visits.height
    tables = change(tables, spot.some(n, 0.01), provider_role=pl.lit("lääkäri"))
    return change(tables, spot.some(n, 0.01), contact_mode=pl.lit("fax"))


def visit_before_birth(tables: Synthetic, spot: Spot) -> Synthetic:
    """Move one visit in two hundred, with its contact and assessment, to the second year before the birth year."""
    births = tables.visits.select("patient_id").join(
        tables.patients.select("patient_id", "birth_year"), on="patient_id", how="left", maintain_order="left"
    )["birth_year"]
    target = pl.datetime(births - 2, pl.col("visit_at").dt.month(), 1)
    marked = spot.some(tables.visits.height, 0.005) & births.is_not_null()
    return change(tables, marked, **shift(target - pl.col("visit_at")))


def future_visit(tables: Synthetic, spot: Spot) -> Synthetic:
    """Move one visit in two hundred, with its contact and assessment, a hundred years ahead."""
    century = pl.col("visit_at").dt.offset_by("100y") - pl.col("visit_at")
    return change(tables, spot.some(tables.visits.height, 0.005), **shift(century))


def visit_after_enrolment(tables: Synthetic, spot: Spot) -> Synthetic:
    """Record one visited patient in a hundred as having left the day before the last visit."""
    last = tables.visits.group_by("patient_id").agg(last=pl.col("visit_at").max().dt.date())
    joined = tables.patients.join(last, on="patient_id", how="left", maintain_order="left")
    before = pl.col("last") - pl.duration(days=1)
    can = joined.select((before > pl.col("enrolled_from")).fill_null(value=False)).to_series()
    rows = np.flatnonzero(can.to_numpy())
    marked = np.zeros(can.len(), dtype=np.bool_)
    marked[rows[spot.some(rows.size, 0.01).to_numpy()]] = True
    left = pl.when(pl.Series("marked", marked)).then(before).otherwise("enrolled_to").alias("enrolled_to")
    return replace(tables, patients=joined.with_columns(left).drop("last"))


def assessed_after_visit(tables: Synthetic, spot: Spot) -> Synthetic:
    """Assess one visit in fifty three days after it took place."""
    late = pl.col("visit_at") + pl.duration(days=3)
    return change(tables, spot.some(tables.visits.height, 0.02), assessed_at=late)


def missing_month(tables: Synthetic, spot: Spot) -> Synthetic:
    """Lose the visits of the first unit in the third month of the period."""
    first = pl.lit(spot.setting.start)
    in_month = pl.col("visit_at").is_between(first.dt.offset_by("2mo"), first.dt.offset_by("3mo"), closed="left")
    lost = in_month & (pl.col("unit_id") == tables.providers["unit_id"][0])
    return replace(tables, visits=tables.visits.filter(~lost))


def busy_patient(tables: Synthetic, spot: Spot) -> Synthetic:
    """Give one patient 5,000 visits more in the first year, with the unit's providers."""
    start = spot.setting.start
    if spot.block > 0 or tables.visits.is_empty():
        return tables
    stays = (pl.col("enrolled_from") <= start) & pl.col("enrolled_to").is_null()
    first_year = tables.visits.filter(pl.col("visit_at") < add_years(start, 1))
    known = first_year.join(tables.patients.filter(stays), on="patient_id", how="semi", maintain_order="left")
    if known.is_empty():
        return tables
    model = known.row(0, named=True)
    source = first_year.filter(pl.col("unit_id") == model["unit_id"])
    # Copies of other people's visits keep the provider active; the milliseconds keep every moment different.
    apart = pl.duration(milliseconds=pl.int_range(1, BUSY_VISITS + 1))
    copies = source[spot.rng.integers(0, source.height, BUSY_VISITS)].with_columns(
        pl.col("visit_at") + apart, patient_id=pl.lit(model["patient_id"]), visit_id=number_ids("V-BUSY-", BUSY_VISITS)
    )
    return append(tables, copies)


def pooled_login(tables: Synthetic, spot: Spot) -> Synthetic:
    """Give one provider 250 visits more on one day, as when a team shares a login."""
    known = tables.visits.filter(pl.col("provider_id").is_not_null())
    if spot.block > 0 or known.is_empty():
        return tables
    model = known[0]
    day = model["visit_at"][0].date()
    enrolled = (pl.col("enrolled_from") <= day) & (pl.col("enrolled_to").is_null() | (pl.col("enrolled_to") > day))
    there = tables.patients.filter(enrolled & (pl.col("unit_id") == model["unit_id"][0]))["patient_id"]
    opening = datetime.combine(day, time(8))
    moments = pl.Series([opening + timedelta(minutes=2 * number) for number in range(POOLED_VISITS)])
    extra = model[np.zeros(POOLED_VISITS, dtype=np.int64)].with_columns(
        patient_id=take(there, spot.rng.integers(0, there.len(), POOLED_VISITS)),
        visit_at=moments.cast(pl.Datetime("us")),
        visit_id=number_ids("V-POOL-", POOLED_VISITS),
        contacted_at=pl.lit(None, dtype=pl.Datetime("us")),
        assessed_at=pl.lit(None, dtype=pl.Datetime("us")),
    )
    return append(tables, extra)


def duplicated_visit_id(tables: Synthetic, spot: Spot) -> Synthetic:
    """Give one visit in a hundred the id of the visit before it in the table."""
    previous = pl.col("visit_id").shift(1).fill_null(pl.col("visit_id").last())
    return change(tables, spot.some(tables.visits.height, 0.01), visit_id=previous)


def duplicate_rows(tables: Synthetic, spot: Spot) -> Synthetic:
    """Write one visit in a hundred twice."""
    return append(tables, tables.visits.filter(spot.some(tables.visits.height, 0.01)))


def hostile_ids(tables: Synthetic, _spot: Spot) -> Synthetic:
    """Put quotes, markup, a formula or an emoji into the first ids of patients, providers and units; references fit."""
    n = len(HOSTILE)
    numbered = {
        "patient_id": number_ids("P", n, first=1, width=7),
        "provider_id": tables.providers["provider_id"].head(n),
        "listed_provider_id": tables.providers["provider_id"].head(n),
        "unit_id": tables.providers["unit_id"].unique(maintain_order=True).head(n),
    }

    def rename(frame: pl.DataFrame) -> pl.DataFrame:
        return frame.with_columns(
            pl.col(name).replace(ids, pl.Series(HOSTILE).head(ids.len()))
            for name, ids in numbered.items()
            if name in frame.columns
        )

    return Synthetic(rename(tables.visits), rename(tables.patients), rename(tables.providers))


KINDS: Final[Mapping[Dirt, Planting]] = {
    "blank_provider": blank_provider,
    "unknown_patient": unknown_patient,
    "unknown_provider_id": unknown_provider_id,
    "bad_code": bad_code,
    "visit_before_birth": visit_before_birth,
    "future_visit": future_visit,
    "visit_after_enrolment": visit_after_enrolment,
    "assessed_after_visit": assessed_after_visit,
    "missing_month": missing_month,
    "busy_patient": busy_patient,
    "pooled_login": pooled_login,
    "duplicated_visit_id": duplicated_visit_id,
    "duplicate_rows": duplicate_rows,
    "hostile_ids": hostile_ids,
    **RECORD_KINDS,
    **LIST_KINDS,
}
