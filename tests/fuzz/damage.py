"""Small valid inputs of every source, and ways to damage them."""

import gzip
import json
import random
from collections.abc import Callable
from pathlib import Path

SECRET = "131052-308T"  # a made-up identity code as a patient's id: no message may repeat it
Files = dict[str, bytes]


def _lines(*lines: str) -> bytes:
    return ("\n".join(lines) + "\n").encode()


def _table() -> Files:
    rows = [f"{SECRET};A;{day}.1.2025 08:15;doctor;O{day}" for day in range(1, 9)]
    staff = _lines("provider_id;role;fte;languages", "A;doctor;0,8;fi|sv", "B;nurse;1;fi")
    people = _lines("patient_id;birth_year;sex;enrolled_from", f"{SECRET};1952;male;1.1.2020")
    visits = _lines("patient_id;provider_id;visit_at;provider_role;unit_id", *rows)
    return {"visits.csv": visits, "patients.csv": people, "providers.csv": staff}


def _omop() -> Files:
    visit = (
        "visit_occurrence_id,person_id,visit_concept_id,visit_start_date,visit_start_datetime,provider_id,care_site_id"
    )
    rows = [f"{n},-7,9202,2024-01-0{n},2024-01-0{n} 00:00:00,{'NULL' if n == 3 else 10 + n % 2}," for n in range(1, 9)]
    return {
        "VISIT_OCCURRENCE.csv": _lines(f"{visit},visit_source_value", *(f"{row},{SECRET}" for row in rows)),
        "person.csv": _lines(
            "person_id,gender_concept_id,year_of_birth,provider_id,person_source_value", f"-7,8532,1950,10,{SECRET}"
        ),
        "PROVIDER.CSV": _lines("provider_id,specialty_concept_id,care_site_id", "10,38004446,1", "11,0,"),
        "observation_period.csv": _lines(
            "person_id,observation_period_start_date,observation_period_end_date", "-7,2020-01-01,2024-12-31"
        ),
        "death.csv": _lines("person_id,death_date", "-7,2024-06-01"),
        "condition_occurrence.csv": _lines("visit_occurrence_id,condition_concept_id", "1,5", "1,5", "2,6"),
    }


def _fhir() -> Files:
    def reference(text: str) -> dict:
        return {"reference": text}

    seen = ("Practitioner/D", "PractitionerRole/R", "Practitioner?identifier=s|1")
    encounters = [
        {
            "resourceType": "Encounter",
            "id": f"e{n}",
            "meta": {"lastUpdated": f"2024-02-0{n}T00:00:00Z"},
            "status": "finished" if n != 3 else "cancelled",
            "class": {"code": "AMB"},
            "priority": {"coding": [{"code": "R"}]},
            "subject": reference(f"Patient/{SECRET}" if n != 4 else f"Patient?identifier=urn:oid:1.2.246.21|{SECRET}"),
            "participant": [
                {
                    "type": [{"coding": [{"code": "PPRF"}]}],
                    "individual": reference(seen[n % 3]),
                }
            ],
            "period": {"start": f"2024-01-0{n}T10:00:00+02:00"},
            "reasonCode": [{"coding": [{"code": "K86"}]}],
            "serviceProvider": reference("Organization/O"),
            **({"partOf": reference("Encounter/e1")} if n > 5 else {}),
        }
        for n in range(1, 9)
    ]
    patient = {
        "resourceType": "Patient",
        "id": SECRET,
        "identifier": [{"system": "urn:oid:1.2.246.21", "value": SECRET}],
        "birthDate": "1952-10-13",
        "gender": "male",
        "address": [{"city": "Akaa"}],
        "communication": [{"language": {"coding": [{"code": "fi"}]}, "preferred": True}],
        "generalPractitioner": [reference("PractitionerRole/R"), reference("Organization/O")],
        "deceasedDateTime": "2024-06-01",
    }
    code = {"coding": [{"system": "urn:oid:1.2.246.537.6.140", "code": "001"}]}
    doctor = {"resourceType": "Practitioner", "id": "D", "identifier": [{"system": "s", "value": "1"}]}
    role = {"resourceType": "PractitionerRole", "id": "R", "practitioner": reference("Practitioner/D"), "code": [code]}
    team = {"resourceType": "CareTeam", "id": "T", "participant": [{"member": reference("PractitionerRole/R")}]}
    return {
        "encounters.ndjson": _lines(*map(json.dumps, encounters)),
        "Patient.ndjson": _lines(json.dumps(patient)),
        "Practitioner.ndjson": _lines(json.dumps({**doctor, "qualification": [{"code": code}]})),
        "PractitionerRole.ndjson": _lines(json.dumps(role | {"organization": reference("Organization/O")})),
        "CareTeam.ndjson": _lines(json.dumps(team)),
        "Organization.ndjson": _lines(json.dumps({"resourceType": "Organization", "id": "O"})),
    }


def _zipped() -> Files:
    return {f"{name}.gz": gzip.compress(data, mtime=0) for name, data in _fhir().items()}


def _synthea() -> Files:
    columns = "Id,START,STOP,PATIENT,ORGANIZATION,PROVIDER,ENCOUNTERCLASS,DESCRIPTION,REASONCODE"
    rows = [f'e{n},2024-01-0{n}T10:00:00Z,,{SECRET},o{n % 2},d{n % 3},wellness,"Check, full",' for n in range(1, 9)]
    return {
        "encounters.csv": _lines(columns, *rows),
        "patients.csv": _lines("Id,BIRTHDATE,DEATHDATE,GENDER,COUNTY", f"{SECRET},1952-10-13,,M,Akaa"),
        "providers.csv": _lines("Id,ORGANIZATION,SPECIALITY", "d0,o0,GENERAL PRACTICE", "d1,o1,NURSE"),
        "organizations.csv": _lines("Id,NAME", "o0,x", "o1,y"),
    }


