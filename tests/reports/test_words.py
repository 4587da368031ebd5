"""The text catalogues: the same keys and blanks in three languages, and every key is used."""

import re
from pathlib import Path
from string import Formatter

import pytest

import continuity.reports
from continuity.assignment.settings import Settings
from continuity.evaluation.rollout.effects import SCHEMA as EFFECTS
from continuity.metrics import Rules
from continuity.metrics.engine.presets import PRESETS
from continuity.privacy import ProtectedTable
from continuity.privacy.ruled import RULES
from continuity.quality.results import Grain, TrendState
from continuity.reports.content import ReportContent
from continuity.reports.grids import PAIRS
from continuity.reports.manifest import OutputType
from continuity.reports.method import choice_of
from continuity.reports.numbers import NUMBER_STYLES
from continuity.reports.wording import words_of
from continuity.schema import TABLES
from continuity.vocabulary import (
    AssignmentMode,
    AttributionRule,
    ContactMode,
    Infeasible,
    Language,
    Level,
    MoveReason,
    NoAnswer,
    Reason,
    Role,
    SameDay,
    Sex,
    TieOrder,
    UnknownProvider,
    Urgency,
    words,
)

LANGUAGES = words(Language)
FOLDER = Path(continuity.reports.__file__).parent
RULE_WORDS = (Level, UnknownProvider, SameDay, TieOrder, Role, ContactMode, Urgency)
COMPARED = (
    "mean",
    "visits",
    "standardised",
    "adjusted",
    "shrunk",
    "reliability",
    "rank",
    "funnel_95",
    "funnel_998",
)
JUDGED = {"visits_per_patient", "shrunk", "reliability", "rank", "funnel_low", "funnel_high"}
GROUPS = {"unit_id", "team_id", "area_code", "sex", "language", "age_band", "is_chronic", "n_visits_class"}
GROUPS |= {"provider_role", "contact_mode", "urgency", "care_type", "n_chronic"}
MIX = {"n_visits_class", "age_band", "sex", "unit_id", "area_code", "is_chronic", "language"}
PLAN_COUNTS = {
    "n_visits_outside_lookback",
    "n_visits_unknown_provider",
    "n_visits_repeated_id",
    "n_patients_not_enrolled",
    "n_workload_missing",
    "n_workload_estimated",
    "n_locked",
    "n_households_split",
    "n_households_across_units",
    "n_patients_without_list",
    "n_lists_told_from_visits",
}
RESULTS = {
    "means",
    "period_means",
    "frequencies",
    "flow",
    "waits",
    "adjusted_means",
    "comparison",
    "effects",
    "quality",
}
STEPS = {
    "read",
    "identified",
    "role",
    "contact_mode",
    "urgency",
    "care_type",
    "window",
    "unknown_provider",
    "same_day",
    "used",
}


def blanks(text: str) -> set[str]:
    return {name for _, name, _, _ in Formatter().parse(text) if name is not None}


def groups_of_codes(tables: dict[str, ProtectedTable]) -> dict[str, set[str]]:
    """Keys that are put together at run time: a group, and the codes that the rest of the package can give."""
    columns = {column for table in tables.values() for column in table.frame.columns}
    return {
        "role": {*words(Role), "all"},
        "reason": {*words(Reason), "missing"},
        "column": {*columns, *PAIRS, *EFFECTS, *JUDGED, "effect", "place", "share_of_patients", "period"},
        "term": {"att", "effect", "lead", "placebo", "level_change", "slope_change", *COMPARED},
        "group": GROUPS,
        "sex": set(words(Sex)),
        "yes_no": {"true", "false"},
        "parameter": {
            *Rules().as_parameters(),
            "window",
            "created_on",
            "time_zone",
            "unit_rule",
            "team_rule",
            "preset",
            "adjusted_for",
            "breaks",
        },
        "value": {word for kind in RULE_WORDS for word in words(kind)} | {"assigned", "most_visits", "all", *MIX},
        "step": {*STEPS, "patients_below_min_visits"},
        "source_table": set(TABLES),
        "grain": set(words(Grain)),
        "trend": set(words(TrendState)),
        "preset": set(PRESETS),
        "outcome": {"passed", "warning", "critical"},
        "book": {*tables, "cover"},
        "no_answer": set(words(NoAnswer)),
        "move": set(words(MoveReason)),
        "move_meaning": set(words(MoveReason)),
        "move_line": set(words(MoveReason)),
        "plan_parameter": {*Settings().as_parameters(), "lookback_start"},
        "plan_value": {
            *words(Role),
            *words(AssignmentMode),
            *words(Infeasible),
            *words(AttributionRule),
            "none",
            "true",
            "false",
        },
        "plan_group": {*words(Sex), "missing", "true", "false"},
        "plan_count": PLAN_COUNTS,
        "output": set(words(OutputType)),
        "rule": set(RULES),
        "counted": {"patients", "visits", "providers"},
        "result": RESULTS,
        "deviation": {"not_judged", "below_usual", "quality_counts"},
        "earlier": {"same", "other_input", "not_compared", "other_cells", "alike", "near"},
    }


