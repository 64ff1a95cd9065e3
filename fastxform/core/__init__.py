"""What every layer shares: values of a column, payload bytes, JSON text, Arrow kernels and the stage timer.

No module here knows a configuration, a record or AWS. Invariant: nothing here imports from another package of
fastxform.
"""
