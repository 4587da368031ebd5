"""A seeded population, its visits and its lists, for demos, tests, benchmarks and teaching.

No row comes from a real person. A setting names every knob, the same setting gives the same tables, and what the
tables must show is known beforehand: see `expected_coc`.
"""

from continuity.synthetic.avohilmo import write_avohilmo
from continuity.synthetic.build import generate, write
from continuity.synthetic.setting import SETTINGS, Dirt, Pool, Setting, expected_coc
from continuity.synthetic.tables import Synthetic

__all__ = ["SETTINGS", "Dirt", "Pool", "Setting", "Synthetic", "expected_coc", "generate", "write", "write_avohilmo"]
