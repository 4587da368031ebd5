"""`continuity convert` of a register: the account adds up, and the output is whole or as it was."""

import json
import os
import signal
import subprocess
import sys
from datetime import date
from pathlib import Path

import polars as pl
import pytest

from continuity.errors import InputError
from continuity.pipeline import Inputs
from continuity.pipeline.convert import convert
from continuity.synthetic import Setting, write_avohilmo

SETTING = Setting(n_patients=400, start=date(2024, 1, 1))
NAMES = {"visits.parquet", "patients.parquet", "providers.parquet", "conversion.json"}
TABLE = "patient_id,visit_at,provider_id\nP1,2025-01-03,A\n"


@pytest.fixture
def place(tmp_path, monkeypatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def register(tmp_path) -> Path:
    write_avohilmo(SETTING, tmp_path / "register", extract="vatt", noise=0.1)
    return tmp_path / "register"


def contents(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


@pytest.mark.parametrize("choice", [[], ["--contacts", "all"], ["--services", "T11,T26", "--contacts", "R10,R52"]])
def test_rows_read_less_filters_are_the_rows_written(register, choice, cli, place) -> None:
    said = cli("convert", register, *choice, "--output", "out", "--json").said
    account = json.loads(Path("out/conversion.json").read_text())
    assert account == said
    assert account["source"] == "avohilmo"
    left_out = sum(count["n_rows"] for count in account["filters"] if count["table"] == "visits")
    written = pl.read_parquet("out/visits.parquet").height
    assert account["rows_read"]["visits"] - left_out == account["rows_written"]["visits"] == written
    assert account["rows_read"]["visits"] == len((register / "AVOHILMO.csv").read_bytes().splitlines()) - 1


def test_what_is_only_known_while_writing_is_in_the_account(register, cli, place) -> None:
    text = (register / "AVOHILMO.csv").read_text("latin-1").splitlines()
    place = text[0].split(";").index("hoidontarve_ajankohta")
    fields = next(row for row in (line.split(";") for line in text[1:]) if row[31] == "R10" and row[place])
    row = text.index(";".join(fields))
    text[row] = ";".join([*fields[:place], "yesterday", *fields[place + 1 :]])
    (register / "AVOHILMO.csv").write_text("\n".join([*text, ""]), encoding="latin-1")
    account = cli("convert", register, "--output", "out", "--json").said
    notes = {count["what"]: count["n_rows"] for count in account["notes"]}
    assert notes["HOIDONTARVE_AJANKOHTA cannot be read: null"] == 1
    assert "YHTEYDENOTTO_AJANKOHTA cannot be read: null" not in notes  # a warning of nothing is none


def test_metrics_of_a_conversion_are_those_of_the_register(register, cli, place) -> None:
    cli("convert", register, "--contacts", "all", "--output", "out")
    direct = cli("metrics", register, "--contacts", "all", "--output", "a.parquet", "--json").said
    assert direct["mean"] == cli("metrics", "out/visits.parquet", "--output", "b.parquet", "--json").said["mean"]


def test_an_extract_without_professionals_exits_3_and_writes_nothing(place, cli) -> None:
    (place / "a.csv").write_text("AVOHILMO_ID;TNRO;KAYNTI_ALKOI;KAYNTI_PALVELUMUOTO\n1;P1;03.01.2025 10:00;T11\n")
    cli("convert", place / "a.csv", "--output", "out").is_clear_error(3, "skaynti_toteuttaja")
    assert not Path("out").exists()


def test_tables_of_an_older_conversion_do_not_stay(register, tmp_path) -> None:
    out = tmp_path / "out"
    convert(Inputs(register), out)
    assert set(contents(out)) == NAMES
    (tmp_path / "v.csv").write_text(TABLE)
    convert(Inputs(tmp_path / "v.csv"), out)
    assert set(contents(out)) == {"visits.parquet", "conversion.json"}
    assert {path.name for path in tmp_path.iterdir()} == {"register", "out", "v.csv"}


def test_other_files_of_the_folder_stay(register, tmp_path) -> None:
    out = tmp_path / "out"
    out.mkdir()
    (out / "notes.txt").write_text("mine")
    (out / "providers.parquet").write_text("old")
    (tmp_path / "v.csv").write_text(TABLE)
    convert(Inputs(tmp_path / "v.csv"), out)
    assert set(contents(out)) == {"visits.parquet", "conversion.json", "notes.txt"}


def test_the_working_folder_can_be_the_output(tmp_path, monkeypatch) -> None:
    (tmp_path / "v.csv").write_text(TABLE)
    (tmp_path / "out").mkdir()
    monkeypatch.chdir(tmp_path / "out")
    convert(Inputs(tmp_path / "v.csv"), Path())
    assert set(contents(Path())) == {"visits.parquet", "conversion.json"}


@pytest.mark.parametrize("suffix", ["csv", "parquet"])
def test_a_file_that_changes_while_it_is_read_is_noticed(suffix, tmp_path) -> None:
    path, out = tmp_path / f"v.{suffix}", tmp_path / "out"
    frame = pl.DataFrame({"patient_id": ["P1"], "visit_at": [date(2025, 1, 3)], "provider_id": ["A"]})
    frame.write_csv(path) if suffix == "csv" else frame.write_parquet(path)

    def meddle(step: str) -> None:
        if step == "write":
            more = pl.concat([frame, frame])
            more.write_csv(path) if suffix == "csv" else more.write_parquet(path)

    with pytest.raises(InputError, match=f"v.{suffix} changed while it was read"):
        convert(Inputs(path), out, meddle)
    assert not out.exists()
    convert(Inputs(path), out)
    assert pl.read_parquet(out / "visits.parquet").height == 2


KILL = """
import os, signal, sys
from pathlib import Path
from continuity import files
from continuity.pipeline import Inputs, convert as job
def die(*_, **__):
    os.kill(os.getpid(), signal.SIGKILL)
at = sys.argv[3]
if at in ("read", "write"):
    progress = lambda step: die() if step == at else None
else:
    progress = lambda step: None
if at == "account":
    job.json.dumps = die
if at in ("before", "after"):
    exchange = files._exchange
    files._exchange = lambda one, other: die() if at == "before" else (exchange(one, other), die())
from continuity.pipeline.convert import convert
convert(Inputs(sys.argv[1]), Path(sys.argv[2]), progress)
"""


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="two folders change places in one step on Linux")
@pytest.mark.parametrize(
    ("at", "is_new"), [("read", False), ("write", False), ("account", False), ("before", False), ("after", True)]
)
def test_a_kill_leaves_the_old_output_or_the_new(at, is_new, register, tmp_path) -> None:
    out, expected = tmp_path / "out", tmp_path / "expected"
    (tmp_path / "v.csv").write_text(TABLE)
    convert(Inputs(tmp_path / "v.csv"), out)
    old = contents(out)
    convert(Inputs(register), expected)
    done = subprocess.run([sys.executable, "-c", KILL, register, out, at], check=False, env=os.environ)
    assert done.returncode == -signal.SIGKILL
    if is_new:
        assert set(contents(out)) == NAMES
        assert json.loads((out / "conversion.json").read_text()) == json.loads(
            (expected / "conversion.json").read_text()
        )
        assert pl.read_parquet(out / "visits.parquet").equals(pl.read_parquet(expected / "visits.parquet"))
    else:
        assert contents(out) == old
