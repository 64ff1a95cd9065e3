"""The reader of configuration files: text to places, tables to the classes of `fastxform.spec`, mistakes to lines.

A module for each part of the file; `reader` is the entry, and `fastxform.spec` the only caller. Invariant: whatever the
text, the outcome is a `Spec` or a `ConfigError`.
"""
