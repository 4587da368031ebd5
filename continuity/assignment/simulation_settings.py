"""Every knob of the simulation, what it means, and where its value comes from."""

from dataclasses import dataclass
from math import inf
from typing import Final, Literal

from continuity.errors import UsageError
from continuity.vocabulary import words

FirstChoice = Literal["own", "team", "unit"]

# The shape of a Finnish year by month, our own choice: winter is busy, July is quiet. Only the shape counts.
SEASON: Final = (1.12, 1.10, 1.10, 1.03, 1.00, 0.88, 0.62, 0.95, 1.05, 1.07, 1.10, 0.98)

_RANGES: Final = {
    "weeks": (1, 520),
    "utilisation": (0.05, 1.5),
    "share_acute": (0, 1),
    "steering": (0, 1),
    "willingness": (0, 1),
    "most_weeks": (0, 52),
    "no_show": (0, 0.9),
    "no_show_a_week": (0, 0.5),
    "leave_weeks": (0, 40),
    "summer_weeks": (0, 10),
    "sick_share": (0, 0.9),
    "epidemic": (0, 10),
    "epidemic_weeks": (0.5, 20),
    "min_visits": (2, 100),
}


@dataclass(frozen=True)
class SimulationSettings:
    """How a unit works and how its patients behave.

    Parameters
    ----------
    first_choice : {"own", "team", "unit"}
        Who is asked first: the own doctor, then the team, then anyone; the team, then anyone; or anyone at once.
    weeks : int
        Length of the simulation.
    utilisation : float
        Expected requests over slots, a year; sets the slots of a full-time week when `slots` does not. 0.80 to 0.90
        is the range that planning uses (own reading of the literature in the docs).
    slots : float, optional
        Slots of a full-time doctor in a week of presence.
    dispersion : float, optional
        k of the Gamma that spreads the rates of people around their workload: the visits of a year are negative
        binomial. None takes k by age (0.53 to 1.35, from Norway's consultations of 2023), 0.84 where the age is not
        known. ``math.inf`` gives everyone the workload as the rate.
    share_acute : float
        Share of requests that must be met in their week; own choice.
    steering : float
        Share of requests that are booked with the own doctor at all when ``first_choice`` is "own"; the others ask the
        team first. Own choice: with the other defaults 0.9 leads to about 86 % of visits with the own doctor, inside
        the 81.9 to 88.2 % of English practices that keep personal lists (BJGP 74(738)).
    willingness : float
        Chance, each week, that someone who could wait does wait for the own doctor instead of seeing another;
        own choice.
    most_weeks : int
        After so many weeks nobody waits for the own doctor any longer; own choice.
    no_show, no_show_a_week : float
        Chance that a booked visit does not happen, and what each week of waiting adds. 5 % is the default of the
        literature's wide range (US 3-80 %, Norwegian hospitals 2-4.9 %); the growth is our own choice. A visit that
        does not happen uses its slot.
    leave_weeks, summer_weeks : int
        Weeks of leave a year, and how many of them lie in one stretch between June and August; own choice from
        Finnish leaves.
    sick_share : float
        Share of the other weeks in which a doctor is away unplanned; own choice.
    season : tuple of 12 floats
        Shape of demand by month.
    epidemic : float
        Mean height of a winter wave of acute requests, as a share of the usual acute requests in its peak week. It
        strikes all units alike, its week and height are drawn, and its part in the results is told apart.
    epidemic_weeks : float
        Standard deviation of the wave, in weeks.
    min_visits : int
        Patients with fewer visits have no coc and upc.

    Raises
    ------
    UsageError
        A value outside its range.

    Examples
    --------
    >>> SimulationSettings(first_choice="team", utilisation=0.9).most_weeks
    4
    """

    first_choice: FirstChoice = "own"
    weeks: int = 52
    utilisation: float = 0.85
    slots: float | None = None
    dispersion: float | None = None
    share_acute: float = 0.25
    steering: float = 0.9
    willingness: float = 0.8
    most_weeks: int = 4
    no_show: float = 0.05
    no_show_a_week: float = 0.01
    leave_weeks: int = 6
    summer_weeks: int = 4
    sick_share: float = 0.04
    season: tuple[float, ...] = SEASON
    epidemic: float = 0.5
    epidemic_weeks: float = 3.0
    min_visits: int = 3

    def __post_init__(self) -> None:
        if self.first_choice not in words(FirstChoice):
            raise UsageError.unknown_choice("first_choice", self.first_choice, words(FirstChoice))
        for name, (low, high) in _RANGES.items():
            value = getattr(self, name)
            if isinstance(value, bool) or not isinstance(value, int | float) or not low <= value <= high:
                raise UsageError(f"{name} cannot be {value!r}.", allowed=f"Allowed: {low} to {high}.")
        for name in ("slots", "dispersion"):
            value = getattr(self, name)
            if value is not None and not 0 < value <= inf:
                raise UsageError(f"{name} cannot be {value!r}.", allowed="Allowed: numbers above 0, or None.")
        if self.summer_weeks > self.leave_weeks:
            raise UsageError("summer_weeks is more than leave_weeks.", allowed="The summer is part of the leave.")
        if len(self.season) != 12 or min(self.season) < 0 or sum(self.season) <= 0:
            raise UsageError("season does not have a value for each month.", allowed="Allowed: 12 numbers from 0.")

    @property
    def presence(self) -> float:
        """Share of the weeks in which a doctor is there, on average."""
        return (1 - self.leave_weeks / 52) * (1 - self.sick_share)
