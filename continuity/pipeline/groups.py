"""Indices of groups, from a file of visits to one table."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import polars as pl

from continuity import files
from continuity.metrics import Index, Rules, index
from continuity.metrics.engine.allowed import allowed, rules_of
from continuity.metrics.engine.groups import THRESHOLD, check_grains, groups_of
from continuity.metrics.engine.windows import Window
from continuity.pipeline.inputs import (
    Inputs,
    Progress,
    as_sources,
    at_known_level,
    quietly,
    readable,
    refuse_gaps,
    refuse_nothing,
    versions,
    watched,
)
from continuity.pipeline.metrics import refuse_other_than_tables, write_table
from continuity.vocabulary import Grain, OutputFormat

ABOUT_PERSONS: Final = "Rows about providers are personal data of employees: not for publication."
_OF_PROVIDERS: Final = ("list", "provider")


@watched
def group_metrics(
    inputs: Inputs,
    output: Path,
    *,
    grain: Grain,
    keys: Sequence[str],
    every: bool = False,
    threshold: float = THRESHOLD,
    rules: Rules,
    spans: Sequence[Window] | None,
    layout: OutputFormat = "wide",
    progress: Progress = quietly,
) -> dict[str, Any]:
    """Compute indices per group and window, and write them as Parquet or CSV.

    Returns
    -------
    dict
        output, grain, left_out (by index: why), n_rows, about_persons (what to heed, or null), parameters, note.

    Raises
    ------
    InputError, UsageError
        As `continuity.compute`; or an output that is neither Parquet nor CSV.
    """
    refuse_other_than_tables(output)
    inputs.refuse_output([output])
    chosen: Sequence[Index] = [index(key) for key in dict.fromkeys(keys)]
    check_grains(chosen, grain, rules, threshold)
    progress("read")
    tables = inputs.read()
    rules = at_known_level(rules, tables)
    sources = as_sources(tables)
    left_out: Mapping[str, str] = {}
    with readable(tables):
        if every:
            chosen, left_out = allowed(chosen, sources, rules, spans)
        lazy = groups_of(sources, chosen, rules, spans, grain, output=layout, threshold=threshold)
        refuse_gaps(tables.visits, inputs.name)
        progress("compute")
        table = lazy.collect(engine="streaming")
    if not table.select(pl.col("n_patients", "n_undefined").sum().cast(pl.Boolean)).row(0).count(True):
        refuse_nothing(sources, rules, spans, inputs.name)
    progress("write")
    parameters = rules.as_parameters(rules_of(chosen)) | {"grain": grain, "threshold": str(threshold)}
    warning = ABOUT_PERSONS if grain in _OF_PROVIDERS else None
    said = {"grain": grain, "parameters": parameters, "note": rules.note, "about_persons": warning}
    note = {**said, "indices": [entry.key for entry in chosen], "versions": versions()}
    inputs.refuse_changed()
    files.replace_with(output, lambda path: write_table(table, path, note))
    return {"output": str(output), "left_out": left_out, "n_rows": table.height, **said}
