"""NDJSON files: which resources a folder holds, and their lines one by one, with an account of the malformed ones.

Lines are read with Python's own JSON reader. Polars reads nested lists no faster, and its reader of NDJSON takes an
object for the text that it should be and stops at the first malformed line.
"""

import gzip
import json
import zlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Final, NoReturn, TypeVar, cast

from continuity.errors import InputError
from continuity.sources.fhir_values import Json, MalformedError

SUFFIXES: Final = (".ndjson", ".jsonl", ".ndjson.gz", ".jsonl.gz")
RESOURCES: Final = ("Encounter", "Patient", "Practitioner", "PractitionerRole", "CareTeam", "Organization")
_LONGEST: Final = 1 << 26  # a line beyond 64 MB is no resource, and would not fit in memory
_TRIED: Final = 20  # lines tried before a file is taken to hold no resources

Row = TypeVar("Row")


@dataclass
class Lines:
    """What was read of one type of resource.

    Parameters
    ----------
    n_read : int
        Lines that are not blank.
    n_malformed : int
        Of these, lines that are no JSON object or whose elements do not have the form of FHIR R4.
    n_other : int
        Of these, resources of another type.
    """

    n_read: int = 0
    n_malformed: int = 0
    n_other: int = 0


def is_ndjson(path: Path) -> bool:
    """Tell by its name whether a file holds NDJSON."""
    return path.name.lower().endswith(SUFFIXES) and not path.name.startswith(".") and path.is_file()


def resource_type(path: Path) -> str | None:
    """Give the type of the first resource of a file; None where its first lines hold none."""
    try:
        for number, line in enumerate(_raw_lines(path)):
            found = _parse(line)
            if found is not None and isinstance(found.get("resourceType"), str):
                return str(found["resourceType"])
            if number >= _TRIED:
                break
    except InputError:
        pass
    return None


def rows(
    paths: Sequence[Path], kind: str, flatten: Callable[[Json], Row], max_malformed: float
) -> tuple[Lines, Iterator[Row]]:
    """Read the resources of one type, each as the row that `flatten` makes of it.

    Parameters
    ----------
    paths : sequence of Path
    kind : str
        The type of resource.
    flatten : callable
        Takes a resource; raises `MalformedError` where an element has another form.
    max_malformed : float
        The share of lines, 0-1, that may be malformed.

    Returns
    -------
    tuple of (Lines, iterator)
        The account, which is whole when the iterator has ended.

    Raises
    ------
    InputError
        While iterating: a file is damaged or cut off, or too many lines are malformed.
    """
    account = Lines()
    return account, _rows(paths, kind, flatten, max_malformed, account)


def _rows(
    paths: Sequence[Path], kind: str, flatten: Callable[[Json], Row], max_malformed: float, account: Lines
) -> Iterator[Row]:
    first = 0
    for path in paths:
        line, is_good = b"\n", True
        for line in _raw_lines(path):
            if line.isspace():
                continue
            account.n_read += 1
            resource = _parse(line)
            is_good = resource is not None
            if resource is not None and resource.get("resourceType") != kind:
                account.n_other += 1
            elif resource is not None:
                try:
                    yield flatten(resource)
                    continue
                except MalformedError:
                    is_good = False
            if not is_good:
                account.n_malformed += 1
                first = first or account.n_read
        if not is_good and not line.endswith(b"\n"):
            raise InputError(
                f"{path.name} ends in the middle of a line: it was cut off.", next_step="Export or copy the file again."
            )
    if account.n_malformed > max_malformed * account.n_read:
        raise _too_many(account, kind, first, max_malformed)


def _too_many(account: Lines, kind: str, first: int, max_malformed: float) -> InputError:
    return InputError(
        f"{account.n_malformed:,} of {account.n_read:,} lines of {kind} are malformed (the first is line {first:,}).",
        allowed=f"Allowed: a share of {max_malformed:g}; each line is one FHIR R4 resource in JSON.",
        next_step="Export the files again, or allow more with --max-malformed.",
    )


def _parse(line: bytes) -> Json | None:
    """Give the JSON object of a line, None where it holds none that can be used."""
    try:
        said = line.decode("utf-8-sig")
        found = _DECODER.decode(said)
        if "\\u" in said:  # half of a surrogate pair is no text, though JSON can write it
            json.dumps(found, ensure_ascii=False).encode()
    except (ValueError, RecursionError):
        return None
    return found if isinstance(found, dict) else None


def _refuse(_constant: str) -> NoReturn:
    raise ValueError


_DECODER: Final[json.JSONDecoder] = json.JSONDecoder(parse_constant=_refuse)  # NaN is no JSON


def _raw_lines(path: Path) -> Iterator[bytes]:
    try:
        with _opened(path) as file:
            while line := file.readline(_LONGEST + 1):
                if len(line) > _LONGEST:
                    raise InputError(
                        f"{path.name} holds a line of more than {_LONGEST >> 20} MB.",
                        allowed="Needed: NDJSON, one resource on each line.",
                        next_step="Export the data as FHIR bulk data ($export).",
                    )
                yield line
    except (EOFError, zlib.error, gzip.BadGzipFile):
        raise InputError(
            f"{path.name} is not a whole gzip file: it may have been cut off.",
            next_step="Export or copy the file again.",
        ) from None
    except OSError:
        raise InputError(f"{path.name} cannot be read.", next_step="Check the file and its permissions.") from None


def _opened(path: Path) -> BinaryIO:
    return cast(BinaryIO, gzip.open(path, "rb")) if path.name.lower().endswith(".gz") else path.open("rb")
