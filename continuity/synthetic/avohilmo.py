"""A synthetic population as an extract of Avohilmo, Finland's register of primary care: its columns, codes and letters.

Layouts after the FinRegistry extract (github.com/dsgelab/finregistry-data, MIT) and the names of VATT's extract.
"""

import io
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Final, Literal

import numpy as np
import polars as pl

from continuity.errors import UsageError
from continuity.synthetic.build import blocks
from continuity.synthetic.setting import Setting
from continuity.synthetic.tables import Synthetic

Extract = Literal["finregistry", "vatt"]
Noise = Literal["other_service", "other_contact", "cancelled", "no_person", "no_start", "duplicate"]

_FORM: Final = "%d.%m.%Y %H:%M"
_REVISED: Final = pl.datetime(2019, 1, 1)
_STREAM: Final = 2  # of the seed; staff and patients draw from the streams 0 and 1
_COLUMNS: Final = tuple(
    """AVOHILMO_ID TNRO ASIAKAS_KOTIKUNTA ASIAKAS_POSTINUMERO ASIAKAS_KOTIMAA PALVELUNTUOTTAJA
    PALVELUNTUOTTAJA_YKSIKKO YHTEYDENOTTO_AJANKOHTA HOIDONTARVE_AJANKOHTA HTA_AMMATTIOIKEUS HTA_AMMATTI HTA_ENSIKAYNTI
    HTA_KIIREELLISYYS HTA_LUONNE HTA_TULOS AJANVARAUS_AJANKOHTA AJANVARAUS_VARATTU AJANVARAUS_AMMATTIOIKEUS
    AJANVARAUS_AMMATTI AJANVARAUS_PALVELUMUOTO AJANVARAUS_YHTEYSTAPA KAYNTI_ALKOI KAYNTI_LOPPUI KAYNTI_KAVIJARYHMA
    KAYNTI_KIIREELLISYYS KAYNTI_LUONNE KAYNTI_ENSIKAYNTI KAYNTI_ERIKOISALA KAYNTI_AMMATTIOIKEUS KAYNTI_AMMATTI
    KAYNTI_PALVELUMUOTO KAYNTI_YHTEYSTAPA ULKOINEN_SYY TAPATURMATYYPPI PAINO PAINO_YKSIKKO PITUUS EPDS VYOTARO_YMPARYS
    DIASTOLINEN_VERENPAINE SYSTOLINEN_VERENPAINE HH_1 HH_2 HH_3 HH_4 HH_5 HH_6 HH_7 HH_8 HH_9
    TUPAKOINTI AUDIT_FULL AUDIT_C RASKAUS_PARITEETTI RASKAUS_RASKAUSVIIKOT RASKAUS_LASKETTUAIKA
    KOTIHOITO_PALVELUSUUNNITELMA KOTIHOITO_TARKISTUS_AJANKOHTA PERUUTUS_AJANKOHTA SEURANTATIETUE_PAIVITETTY""".split()  # noqa: SIM905 # sixty names as text; those of the dental columns (HH_) are ours
)
_FURTHER: Final = ("KAYNTI_TOTEUTTAJA", "ASIAKAS_SYNTYMAAIKA", "ASIAKAS_SUKUPUOLI", "PERUUTUS_SYY")
_VATT_NAMES: Final = {"AVOHILMO_ID": "kaynti_id", "TNRO": "shnro", "KAYNTI_TOTEUTTAJA": "skaynti_toteuttaja"}
_FILES: Final = {"main": "AVOHILMO.csv", "ICPC2": "AVOHILMO_ICPC2_DIAG.csv", "TOIMENPIDE": "AVOHILMO_TOIMP.csv"}
_CONTACTS: Final[Mapping[str, tuple[str, str]]] = {  # until 2018, from 2019
    "in_person": ("R10", "R10"),
    "home": ("R20", "R20"),
    "phone": ("R50", "R52"),
    "video": ("R50", "R52"),
    "message": ("R51", "R56"),
    "other": ("R90", "R90"),
}


