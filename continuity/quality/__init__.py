"""The gate, which decides whether an export is fit to be reported on.

Suites of Great Expectations JSON say what is expected of each table; `check` evaluates them with a Polars engine and
gives counts, shares and verdicts, never a value of a patient.
"""

from continuity.quality.gate import check, derive
from continuity.quality.results import Finding, QualityResult, Skipped

__all__ = ["Finding", "QualityResult", "Skipped", "check", "derive"]
