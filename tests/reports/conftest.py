"""Made-up but realistic content of a report, protected the way the pipeline does it."""

from collections.abc import Callable, Iterator
from datetime import date, datetime
from itertools import product
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from continuity.privacy import ProtectedTable, protect
from continuity.quality import Finding, QualityResult, Skipped
from continuity.reports.content import Method, ReportContent

CHROMIUM = Path("/usr/bin/chromium")
ARGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
]

INDICES = ("upc", "coc", "hhi", "k_index", "mmci", "secon", "provider_count")
LEVELS = {"upc": 0.55, "coc": 0.31, "hhi": 0.44, "k_index": 0.48, "mmci": 0.52, "secon": 0.33, "provider_count": 3.1}
ROLES = {"all": -0.05, "doctor": 0.0, "nurse": -0.12}
HOSTILE = (
    '=HYPERLINK("http://evil.invalid","x")',
    "<script>alert('unit')</script>",
    '"><img src=x onerror=alert(1)>',
    "Åkerö 👩‍⚕️ & Söner",
)
UNITS = {  # name: (difference of level, patients); one unit is too small to be shown
    "Keskusta": (0.02, 1840),
    "Itä": (-0.1, 1210),
    "Länsi": (0.14, 960),
    "Pohjoinen pitkänimisen kaupunginosan terveysasema": (-0.03, 640),
    "Saaristo": (0.2, 3),
    HOSTILE[0]: (0.05, 310),
    HOSTILE[1]: (-0.06, 220),
    HOSTILE[2]: (0.0, 150),
    HOSTILE[3]: (0.08, 75),
}
VISIT_CLASSES = {"2": 2, "3": 3, "4": 4, "5-6": 5, "7-9": 7, "10-14": 10, "15+": 15}
VALUE_CLASSES = {
    "0": (0, 0),
    "0-0.25": (0, 0.25),
    "0.25-0.5": (0.25, 0.5),
    "0.5-0.75": (0.5, 0.75),
    "0.75-1": (0.75, 1),
    "1": (1, 1),
}


