"""Majority of care: whether one provider saw more than half of the visits."""

from fractions import Fraction

import polars as pl

from continuity.metrics.engine.registry import Index, define
from continuity.metrics.engine.symbols import N, m

define(
    Index(
        key="majority_of_care",
        label={
            "fi": "Yli puolet käynneistä samalla ammattilaisella",
            "sv": "Mer än hälften av besöken hos samma yrkesperson",
            "en": "Majority of care with one provider",
        },
        symbol="MOC",
        formula="1 if m / N > 1/2, else 0",
        value=(2 * m > N).cast(pl.Int64),
        family="density",
        range=("0", "1"),
        higher_is_more=True,
        min_visits=1,
        source="Manitoba Centre for Health Policy, concept 1108 and glossary term 104575 (usually more than 50 %)",
        status="READ",
        names=("regular provider", "majority of care"),
        traps=(
            "The inequality is strict: 2 visits of 4 give 0.",
            "One visit gives a trivial 1, and odd and even numbers of visits behave differently.",
            "A cut-point hides how the value depends on the number of visits.",
            "Other studies cut at 75 % or compare cut-points from 50 to 80 %.",
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
        examples={"A": Fraction(1), "AB": Fraction(0), "AAB": Fraction(1), "AABB": Fraction(0)},
    )
)
