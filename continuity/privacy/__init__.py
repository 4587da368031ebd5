"""Disclosure control: what may leave the house, and the one type that reports accept."""

from continuity.privacy.limits import Limits
from continuity.privacy.protect import ProtectedTable, protect

__all__ = ["Limits", "ProtectedTable", "protect"]
