"""St Leonard's Index of Continuity of Care: of the visits of listed patients, the share to their listed provider."""

from continuity.metrics.engine.registry import Index, Sums, define
from continuity.metrics.engine.symbols import n_listed, n_while_listed

define(
    Index(
        key="slicc",
        label={
            "fi": "Omalääkärilistan jatkuvuus (SLICC)",
            "sv": "Listans kontinuitet (SLICC)",
            "en": "St Leonard's Index of Continuity of Care (SLICC)",
        },
        symbol="SLICC",
        formula="Σ n(listed) / Σ N(while listed)",
        value=n_listed,
        undefined=((n_while_listed == 0, "no_assigned_provider"),),
        sums=Sums(
            below=n_while_listed, min_visits_apply=False, empty="no_panel_visits", without_rows="no_panel_visits"
        ),
        grains=("list", "unit", "period"),
        bounded=True,
        family="density",
        perspective="patient",
        range=("0", "1"),
        higher_is_more=True,
        min_visits=1,
        source="Sidaway-Lee, Pereira Gray & Evans 2019, BJGP 69:e356, doi:10.3399/bjgp19X701813",
        status="READ",
        names=(),
        traps=(
            "Visits to providers without a list stay below the line, unlike in own_patient_ratio.",
            "Part-time work and absences of the listed provider lower it.",
            "Patients without a list stay out; no minimum of visits applies.",
        ),
        laws=(),
        examples={},
    )
)
