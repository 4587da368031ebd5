"""Patients of FHIR: birth year, sex, language, area, listed provider, and death as the end of enrolment."""

import re
from collections.abc import Callable, Iterable
from typing import Any, Final, NamedTuple

import polars as pl

from continuity.sources import account
from continuity.sources import fhir_codes as codes
from continuity.sources.base import Count
from continuity.sources.fhir_references import Directory
from continuity.sources.fhir_values import Json, codings, identity, moments, part, parts, text, updated

_YEAR: Final = re.compile(r"^(\d{4})(?:-\d\d(?:-\d\d)?)?$")
_MUNICIPALITY: Final = "municipality-code"
SCHEMA: Final = {
    "patient_id": pl.String(),
    "updated": pl.Float64(),
    "birth_year": pl.Int64(),
    "sex": pl.String(),
    "language": pl.String(),
    "area_code": pl.String(),
    "listed_provider_id": pl.String(),
    "unit_id": pl.String(),
    "died": pl.String(),
    "n_listed": pl.Int64(),
    "is_secret": pl.Boolean(),
}


class Patient(NamedTuple):
    """The row of a patient; names, addresses and identifiers are not taken."""

    id: str
    updated: float
    birth_year: int | None
    sex: str
    language: str | None
    area_code: str | None
    listed_provider_id: str | None
    unit_id: str | None
    died: str | None
    n_listed: int
    is_secret: bool


def flatten(directory: Directory) -> Callable[[Json], Patient]:
    """Give the function that makes the row of a patient."""

    def row(patient: Json) -> Patient:
        born = _YEAR.match(text(patient.get("birthDate")) or "")
        providers, units = _listed(patient, directory)
        is_secret = any(code == codes.TURVAKIELTO for _, code in codings([{"coding": _labels(patient)}]))
        return Patient(
            identity(patient),
            updated(patient),
            int(born[1]) if born else None,
            codes.SEXES.get(text(patient.get("gender")) or "", "unknown"),
            _language(patient),
            None if is_secret else _area(patient),
            providers[0] if providers else None,
            units[0] if units and not is_secret else None,
            text(patient.get("deceasedDateTime")),
            len(providers),
            is_secret,
        )

    return row


def _labels(patient: Json) -> list[Json]:
    return parts(part(patient.get("meta")).get("security"))


def _listed(patient: Json, directory: Directory) -> tuple[list[str], list[str]]:
    """Give the providers and units that `generalPractitioner` names: it may be a person, a role or a health centre."""
    providers: dict[str, None] = {}
    units: dict[str, None] = {}
    for reference in parts(patient.get("generalPractitioner")):
        kind, key = directory.general_practitioner(reference)
        if key is not None:
            (units if kind == "Organization" else providers)[key] = None
    return list(providers), list(units)


def _language(patient: Json) -> str | None:
    """Give the preferred language, else the first, without its country: ``fi-FI`` is ``fi``."""
    said = parts(patient.get("communication"))
    said.sort(key=lambda item: item.get("preferred") is not True)
    found = [code for item in said for _, code in codings([part(item.get("language"))])]
    return found[0].split("-")[0].lower() if found else None


def _area(patient: Json) -> str | None:
    """Give the municipality of the Finnish profiles' extension, else the district or city of the first address."""
    for extension in parts(patient.get("extension")):
        if (text(extension.get("url")) or "").endswith(_MUNICIPALITY):
            return text(part(extension.get("valueCoding")).get("code"))
    for address in parts(patient.get("address")):
        if found := text(address.get("district")) or text(address.get("city")):
            return found
    return None


def patients(rows: Iterable[Patient], time_zone: str) -> tuple[pl.DataFrame, tuple[Count, ...]]:
    """Give the latest version of each patient, with the columns of the canonical table among others."""
    columns: list[tuple[Any, ...]] = list(rows)
    raw = pl.DataFrame(columns, schema=SCHEMA, orient="row")
    once = raw.sort([*SCHEMA]).unique("patient_id", keep="last", maintain_order=True)
    died = moments(once["died"], time_zone)
    n_unreadable = died.null_count() - once["died"].null_count()
    n_several = once.filter(pl.col("n_listed") > 1).height
    counts = (
        Count("patients", account.READ, raw.height, "rows_in"),
        *account.some("patients", "an older version of the patient", raw.height - once.height, "filter"),
        *account.some(
            "patients", "several generalPractitioner: the first is the listed provider", n_several, "warning"
        ),
        *account.some("patients", "TURVAKIELTO: area and unit left blank", int(once["is_secret"].sum()), "warning"),
        *account.some("patients", "deceasedDateTime is no day: enrolment stays open", n_unreadable, "warning"),
    )
    found = once.with_columns(enrolled_to=died.dt.date())
    return found, counts
