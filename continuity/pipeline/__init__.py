"""The order of the steps of each job, from files to files; every command is one function here."""

from continuity.pipeline.inputs import Inputs, Progress

__all__ = ["Inputs", "Progress"]
