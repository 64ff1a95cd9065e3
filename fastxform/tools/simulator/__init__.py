"""Amazon Data Firehose on this machine: the only one there is for `simulate`, the tests and the chain.

Here live the stream that buffers and invokes, the checker of responses, the layout of delivered objects, and Firehose's
API on a port with its sources and destinations. Nothing here is in the layer. Invariant: every record that the stream
took is delivered, dropped or failed, once, and the totals say which.
"""
