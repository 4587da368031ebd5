"""One call, one figure: Altair charts of aggregates, for notebooks and papers.

Every figure is drawn from cells that have passed disclosure control with the usual limits, so the data inside a saved
chart hold no patient and no small cell. Providers have neutral numbers.
"""

from continuity.metrics.network.drawing import draw as network
from continuity.plot.access import access, waiting
from continuity.plot.effects import course, event_study, funnel, groups, unit_effects
from continuity.plot.outcomes import outcome
from continuity.plot.panels import loads
from continuity.plot.patients import by_visits, distribution

__all__ = [
    "access",
    "by_visits",
    "course",
    "distribution",
    "event_study",
    "funnel",
    "groups",
    "loads",
    "network",
    "outcome",
    "unit_effects",
    "waiting",
]
