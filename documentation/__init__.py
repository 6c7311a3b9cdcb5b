"""Writes what docs/ takes from the code: tables, the schema, the made parts of the strategies' pages (`make docs`).

It measures nothing that takes long and keeps no rows, so it is no study: what it writes follows from the code and the
recorded bars alone, and a test holds that writing it again changes nothing.
"""
