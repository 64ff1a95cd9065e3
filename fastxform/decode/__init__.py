"""Payloads to raw columns: which record is a document, and the fields that the columns ask for.

Types are not judged here. Invariant: whatever the batch path gives for a record equals what `fallback` gives for it
alone.
"""
