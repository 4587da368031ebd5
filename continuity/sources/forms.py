"""Files that cannot be read: what is there instead, what can be read, and what to do about it."""

import re
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from continuity.errors import InputError, listing
from continuity.sources.fhir_lines import RESOURCES
from continuity.sources.fhir_lines import SUFFIXES as NDJSON

TEXT: Final = (".csv", ".tsv", ".txt")
PARQUET: Final = (".parquet", ".pq")
ARROW: Final = (".arrow", ".ipc", ".feather")
BINARY: Final = (*PARQUET, *ARROW)

_ALLOWED: Final = (
    f"Files that can be read end in {listing((*TEXT, *BINARY, *NDJSON))}; or are databases of DuckDB, SQLite."
)
_ENDING: Final = re.compile(r"\.[a-z0-9]{1,8}")  # anything else behind a dot may be a part of a name
_OTHERWISE: Final = "Export the visits as CSV or Parquet, and name that file."
_NEXT: Final = {
    ".ndjson": f"Needed on each of its lines: one FHIR R4 resource, such as {listing(RESOURCES[:2])}.",
    ".json": "A Bundle of FHIR is not read: export bulk data ($export), NDJSON with one resource on each line.",
    "folder": "Name the folder that holds the files themselves.",
    **dict.fromkeys((".xlsx", ".xlsm", ".xls", ".ods"), "Save the workbook as CSV, and name that file."),
    **dict.fromkeys((".gz", ".zip", ".7z", ".bz2", ".xz", ".zst", ".tar"), "Unpack it, and name what was in it."),
}
"""What to do about files of other forms, by their ending."""


def unreadable(path: Path) -> InputError:
    """Give the error of a file that is of no form that can be read."""
    if path.stat().st_size == 0:
        return InputError(f"{path.name} is empty.", next_step="Export the file again.")
    ending = _ending(path)
    if ending == ".ndjson":
        return InputError(f"{path.name} holds no FHIR resource that is used.", next_step=_NEXT[ending])
    return InputError(
        f"{path.name} is of no form that can be read.",
        allowed=_ALLOWED,
        next_step=_NEXT.get(ending, _OTHERWISE),
    )


def none_readable(named: str, there: Sequence[Path]) -> InputError:
    """Give the error of a folder or a glob without a file that can be read; `there` is what it holds."""
    endings = Counter(_ending(path) for path in there)
    if not endings:
        return InputError(f"{named} names no file: nothing is there.", allowed=_ALLOWED, next_step="Check the path.")
    kinds = [f"{n:,} x {ending or 'no known ending'}" for ending, n in endings.most_common()]
    return InputError(
        f"{named} names no file that can be read. There: {listing(kinds)}.",
        allowed=_ALLOWED,
        next_step=next((_NEXT[ending] for ending, _ in endings.most_common() if ending in _NEXT), _OTHERWISE),
    )


def _ending(path: Path) -> str:
    if path.is_dir():
        return "folder"
    name = path.name.lower()
    if name.endswith(NDJSON):
        return ".ndjson"
    return path.suffix.lower() if _ENDING.fullmatch(path.suffix.lower()) else ""
