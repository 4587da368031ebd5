"""Files that are whole or absent: written beside their place, then renamed onto it."""

import os
import tempfile
from collections.abc import Callable
from pathlib import Path


def replace_with(path: Path, write: Callable[[Path], object]) -> Path:
    """Let `write` make a file beside `path` and put it in place only when it is done.

    Parameters
    ----------
    path : Path
        Where the file shall be. Missing folders are made; an older file is replaced in one step.
    write : callable
        Takes the path of a new, empty file in the same folder and fills it.

    Returns
    -------
    Path
        `path`.

    Raises
    ------
    Exception
        Whatever `write` raises; then `path` is as it was before.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     replace_with(Path(folder) / "a.txt", lambda new: new.write_text("done")).read_text()
    'done'
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=".", suffix=path.suffix)
    os.close(handle)
    beside = Path(name)
    try:
        write(beside)
        beside.chmod(0o666 & ~_umask())  # mkstemp makes files that only their owner can read
        beside.replace(path)
    finally:
        beside.unlink(missing_ok=True)
    return path


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask
