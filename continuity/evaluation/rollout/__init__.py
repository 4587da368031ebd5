"""The effect of a roll-out that reaches units at different times: event study, and interrupted time series."""
