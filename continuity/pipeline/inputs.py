"""What a job reads, how it is named in its outputs, and the checks that every job makes before it starts."""

import hashlib
import platform
from collections.abc import Callable
from dataclasses import dataclass, field
from importlib.metadata import version
from pathlib import Path

import polars as pl

from continuity import sources
from continuity.errors import InputError
from continuity.metrics.engine.prepare import Sources
from continuity.sources import ReadOptions, Tables, files
from continuity.vocabulary import SourceKind

Progress = Callable[[str], None]
"""Called with the name of each step as it starts."""


def quietly(_step: str) -> None:
    """Report no progress."""


@dataclass(frozen=True)
class Inputs:
    """The files of a job.

    Parameters
    ----------
    visits : path, glob or folder
    patients, providers : path, optional
    kind : {"auto", "table", "synthea"}
    options : ReadOptions
    """

    visits: str | Path
    patients: str | Path | None = None
    providers: str | Path | None = None
    kind: SourceKind = "auto"
    options: ReadOptions = field(default_factory=ReadOptions)

    @property
    def name(self) -> str:
        """The name of the visits' file or folder, without its path."""
        return Path(self.visits).name

    def read(self) -> Tables:
        """Open the tables; visits from text files are parsed once and kept, because each step would parse them again.

        Raises
        ------
        InputError
            Something cannot be read.
        """
        found = sources.read(
            self.visits, patients=self.patients, providers=self.providers, kind=self.kind, options=self.options
        )
        if all(path.suffix.lower() in files.TEXT for path in files.find(self.visits)):
            return found.with_tables(visits=found.visits.collect(engine="streaming").lazy())
        return found

    def fingerprint(self) -> str:
        """Give the SHA-256 of the visit files, in the order of their names."""
        digest = hashlib.sha256()
        for path in files.find(self.visits):
            with path.open("rb") as file:
                digest.update(hashlib.file_digest(file, "sha256").digest())
        return digest.hexdigest()


def as_sources(tables: Tables) -> Sources:
    """Give the tables in the form that the engine takes."""
    return Sources(tables.visits, tables.patients, tables.providers)


def refuse_gaps(visits: pl.LazyFrame, where: str) -> None:
    """Refuse visits that belong to no patient or to no time; a gate that ran before has already said so.

    Raises
    ------
    InputError
        Rows have no patient_id or no visit_at.
    """
    names = ("patient_id", "visit_at")
    missing = visits.select(pl.col(names).null_count()).collect(engine="streaming").row(0, named=True)
    for name, n in missing.items():
        if n:
            raise InputError(
                f"Column '{name}' of {where} is blank in {n:,} {'row' if n == 1 else 'rows'}.",
                allowed="Needed: every visit has a patient and a time.",
                next_step="Run 'continuity check' to see what else is missing, and correct the export.",
            )


def versions() -> dict[str, str]:
    """Give the versions of what made the numbers."""
    packages = ("continuity", "polars", "numpy", "scipy", "great-expectations", "altair")
    return {"python": platform.python_version(), **{name: version(name) for name in packages}}
