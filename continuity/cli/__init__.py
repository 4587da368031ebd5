"""The command line: arguments in, exit codes out; every command is one function of `continuity.pipeline`."""

from continuity.cli.main import main

__all__ = ["main"]
