"""Own-provider share: the share of visits to the provider with whom the patient was listed at the time."""

from continuity.metrics.engine.registry import Index, define
from continuity.metrics.engine.symbols import n_listed, n_while_listed

define(
    Index(
        key="upc_assigned",
        label={
            "fi": "Oman lääkärin tai hoitajan osuus käynneistä",
            "sv": "Andel besök hos den egna yrkespersonen",
            "en": "Share of visits with the listed provider",
        },
        symbol="UPC (assigned)",
        formula="n(listed) / N(while listed)",
        value=n_listed / n_while_listed,
        undefined=((n_while_listed == 0, "no_assigned_provider"),),
        family="density",
        range=("0", "1"),
        higher_is_more=True,
        min_visits=1,
        source="Hetlevik & Gjesdal 2012, doi:10.3109/02813432.2012.735554; Schwarz 2019, BMJ Glob Health 4:e001435, "
        "Table 2",
        status="READ",
        names=("patient-sided continuity", "UPC in Norwegian work"),
        traps=(
            "A list derived from the same visits makes it equal to UPC.",
            "Only visits since the patient was listed count.",
        ),
        laws=("relabelling", "within_range"),
        examples={},
    )
)
