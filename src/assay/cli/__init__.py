"""The command line: it composes the other rooms and imports them when a command runs, not before."""