def write_avohilmo(
    setting: Setting, directory: str | Path, *, extract: Extract = "finregistry", noise: float = 0.0
) -> dict[str, int]:
    """Write a setting as an extract of Avohilmo: the main table and two satellites, `;`, Latin-1, Finnish dates.

    What the register does not hold is lost: teams, lists, languages, urgency (its codes are not known), and whether a
    remote contact was a call or a video. Providers are in the column that FinRegistry's own extract lacks.

    Parameters
    ----------
    setting : Setting
    directory : path
        Made when it does not exist; gets AVOHILMO.csv, AVOHILMO_ICPC2_DIAG.csv and AVOHILMO_TOIMP.csv.
    extract : {"finregistry", "vatt"}
        Names of the columns: upper case, or lower case with shnro, kaynti_id and skaynti_toteuttaja.
    noise : float
        For each kind of rows that are no visits, their number as a share of the visits.

    Returns
    -------
    dict of str to int
        Rows of the main table that are visits of the setting, and rows of each kind of noise.

    Raises
    ------
    UsageError
        The directory is a file.
    """
    target = Path(directory)
    if target.exists() and not target.is_dir():
        raise UsageError(f"'{target.name}' is a file.", allowed="The extract needs a directory.")
    target.mkdir(parents=True, exist_ok=True)
    counts = dict.fromkeys(("visits", *_NOISE), 0)
    with tempfile.TemporaryDirectory(dir=target, prefix=".avohilmo-") as beside:
        for number, tables in enumerate(blocks(setting)):
            rng = np.random.default_rng(np.random.SeedSequence(setting.seed, spawn_key=(_STREAM, number)))
            for kind, part in _parts(tables, rng, noise):
                counts[kind] += part.height
                _append(_named(part, extract), Path(beside) / _FILES["main"])
            for name, rows in _satellites(tables.visits):
                _append(_renamed(rows, extract), Path(beside) / _FILES[name])
        for file in _FILES.values():
            (Path(beside) / file).replace(target / file)
    return counts


def _parts(tables: Synthetic, rng: np.random.Generator, noise: float) -> Iterator[tuple[str, pl.DataFrame]]:
    visits = _main(tables)
    yield "visits", visits
    for kind, change in _NOISE.items():
        rows = visits[rng.choice(visits.height, int(noise * visits.height), replace=False)]
        prefix = "" if kind == "duplicate" else f"{kind.upper()}-"
        yield kind, rows.with_columns(pl.col("AVOHILMO_ID").str.replace("^", prefix), **change)


_NOISE: Final[Mapping[Noise, Mapping[str, pl.Expr]]] = {
    "no_person": {"TNRO": pl.lit(" ")},
    "no_start": {"KAYNTI_ALKOI": pl.lit(None, pl.String)},
    "other_service": {"KAYNTI_PALVELUMUOTO": pl.lit("T26")},
    "other_contact": {"KAYNTI_YHTEYSTAPA": pl.lit("R60")},
    "cancelled": {"PERUUTUS_AJANKOHTA": pl.col("KAYNTI_ALKOI"), "PERUUTUS_SYY": pl.lit("Äkillinen este")},
    "duplicate": {},
}


