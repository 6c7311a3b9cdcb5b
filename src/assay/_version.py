"""The version, apart from everything else so that nothing is imported to learn it."""

__version__ = "0.1.0"
