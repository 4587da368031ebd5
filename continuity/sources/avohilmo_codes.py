"""The code lists of Avohilmo: contact types with their validity, professions, and the names that extracts give columns.

Contact codes after the national classification of contact types (revised on 1 January 2019); professions after the
occupations of Statistics Finland (2001) and the rights to practise of Valvira (2008), as Finnish health economists
group them. What a contact counts as here is our own reading.
"""

from collections.abc import Mapping
from datetime import date
from typing import Final

from continuity.vocabulary import ContactMode, Sex

SERVICES: Final = ("T11",)
CONTACTS: Final = ("R10",)
ALL: Final = ("all",)
"""Instead of codes: every service, or every contact that is a visit."""

REVISED: Final = date(2019, 1, 1)
ENDED: Final = ("R40", "R50", "R51", "R55", "R70")
"""Codes that are valid before the revision only."""
BEGUN: Final = ("R41", "R52", "R56", "R71", "R72", "R80")
"""Codes that are valid from the revision on only."""
MODES: Final[Mapping[str, ContactMode]] = {
    "R10": "in_person",
    "R20": "home",
    "R30": "other",
    "R40": "other",
    "R41": "other",
    "R50": "phone",
    "R51": "message",
    "R52": "phone",  # from 2019 telephone and video are one code
    "R55": "message",
    "R56": "message",
    "R90": "other",
}
NO_VISIT: Final = ("R60", "R70", "R71", "R72", "R80")
"""Consultations between professionals, paperwork and ward care: the patient and the provider do not meet."""

DOCTOR_OCCUPATIONS: Final = ("222", "2221", "22211", "22212", "22213")
NURSE_OCCUPATIONS: Final = ("323", "3231", "32311", "32312", "32313", "32314", "32315")
DOCTOR_LICENCES: Final = tuple("000 001 002 031 032 034 701 702 717 718 720 724 810 811 812 900 901 910".split())  # noqa: SIM905
NURSE_LICENCES: Final = tuple("100 300 400 503 508 509 710 727 728 730 740 780 790 800 803 820".split())  # noqa: SIM905

SEXES: Final[Mapping[str, Sex]] = {"1": "male", "2": "female"}

NAMES: Final[Mapping[str, tuple[str, ...]]] = {
    "patient_id": ("shnro", "tnro", "finregistryid"),
    "visit_id": ("kaynti_id", "avohilmo_id", "id"),
    "provider_id": ("skaynti_toteuttaja", "kaynti_toteuttaja"),
    "visit_at": ("kaynti_alkoi",),
    "service": ("kaynti_palvelumuoto",),
    "contact": ("kaynti_yhteystapa",),
    "urgency": ("kaynti_kiireellisyys",),
    "occupation": ("kaynti_ammatti",),
    "licence": ("kaynti_ammattioikeus",),
    "unit": ("palveluntuottaja_yksikko",),
    "producer": ("palveluntuottaja",),
    "home": ("asiakas_kotikunta",),
    "born": ("asiakas_syntymaaika",),
    "sex": ("asiakas_sukupuoli",),
    "contacted_at": ("yhteydenotto_ajankohta",),
    "assessed_at": ("hoidontarve_ajankohta",),
    "cancelled_at": ("peruutus_ajankohta",),
    "cancelled_why": ("peruutus_syy",),
}
"""What a column is here, and what extracts call it, the first that is there; upper and lower case are the same."""
