"""Avohilmo, Finland's register of primary care contacts: main tables with their satellites.

The cohort filter is that of Finnish health economists (T. Haaga, VATT): a person, a start, outpatient medical care
(T11), at the reception (R10), not cancelled, and no row twice.
"""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Final

import polars as pl

from continuity.errors import InputError, UsageError
from continuity.schema import TableName, conform
from continuity.sources import account, files, tables
from continuity.sources.avohilmo_files import main_tables, open_mains, open_satellite, satellites
from continuity.sources.avohilmo_filter import Main, counts, refuse, survey
from continuity.sources.avohilmo_tables import homes, patients, places, providers, visits
from continuity.sources.base import Count, ReadOptions, Tables
from continuity.vocabulary import Urgency, words

_DIFFER: Final = "birth year or sex differs between rows of a patient: null"


def recognise(path: str | Path) -> bool:
    """Tell whether a path holds a main table of Avohilmo, by the names of its columns."""
    try:
        return bool(main_tables(path))
    except (InputError, OSError, ValueError):
        return False


def locate(path: str | Path) -> list[Path]:
    """Give the files that are read: main tables and the satellites beside them.

    Raises
    ------
    InputError
        There is no such file.
    """
    mains = main_tables(path)
    beside = satellites(mains)
    return [*mains, *dict.fromkeys(file for found in beside.values() for file in found)] if mains else files.find(path)


def read(path: str | Path, options: ReadOptions) -> Tables:
    """Read an extract: its visits, and patients and providers as far as the visits tell.

    The main tables are read once here, to count and to find rows that are there twice; the visits are given lazily.

    Raises
    ------
    InputError
        A file cannot be read, lacks a person, a start or the id of the professional, or holds no visit.
    UsageError
        A word of urgency that does not exist.
    """
    odd = sorted(set(options.urgencies.values()) - set(words(Urgency)))
    if odd:
        raise UsageError.unknown_choice("An urgency", odd[0], words(Urgency))
    mains = main_tables(path)
    if not mains:
        raise InputError(
            f"{Path(path).name} holds no main table of Avohilmo.",
            allowed="Needed: KAYNTI_ALKOI, and KAYNTI_PALVELUMUOTO or KAYNTI_YHTEYSTAPA, in upper or lower case.",
        )
    where = mains[0].name if len(mains) == 1 else f"{len(mains)} files"
    main = Main.of(open_mains(mains, options), options)
    with files.readable(where):
        found = survey(main, [homes(main), places(main)])
    counted = [*counts(found, main, options)]
    refuse(found, counted, where)
    beside = satellites(mains)
    people, n_differ = patients(found.summaries[0], main.there)
    counted += [*_notes(main, beside, options), *account.some("patients", _DIFFER, n_differ, "warning")]
    return Tables(
        visits=visits(main.kept(found.repeats), main.there, beside, options),
        patients=None if people is None else conform(people.lazy(), "patients", where=where),
        providers=conform(providers(found.summaries[1]).lazy(), "providers", where=where),
        counts=tuple(counted),
    )


def read_table(path: str | Path, table: TableName, options: ReadOptions) -> pl.LazyFrame:
    """Read visits of the register; patients and providers of their own are canonical tables.

    Raises
    ------
    InputError
        The file cannot be read or lacks a column.
    """
    return read(path, options).visits if table == "visits" else tables.read_table(path, table, options)


def _notes(main: Main, beside: Mapping[str, Sequence[Path]], options: ReadOptions) -> Iterator[Count]:
    n = 0
    for path in beside.get("TOIMENPIDE", ()):
        n += open_satellite([path], "TOIMENPIDE", options).select(pl.len()).collect(engine="streaming").item()
    if n:
        yield Count("visits", "procedures (TOIMP) are left out: no canonical column holds them", n)
    if "unit" not in main.there and "producer" in main.there:
        yield Count("visits", "unit_id is PALVELUNTUOTTAJA, because PALVELUNTUOTTAJA_YKSIKKO is not there", 0)
    if "home" in main.there:
        yield Count("patients", "area_code is the municipality ASIAKAS_KOTIKUNTA as it is: no key to counties", 0)
