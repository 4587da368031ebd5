"""Keep Great Expectations to itself: no warnings, no log lines and no calls home while it is imported or at work."""

import logging
import os
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

# Third-party warnings that a user of the gate can do nothing about, and no others.
_KNOWN_WARNINGS: Final = (
    "module 'sre_.*' is deprecated",  # great_expectations imports them, and so do its dependencies
    "The condition_parser parameter is deprecated",  # a suite of a site may still use the older form of row conditions
    "Passing a string to the row_condition parameter is deprecated",
)


@contextmanager
def quiet() -> Iterator[None]:
    """Silence Great Expectations, and undo what importing it does to the process.

    Its log lines can quote exceptions, and those can quote cell values: none may be written.

    Examples
    --------
    >>> with quiet():
    ...     logging.getLogger("great_expectations.validator").isEnabledFor(logging.ERROR)
    False
    """
    os.environ.setdefault("GX_ANALYTICS_ENABLED", "false")
    logger = logging.getLogger("great_expectations")
    show, level = warnings.showwarning, logger.level
    logger.setLevel(logging.CRITICAL + 1)
    try:
        with warnings.catch_warnings():
            for message in _KNOWN_WARNINGS:
                warnings.filterwarnings("ignore", message, DeprecationWarning)
            yield
            if warnings.showwarning is not show:  # importing its validator sends all Python warnings to the log
                logging.captureWarnings(capture=False)
    finally:
        logger.setLevel(level)
