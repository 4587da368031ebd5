"""The thresholds of disclosure control: one documented place for all of them."""

from dataclasses import dataclass

from continuity.errors import UsageError


@dataclass(frozen=True)
class Limits:
    """What a cell must hold before its numbers may be shown.

    Providers are persons too: the count and the share of the largest provider protect a doctor's work as the
    number of patients protects the patients.

    Parameters
    ----------
    min_patients : int
        Fewest patients in a cell. Never below 3.
    min_visits : int
        Fewest visits in a cell.
    min_providers : int
        Fewest providers in a cell.
    max_provider_share : float
        Largest share (0-1) of a cell's visits that one provider may have (dominance).
    round_to : int
        Counts are rounded to a multiple of this, and what is divided by them is made as coarse
        (`continuity.privacy.rounding`); 1 leaves them as they are.

    Raises
    ------
    UsageError
        A limit that would protect nobody.

    References
    ----------
    Thresholds of Findata and THL are not public; 5 is common in Finland (docs/decisions/0006-disclosure-limits.md).

    Examples
    --------
    >>> Limits().min_patients
    5
    >>> Limits(min_patients=1)
    Traceback (most recent call last):
    continuity.errors.UsageError: min_patients cannot be 1. Allowed: 3 or more. ...
    """

    min_patients: int = 5
    min_visits: int = 5
    min_providers: int = 5
    max_provider_share: float = 0.75
    round_to: int = 1

    def __post_init__(self) -> None:
        for name, least in (("min_patients", 3), ("min_visits", 3), ("min_providers", 1), ("round_to", 1)):
            if getattr(self, name) < least:
                raise UsageError(
                    f"{name} cannot be {getattr(self, name)}.",
                    allowed=f"Allowed: {least} or more.",
                    next_step="A smaller number would show single persons.",
                )
        if not 0 < self.max_provider_share <= 1:
            raise UsageError(
                f"max_provider_share cannot be {self.max_provider_share}.", allowed="Allowed: above 0, at most 1."
            )
