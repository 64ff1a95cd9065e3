"""Amazon Data Firehose on this machine: the only one there is for `simulate`, the tests and the chain.

Here live the stream that buffers and invokes, the checker of responses, the layout of delivered objects, Firehose's API
on a port with its sources and destinations, and the generator of bursts. Nothing here is in the layer, and nothing of
the engine imports it. Invariant: every record that the stream took is delivered, dropped or failed, once, and the
totals say which.
"""
