"""Share of visits with the listed provider: the formula of slicc, for any group of patients."""

from continuity.metrics.engine.registry import Index, Sums, define
from continuity.metrics.engine.symbols import n_listed, n_while_listed

define(
    Index(
        key="own_visit_share",
        label={
            "fi": "Oman ammattilaisen osuus ryhmän käynneistä",
            "sv": "Andel av gruppens besök hos den egna yrkespersonen",
            "en": "Share of a group's visits with the listed provider",
        },
        symbol="own share",
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
        source="Sidaway-Lee, Pereira Gray & Evans 2019, BJGP 69:e356, doi:10.3399/bjgp19X701813; "
        "read as the same sums for any group of visits",
        status="READ",
        names=(),
        traps=("The name for groups other than lists; the number is that of slicc.", "No minimum of visits applies."),
        laws=(),
        examples={},
    )
)
