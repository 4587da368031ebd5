"""Span of the relationship with the usual provider: days from the first to the last visit in the window."""

from fractions import Fraction

from continuity.metrics.engine.registry import Index, define
from continuity.metrics.engine.symbols import usual_span

define(
    Index(
        key="relationship_span",
        label={
            "fi": "Hoitosuhteen ajallinen kesto",
            "sv": "Vårdrelationens längd i dagar",
            "en": "Span with the usual provider",
        },
        symbol="span",
        formula="last − first day of a visit to the usual provider",
        value=usual_span,
        bounded=False,
        family="duration",
        range=("0", "days of the window"),
        higher_is_more=True,
        min_visits=1,
        source="Own definition; the class of durations is that of Jee & Cabana 2006, doi:10.1177/1077558705285294",
        status="OWN",
        traps=(
            "The usual provider has most visits, of several the longest span, then the latest visit.",
            "The spans with the other providers are not given here.",
            "Visits before the window do not count: what began earlier is cut short.",
            "Not the time registered with a provider; one visit gives 0.",
        ),
        laws=("relabelling", "within_range"),
        examples={"A": Fraction(0), "AABA": Fraction(3), "ABBA": Fraction(3)},
    )
)
