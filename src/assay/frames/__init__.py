"""The classes for scripts and notebooks: an engine, optimizers, a validator and strategies under their usual names.

They import from `assay` itself. Library calls use threads only, so a script needs no ``__main__`` guard.
"""
