"""The commands of `continuity`, and the exit code of every failure."""

import re
import sys
from importlib import import_module
from io import StringIO
from pathlib import Path
from typing import Any, Final

import click

from continuity import __version__
from continuity.errors import ContinuityError

COMMANDS: Final = {
    "demo": "the whole job on built-in synthetic data",
    "report": "check, indices, aggregate, protect, report",
    "check": "the gate alone: is this file fit to be reported on?",
    "metrics": "indices of every patient, as one table",
    "summary": "protected aggregates with intervals, as one table",
    "assign": "a panel plan: who should be whose patient, with a proof",
    "evaluate": "comparisons, and the effect of a roll-out",
    "convert": "any source to canonical Parquet",
    "indices": "the catalogue of indices",
}


_HELP: Final = """Continuity of care in primary care, from visit records to a report.

\b
Start with:  continuity demo
Then:        continuity report visits.csv --output out --language fi
"""


class _Commands(click.Group):
    """Loads a command's module only when that command runs, so that --help is quick."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 # click's signature
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002 # click's signature
        if cmd_name not in COMMANDS:
            return None
        command: click.Command = import_module(f"continuity.cli.{cmd_name}").command
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002
        with formatter.section("Commands"):
            formatter.write_dl(list(COMMANDS.items()))


@click.group(
    cls=_Commands,
    help=_HELP,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110},
)
@click.version_option(__version__, prog_name="continuity")
def app() -> None:
    """Hold the commands; each is loaded when it runs."""


def main(arguments: list[str] | None = None) -> None:
    """Run the command line and exit with its code.

    0 done, 2 usage, 3 input, 4 a critical expectation, 5 no plan, 6 protection refuses, 1 a bug, 130 stopped.
    """
    sys.exit(run(arguments))


def run(arguments: list[str] | None = None) -> int:
    """Run the command line and give its exit code."""
    try:
        # Without standalone mode click gives back the code of --help and --version instead of leaving.
        return app.main(arguments, prog_name="continuity", standalone_mode=False) or 0
    except click.ClickException as error:
        said = StringIO()
        error.show(said)
        click.echo(_without_codes(said.getvalue()), nl=False, err=True)
        return error.exit_code
    except (click.Abort, KeyboardInterrupt):
        click.echo("Stopped; nothing was left half-written.", err=True)
        return 130
    except SystemExit:
        raise
    except BaseException as error:  # a traceback could hold a patient's value; a panic of Polars is no Exception
        message, code = _explain(error)
        click.echo(f"Error: {_without_codes(message)}", err=True)
        return code


def _explain(error: BaseException) -> tuple[str, int]:
    """Give the message and the exit code of a failure."""
    if isinstance(error, ContinuityError):
        return str(error), error.exit_code
    if isinstance(error, MemoryError):
        return "The machine has too little memory for this. Give fewer visits, such as one unit.", 3
    if isinstance(error, OSError) and error.filename:
        return f"{Path(str(error.filename)).name}: {error.strerror or 'cannot be used'}.", 3
    return f"This is a bug in continuity {__version__}: {_place(error)}. Please report it.", 1


def _without_codes(message: str) -> str:
    """Leave out the identity codes of a message: an argument, such as the name of a file, may hold one."""
    if re.search(r"[0-9]{3}", message) is None:  # no code without a number; help needs no Polars
        return message
    from continuity.privacy import codes

    return codes.codes_replaced(message, dict.fromkeys(codes.codes_of(message), "(identity code)"))


def _place(error: BaseException) -> str:
    """Say where a bug is by file and line, without the message, which may hold a value of a patient."""
    trace: Any = error.__traceback__
    ours = ""
    while trace is not None:
        path = Path(trace.tb_frame.f_code.co_filename)
        if "continuity" in path.parts:
            ours = f" at {path.name}:{trace.tb_lineno}"
        trace = trace.tb_next
    return f"{type(error).__name__}{ours}"
