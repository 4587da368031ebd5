"""An earlier run beside this one: in what they differ, and whether one less the other tells about a few."""

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from io import BytesIO
from pathlib import Path, PurePosixPath
from typing import Any, Final

import polars as pl

from continuity.errors import InputError, ProtectionError, listing
from continuity.pipeline.inputs import Inputs, versions
from continuity.privacy import Limits, ProtectedTable
from continuity.privacy.subtraction import Cells, Inside, Told, told_by
from continuity.reports.manifest import Run
from continuity.reports.wording import Words

_FILTERS: Final = ("role", "contact_mode", "urgency", "care_type")
_NEEDED: Final[Mapping[str, type]] = {
    **dict.fromkeys(("input", "parameters", "choices", "limits"), dict),
    **dict.fromkeys(("windows", "outputs"), list),
}
_DERIVED: Final = "adjusted"  # its cells are those of `unit`, of which it hides more


@dataclass(frozen=True)
class EarlierRun:
    """The manifest of an earlier run, and where its files lie."""

    path: Path
    said: Mapping[str, Any]
    sha256: str


def read_earlier(paths: Iterable[str | Path]) -> list[EarlierRun]:
    """Read the manifests of earlier runs.

    Raises
    ------
    InputError
        There is no such file, or it is no manifest.
    """
    return [_read(Path(path)) for path in paths]


def _read(path: Path) -> EarlierRun:
    try:
        data = path.read_bytes()
    except OSError:
        raise InputError(f"There is no file {path}.", next_step="Check --previous-manifest.") from None
    try:
        said = json.loads(data)
    except ValueError:
        said = None
    if not _is_manifest(said):
        raise InputError(
            f"{path.name} is no manifest of a run.",
            allowed="Needed: the manifest.json of report or evaluate, or FILE.manifest.json of summary.",
            next_step="Where an older version wrote it, run that version's command again.",
        )
    return EarlierRun(path, said, hashlib.sha256(data).hexdigest())


def run_beside(
    inputs: Inputs, earlier: Sequence[EarlierRun], tables: Iterable[ProtectedTable], words: Words, **asked: Any
) -> Run:
    """Describe a run for its manifest, compared with earlier ones.

    Parameters
    ----------
    inputs : Inputs
    earlier : sequence of EarlierRun
    tables : iterable of ProtectedTable
        What shall be published.
    words : Words
    **asked
        command, windows, indices, parameters, choices and limits of `Run`.

    Raises
    ------
    ProtectionError
        Numbers of the two runs tell, by subtraction, about fewer patients or visits than the limits allow.
    """
    run = Run(
        input={"name": inputs.name, "sha256": inputs.fingerprint(), **inputs.beside()},
        time_zone=inputs.options.time_zone,
        versions=versions(),
        created_on=datetime.now(tz=UTC).date(),
        **asked,
    )
    return replace(run, earlier=compared_with(earlier, run, tables, words))


def _is_manifest(said: Any) -> bool:
    if not isinstance(said, dict) or not all(isinstance(said.get(name), kind) for name, kind in _NEEDED.items()):
        return False
    try:
        _moments(said)
        return all(isinstance(output["file"], str) and isinstance(output["tables"], list) for output in said["outputs"])
    except (TypeError, KeyError, ValueError):
        return False


def _moments(said: Mapping[str, Any]) -> list[tuple[datetime, ...]]:
    return [tuple(datetime.fromisoformat(window[end]) for end in ("start", "end")) for window in said["windows"]]


def compared_with(
    earlier: Sequence[EarlierRun], run: Run, tables: Iterable[ProtectedTable], words: Words
) -> list[dict[str, Any]]:
    """Compare this run with earlier ones, before anything of it is written.

    Returns
    -------
    list of dict
        For the manifest and for the command: file, sha256, created_on, same_input, differs, n_cells_compared, n_near
        and what to check.

    Raises
    ------
    ProtectionError
        Numbers of the two runs tell, by subtraction, about fewer patients or visits than the limits allow.
    """
    now = list(tables)
    return [_compared(one, run, now, words) for one in earlier]


def _compared(one: EarlierRun, run: Run, tables: Sequence[ProtectedTable], words: Words) -> dict[str, Any]:
    said = run.to_dict()
    differs = list(_differences(one.said, said))
    same_input = one.said["input"].get("sha256") == said["input"].get("sha256")
    verdicts, told = [], Told()
    if same_input and not differs:
        verdicts = ["same"]
    else:
        inside = _inside(one.said, said) if same_input else "unknown"
        cells = _cells_of(one)
        found = _told(cells, {table.name: _now(table, run) for table in tables}, inside, run.limits)
        _refuse_told(found, run, differs, one.path.name)
        told = sum(found.values(), Told())
        verdicts = [] if same_input else ["other_input"]
        beside = "near" if told.n_near else "alike" if told.n_compared else "other_cells"
        verdicts.append(beside if cells else "not_compared")
    return {
        "file": one.path.name,
        "sha256": one.sha256,
        "created_on": one.said.get("created_on"),
        "same_input": same_input,
        "differs": differs,
        "n_cells_compared": told.n_compared,
        "n_near": told.n_near,
        "text": " ".join(words(f"earlier.{verdict}", n=words.style.count(told.n_near)) for verdict in verdicts),
    }