def _main(tables: Synthetic) -> pl.DataFrame:
    """Give the main table of a block, in upper case and with every column."""
    people = tables.patients.select("patient_id", "birth_year", "sex", home="area_code")
    visits = tables.visits.join(people, on="patient_id", how="left", maintain_order="left")
    start, is_doctor = pl.col("visit_at").dt.strftime(_FORM), pl.col("provider_role") == "doctor"
    # Every second row tells the profession by its occupation, the others by the right to practise.
    by_occupation = pl.int_range(pl.len()) % 2 == 0
    occupation = pl.when(is_doctor).then(pl.lit("22211")).otherwise(pl.lit("32311"))
    licence = pl.when(is_doctor).then(pl.lit("031")).otherwise(pl.lit("503"))
    old, new = ({mode: codes[i] for mode, codes in _CONTACTS.items()} for i in (0, 1))
    mode = pl.col("contact_mode")
    made = {
        "AVOHILMO_ID": pl.col("visit_id"),
        "TNRO": pl.col("patient_id"),
        "ASIAKAS_KOTIKUNTA": pl.col("home"),
        "ASIAKAS_KOTIMAA": pl.lit("246"),
        "PALVELUNTUOTTAJA": pl.lit("T") + pl.col("unit_id"),
        "PALVELUNTUOTTAJA_YKSIKKO": pl.col("unit_id"),
        "YHTEYDENOTTO_AJANKOHTA": pl.col("contacted_at").dt.strftime(_FORM),
        "HOIDONTARVE_AJANKOHTA": pl.col("assessed_at").dt.strftime(_FORM),
        "AJANVARAUS_VARATTU": start,
        "AJANVARAUS_PALVELUMUOTO": pl.col("care_type"),
        "KAYNTI_ALKOI": start,
        "KAYNTI_LOPPUI": (pl.col("visit_at") + pl.duration(minutes=20)).dt.strftime(_FORM),
        "KAYNTI_LUONNE": pl.lit("SH"),
        "KAYNTI_ERIKOISALA": pl.lit("98"),
        "KAYNTI_AMMATTIOIKEUS": pl.when(~by_occupation).then(licence),
        "KAYNTI_AMMATTI": pl.when(by_occupation).then(occupation),
        "KAYNTI_PALVELUMUOTO": pl.col("care_type"),
        "KAYNTI_YHTEYSTAPA": pl.when(pl.col("visit_at") < _REVISED)
        .then(mode.replace(old))
        .otherwise(mode.replace(new)),
        "SEURANTATIETUE_PAIVITETTY": start,
        "KAYNTI_TOTEUTTAJA": pl.col("provider_id"),
        "ASIAKAS_SYNTYMAAIKA": pl.lit("1.7.") + pl.col("birth_year").cast(pl.String),
        "ASIAKAS_SUKUPUOLI": pl.col("sex").replace_strict({"male": "1", "female": "2"}, default=None),
    }
    return visits.select(made.get(name, pl.lit(None, pl.String)).alias(name) for name in (*_COLUMNS, *_FURTHER))


def _satellites(visits: pl.DataFrame) -> Iterator[tuple[str, pl.DataFrame]]:
    keys = {"AVOHILMO_ID": pl.col("visit_id"), "TNRO": pl.col("patient_id")}
    order = pl.int_ranges(1, pl.col("reason_codes").list.len() + 1)
    coded = visits.filter(pl.col("reason_codes").list.len() > 0)
    yield "ICPC2", coded.select(**keys, JARJESTYS=order, ICPC2="reason_codes").explode("JARJESTYS", "ICPC2")
    consulted = visits.filter(pl.col("urgency") == "acute")
    yield "TOIMENPIDE", consulted.select(**keys, JARJESTYS=pl.lit(1), TOIMENPIDE=pl.lit("SPAT1260"))


def _named(rows: pl.DataFrame, extract: Extract) -> pl.DataFrame:
    return _renamed(rows if extract == "vatt" else rows.select(*_COLUMNS, "KAYNTI_TOTEUTTAJA"), extract)


def _renamed(rows: pl.DataFrame, extract: Extract) -> pl.DataFrame:
    if extract == "finregistry":
        return rows
    return rows.rename({name: _VATT_NAMES.get(name, name.lower()) for name in rows.columns})


def _append(rows: pl.DataFrame, path: Path) -> None:
    """Write rows after those that are there; letters that Latin-1 lacks become question marks."""
    text = io.StringIO()
    rows.write_csv(text, separator=";", include_header=not path.exists())
    with path.open("ab") as file:
        file.write(text.getvalue().encode("latin-1", errors="replace"))
