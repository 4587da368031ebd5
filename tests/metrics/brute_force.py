"""The indices once more, as slowly and plainly as possible: exact fractions, every order, every filling.

Written from the reference texts (indices.md, methods.md R8 and R10, DESIGN.md section 6), not from the engine, so that
the two can disagree. Nothing here is fast; a patient has at most half a dozen visits.
"""

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from fractions import Fraction
from itertools import groupby, pairwise, permutations, product
from math import fsum, log2

ONE = Fraction(1)


@dataclass(frozen=True)
class Visit:
    """One visit; a provider or team of None or blank text is unknown."""

    patient: str
    at: datetime
    provider: str | None
    visit_id: str
    team: str | None = None  # as written in the visits


@dataclass(frozen=True)
class Choices:
    """The rules of a computation, by the names that the engine uses."""

    level: str = "provider"
    unknown_provider: str = "drop"
    same_day: str = "keep_all"
    tie_order: str = "expectation"
    min_visits: int = 1


Period = tuple[datetime, datetime]
Teams = Mapping[str, str | None]
Result = dict[str, tuple[Fraction | None, str | None]]
"""By index: the value, or why there is none."""


def upc(seen: Sequence[object]) -> Fraction:
    return Fraction(max(Counter(seen).values()), len(seen))


def coc(seen: Sequence[object]) -> Fraction:
    pairs_with_one_provider = sum(a == b for a in seen for b in seen) - len(seen)
    return Fraction(pairs_with_one_provider, len(seen) * (len(seen) - 1))


def hhi(seen: Sequence[object]) -> Fraction:
    return sum((Fraction(n, len(seen)) ** 2 for n in Counter(seen).values()), Fraction(0))


def k_index(seen: Sequence[object]) -> Fraction:
    return Fraction(len(seen) - len(set(seen)), len(seen) - 1)


def mmci(seen: Sequence[object]) -> Fraction:
    n, k, tenth = len(seen), len(set(seen)), Fraction(1, 10)
    return (ONE - k / (n + tenth)) / (ONE - 1 / (n + tenth))


def secon(seen: Sequence[object]) -> Fraction:
    return Fraction(sum(a == b for a, b in pairwise(seen)), len(seen) - 1)


def provider_count(seen: Sequence[object]) -> Fraction:
    return Fraction(len(set(seen)))


def majority_of_care(seen: Sequence[object]) -> Fraction:
    return Fraction(int(upc(seen) > Fraction(1, 2)))


def fragmentation(seen: Sequence[object]) -> Fraction:
    return ONE - coc(seen)


def effective_providers(seen: Sequence[object]) -> Fraction:
    return 1 / hhi(seen)


def visit_entropy(seen: Sequence[object]) -> Fraction:
    """Give the entropy in bits; irrational, so a float stands for it."""
    shares = [n / len(seen) for n in Counter(seen).values()]
    return Fraction(fsum(-p * log2(p) for p in shares))


def mci(seen: Sequence[object]) -> Fraction:
    return ONE - len(set(seen)) / (len(seen) + Fraction(1, 10))


def partitions(rest: int, largest: int) -> Iterator[tuple[int, ...]]:
    """Give every way to share visits among providers none of whom has more than `largest`."""
    if rest == 0:
        yield ()
    for first in range(min(rest, largest), 0, -1):
        for others in partitions(rest - first, first):
            yield (first, *others)


def ncgu(seen: Sequence[object]) -> Fraction | None:
    """Place COC between the least and the greatest that the visits to the usual provider leave open."""
    n, m = len(seen), max(Counter(seen).values())
    squares = [m * m + sum(x * x for x in others) for others in partitions(n - m, m)]
    low, high = (Fraction(end(squares) - n, n * (n - 1)) for end in (min, max))
    return None if low == high else (coc(seen) - low) / (high - low)


def switches(seen: Sequence[object]) -> Fraction:
    return Fraction(sum(a != b for a, b in pairwise(seen)))


FORMULAS: Mapping[str, Callable[[Sequence[object]], Fraction | None]] = {
    "coc": coc,
    "effective_providers": effective_providers,
    "fragmentation": fragmentation,
    "hhi": hhi,
    "k_index": k_index,
    "majority_of_care": majority_of_care,
    "mci": mci,
    "mmci": mmci,
    "ncgu": ncgu,
    "provider_count": provider_count,
    "secon": secon,
    "switches": switches,
    "upc": upc,
    "visit_entropy": visit_entropy,
}
NEEDS_TWO = ("coc", "fragmentation", "k_index", "mci", "mmci", "ncgu", "secon")
IN_ORDER = ("secon", "switches")
NO_BOUNDS = ("ncgu",)


def orders(moments: Sequence[Sequence[object]]) -> Iterator[list[object]]:
    """Give every order of the visits: those of a moment in every way, the moments as they follow."""
    for arranged in product(*[tuple(permutations(moment)) for moment in moments]):
        yield [who for moment in arranged for who in moment]


