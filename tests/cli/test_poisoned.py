"""Poisoned input through every command: no file, message or bug report holds an id, a name or the key.

The ids of patients are identity codes (with individual numbers that no living person has), and codes stand in ids of
visits, in reasons, in units and in remarks; patients have names, addresses and phone numbers.
"""

import re
import tempfile
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Never

import polars as pl
import pytest

from continuity import files
from continuity.synthetic import Setting, generate

if TYPE_CHECKING:
    from tests.cli.conftest import Outcome, Run

SECRET = "a secret of this house, and of no other"
SIGNS = "-YXWVU"
DIGEST = re.compile(r"\b[0-9a-f]{64}\b")  # SHA-256 of a file: one in thirty holds what looks like a code
CODE = re.compile(r"\d{6}[-+A-FU-Ya-fu-y–]9\d\d[0-9A-Za-z]")
RAW = re.compile(r"T-9\d{5}|Poisonen|Salakuja|040 555|poisonen@", re.IGNORECASE)


def code_of(number: int) -> str:
    day, month, year = number % 28 + 1, number // 28 % 12 + 1, number // 336 % 100
    return f"{day:02d}{month:02d}{year:02d}{SIGNS[number % 6]}9{number % 100:02d}K"


@pytest.fixture(scope="module")
def poisoned(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("poison")
    made = generate(Setting(n_patients=1_200, patients_per_unit=300, seed=11))
    ids = made.patients["patient_id"].to_list()
    code = {patient: code_of(number) for number, patient in enumerate(ids)}
    staff = {name: f"T-9{number:05d}" for number, name in enumerate(made.providers["provider_id"])}
    patient = pl.col("patient_id").replace_strict(code)
    n = pl.int_range(pl.len())
    visits = made.visits.with_columns(
        patient_id=pl.when(n % 5 == 0).then(patient.str.to_lowercase()).otherwise(patient),
        visit_id=patient + "/" + n.cast(pl.String),
        provider_id=pl.col("provider_id").replace_strict(staff, default=None),
        reason_codes=pl.when(n % 50 == 0).then("K80|" + patient).otherwise(pl.lit("K80")),
        care_type=pl.when(n % 70 == 0).then(patient).otherwise(pl.lit("T11")),
        selite="soitto: " + patient + ", Poisonen",
    )
    visits.write_csv(folder / "visits.csv", separator=";")
    listed = pl.col("listed_provider_id").replace_strict(staff, default=None)
    patients = made.patients.with_columns(patient_id=patient, listed_provider_id=listed, Sukunimi=pl.lit("Poisonen"))
    patients = patients.with_columns(osoite=pl.lit("Salakuja 3"), puhelin=pl.lit("040 555 1234"))
    patients.drop("birth_year", "sex").write_parquet(folder / "patients.parquet")
    providers = made.providers.with_columns(provider_id=pl.col("provider_id").replace_strict(staff))
    providers = providers.with_columns(name=pl.lit("Poisonen"), email=pl.lit("poisonen@example.org"))
    providers.write_parquet(folder / "providers.parquet")
    units = made.patients["unit_id"].drop_nulls().unique().sort()
    starts = pl.DataFrame(
        {"unit_id": units, "starts_at": ["2025-07-01" if n % 2 == 0 else None for n in range(len(units))]}
    )
    starts.write_csv(folder / "starts.csv")
    (folder / "key").write_text(SECRET + "\n")
    return folder


ROLLOUT = ["--rollout", "starts.csv", "--window", "2025-01-01:2026-01-01", "--every", "3mo", "--period", "3mo"]
COMMANDS = {
    "report": ["-o", "{}"],
    "check": ["-o", "{}"],
    "convert": ["-o", "{}"],
    "metrics": ["--all", "-o", "{}/t.csv"],
    "metrics in rows": ["--format", "long", "-o", "{}/t.parquet"],
    "metrics of lists": ["--grain", "list", "-o", "{}/t.csv"],
    "metrics of providers": ["--grain", "provider", "-o", "{}/t.parquet"],
    "summary": ["--by", "sex,unit_id", "--index", "coc", "-o", "{}/t.csv"],
    "assign": ["--infeasible", "nearest", "-o", "{}"],
    "evaluate": ["--design", "event-study", "--index", "upc", *ROLLOUT, "-o", "{}"],
}


def texts(folder: Path) -> Iterator[tuple[str, str]]:
    """Give every file below a folder as text: names, Parquet by its values and metadata, workbooks unzipped."""
    for path in folder.rglob("*"):
        yield str(path), path.name
        if path.suffix == ".parquet":
            frame = pl.read_parquet(path)
            yield str(path), frame.write_json() + str(pl.read_parquet_metadata(path))
        elif zipfile.is_zipfile(path):
            with zipfile.ZipFile(path) as archive:
                yield from (
                    (f"{path}:{name}", archive.read(name).decode("utf-8", "replace")) for name in archive.namelist()
                )
        elif path.is_file():
            yield str(path), path.read_bytes().decode("utf-8", "replace")


def refuse_raw(outcome: "Outcome", *folders: Path) -> None:
    seen = [("stdout", outcome.out), ("stderr", outcome.err)]
    seen += [part for folder in folders for part in texts(folder)]
    for where, text in seen:
        assert not CODE.search(DIGEST.sub("", text)), f"a code in {where}"
        assert not RAW.search(text), f"a raw id or a name in {where}"
        assert SECRET not in text, f"the key in {where}"


@pytest.fixture
def places(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[Path, Path]:
    """Send temporary files and caches to a folder that is looked through."""
    out, scratch = tmp_path / "out", tmp_path / "scratch"
    scratch.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(scratch))
    for name in ("TMPDIR", "HOME", "XDG_CACHE_HOME", "POLARS_TEMP_DIR"):
        monkeypatch.setenv(name, str(scratch))
    monkeypatch.chdir(scratch)
    monkeypatch.delenv("CONTINUITY_KEY", raising=False)
    return out, scratch


def arguments(case: str, poisoned: Path, out: Path) -> list[object]:
    beside = ["--patients", poisoned / "patients.parquet", "--providers", poisoned / "providers.parquet"]
    own = [argument.format(out) for argument in COMMANDS[case]]
    own = [str(poisoned / argument) if argument == "starts.csv" else argument for argument in own]
    visits = ["--visits", poisoned / "visits.csv"] if case == "assign" else [poisoned / "visits.csv"]
    return [case.split(maxsplit=1)[0], *visits, *beside, *own]


@pytest.mark.parametrize("case", COMMANDS)
def test_without_a_key_codes_are_refused_and_nothing_is_written(
    cli: "Run", poisoned: Path, places: tuple[Path, Path], case: str
) -> None:
    outcome = cli(*arguments(case, poisoned, places[0]), "--json")
    assert (outcome.code, outcome.out) == (3, "")
    assert outcome.err.count("Error:") == 1
    for part in (
        "visits.csv: column 'patient_id'",
        "'selite'",
        "patients.parquet: column 'patient_id'",
        "--pseudonymise",
    ):
        assert part in outcome.err
    assert not places[0].exists()
    refuse_raw(outcome, places[1])


@pytest.mark.parametrize("json", [True, False])
@pytest.mark.parametrize("case", COMMANDS)
def test_with_a_key_the_work_is_done_and_nothing_raw_is_left(
    cli: "Run", poisoned: Path, places: tuple[Path, Path], *, case: str, json: bool
) -> None:
    extra = ["--json"] if json else []
    outcome = cli(*arguments(case, poisoned, places[0]), "--pseudonymise", "--key-file", poisoned / "key", *extra)
    assert outcome.code == 0, outcome.err
    assert any(path.is_file() for path in places[0].rglob("*"))
    refuse_raw(outcome, *places)


def test_pseudonyms_are_those_of_the_environments_key_and_indices_are_unchanged(
    cli: "Run", poisoned: Path, places: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    out = places[0]
    for name, key in (("one", ["--key-file", str(poisoned / "key")]), ("two", [])):
        monkeypatch.setenv("CONTINUITY_KEY", SECRET if not key else "another key, that is not used")
        assert cli(*arguments("metrics", poisoned, out / name), "--pseudonymise", *key).code == 0
    one, two = (pl.read_csv(out / name / "t.csv").sort("patient_id") for name in ("one", "two"))
    assert one.equals(two)
    made = generate(Setting(n_patients=1_200, patients_per_unit=300, seed=11))
    assert one["patient_id"].n_unique() == made.visits["patient_id"].n_unique()


def raising(error: BaseException) -> Callable[..., Never]:
    def fail(*_arguments: object, **_more: object) -> Never:
        raise error

    return fail


BUGS = [(case, ValueError(f"{code_of(7)} of Poisonen")) for case in COMMANDS]
BUGS += [("metrics", pl.exceptions.PanicException(f"{code_of(8)} T-900001"))]  # no command tells one from the other


@pytest.mark.parametrize(
    ("case", "error"), BUGS, ids=lambda part: part if isinstance(part, str) else type(part).__name__
)
def test_a_bug_tells_its_place_alone(
    cli: "Run",
    poisoned: Path,
    places: tuple[Path, Path],
    *,
    case: str,
    error: BaseException,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(files.Path, "replace", raising(error))
    outcome = cli(*arguments(case, poisoned, places[0]), "--pseudonymise", "--key-file", poisoned / "key")
    assert outcome.code == 1
    assert "This is a bug in continuity" in outcome.err
    refuse_raw(outcome, places[1], *([places[0]] if places[0].exists() else []))


@pytest.mark.parametrize("option", ["", "--patients"])
def test_a_missing_file_is_named_without_the_code_in_its_name(cli: "Run", poisoned: Path, option: str) -> None:
    missing = poisoned / f"{code_of(7)}_x.csv"
    there = next(poisoned.glob("*.csv"))
    paths = [missing] if not option else [there, option, missing]
    outcome = cli("metrics", *paths, "--index", "coc", "--output", poisoned / "nothing.parquet")
    assert outcome.code in {2, 3}
    assert "(identity code)_x.csv" in outcome.err
    assert code_of(7) not in outcome.err


KEYS: dict[str, tuple[list[str], str]] = {
    "no key": (["--pseudonymise"], "CONTINUITY_KEY"),
    "a key for nothing": (["--key-file", "key"], "Say --pseudonymise too"),
    "no such file": (["--pseudonymise", "--key-file", "nothing"], "The key file nothing cannot be read"),
    "a short key": (["--pseudonymise", "--key-file", "short"], "has 5 bytes"),
}


@pytest.mark.parametrize("case", KEYS)
def test_keys_that_cannot_be_used(cli: "Run", poisoned: Path, places: tuple[Path, Path], case: str) -> None:
    (places[1] / "key").write_text(SECRET)
    (places[1] / "short").write_text("hush!")
    said, part = KEYS[case]
    outcome = cli(*arguments("check", poisoned, places[0]), *said)
    assert (outcome.code, outcome.out) == (2, "")
    assert part in outcome.err
    assert "hush" not in outcome.err
    assert SECRET not in outcome.err
