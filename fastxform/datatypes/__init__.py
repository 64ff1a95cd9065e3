"""The types of a column: how each is spelled, and how one value or a whole column becomes it.

`scalar` is the reference for one value, `vector` does a column at a time, `text` writes
typed columns as text and JSON literals. Invariant: both give the same values and the
same failures.
"""
