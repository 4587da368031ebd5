"""Every knob of the synthetic population, what it means, and which values it takes."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from numbers import Integral, Real
from types import MappingProxyType
from typing import Final, Literal

from continuity.errors import UsageError
from continuity.synthetic.calendar import add_years
from continuity.vocabulary import words

Pool = Literal["unit", "team"]
Dirt = Literal[
    "blank_provider",
    "unknown_patient",
    "unknown_provider_id",
    "bad_code",
    "visit_before_birth",
    "future_visit",
    "visit_after_enrolment",
    "assessed_after_visit",
    "missing_month",
    "busy_patient",
    "pooled_login",
    "duplicated_visit_id",
    "duplicate_rows",
    "hostile_ids",
    "blank_patient",
    "blank_time",
    "blank_visit_id",
    "blank_unit",
    "default_date",
    "bad_urgency",
    "contact_after_visit",
    "assessed_before_contact",
    "recorded_twice",
    "unit_without_providers",
    "roaming_login",
    "login_of_two_roles",
    "closed_month",
    "visit_before_enrolment",
    "unlisted_provider",
    "departed_provider",
    "unit_without_list",
    "duplicate_patients",
    "duplicate_provider",
    "nameless_patients",
    "nameless_provider",
    "bad_sex",
    "ancient_patients",
    "unborn_patients",
    "reversed_enrolment",
    "enrolled_before_birth",
    "negative_numbers",
    "bad_provider_role",
    "hours_for_fte",
    "reversed_activity",
]

_SHARES: Final = (
    "nurse_steering",
    "acute_steering",
    "turnover",
    "share_acute",
    "share_assessed",
    "share_unlisted",
    "share_joining",
    "share_leaving",
    "unknown_provider",
)
_WHOLE: Final[Mapping[str, tuple[int, int]]] = {
    "n_patients": (1, 100_000_000),
    "seed": (0, 2**63),
    "years": (1, 30),
    "patients_per_unit": (1, 10_000_000),
    "units_per_area": (1, 10_000),
    "doctors_per_unit": (1, 1_000),
    "nurses_per_unit": (1, 1_000),
    "teams_per_unit": (1, 1_000),
}
_RANGES: Final[Mapping[str, tuple[float, float]]] = {
    **_WHOLE,
    "activity": (0, 20),
    "nurse_ratio": (0, 20),
    **dict.fromkeys(_SHARES, (0, 1)),
}


@dataclass(frozen=True)
class Setting:
    """Everything that decides a synthetic population; the same setting gives the same tables.

    Parameters
    ----------
    n_patients : int
        Patients, those who join or leave during the period included.
    seed : int
        Seed of every random number.
    start : datetime.date
        First day of the period; before 2200.
    years : int
        Length of the period in calendar years.
    patients_per_unit : int
        Sets the number of units, ``n_patients / patients_per_unit`` rounded; units have this size on average.
    units_per_area : int
        Units of an area; the last area may have fewer. Every second area is bilingual (fi, sv).
    doctors_per_unit, nurses_per_unit, teams_per_unit : int
        Posts and teams of a unit; the posts are spread over the teams as evenly as they go.
    steering : float or tuple of float
        Share of a listed patient's doctor visits that go to the listed provider. A tuple gives one share a unit, in
        the order of the units and over again when there are more units.
    pool : {"unit", "team"}
        Where the other doctor visits go: evenly over the *other* doctors of the unit, or of the patient's team.
        Visits of patients without a listed provider go evenly over all of them.
    nurse_steering : float
        Share of nurse visits that go to the nurse paired with the patient's doctor; the others go evenly over the
        unit's other nurses.
    acute_steering : float
        Factor on `steering` for acute visits. At 1 acute visits are steered like the others and the law of
        `expected_coc` is exact.
    activity : float
        Factor on Norway's consultations by age. 0.4 gives Finland's level of about 1.2 public doctor visits a
        resident in 2022 (THL) from a mean of about 3.0; the shape is kept.
    nurse_ratio : float
        Nurse visits for each doctor visit; our own choice.
    turnover : float
        Share of posts whose holder leaves within a year; a successor takes over the post and its list the same day.
        The law of `expected_coc` asks for 0.
    share_acute : float
        Share of visits that are acute: contact, assessment and visit on one day.
    share_assessed : float
        Share of visits that carry the moment of the assessment of need.
    share_unlisted : float
        Share of patients who are on nobody's list.
    share_joining, share_leaving : float
        Share of patients who move in, and who move out, within a year.
    unknown_provider : float
        Share of visits without a provider.
    dirt : tuple of str
        Faults to plant, see `continuity.synthetic.dirt`. Each draws from its own stream of random numbers, so that
        a kind plants the same fault whichever others are asked for.

    Raises
    ------
    UsageError
        A value outside its range, more teams than doctors or nurses, or an unknown word.

    Examples
    --------
    >>> Setting(n_patients=12_000).n_units
    3
    >>> Setting(steering=1.2)
    Traceback (most recent call last):
        ...
    continuity.errors.UsageError: steering cannot be 1.2. Allowed: 0 to 1.
    """

    n_patients: int = 20_000
    seed: int = 1
    start: date = date(2025, 1, 1)
    years: int = 1
    patients_per_unit: int = 4_000
    units_per_area: int = 3
    doctors_per_unit: int = 9
    nurses_per_unit: int = 6
    teams_per_unit: int = 2
    steering: float | tuple[float, ...] = (0.15, 0.35, 0.50, 0.65, 0.80)
    pool: Pool = "unit"
    nurse_steering: float = 0.3
    acute_steering: float = 1.0
    activity: float = 0.4
    nurse_ratio: float = 0.8
    turnover: float = 0.08
    share_acute: float = 0.25
    share_assessed: float = 0.8
    share_unlisted: float = 0.05
    share_joining: float = 0.02
    share_leaving: float = 0.02
    unknown_provider: float = 0.03
    dirt: tuple[Dirt, ...] = field(default=())

    def __post_init__(self) -> None:
        for name, (low, high) in _RANGES.items():
            _check_range(name, getattr(self, name), low, high)
        for share in self.shares:
            _check_range("steering", share, 0, 1)
        _check_word("pool", self.pool, words(Pool))
        for kind in self.dirt:
            _check_word("dirt", kind, words(Dirt))
        if not self.shares:
            raise UsageError("steering is empty.", allowed="One share, or one for each unit.")
        if self.teams_per_unit > min(self.doctors_per_unit, self.nurses_per_unit):
            raise UsageError(
                f"teams_per_unit is {self.teams_per_unit}, more than the doctors or the nurses of a unit.",
                allowed="Every team needs a doctor and a nurse.",
            )
        if self.start.year + self.years > 2200:
            raise UsageError(f"The period ends in {self.start.year + self.years}.", allowed="It must end before 2200.")

    @property
    def end(self) -> date:
        """The first day after the period."""
        return add_years(self.start, self.years)

    @property
    def n_units(self) -> int:
        """Units: at least one."""
        return max(1, round(self.n_patients / self.patients_per_unit))

    @property
    def shares(self) -> tuple[float, ...]:
        """`steering` as a tuple."""
        return self.steering if isinstance(self.steering, tuple) else (self.steering,)


def _check_range(name: str, value: float, low: float, high: float) -> None:
    whole = name in _WHOLE
    if not isinstance(value, Integral if whole else Real) or not low <= value <= high:
        kind = "whole numbers from " if whole else ""
        raise UsageError(f"{name} cannot be {value!r}.", allowed=f"Allowed: {kind}{low:,} to {high:,}.")


def _check_word(name: str, value: str, choices: tuple[str, ...]) -> None:
    if value not in choices:
        raise UsageError.unknown_choice(name, value, choices)


def expected_coc(share: float, n_others: int) -> float:
    """Give the mean Bice-Boxerman index that a share of steered visits leads to.

    Parameters
    ----------
    share : float
        Share of visits with the listed provider.
    n_others : int
        Providers over whom the other visits go evenly; at least 1.

    Returns
    -------
    float
        The expected COC of every patient with two or more visits.

    Notes
    -----
    COC is the share of a patient's pairs of visits that have the same provider. When visits are independent that is
    ``s² + (1 - s)² / k`` for any pair, hence for any number of visits.

    Examples
    --------
    >>> round(expected_coc(0.8, 8), 3)
    0.645
    """
    return share**2 + (1 - share) ** 2 / n_others


def _model_centre(steering: float, pool: Pool) -> Setting:
    """Build one health centre of 10,000 residents in which only the way of working differs.

    Two years, because chance would blur the narrow band of the pool (0.11-0.13): the standard error of the mean COC is
    about 0.0045 after one year of visits and 0.003 after two.
    """
    return Setting(
        n_patients=10_000,
        patients_per_unit=10_000,
        years=2,
        steering=steering,
        pool=pool,
        turnover=0.0,
        share_unlisted=0.0,
        share_joining=0.0,
        share_leaving=0.0,
        unknown_provider=0.0,
    )


# The three ways of working of the simulated model centre of Tuompo et al., Lääkärilehti 2025;80:e42796. Its number of
# doctors and its shares are not published: nine doctors and these shares are our reading of the bands 0.11-0.13 (all
# share everyone), 0.20-0.27 (two teams, here of five and four) and 0.61-0.81 (personal lists).
SETTINGS: Final[Mapping[str, Setting]] = MappingProxyType(
    {
        "pool": _model_centre(0.20, "unit"),
        "two_teams": _model_centre(0.22, "team"),
        "own_lists": _model_centre(0.85, "unit"),
    }
)
