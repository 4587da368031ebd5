"""Regularity of visits: how equal the intervals between days with a visit are."""

from fractions import Fraction

from continuity.metrics.engine.registry import Index, define
from continuity.metrics.engine.symbols import n_gaps, sum_gap, sum_gap2

_cv = (n_gaps * (n_gaps * sum_gap2 - sum_gap * sum_gap) / (n_gaps - 1)).sqrt() / sum_gap

define(
    Index(
        key="regularity",
        label={"fi": "Käyntien säännöllisyys", "sv": "Besökens regelbundenhet", "en": "Regularity of visits"},
        symbol="R",
        formula="1 / (1 + sd(g) / mean(g)), g = days between successive days with a visit; sd with n − 1",
        value=1 / (1 + _cv),
        undefined=((n_gaps < 2, "too_few_intervals"),),
        bounded=False,
        family="duration",
        range=("0", "1"),
        higher_is_more=True,
        min_visits=3,
        source="Own definition; the concept is in Rose 2018, doi:10.1007/s11606-018-4718-x, and Youens 2019, Fam Pract "
        "36:650 (formulas not read)",
        status="OWN",
        traps=(
            "Says when patients come, not whom they see.",
            "Several visits of a day count as one: with 3 visits on 2 days there is no value.",
            "The form with the variance, 1 / (1 + var(g)), depends on the unit of time and is not given here.",
        ),
        laws=("relabelling", "within_range", "visit_order_is_free"),
        examples={"AB": None, "AAA": Fraction(1), "ABC": Fraction(1), "AA?A??A": Fraction(2, 3)},
    )
)
