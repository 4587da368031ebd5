"""What a job reads, how it is named in its outputs, and the checks that every job makes before it starts."""

import hashlib
import platform
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import wraps
from importlib.metadata import version
from pathlib import Path
from typing import Concatenate, Final, ParamSpec, TypeVar

import polars as pl

from continuity import sources
from continuity.errors import InputError, UsageError, listing
from continuity.metrics import Rules
from continuity.metrics.engine.attrition import attrition_of
from continuity.metrics.engine.prepare import Sources
from continuity.metrics.engine.windows import Window
from continuity.privacy import Key, enter
from continuity.privacy.door import Held, look, refuse_name
from continuity.schema import TABLES, TableName
from continuity.sources import ReadOptions, Tables, account, database, files
from continuity.vocabulary import SourceKind

P = ParamSpec("P")
R = TypeVar("R")
_ENDS: Final = 1 << 16
_KEPT: Final = 20_000_000  # rows of visits with pseudonyms: about 2 GB
_Stamp = tuple[int, int, int, bytes]
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
    kind : {"auto", "table", "avohilmo", "omop", "fhir", "synthea", "database"}
    options : ReadOptions
    key : Key, optional
        Of the pseudonyms; without one, identity codes are refused.
    """

    visits: str | Path
    patients: str | Path | None = None
    providers: str | Path | None = None
    kind: SourceKind = "auto"
    options: ReadOptions = field(default_factory=ReadOptions)
    key: Key | None = None
    _stamps: dict[Path, _Stamp] = field(default_factory=dict, init=False, repr=False, compare=False)

    @property
    def name(self) -> str:
        """The name of the visits' file, folder or database, without its path or address."""
        return database.name_of(self.visits)

    def found_kind(self) -> SourceKind:
        """Give the kind of the source: the one named, or the one that was recognised."""
        return sources.kind_of(self.visits, self.kind)

    def files(self) -> list[Path]:
        """Give every file that is read; none where a server is asked.

        Raises
        ------
        InputError
            There is no such file.
        """
        locate = sources.KINDS[self.found_kind()].locate
        given = [path for path in (self.visits, self.patients, self.providers) if path is not None]
        return list(dict.fromkeys(file for path in given for file in locate(path)))

    def read(self) -> Tables:
        """Open the tables; visits not in a binary form are parsed once and kept, or each step would parse them again.

        So are those that are given pseudonyms, up to `_KEPT` rows, because each step would join them again.

        Raises
        ------
        InputError
            Something cannot be read, or holds personal identity codes and there is no key.
        """
        kept = not any(path.suffix.lower() in files.BINARY for path in self.files())
        found, held = self._looked_through(self._open)
        if kept and self.key is not None:  # pseudonyms need several passes
            found = _visits_kept(found)
        elif self.key is not None:
            kept = found.visits.select(pl.len()).collect(engine="streaming").item() <= _KEPT
        found = enter(found, held, self.options, key=self.key)
        return _visits_kept(found) if kept else found

    def read_counted(self) -> Tables:
        """Open the tables lazily, with the rows of every one that is read and not derived, counted before the door.

        Raises
        ------
        InputError
            As `read`.
        """
        found, held = self._looked_through(self._counted)
        return enter(found, held, self.options, key=self.key)

    def _counted(self) -> Tables:
        found = self._open()
        is_plain = self.found_kind() in ("table", "database")
        as_they_are = TABLES if is_plain else [name for name, path in self._given().items() if path is not None]
        with readable(found):
            return account.counted(found, as_they_are)

    def _open(self) -> Tables:
        return sources.read(
            self.visits, patients=self.patients, providers=self.providers, kind=self.kind, options=self.options
        )

    def _given(self) -> dict[TableName, str | Path | None]:
        return {"patients": self.patients, "providers": self.providers}

    def _looked_through(self, open_tables: Callable[[], Tables]) -> tuple[Tables, list[Held]]:
        """Open the tables and look through the files meanwhile: both leave a core idle by themselves."""
        locate = sources.KINDS[self.found_kind()].locate
        known = {path: name for name, place in self._given().items() if place is not None for path in locate(place)}
        with ThreadPoolExecutor(1) as beside:
            looking = beside.submit(look, self.files(), self.options, known)
            found = open_tables()
            held = looking.result()
        refuse_name(self.name, "The name of the input")
        return found, held

    @contextmanager
    def unchanged(self) -> Iterator[None]:
        """Remember how the files look, for `refuse_changed`; where the work fails, a change is named as the cause.

        Raises
        ------
        InputError
            The work failed, and a file is not as it was at the start.
        """
        self._stamps.clear()
        self._stamps.update(self._now())
        try:
            yield
        except (Exception, pl.exceptions.PanicException):
            self.refuse_changed()
            raise

    def refuse_changed(self) -> None:
        """Refuse what was read of files that changed meanwhile; to be called when all is read and nothing written yet.

        Raises
        ------
        InputError
            A file has come or gone, or its size, its time of change, its place, or its first and last bytes differ
            from those at the start of `unchanged`.
        """
        changed = sorted({path.name for path, _ in self._stamps.items() ^ self._now().items()})
        if changed:
            raise InputError(
                f"{listing(changed)} changed while it was read.",
                allowed="Needed: files that nobody writes to meanwhile.",
                next_step="Wait until the export is complete, and start again.",
            ) from None

    def _now(self) -> dict[Path, _Stamp]:
        try:
            return {path: _stamp(path) for path in self.files()}
        except (InputError, OSError):
            if not self._stamps:
                raise
            return {}  # all are gone, or one is going

    def refuse_output(self, outputs: Iterable[Path]) -> None:
        """Refuse outputs that cannot be written or would replace what is read, before any work is done.

        Raises
        ------
        UsageError
        """
        read = {path.resolve() for path in self.files()}
        for output in outputs:
            nearest = next(folder for folder in output.absolute().parents if folder.exists())
            if output.is_dir() or not nearest.is_dir():
                why = f"{output.name} is a folder" if output.is_dir() else f"{nearest.name} is a file"
                raise UsageError(f"{output} cannot be written: {why}.", next_step="Name another --output.")
            if output.resolve() in read:
                raise UsageError(
                    f"{output} is one of the files to be read, and would be replaced.",
                    next_step="Name another --output.",
                )

    def fingerprint(self) -> str:
        """Give the SHA-256 of the files of the visits, in the order of their names; of a server, that of the rows."""
        if self.found_kind() == "database" and not sources.KINDS["database"].locate(self.visits):
            return database.digest(sources.read(self.visits, kind=self.kind, options=self.options).visits)
        return self._digest(self.visits)

    def beside(self) -> dict[str, str]:
        """Give the SHA-256 of the files of patients and of providers that were named: the groups come from them."""
        given = {"patients_sha256": self.patients, "providers_sha256": self.providers}
        return {name: self._digest(place) for name, place in given.items() if place is not None}

    def _digest(self, place: str | Path) -> str:
        digest = hashlib.sha256()
        for path in sources.KINDS[self.found_kind()].locate(place):
            with path.open("rb") as file:
                digest.update(hashlib.file_digest(file, "sha256").digest())
        return digest.hexdigest()


