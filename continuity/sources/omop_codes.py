"""Concepts of OMOP's vocabularies in our words, and which of them are outpatient care.

Ids are those of the OMOP standardised vocabularies. FinOMOP's codes for Avohilmo are ``PRIM_OUT-<contact>-<service>``
(before its release 1.8.0 with ``|``); they map onto concepts that mix visits with paperwork, so the code decides.
"""

from collections.abc import Sequence
from typing import Final

import polars as pl

from continuity.sources import avohilmo_codes

EMERGENCY: Final = 9203
OUTPATIENT: Final = (9202, 581477, 581476, 722455, 5083)
"""Outpatient, office, home and telehealth visits; neither inpatient (9201) nor emergency (9203)."""

MODES: Final = {
    9202: "in_person",
    581477: "in_person",
    EMERGENCY: "in_person",
    581476: "home",
    581475: "other",
    722455: "phone",
    5083: "phone",
}
_FINNISH_DEFAULT: Final = tuple(
    f"PRIM_OUT-{contact}-{service}" for contact in avohilmo_codes.CONTACTS for service in avohilmo_codes.SERVICES
)

SEXES: Final = {8507: "male", 8532: "female", 8521: "other"}
ROLES: Final = {
    38004446: "doctor",  # general practice
    38004453: "doctor",  # family practice
    38004456: "doctor",  # internal medicine
}


def finnish_code(source_value: pl.Expr) -> pl.Expr:
    """Give FinOMOP's code for a contact of primary care in its newer form; null for other source values."""
    return pl.when(source_value.str.contains(r"^PRIM_OUT(?:$|[-|])")).then(
        source_value.str.replace_all("|", "-", literal=True)
    )


def contact_mode(concept: pl.Expr, code: pl.Expr) -> pl.Expr:
    """Give the mode of a contact: from the Finnish code where there is one, for its concept says too little."""
    contact = code.str.extract(r"^PRIM_OUT-([^-]+)")
    finnish = contact.replace_strict(avohilmo_codes.MODES, default=None, return_dtype=pl.String)
    usual = concept.replace_strict(MODES, default=None, return_dtype=pl.String)
    return pl.when(code.is_not_null()).then(finnish).otherwise(usual)


def chosen(concept: pl.Expr, source_concept: pl.Expr, source_value: pl.Expr, choices: Sequence[str] | None) -> pl.Expr:
    """Tell which visits are kept, as a Boolean without nulls.

    Parameters
    ----------
    concept, source_concept : polars.Expr
        Int64.
    source_value : polars.Expr
        Text.
    choices : sequence of str, optional
        Concept ids, source values, or the start of source values followed by ``*``. None: outpatient concepts, and of
        the Finnish codes, which decide where there is one, the visits at a health centre's reception (R10, T11).

    Returns
    -------
    polars.Expr
    """
    code = finnish_code(source_value)
    if choices is None:
        usual = concept.is_in(OUTPATIENT)
        return pl.when(code.is_not_null()).then(code.is_in(_FINNISH_DEFAULT)).otherwise(usual).fill_null(value=False)
    if "all" in choices:
        return pl.lit(value=True)
    ids = [int(choice) for choice in choices if _is_id(choice)]
    value = pl.coalesce(code, source_value)
    texts = [
        value.str.starts_with(text[:-1]) if text.endswith("*") else value == text
        for text in (choice.replace("|", "-") if choice.startswith("PRIM_OUT") else choice for choice in choices)
        if not _is_id(text)
    ]
    return pl.any_horizontal(concept.is_in(ids), source_concept.is_in(ids), *texts).fill_null(value=False)


def _is_id(choice: str) -> bool:
    return choice.lstrip("-").isdecimal() and len(choice) < 19  # longer ones are no Int64
