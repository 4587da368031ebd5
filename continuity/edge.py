"""The one place where frames of other libraries come in and go out again."""

from collections.abc import Callable, Collection
from typing import Any, Final

import polars as pl

from continuity.errors import InputError

_EXACT_IN_FLOAT: Final = 2**53


def lazily(frame: Any, ids: Collection[str] = ()) -> tuple[pl.LazyFrame, Callable[[pl.LazyFrame], Any]]:
    """Take a frame of any supported library as a LazyFrame, and give the way back.

    Parameters
    ----------
    frame : polars.LazyFrame, polars.DataFrame, pandas.DataFrame, pyarrow.Table, DuckDB relation
        Other libraries come in through narwhals.
    ids : collection of str
        Columns that hold ids, besides those whose names end in ``_id``.

    Returns
    -------
    tuple of (polars.LazyFrame, callable)
        The callable turns a LazyFrame into the kind of frame that came in: lazy stays lazy, eager becomes eager.

    Raises
    ------
    InputError
        Something that is no frame, or a column that holds values of several types.

    Examples
    --------
    >>> lazy, restore = lazily(pl.DataFrame({"a": [1]}))
    >>> type(restore(lazy)).__name__
    'DataFrame'
    """
    if isinstance(frame, pl.LazyFrame):
        return frame, lambda result: result
    if isinstance(frame, pl.DataFrame):
        return frame.lazy(), lambda result: result.collect()
    return _foreign(frame, ids)


def _foreign(frame: Any, ids: Collection[str]) -> tuple[pl.LazyFrame, Callable[[pl.LazyFrame], Any]]:
    import narwhals as nw  # loaded only when a frame of another library comes in

    try:
        native = nw.from_native(frame)
    except TypeError as error:
        raise InputError(
            f"A {type(frame).__name__} is no frame.",
            allowed="Allowed: Polars, pandas and pyarrow frames, DuckDB relations.",
            next_step="To read a file, use continuity.read_visits(PATH).",
        ) from error
    backend = native.implementation
    eager = native.collect("polars") if isinstance(native, nw.LazyFrame) else native
    try:
        lazy = eager.to_polars().lazy()
    except (TypeError, ValueError, OverflowError):  # the words of these errors quote a cell
        raise InputError(
            "A column of the frame holds values of several types, such as texts and numbers.",
            allowed="A column holds values of one type.",
            next_step="Turn the column into text, such as frame['id'].astype(str).",
        ) from None
    if backend.is_pandas():
        return _whole_floats_as_integers(lazy, ids), lambda result: result.collect().to_pandas()
    if backend.is_pyarrow():
        return lazy, lambda result: result.collect().to_arrow()
    if backend.is_duckdb():
        import duckdb  # the user's relation proves that it is installed

        return lazy, lambda result: duckdb.from_arrow(result.collect().to_arrow())
    raise InputError(
        f"Frames of {backend} are not supported.",
        allowed="Allowed: Polars, pandas and pyarrow frames, DuckDB relations.",
        next_step="Turn it into one of these first.",
    )


def _whole_floats_as_integers(frame: pl.LazyFrame, also: Collection[str]) -> pl.LazyFrame:
    """Undo what pandas does to a column of whole numbers with gaps: ids that became floats become integers again."""
    schema = frame.collect_schema()
    ids = [
        name for name, dtype in schema.items() if dtype.is_float() and (name.lower().endswith("_id") or name in also)
    ]
    frame = frame.with_columns(pl.col(ids).fill_nan(None))
    if not ids:
        return frame
    exact = frame.select(
        ((pl.col(ids).floor() == pl.col(ids)) & (pl.col(ids).abs() < _EXACT_IN_FLOAT)).all(ignore_nulls=True)
    ).collect()
    return frame.with_columns(pl.col(name).cast(pl.Int64) for name in ids if exact[name].item())
