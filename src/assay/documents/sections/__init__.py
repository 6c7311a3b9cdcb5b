"""The sections of the V3 document as frozen values: their fields are the one table of its keys.

A field has the name of its key; where another name says more, the key is its alias. A key that is added later is
optional with a default, so that documents of before still load.
"""
