"""Who saw whom, as a sparse matrix: the basis of everything that is about patients whom providers share."""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, Final

import numpy as np
import polars as pl

from continuity.metrics.engine.prepare import KEYS

_PAIRS_AT_ONCE: Final = 4_000_000  # some 200 MB of arrays, however many visits there are


@dataclass(frozen=True, eq=False)
class Incidence:
    """Which patient saw which provider in one window; how often does not matter.

    Parameters
    ----------
    patients : polars.DataFrame
        patient_id and window_id of each row of the matrix, in order.
    providers : polars.Series
        The id of each column, in order. Rows and columns are numbered apart, so a patient and a provider may have
        the same id.
    matrix : scipy.sparse.csr_array
        Patients by providers, 1 where they met; Int64.
    """

    patients: pl.DataFrame
    providers: pl.Series
    matrix: Any

    def shared(self) -> Any:
        """Give the number of patients that each two providers share (diagonal: the patients of each), as a CSR array.

        Returns
        -------
        scipy.sparse.csr_array
            Providers by providers, symmetric, Int64, indices sorted.
        """
        found = (self.matrix.T @ self.matrix).tocsr()
        found.sort_indices()
        return found


def met(visits: pl.LazyFrame) -> pl.LazyFrame:
    """Give each patient, window and known provider that met, once: patient_id, window_id, actor."""
    return visits.select(*KEYS, "actor").filter(pl.col("actor").is_not_null()).unique()


def incidences(pairs: pl.DataFrame) -> Iterator[Incidence]:
    """Give the incidence of each window.

    Parameters
    ----------
    pairs : polars.DataFrame
        As `met` gives them, in any order.
    """
    from scipy import sparse  # a moment to load: only who asks for a network pays for it

    providers = pairs["actor"].unique().sort()
    numbers = pl.DataFrame({"actor": providers, "number": np.arange(providers.len(), dtype=np.int32)})
    ordered = pairs.join(numbers, on="actor").drop("actor").sort("window_id", "patient_id", "number")
    for window in ordered.partition_by("window_id", maintain_order=True):
        is_new = (window["patient_id"] != window["patient_id"].shift()).fill_null(value=True)
        starts = np.append(np.flatnonzero(is_new.to_numpy()), window.height)
        columns, ones = window["number"].to_numpy(), np.ones(window.height, np.int64)
        shape = (starts.size - 1, providers.len())
        matrix = sparse.csr_array((ones, columns, starts), shape=shape)
        yield Incidence(window.filter(is_new).select(KEYS), providers, matrix)


@dataclass(frozen=True, eq=False)
class Pairs:
    """Pairs of the providers of a patient, by number.

    Parameters
    ----------
    patient, one, other : numpy.ndarray
        Row of the patient (ascending), columns of the two providers.
    n_shared : numpy.ndarray
        Patients whom the two share; Int64.
    """

    patient: Any
    one: Any
    other: Any
    n_shared: Any


def pairs_of_patients(incidence: Incidence) -> Iterator[Pairs]:
    """Give every pair of providers of every patient, some millions at once.

    Each entry of the matrix is paired with those behind it in its row. The product ``A W`` masked by ``A`` gives the
    same sums, but also touches every provider who shares a patient with one of the patient's, in or out of the row.
    """
    matrix, shared = incidence.matrix, incidence.shared()
    sizes = np.diff(matrix.indptr).astype(np.int64)
    patients = np.repeat(np.arange(sizes.size), sizes)
    behind = np.repeat(matrix.indptr[1:], sizes) - np.arange(matrix.nnz) - 1
    until = np.cumsum(behind)
    bounds = np.append(np.searchsorted(until, np.arange(0, until[-1], _PAIRS_AT_ONCE)), matrix.nnz)
    for start, end in pairwise(bounds):
        n = behind[start:end]
        first = np.repeat(np.arange(start, end), n)
        steps = np.arange(first.size) - np.repeat(np.cumsum(n) - n, n)
        one, other = matrix.indices[first], matrix.indices[first + 1 + steps]
        yield Pairs(patients[first], one, other, np.asarray(shared[one, other]).ravel())


def shared_pairs(visits: pl.LazyFrame) -> pl.LazyFrame:
    """Count, over the pairs of a patient's known providers, the patients whom they share.

    Parameters
    ----------
    visits : polars.LazyFrame
        As `prepared` gives them.

    Returns
    -------
    polars.LazyFrame
        patient_id, window_id and shared_pairs (Int64), for patients with a known provider; the network is that of the
        same window and rules, whatever the least number of visits. Nothing is read before it is collected.
    """
    pairs = met(visits)
    ids = {key: dtype for key, dtype in pairs.collect_schema().items() if key in KEYS}
    schema: dict[str, Any] = {**ids, "shared_pairs": pl.Int64}
    return pairs.map_batches(lambda found: _summed(found, schema), schema=schema)


def _summed(pairs: pl.DataFrame, schema: dict[str, Any]) -> pl.DataFrame:
    parts = [pl.DataFrame(schema=schema)]
    for incidence in incidences(pairs):
        total = np.zeros(incidence.patients.height, np.int64)
        for found in pairs_of_patients(incidence):
            starts = np.flatnonzero(np.diff(found.patient, prepend=-1))
            if starts.size:  # a patient whose pairs come in two portions is met in both
                total[found.patient[starts]] += np.add.reduceat(found.n_shared, starts)
        parts.append(incidence.patients.with_columns(pl.Series("shared_pairs", total)))
    return pl.concat(parts)
