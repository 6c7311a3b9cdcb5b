"""The HTTP API: routes over the functions of `assay.service`, and the checks before them."""
