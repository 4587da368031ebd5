"""Panels: whose patient everyone is, how much work that is, and what a plan will do."""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from continuity.assignment.attribution import attribute, count_attributed
    from continuity.assignment.explain import frontier, stability
    from continuity.assignment.plan import Plan, assign
    from continuity.assignment.simulation import Simulation, simulate
    from continuity.assignment.simulation_overflow import largest_utilisation, overflow_frequency
    from continuity.assignment.simulation_settings import SimulationSettings
    from continuity.assignment.workload import expected_workload, panel_sizes
    from continuity.assignment.workload_model import WorkloadModel
    from continuity.assignment.workload_validation import WorkloadValidation, validate_workload

_HOME = {
    "Plan": "plan",
    "Simulation": "simulation",
    "SimulationSettings": "simulation_settings",
    "WorkloadModel": "workload_model",
    "WorkloadValidation": "workload_validation",
    "assign": "plan",
    "attribute": "attribution",
    "count_attributed": "attribution",
    "expected_workload": "workload",
    "frontier": "explain",
    "largest_utilisation": "simulation_overflow",
    "overflow_frequency": "simulation_overflow",
    "panel_sizes": "workload",
    "simulate": "simulation",
    "stability": "explain",
    "validate_workload": "workload_validation",
}

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
    if name not in _HOME:
        raise AttributeError(f"module 'continuity.assignment' has no attribute {name!r}")
    value = getattr(import_module(f"continuity.assignment.{_HOME[name]}"), name)
    globals()[name] = value  # so that it is looked for once
    return value
