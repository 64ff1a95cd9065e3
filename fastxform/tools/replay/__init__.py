"""Failed records, read from where Firehose left them and sent where they belong.

Here live the reader of error objects, the groups of what failed, the objects that a second run writes, and the sender
with its journal; how all of it is shown is the command's. Invariant: nothing here changes or removes what it reads, and
memory does not grow with the number of records but for one byte of the journal each.
"""
