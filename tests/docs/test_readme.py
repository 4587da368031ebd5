"""What README says of the catalogue is true of it."""

import re
from pathlib import Path

from continuity.metrics import keys

README = Path(__file__).parents[2] / "README.md"


def test_the_number_of_indices_of_patients_and_of_groups_is_that_of_the_catalogue() -> None:
    said = re.search(r"(\d+) of patients \(.*?\), (\d+) of lists", README.read_text(encoding="utf-8"))
    assert said is not None
    n_patients = len(keys())
    assert [int(n) for n in said.groups()] == [n_patients, len(keys(None)) - n_patients]
