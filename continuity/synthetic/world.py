"""What all blocks of patients share."""

from dataclasses import dataclass
from typing import Final, Self

import numpy as np

from continuity.synthetic.calendar import Calendar
from continuity.synthetic.setting import Setting
from continuity.synthetic.staff import Staff, build_staff

_STREAM: Final = 0  # of the seed; blocks of patients draw from the streams (1, block)


@dataclass(frozen=True)
class World:
    """The setting with its staff and its calendar.

    Parameters
    ----------
    setting : Setting
    staff : Staff
    calendar : Calendar
    """

    setting: Setting
    staff: Staff
    calendar: Calendar

    @classmethod
    def of(cls, setting: Setting) -> Self:
        """Draw the staff from its own stream of random numbers."""
        seeds = np.random.SeedSequence(setting.seed, spawn_key=(_STREAM,))
        return cls(setting, build_staff(setting, seeds), Calendar.of(setting.start, setting.end, setting.years))
