"""Continuity of care in primary care: indices, panels and reports from visit records.

Everything public is here; importing this module costs what importing Polars costs.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"

if TYPE_CHECKING:
    from continuity import plot as plot
    from continuity.assignment import Plan, assign, attribute, simulate
    from continuity.evaluation import (
        Associations,
        Effects,
        beside_national,
        coc_variance,
        compare,
        concurrent_warning,
        coverage,
        event_study,
        interrupted_time_series,
        outcome_study,
        own_third_next,
        read_sotkanet,
        summarise,
        third_next,
        waiting_times,
    )
    from continuity.metrics import Index, Rules, attrition, catalogue, compute, flag_visits, index
    from continuity.privacy import Limits, pseudonymise
    from continuity.privacy.protect import ProtectedTable, protect
    from continuity.sources import read_patients, read_providers, read_visits

_HOME = {
    "Associations": "evaluation",
    "Effects": "evaluation",
    "Index": "metrics",
    "Limits": "privacy",
    "Plan": "assignment",
    "ProtectedTable": "privacy",
    "Rules": "metrics",
    "assign": "assignment",
    "attribute": "assignment",
    "attrition": "metrics",
    "beside_national": "evaluation",
    "catalogue": "metrics",
    "coc_variance": "evaluation",
    "compare": "evaluation",
    "compute": "metrics",
    "concurrent_warning": "evaluation",
    "coverage": "evaluation",
    "event_study": "evaluation",
    "flag_visits": "metrics",
    "index": "metrics",
    "interrupted_time_series": "evaluation",
    "outcome_study": "evaluation",
    "own_third_next": "evaluation",
    "protect": "privacy",
    "pseudonymise": "privacy",
    "read_patients": "sources",
    "read_providers": "sources",
    "read_sotkanet": "evaluation",
    "read_visits": "sources",
    "simulate": "assignment",
    "summarise": "evaluation",
    "third_next": "evaluation",
    "waiting_times": "evaluation",
}

__all__ = [
    "Associations",
    "Effects",
    "Index",
    "Limits",
    "Plan",
    "ProtectedTable",
    "Rules",
    "__version__",
    "assign",
    "attribute",
    "attrition",
    "beside_national",
    "catalogue",
    "coc_variance",
    "compare",
    "compute",
    "concurrent_warning",
    "coverage",
    "event_study",
    "flag_visits",
    "index",
    "interrupted_time_series",
    "outcome_study",
    "own_third_next",
    "protect",
    "pseudonymise",
    "read_patients",
    "read_providers",
    "read_sotkanet",
    "read_visits",
    "simulate",
    "summarise",
    "third_next",
    "waiting_times",
]


def __getattr__(name: str) -> Any:
    if name == "plot":
        return import_module("continuity.plot")
    if name in _HOME:
        return getattr(import_module(f"continuity.{_HOME[name]}"), name)
    raise AttributeError(f"module 'continuity' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted([*__all__, "plot"])
