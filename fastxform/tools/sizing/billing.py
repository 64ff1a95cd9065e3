"""What AWS bills for a million records: units as AWS counts them, and money where the user gives prices.

Prices differ by region, volume and contract, so none is here. Invariant: a unit is counted from the sample and the
plan alone; money is units times the prices of the file, nothing else.
"""

import math
import tomllib
from dataclasses import dataclass, fields
from typing import Any, Final

from fastxform import limits
from fastxform.errors import InputError, nearest
from fastxform.tools.sizing.plan import Plan
from fastxform.tools.sizing.sample import Sample

RECORDS: Final = 1_000_000
"""What a bill is for."""

_GB: Final = 2**30


@dataclass(frozen=True, slots=True)
class Prices:
    """Prices of one unit each, in `currency`; a price that is None is not added up."""

    currency: str = ""
    firehose_gb: float | None = None
    partitioned_gb: float | None = None
    lambda_million_requests: float | None = None
    lambda_gb_second: float | None = None


@dataclass(frozen=True, slots=True)
class Bill:
    """Units for `RECORDS` records; GB are 2**30 bytes.

    Attributes:
        raw_gb: what the records weigh.
        firehose_gb: what Firehose bills for taking them in, each record rounded up to the next step.
        step_factor: how many times `raw_gb` that is.
        output_gb: rows, before compression: what dynamic partitioning is billed by.
        requests: invocations of the function.
        gb_seconds: memory of the function times its duration.
        cost: money by the name of the price, where there are prices.
    """

    raw_gb: float
    firehose_gb: float
    step_factor: float
    output_gb: float
    requests: float
    gb_seconds: float
    cost: dict[str, float]

    @property
    def total(self) -> float:
        """Money in all."""
        return sum(self.cost.values())


def make_bill(sample: Sample, plan: Plan, prices: Prices | None = None, *, partitioned: bool = False) -> Bill:
    """Return what a million records like these are billed as.

    Args:
        sample: the records.
        plan: the buffer and memory that they are worked with.
        prices: of the user's account.
        partitioned: whether the stream has dynamic partitioning.
    """
    scale = RECORDS / len(sample)
    step = limits.FIREHOSE_BILLING_STEP_BYTES
    raw_gb = sum(sample.payload_bytes) * scale / _GB
    firehose_gb = sum(max(math.ceil(size / step), 1) * step for size in sample.payload_bytes) * scale / _GB
    output_gb = sum(sample.row_bytes) * scale / _GB
    requests = RECORDS / plan.batch_records
    gb_seconds = requests * plan.duration_ms / 1000 * plan.memory_mb / 1024
    units = {
        "firehose_gb": firehose_gb,
        "partitioned_gb": output_gb if partitioned else 0.0,
        "lambda_million_requests": requests / 1e6,
        "lambda_gb_second": gb_seconds,
    }
    cost = {
        name: amount * price
        for name, amount in units.items()
        if prices is not None and (price := getattr(prices, name)) is not None and amount
    }
    factor = firehose_gb / raw_gb if raw_gb else math.inf
    return Bill(raw_gb, firehose_gb, factor, output_gb, requests, gb_seconds, cost)


def read_prices(content: bytes, name: str) -> Prices:
    """Read a price file: TOML with the members of `Prices`.

    Raises:
        InputError: it is no such file.
    """
    try:
        prices: dict[str, Any] = tomllib.loads(content.decode())
    except (UnicodeDecodeError, tomllib.TOMLDecodeError, RecursionError) as err:
        raise InputError(f"{name}: is not TOML: {err}") from err
    names = [field.name for field in fields(Prices)]
    for key, value in prices.items():
        if key not in names:
            raise InputError(f"{name}: {key} is no price; {nearest(key, names)}")
        if key == "currency":
            if not isinstance(value, str):
                raise InputError(f'{name}: currency is a text, such as "USD"')
        elif isinstance(value, bool) or not isinstance(value, (int, float)) or not 0 <= value < math.inf:
            raise InputError(f"{name}: {key} is a number of 0 or more, the price of one unit")
    return Prices(**prices)
