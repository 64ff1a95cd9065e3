"""Typed columns to the bytes of each record: CSV rows, JSON rows, or one table for Spark.

What a response may hold is not known here. Invariant: the rows of a record depend on that record alone.
"""
