"""FHIR: the anchors that the shared data state, and each trap of the format on a small fixture."""

import gzip
import json
from datetime import datetime
from pathlib import Path

import polars as pl
import pytest

import continuity as ct
from continuity.cli import main
from continuity.errors import InputError
from continuity.sources import ReadOptions, Tables, fhir, read

DATA = Path(__file__).parents[2].parent / "shared" / "data" / "fhir_bulk_10"
needs_data = pytest.mark.skipif(not DATA.is_dir(), reason="the shared FHIR data are not beside this checkout")
NPI = "http://hl7.org/fhir/sid/us-npi"
TERHIKKI = "urn:oid:1.2.246.537.26"
LICENCE = "urn:oid:1.2.246.537.6.140"


def encounter(name: str, **more: object) -> dict:
    """A finished encounter of patient P with practitioner D; `more` replaces its elements."""
    return {
        "resourceType": "Encounter",
        "id": name,
        "status": "finished",
        "class": {"code": "AMB"},
        "subject": {"reference": "Patient/P"},
        "participant": [seen("Practitioner/D", "PPRF")],
        "period": {"start": "2024-03-01T10:00:00+02:00"},
        **more,
    }


def seen(reference: str | dict, kind: str | None = None) -> dict:
    individual = {"reference": reference} if isinstance(reference, str) else reference
    return {"individual": individual, **({"type": [{"coding": [{"code": kind}]}]} if kind else {})}


def resource(kind: str, name: str, **elements: object) -> dict:
    return {"resourceType": kind, "id": name, **elements}


def write(folder: Path, *resources: dict) -> Path:
    """One file per type of resource, in the order given."""
    lines: dict[str, list[str]] = {}
    for one in resources:
        lines.setdefault(one["resourceType"], []).append(json.dumps(one, ensure_ascii=False))
    for kind, texts in lines.items():
        (folder / f"{kind}.ndjson").write_text("\n".join(texts) + "\n", encoding="utf-8")
    return folder


def counts(tables: Tables, table: str = "visits") -> dict[str, int]:
    return {count.what: count.n_rows for count in tables.counts if count.table == table}


def providers_of(tables: Tables) -> dict[str, str | None]:
    return dict(tables.visits.select("visit_id", "provider_id").collect().sort("visit_id").iter_rows())


@needs_data
@pytest.mark.parametrize(
    ("classes", "anchors"),
    [
        (["AMB"], (0.5265310562, 0.6717574956, 0.5348534759)),
        (["AMB", "IMP", "EMER", "HH", "VR"], (0.4578106520, 0.6242382622, 0.4868951684)),
    ],
)
def test_the_anchors_of_the_shared_data(classes, anchors):
    visits = read(DATA).visits.filter(pl.col("care_type").is_in(classes))
    found = ct.compute(visits, ["coc", "upc", "secon"]).collect()
    assert tuple(found[key].mean() for key in ("coc", "upc", "secon")) == pytest.approx(anchors, abs=1e-9)


@needs_data
def test_the_shared_data_lose_no_row_and_keep_their_moments():
    tables = read(DATA)
    assert counts(tables)["rows read"] == tables.visits.select(pl.len()).collect().item() == 1_215
    assert tables.visits.collect()["provider_id"].n_unique() == 39
    assert tables.providers.collect().height == 43
    assert tables.patients.collect()["enrolled_to"].drop_nulls().len() == 3
    raw = pl.read_ndjson(DATA / "Encounter.ndjson").select("id", start=pl.col("period").struct.field("start"))
    starts = raw.select(visit_id="id", start=pl.col("start").str.to_datetime("%Y-%m-%dT%H:%M:%S%z"))
    both = tables.visits.collect().join(starts, on="visit_id")
    assert (both["visit_at"].dt.convert_time_zone("UTC") == both["start"]).all()


@needs_data
def test_the_command_line_gives_the_anchor(tmp_path, capsys):
    with pytest.raises(SystemExit) as done:
        main(["metrics", str(DATA), "--care-type", "AMB", "--index", "coc", "-o", str(tmp_path / "coc.csv"), "--json"])
    assert done.value.code == 0
    assert json.loads(capsys.readouterr().out)["mean"]["coc"] == pytest.approx(0.5265310562, abs=1e-9)


