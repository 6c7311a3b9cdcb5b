"""Training as jobs: units of work in the database, run by worker processes, each with one effect."""
