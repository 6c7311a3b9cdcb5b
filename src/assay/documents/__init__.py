"""The V3 document: how it is made from evidence, what its fields are, and how it is read and proven again."""
