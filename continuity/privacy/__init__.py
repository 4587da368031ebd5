"""Privacy: pseudonyms at the door, disclosure control at the way out, and the one type that reports accept."""

from continuity.privacy.door import enter
from continuity.privacy.keys import Key
from continuity.privacy.limits import Limits
from continuity.privacy.protect import ProtectedTable, protect
from continuity.privacy.pseudonyms import pseudonymise

__all__ = ["Key", "Limits", "ProtectedTable", "enter", "protect", "pseudonymise"]
