"""The list of everything that leaves the house: what each file holds, the rules it passed, and its checksum.

Every command that writes protected numbers lists its files here, so that whoever checks them before they leave a
secure environment reads one form.
"""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import date
from typing import Any, Final, Literal

import polars as pl

from continuity.privacy import Limits, ProtectedTable
from continuity.privacy.ruled import SIZES, limit_of
from continuity.reports.pictures import as_csv
from continuity.reports.protected import refuse_unprotected
from continuity.reports.wording import Words

NAME: Final = "manifest.json"
LIST: Final = "manifest.csv"
MOST_FILES: Final = 50
"""Files that an output check takes at a time, as Findata asks."""
_COUNTED: Final[Mapping[str, str]] = {"n_patients": "patients", "n_visits": "visits", "n_providers": "providers"}

OutputType = Literal["page", "workbook", "table", "figure", "document", "summary", "list"]
Entry = dict[str, Any]


@dataclass(frozen=True)
class Run:
    """What a run read, what it was asked, and with which limits.

    Parameters
    ----------
    command : str
    input : mapping of str to str
        name and sha256 of the visits; patients_sha256 and providers_sha256 where such files were read.
    windows : sequence of (date, date)
        Half-open, in time order.
    indices : sequence of str
    parameters : mapping of str to str
        Every rule of the engine by its name.
    choices : mapping
        What else was asked: groups, design, estimator, ...
    limits : Limits
    time_zone : str
    versions : mapping of str to str
    created_on : date
    earlier : sequence of mapping
        How the run compares with each earlier run that it was given.
    """

    command: str
    input: Mapping[str, str]
    windows: Sequence[tuple[date, date]]
    indices: Sequence[str]
    parameters: Mapping[str, str]
    choices: Mapping[str, Any]
    limits: Limits
    time_zone: str
    versions: Mapping[str, str]
    created_on: date
    earlier: Sequence[Mapping[str, Any]] = ()

    def to_dict(self) -> Entry:
        """Give it as the manifest has it."""
        windows = [{"start": start.isoformat(), "end": end.isoformat()} for start, end in self.windows]
        return {
            "command": self.command,
            "created_on": self.created_on.isoformat(),
            "input": dict(self.input),
            "window": {"start": windows[0]["start"], "end": windows[-1]["end"]} if windows else None,
            "windows": windows,
            "indices": list(self.indices),
            "parameters": dict(self.parameters),
            "choices": dict(self.choices),
            "limits": asdict(self.limits),
            "time_zone": self.time_zone,
            "versions": dict(self.versions),
        }


@dataclass(frozen=True)
class Output:
    """One file of a run.

    Parameters
    ----------
    file : str
        Its path inside the folder.
    data : bytes
    type : str
    results : sequence of str
        Kinds of result, in the words of the catalogue's group ``result``.
    tables : sequence of ProtectedTable
        The tables that its numbers are taken from.
    columns : mapping of str to str
        Name and type of each variable; for a file of several tables, those of the tables.
    title : str
    belongs_to : str
        Files alike in this go into the same batch.
    counts_faults : bool
        Whether it counts rows that fail expectations, which no limit protects.
    """

    file: str
    data: bytes
    type: OutputType
    results: Sequence[str] = ()
    tables: Sequence[ProtectedTable] = ()
    columns: Mapping[str, str] = field(default_factory=dict)
    title: str = ""
    belongs_to: str = ""
    counts_faults: bool = False

    def __post_init__(self) -> None:
        refuse_unprotected({f"{self.file} {place}": table for place, table in enumerate(self.tables)})


def manifest(run: Run, outputs: Sequence[Output], words: Words) -> bytes:
    """Describe the files of a run for whoever must approve their export.

    Parameters
    ----------
    run : Run
    outputs : sequence of Output
    words : Words
        Their language gives the texts.

    Returns
    -------
    bytes
        JSON.
    """
    entries = _entries(run, outputs, words)
    held = dict.fromkeys(rule["rule"] for entry in entries for rule in entry["rules_passed"])
    described = {
        **run.to_dict(),
        "language": words.language,
        "earlier_runs": [dict(one) for one in run.earlier],
        "rules": {rule: words(f"rule.{rule}") for rule in held},
        "batches": _batches(entries),
        "outputs": entries,
    }
    return json.dumps(described, ensure_ascii=False, indent=2, allow_nan=False).encode() + b"\n"


def file_list(run: Run, outputs: Sequence[Output], words: Words) -> Output:
    """Make the same list as a table to read and to copy from: one line a file, in the language of the words."""
    rows = [
        {
            words("manifest.batch"): entry["batch"],
            words("manifest.file"): entry["file"],
            words("manifest.type"): words(f"output.{entry['type']}"),
            words("manifest.title"): entry["title"],
            words("manifest.results"): "; ".join(entry["results"]),
            words("manifest.variables"): ", ".join(f"{one['name']} ({one['label']})" for one in entry["variables"]),
            words("manifest.counted"): ", ".join(words(f"counted.{one}") for one in entry["units_counted"]),
            words("manifest.smallest"): entry["smallest_cell"],
            words("manifest.rules"): "; ".join(_short(rule) for rule in entry["rules_passed"]),
            words("manifest.deviations"): " ".join(one["text"] for one in entry["deviations"]),
            "sha256": entry["sha256"],
        }
        for entry in _entries(run, outputs, words)
    ]
    return Output(LIST, as_csv(pl.DataFrame(rows, infer_schema_length=None)), "list", title=words("manifest.heading"))


