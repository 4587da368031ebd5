"""Practitioners, PractitionerRoles, Organizations and CareTeams: the directory that encounters are read with."""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final, NamedTuple, TypeVar

from continuity.sources import fhir_codes as codes
from continuity.sources.fhir_references import Directory, same_person, target
from continuity.sources.fhir_values import (
    Json,
    codings,
    identifiers,
    identity,
    part,
    parts,
    text,
    updated,
)

Coding = tuple[str, str]
_CLOSED: Final = ("inactive", "entered-in-error", "proposed", "suspended")


class Practitioner(NamedTuple):
    """What is taken from a Practitioner."""

    id: str
    updated: float
    identifiers: list[str]
    codings: list[Coding]
    languages: list[str]


class Role(NamedTuple):
    """What is taken from a PractitionerRole."""

    id: str
    updated: float
    identifiers: list[str]
    codings: list[Coding]
    practitioner: Json
    organisation: Json
    start: str | None
    end: str | None


class Team(NamedTuple):
    """What is taken from a CareTeam; patient is None where it is nobody's own."""

    id: str
    updated: float
    patient: str | None
    is_open: bool
    members: list[Json]


class Organisation(NamedTuple):
    """What is taken from an Organization."""

    id: str
    updated: float
    identifiers: list[str]


Version = TypeVar("Version", Practitioner, Role, Team, Organisation)


def practitioner(resource: Json) -> Practitioner:
    """Take what is used of a Practitioner."""
    qualifications = [part(q.get("code")) for q in parts(resource.get("qualification"))]
    languages = dict.fromkeys(code for _, code in codings(resource.get("communication")))
    return Practitioner(
        identity(resource), updated(resource), identifiers(resource), codings(qualifications), list(languages)
    )


def role(resource: Json) -> Role:
    """Take what is used of a PractitionerRole."""
    period = part(resource.get("period"))
    return Role(
        identity(resource),
        updated(resource),
        identifiers(resource),
        codings(resource.get("code")) + codings(resource.get("specialty")),
        _reference(resource.get("practitioner")),
        _reference(resource.get("organization")),
        text(period.get("start")),
        text(period.get("end")),
    )


def team(resource: Json) -> Team:
    """Take what is used of a CareTeam."""
    subject = target(part(resource.get("subject")))
    return Team(
        identity(resource),
        updated(resource),
        subject.id or subject.identifier,
        text(resource.get("status")) not in _CLOSED,
        [_reference(participant.get("member")) for participant in parts(resource.get("participant"))],
    )


def organisation(resource: Json) -> Organisation:
    """Take what is used of an Organization."""
    return Organisation(identity(resource), updated(resource), identifiers(resource))


def _reference(value: object) -> Json:
    """Give a reference whose form has been proved, so that no later step can fail on it."""
    reference = part(value)
    target(reference)
    return reference


def latest(versions: Iterable[Version]) -> dict[str, Version]:
    """Give the latest version of each resource, by id; of two of one moment the same one whatever their order."""
    found: dict[str, Version] = {}
    for version in versions:
        known = found.get(version.id)
        if known is None or (version.updated, repr(version)) > (known.updated, repr(known)):
            found[version.id] = version
    return dict(sorted(found.items()))


@dataclass
class Staff:
    """Everyone who may be seen, and how references lead to them.

    Parameters
    ----------
    directory : Directory
    rows : list of dict
        One per provider: provider_id, role, unit_id, team_id, languages, start, end.
    own_teams : dict
        Patient and provider to the patient's own team.
    teams : dict
        Provider to the standing team, where it is one.
    roles : dict
        Provider to doctor, nurse, other or None.
    n_unmapped, n_same, n_several_units, n_closed : int
        Practitioners without a known role, further resources of one person, those of several units, closed teams.
    """

    directory: Directory
    rows: list[dict[str, Any]] = field(default_factory=list)
    own_teams: dict[tuple[str, str], str] = field(default_factory=dict)
    teams: dict[str, str] = field(default_factory=dict)
    roles: dict[str, str | None] = field(default_factory=dict)
    n_unmapped: int = 0
    n_same: int = 0
    n_several_units: int = 0
    n_closed: int = 0


def staff(
    practitioners: Mapping[str, Practitioner],
    roles: Mapping[str, Role],
    organisations: Mapping[str, Organisation],
    teams: Mapping[str, Team],
) -> Staff:
    """Bring the resources about staff together."""
    directory = _directory(practitioners, roles, organisations)
    found = Staff(directory)
    _add_teams(found, teams)
    people: dict[str, list[Practitioner]] = defaultdict(list)
    for person in practitioners.values():
        people[directory.ids[person.id]].append(person)
    held: dict[str, list[Role]] = defaultdict(list)
    for name, (holder, _) in directory.roles.items():
        if holder is not None:
            held[holder].append(roles[name])
    for key, resources in sorted(people.items()):
        found.n_same += len(resources) - 1
        _add_provider(found, key, resources, held[key])
    directory.unresolved.clear()  # what encounters refer to is what counts
    return found


def _directory(
    practitioners: Mapping[str, Practitioner], roles: Mapping[str, Role], organisations: Mapping[str, Organisation]
) -> Directory:
    registered = [
        (person.id, number)
        for person in practitioners.values()
        for number in person.identifiers
        if number.startswith(f"{codes.TERHIKKI}|")
    ]
    ids = {name: name for name in practitioners} | same_person(registered)
    by_identifier: dict[tuple[str, str], str] = {}
    kinds: tuple[tuple[str, Mapping[str, Practitioner | Role | Organisation]], ...] = (
        ("Practitioner", practitioners),
        ("PractitionerRole", roles),
        ("Organization", organisations),
    )
    for kind, resources in kinds:
        for name, resource in resources.items():
            for identifier in resource.identifiers:
                by_identifier.setdefault((kind, identifier), name)
    directory = Directory(ids, by_identifier)
    for name, held in roles.items():
        holder = directory.provider(held.practitioner)[0]
        directory.roles[name] = (holder, directory.organisation(held.organisation))
    return directory


def _add_teams(found: Staff, teams: Mapping[str, Team]) -> None:
    standing: dict[str, set[str]] = defaultdict(set)
    for name, group in teams.items():
        if not group.is_open:
            found.n_closed += 1
            continue
        for member in group.members:
            provider = found.directory.provider(member)[0]
            if provider is None:
                continue
            if group.patient is None:
                standing[provider].add(name)
            else:
                found.own_teams.setdefault((group.patient, provider), name)
    found.teams = {provider: next(iter(names)) for provider, names in standing.items() if len(names) == 1}


def _add_provider(found: Staff, key: str, resources: list[Practitioner], held: list[Role]) -> None:
    said = [coding for resource in resources for coding in resource.codings]
    # A role in a job is asked only where the person's qualification says nothing.
    profession = codes.role(said) or codes.role(coding for job in held for coding in job.codings)
    units = {unit for job in held if (unit := found.directory.roles[job.id][1])}
    found.n_unmapped += profession is None
    found.n_several_units += len(units) > 1
    found.roles[key] = profession
    languages = list(dict.fromkeys(language for resource in resources for language in resource.languages))
    only = held[0] if len(held) == 1 else None
    found.rows.append(
        {
            "provider_id": key,
            "role": profession,
            "team_id": found.teams.get(key),
            "unit_id": next(iter(units)) if len(units) == 1 else None,
            "languages": languages or None,
            "active_from": only.start if only else None,
            "active_to": only.end if only else None,
        }
    )
