"""The network of providers who share patients: who works with whom in fact, beside the teams on paper."""

from continuity.metrics.network.communities import Agreement, communities, compare_teams
from continuity.metrics.network.density import care_density_by_connection, fragmented_care_density
from continuity.metrics.network.drawing import draw
from continuity.metrics.network.sharing import Sharing, partners, sharing

__all__ = [
    "Agreement",
    "Sharing",
    "care_density_by_connection",
    "communities",
    "compare_teams",
    "draw",
    "fragmented_care_density",
    "partners",
    "sharing",
]
