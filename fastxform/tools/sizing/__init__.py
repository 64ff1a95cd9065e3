"""What a transform costs, from a sample of its records: bytes, buffer, memory, time, concurrency, billed units.

Nothing is assumed of a record that the sample does not show, and AWS is not asked. Invariant: what is counted (bytes,
odds, billed units) is a function of configuration, sample and seed; what is measured (time, memory) is of this machine
and says so.
"""
