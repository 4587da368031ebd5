"""The sufficient statistics of one patient in one window, named as the papers name them.

An index is a Polars expression over these; the engine computes only those that the chosen indices use.
"""

from typing import Final

import polars as pl

N: Final = pl.col("n_visits")
"""Visits."""
k: Final = pl.col("n_providers")
"""Distinct providers seen."""
m: Final = pl.col("n_usual")
"""Visits to the provider seen most."""
sum_n2: Final = pl.col("sum_squares")
"""Sum over providers of the squared number of visits."""
same_pairs: Final = pl.col("same_pairs")
"""Successive visits to the same provider; an expectation where visits share a moment."""
n_listed: Final = pl.col("n_listed")
"""Visits to the listed provider."""
n_while_listed: Final = pl.col("n_while_listed")
"""Visits made while the patient had a listed provider."""
shared_pairs: Final = pl.col("shared_pairs")
"""Sum, over the pairs of known providers seen, of the patients whom the two share."""
n_provider_pairs: Final = pl.col("n_provider_pairs")
"""Pairs of known providers seen, k (k - 1) / 2."""
n_follow_ups: Final = pl.col("n_follow_ups")
"""Visits that another visit of the patient preceded, in the window or before it."""
n_same_as_previous: Final = pl.col("n_same_as_previous")
"""Follow-up visits to the provider of the visit before; an expectation where visits share a moment."""
holds_list: Final = pl.col("holds_list")
"""Whether the provider of the visits has a list of patients in the window."""
threshold: Final = pl.col("threshold")
"""The threshold that the user named, for shares of patients at or above it."""
sum_n_log2_n: Final = pl.col("sum_n_log2_n")
"""Sum over providers of the number of visits times its logarithm to base 2."""
window: Final = pl.col("window_id")
"""The window: statistics over all patients of it are taken ``.over(window)``."""
least_visits: Final = pl.col("min_visits")
"""The minimum of visits that was asked for."""