def cell(level: float, n_patients: int, *, scale: float = 1.0) -> dict[str, Any]:
    """Make the numbers of one cell around a level."""
    half = 1.96 * 0.28 * scale / max(n_patients, 1) ** 0.5
    spread = 0.2 * scale
    return {
        "n_patients": n_patients,
        "n_undefined": n_patients // 3,
        "n_visits": n_patients * 5,
        "n_providers": max(2, min(60, n_patients // 12)),
        "estimate": level,
        "std_error": half / 1.96,
        "ci_low": max(level - half, 0.0),
        "ci_high": level + half,
        "p10": max(level - 1.3 * spread, 0.0),
        "p25": max(level - spread, 0.0),
        "median": level - 0.03 * scale,
        "p75": level + spread,
        "p90": level + 1.5 * spread,
        "share_perfect": 0.11,
        "bound_low": level - 0.02 * scale,
        "bound_high": level + 0.03 * scale,
    }


def estimate_rows(difference: float, n_patients: int) -> Iterator[dict[str, Any]]:
    for (role, shift), index in product(ROLES.items(), (*INDICES, "own_visit_share")):
        if index == "own_visit_share" and role == "nurse":
            continue  # nobody has a listed nurse here
        scale = 4.0 if index == "provider_count" else 1.0
        level = LEVELS.get(index, 0.44) + (difference + shift) * scale
        yield {"role": role, "index": index, **cell(level, n_patients, scale=scale)}


def whole_table() -> ProtectedTable:
    return protect(pl.DataFrame(list(estimate_rows(0.0, 5412))), name="whole", keys=["role", "index"])


def unit_table() -> ProtectedTable:
    rows = [
        {"unit_id": unit, **row}
        for unit, (difference, n_patients) in UNITS.items()
        for row in estimate_rows(difference, n_patients)
    ]
    keys = ["role", "unit_id", "index"]
    return protect(pl.DataFrame(rows), name="unit", keys=keys, margins=[["role", "index"]], counts=["n_undefined"])


def team_table(parent: ProtectedTable) -> ProtectedTable:
    rows = [
        {"unit_id": unit, "team_id": f"Tiimi {number}", **row}
        for unit, (difference, n_patients) in list(UNITS.items())[:5]
        for number in (1, 2)
        for row in estimate_rows(difference + (number - 1.5) / 12, n_patients // 2)
    ]
    keys = ["role", "unit_id", "team_id", "index"]
    margins = [["role", "unit_id", "index"]]
    return protect(pl.DataFrame(rows), name="team", keys=keys, margins=margins, parent=parent)


def distribution_table() -> ProtectedTable:
    sizes = {
        "all": (1100, 1650, 1300, 640, 3, 719),
        "doctor": (1240, 1420, 1210, 610, 250, 682),
        "nurse": (2010, 1500, 900, 402, 80, 520),
    }
    rows = [
        {"role": role, "index": index, "value_class": name, "value_from": low, "value_to": high, "n_patients": n}
        for role, index in product(ROLES, ("coc", "upc"))
        for (name, (low, high)), n in zip(VALUE_CLASSES.items(), sizes[role], strict=True)
    ]
    frame = pl.DataFrame(rows, schema_overrides={"value_from": pl.Float64, "value_to": pl.Float64})
    keys = ["role", "index", "value_class"]
    return protect(frame, name="distribution", keys=keys, margins=[["role", "index"]])


def visit_class_table() -> ProtectedTable:
    rows = [
        {"n_visits_class": name, "visits_from": visits, **row}
        for name, visits in VISIT_CLASSES.items()
        for row in estimate_rows(0.06 - visits / 150, 4 if name == "15+" else 2200 // visits)
    ]
    return protect(pl.DataFrame(rows), name="visit_classes", keys=["role", "index", "n_visits_class"])


def flow_table() -> ProtectedTable:
    steps = {
        "read": (148_220, 31_904), "identified": (148_220, 31_904),
        "role": (131_870, 29_480), "contact_mode": (127_411, 29_002),
        "urgency": (98_730, 25_610), "care_type": (98_730, 25_610), "window": (52_310, 14_077),
        "unknown_provider": (49_855, 13_740), "same_day": (48_902, 13_740), "used": (48_902, 13_740),
        "patients_below_min_visits": (11_020, 8_328),
    }  # fmt: skip
    rows = [
        {
            "step_order": order,
            "step": step,
            "n_visits": visits,
            "n_patients": patients,
            "share_of_visits": visits / 148_220,
        }
        for order, (step, (visits, patients)) in enumerate(steps.items(), start=1)
    ]
    return protect(pl.DataFrame(rows), name="flow", keys=["step_order", "step"])


COUNTIES = {"05": 0.06, "08": 0.02, "09": -0.08, "13": 0.04, "21": 0.0, "90": -0.02}


def slim(row: dict[str, Any]) -> dict[str, Any]:
    kept = ("role", "index", "n_patients", "n_visits", "n_providers", "estimate", "std_error", "ci_low", "ci_high")
    return {name: row[name] for name in kept}


def trend_table() -> ProtectedTable:
    rows = [
        {"period_start": datetime(year, 1, 1), "period_end": datetime(year + 1, 1, 1), **slim(row)}
        for year in range(2020, 2026)
        for row in estimate_rows((2022 - year) / 60, 3 if year == 2021 else 4000)
        if row["index"] == "coc"
    ]
    keys = ["role", "index", "period_start", "period_end"]
    return protect(pl.DataFrame(rows), name="trend", keys=keys)


def area_table() -> ProtectedTable:
    rows = [
        {"area_code": code, **slim(row)}
        for code, difference in COUNTIES.items()
        for row in estimate_rows(difference, 4 if code == "09" else 900)
        if row["index"] in ("coc", "own_visit_share")
    ]
    return protect(pl.DataFrame(rows), name="area", keys=["role", "area_code", "index"])


def access_table() -> ProtectedTable:
    rows = [
        {
            "role": role,
            "unit_id": unit,
            "n_patients": n,
            "n_visits": 2 * n,
            "n_providers": max(2, min(60, n // 12)),
            "share_assessed": 0.8,
            "median_days": 6.0 + place,
            "share_within_14_days": 0.75 - 0.02 * place,
        }
        for role in ROLES
        for place, (unit, (_, n)) in enumerate(UNITS.items())
    ]
    return protect(pl.DataFrame(rows), name="access", keys=["role", "unit_id"], counts=["share_within_14_days"])


def adjusted_table(parent: ProtectedTable) -> ProtectedTable:
    rows = [
        {
            "unit_id": unit,
            **slim(row),
            "adjusted": row["estimate"] + 0.01,
            "adjusted_low": row["ci_low"] + 0.01,
            "adjusted_high": row["ci_high"] + 0.01,
        }
        for unit, (difference, n_patients) in UNITS.items()
        for row in estimate_rows(difference, n_patients)
        if row["index"] == "coc"
    ]
    return protect(pl.DataFrame(rows), name="adjusted", keys=["role", "unit_id", "index"], parent=parent)


def texts(title: str) -> dict[Any, dict[str, str]]:
    return {
        language: {
            "title": f"{title} ({language})",
            "cause": "Tuntematon tai yhteiskäyttöinen tunnus. <b>Ei lihavoitu.</b>",
            "action": "Pyydä tietojärjestelmän pääkäyttäjältä uusi poiminta.",
        }
        for language in ("fi", "sv", "en")
    }


def finding(key: str, severity: Any = "warning", *, success: bool = True, n_unexpected: int | None = 0) -> Finding:
    return Finding(
        key=key,
        table="visits",
        columns=("provider_id",),
        expectation="expect_column_values_to_not_be_null",
        severity=severity,
        success=success,
        n_rows=148_220,
        n_unexpected=n_unexpected,
        share_unexpected=None if n_unexpected is None else n_unexpected / 148_220,
        observed=None,
        texts=texts(f"Käynneillä on ammattilaisen tunniste: {key}"),
        engine="polars",
    )


def quality_result(*findings: Finding) -> QualityResult:
    skipped = Skipped(
        key="workload_positive",
        table="patients",
        reason="The column workload is absent.",
        missing=("patients.workload",),
        severity="warning",
        texts=texts("Työkuorma on positiivinen"),
    )
    passed = (finding("a", "critical"), finding("b"), *findings)
    return QualityResult(
        passed, (skipped,), {"visits": 148_220, "patients": 31_904}, {"visits.json": "0123456789abcdef"}
    )


def warned_result() -> QualityResult:
    failed = finding("c", success=False, n_unexpected=5_290)
    return quality_result(failed, finding("d", success=False, n_unexpected=None))


def failed_result() -> QualityResult:
    return quality_result(
        finding("c", success=False, n_unexpected=5_290), finding("e", "critical", success=False, n_unexpected=12)
    )


def report_content() -> ReportContent:
    unit = unit_table()
    tables = {
        "whole": whole_table(),
        "unit": unit,
        "team": team_table(unit),
        "distribution": distribution_table(),
        "visit_classes": visit_class_table(),
        "flow": flow_table(),
        "trend": trend_table(),
        "area": area_table(),
        "access": access_table(),
        "adjusted": adjusted_table(unit),
    }
    method = Method(
        indices=INDICES,
        window_start=date(2025, 1, 1),
        window_end=date(2026, 1, 1),
        parameters={
            "min_visits": "3",
            "unknown_provider": "bounds",
            "same_day": "patient_provider_day",
            "level": "provider",
            "role": "doctor, nurse",
            "urgency": "planned",
            "adjusted_for": "n_visits_class, age_band, sex",
            "a_rule_of_the_site": "<i>kesä</i>",
        },
        unit_rule="most_visits",
        team_rule="most_visits",
        time_zone="Europe/Helsinki",
        input_name="käynnit_2025.csv",
        input_fingerprint="9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
        versions={"continuity": "0.1.0", "python": "3.11.7", "polars": "2.1.0"},
        created_on=date(2026, 2, 3),
    )
    return ReportContent(tables, warned_result(), method)


@pytest.fixture(scope="session")
def browser() -> Iterator[Any]:
    """Start Chromium once for all pages."""
    playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
    if not CHROMIUM.exists():
        pytest.skip(f"no Chromium at {CHROMIUM}")
    with playwright.sync_playwright() as running:
        browser = running.chromium.launch(executable_path=str(CHROMIUM), args=ARGS)
        yield browser
        browser.close()


@pytest.fixture(scope="session")
def content() -> ReportContent:
    return report_content()


@pytest.fixture(scope="session")
def changed(content: ReportContent) -> Callable[..., ReportContent]:
    """Give the content with some tables replaced; None takes a table away."""

    def change(**tables: ProtectedTable | None) -> ReportContent:
        kept = {name: table for name, table in {**content.tables, **tables}.items() if table is not None}
        return ReportContent(kept, content.quality, content.method)

    return change


@pytest.fixture(scope="session")
def warned() -> QualityResult:
    return warned_result()


@pytest.fixture(scope="session")
def failed() -> QualityResult:
    return failed_result()
