"""The suites of expectations as files: read, checked for form, never needing Great Expectations for it."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, NoReturn

from continuity.errors import InputError, did_you_mean, listing
from continuity.quality.groups import GROUP_TESTS
from continuity.quality.results import Texts
from continuity.schema import TABLES, TableName
from continuity.vocabulary import Language, Severity, words

_PARTS: Final = ("title", "cause", "action")
_COLUMN_KEYS: Final = ("column", "column_A", "column_B")
# Ours alone to decide: a suite must not be able to ask for raw values in the results.
_RUNTIME_KWARGS: Final = frozenset({"result_format", "include_config", "catch_exceptions", "batch_id"})


@dataclass(frozen=True)
class Expectation:
    """One entry of a suite.

    Parameters
    ----------
    key : str
        ``meta.key`` of the entry.
    table : {"visits", "patients", "providers"}
    type : str
        Type of the expectation in Great Expectations.
    kwargs : mapping
        Its arguments, without those that would change what results hold.
    severity : {"critical", "warning"}
    texts : mapping
        Title, cause and action per language; English stands in for a language that is not there.
    """

    key: str
    table: TableName
    type: str
    kwargs: Mapping[str, Any]
    severity: Severity
    texts: Texts

    @property
    def is_about_table(self) -> bool:
        """Whether the expectation is about the table or its columns' names and not about rows."""
        return self.type.startswith("expect_table_") or self.type == "expect_column_to_exist"

    @property
    def columns(self) -> tuple[str, ...]:
        """The columns the expectation looks at, each once."""
        test = GROUP_TESTS.get(self.type)
        named = test.columns(self.kwargs) if test else [self.kwargs[key] for key in _COLUMN_KEYS if key in self.kwargs]
        return tuple(dict.fromkeys([*named, *self.kwargs.get("column_list", [])]))


@dataclass(frozen=True)
class Suite:
    """The expectations on one table.

    Parameters
    ----------
    table : {"visits", "patients", "providers"}
    expectations : tuple of Expectation
    fingerprint : str
        First 16 hexadecimal digits of the SHA-256 of the file.
    """

    table: TableName
    expectations: tuple[Expectation, ...]
    fingerprint: str


def default_folder() -> Path:
    """Give the folder of the suites that come with the package.

    Returns
    -------
    pathlib.Path
    """
    inside = Path(__file__).parents[1] / "expectations"
    # A wheel carries the suites inside the package; a checkout has them beside it.
    return inside if inside.is_dir() else inside.parent.parent / "expectations"


def read_suites(folder: Path | None = None) -> tuple[Suite, ...]:
    """Read every suite of a folder.

    Parameters
    ----------
    folder : pathlib.Path, optional
        Holds ``visits.json``, ``patients.json`` and ``providers.json``; by default the suites of the package.

    Returns
    -------
    tuple of Suite
        In the order of the canonical tables.

    Raises
    ------
    InputError
        The folder or a suite is missing, or a file is not a suite.

    Examples
    --------
    >>> [suite.table for suite in read_suites()]
    ['visits', 'patients', 'providers']
    """
    folder = default_folder() if folder is None else folder
    missing = [f"{table}.json" for table in TABLES if not (folder / f"{table}.json").is_file()]
    if missing:
        raise InputError(
            f"The folder of expectations '{folder.name}' lacks {listing(missing)}.",
            allowed=f"It holds one suite for each of {listing(list(TABLES))}; a suite may be empty.",
            next_step="Copy the suites that come with continuity and edit the copies.",
        )
    suites = tuple(_read_suite(folder / f"{table}.json", table) for table in TABLES)
    _refuse_twins([expectation.key for suite in suites for expectation in suite.expectations])
    return suites


