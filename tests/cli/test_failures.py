"""Usage, outputs that cannot be written, Ctrl-C, bugs: the right code, no patient's value, nothing half-written."""

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Never

import polars as pl
import pytest

from continuity import files

if TYPE_CHECKING:
    from tests.cli.conftest import Data, Run

Files = Callable[[Path], set[str]]
ROWS = "".join(f"SECRET{n % 5};2025-01-{n % 28 + 1:02d};D{n % 3}\n" for n in range(60))


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "v.csv").write_text("patient_id;visit_at;provider_id\n" + ROWS)
    return tmp_path


USAGE = {
    "no such command": (["banana"], "No such command 'banana'"),
    "no such option": (["metrics", "v.csv", "-o", "t.csv", "--banana"], "No such option '--banana'"),
    "no output": (["metrics", "v.csv"], "Missing option '-o' / '--output'"),
    "no visits": (["metrics", "-o", "t.csv"], "Missing argument 'VISITS'"),
    "no by": (["summary", "v.csv", "-o", "t.csv"], "Missing option '--by'"),
    "by nothing": (["summary", "v.csv", "-o", "t.csv", "--by", " , "], "--by names no column"),
    "an unknown index": (["metrics", "v.csv", "-o", "t.csv", "--index", "cox"], "index cannot be 'cox'"),
    "an unknown role": (["metrics", "v.csv", "-o", "t.csv", "--role", "boss"], "role cannot be 'boss'"),
    "an unknown level": (["metrics", "v.csv", "-o", "t.csv", "--level", "planet"], "'planet' is not one of"),
    "an unknown preset": (["metrics", "v.csv", "-o", "t.csv", "--preset", "x"], "preset cannot be 'x'"),
    "an unknown source": (["metrics", "v.csv", "-o", "t.csv", "--source", "x"], "'x' is not one of"),
    "an unknown zone": (["metrics", "v.csv", "-o", "t.csv", "--time-zone", "Mars"], "no time zone named 'Mars'"),
    "an unknown encoding": (["metrics", "v.csv", "-o", "t.csv", "--encoding", "x-y"], "no encoding named 'x-y'"),
    "a separator of two": (["metrics", "v.csv", "-o", "t.csv", "--separator", "::"], "one character"),
    "no visits at least": (["metrics", "v.csv", "-o", "t.csv", "--min-visits", "0"], "0 is not in the range"),
    "half a window": (["metrics", "v.csv", "-o", "t.csv", "--window", "2025-01-01"], "--window cannot be read"),
    "an empty window": (["metrics", "v.csv", "-o", "t.csv", "--window", "2026-01-01:2025-01-01"], "is empty"),
    "a window of no date": (["metrics", "v.csv", "-o", "t.csv", "--window", "a:b"], "date that cannot be read"),
    "every without bounds": (["metrics", "v.csv", "-o", "t.csv", "--every", "1mo", "--period", "1mo"], "need bounds"),
    "every of nothing": (
        ["metrics", "v.csv", "-o", "t.csv", "--window", "2025-01-01:2026-01-01", "--every", "0mo", "--period", "1mo"],
        "every='0mo'",
    ),
    "every of no duration": (
        ["metrics", "v.csv", "-o", "t.csv", "--window", "2025-01-01:2026-01-01", "--every", "x", "--period", "1mo"],
        "every='x'",
    ),
    "columns without a sign": (["metrics", "v.csv", "-o", "t.csv", "--columns", "patient_id"], "--columns cannot be"),
    "columns of no name": (
        ["metrics", "v.csv", "-o", "t.csv", "--columns", "patent_id=v"],
        "Did you mean 'patient_id'?",
    ),
    "an output of no form": (["metrics", "v.csv", "-o", "t.xlsx"], ".parquet or .csv"),
    "a limit that protects nobody": (["report", "v.csv", "-o", "out", "--min-patients", "1"], "min_patients"),
    "no folder of suites": (["check", "v.csv", "--suites", "nothing"], "does not exist"),
    "too few made-up patients": (["demo", "--patients", "1"], "1 is not in the range"),
    "a seed below zero": (["demo", "--patients", "100", "--seed", "-1"], "seed"),
}


@pytest.mark.parametrize("case", USAGE)
def test_usage(cli: "Run", place: Path, files_in: Files, case: str) -> None:
    arguments, part = USAGE[case]
    outcome = cli(*arguments)
    outcome.is_clear_error(2, part)
    assert outcome.out == ""
    assert files_in(place) == {"v.csv"}


WRITING = {
    "metrics": ["-o", "{}/t.csv"],
    "summary": ["--by", "unit_id", "-o", "{}/t.csv"],
    "convert": ["-o", "{}"],
    "check": ["-o", "{}"],
    "report": ["-o", "{}"],
}


def arguments_of(command: str, output: object) -> list[str]:
    return [argument.format(output) for argument in WRITING[command]]


@pytest.mark.parametrize("command", WRITING)
def test_an_output_below_a_file_is_refused(cli: "Run", place: Path, files_in: Files, command: str) -> None:
    cli(command, "v.csv", *arguments_of(command, "v.csv/out")).is_clear_error(2, "v.csv is a file", "another --output")
    assert files_in(place) == {"v.csv"}
    assert (place / "v.csv").read_text().endswith(ROWS)


@pytest.mark.parametrize("command", ["metrics", "summary"])
def test_an_output_that_is_a_folder_is_refused(cli: "Run", place: Path, files_in: Files, command: str) -> None:
    (place / "out" / "t.csv").mkdir(parents=True)
    cli(command, "v.csv", *arguments_of(command, "out")).is_clear_error(2, "t.csv is a folder", "another --output")
    assert files_in(place) == {"v.csv"}


