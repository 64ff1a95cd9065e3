"""What can be checked of a transform without a record: doubtful parts of it, and tables that do not agree with it.

`rules` looks at the configuration, `definitions` reads CREATE TABLE statements, and `agreement` compares both. Mistakes
are not found here, a `Spec` has none. Invariant: the same file gives the same findings in the same order.
"""
