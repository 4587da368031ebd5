"""Write the generated pages of docs/: the catalogue of indices and the command line. `make docs` runs it."""

import sys
from pathlib import Path

from click.testing import CliRunner

from continuity.cli.main import COMMANDS, app
from continuity.metrics import Index, index, keys

DOCS = Path(__file__).parent
_MADE = "<!-- Made by docs/generate.py from the code; `make docs` makes it anew. -->\n"


def indices_page() -> str:
    """Give the catalogue of indices as Markdown."""
    rows = [f"| [`{key}`](#{key}) | {index(key).label['en']} | `{index(key).formula}` |" for key in keys()]
    table = ["| key | index | formula |", "| --- | --- | --- |", *rows]
    return "\n".join([_MADE, "# Indices", "", *table, "", *[_entry(index(key)) for key in keys()]])


def _entry(entry: Index) -> str:
    examples = ", ".join(f"{visits} → {'undefined' if x is None else x}" for visits, x in entry.examples.items())
    more = "more" if entry.higher_is_more else "less"
    facts = {
        "Formula": f"`{entry.symbol} = {entry.formula}`",
        "Range": f"{entry.range[0]} to {entry.range[1]}; higher means {more} continuity",
        "Minimum": f"{entry.min_visits} {'visit' if entry.min_visits == 1 else 'visits'}",
        "Undefined": ", ".join(f"`{reason}`" for _, reason in entry.undefined) or "only without visits",
        "In Finnish": entry.label["fi"],
        "In Swedish": entry.label["sv"],
        "Names elsewhere": ", ".join(entry.names) or "none known",
        "Laws, each tested": ", ".join(law.replace("_", " ") for law in entry.laws),
        "Worked examples": examples or "see the tests",
        "Source": entry.source + (" **(own definition)**" if entry.own_definition else ""),
    }
    lines = [f"## {entry.key}", "", entry.label["en"], "", *[f"- **{name}**: {fact}" for name, fact in facts.items()]]
    return "\n".join([*lines, *[f"- **Trap**: {trap}" for trap in entry.traps], ""])


def command_page() -> str:
    """Give the help of every command as Markdown."""
    parts = [_MADE, "# Command line", ""]
    for command in ("", *COMMANDS):
        arguments = [part for part in (command, "--help") if part]
        said = CliRunner().invoke(app, arguments, prog_name="continuity", terminal_width=110, catch_exceptions=False)
        parts += [f"## continuity {command}".rstrip(), "", "```text", said.output.rstrip(), "```", ""]
    return "\n".join(parts)


PAGES = {"indices.md": indices_page, "command-line.md": command_page}


def main() -> None:
    """Write the pages."""
    for name, page in PAGES.items():
        (DOCS / name).write_text(page(), encoding="utf-8")
    sys.stdout.write(f"Wrote {', '.join(PAGES)} in {DOCS.name}/\n")


if __name__ == "__main__":
    main()
