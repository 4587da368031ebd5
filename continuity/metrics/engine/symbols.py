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
n_met_before: Final = pl.col("n_met_before")
"""Visits to a provider seen at most the look-back before; null where the data do not reach back."""
supply_visits: Final = pl.col("supply_visits")
"""Visits of all patients of the patient's unit to known providers, in the same window."""
supply_n2: Final = pl.col("supply_squares")
"""Sum over the providers of those visits of the squared number of visits."""
weight: Final = pl.col("weight")
"""Sum of the weights of the visits, in the least unit in which all weights are whole numbers."""
weight_usual: Final = pl.col("weight_usual")
"""The greatest sum of weights at one provider."""
sum_weight_i2: Final = pl.col("sum_squared_weights")
"""Sum over providers of the squared sum of weights."""
sum_w2: Final = pl.col("sum_weight_squares")
"""Sum over visits of the squared weight."""
n_gaps: Final = pl.col("n_gaps")
"""Intervals between successive days with a visit."""
sum_gap: Final = pl.col("sum_gaps")
"""Sum of those intervals in days."""
sum_gap2: Final = pl.col("sum_squared_gaps")
"""Sum of the squared intervals."""
usual_span: Final = pl.col("usual_span")
"""Days from the first to the last visit to the usual provider."""
longest_gap: Final = pl.col("longest_gap")
"""Of the provider with the least, the longest interval in days without a visit, in the two years before the end of the
window and with both its edges; null where the data do not reach back."""
covered_time: Final = pl.col("covered_time")
"""Microseconds of the window within the time that a visit covers; null where the data do not reach back."""
observed_time: Final = pl.col("observed_time")
"""Microseconds of the window in which the patient was enrolled."""
is_listed: Final = pl.col("is_listed")
"""Whether the patient has a listed provider at the end of the window."""
months_listed: Final = pl.col("months_listed")
"""Whole months with that provider; null where nothing says since when."""
window: Final = pl.col("window_id")
"""The window: statistics over all patients of it are taken ``.over(window)``."""
least_visits: Final = pl.col("min_visits")
"""The minimum of visits that was asked for."""
