"""Configuration files: text to locations, tables to the classes of `model`, mistakes to lines.

A module for each part of the file; `loader` is the entry. Invariant: whatever the text, the outcome is a `Spec` or a
`ConfigError`.
"""
