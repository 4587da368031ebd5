"""The values of a FHIR resource, each taken only in the form that the standard gives it."""

from datetime import datetime
from typing import Any, Final

import polars as pl

Json = dict[str, Any]
_ZONED: Final = ("%Y-%m-%dT%H:%M:%S%.f%#z", "%Y-%m-%dT%H:%M%#z")
_LOCAL: Final = ("%Y-%m-%dT%H:%M:%S%.f", "%Y-%m-%dT%H:%M", "%Y-%m-%d")
_FIRST_YEAR: Final = 1000  # an earlier one was written with two digits


class MalformedError(ValueError):
    """An element of a resource has another form than FHIR R4 gives it; the line is counted as malformed."""


def text(value: object) -> str | None:
    """Give a text, None where it is absent or blank."""
    if value is None:
        return None
    if not isinstance(value, str):
        raise MalformedError
    return value.strip() or None


def part(value: object) -> Json:
    """Give an object, an empty one where it is absent."""
    if value is None:
        return {}
    if not isinstance(value, dict):
        raise MalformedError
    return value


def parts(value: object) -> list[Json]:
    """Give a list of objects, an empty one where it is absent."""
    if value is None:
        return []
    if not isinstance(value, list) or not all(isinstance(item, dict) for item in value):
        raise MalformedError
    return value


def codings(concepts: object) -> list[tuple[str, str]]:
    """Give system and code of every coding of a list of CodeableConcepts; codings without a code are left out."""
    found = []
    for concept in parts(concepts):
        for coding in parts(concept.get("coding")):
            code = text(coding.get("code"))
            if code is not None:
                found.append((text(coding.get("system")) or "", code))
    return found


def identity(resource: Json) -> str:
    """Give the id of a resource, which a bulk export always has."""
    found = text(resource.get("id"))
    if found is None:
        raise MalformedError
    return found


def updated(resource: Json) -> float:
    """Give the moment of a version in seconds, so that the latest of several is known; 0 where it is not said."""
    said = text(part(resource.get("meta")).get("lastUpdated"))
    try:
        return datetime.fromisoformat(said).timestamp() if said else 0.0
    except (ValueError, OverflowError):
        return 0.0


def identifiers(resource: Json) -> list[str]:
    """Give the identifiers of a resource as ``system|value``."""
    found = []
    for identifier in parts(resource.get("identifier")):
        value = text(identifier.get("value"))
        if value is not None:
            found.append(f"{text(identifier.get('system')) or ''}|{value}")
    return found


def moments(texts: pl.Series, time_zone: str) -> pl.Series:
    """Read FHIR's dateTimes as moments of a zone; a day is its midnight there.

    Parameters
    ----------
    texts : polars.Series
        Text: with an offset, without one (then local), or a day.
    time_zone : str

    Returns
    -------
    polars.Series
        Datetime of `time_zone`; null where the text is a year or month only, or no time.
    """
    column = pl.col(texts.name)
    zoned = pl.coalesce(column.str.to_datetime(form, strict=False, time_unit="us") for form in _ZONED)
    local = pl.coalesce(column.str.to_datetime(form, strict=False, time_unit="us") for form in _LOCAL)
    local = local.dt.replace_time_zone(time_zone, ambiguous="earliest", non_existent="null")
    moment = pl.coalesce(zoned.dt.convert_time_zone(time_zone), local)
    return texts.to_frame().select(pl.when(moment.dt.year() >= _FIRST_YEAR).then(moment).alias(texts.name)).to_series()
