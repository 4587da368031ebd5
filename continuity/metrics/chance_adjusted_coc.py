"""Chance-adjusted COC: how far COC lies above what visits to providers picked at random would give."""

from fractions import Fraction

from continuity.metrics.engine.registry import Index, define
from continuity.metrics.engine.symbols import N, sum_n2, supply_n2, supply_visits

# 1 − COC and 1 − E, each from whole numbers and one division: nothing is lost where E is near 1.
_other_pairs = (N * N - sum_n2) / (N * (N - 1))
_other_supply = (supply_visits * supply_visits - supply_n2) / (supply_visits * supply_visits)

define(
    Index(
        key="chance_adjusted_coc",
        label={"fi": "Sattumakorjattu COCI", "sv": "Slumpkorrigerad COCI", "en": "Chance-adjusted COC"},
        symbol="COC (chance-adjusted)",
        formula="(COC − E) / (1 − E); E = Σ qⱼ², q = shares of the visits of the patients of the unit in the window",
        value=1 - _other_pairs / _other_supply,
        undefined=((N < 2, "too_few_visits"), (supply_visits * supply_visits == supply_n2, "single_provider")),
        bounded=False,
        family="concentration",
        range=("−E / (1 − E)", "1"),
        higher_is_more=True,
        min_visits=2,
        source="Own definition, in the form of kappa; comparison with random assignment: Ejlertsson & Berg 1984, "
        "Med Care 22:231-239 (abstract read)",
        status="OWN",
        traps=(
            "Supply is read off the visits of all patients of the same unit and window, the patient included; the unit "
            "is that of the register, else of most visits, and without units all patients are of one.",
            "Only visits to known providers make up the supply, whatever the rule for unknown ones says.",
            "0 is chance, not the least value; a unit with one provider has none.",
        ),
        laws=("relabelling", "visit_order_is_free", "mean_0_under_chance"),
        examples={"A": None, "AA": None, "AAB": Fraction(-1, 2), "AB": Fraction(-1), "AABB": Fraction(-1, 3)},
    )
)
