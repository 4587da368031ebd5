"""Names of columns that name or reach a person, in Finnish, Swedish and English, of Synthea, OMOP and FHIR."""

import re
from typing import Final

from continuity.schema import TABLES
from continuity.sources import ReadOptions

_NAMES: Final = re.compile(
    r"""
    (given|first|last|family|sur|middle|maiden|full|patient|provider|doctor|display)_?name | names?
    | first | last | maiden | given | family
    | (etu|suku|koko|kutsuma|potilaan|asiakkaan|laakarin|hoitajan)_?nimi | nimi | etunimet
    | (for|efter|till|patient|hela)_?namn(en)? | namn
    | (street|home|postal|mail|e_?mail)?_?address(es|_?[12])? | street
    | (koti|katu|posti|lahi)?_?osoite | (gatu|post|hem)?_?adress
    | e_?mail | sahkoposti(osoite)? | e_?post(adress)?
    | (mobile|home|work|cell)?_?(phone|telephone|tel)(_?(number|no|nro))? | telecom | fax
    | puh | (matka)?puhelin(numero)? | (mobil)?telefon(nummer)?
    | ssn | social_?security_?(number|no) | drivers | passport | photo | contact
    """,
    re.VERBOSE,
)


def names_person(column: str, options: ReadOptions) -> bool:
    """Tell whether a column names or reaches a person, and nobody asked for it.

    Examples
    --------
    >>> [names_person(name, ReadOptions()) for name in ("Sukunimi", "LÄHIOSOITE", "unit_id", "home phone")]
    [True, True, False, True]
    """
    if column in options.columns.values() or any(column.lower() in names for names in TABLES.values()):
        return False
    plain = column.strip().lower().translate(str.maketrans("äöåé", "aoae"))
    return _NAMES.fullmatch(re.sub(r"[\s.\-]+", "_", plain)) is not None
