"""The fast path from visits to statistics: the same numbers as the plain one, in one pass over the visits.

Needs numba (the extra ``fast``); where it is absent, or where the rules ask for something else, the plain path serves.
"""
