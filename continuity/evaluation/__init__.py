"""From patients to groups: estimates with their uncertainty, and the sizes that disclosure control needs."""

from continuity.evaluation.summary import summarise

__all__ = ["summarise"]
