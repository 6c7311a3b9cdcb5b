"""The tools: plain functions of their arguments and the server's state, one module per subject."""
