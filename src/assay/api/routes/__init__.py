"""Routes by subject; each module has a `router`, and `assay.api.app` lists them."""
