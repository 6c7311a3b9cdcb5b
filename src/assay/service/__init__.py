"""What a program does with Assay: collect bars, train, run jobs, stream sweeps, follow a configuration.

The command line, the classes of `assay.frames` and a worker call the same functions. None of them prints: what a person
may want to see goes to a `Reporter`.
"""