def _read_suite(path: Path, table: TableName) -> Suite:
    raw = path.read_bytes()
    try:
        content = json.loads(raw)
    except ValueError as error:
        at = f" (line {error.lineno}, column {error.colno})" if isinstance(error, json.JSONDecodeError) else ""
        raise InputError(
            f"{path.name} is not valid JSON{at}.",
            allowed="A suite is UTF-8 JSON: {'name': ..., 'expectations': [...]} with double quotes.",
            next_step="Correct the file and run again.",
        ) from None
    entries = content.get("expectations") if isinstance(content, dict) else None
    if not isinstance(entries, list):
        _refuse(path.name, "has no list of expectations", "Allowed: {'name': ..., 'expectations': [...]}.")
    expectations = tuple(_expectation(entry, table, f"{path.name}, entry {n}") for n, entry in enumerate(entries, 1))
    return Suite(table, expectations, hashlib.sha256(raw).hexdigest()[:16])


def _expectation(entry: object, table: TableName, where: str) -> Expectation:
    if not isinstance(entry, dict):
        _refuse(where, "is not an object", "An entry has type, kwargs, severity and meta.")
    meta, kwargs, severity = entry.get("meta"), entry.get("kwargs"), entry.get("severity")
    if not isinstance(entry.get("type"), str) or not isinstance(kwargs, dict):
        _refuse(where, "lacks a type or its kwargs", "An entry has type, kwargs, severity and meta.")
    if not isinstance(meta, dict) or not isinstance(meta.get("key"), str):
        _refuse(where, "has no meta.key", "The key names the check in reports, for example 'visit_id_unique'.")
    if severity not in words(Severity):
        _refuse(where, "has no severity that the gate knows", f"Allowed: {listing(words(Severity))}.")
    kwargs = {name: value for name, value in kwargs.items() if name not in _RUNTIME_KWARGS}
    _refuse_nameless(kwargs, entry["type"], where)
    return Expectation(meta["key"], table, entry["type"], kwargs, severity, _texts(meta))


def _texts(meta: Mapping[str, Any]) -> Texts:
    given = meta.get("texts")
    given = given if isinstance(given, dict) else {}
    stand_in = {"title": meta["key"], "cause": "", "action": "", **given.get("en", {})}
    languages: tuple[Language, ...] = words(Language)  # type: ignore[assignment]  # `words` gives str for every word list
    return {
        language: {part: str(given.get(language, {}).get(part, stand_in[part])) for part in _PARTS}
        for language in languages
    }


def _refuse_nameless(kwargs: Mapping[str, Any], expectation_type: str, where: str) -> None:
    test = GROUP_TESTS.get(expectation_type)
    names = test.columns(kwargs) if test else [kwargs[key] for key in _COLUMN_KEYS if key in kwargs]
    listed = kwargs.get("column_list", [])
    if not isinstance(listed, list) or not all(isinstance(name, str) for name in [*names, *listed]):
        _refuse(where, "names a column by something that is not text", "Columns are named by text.")


def _refuse_twins(keys: list[str]) -> None:
    twins = sorted({key for key in keys if keys.count(key) > 1})
    if twins:
        raise InputError(
            f"The suites use the same meta.key more than once: {listing(twins)}.",
            allowed="Each expectation has its own key.",
            next_step="Rename one of them.",
        )


def _refuse(where: str, what: str, allowed: str) -> NoReturn:
    raise InputError(f"{where} {what}.", allowed=allowed, next_step="Correct the file and run again.")


def refuse_unknown_column(expectation: Expectation, column: str, known: list[str]) -> NoReturn:
    """Refuse an expectation on a column that is neither canonical nor derived.

    Parameters
    ----------
    expectation : Expectation
    column : str
        The name in the suite.
    known : list of str
        The columns that an expectation on this table may name.

    Raises
    ------
    InputError
        Always.
    """
    raise InputError(
        f"{expectation.table}.json: the expectation '{expectation.key}' names the column '{column}', "
        f"which is neither canonical nor derived.",
        allowed=f"Columns of {expectation.table}: {', '.join(known)}.",
        next_step=did_you_mean(column, known) or "Correct the file and run again.",
    )
