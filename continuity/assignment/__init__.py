"""Panels: whose patient everyone is, how much work that is, and what a plan will do."""

from continuity.assignment.attribution import attribute, count_attributed

__all__ = ["attribute", "count_attributed"]
