"""The gate alone."""

from pathlib import Path
from typing import Any

from continuity import quality, reports
from continuity.pipeline.inputs import Inputs, Progress, quietly, watched
from continuity.quality import trends
from continuity.vocabulary import Language


@watched
def check(
    inputs: Inputs,
    directory: Path | None,
    *,
    language: Language,
    suites: Path | None = None,
    previous: Path | None = None,
    progress: Progress = quietly,
) -> tuple[quality.QualityResult, dict[str, Any]]:
    """Run the gate, and write quality.html and quality.json where a folder is given.

    Returns
    -------
    tuple of (QualityResult, dict)
        The verdict, and what the command line says.

    Raises
    ------
    InputError
        The input, or the result of the earlier check, cannot be read; or the input changed meanwhile.
    """
    earlier = None if previous is None else trends.read_earlier(previous)  # before it may be written over
    if directory is not None:
        inputs.refuse_output([directory / "quality.html", directory / "quality.json"])
    progress("read")
    tables = inputs.read()
    progress("check")
    verdict = quality.check(tables.present(), suites=suites)
    if earlier is not None:
        verdict = trends.compared(verdict, earlier)
    inputs.refuse_changed()
    written: tuple[Path, ...] = ()
    if directory is not None:
        written = reports.write_quality(verdict, directory, language=language, input_name=inputs.name, with_json=True)
    return verdict, {"files": [str(path) for path in written], **verdict.to_dict()}
