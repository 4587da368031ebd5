"""Continuity indices: every module of this folder is one index, named by its key; `engine` computes them."""

from continuity.metrics.engine.attrition import attrition
from continuity.metrics.engine.compute import compute
from continuity.metrics.engine.flags import flag_visits
from continuity.metrics.engine.registry import Index, catalogue, index, keys
from continuity.metrics.engine.rules import Rules

__all__ = ["Index", "Rules", "attrition", "catalogue", "compute", "flag_visits", "index", "keys"]
