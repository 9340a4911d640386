"""Attributes judged one by one, by their keys, types and values: what is wrong with any of a record's.

`faults` names what can be wrong, `judge` says it of one attribute, slowly and in words.
`records` does it for all records of a batch: what is to be said of a key is found out
once for each distinct key, and of a text once for each pair of key and text.
"""
