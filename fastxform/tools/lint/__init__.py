"""What can be checked of a transform without a record: doubtful parts of it, and tables that do not agree with it.

`rules` looks at the configuration; `definitions` reads CREATE TABLE statements, which `agreement` compares for Iceberg
tables; `reader_tables` reads what readers of objects are set to, which `objects` compares. Mistakes
are not found here, a `Spec` has none. Invariant: the same file gives the same findings in the same order.
"""
