"""Designs that cannot answer are refused with what they lack, and no message holds a value of a patient."""

import sys
from datetime import date, datetime
from typing import Any

import polars as pl
import pytest

import continuity as ct
from continuity.errors import ContinuityError, InputError, UsageError
from continuity.synthetic.outcomes import Drawn, draw_outcomes

UNTIL = datetime(2025, 1, 1)


@pytest.fixture(scope="module")
def drawn() -> Drawn:
    return draw_outcomes(400, seed=6, n_units=25)


def study(drawn: Drawn, **changes: Any) -> ct.Associations:
    options: dict[str, Any] = {
        "per_patient": drawn.per_patient,
        "events": drawn.events,
        "index": "coc",
        "patients": drawn.patients,
        "deaths": drawn.deaths,
        "until": UNTIL,
    }
    return ct.outcome_study(**(options | changes))


def refused(kind: type[ContinuityError], words: str, drawn: Drawn, **changes: Any) -> None:
    with pytest.raises(kind, match=words):
        study(drawn, **changes)


def test_an_outcome_inside_the_exposure_window(drawn: Drawn) -> None:
    refused(UsageError, "inside the exposure window.*force_overlap", drawn, since="2023-06-01")
    marked = study(drawn, since="2023-06-01", force_overlap=True)
    assert marked.summary["design"].startswith("concurrent (forced)")
    assert marked.summary["events"]["in_exposure_window"] > 0


def test_a_pause_after_the_exposure_window_is_no_overlap(drawn: Drawn) -> None:
    found = study(drawn, since="2024-02-01", classes=[0.5])
    assert found.summary["design"] == "landmark: exposure before follow-up"
    assert found.summary["person_years"] < study(drawn, classes=[0.5]).summary["person_years"]


def test_an_exposure_window_without_an_end(drawn: Drawn) -> None:
    endless = drawn.per_patient.with_columns(window_end=pl.lit(None, pl.Datetime("us")))
    refused(UsageError, "without a start or an end", drawn, per_patient=endless)
    refused(InputError, "'window_end' is missing", drawn, per_patient=drawn.per_patient.drop("window_end"))


def test_no_follow_up_and_no_outcome_in_it(drawn: Drawn) -> None:
    refused(UsageError, "There is no follow-up", drawn, until="2024-01-01")
    early = drawn.events.filter(pl.col("event_at") < datetime(2024, 1, 1))
    refused(UsageError, "No outcome lies in the follow-up.*before it", drawn, events=early)
    refused(UsageError, "Nobody is left", drawn, patients=drawn.patients.with_columns(enrolled_from=date(2024, 6, 1)))


def test_several_windows_without_the_option(drawn: Drawn) -> None:
    later = drawn.per_patient.with_columns(window_end=datetime(2024, 7, 1))
    both = pl.concat([drawn.per_patient, later])
    refused(UsageError, "2 exposure windows.*time_varying", drawn, per_patient=both)
    refused(UsageError, "exclude one another", drawn, per_patient=both, time_varying=True, since="2024-08-01")
    same_end = pl.concat([drawn.per_patient, drawn.per_patient.with_columns(window_start=datetime(2023, 1, 1))])
    refused(UsageError, "end at the same moment", drawn, per_patient=same_end, time_varying=True)


def test_too_few_events(drawn: Drawn) -> None:
    refused(UsageError, r"\d+ events are too few for \d+ coefficients", drawn, events=drawn.events.tail(30))


def test_classes_and_curves(drawn: Drawn) -> None:
    refused(UsageError, "no patients: >= 2", drawn, classes=[0.5, 2])
    for cuts in (4, "quartiles", [], [0.5, 0.2], [0.5, 0.5], ["0.5"]):
        refused(UsageError, "not cuts fixed beforehand", drawn, classes=cuts)
    flat = drawn.per_patient.with_columns(coc=pl.lit(0.5))
    refused(UsageError, "the same for every patient", drawn, per_patient=flat)
    refused(UsageError, "where no patient is", drawn, at=[0.5, 3.0])
    refused(UsageError, "knots are neither", drawn, knots=2)


def test_columns_and_words(drawn: Drawn) -> None:
    refused(InputError, "'upcc' is missing", drawn, index="upcc")
    refused(InputError, "'income' is missing from the patients", drawn, covariates=["income"])
    refused(InputError, "'event_at' is missing from the events", drawn, events=drawn.costs)
    refused(InputError, "'amount' is missing from the costs", drawn, events=drawn.costs.drop("amount"), model="gamma")
    refused(UsageError, "model cannot be 'logit'", drawn, model="logit")
    refused(UsageError, "until is no moment", drawn, until="soon")
    refused(UsageError, "min_events_per_parameter", drawn, min_events_per_parameter=0)


def test_tables_that_do_not_fit(drawn: Drawn) -> None:
    texts = drawn.events.with_columns(pl.col("patient_id").cast(pl.String))
    refused(InputError, "patient_id is String in the events", drawn, events=texts)
    refused(InputError, "name a patient that another row", drawn, patients=pl.concat([drawn.patients, drawn.patients]))
    refused(InputError, "rows of the deaths name", drawn, deaths=pl.concat([drawn.deaths, drawn.deaths]))
    refused(InputError, "lack the patient", drawn, events=drawn.events.with_columns(event_at=pl.lit(None, pl.Date)))
    refused(InputError, "holds String", drawn, events=drawn.events.with_columns(event_at=pl.lit("2024-05-01")))
    twice = pl.concat([drawn.per_patient, drawn.per_patient])
    refused(InputError, "name a patient and a window", drawn, per_patient=twice)
    less = drawn.costs.with_columns(amount=-pl.col("amount"))
    refused(InputError, "amounts are below 0", drawn, events=less, model="gamma")


def test_an_identifier_as_covariate_and_covariates_that_say_the_same(drawn: Drawn) -> None:
    named = drawn.patients.with_columns(code=pl.format("secret-{}", "patient_id"), again=pl.col("is_chronic"))
    refused(UsageError, "categories for", drawn, patients=named, covariates=["code"])
    refused(UsageError, "finds no solution", drawn, patients=named, covariates=["is_chronic", "again"])


def test_no_message_holds_a_value_of_a_patient(drawn: Drawn) -> None:
    frames = {
        name: getattr(drawn, name).with_columns(pl.format("secret-{}", "patient_id").alias("patient_id"))
        for name in ("per_patient", "events", "patients", "deaths")
    }
    twice = {name: pl.concat([frame, frame]) for name, frame in frames.items()}
    bad: list[dict[str, Any]] = [{name: twice[name]} for name in ("per_patient", "patients", "deaths")]
    bad += [{"covariates": ["patient_id"]}, {"until": "2024-01-01"}, {"events": frames["events"].head(3)}]
    for change in bad:
        with pytest.raises(ContinuityError) as error:
            study(drawn, **(frames | change))
        assert "secret" not in str(error.value)


def test_without_statsmodels_the_extra_is_named(drawn: Drawn, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "statsmodels.api", None)
    refused(UsageError, r"continuity\[statistics\]", drawn)


def test_the_warning_sets_its_own_times(drawn: Drawn) -> None:
    with pytest.raises(UsageError, match="sets force_overlap itself"):
        ct.concurrent_warning(
            drawn.per_patient, drawn.events, "coc", patients=drawn.patients, until=UNTIL, force_overlap=True
        )


def test_nothing_is_called_an_effect_or_causal(drawn: Drawn) -> None:
    said = str(study(drawn, classes=[0.5]).summary).lower()
    assert "causal" not in said
    assert said.count("effect") == said.count("not an effect") == 1