def _stamp(path: Path) -> _Stamp:
    """Give what changes with a file: its place, size, time of change, and a digest of its first and last bytes."""
    seen = path.stat()
    with path.open("rb") as file:
        digest = hashlib.sha256(file.read(_ENDS))
        file.seek(max(0, seen.st_size - _ENDS))
        digest.update(file.read(_ENDS))
    return seen.st_ino, seen.st_size, seen.st_mtime_ns, digest.digest()


def watched(job: Callable[Concatenate[Inputs, P], R]) -> Callable[Concatenate[Inputs, P], R]:
    """Let a job run in `Inputs.unchanged`, so that it can refuse files that changed while it read them."""

    @wraps(job)
    def run(inputs: Inputs, /, *arguments: P.args, **more: P.kwargs) -> R:
        with inputs.unchanged():
            return job(inputs, *arguments, **more)

    return run


def _visits_kept(tables: Tables) -> Tables:
    return tables.with_tables(visits=tables.visits.collect(engine="streaming").lazy())


def as_sources(tables: Tables) -> Sources:
    """Give the tables in the form that the engine takes."""
    return Sources(tables.visits, tables.patients, tables.providers)


def at_known_level(rules: Rules, tables: Tables) -> Rules:
    """Take continuity with units where the source does not know the providers; the outputs' parameters say so."""
    return rules.with_(level=tables.level) if tables.level and rules.level == "provider" else rules


@contextmanager
def readable(tables: Tables) -> Iterator[None]:
    """Tell a file whose rows are damaged from a bug: when a step fails, read the tables through once.

    Raises
    ------
    InputError
        A table cannot be read to its end.
    """
    try:
        yield
    except pl.exceptions.PolarsError:
        for name, table in tables.present().items():
            try:
                table.select(pl.all().null_count()).collect(engine="streaming")
            except pl.exceptions.PolarsError:
                raise InputError(
                    f"The rows of {name} cannot be read to the end: the file is damaged.",
                    next_step="Export or copy the file again.",
                ) from None
        raise


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


def refuse_nothing(sources: Sources, rules: Rules, spans: Sequence[Window] | None, where: str) -> None:
    """Refuse a choice of visits that leaves none, and name the step that took the last.

    Raises
    ------
    UsageError
    """
    flow = attrition_of(sources, rules, spans).collect(engine="streaming")
    emptied = flow.filter(pl.col("n_visits") == 0)
    raise UsageError(
        f"No visit of {where} is left: the last went at the step '{emptied['step'][0]}'.",
        allowed=f"Choices made: {_choices(rules, spans)}.",
        next_step="Check the filters, the window and how the words are spelt in the file.",
    )


def _choices(rules: Rules, spans: Sequence[Window] | None) -> str:
    chosen = [f"{name} {value}" for name, value in rules.as_parameters().items() if value not in ("all", "")]
    window = [f"window {spans[0].start:%Y-%m-%d}:{spans[-1].end:%Y-%m-%d}"] if spans else []
    return "; ".join([*chosen, *window])


def versions() -> dict[str, str]:
    """Give the versions of what made the numbers."""
    packages = ("continuity", "polars", "numpy", "scipy", "great-expectations", "altair")
    return {"python": platform.python_version(), **{name: version(name) for name in packages}}
