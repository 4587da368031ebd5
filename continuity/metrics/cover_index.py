"""Cover index: the share of time that lies within a given number of days after a visit."""

from continuity.metrics.engine.registry import Index, define
from continuity.metrics.engine.symbols import covered_time, observed_time

define(
    Index(
        key="cover_index",
        label={
            "fi": "Lääkäripeiton osuus ajasta",
            "sv": "Andel tid under läkartäckning",
            "en": "Time under cover",
        },
        symbol="cover",
        formula="length of the union of [dⱼ, dⱼ + t) in the window / observed time; t = cover_days",
        value=covered_time / observed_time,
        undefined=((observed_time == 0, "no_person_time"), (covered_time.is_null(), "no_lookback")),
        bounded=False,
        family="duration",
        range=("0", "1"),
        higher_is_more=True,
        min_visits=1,
        source="Ha 2019, doi:10.1186/s12913-019-4099-9; Ha 2020, doi:10.1136/bmjopen-2019-032790 (abstracts read); how "
        "the edges count is our own choice (own definition)",
        status="READ",
        traps=(
            "t has no default: for diabetes 9-13, 5-11 and 4-9 months were published, by the number of complications.",
            "A day with a visit is covered from its midnight; visits up to t days before the window cover its start.",
            "Time ends with enrolled_to, where the patients have it; who was enrolled too late has no value.",
            "Any provider counts unless the rule role says otherwise.",
            "Patients without any visit in the window have no row, though their value would be near 0.",
        ),
        laws=("relabelling", "within_range", "visit_order_is_free", "added_visit_never_lowers"),
        examples={},
    )
)
