"""The command line in this process, and the made-up data that it is tried on."""

import json
import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from continuity.cli.main import run
from continuity.synthetic import Setting, Synthetic, generate

SECRET = re.compile(r"SECRET|\bP0\d{6}\b|\bV-?\d|\b\d{6}[-+A]\d{3}\w")
"""What a patient's or visit's id looks like in every table of these tests."""


@dataclass(frozen=True)
class Outcome:
    """What a command did."""

    code: int
    out: str
    err: str

    @property
    def said(self) -> Any:
        """The JSON on stdout, strictly read: NaN is no JSON."""

        def refuse(word: str) -> None:
            raise AssertionError(f"{word} is no JSON")

        return json.loads(self.out, parse_constant=refuse)

    def is_clear_error(self, code: int, *parts: str) -> None:
        """Assert one error with its parts, on stderr only, without a traceback or a value of a patient."""
        assert self.code == code, self
        assert self.err.count("Error:") == 1, self.err
        for part in parts:
            assert part in self.err, self.err
        for text in (self.out, self.err):
            assert "Traceback" not in text
            assert not SECRET.search(text), text


Run = Callable[..., Outcome]


@pytest.fixture
def cli(capfd: pytest.CaptureFixture[str]) -> Run:
    """Run a command; nothing but its own words may reach the two streams."""

    def call(*arguments: object) -> Outcome:
        capfd.readouterr()
        code = run([str(argument) for argument in arguments])
        return Outcome(code, *capfd.readouterr())

    return call


@dataclass(frozen=True)
class Data:
    """Synthetic tables on disk."""

    folder: Path
    tables: Synthetic

    @property
    def visits(self) -> Path:
        return self.folder / "visits.parquet"

    @property
    def beside(self) -> list[Path | str]:
        return ["--patients", self.folder / "patients.parquet", "--providers", self.folder / "providers.parquet"]


Make = Callable[..., Data]


@pytest.fixture(scope="session")
def make(tmp_path_factory: pytest.TempPathFactory) -> Make:
    """Write a synthetic population with the dirt asked for; each kind once a session."""
    made: dict[tuple[str, ...], Data] = {}

    def of(*dirt: Any) -> Data:
        if dirt not in made:
            setting = Setting(n_patients=1_500, patients_per_unit=750, seed=7, dirt=dirt)
            data = Data(tmp_path_factory.mktemp("data"), generate(setting))
            for name in ("visits", "patients", "providers"):
                frame: pl.DataFrame = getattr(data.tables, name)
                frame.write_parquet(data.folder / f"{name}.parquet")
            made[dirt] = data
        return made[dirt]

    return of


@pytest.fixture
def clean(make: Make) -> Data:
    return make()


def tree(folder: Path) -> set[str]:
    """Give every file below a folder, hidden ones too."""
    return {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()}


@pytest.fixture
def files_in() -> Callable[[Path], set[str]]:
    return tree
