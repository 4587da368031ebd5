"""From patients to groups: estimates with their uncertainty, and the sizes that disclosure control needs."""

from continuity.evaluation.summary import summarise
from continuity.evaluation.variance import coc_variance, multinomial_variance

__all__ = ["coc_variance", "multinomial_variance", "summarise"]
