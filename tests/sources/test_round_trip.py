"""A canonical table written as CSV in any separator, encoding and form of dates comes back as it was."""

from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from tempfile import TemporaryDirectory

import polars as pl
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from polars.testing import assert_frame_equal

from continuity.schema import conform
from continuity.sources import read_visits

# Letters of Latin-1, so that every encoding can write them, and the signs that a CSV has to quote.
LETTERS = "aZ09äÖå-_=<>/'\"\\;,|\t. "
IDS = st.text(LETTERS, min_size=1, max_size=6)
TEXTS = st.none() | st.text(LETTERS + "\n", min_size=1, max_size=8).filter(str.strip)
TIMES = st.datetimes(datetime(1900, 1, 1), datetime(2199, 12, 31)).map(lambda t: t.replace(second=0, microsecond=0))
FORMS = ("%Y-%m-%d %H:%M", "%Y-%m-%dT%H:%M:%S", "%d.%m.%Y %H:%M", "%-d.%-m.%Y %H.%M", "%d/%m/%Y %H:%M:%S")
ROWS = st.lists(st.tuples(IDS.filter(str.strip), TIMES, st.none() | IDS, TEXTS), min_size=1, max_size=8)


def canonical(rows: Sequence[tuple[object, ...]]) -> pl.DataFrame:
    names = {"patient_id": pl.String, "visit_at": pl.Datetime("us"), "provider_id": pl.String, "care_type": pl.String}
    return conform(pl.LazyFrame(rows, schema=names, orient="row"), "visits").collect()


@settings(max_examples=150, deadline=None)
@given(
    rows=ROWS,
    separator=st.sampled_from(";,\t|"),
    encoding=st.sampled_from(["utf-8", "utf-8-sig", "utf-16", "cp1252", "latin-1"]),
    form=st.sampled_from(FORMS),
    quotes=st.sampled_from(["necessary", "always"]),
    end=st.sampled_from(["\n", "\r\n"]),
)
def test_any_csv_gives_the_table_back(
    *, rows: list[tuple[object, ...]], separator: str, encoding: str, form: str, quotes: str, end: str
) -> None:
    frame = canonical(rows)
    assume(frame["care_type"].str.strip_chars().equals(frame["care_type"]))  # text is read without outer spaces
    written = frame.write_csv(separator=separator, datetime_format=form, quote_style=quotes, line_terminator=end)
    with TemporaryDirectory() as folder:
        path = Path(folder) / "visits.csv"
        path.write_bytes(written.encode(encoding))
        assert_frame_equal(read_visits(path).collect(), frame)
