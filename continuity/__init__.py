"""Continuity of care in primary care: indices, panels and reports from visit records.

Everything public is here; importing this module costs what importing Polars costs.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"

if TYPE_CHECKING:
    from continuity.metrics import Index, Rules, attrition, catalogue, compute, index

_HOME = {
    "Index": "metrics",
    "Rules": "metrics",
    "attrition": "metrics",
    "catalogue": "metrics",
    "compute": "metrics",
    "index": "metrics",
}

__all__ = [
    "Index",
    "Rules",
    "__version__",
    "attrition",
    "catalogue",
    "compute",
    "index",
]


def __getattr__(name: str) -> Any:
    if name in _HOME:
        return getattr(import_module(f"continuity.{_HOME[name]}"), name)
    raise AttributeError(f"module 'continuity' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted(__all__)