def value(key: str, moments: Sequence[Sequence[object]]) -> Fraction | None:
    """Give the index, or its mean over all orders of visits at the same moment."""
    formula = FORMULAS[key]
    if key not in IN_ORDER:
        return formula([who for moment in moments for who in moment])
    values = [formula(order) for order in orders(moments)]
    return sum(values, Fraction(0)) / len(values)


def fillings(moments: Sequence[Sequence[str | None]]) -> Iterator[list[list[object]]]:
    """Give the unknown visits (None) to known or to new providers, in every way."""
    known_ones = sorted({who for moment in moments for who in moment if who is not None})
    n_unknown = sum(who is None for moment in moments for who in moment)
    for filling in product([*known_ones, *range(n_unknown)], repeat=n_unknown):
        rest = iter(filling)
        yield [[next(rest) if who is None else who for who in moment] for moment in moments]


def known(text: str | None) -> str | None:
    return text if text is not None and text.strip() else None


def actor(visit: Visit, rules: Choices, teams: Teams | None) -> str | None:
    """Give the person, or the team by the visit itself or by a table of providers; None is unknown."""
    if rules.level == "provider":
        return known(visit.provider)
    return known(visit.team if teams is None else teams.get(known(visit.provider) or ""))


def one_a_day(visits: Sequence[Visit], rules: Choices, teams: Teams | None) -> list[Visit]:
    """Apply the same-day rule to the visits of one patient in one window."""
    if rules.same_day == "keep_all":
        return list(visits)
    kept: list[Visit] = []
    days: dict[object, list[Visit]] = {}
    for visit in visits:
        person, who = known(visit.provider), actor(visit, rules, teams)
        if rules.same_day == "patient_day":
            key: object = "the day"
        elif person is not None:
            key = ("person", person)
        elif who is not None:
            key = ("somebody of", who)
        elif rules.unknown_provider == "one_group":
            key = "the one provider that all unknown visits are taken for"
        else:  # unknown providers may be two persons: nothing says that these visits are one
            kept.append(visit)
            continue
        days.setdefault((visit.at.date(), key), []).append(visit)
    for group in days.values():
        candidates = [v for v in group if actor(v, rules, teams) is not None] or group
        kept.append(min(candidates, key=lambda v: (v.at, known(v.provider) or "", v.visit_id)))
    return kept


def moments_of(visits: Sequence[Visit], rules: Choices, teams: Teams | None) -> list[list[str | None]]:
    """Put the visits in order, those that have no order among them together, and name whom each was to."""

    def moment(visit: Visit) -> tuple[datetime, str]:
        return (visit.at, visit.visit_id if rules.tie_order == "visit_id" else "")

    ordered = sorted(visits, key=moment)
    return [[actor(v, rules, teams) for v in group] for _, group in groupby(ordered, key=moment)]


def with_policy(moments: Sequence[Sequence[str | None]], policy: str) -> list[list[object]]:
    """Take the unknown visits for what the policy says that they are."""
    if policy == "drop":
        left: list[list[object]] = [[who for who in moment if who is not None] for moment in moments]
        return [moment for moment in left if moment]
    numbers = iter(range(10**6))
    return [
        [who if who is not None else (next(numbers) if policy == "each_distinct" else "?") for who in moment]
        for moment in moments
    ]


def reason_why_undefined(key: str, n: int, rules: Choices) -> str | None:
    if n == 0:
        return "no_visits"
    if n < rules.min_visits:
        return "below_min_visits"
    return "too_few_visits" if n < 2 and key in NEEDS_TWO else None


def of_patient(moments: Sequence[Sequence[object]], rules: Choices) -> Result:
    """Give every index of one patient in one window."""
    n = sum(map(len, moments))
    result: Result = {}
    for key in FORMULAS:
        why = reason_why_undefined(key, n, rules)
        found = None if why else value(key, moments)
        result[key] = (found, why if why or found is not None else "bounds_coincide")
    return result


def bounds_of_patient(moments: Sequence[Sequence[str | None]], rules: Choices) -> dict[str, tuple[Fraction, Fraction]]:
    """Give the least and the greatest value of every index over all that the unknown visits may have been."""
    n = sum(map(len, moments))
    filled = list(fillings(moments))
    found = {}
    for key in FORMULAS:
        if key not in NO_BOUNDS and reason_why_undefined(key, n, rules) is None:
            values = [value(key, filling) for filling in filled]
            found[key] = (min(values), max(values))
    return found


def in_windows(
    visits: Sequence[Visit], windows: Sequence[Period] | None
) -> dict[tuple[str, Period | None], list[Visit]]:
    """Give the visits of each patient in each half-open window in which the patient has any."""
    found: dict[tuple[str, Period | None], list[Visit]] = {}
    for window in windows if windows is not None else [None]:
        for visit in visits:
            if window is None or window[0] <= visit.at < window[1]:
                found.setdefault((visit.patient, window), []).append(visit)
    return found


def rolling(bounds: Period, every: timedelta, period: timedelta) -> list[Period]:
    """Give the windows of one length that start at equal distances and end inside the bounds."""
    start, found = bounds[0], []
    while start + period <= bounds[1]:
        found.append((start, start + period))
        start += every
    return found
