"""Named bundles of rules, each after a publication, with what it cannot reproduce."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from continuity.errors import UsageError


@dataclass(frozen=True)
class Preset:
    """Rules under a name.

    Parameters
    ----------
    rules : mapping
        Values for `continuity.metrics.Rules`; a rule not named keeps its default.
    source : str
        The publication that the rules follow.
    note : str
        What every output made with the preset must say.
    """

    rules: Mapping[str, Any]
    source: str
    note: str


PRESETS: Final[Mapping[str, Preset]] = {
    "thl_like": Preset(
        rules={
            "role": ("doctor",),
            "contact_mode": ("in_person", "phone", "video", "message"),
            "min_visits": 3,
            "same_day": "keep_all",
            "unknown_provider": "drop",
        },
        source="THL, Hoidon jatkuvuus perusterveydenhuollossa; Suomela & Linnosmaa 2020, Lääkärilehti 35/2020",
        note="Approximation of THL's statistic. The minimum number of visits, contact codes, same-day rule and "
        "suppression of the official statistic are not public in full; levels can differ. Use one calendar year as "
        "the window, and role=nurse for the nurses' series.",
    ),
    "nqf_3617": Preset(
        rules={"role": ("doctor",), "min_visits": 2, "same_day": "patient_provider_day"},
        source="NQF 3617 (ABFM), specification summaries; Dai 2022, Ann Fam Med 20:535",
        note="Approximation of NQF 3617: its 12 months of continuous enrolment must be applied to the patients "
        "beforehand.",
    ),
    "hull_2022": Preset(
        rules={"role": ("doctor",), "min_visits": 3, "same_day": "patient_provider_day"},
        source="Hull 2022: UPC in East London, at least 3 visits in 2 years",
        note="Approximation of Hull 2022: use a window of two years; its same-day rule is our choice.",
    ),
}


def preset(name: str) -> Preset:
    """Give a preset by its name.

    Raises
    ------
    UsageError
        There is no such preset.

    Examples
    --------
    >>> preset("nqf_3617").rules["min_visits"]
    2
    """
    if name not in PRESETS:
        raise UsageError.unknown_choice("preset", name, PRESETS)
    return PRESETS[name]
