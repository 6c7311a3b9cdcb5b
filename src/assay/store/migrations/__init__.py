"""Revisions of the schema, oldest first by number. A revision that was released is never edited."""
