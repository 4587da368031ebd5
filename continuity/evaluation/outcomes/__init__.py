"""Outcomes after continuity: exposure first, follow-up after it."""
