"""How many residents have a named doctor, nurse or pair, and how often they meet them."""

from typing import Any

import polars as pl

from continuity import edge
from continuity.errors import InputError


def coverage(patients: Any, by: str | None = None) -> Any:
    """Give the share of residents who have a named doctor, a named nurse, and both.

    Parameters
    ----------
    patients : frame
        Canonical patients with listed_provider_id and, where nurses are named too, listed_nurse_id.
    by : str, optional
        A column of the patients: unit_id, area_code, language, ...

    Returns
    -------
    frame of the kind of `patients`
        The column of `by`, n_patients, share_with_doctor, share_with_nurse, share_with_pair (0-1; null where nobody
        has a named nurse column).

    Raises
    ------
    InputError
        The patients have no listed_provider_id.

    Examples
    --------
    >>> coverage(pl.DataFrame({"patient_id": [1, 2], "listed_provider_id": ["A", None]})).row(0)
    (2, 0.5, None, None)
    """
    lazy, restore = edge.lazily(patients)
    names = lazy.collect_schema().names()
    missing = [name for name in ("listed_provider_id", *([by] if by else [])) if name not in names]
    if missing:
        raise InputError.missing_columns(missing, names, "the patients")
    doctor = pl.col("listed_provider_id").is_not_null()
    known = "listed_nurse_id" in names
    nurse = pl.col("listed_nurse_id").is_not_null() if known else pl.lit(None, pl.Boolean)
    shares = {
        "n_patients": pl.len().cast(pl.Int64),
        "share_with_doctor": doctor.mean(),
        "share_with_nurse": nurse.mean(),
        "share_with_pair": pl.when(nurse.is_not_null()).then(doctor & nurse).mean(),
    }
    return restore(lazy.group_by(by).agg(**shares).sort(by) if by else lazy.select(**shares))
