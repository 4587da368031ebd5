"""The indices of days, supply and weights once more, hour by hour and pair by pair; see `brute_force`.

Written from indices.md and methods.md R11 and R14. What the reference leaves open is written here as the catalogue says
it: local days, half-open windows, a look-back that is a window of its own.
"""

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta
from fractions import Fraction
from itertools import pairwise
from math import sqrt
from typing import Any

from .brute_force import Choices, Period, Result, Visit, actor, known

DAY = timedelta(days=1)
SPECIAL = (
    "chance_adjusted_coc",
    "coc_weighted",
    "cover_index",
    "kpc_lookback",
    "regularity",
    "relationship_span",
    "upc_weighted",
    "wolinsky",
    "years_with_gp",
)
LOOKS_BACK = ("cover_index", "kpc_lookback", "wolinsky")
MODES = ("phone", "video", None)


def mode_of(visit: Visit) -> str | None:
    return MODES[ord(visit.visit_id[-1]) % len(MODES)]


@dataclass(frozen=True)
class Around:
    """What these indices need besides the visits."""

    data_from: date
    lookback: int = 365
    cover_days: int = 30
    weights: Mapping[str | None, Fraction] = field(default_factory=dict)
    enrolled: Mapping[str, tuple[date | None, date | None]] = field(default_factory=dict)
    listed: Mapping[str, tuple[str | None, date | None]] = field(default_factory=dict)
    unit: Mapping[str, str | None] = field(default_factory=dict)

    def since(self, key: str, window: Period) -> date:
        """Give the first day that an index looks at."""
        if key == "wolinsky":
            return (window[1] - 730 * DAY).date()
        return window[0].date() - {"kpc_lookback": self.lookback, "cover_index": self.cover_days}[key] * DAY


@dataclass(frozen=True)
class Seen:
    """A visit that counts: when, to whom (a provider is equal to itself only), how."""

    at: datetime
    who: object
    mode: str | None


def one_a_day(visits: Sequence[Visit], rules: Choices) -> list[Visit]:
    """Apply the same-day rule; of equal visits the one whose mode comes first, which only weights can tell."""
    if rules.same_day == "keep_all":
        return list(visits)
    kept: list[Visit] = []
    days: dict[object, list[Visit]] = defaultdict(list)
    for visit in visits:
        person = known(visit.provider)
        if rules.same_day == "patient_day":
            days[visit.at.date()].append(visit)
        elif person is None and rules.unknown_provider == "each_distinct":
            kept.append(visit)
        else:
            days[visit.at.date(), person].append(visit)

    def order(v: Visit) -> tuple[Any, ...]:
        by_id = v.visit_id if rules.tie_order == "visit_id" else ""
        return (known(v.provider) is None, v.at, known(v.provider) or "", by_id, mode_of(v) or "")

    return kept + [min(group, key=order) for group in days.values()]


def taken(visits: Sequence[Visit], rules: Choices) -> list[Seen]:
    """Take the unknown visits for nothing, for one provider, or for a new one each."""
    found = []
    for visit in one_a_day(visits, rules):
        who: object = actor(visit, rules, None)
        if who is None and rules.unknown_provider == "drop":
            continue
        if who is None:
            who = "?" if rules.unknown_provider == "one_group" else object()
        found.append(Seen(visit.at, who, mode_of(visit)))
    return sorted(found, key=lambda seen: seen.at)


def kpc_lookback(inside: Sequence[Seen], past: Sequence[Seen], around: Around) -> Fraction:
    every = [*past, *inside]
    hits = 0
    for n, visit in enumerate(every):
        before = [
            e for e in every[:n] if e.who == visit.who and (visit.at.date() - e.at.date()).days <= around.lookback
        ]
        hits += n >= len(past) and bool(before)
    return Fraction(hits, len(inside))


def wolinsky(every: Sequence[Seen], end: datetime) -> Fraction:
    start = end - 730 * DAY
    for provider in {e.who for e in every}:
        days = {e.at.date() for e in every if e.who == provider and start <= e.at < end}
        stops = sorted({start.date(), *days, end.date()})
        if days and all((b - a).days <= 243 for a, b in pairwise(stops)):
            return Fraction(1)
    return Fraction(0)


def cover_index(every: Sequence[Seen], window: Period, until: date | None, around: Around) -> Fraction | None:
    """Count hours: the drawn windows begin and end at full hours."""
    hours, hour = [], window[0]
    while hour < window[1] and (until is None or hour < datetime.combine(until, time())):
        hours.append(hour)
        hour += timedelta(hours=1)
    if not hours:
        return None
    spans = [datetime.combine(e.at.date(), time()) for e in every]
    covered = sum(any(start <= hour < start + around.cover_days * DAY for start in spans) for hour in hours)
    return Fraction(covered, len(hours))


def regularity(inside: Sequence[Seen]) -> Fraction | None:
    """Give 1 / (1 + sd / mean); irrational, so a float stands for it."""
    days = sorted({e.at.date() for e in inside})
    gaps = [Fraction((b - a).days) for a, b in pairwise(days)]
    if len(gaps) < 2:
        return None
    mean = sum(gaps) / len(gaps)
    variance = sum((gap - mean) ** 2 for gap in gaps) / (len(gaps) - 1)
    return Fraction(1 / (1 + sqrt(variance) / mean))


