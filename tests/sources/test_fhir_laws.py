"""Laws of the FHIR reader: parts and wholes against a recursion, any order of lines, any JSON at all."""

import json
import random
from pathlib import Path

import polars as pl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from continuity.errors import ContinuityError
from continuity.sources import ReadOptions, Tables, fhir
from continuity.sources.fhir_hierarchy import uncounted
from continuity.sources.fhir_references import same_person

SLOW = settings(max_examples=80, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


@st.composite
def forests(draw):
    """Encounters of which each is part of an earlier one, of one that is not there, or of none."""
    n = draw(st.integers(1, 12))
    parents = [draw(st.one_of(st.none(), st.just(99), st.integers(0, i - 1) if i else st.none())) for i in range(n)]
    known = draw(st.lists(st.booleans(), min_size=n, max_size=n))
    return parents, known


def counted(parents: list[int | None], known: list[bool]) -> set[int]:
    """The rule as a recursion from the top."""
    children = {i: [c for c, parent in enumerate(parents) if parent == i] for i in range(len(parents))}

    def below(i: int) -> set[int]:
        found = set().union(*map(below, children[i]))
        return found or ({i} if known[i] else set())

    tops = [i for i, parent in enumerate(parents) if parent is None or parent == 99]
    return set().union(*((below(top) or {top}) for top in tops))


@settings(max_examples=300, deadline=None)
@given(forests(), st.randoms())
def test_parts_and_wholes_are_counted_as_the_recursion_counts_them(forest, chance):
    parents, known = forest
    frame = pl.DataFrame(
        {
            "visit_id": [str(i) for i in range(len(parents))],
            "part_of": [None if parent is None else str(parent) for parent in parents],
            "provider_id": ["D" if flag else None for flag in known],
        },
        schema=dict.fromkeys(("visit_id", "part_of", "provider_id"), pl.String),
    )
    rows = frame.sample(fraction=1, shuffle=True, seed=chance.randrange(1 << 30))
    left_out = uncounted(rows)
    assert left_out.is_unique().all()
    assert set(range(len(parents))) - {int(name) for name in left_out} == counted(parents, known)


def encounter(number: int, **more: object) -> dict:
    return {
        "resourceType": "Encounter",
        "id": f"e{number}",
        "status": "finished",
        "class": {"code": "AMB"},
        "subject": {"reference": "Patient/P"},
        "participant": [{"individual": {"reference": f"PractitionerRole/{number % 3}"}}],
        "period": {"start": f"2024-03-0{1 + number % 9}T10:00:00+02:00"},
        **more,
    }


def write(folder: Path, kind: str, resources: list[dict]) -> None:
    lines = "".join(json.dumps(resource) + "\n" for resource in resources)
    (folder / f"{kind}.ndjson").write_text(lines, encoding="utf-8", errors="surrogatepass")


def adds_up(tables: Tables) -> bool:
    of_visits = [count for count in tables.counts if count.table == "visits"]
    n_read, n_left_out = (sum(c.n_rows for c in of_visits if c.kind == kind) for kind in ("rows_in", "filter"))
    return n_read - n_left_out == tables.visits.collect().height


@SLOW
@given(st.randoms())
def test_the_order_of_lines_does_not_matter(tmp_path, chance: random.Random):
    versions = [encounter(n % 7, meta={"lastUpdated": f"2024-04-0{1 + n % 3}T00:00:00Z"}) for n in range(12)]
    parts = [encounter(n, partOf={"reference": f"Encounter/e{n % 2}"}) for n in (20, 21)]
    names = ("D", "E")
    staff = [
        {"resourceType": "Practitioner", "id": name, "identifier": [{"system": "urn:oid:1.2.246.537.26", "value": "1"}]}
        for name in names
    ]
    roles = [
        {"resourceType": "PractitionerRole", "id": str(n), "practitioner": {"reference": f"Practitioner/{name}"}}
        for n, name in enumerate(("D", "E", "D"))
    ]
    found = []
    for _ in range(2):
        for kind, resources in (("Encounter", versions + parts), ("Practitioner", staff), ("PractitionerRole", roles)):
            write(tmp_path, kind, chance.sample(resources, len(resources)))
        tables = fhir.read(tmp_path, ReadOptions())
        assert adds_up(tables)
        found.append((tables.visits.sort("visit_id").collect(), tables.providers.collect(), tables.counts))
    assert found[0][0].equals(found[1][0])
    assert found[0][1].equals(found[1][1])
    assert found[0][2] == found[1][2]
    assert found[0][0]["provider_id"].unique().to_list() == ["D"]


NAMES = st.sampled_from(["reference", "code", "coding", "system", "value", "start", "type", "x"])
OF_PATIENTS = st.sampled_from(["birthDate", "gender", "address", "communication", "generalPractitioner"])
VALUES = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=6)),
    lambda inner: st.one_of(
        st.lists(inner, max_size=3),
        st.dictionaries(
            st.sampled_from(["reference", "code", "coding", "system", "value", "start", "type", "x"]), inner
        ),
    ),
    max_leaves=6,
)
ELEMENTS = st.sampled_from(
    ["id", "meta", "status", "class", "subject", "participant", "period", "partOf", "reasonCode", "serviceProvider",
     "priority", "resourceType", "identifier"]
)  # fmt: skip


@SLOW
@given(
    st.lists(st.dictionaries(ELEMENTS, VALUES, max_size=3), min_size=1, max_size=4),
    st.dictionaries(
        st.sampled_from(["birthDate", "gender", "address", "communication", "generalPractitioner"]), VALUES
    ),
    st.sampled_from([0.0, 0.5, 1.0]),
)
def test_any_json_is_read_or_refused_in_our_words(tmp_path, changes, of_patient, share):
    write(tmp_path, "Encounter", [encounter(0), *(encounter(n + 1, **change) for n, change in enumerate(changes))])
    write(tmp_path, "Patient", [{"resourceType": "Patient", "id": "P", **of_patient}])
    try:
        tables = fhir.read(tmp_path, ReadOptions(max_malformed=share))
    except ContinuityError:
        return
    assert adds_up(tables)


@pytest.mark.parametrize("time_zone", ["Europe/Helsinki", "UTC", "America/New_York"])
def test_the_zone_changes_what_is_shown_and_not_the_moment(tmp_path, time_zone):
    write(tmp_path, "Encounter", [encounter(n) for n in range(3)])
    visits = fhir.read(tmp_path, ReadOptions(time_zone=time_zone)).visits.collect()
    assert visits["visit_at"].dtype.time_zone == time_zone
    assert visits["visit_at"].dt.convert_time_zone("UTC").dt.hour().to_list() == [8, 8, 8]


@pytest.mark.parametrize("pairs", [[("b", "1"), ("a", "1")], [("c", "1"), ("b", "1"), ("b", "2"), ("a", "2")]])
def test_of_the_ids_of_one_person_the_least_is_the_key_in_whatever_order(pairs: list[tuple[str, str]]) -> None:
    for order in (pairs, pairs[::-1]):
        assert same_person(order) == {name: "a" for name, _ in pairs}


def test_numbers_that_join_two_persons_late_give_the_least_id_to_all() -> None:
    pairs = [("a", "1"), ("b", "2"), ("c", "1"), ("c", "2"), ("d", "2")]
    assert same_person(pairs) == dict.fromkeys("abcd", "a")
    assert same_person([("a", "1"), ("b", "2")]) == {"a": "a", "b": "b"}
