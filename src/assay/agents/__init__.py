"""Tools for programs that speak the Model Context Protocol (`assay mcp`): they train, and read what is found."""
