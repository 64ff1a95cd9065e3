"""One Lambda invocation: the event in, exact sizes, the response out, and its logs and metrics.

The records themselves are the pipeline's. Invariant: every record of the event is answered once, and the response fits
Lambda's limit.
"""
