"""The words of the field that code, columns and commands share, each written once."""

from typing import Final, Literal, get_args

Role = Literal["doctor", "nurse", "other"]
Sex = Literal["female", "male", "other", "unknown"]
ContactMode = Literal["in_person", "phone", "video", "message", "home", "other"]
Urgency = Literal["planned", "acute"]

Level = Literal["provider", "team", "unit"]
UnknownProvider = Literal["drop", "each_distinct", "one_group", "bounds"]
SameDay = Literal["keep_all", "patient_provider_day", "patient_day"]
TieOrder = Literal["expectation", "visit_id"]
Person = Literal["patient", "household"]
OutputFormat = Literal["wide", "long"]
Grain = Literal["patient", "list", "provider", "unit", "period"]

Estimator = Literal["patient_mean", "visit_weighted", "pooled"]
Interval = Literal["analytic", "bootstrap"]
Design = Literal["compare", "event-study", "its"]
NoAnswer = Literal[
    "not_reached",
    "few_units",
    "one_reached",
    "nobody_to_compare",
    "one_period",
    "not_identified",
    "no_start",
    "short_series",
]

Language = Literal["fi", "sv", "en"]
Severity = Literal["critical", "warning"]
SourceKind = Literal["auto", "table", "avohilmo", "omop", "fhir", "synthea", "database"]

Reason = Literal[
    "no_visits",
    "too_few_visits",
    "below_min_visits",
    "no_assigned_provider",
    "no_list",
    "no_panel_visits",
    "bounds_coincide",
    "single_provider",
    "no_followups",
    "no_lookback",
    "too_few_intervals",
    "no_eligible_patients",
    "no_variation",
    "no_person_time",
    "suppressed",
]

AssignmentMode = Literal["best", "random"]
AttributionRule = Literal["longest_span", "four_cut", "majority", "most_recent"]
Infeasible = Literal["refuse", "nearest", "penalty"]
MoveReason = Literal[
    "own_choice",
    "kept",
    "leaver",
    "unknown_doctor",
    "other_unit",
    "with_household",
    "knows_better",
    "list_full",
    "balance",
    "drawn",
    "new_known",
    "new_household",
    "new_room",
]

DEFAULT_TIME_ZONE: Final = "Europe/Helsinki"


def words(kind: object) -> tuple[str, ...]:
    """Give the allowed words of a ``Literal`` of this module, in their order.

    Parameters
    ----------
    kind : Literal
        One of the word lists of this module, such as ``Role``.

    Returns
    -------
    tuple of str

    Examples
    --------
    >>> words(Urgency)
    ('planned', 'acute')
    """
    return get_args(kind)
