"""What a plan is asked for, checked once."""

from dataclasses import dataclass, replace
from typing import Any, Self

from continuity.assignment.attribution_visits import Moment, duration, parsed
from continuity.errors import UsageError
from continuity.vocabulary import AssignmentMode, AttributionRule, Infeasible, Role, words


@dataclass(frozen=True)
class Settings:
    """The choices of a plan; `continuity.assign` says what each means."""

    tolerance: float = 0.05
    move_cost: float = 1.0
    households: bool = False
    max_moves: int | None = None
    lookback: str = "24mo"
    as_of: Moment | None = None
    seed: int = 1
    role: Role = "doctor"
    chronic_priority: bool = False
    languages: bool = True
    locked: bool = True
    mode: AssignmentMode = "best"
    infeasible: Infeasible = "refuse"
    chronic_tolerance: float | None = None
    team_tolerance: float | None = None
    distance_cost: float = 0.0
    pair: bool = False
    attribute: AttributionRule | None = None

    def __post_init__(self) -> None:
        duration(self.lookback)
        if self.as_of is not None:
            parsed(self.as_of)
        for name in ("tolerance", "chronic_tolerance", "team_tolerance"):
            value = getattr(self, name)
            if value is not None and not 0 <= value < 1:
                raise UsageError(f"{name} cannot be {value:g}.", allowed="Allowed: 0 to below 1, such as 0.05 for 5 %.")
        for name in ("move_cost", "distance_cost"):
            value = getattr(self, name)
            if not 0 <= value < 1e6:
                raise UsageError(f"{name} cannot be {value:g}.", allowed="Allowed: 0 to below 1,000,000 visits.")
        if self.max_moves is not None and self.max_moves < 0:
            raise UsageError("max_moves cannot be negative.", allowed="Allowed: 0 or a number of patients.")
        if self.max_moves is not None and self.mode == "random":
            raise UsageError("max_moves does not go with mode 'random'.", allowed="The lot moves whom the bands need.")
        if self.attribute is not None and self.attribute not in words(AttributionRule):
            raise UsageError.unknown_choice("attribute", self.attribute, words(AttributionRule))
        for name, kind in (("role", Role), ("mode", AssignmentMode), ("infeasible", Infeasible)):
            if getattr(self, name) not in words(kind):
                raise UsageError.unknown_choice(name, getattr(self, name), words(kind))

    def with_(self, **changes: Any) -> Self:
        """Give the same settings with some changed."""
        return replace(self, **changes)

    def as_parameters(self) -> dict[str, Any]:
        """Give every setting by its name, for a summary."""
        return {name: str(value) if name == "as_of" else value for name, value in vars(self).items()}