def relationship_span(inside: Sequence[Seen]) -> Fraction:
    best = []
    for provider in {e.who for e in inside}:
        times = [e.at for e in inside if e.who == provider]
        best.append((len(times), max(times) - min(times), max(times), (max(times).date() - min(times).date()).days))
    return Fraction(max(best)[3])


def coc_weighted(inside: Sequence[Seen], around: Around) -> Fraction:
    """Take every ordered pair of different visits with the product of their weights."""
    w = [around.weights.get(e.mode, Fraction(1)) for e in inside]
    pairs = [(i, j) for i in range(len(inside)) for j in range(len(inside)) if i != j]
    same = sum((w[i] * w[j] for i, j in pairs if inside[i].who == inside[j].who), Fraction(0))
    return same / sum((w[i] * w[j] for i, j in pairs), Fraction(0))


def upc_weighted(inside: Sequence[Seen], around: Around) -> Fraction:
    total: Counter[object] = Counter()
    for e in inside:
        total[e.who] += around.weights.get(e.mode, Fraction(1))  # type: ignore[assignment]
    return max(total.values()) / sum(total.values(), Fraction(0))


def years_with_gp(listed_from: date, end: date) -> Fraction:
    months = 0
    while True:
        year, month = divmod(listed_from.year * 12 + listed_from.month - 1 + months + 1, 12)
        if (year, month + 1, listed_from.day) > (end.year, end.month, end.day):
            return Fraction(months, 12)
        months += 1


def listed_years(provider: str | None, since: date | None, end: date) -> tuple[Fraction | None, str | None]:
    if provider is None or (since is not None and since > end):
        return None, "no_assigned_provider"
    return (None, "no_lookback") if since is None else (years_with_gp(since, end), None)


def chance(supply: Sequence[str]) -> Fraction:
    """Give the chance that two visits picked at random, with return, were to one provider."""
    return Fraction(sum(a == b for a in supply for b in supply), len(supply) ** 2)


def of_patient(  # noqa: PLR0911, PLR0917 # one case an index
    key: str, patient: str, window: Period, visits: Mapping[str, Sequence[Visit]], rules: Choices, around: Around
) -> tuple[Fraction | None, str | None]:
    """Give one index of one patient, or why there is none."""
    inside = taken([v for v in visits[patient] if window[0] <= v.at < window[1]], rules)
    if len(inside) < max(rules.min_visits, 1):
        return None, "below_min_visits" if inside else "no_visits"
    since, until = around.enrolled.get(patient, (None, None))
    if key == "cover_index" and until is not None and datetime.combine(until, time()) <= window[0]:
        return None, "no_person_time"
    if key in LOOKS_BACK:
        first = around.since(key, window)
        if around.data_from > first or (since is not None and since > first):
            return None, "no_lookback"
    floor = datetime.combine(window[0].date(), time())
    before = [v for v in visits[patient] if v.at < window[0]]
    match key:
        case "kpc_lookback":
            past = [v for v in before if v.at >= floor - around.lookback * DAY]
            return kpc_lookback(inside, taken(past, rules), around), None
        case "wolinsky":
            return wolinsky([*taken(before, rules), *inside], window[1]), None
        case "cover_index":
            return cover_index([*taken(before, rules), *inside], window, until, around), None
        case "regularity":
            found = regularity(inside)
            return found, None if found is not None else "too_few_intervals"
        case "relationship_span":
            return relationship_span(inside), None
        case "upc_weighted":
            return upc_weighted(inside, around), None
        case "coc_weighted":
            return (coc_weighted(inside, around), None) if len(inside) > 1 else (None, "too_few_visits")
        case "years_with_gp":
            return listed_years(*around.listed.get(patient, (None, None)), window[1].date())
    return chance_adjusted_coc(inside, patient, window, visits, rules, around)


def chance_adjusted_coc(  # noqa: PLR0917
    inside: Sequence[Seen],
    patient: str,
    window: Period,
    visits: Mapping[str, Sequence[Visit]],
    rules: Choices,
    around: Around,
) -> tuple[Fraction | None, str | None]:
    if len(inside) < 2:
        return None, "too_few_visits"
    supply: list[str] = []
    for other, theirs in visits.items():
        if around.unit.get(other) == around.unit.get(patient):
            there = [v for v in theirs if window[0] <= v.at < window[1]]
            supply += [who for v in one_a_day(there, rules) if (who := actor(v, rules, None)) is not None]
    if len(set(supply)) < 2:
        return None, "single_provider"
    n, e = len(inside), chance(supply)
    coc = Fraction(sum(a.who == b.who for a in inside for b in inside) - n, n * (n - 1))
    return (coc - e) / (1 - e), None


def special(visits: Mapping[str, Sequence[Visit]], window: Period, rules: Choices, around: Around) -> dict[str, Result]:
    """Give every index of these by patient, for patients with a visit in the window."""
    there = [p for p, theirs in visits.items() if any(window[0] <= v.at < window[1] for v in theirs)]
    return {p: {key: of_patient(key, p, window, visits, rules, around) for key in SPECIAL} for p in there}
