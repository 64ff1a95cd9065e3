"""Bursts of made-up records: deterministic, by table, with a share of malformed ones.

Invariant: the same seed gives the same bytes on every machine.
"""