def _synthea_2019() -> Files:
    rows = [f"e{n},2012-01-0{n}T10:00:00Z,,{SECRET},o{n % 2},wellness,1,Check,129.16,44.0,x" for n in range(1, 9)]
    return {"encounters.csv": _lines(*rows)}


def _avohilmo() -> Files:
    names = "shnro;kaynti_id;skaynti_toteuttaja;kaynti_alkoi;kaynti_palvelumuoto;kaynti_yhteystapa;kaynti_ammatti"
    rows = [f"{SECRET};{n};T{n % 3};0{n}.03.2023 10:00;T11;R10;22211;;;S\xe4ily" for n in range(1, 9)]
    text = "\n".join([f"{names};peruutus_ajankohta;peruutus_syy;palveluntuottaja", *rows]) + "\n"
    return {"avohilmo.csv": text.encode("latin-1")}


SEEDS: dict[str, Callable[[], Files]] = {
    "table": _table,
    "avohilmo": _avohilmo,
    "omop": _omop,
    "fhir": _fhir,
    "fhir, gzipped": _zipped,
    "synthea": _synthea,
    "synthea of 2019": _synthea_2019,
}
"""Valid inputs, each a folder of files by name."""

_PIECES = (
    *(b"", b"\0", b"\r", b"\n", b"\r\n", b'"', b'""', b",", b";", b"\t", b"|", b"'", b" ", b"\\", b"\xff"),
    *(b"NULL", b"NaN", b"null", b"true", b"-1", b"0", b"1e309", b"9" * 25, b"9223372036854775808", b"1.5", b"-0"),
    *(b"{}", b"[]", b"[[", b"{", b"}", b"]", b'{"a":', b'"\\ud800"', b"\\u0000", b"[" * 2000, b"#", b"?identifier=|"),
    *(b"0000-00-00", b"9999-12-31T23:59:59+14:00", b"2024-02-30", b"2024", b"0001-01-01", b"24:00", b"31.3.2024 03:30"),
    *("ä€\u2028\U0001f600".encode(), "äö".encode("latin-1"), b"\xef\xbb\xbf", b"Encounter", b"Patient/x", b"id"),
)


def damaged(files: Files, draw: random.Random) -> Files:
    """Damage one to four places of the files; in JSON sometimes a value, so that the line stays JSON."""
    found = dict(files)
    for _ in range(draw.randint(1, 4)):
        name = draw.choice(sorted(found))
        if draw.random() < 0.03:
            found.pop(name)
            if not found:
                return dict(files)
        elif name.endswith(".ndjson") and draw.random() < 0.6:
            found[name] = _other_value(found[name], draw)
        elif not name.endswith(".gz") and draw.random() < 0.4:
            found[name] = _other_cell(found[name], draw)
        else:
            found[name] = _other_bytes(found[name], draw)
    return found


def _other_bytes(data: bytes, draw: random.Random) -> bytes:
    start, length = draw.randint(0, len(data)), draw.choice((0, 0, 1, 2, 8, 40))
    way = draw.randrange(6)
    if way == 0:
        return data[:start]  # cut off
    if way == 1:
        return data[:start] + data[start : start + 40] * draw.randint(2, 30) + data[start:]
    if way == 2 and start < len(data):
        return data[:start] + bytes([data[start] ^ 1 << draw.randrange(8)]) + data[start + 1 :]
    if way == 3:
        lines = data.splitlines(keepends=True)
        draw.shuffle(lines)
        return b"".join(lines)
    return data[:start] + draw.choice(_PIECES) + data[start + length :]


def _other_cell(data: bytes, draw: random.Random) -> bytes:
    """Put a piece in the place of one field of a line."""
    lines = data.split(b"\n")
    place = draw.randrange(len(lines))
    separator = b";" if b";" in lines[place] else b","
    cells = lines[place].split(separator)
    cells[draw.randrange(len(cells))] = draw.choice(_PIECES)
    lines[place] = separator.join(cells)
    return b"\n".join(lines)


def _other_value(data: bytes, draw: random.Random) -> bytes:
    """Put another JSON value in the place of one, anywhere in a resource."""
    lines = data.splitlines()
    place = draw.randrange(len(lines)) if lines else 0
    try:
        resource = json.loads(lines[place])
    except (ValueError, IndexError, RecursionError):
        return _other_bytes(data, draw)
    values = (None, True, 0, 1e300, "", " ", "x", SECRET, [], {}, [None], [{}], [[]], {"a": 1}, "2024-13-01", "é\x00")
    holder = resource
    while isinstance(holder, dict | list) and holder:
        keys = sorted(holder) if isinstance(holder, dict) else list(range(len(holder)))
        key = draw.choice(keys)
        if not isinstance(holder[key], dict | list) or not holder[key] or draw.random() < 0.3:
            if draw.random() < 0.2:
                del holder[key]
            else:
                holder[key] = draw.choice(values)
            break
        holder = holder[key]
    lines[place] = json.dumps(resource, ensure_ascii=draw.random() < 0.5).encode("utf-8", "surrogatepass")
    return b"\n".join(lines) + b"\n"


def write(files: Files, folder: Path) -> None:
    """Write the files into an empty folder."""
    folder.mkdir(parents=True, exist_ok=True)
    for old in folder.iterdir():
        old.unlink()
    for name, data in files.items():
        (folder / name).write_bytes(data)
