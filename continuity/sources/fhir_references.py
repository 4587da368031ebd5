"""References between resources: by id, by identifier in a query, or by identifier alone, all to one key."""

import re
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Final, NamedTuple
from urllib.parse import unquote

from continuity.sources.fhir_codes import HETU
from continuity.sources.fhir_values import Json, part, text

_QUERY: Final = re.compile(r"(?:^|/)([A-Z]\w+)\?(?:.*&)?identifier=([^&]+)")
_PLAIN: Final = re.compile(r"(?:^|/)([A-Z]\w+)/([^/?#]+)(?:/_history/[^/]*)?$")
_URN: Final = re.compile(r"^urn:(?:uuid|oid):(.+)$")
PROVIDERS: Final = ("Practitioner", "PractitionerRole")


class Target(NamedTuple):
    """What a reference names: the type of resource where it says so, and its id or its identifier."""

    type: str | None = None
    id: str | None = None
    identifier: str | None = None


def target(reference: Json) -> Target:
    """Read a reference in any of its three forms.

    Examples
    --------
    >>> target({"reference": "Practitioner?identifier=urn:oid:1.2.246.537.26|00198705840"})
    Target(type='Practitioner', id=None, identifier='urn:oid:1.2.246.537.26|00198705840')
    """
    said, kind = text(reference.get("reference")), text(reference.get("type"))
    found = _target(said) if said else Target()
    if found.id is None and found.identifier is None:
        identifier = part(reference.get("identifier"))
        value = text(identifier.get("value"))
        named = f"{text(identifier.get('system')) or ''}|{value}" if value else None
        return Target(kind or found.type, None, named)
    return found if found.type or kind is None else found._replace(type=kind)


@lru_cache(maxsize=1 << 16)
def _target(reference: str) -> Target:
    if found := _QUERY.search(reference):
        return Target(found[1], None, unquote(found[2]))
    if found := _PLAIN.search(reference):
        return Target(found[1], found[2])
    if found := _URN.search(reference):
        return Target(None, found[1])
    return Target()


def shown(identifier: str) -> str:
    """Give the key of an identifier that no resource has; a personal identity code bare, so that it is recognised."""
    system, _, value = identifier.partition("|")
    return value if system == HETU else identifier


@dataclass
class Directory:
    """Practitioners, their roles and organisations, by what references to them say.

    Parameters
    ----------
    ids : mapping of str to str
        Of practitioners: the id under which one person goes, who may have several resources.
    identifiers : mapping of tuple to str
        Type and ``system|value`` to the id.
    roles : mapping of str to (str or None, str or None)
        Id of a PractitionerRole to the keys of the practitioner and the organisation.
    unresolved : Counter
        How often a reference by identifier led to no resource, by type.
    """

    ids: Mapping[str, str] = field(default_factory=dict)
    identifiers: Mapping[tuple[str, str], str] = field(default_factory=dict)
    roles: dict[str, tuple[str | None, str | None]] = field(default_factory=dict)
    unresolved: Counter[str] = field(default_factory=Counter)

    def organisation(self, reference: Json) -> str | None:
        """Give the key of an organisation."""
        return self._key(target(reference), ("Organization",))[1]

    def provider(self, reference: Json) -> tuple[str | None, str | None]:
        """Give the keys of the practitioner that a reference leads to, and of the organisation of the role it names.

        A PractitionerRole leads to its Practitioner: one doctor with two roles is one provider.
        """
        kind, key = self._key(target(reference), PROVIDERS)
        if key is None or kind not in (None, *PROVIDERS):
            return None, None
        if kind == "PractitionerRole" or (kind is None and key in self.roles):
            if key in self.roles:
                return self.roles[key]
            self.unresolved["PractitionerRole"] += 1
            return f"PractitionerRole/{key}", None
        return self.ids.get(key, key), None

    def general_practitioner(self, reference: Json) -> tuple[str | None, str | None]:
        """Give whether a patient is listed with an Organization or a Practitioner, and its key."""
        wanted = target(reference)
        if wanted.type == "Organization":
            return "Organization", self.organisation(reference)
        is_unit = wanted.type is None and ("Organization", wanted.identifier or "") in self.identifiers
        if is_unit:
            return "Organization", self.organisation(reference)
        return "Practitioner", self.provider(reference)[0]

    def _key(self, wanted: Target, types: Iterable[str]) -> tuple[str | None, str | None]:
        if wanted.id is not None:
            return wanted.type, wanted.id
        if wanted.identifier is None:
            return wanted.type, None
        for kind in (wanted.type,) if wanted.type else types:
            if found := self.identifiers.get((kind, wanted.identifier)):
                return kind, found
        kind = wanted.type or next(iter(types))
        if kind in ("Organization", *PROVIDERS):
            self.unresolved[kind] += 1
        return kind, shown(wanted.identifier)


def same_person(pairs: Iterable[tuple[str, str]]) -> dict[str, str]:
    """Give, for each id, the least id among those that share a register number with it.

    Parameters
    ----------
    pairs : iterable of (str, str)
        Id and register number; an id may have several.
    """
    found: dict[str, str] = {}
    first: dict[str, str] = {}
    for name, number in sorted(pairs):
        a, b = _root(found, name), _root(found, first.setdefault(number, name))
        found[max(a, b)] = found[min(a, b)] = min(a, b)
    return {name: _root(found, name) for name in found}


def _root(found: Mapping[str, str], name: str) -> str:
    while found.get(name, name) != name:
        name = found[name]
    return name