def _short(rule: Mapping[str, Any]) -> str:
    return rule["rule"] if rule["limit"] is None else f"{rule['rule']} {rule['limit']}"


def _entries(run: Run, outputs: Sequence[Output], words: Words) -> list[Entry]:
    numbers = batch_numbers([output.belongs_to or output.file for output in outputs])
    return [
        {"file": output.file, "batch": number, **_described(output, run.limits, words)}
        for output, number in zip(outputs, numbers, strict=True)
    ]


def batch_numbers(groups: Sequence[str], most: int = MOST_FILES) -> list[int]:
    """Give each file the number of its batch; the files of one group stay together, and the manifest is in the first.

    Parameters
    ----------
    groups : sequence of str
        One a file, in order.
    most : int
        Files of a batch.

    Examples
    --------
    >>> batch_numbers(["page", "map", "map", "map", "trend", "trend"], most=4)
    [1, 2, 2, 2, 3, 3]
    """
    numbers: list[int] = []
    number, room = 1, most - 2  # manifest.json and manifest.csv
    for place, group in enumerate(groups):
        opens = place == 0 or groups[place - 1] != group
        size = next((n for n, other in enumerate(groups[place:]) if other != group), len(groups) - place)
        if room == 0 or (opens and room < size <= most):
            number, room = number + 1, most
        numbers.append(number)
        room -= 1
    return numbers


def _batches(entries: Sequence[Entry]) -> list[Entry]:
    first = [NAME]
    numbers = sorted({entry["batch"] for entry in entries} | {1})
    files = {
        number: [*(first if number == 1 else []), *(entry["file"] for entry in entries if entry["batch"] == number)]
        for number in numbers
    }
    return [{"batch": number, "n_files": len(names), "files": names} for number, names in files.items()]


def _described(output: Output, limits: Limits, words: Words) -> Entry:
    tables = output.tables
    columns = output.columns or {name: str(kind) for table in tables for name, kind in table.frame.schema.items()}
    smallest = _smallest(tables)
    return {
        "type": output.type,
        "title": output.title,
        "results": [words(f"result.{result}") for result in output.results],
        "tables": [table.name for table in tables],
        **({"keys": list(tables[0].keys)} if len(tables) == 1 else {}),
        "variables": [{"name": name, "dtype": kind, "label": _label(name, words)} for name, kind in columns.items()],
        "units_counted": [_COUNTED[column] for column in smallest],
        "n_cells": sum(table.frame.height for table in tables),
        "n_suppressed": sum(table.n_suppressed for table in tables),
        "smallest_cell": smallest.get("n_patients"),
        "smallest": smallest,
        "limits": asdict(limits) if tables else None,
        "rules_passed": _rules(tables, limits),
        "deviations": _deviations(output, limits, words),
        "bytes": len(output.data),
        "sha256": hashlib.sha256(output.data).hexdigest(),
    }


def _label(name: str, words: Words) -> str:
    return words.of_code("column" if words.knows("column", name) else "group", name) if "." not in name else name


def _smallest(tables: Sequence[ProtectedTable]) -> dict[str, int | None]:
    """Give the smallest number shown of each thing that is counted; null where none is shown."""
    found: dict[str, int | None] = {}
    for column in _COUNTED:
        counted = [table.frame[column] for table in tables if column in table.frame.columns]
        if counted:
            found[column] = min((int(n) for values in counted for n in values.drop_nulls()), default=None)
    return found


def _rules(tables: Sequence[ProtectedTable], limits: Limits) -> list[Entry]:
    """Name the rules on sizes that every table passed, and the others where they apply."""
    held = dict.fromkeys(rule for table in tables for rule in table.rules)
    sizes = set(SIZES.values())
    passed = [rule for rule in held if rule not in sizes or all(rule in table.rules for table in tables)]
    return [{"rule": rule, "limit": limit_of(rule, limits)} for rule in passed]


def _deviations(output: Output, limits: Limits, words: Words) -> list[Entry]:
    """Say what a checker would ask about: sizes not judged, limits that were lowered, numbers without limits."""
    found: list[Entry] = []
    for rule in SIZES.values() if output.tables else ():
        if lacking := [table.name for table in output.tables if rule not in table.rules]:
            text = words("deviation.not_judged", rule=rule, tables=", ".join(lacking))
            found.append({"deviation": "not_judged", "rule": rule, "tables": lacking, "text": text})
        usual, limit = getattr(Limits(), rule), getattr(limits, rule)
        if limit > usual if rule == "max_provider_share" else limit < usual:
            text = words("deviation.below_usual", rule=rule, limit=str(limit), usual=str(usual))
            found.append({"deviation": "below_usual", "rule": rule, "text": text})
    if output.counts_faults:
        found.append({"deviation": "quality_counts", "text": words("deviation.quality_counts")})
    return found
