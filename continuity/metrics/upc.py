"""Usual Provider of Care: the share of visits to the provider seen most."""

from fractions import Fraction

from continuity.metrics.engine.registry import Index, define
from continuity.metrics.engine.symbols import N, m

define(
    Index(
        key="upc",
        label={
            "fi": "Tavallisimman ammattilaisen osuus käynneistä (UPC)",
            "sv": "Andel besök hos den vanligaste yrkespersonen (UPC)",
            "en": "Usual Provider of Care (UPC)",
        },
        symbol="UPC",
        formula="m / N",
        value=m / N,
        family="density",
        range=("1/k", "1"),
        higher_is_more=True,
        min_visits=1,
        source="Breslau & Reeb 1975; formula read in Nicolet 2022, doi:10.1186/s12913-022-07953-z, Table 2, and "
        "BJGP 2023, doi:10.3399/bjgp23X733161, Table 1",
        status="READ-2",
        names=("usual provider continuity", "MFPC (most frequent provider continuity)"),
        traps=(
            "Falls with the number of visits although behaviour is constant.",
            "One visit gives a trivial 1.",
            "A tie changes who is usual, not the value.",
            "With an assigned provider it is another index, though also called UPC.",
        ),
        laws=(
            "relabelling",
            "within_range",
            "one_provider_gives_1",
            "visit_order_is_free",
            "merging_providers_never_lowers",
            "copies_change_nothing",
            "usual_visit_never_lowers",
        ),
        examples={"A": Fraction(1), "AB": Fraction(1, 2), "AAB": Fraction(2, 3), "AABCAABA": Fraction(5, 8)},
    )
)