@needs_data
def test_several_gzipped_files_in_any_order_give_the_same(tmp_path):
    for path in DATA.glob("*.ndjson"):
        lines = path.read_bytes().splitlines(keepends=True)
        for number, part in enumerate((lines[len(lines) // 2 :], lines[: len(lines) // 2])):
            (tmp_path / f"{number:03}.{path.stem}.ndjson.gz").write_bytes(gzip.compress(b"".join(part)))
    assert fhir.recognise(tmp_path)
    split, whole = read(tmp_path), read(DATA)
    for name, frame in whole.present().items():
        key = "visit_id" if name == "visits" else frame.collect_schema().names()[0]
        assert split.present()[name].sort(key).collect().equals(frame.sort(key).collect()), name
    assert split.counts == whole.counts


def test_three_forms_of_reference_and_a_role_lead_to_one_provider(tmp_path):
    folder = write(
        tmp_path,
        encounter("1"),
        encounter("2", participant=[seen(f"Practitioner?identifier={TERHIKKI}|00198705840")]),
        encounter("3", participant=[seen({"identifier": {"system": TERHIKKI, "value": "00198705840"}})]),
        encounter("4", participant=[seen("PractitionerRole/R1")]),
        encounter("5", participant=[seen("https://ehr.example/fhir/PractitionerRole/R2/_history/3")]),
        encounter("6", participant=[seen(f"Practitioner?identifier={TERHIKKI}%7C00198705840")]),
        encounter("7", participant=[seen("urn:uuid:D")]),
        encounter("8", participant=[seen("Practitioner/D2")]),
        resource("Practitioner", "D", identifier=[{"system": TERHIKKI, "value": "00198705840"}]),
        resource("Practitioner", "D2", identifier=[{"system": TERHIKKI, "value": "00198705840"}]),
        resource("PractitionerRole", "R1", practitioner={"reference": "Practitioner/D"}),
        resource("PractitionerRole", "R2", practitioner={"identifier": {"system": TERHIKKI, "value": "00198705840"}}),
    )
    tables = read(folder)
    assert providers_of(tables) == dict.fromkeys("12345678", "D")
    assert tables.providers.collect()["provider_id"].to_list() == ["D"]
    assert counts(tables, "providers")["a further resource of the same person (Terhikki number)"] == 1


def test_what_is_not_there_keeps_one_key_and_is_counted(tmp_path):
    folder = write(
        tmp_path,
        encounter("1", participant=[seen(f"Practitioner?identifier={NPI}|9")]),
        encounter("2", participant=[seen({"identifier": {"system": NPI, "value": "9"}})]),
        encounter("3", participant=[seen("PractitionerRole/R")]),
    )
    tables = read(folder)
    assert providers_of(tables) == {"1": f"{NPI}|9", "2": f"{NPI}|9", "3": "PractitionerRole/R"}
    said = counts(tables)
    assert said["reference to a Practitioner that is not there: its identifier is the key"] == 2
    assert said["reference to a PractitionerRole that is not there: its identifier is the key"] == 1


def test_a_personal_identity_code_without_a_patient_stays_bare_for_the_door_to_see(tmp_path):
    by_code = {"reference": "Patient?identifier=urn:oid:1.2.246.21|010190-999Y"}
    known = read(
        write(
            tmp_path,
            encounter("1", subject=by_code),
            resource("Patient", "P", identifier=[{"system": "urn:oid:1.2.246.21", "value": "010190-999Y"}]),
        )
    )
    assert known.visits.collect()["patient_id"].to_list() == ["P"]
    (tmp_path / "Patient.ndjson").unlink()
    assert read(tmp_path).visits.collect()["patient_id"].to_list() == ["010190-999Y"]


@pytest.mark.parametrize(
    ("participants", "provider"),
    [
        ([seen("Practitioner/A", "ATND"), seen("Practitioner/B", "PPRF")], "B"),
        ([seen("Practitioner/A"), seen("Practitioner/B", "ATND")], "B"),
        ([seen("Practitioner/A", "SPRF"), seen("Practitioner/B")], "A"),
        ([seen("RelatedPerson/X", "PPRF"), seen("Practitioner/B")], "B"),
        ([seen({"type": "RelatedPerson", "identifier": {"value": "x"}})], None),
        ([seen("#contained")], None),
        ([{"type": [{"text": "nobody"}]}], None),
        ([], None),
    ],
)
def test_the_provider_is_the_performer_then_the_attender_then_the_first(tmp_path, participants, provider):
    tables = read(write(tmp_path, encounter("1", participant=participants)))
    assert providers_of(tables) == {"1": provider}
    assert counts(tables).get("no participant who is a practitioner: provider unknown", 0) == (provider is None)


def test_parents_and_children_are_counted_once(tmp_path):
    nobody: list[dict] = []
    under = {"reference": "Encounter/whole"}
    folder = write(
        tmp_path,
        encounter("whole", participant=nobody, identifier=[{"use": "official", "value": "urn:oid:1.2"}]),
        encounter("child-1", partOf=under),
        encounter("child-2", partOf=under, participant=[seen("Practitioner/E")]),
        encounter("child-3", partOf={"identifier": {"value": "urn:oid:1.2"}}, participant=nobody),
        encounter("lone", participant=nobody),
        encounter("top", participant=[seen("Practitioner/F")]),
        encounter("below", partOf={"reference": "Encounter/top"}, participant=nobody),
        encounter("orphan", partOf={"reference": "Encounter/elsewhere"}),
    )
    tables = read(folder)
    assert providers_of(tables) == {"child-1": "D", "child-2": "E", "lone": None, "top": "F", "orphan": "D"}
    assert counts(tables)["counted with the encounter it is part of, or by its parts"] == 3


def test_encounters_in_a_circle_end(tmp_path):
    folder = write(
        tmp_path,
        encounter("a", partOf={"reference": "Encounter/b"}),
        encounter("b", partOf={"reference": "Encounter/a"}),
        encounter("c", partOf={"reference": "Encounter/c"}),
    )
    assert set(providers_of(read(folder))) == {"a", "b", "c"}


def test_what_did_not_take_place_is_left_out_by_reason(tmp_path):
    folder = write(
        tmp_path,
        *(encounter(s, status=s) for s in ("finished", "cancelled", "entered-in-error", "planned", "in-progress")),
        encounter("odd", status="010190-999Y"),
        encounter("no-patient", subject={"reference": "Group/G"}),
        encounter("no-start", period={}),
        encounter("a-month", period={"start": "2024-03"}),
    )
    tables = read(folder)
    assert list(providers_of(tables)) == ["finished"]
    assert counts(tables) == {
        "rows read": 9,
        "status cancelled": 1,
        "status entered-in-error": 1,
        "status planned": 1,
        "status in-progress": 1,
        "status of no known word": 1,
        "subject is no patient": 1,
        "no period.start": 1,
        "period.start is a year or month only": 1,
    }


def test_the_latest_version_of_an_encounter_counts_in_any_order(tmp_path):
    old = encounter("1", meta={"lastUpdated": "2024-03-01T12:00:00Z"}, status="planned")
    new = encounter("1", meta={"lastUpdated": "2024-03-02T01:00:00+02:00"})
    for pair in ((old, new), (new, old)):
        tables = read(write(tmp_path, *pair))
        assert providers_of(tables) == {"1": "D"}
        assert counts(tables)["an older version of the encounter"] == 1


@pytest.mark.parametrize(
    ("start", "local"),
    [
        ("2024-01-31T23:30:00Z", datetime(2024, 2, 1, 1, 30)),
        ("2024-07-01T10:00:00.123-04:00", datetime(2024, 7, 1, 17, 0, 0, 123_000)),
        ("2024-03-31T01:30:00Z", datetime(2024, 3, 31, 4, 30)),  # the clocks went from 3 to 4 at 01:00 UTC
        ("2024-10-27T00:30:00Z", datetime(2024, 10, 27, 3, 30)),
        ("2024-10-27T01:30:00Z", datetime(2024, 10, 27, 3, 30)),  # the same clock time, an hour later
        ("2024-03-01", datetime(2024, 3, 1)),
        ("2024-03-01T10:15:00", datetime(2024, 3, 1, 10, 15)),
    ],
)
def test_times_are_shown_in_helsinki(tmp_path, start, local):
    visits = read(write(tmp_path, encounter("1", period={"start": start}))).visits.collect()
    assert visits["visit_at"].dt.replace_time_zone(None).to_list() == [local]
    assert visits["visit_at"].dtype == pl.Datetime("us", "Europe/Helsinki")


def test_classes_priorities_units_and_reasons(tmp_path):
    folder = write(
        tmp_path,
        encounter("1", priority={"coding": [{"code": "UR"}]}, serviceProvider={"reference": "Organization/O"}),
        encounter("2", **{"class": {"code": "EMER"}}, participant=[seen("PractitionerRole/R")]),
        encounter("3", **{"class": {"code": "VR"}}, reasonCode=[{"coding": [{"code": "K86"}, {"code": "K86"}]}]),
        encounter("4", **{"class": {"code": "HH"}}, priority={"coding": [{"code": "EL"}]}),
        encounter("5", **{"class": {"code": "IMP"}}),
        resource(
            "PractitionerRole",
            "R",
            practitioner={"reference": "Practitioner/D"},
            organization={"reference": "Organization/O2"},
        ),
    )
    tables = read(folder)
    found = tables.visits.collect().sort("visit_id")
    assert found["contact_mode"].to_list() == ["in_person", "in_person", "video", "home", None]
    assert found["urgency"].to_list() == ["acute", "acute", None, "planned", None]
    assert found["unit_id"].to_list() == ["O", "O2", None, None, None]
    assert found["reason_codes"].to_list() == [None, None, ["K86"], None, None]
    assert tables.care_types == ("AMB", "VR", "HH", "FLD")
    assert [(c.code, c.n_rows) for c in tables.counts if c.kind == "unmapped"][:1] == [("IMP", 1)]


def test_patients_as_the_finnish_profiles_write_them(tmp_path):
    finnish = resource(
        "Patient",
        "P",
        identifier=[{"use": "official", "system": "urn:oid:1.2.246.21", "value": "010190-999Y"}],
        birthDate="1990-01-01",
        gender="male",
        address=[{"city": "Akaa"}],
        extension=[
            {
                "url": "https://hl7.fi/fhir/finnish-base-profiles/StructureDefinition/municipality-code",
                "valueCoding": {"system": "urn:oid:1.2.246.537.6.21", "code": "020"},
            }
        ],
        communication=[
            {"language": {"coding": [{"code": "sv-FI"}]}},
            {"language": {"coding": [{"code": "fi"}]}, "preferred": True},
        ],
        generalPractitioner=[{"reference": "Organization/O"}, {"reference": "PractitionerRole/R"}],
        deceasedDateTime="2024-05-31T22:30:00Z",
    )
    secret = {**finnish, "id": "S", "meta": {"security": [{"code": "TURVAKIELTO"}]}}
    folder = write(
        tmp_path,
        encounter("1"),
        finnish,
        secret,
        resource("PractitionerRole", "R", practitioner={"reference": "Practitioner/D"}),
        resource("Organization", "O"),
    )
    tables = read(folder)
    row, hidden = tables.patients.collect().rows(named=True)
    assert (row["birth_year"], row["sex"], row["language"], row["area_code"]) == (1990, "male", "fi", "020")
    assert (row["listed_provider_id"], row["unit_id"], str(row["enrolled_to"])) == ("D", "O", "2024-06-01")
    assert (hidden["area_code"], hidden["unit_id"], hidden["listed_provider_id"]) == (None, None, "D")
    assert counts(tables, "patients")["TURVAKIELTO: area and unit left blank"] == 1
    assert "010190" not in repr([tables.patients.collect().rows(), tables.counts])


def test_roles_teams_and_units_of_providers(tmp_path):
    def coded(system: str, code: str) -> dict:
        return {"coding": [{"system": system, "code": code}]}

    folder = write(
        tmp_path,
        encounter("1"), encounter("2", participant=[seen("Practitioner/N")]),
        encounter("3", subject={"reference": "Patient/Q"}),
        resource("Practitioner", "D", qualification=[{"code": coded(LICENCE, "001")}],
                 communication=[coded("urn:ietf:bcp:47", "fi"), coded("urn:ietf:bcp:47", "sv")]),
        resource("Practitioner", "N"),
        resource("Practitioner", "X", qualification=[{"code": coded("http://odd.example", "1")}]),
        resource("PractitionerRole", "R", practitioner={"reference": "Practitioner/N"},
                 code=[coded("urn:oid:1.2.246.537.6.74", "32311")], organization={"reference": "Organization/O"},
                 period={"start": "2023-01-01", "end": "2023-12-31"}),
        resource("CareTeam", "T", participant=[{"member": {"reference": "PractitionerRole/R"}}]),
        resource("CareTeam", "own", status="active", subject={"reference": "Patient/P"},
                 participant=[{"member": {"reference": "Practitioner/D"}}]),
        resource("CareTeam", "old", status="inactive", participant=[{"member": {"reference": "Practitioner/N"}}]),
    )  # fmt: skip
    tables = read(folder)
    rows = {row["provider_id"]: row for row in tables.providers.collect().rows(named=True)}
    assert {name: row["role"] for name, row in rows.items()} == {"D": "doctor", "N": "nurse", "X": None}
    assert rows["D"]["languages"] == ["fi", "sv"]
    assert (rows["N"]["unit_id"], rows["N"]["team_id"], str(rows["N"]["active_to"])) == ("O", "T", "2023-12-31")
    teams = dict(tables.visits.select("visit_id", "team_id").collect().iter_rows())
    assert teams == {"1": "own", "2": "T", "3": None}
    assert counts(tables, "providers")["care teams that are not active: left out"] == 1


BROKEN = [
    '{"resourceType":"Encounter","id":"x"',
    "[1]",
    "null",
    '{"resourceType":"Encounter","id":NaN}',
    "\\ud800",
    '{"resourceType":"Encounter","id":"\\ud800"}',
    json.dumps(encounter("x", participant={"individual": {}})),
    json.dumps(encounter("x", period="2024")),
    json.dumps({**encounter("x"), "id": 5}),
    "[" * 100_000,
]


@pytest.mark.parametrize("line", BROKEN, ids=range(len(BROKEN)))
def test_malformed_lines_are_counted_and_above_the_threshold_refused(tmp_path, line):
    good = [json.dumps(encounter(str(number))) for number in range(9)]
    (tmp_path / "e.ndjson").write_text("\n".join([*good[:4], line, "", *good[4:]]) + "\n")
    with pytest.raises(InputError, match=r"1 of 10 lines of Encounter are malformed \(the first is line 5\)"):
        read(tmp_path)
    tables = read(tmp_path, options=ReadOptions(max_malformed=0.1))
    assert counts(tables) == {"rows read": 10, "malformed lines": 1}
    assert tables.visits.collect().height == 9


def test_a_file_that_was_cut_off_is_refused(tmp_path):
    text = "".join(json.dumps(encounter(str(number))) + "\n" for number in range(9))
    (tmp_path / "e.ndjson").write_text(text[:-30])
    with pytest.raises(InputError, match="cut off"):
        read(tmp_path, options=ReadOptions(max_malformed=1))
    (tmp_path / "e.ndjson").unlink()
    (tmp_path / "e.ndjson.gz").write_bytes(gzip.compress(text.encode())[:-20])
    with pytest.raises(InputError, match="cut off"):
        read(tmp_path, kind="fhir")


def test_a_folder_without_encounters_says_what_is_there(tmp_path):
    folder = write(tmp_path, resource("Patient", "P"))
    with pytest.raises(InputError, match=r"holds no FHIR encounters. Found: Patient."):
        read(folder)
    with pytest.raises(InputError, match=r"No encounter is a visit that took place. Left out: status planned \(1\)"):
        read(write(tmp_path, encounter("1", status="planned")))
