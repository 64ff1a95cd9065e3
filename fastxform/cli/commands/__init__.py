"""The verbs of the command, one module each with `HELP`, `configure` and `execute`.

What a verb does is in `fastxform.tools` and the engine. Invariant: data goes to standard output, everything else to
standard error.
"""
