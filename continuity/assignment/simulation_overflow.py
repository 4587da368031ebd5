"""Overflow in closed form: how full a doctor's days may be when requests are Poisson."""

from continuity.errors import UsageError


def overflow_frequency(demand: float, slots: int) -> float:
    """Give the share of days (or weeks) with more requests than slots when requests are Poisson.

    Parameters
    ----------
    demand : float
        Mean requests; 0 or more.
    slots : int

    Returns
    -------
    float
        P(Poisson(demand) > slots), 0 to 1.

    References
    ----------
    Green, Savin & Murray 2007, Jt Comm J Qual Patient Saf 33(4):211 (overflow frequency).

    Examples
    --------
    >>> round(overflow_frequency(0.677 * 16, 16), 3)
    0.05
    """
    from scipy.special import gammainc

    _check_slots(slots)
    if not demand >= 0:
        raise UsageError(f"demand cannot be {demand!r}.", allowed="Allowed: numbers from 0.")
    return float(gammainc(slots + 1, demand))


def largest_utilisation(slots: int, overflow: float) -> float:
    """Give the largest share of slots that Poisson demand may fill on average, for a frequency of overflow.

    Parameters
    ----------
    slots : int
        Slots of a day or a week, of one doctor or of several who share.
    overflow : float
        Share of days or weeks with more requests than slots that is borne; between 0 and 1.

    Returns
    -------
    float
        Mean demand over slots.

    Notes
    -----
    ``P(Poisson(m) > c)`` is the regularised incomplete gamma function P(c + 1, m); its inverse gives m.

    Examples
    --------
    >>> [round(largest_utilisation(16, overflow), 3) for overflow in (0.05, 0.10, 0.20)]
    [0.677, 0.749, 0.842]
    """
    from scipy.special import gammaincinv

    _check_slots(slots)
    if not 0 < overflow < 1:
        raise UsageError(f"overflow cannot be {overflow!r}.", allowed="Allowed: between 0 and 1.")
    return float(gammaincinv(slots + 1, overflow)) / slots


def _check_slots(slots: int) -> None:
    if isinstance(slots, bool) or not isinstance(slots, int) or slots < 1:
        raise UsageError(f"slots cannot be {slots!r}.", allowed="Allowed: a whole number from 1.")
