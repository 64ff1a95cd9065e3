"""The playground: a page in the browser that shows what a configuration makes of a sample while one types.

`session` works out what is shown, `guard` keeps strangers out, and `page` draws it with NiceGUI. Invariant: nothing
leaves loopback, and a file is written only where the user saves to the one that was named.
"""
