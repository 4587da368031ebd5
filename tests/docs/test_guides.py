"""What the guides tell to type works: Python blocks run on files, and commands and options exist."""

import contextlib
import io
import re
from datetime import date
from pathlib import Path

import pytest
from click.testing import CliRunner

from continuity.cli.main import COMMANDS, app
from continuity.synthetic import Setting, generate

DOCS = Path(__file__).parents[2] / "docs"
GUIDES = sorted(DOCS.glob("guide-*.md"))


def blocks(path: Path, language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", path.read_text(encoding="utf-8"), re.DOTALL)


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Files such as a site would have, with the names of the guide."""
    made = generate(Setting(n_patients=6_000, patients_per_unit=1_500, years=2, start=date(2024, 1, 1)))
    renamed = made.visits.drop("reason_codes").rename({"patient_id": "asiakas", "provider_id": "laakari"})
    renamed.write_csv(tmp_path / "visits.csv")
    made.patients.write_csv(tmp_path / "patients.csv")
    made.providers.drop("languages").write_csv(tmp_path / "providers.csv")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_the_researchers_way_runs_from_files_to_a_funnel(folder: Path) -> None:
    names: dict[str, object] = {}
    with contextlib.redirect_stdout(io.StringIO()):
        for block in blocks(DOCS / "guide-researcher.md", "python"):
            exec(compile(block, "guide-researcher.md", "exec"), names)
    assert {"flow", "table", "found"} <= set(names)


@pytest.mark.parametrize("path", GUIDES, ids=lambda path: path.name)
def test_commands_and_options_exist(path: Path) -> None:
    lines = [line for block in blocks(path, "sh") for line in block.splitlines() if line.startswith("continuity ")]
    assert lines
    for line in lines:
        _, command, *rest = line.split()
        assert command in COMMANDS
        said = CliRunner().invoke(app, [command, "--help"], catch_exceptions=False).output
        for option in (word for word in rest if word.startswith("--")):
            assert option in said, f"{path.name}: {command} has no {option}"


@pytest.mark.parametrize("language", ["fi", "sv"])
def test_managers_guides_have_the_same_parts(language: str) -> None:
    english, other = (
        (DOCS / name).read_text(encoding="utf-8") for name in ("guide-manager.md", f"guide-manager.{language}.md")
    )
    for pattern in (r"^## ", r"^- ", r"^\d\. ", r"^\| ", r"^```sh"):
        assert len(re.findall(pattern, english, re.MULTILINE)) == len(re.findall(pattern, other, re.MULTILINE)), pattern
    numbers = re.compile(r"\d[\d.,–-]*\d")
    assert {text.replace(",", ".").replace("–", "-") for text in numbers.findall(other)} >= {
        "5502",
        "0.28-0.29",
        "2023-2025",
    }
    assert set(re.findall(r"`--?[a-z-]+`|`[a-z]+`", english)) == set(re.findall(r"`--?[a-z-]+`|`[a-z]+`", other))
