"""One module for each command: a function whose signature is the command's options."""
