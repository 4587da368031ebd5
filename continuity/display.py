"""How our objects look in a notebook: a small table, without scripts, styles from elsewhere, or patients."""

from collections.abc import Iterable, Sequence
from html import escape
from typing import Final

FEWEST: Final = 5
"""Rows about fewer patients than this are not displayed."""
_MOST_ROWS: Final = 15


def panel(
    title: str, facts: Iterable[tuple[str, object]], heads: Sequence[str] = (), rows: Sequence[Sequence[object]] = ()
) -> str:
    """Give a title, facts and a table as HTML; every text is escaped and long tables are cut, which is said.

    Examples
    --------
    >>> panel("A & B", [("patients", 12)])
    '<div><b>A &amp; B</b><br>patients: 12</div>'
    """
    lines = [f"{escape(name)}: {escape(text(value))}" for name, value in facts]
    table = ""
    if rows:
        head = "".join(f"<th>{escape(name)}</th>" for name in heads)
        cells = ("".join(f"<td>{escape(text(value))}</td>" for value in row) for row in rows[:_MOST_ROWS])
        body = "".join(f"<tr>{row}</tr>" for row in cells)
        table = f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"
    more = f"<small>and {len(rows) - _MOST_ROWS:,} more rows</small>" if len(rows) > _MOST_ROWS else ""
    return f"<div>{'<br>'.join([f'<b>{escape(title)}</b>', *lines])}{table}{more}</div>"


def text(value: object) -> str:
    """Write a value for people: what is missing as a dash, numbers short.

    Examples
    --------
    >>> [text(value) for value in (None, 0.12345, 12345, "U01")]
    ['–', '0.123', '12,345', 'U01']
    """
    if value is None:
        return "–"
    if isinstance(value, bool | str):
        return str(value)
    if isinstance(value, int):
        return f"{value:,}"
    return (
        f"{value:.3g}"
        if isinstance(value, float) and abs(value) < 1
        else f"{value:,.1f}"
        if isinstance(value, float)
        else str(value)
    )
