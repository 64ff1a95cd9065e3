"""Configuration files: text to locations of keys, tables to the classes of `model`, diagnostics to lines.

A module for each part of the file; `loader` is the entry. Invariant: whatever the text, the outcome is a `Spec` or a
`ConfigError`.
"""
