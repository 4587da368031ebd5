"""The tables of a setting, block by block of patients: in memory, or as Parquet files."""

import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import numpy as np
import polars as pl

from continuity.errors import UsageError
from continuity.schema import TableName
from continuity.synthetic import dirt
from continuity.synthetic.population import build_people
from continuity.synthetic.setting import Setting
from continuity.synthetic.tables import Synthetic
from continuity.synthetic.visits import build_visits
from continuity.synthetic.world import World

BLOCK: Final = 50_000  # patients; part of what a seed means, so it never changes
_TABLES: Final[tuple[TableName, ...]] = ("visits", "patients", "providers")


def generate(setting: Setting) -> Synthetic:
    """Give the tables of a setting in memory.

    Parameters
    ----------
    setting : Setting

    Returns
    -------
    Synthetic
        Eager canonical tables; visits in the order of patient and time within blocks of 50,000 patients.

    Examples
    --------
    >>> tables = generate(Setting(n_patients=100))
    >>> tables.patients.height, tables.visits.columns[:3]
    (100, ['patient_id', 'visit_at', 'provider_id'])
    """
    made = list(blocks(setting))
    return Synthetic(
        pl.concat([block.visits for block in made]),
        pl.concat([block.patients for block in made]),
        made[0].providers,
    )


def write(setting: Setting, directory: str | Path) -> dict[TableName, Path]:
    """Write the tables of a setting as Parquet files, with the memory of one block.

    The files are written beside their place and renamed when all are complete, so that no reader meets half a file.

    Parameters
    ----------
    setting : Setting
    directory : path
        Made when it does not exist; files of the same names are replaced.

    Returns
    -------
    dict of str to pathlib.Path
        Where ``visits``, ``patients`` and ``providers`` are: the rows of `generate` in the same order.

    Raises
    ------
    UsageError
        The directory is a file.
    """
    target = Path(directory)
    if target.exists() and not target.is_dir():
        raise UsageError(f"'{target.name}' is a file.", allowed="The synthetic tables need a directory.")
    target.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=target, prefix=".synthetic-") as beside:
        done = {name: _join(Path(beside), name) for name in _write_parts(setting, Path(beside))}
        return {name: path.replace(target / f"{name}.parquet") for name, path in done.items()}


def _write_parts(setting: Setting, beside: Path) -> tuple[TableName, ...]:
    """Write each block's visits and patients as a part, and the providers once."""
    for number, block in enumerate(blocks(setting)):
        block.visits.write_parquet(beside / f"visits-{number:06d}.parquet")
        block.patients.write_parquet(beside / f"patients-{number:06d}.parquet")
        if number == 0:
            block.providers.write_parquet(beside / "providers-000000.parquet")
    return _TABLES


def _join(beside: Path, name: TableName) -> Path:
    """Stream the parts of a table into one file."""
    joined = beside / f"{name}.parquet"
    pl.scan_parquet(sorted(beside.glob(f"{name}-*.parquet"))).sink_parquet(joined)
    return joined


def blocks(setting: Setting) -> Iterator[Synthetic]:
    """Draw the population block by block of patients."""
    world = World.of(setting)
    for block in range(-(-setting.n_patients // BLOCK)):
        yield build_block(world, block)


def build_block(world: World, block: int) -> Synthetic:
    """Draw one block from its own streams of random numbers, whatever was drawn before.

    Parameters
    ----------
    world : World
    block : int
        Its number, from 0.

    Returns
    -------
    Synthetic
        The block's visits and patients, and all providers.
    """
    setting, first = world.setting, block * BLOCK
    seeds = np.random.SeedSequence(setting.seed, spawn_key=(1, block)).spawn(3)
    people = build_people(world, first, min(BLOCK, setting.n_patients - first), seeds[0])
    visits = build_visits(world, people, block, seeds[1])
    return dirt.soil(Synthetic(visits, people.table, world.staff.providers), setting, block, seeds[2])
