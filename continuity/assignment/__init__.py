"""Panels: whose patient everyone is, how much work that is, and what a plan will do."""

from typing import TYPE_CHECKING, Any

from continuity.assignment.attribution import attribute, count_attributed
from continuity.assignment.explain import frontier, stability
from continuity.assignment.plan import Plan, assign
from continuity.assignment.simulation import Simulation, simulate
from continuity.assignment.simulation_overflow import largest_utilisation, overflow_frequency
from continuity.assignment.simulation_settings import SimulationSettings
from continuity.assignment.workload import expected_workload, panel_sizes
from continuity.assignment.workload_validation import WorkloadValidation, validate_workload

if TYPE_CHECKING:
    from continuity.assignment.workload_model import WorkloadModel

__all__ = [
    "Plan",
    "Simulation",
    "SimulationSettings",
    "WorkloadModel",
    "WorkloadValidation",
    "assign",
    "attribute",
    "count_attributed",
    "expected_workload",
    "frontier",
    "largest_utilisation",
    "overflow_frequency",
    "panel_sizes",
    "simulate",
    "stability",
    "validate_workload",
]


def __getattr__(name: str) -> Any:
    if name == "WorkloadModel":  # its base class is scikit-learn's, which loads slowly
        from continuity.assignment.workload_model import WorkloadModel

        return WorkloadModel
    raise AttributeError(f"module 'continuity.assignment' has no attribute {name!r}")
