"""The last gate: whatever is shown has passed disclosure control."""

from collections.abc import Mapping

from continuity.errors import ProtectionError
from continuity.privacy import ProtectedTable


def refuse_unprotected(tables: Mapping[str, ProtectedTable]) -> None:
    """Stop unless every table has passed disclosure control.

    Parameters
    ----------
    tables : mapping of str to ProtectedTable

    Raises
    ------
    ProtectionError
        A table is of another type.
    """
    for name, table in tables.items():
        if not isinstance(table, ProtectedTable):
            raise ProtectionError(
                f"Table '{name}' of the report has not passed disclosure control.",
                allowed=f"Only a ProtectedTable may be shown, not {type(table).__name__}.",
                next_step="Call continuity.protect on it.",
            )
