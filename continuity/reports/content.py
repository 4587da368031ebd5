"""What a report is made of: protected tables, the verdict on the data, and how the numbers came about."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import TYPE_CHECKING, Any

from continuity.privacy import ProtectedTable
from continuity.reports.breaks import Break
from continuity.reports.protected import refuse_unprotected

if TYPE_CHECKING:
    from continuity.quality import QualityResult


@dataclass(frozen=True)
class Method:
    """How the numbers were made, so that a reader can cite and repeat them.

    Parameters
    ----------
    indices : tuple of str
        Keys of the indices, in the order of the report.
    window_start, window_end : date
        The half-open window of the visits.
    parameters : mapping of str to str
        Every rule of the engine by its name.
    unit_rule, team_rule : str
        How a patient came to belong to a unit and to a team: ``"assigned"`` or ``"most_visits"``.
    time_zone : str
        The zone that local times were read in.
    input_name, input_fingerprint : str
        The name of the visit file and the SHA-256 of its content.
    versions : mapping of str to str
        Versions of this package, Python and the libraries that made numbers.
    created_on : date
        The day of the run.
    breaks : tuple of Break
        Changes at the site that break the course over time; the national reform is always among the breaks.
    beside : mapping of str to str
        SHA-256 of the other files that were read: patients_sha256, providers_sha256.
    earlier : sequence of mapping
        How the run compares with earlier ones, as the manifest says it.
    """

    indices: tuple[str, ...]
    window_start: date
    window_end: date
    parameters: Mapping[str, str]
    unit_rule: str
    team_rule: str
    time_zone: str
    input_name: str
    input_fingerprint: str
    versions: Mapping[str, str]
    created_on: date
    breaks: tuple[Break, ...] = ()
    beside: Mapping[str, str] = field(default_factory=dict)
    earlier: Sequence[Mapping[str, Any]] = ()


@dataclass(frozen=True)
class ReportContent:
    """Everything that a report shows.

    Parameters
    ----------
    tables : mapping of str to ProtectedTable
        ``whole``, ``unit``, ``team``, ``distribution``, ``visit_classes``, ``flow``, ``trend``, ``area``, ``access``
        and ``adjusted``; a table that the data cannot give (no team on any visit) is absent.
    quality : QualityResult
        The verdict of the gate.
    method : Method
    """

    tables: Mapping[str, ProtectedTable]
    quality: "QualityResult"
    method: Method

    def __post_init__(self) -> None:
        refuse_unprotected(self.tables)