def _differences(then: Mapping[str, Any], now: Mapping[str, Any]) -> Iterable[dict[str, Any]]:
    """Name what was asked otherwise, and with which files beside the visits."""
    parts = ("parameters", "choices", "limits")
    flat = [{f"{part}.{name}": value for part in parts for name, value in said[part].items()} for said in (then, now)]
    for one, said in zip(flat, (then, now), strict=True):
        one |= {name: said.get(name) for name in ("command", "windows", "indices", "time_zone")}
        one |= {f"input.{name}": value for name, value in said["input"].items() if name not in ("name", "sha256")}
    first, second = (json.loads(json.dumps(one)) for one in flat)
    for name in dict.fromkeys([*first, *second]):
        if first.get(name) != second.get(name):
            yield {"name": name, "then": first.get(name), "now": second.get(name)}


def _inside(then: Mapping[str, Any], now: Mapping[str, Any]) -> Inside:
    """Tell how the earlier run's visits and patients lie to those of this one by everything but the windows."""
    first, second = then["parameters"], now["parameters"]
    beside = {name for said in (then, now) for name in said["input"]} - {"name", "sha256"}
    if any(then["input"].get(name) != now["input"].get(name) for name in beside):
        return "unknown"  # other lists or units: a patient may be in another cell
    free = (*_FILTERS, "min_visits", "adjusted_for", "breaks", "preset")
    if any(first.get(name) != second.get(name) for name in (first.keys() | second.keys()) - set(free)):
        return "unknown"
    ways = {_filter_lies(first.get(name), second.get(name)) for name in _FILTERS}
    few, many = int(first.get("min_visits", 1)), int(second.get("min_visits", 1))
    ways.add("same" if few == many else "within" if few > many else "around")
    ways.discard("same")
    return "same" if not ways else ways.pop() if len(ways) == 1 else "unknown"


def _filter_lies(then: str | None, now: str | None) -> Inside:
    first, second = (
        None if text in (None, "all") else {part.strip() for part in str(text).split(",")} for text in (then, now)
    )
    if first == second:
        return "same"
    if second is None or (first is not None and first < second):
        return "within"
    return "around" if first is None or second < first else "unknown"


def _told(then: Mapping[str, Cells], now: Mapping[str, Cells], inside: Inside, limits: Limits) -> dict[str, Told]:
    """Subtract tables of the same name or, where there is none, those whose cells have the same names."""
    others = {name: cells for name, cells in then.items() if name != _DERIVED}
    found = {}
    for name, cells in now.items():
        beside = [then[name]] if name in then else [] if name == _DERIVED else others.values()
        found[name] = sum((told_by(other, cells, inside, limits) for other in beside), Told())
    return found


def _refuse_told(found: Mapping[str, Told], run: Run, differs: Sequence[Mapping[str, Any]], earlier: str) -> None:
    places = {name: told.n_told for name, told in found.items() if told.n_told}
    if places:
        cells = ", ".join(f"{name} ({n:,})" for name, n in places.items())
        raise ProtectionError(
            f"Together with the run of {earlier}, this one would tell about fewer than {run.limits.min_patients} "
            f"patients or {run.limits.min_visits} visits in {sum(places.values()):,} cells: {cells}.",
            allowed=f"Both runs read the same visits; they differ in: {listing([one['name'] for one in differs])}.",
            next_step="Publish only one of the two, or choose windows, filters or groups that differ by more.",
        )


def _now(table: ProtectedTable, run: Run) -> Cells:
    moments = [tuple(datetime.fromisoformat(day.isoformat()) for day in window) for window in run.windows]
    return Cells(table.keys, table.frame, _one_window(moments))


def _cells_of(one: EarlierRun) -> dict[str, Cells]:
    """Read the tables that lie beside the manifest and are what it lists."""
    moments, found = _moments(one.said), {}
    for output in one.said["outputs"]:
        name = PurePosixPath(output["file"])
        if not output.get("keys") or name.is_absolute() or ".." in name.parts or name.parts[0] == "figures":
            continue
        path = one.path.parent / name
        data = path.read_bytes() if path.is_file() else b""
        if hashlib.sha256(data).hexdigest() == output.get("sha256") and path.suffix.lower() in (".parquet", ".csv"):
            found[str(output["tables"][0])] = Cells(tuple(output["keys"]), _frame(data, path), _one_window(moments))
    return found


def _frame(data: bytes, path: Path) -> pl.DataFrame:
    if path.suffix.lower() == ".parquet":
        return pl.read_parquet(BytesIO(data))
    return pl.read_csv(BytesIO(data), infer_schema=False).with_columns(
        pl.col("^(window|period)_(start|end)$").str.to_datetime(time_unit="us")
    )


def _one_window(windows: Sequence[tuple[datetime, ...]]) -> tuple[datetime, datetime] | None:
    return (windows[0][0], windows[0][1]) if len(windows) == 1 else None
