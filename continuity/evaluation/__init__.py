"""From patients to groups: estimates with their uncertainty, effects of a roll-out, access, and the sizes of cells."""

from continuity.evaluation.access.coverage import coverage
from continuity.evaluation.access.t3 import own_third_next, third_next
from continuity.evaluation.access.waiting import waiting_times
from continuity.evaluation.comparison.groups import compare
from continuity.evaluation.national import beside_national, read_sotkanet
from continuity.evaluation.outcomes.concurrent import concurrent_warning
from continuity.evaluation.outcomes.result import Associations
from continuity.evaluation.outcomes.study import outcome_study
from continuity.evaluation.rollout.effects import Effects
from continuity.evaluation.rollout.event_study import event_study
from continuity.evaluation.rollout.its import interrupted_time_series
from continuity.evaluation.summary import summarise
from continuity.evaluation.variance import coc_variance, multinomial_variance

__all__ = [
    "Associations",
    "Effects",
    "beside_national",
    "coc_variance",
    "compare",
    "concurrent_warning",
    "coverage",
    "event_study",
    "interrupted_time_series",
    "multinomial_variance",
    "outcome_study",
    "own_third_next",
    "read_sotkanet",
    "summarise",
    "third_next",
    "waiting_times",
]
