"""To which unit and team a patient belongs; the engine finds it, because indices of groups need it too."""

from continuity.metrics.engine.members import Rule, members

__all__ = ["Rule", "members"]
