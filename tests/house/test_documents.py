"""What the pages of docs/ say is true: expectations, sources."""

import itertools
import re
import runpy
from collections import Counter
from fractions import Fraction
from pathlib import Path

import pytest

from continuity.metrics import index, keys
from continuity.reports.paragraph import cited

DOCS = Path(__file__).parents[2] / "docs"
DOI = re.compile(r"10\.\d{4,9}/[^\s,;:)\"}]+")


@pytest.mark.parametrize("n_visits", [2, 3, 4, 5])
def test_the_figure_shows_the_mean_over_all_sequences(n_visits):
    """Every one of the 5^N sequences of visits to five providers, in exact fractions."""
    expected = runpy.run_path(str(DOCS / "generate.py"))["expected"](n_visits)
    sums = dict.fromkeys(expected, Fraction(0))
    for sequence in itertools.product(range(5), repeat=n_visits):
        counts = Counter(sequence).values()
        n, k = n_visits, len(counts)
        sums["UPC"] += Fraction(max(counts), n)
        sums["HHI"] += sum(Fraction(c, n) ** 2 for c in counts)
        sums["K"] += Fraction(n - k, n - 1)
        sums["MMCI"] += (n - k + Fraction(1, 10)) / (n - Fraction(9, 10))
        sums["COC, SECON"] += Fraction(sum(c * (c - 1) for c in counts), n * (n - 1))
    assert expected == pytest.approx({name: float(total / 5**n_visits) for name, total in sums.items()}, abs=1e-12)


def entries() -> dict[str, str]:
    """The references by their key, each as its text."""
    text = (DOCS / "references.bib").read_text(encoding="utf-8")
    found = re.findall(r"@\w+\{([\w-]+),\n(.*?)\n\}\n", text, re.DOTALL)
    assert len({key for key, _ in found}) == len(found) == text.count("@"), "a reference is named twice or is malformed"
    return dict(found)


def test_every_reference_says_who_what_and_when():
    for key, body in entries().items():
        for field in ("title|note", "journal|howpublished", "year"):
            assert re.search(rf"^  ({field}) = \{{", body, re.MULTILINE), f"{key} has no {field}"
        assert body.count("{") == body.count("}"), key


def test_every_doi_of_the_catalogue_is_among_the_references():
    known = {doi.rstrip(".") for body in entries().values() for doi in DOI.findall(body)}
    for key in keys(None):
        for doi in DOI.findall(index(key).source):
            assert doi.rstrip(".") in known, f"{key} cites {doi}, which docs/references.bib does not have"


def test_every_source_of_an_index_is_cited_by_a_key_of_the_references():
    known, page = entries(), (DOCS / "indices.md").read_text(encoding="utf-8")
    for key in keys(None):
        entry = index(key)
        found = cited(entry.source)
        if entry.status in ("READ", "READ-2"):
            assert found, f"{key}: continuity/reports/references.csv knows none of its sources"
        assert set(found) <= known.keys(), key
        text = page.split(f"## {key}\n")[1].split("\n## ")[0]
        assert all(f"`{one}`" in text for one in found), key
