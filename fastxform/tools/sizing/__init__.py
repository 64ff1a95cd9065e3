"""What a transform costs, from a sample of its records: bytes, buffer, memory, time, concurrency, billed units.

Nothing is assumed of a record that the sample does not show, and AWS is not asked. Invariant: what is counted (bytes,
odds, billed units) is a function of configuration, sample and seed; what is measured (time, memory) is of this machine
and says so.
"""

from fastxform.tools.sizing.billing import Bill, Prices, bill, read_prices
from fastxform.tools.sizing.buffer import BufferModel, Odds, model
from fastxform.tools.sizing.plan import PUT_MS, Plan, calm_buffer_mb, least_memory_mb, make_plan
from fastxform.tools.sizing.runtime import Measurement, measure
from fastxform.tools.sizing.sample import Sample, read_sample

__all__ = [
    "PUT_MS",
    "Bill",
    "BufferModel",
    "Measurement",
    "Odds",
    "Plan",
    "Prices",
    "Sample",
    "bill",
    "calm_buffer_mb",
    "least_memory_mb",
    "make_plan",
    "measure",
    "model",
    "read_prices",
    "read_sample",
]