@pytest.mark.parametrize("command", ["metrics", "summary", "convert"])
def test_an_input_is_never_replaced(cli: "Run", place: Path, command: str) -> None:
    name = "visits.parquet" if command == "convert" else "t.csv"
    frame = pl.DataFrame({"patient_id": ["SECRET1"], "visit_at": ["2025-01-03"], "provider_id": ["A"], "more": ["x"]})
    frame.write_parquet(place / name) if command == "convert" else frame.write_csv(place / name)
    before = (place / name).read_bytes()
    (place / "again").symlink_to(place)
    for folder in (".", place, "again"):
        cli(command, name, *arguments_of(command, folder)).is_clear_error(2, "one of the files to be read")
    assert (place / name).read_bytes() == before


@pytest.mark.parametrize("command", ["metrics", "convert", "check"])
def test_folders_that_do_not_exist_are_made(cli: "Run", place: Path, command: str) -> None:
    assert cli(command, "v.csv", *arguments_of(command, "a/b/c")).code == 0
    assert list((place / "a" / "b" / "c").iterdir())


@pytest.mark.skipif(not Path("/proc/self").exists(), reason="there is no /proc here, which nobody can write to")
@pytest.mark.parametrize("command", WRITING)
def test_a_place_that_nobody_can_write_to(cli: "Run", clean: "Data", command: str) -> None:
    outcome = cli(command, clean.visits, *clean.beside, *arguments_of(command, "/proc/nowhere"))
    outcome.is_clear_error(3, "nowhere")


def test_an_older_file_stays_when_a_run_fails(cli: "Run", place: Path, files_in: Files) -> None:
    (place / "t.csv").write_text("the result of last year")
    (place / "bad.csv").write_text("patient_id;visit_at;provider_id\nSECRET1;31.2.2025;A\n")
    cli("metrics", "bad.csv", "-o", "t.csv").is_clear_error(3, "'visit_at'")
    assert (place / "t.csv").read_text() == "the result of last year"
    assert files_in(place) == {"v.csv", "t.csv", "bad.csv"}


def raising(error: BaseException) -> Callable[..., Never]:
    def fail(*_arguments: object, **_more: object) -> Never:
        raise error

    return fail


@pytest.mark.parametrize("command", WRITING)
def test_a_stop_while_writing_leaves_nothing(
    cli: "Run", clean: "Data", place: Path, files_in: Files, *, command: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(files.Path, "replace", raising(KeyboardInterrupt()))  # the step that puts a file in place
    outcome = cli(command, clean.visits, *clean.beside, *arguments_of(command, "out"))
    assert (outcome.code, outcome.out) == (130, "")
    assert outcome.err.strip() == "Stopped; nothing was left half-written."
    assert files_in(place) == {"v.csv"}


@pytest.mark.parametrize(
    ("command", "error"),
    [
        *((command, ValueError("SECRET1 is odd")) for command in WRITING),
        ("metrics", pl.exceptions.PanicException("SECRET1 is odd")),  # no command tells one from the other
    ],
)
def test_a_bug_shows_its_place_and_not_its_words(
    cli: "Run",
    clean: "Data",
    place: Path,
    files_in: Files,
    *,
    command: str,
    error: BaseException,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(files.Path, "replace", raising(error))
    outcome = cli(command, clean.visits, *clean.beside, *arguments_of(command, "out"))
    outcome.is_clear_error(1, "This is a bug in continuity", type(error).__name__, "files.py:", "report it")
    assert "odd" not in outcome.err
    assert outcome.out == ""
    assert files_in(place) == {"v.csv"}


CONSOLE = Path(sys.executable).with_name("continuity")


@pytest.mark.skipif(not CONSOLE.exists(), reason="the console script is not installed beside this Python")
class TestConsoleScript:
    def call(self, place: Path, *arguments: str) -> "subprocess.CompletedProcess[str]":
        command = [CONSOLE, *arguments]
        return subprocess.run(command, check=False, cwd=place, capture_output=True, text=True)

    def test_a_table_is_written_and_the_code_is_0(self, place: Path, files_in: Files) -> None:
        done = self.call(place, "metrics", "v.csv", "-o", "t.parquet")
        assert (done.returncode, done.stderr) == (0, "")
        assert "60 visits of 5 patients" in done.stdout
        assert files_in(place) == {"v.csv", "t.parquet"}

    def test_an_error_has_its_code_and_one_line(self, place: Path) -> None:
        done = self.call(place, "metrics", "nothing.csv", "-o", "t.parquet")
        assert (done.returncode, done.stdout) == (3, "")
        assert done.stderr.startswith("Error: There is no file nothing.csv.")
        assert done.stderr.count("\n") == 1

    def test_a_pipe_shows_no_progress_and_no_colour(self, place: Path) -> None:
        done = self.call(place, "convert", "v.csv", "-o", "out", "--json")
        assert done.returncode == 0
        assert "\x1b" not in done.stdout + done.stderr

    @pytest.mark.parametrize("command", ["", *WRITING, "demo", "indices"])
    def test_help_has_an_example(self, place: Path, command: str) -> None:
        done = self.call(place, *command.split(), "--help")
        assert done.returncode == 0
        assert f"continuity {command}".strip() in done.stdout
        assert ("Example:" if command else "Start with:") in done.stdout
        assert "\\b" not in done.stdout
