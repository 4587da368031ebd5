"""Replay of a plan: fit on the years before, assign, and look at what the visits of the next year would have met.

    python benchmarks/replay.py [--patients 20000] [--seeds 1 2 3]

Four synthetic years with turnover, uneven lists and patients on no list. Workload is learned and the plan is made from
the first three; the visits of the fourth, which no plan has seen, are replayed.
"""

import argparse
from datetime import date, datetime

import numpy as np
import polars as pl

import continuity as ct
from continuity.assignment import count_attributed, expected_workload, validate_workload
from continuity.synthetic import Setting, Synthetic, generate

AS_OF = datetime(2025, 1, 1)
END = datetime(2026, 1, 1)
TOLERANCE = 0.05
REPLICATES = 5


class Case:
    """One synthetic world as it stands at `AS_OF`, and the year after."""

    def __init__(self, tables: Synthetic, seed: int) -> None:
        day, moment = AS_OF.date(), pl.col("visit_at")
        self.seed = seed
        self.past = tables.visits.filter(moment < AS_OF)
        doctors = tables.providers.filter(pl.col("role") == "doctor")
        self.doctors = doctors.filter(
            (pl.col("active_from") <= day) & (pl.col("active_to") > day).fill_null(value=True)
        ).with_columns(accepts_new=pl.lit(value=True))  # here balance is asked of everyone
        enrolled = (pl.col("enrolled_from") <= day) & (pl.col("enrolled_to") > day).fill_null(value=True)
        here = tables.patients.filter(enrolled).drop("workload")
        self.year = tables.visits.filter((moment >= AS_OF) & (pl.col("provider_role") == "doctor")).join(
            here.select("patient_id"), on="patient_id", how="semi"
        )
        self.today = ct.attribute(self.past, patients=here, providers=self.doctors, as_of=AS_OF).with_columns(
            # who was seen by somebody gone by now has no doctor today
            pl.when(pl.col("provider_id").is_in(self.doctors["provider_id"].implode())).then("provider_id")
        )
        work = expected_workload(here, self.past, as_of=AS_OF)
        listed = self.today.select("patient_id", listed_provider_id="provider_id")
        self.patients = (
            here.drop("listed_provider_id", "listed_from").join(work, on="patient_id").join(listed, on="patient_id")
        )
        self.fit = validate_workload(tables.patients, tables.visits, as_of=END)

    def status_quo(self) -> pl.DataFrame:
        return self.patients.select("patient_id", provider_id="listed_provider_id")

    def random(self) -> pl.DataFrame:
        rng, parts = np.random.default_rng(self.seed), []
        for (unit,), people in self.patients.sort("patient_id").group_by("unit_id", maintain_order=True):
            staff = self.doctors.filter((pl.col("unit_id") == unit) & (pl.col("fte") > 0)).sort("provider_id")
            share = staff["fte"].to_numpy() / staff["fte"].sum()
            drawn = staff["provider_id"].gather(rng.choice(len(share), people.height, p=share))
            parts.append(people.select("patient_id").with_columns(provider_id=drawn))
        return pl.concat(parts)

    def greedy(self) -> pl.DataFrame:
        """Four cuts on past visits; then, best known first, stay while there is room, else go to the emptiest list."""
        cut = ct.attribute(self.past, rule="four_cut", as_of=AS_OF)
        cut = cut.select("patient_id", "provider_id", "n_with_provider")
        people = self.patients.select("patient_id", "unit_id", "workload").join(cut, on="patient_id", how="left")
        found = []
        for (unit,), group in people.sort("patient_id").group_by("unit_id", maintain_order=True):
            staff = self.doctors.filter(pl.col("unit_id") == unit)
            total, fte = group["workload"].sum(), staff["fte"].sum()
            target = {p: f / fte * total for p, f in staff.select("provider_id", "fte").rows() if f > 0}
            load = dict.fromkeys(target, 0.0)
            order = group.sort(pl.col("n_with_provider").fill_null(0), "patient_id", descending=[True, False])
            for patient, wish, work in order.select("patient_id", "provider_id", "workload").rows():
                fits = wish in load and load[wish] + work <= (1 + TOLERANCE) * target[wish]
                choice = wish if fits else min(load, key=lambda p: (load[p] / target[p], p))
                load[choice] += work
                found.append((patient, choice))
        return pl.DataFrame(found, schema=["patient_id", "provider_id"], orient="row")

    def planned(self, workload: pl.Expr) -> pl.DataFrame:
        patients = self.patients.with_columns(workload=workload)
        plan = ct.assign(
            patients, self.doctors, self.past, tolerance=TOLERANCE, as_of=AS_OF, infeasible="nearest", languages=False
        )
        return plan.assignments.select("patient_id", "provider_id")

    def plans(self) -> dict[str, pl.DataFrame]:
        return {
            "status quo": self.status_quo(),
            "random, by FTE": self.random(),
            "four-cut, then greedy": self.greedy(),
            "`ct.assign`, every patient alike": self.planned(pl.lit(1.0)),
            "`ct.assign`, forecast workload": self.planned(pl.col("workload")),
        }

    def replayed(self, plan: pl.DataFrame) -> dict[str, float]:
        """What the year's visits meet under the plan."""
        names = ("patient_id", "unit_id", "is_chronic", "birth_year", "workload", "listed_provider_id")
        people = self.patients.select(names).join(plan, on="patient_id", how="left")
        visits = self.year.join(people.select("patient_id", "listed_provider_id", own="provider_id"), on="patient_id")
        known = visits.filter(pl.col("provider_id").is_not_null())
        # Bookings that follow the plan: the old and the new doctor of a patient change places, nothing else does.
        seen, old, new = pl.col("provider_id"), pl.col("listed_provider_id"), pl.col("own")
        after = known.with_columns(
            provider_id=pl.when((seen == old) & new.is_not_null())
            .then(new)
            .when((seen == new) & old.is_not_null())
            .then(old)
            .otherwise(seen)
        )
        before = self.past.filter(
            (pl.col("visit_at") >= datetime(2024, 1, 1)) & (pl.col("provider_role") == "doctor")
        ).filter(pl.col("provider_id").is_not_null())
        both = pl.concat([before, after.select(before.columns)])
        coc = ct.compute(both, "coc", min_visits=3, window=(date(2024, 1, 1), date(2026, 1, 1)))["coc"].mean()
        moved = (pl.col("provider_id") != pl.col("listed_provider_id")).fill_null(value=False)
        had = pl.col("listed_provider_id").is_not_null()
        worst, spread = self.loads(plan)
        simulated = ct.simulate(
            people.select("patient_id", "unit_id", "provider_id", "workload", "birth_year"),
            self.doctors,
            replicates=REPLICATES,
            as_of=AS_OF.date(),
        ).units
        own = simulated.filter(pl.col("measure") == "share_own_doctor")["estimate"].mean()
        overflow = simulated.filter(pl.col("measure") == "overflow_of_doctors")["estimate"].mean()
        return {
            "own doctor, %": 100 * (known["provider_id"] == known["own"]).fill_null(value=False).mean(),
            "COC of two years, if bookings follow": coc,
            "load, mean deviation, %": 100 * spread,
            "load, worst, %": 100 * worst,
            "moved, %": 100 * people.filter(had).select(moved.mean()).item(),
            "chronic moved, %": 100 * people.filter(had & pl.col("is_chronic")).select(moved.mean()).item(),
            "nobody's, %": 100 * people["provider_id"].null_count() / people.height,
            "simulated own doctor, %": 100 * own,
            "simulated overflow, %": 100 * overflow,
        }

    def loads(self, plan: pl.DataFrame) -> tuple[float, float]:
        """How far the visits of the year, by panel, are from the FTE's share: the worst doctor, and the mean."""
        visits = self.year.select("patient_id", "unit_id").join(plan, on="patient_id").drop_nulls("provider_id")
        load = visits.group_by("provider_id").agg(load=pl.len().cast(pl.Float64))
        staff = (
            self.doctors.filter(pl.col("fte") > 0)
            .join(load, on="provider_id", how="left")
            .with_columns(pl.col("load").fill_null(0.0))
        )
        share = pl.col("fte") / pl.col("fte").sum().over("unit_id") * pl.col("load").sum().over("unit_id")
        away = staff.select((pl.col("load") / share - 1).abs()).to_series()
        return away.max(), away.mean()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--patients", type=int, default=20_000)
    parser.add_argument("--seeds", type=int, nargs="+", default=[1, 2, 3])
    asked = parser.parse_args()
    rows = []
    for seed in asked.seeds:
        setting = Setting(n_patients=asked.patients, seed=seed, years=4, start=date(2022, 1, 1))
        case = Case(generate(setting), seed)
        print(f"seed {seed}: {count_attributed(case.today).row(0, named=True)}\n{case.fit}\n", flush=True)
        for name, plan in case.plans().items():
            rows.append({"plan": name, **case.replayed(plan)})
    table = pl.DataFrame(rows).group_by("plan", maintain_order=True).mean()
    digits = [3 if name.startswith("COC") else 1 for name in table.columns[1:]]
    print("| " + " | ".join(table.columns) + " |")
    print("| --- " * table.width + "|")
    for name, *values in table.rows():
        print(f"| {name} | " + " | ".join(f"{x:.{d}f}" for x, d in zip(values, digits, strict=True)) + " |")
    print("| nearest | not applicable: the synthetic tables have no coordinates" + " |" * (table.width - 1))


if __name__ == "__main__":
    main()
