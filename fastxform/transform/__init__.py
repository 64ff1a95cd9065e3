"""Raw columns to typed, filtered and routed rows, with the partition keys and Iceberg metadata of each record.

No bytes are read or written here. Invariant: a row that fails names its reason and changes no other row.
"""