@pytest.mark.parametrize("language", ["sv", "en"])
def test_same_keys_and_blanks(language: Language) -> None:
    finnish, other = words_of("fi").texts, words_of(language).texts
    assert set(finnish) == set(other)
    assert {key: blanks(text) for key, text in finnish.items()} == {key: blanks(text) for key, text in other.items()}


@pytest.mark.parametrize("language", LANGUAGES)
def test_no_text_is_empty_or_left_in_finnish(language: Language) -> None:
    texts = words_of(language).texts
    assert all(text.strip() for text in texts.values())
    if language != "fi":
        finnish = words_of("fi").texts
        same = {key for key, text in texts.items() if text == finnish[key] and len(text.split()) > 3}
        assert not same


def test_every_key_is_used(content: ReportContent) -> None:
    sources = [*FOLDER.glob("*.py"), *FOLDER.glob("templates/*.html")]
    code = "\n".join(path.read_text("utf-8") for path in sources)
    whole = set(re.findall(r'"([a-z_]+(?:\.[a-z_]+)+)"', code))
    # a key with a gap, such as f"tile.coc_{role}" or "nav." ~ part, stands for every key of that form
    gaps = [re.sub(r"\{[^}]*\}", "\0", text) for text in re.findall(r'f["\']([a-z_]+\.[^"\']*\{[^"\']*)["\']', code)]
    gaps += [f"{text}\0" for text in re.findall(r'"([a-z_]+\.)" ~', code)]
    groups = groups_of_codes(dict(content.tables))
    forms = [re.compile(re.escape(gap).replace("\0", "[a-z_0-9]+")) for gap in gaps if gap.split(".")[0] not in groups]
    unused = []
    for key in words_of("fi").texts:
        group, _, code_word = key.partition(".")
        known = code_word in groups[group] if group in groups else any(form.fullmatch(key) for form in forms)
        if key not in whole and not known:
            unused.append(key)
    assert not unused


def test_every_code_of_the_package_has_a_word(content: ReportContent) -> None:
    finnish = words_of("fi")
    for group, codes in groups_of_codes(dict(content.tables)).items():
        assert not {code for code in codes if not finnish.knows(group, code)}, group


def test_unknown_codes_stay_as_they_are() -> None:
    assert choice_of("doctor, kesälääkäri", words_of("fi")) == "lääkäri, kesälääkäri"
    assert choice_of("", words_of("fi")) == "–"


@pytest.mark.parametrize(
    ("language", "count", "decimals", "share"),
    [
        ("fi", "12\u00a0345", "−0,31", "4,7\u00a0%"),
        ("sv", "12\u00a0345", "−0,31", "4,7\u00a0%"),
        ("en", "12,345", "−0.31", "4.7%"),
    ],
)
def test_numbers(language: Language, count: str, decimals: str, share: str) -> None:
    style = NUMBER_STYLES[language]
    assert (style.count(12345), style.decimals(-0.311), style.share(0.0468, 1)) == (count, decimals, share)


def test_a_tiny_share_is_not_none() -> None:
    style = NUMBER_STYLES["fi"]
    assert (style.share(0.0), style.share(0.004), style.share(0.006)) == ("0\u00a0%", "<1\u00a0%", "1\u00a0%")
