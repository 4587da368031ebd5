"""The codes of FHIR and of the Finnish base profiles in our words."""

from collections.abc import Iterable
from typing import Final

from continuity.sources import avohilmo_codes

HETU: Final = "urn:oid:1.2.246.21"
"""The system of personal identity codes."""
TERHIKKI: Final = "urn:oid:1.2.246.537.26"
"""The system of the professionals' register numbers: the same number is the same provider."""
_LICENCE: Final = "urn:oid:1.2.246.537.6.140"
_OCCUPATION: Final = "urn:oid:1.2.246.537.6.74"
_NUCC: Final = "http://nucc.org/provider-taxonomy"
_HL7_ROLE: Final = "http://terminology.hl7.org/CodeSystem/practitioner-role"
_SNOMED: Final = "http://snomed.info/sct"

KEPT: Final = "finished"
STATUSES: Final = (
    "planned",
    "arrived",
    "triaged",
    "in-progress",
    "onleave",
    "finished",
    "cancelled",
    "entered-in-error",
)
TURVAKIELTO: Final = "TURVAKIELTO"
"""The security label of persons whose whereabouts are not disclosed."""
PRIMARY_CARE: Final = ("AMB", "VR", "HH", "FLD")
"""Encounter classes that are primary care unless told otherwise; not emergency, observation and ward care."""
MODES: Final = {"AMB": "in_person", "EMER": "in_person", "VR": "video", "HH": "home", "FLD": "other"}
EMERGENCY: Final = "EMER"
URGENCIES: Final = {
    **dict.fromkeys(("EM", "UR", "S", "A"), "acute"),
    **dict.fromkeys(("R", "EL", "P", "PRN", "T", "CS", "CR"), "planned"),
}
"""Codes of HL7 v3 ActPriority."""
SEXES: Final = {"female": "female", "male": "male", "other": "other"}

PERFORMERS: Final = ("PPRF", "ATND")
"""Types of participants that come before others: the primary performer, then the attender."""

_ROLES: Final = {
    **{(_LICENCE, code): "doctor" for code in avohilmo_codes.DOCTOR_LICENCES},
    **{(_LICENCE, code): "nurse" for code in avohilmo_codes.NURSE_LICENCES},
    **{(_OCCUPATION, code): "doctor" for code in avohilmo_codes.DOCTOR_OCCUPATIONS},
    **{(_OCCUPATION, code): "nurse" for code in avohilmo_codes.NURSE_OCCUPATIONS},
    (_HL7_ROLE, "doctor"): "doctor",
    (_HL7_ROLE, "nurse"): "nurse",
    (_SNOMED, "309343006"): "doctor",  # physician
    (_SNOMED, "59058001"): "doctor",  # general physician
    (_SNOMED, "408443003"): "doctor",  # general medical practice, as the Finnish profiles write a specialty
    (_SNOMED, "106292003"): "nurse",  # professional nurse
    (_SNOMED, "224535009"): "nurse",  # registered nurse
}
_NUCC_ROLES: Final = {"20": "doctor", "163W": "nurse", "164": "nurse", "363L": "nurse", "364S": "nurse"}
_KNOWN_SYSTEMS: Final = (_LICENCE, _OCCUPATION, _NUCC, _HL7_ROLE)


def role(codings: Iterable[tuple[str, str]]) -> str | None:
    """Give the role that codes of qualifications and professions say: a doctor's outweighs a nurse's, both any other.

    Returns
    -------
    str or None
        None where no code is of a list that is known.

    Examples
    --------
    >>> role([("urn:oid:1.2.246.537.6.140", "001")])
    'doctor'
    """
    said = {found for system, code in codings if (found := _role_of(system, code))}
    return next((name for name in ("doctor", "nurse", "other") if name in said), None)


def _role_of(system: str, code: str) -> str | None:
    if found := _ROLES.get((system, code)):
        return found
    if system == _NUCC:
        return next((name for start, name in _NUCC_ROLES.items() if code.startswith(start)), "other")
    return "other" if system in _KNOWN_SYSTEMS else None
