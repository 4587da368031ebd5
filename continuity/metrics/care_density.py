"""Care density: how many patients the patient's providers share, on average over their pairs."""

from fractions import Fraction

from continuity.metrics.engine.registry import Index, define
from continuity.metrics.engine.symbols import n_provider_pairs, shared_pairs

define(
    Index(
        key="care_density",
        label={
            "fi": "Hoidon verkostotiheys",
            "sv": "Vårdens nätverkstäthet",
            "en": "Care density",
        },
        symbol="CD",
        formula="Σ w(j, l) / (k (k − 1) / 2)",
        value=shared_pairs / n_provider_pairs,
        undefined=((n_provider_pairs == 0, "single_provider"),),
        family="network",
        range=("1", "number of patients"),
        higher_is_more=True,
        min_visits=2,
        source="Pollack 2013, J Gen Intern Med 28:459, doi:10.1007/s11606-012-2104-7",
        status="READ",
        names=("patient-sharing density",),
        traps=(
            "Depends on who is in the data: the network is that of the visits given, in the same window and under the "
            "same rules, patients below the minimum of visits included.",
            "Visits to unknown providers form no pair, whatever the rule for them says.",
            "Busy providers dominate, and pairs grow with the square of the providers seen.",
            "A higher value says that the providers share patients, not that the patient sees one of them more often.",
        ),
        laws=("relabelling", "within_range", "visit_order_is_free", "copies_change_nothing"),
        examples={"AB": Fraction(1), "AABC": Fraction(1)},
    )
)
