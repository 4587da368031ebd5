"""The national figures: the shared file read whole, both forms of the service alike, damage named."""

import json
from pathlib import Path

import polars as pl
import pytest

import continuity as ct
from continuity.errors import InputError

SHARED = Path(__file__).parents[2].parent / "shared" / "data" / "sotkanet_5502.csv"


@pytest.mark.skipif(not SHARED.exists(), reason="the shared data folder is not beside the project")
def test_the_shared_series_is_read_whole() -> None:
    table = ct.read_sotkanet(SHARED)
    country = dict(table.filter(area_code="FI").select("year", "national").iter_rows())
    assert country == {2020: 0.34, 2021: 0.31, 2022: 0.29, 2023: 0.28, 2024: 0.28, 2025: 0.29}
    assert table["area_code"].n_unique() == 24
    assert table.filter(area_code="90")["year"].to_list() == [2020, 2024, 2025]


def test_json_of_the_service_and_csv_agree(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text(
        'region_code,region_name_fi,2023,2024\nFI,Koko maa,0.28,0.28\nHVA-07,Kanta-Häme,,"0,32"\n'
    )
    rows = [
        {"indicator": 5502, "region": 1, "year": 2023, "gender": "total", "value": 0.28},
        {"indicator": 5502, "region": 1, "year": 2024, "gender": "total", "value": 0.28},
        {"indicator": 5502, "region": 9, "year": 2024, "gender": "total", "value": 0.32},
        {"indicator": 5502, "region": 9, "year": 2024, "gender": "male", "value": 0.9},
        {"indicator": 5502, "region": 9, "year": 2023, "gender": "total", "value": None},
    ]
    regions = [
        {"id": 1, "code": "358", "category": "MAA", "title": {"fi": "Koko maa"}},
        {"id": 9, "code": "7", "category": "HYVINVOINTIALUE", "title": {"fi": "Kanta-Häme"}},
    ]
    (tmp_path / "a.json").write_text(json.dumps(rows))
    (tmp_path / "regions.json").write_text(json.dumps(regions))
    found = ct.read_sotkanet(tmp_path / "a.json", regions=tmp_path / "regions.json")
    assert found.equals(ct.read_sotkanet(tmp_path / "a.csv"))


@pytest.mark.parametrize(
    ("name", "text", "words"),
    [
        ("a.csv", "x,y\n1,2\n", "region_code"),
        ("a.csv", "region_code,region_name_fi,2024\nFI,Koko maa,abc\n", "1 figures of a.csv are no numbers"),
        ("a.json", "{", "no JSON file"),
        ("a.json", "{}", "no list of rows"),
    ],
)
def test_a_damaged_file_is_one_clear_error(tmp_path: Path, name: str, text: str, words: str) -> None:
    (tmp_path / name).write_text(text)
    with pytest.raises(InputError, match=words):
        ct.read_sotkanet(tmp_path / name)


def test_a_year_without_figures_is_named() -> None:
    national = pl.DataFrame({"area_code": ["01"], "area_name": ["A"], "year": [2024], "national": [0.3]})
    with pytest.raises(InputError, match="Years: 2024 to 2024"):
        ct.beside_national(pl.DataFrame({"area_code": ["01"], "estimate": [0.2]}), national, 2019)
