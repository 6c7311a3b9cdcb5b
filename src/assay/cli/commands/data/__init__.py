"""`assay data`: the bars in the database, in and out."""
