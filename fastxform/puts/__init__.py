"""Records onto a stream: calls cut by count and bytes, sent in parallel, failed entries again until the deadline.

What is sent, and why, the callers know. Invariant: a record is reported as sent only when the service has acknowledged
it.
"""
