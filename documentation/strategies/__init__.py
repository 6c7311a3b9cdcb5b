"""What the pages of single strategies show beyond the registry: one module each, found by its name, none needed.

A module has the name of the strategy's own one. Its `anatomy` finds the parts of a signal for a picture, and
`SIGNALS_DESIGNED` says how often the rules were meant to signal.
"""
