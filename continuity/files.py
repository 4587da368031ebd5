"""Files and folders that are whole or absent: written beside their place, then renamed onto it."""

import ctypes
import os
import sys
import tempfile
from collections.abc import Callable, Collection
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


def replace_folder(path: Path, write: Callable[[Path], object], names: Collection[str]) -> Path:
    """Let `write` fill a new folder and put it in place of `path` only when it is done, in one step.

    Parameters
    ----------
    path : Path
        Where the folder shall be. Missing parents are made.
    write : callable
        Takes the path of a new, empty folder and fills it.
    names : collection of str
        The files that may be replaced. A folder that holds others, or in which somebody works, stays as it is, and
        only these files in it are replaced or removed: one by one, the last name last.

    Returns
    -------
    Path
        `path`.

    Raises
    ------
    Exception
        Whatever `write` raises; then `path` is as it was before.

    Notes
    -----
    Two folders change places in one step on Linux and macOS only. Elsewhere there is a moment in which `path` is not
    there; whoever is stopped then finds the old folder beside it, under a name that starts with a dot.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as place:
    ...     made = replace_folder(Path(place) / "a", lambda new: (new / "b.txt").write_text("done"), ["b.txt"])
    ...     (made / "b.txt").read_text()
    'done'
    """
    place = path.resolve()
    place.parent.mkdir(parents=True, exist_ok=True)
    is_ours = not place.exists() or not any(file.name not in names for file in place.iterdir())
    is_free = is_ours and not Path.cwd().is_relative_to(place) and not place.is_mount()
    try:
        holder = tempfile.TemporaryDirectory(dir=place.parent if is_free else place, prefix=".continuity-")
    except OSError as error:  # it names a folder that the user does not know
        raise OSError(error.errno, error.strerror, str(path)) from None
    with holder as beside:
        new = Path(beside) / "new"
        new.mkdir()
        write(new)
        if not is_free:
            for name in names:
                (new / name).replace(place / name) if (new / name).exists() else (place / name).unlink(missing_ok=True)
        elif not place.exists():
            new.replace(place)
        elif not _exchange(new, place):
            place.replace(Path(beside) / "old")
            new.replace(place)
    return path


def _exchange(one: Path, other: Path) -> bool:
    """Let two folders change places in one step; tell whether the system can."""
    library = ctypes.CDLL(None, use_errno=True) if os.name == "posix" else None
    here = -100 if sys.platform.startswith("linux") else -2  # AT_FDCWD
    call = getattr(library, "renameat2" if sys.platform.startswith("linux") else "renameatx_np", None)
    return call is not None and call(here, os.fsencode(one), here, os.fsencode(other), 2) == 0  # the flag to exchange


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask
