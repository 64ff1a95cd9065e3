"""The five kinds of records that a burst can hold, each a function of its rng and of the items in the table.

Here is only what well-formed records look like (changes of a DynamoDB table as Kinesis Data Streams gets them, the
stock ticker of the blueprint, SES events, CloudWatch Logs messages); `malformed` breaks them. Invariant: one record
is one line of compact JSON in raw UTF-8, and of a DynamoDB item the old image is what the change before it left.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from fastxform.tools.sample_data.rng import Rng
from fastxform.tools.sample_data.text import fill, odd

START_MS: Final = 1_651_495_525_900
"""Epoch milliseconds of the first change: 2022-05-02 12:45:25.900 UTC."""

LIVE_ITEMS: Final = 256
"""Items that may still change; older ones stay as they are, so that a burst of any length needs the same memory."""

HOT_ITEMS: Final = 8
"""Items that take half of the changes."""

LARGE_EVERY: Final = 1_000
"""One record of so many is large."""

_LARGE_BYTES: Final = (2_000, 3_200, 5_000, 8_000, 13_000, 20_000, 34_000, 58_000, 99_000)


class Sizes:
    """The payload size that each record aims at: the fixed one, or the table's own range and now and then a large one.

    Large ones are spread evenly (one in each block of `LARGE_EVERY`, walking through all sizes), so that the averages
    of two bursts of some thousands differ by little.
    """

    def __init__(self, fixed_bytes: int | None, low_bytes: int, high_bytes: int) -> None:
        self._fixed = fixed_bytes
        self._low = low_bytes
        self._range = high_bytes - low_bytes + 1

    def aim(self, rng: Rng, index: int) -> int:
        """Return the bytes that the payload `index` shall have where its shape allows."""
        if self._fixed is not None:
            return self._fixed
        block, number = divmod(index, LARGE_EVERY)
        if number == (block * 617 + 389) % LARGE_EVERY:
            return _LARGE_BYTES[(block * 4 + 1) % len(_LARGE_BYTES)]
        return self._low + rng.below(self._range)


@dataclass(slots=True)
class TableItem:
    """One item of a table: its key and its present image, both as JSON text."""

    keys: str
    number: int
    image: str


ImageMaker = Callable[[Rng, TableItem, int], tuple[str, str]]
"""(rng, item, change number) -> the image's JSON before and after its free text."""


class TableChanges:
    """The changes of one DynamoDB table, in the shape that a Kinesis destination gets."""

    def __init__(
        self, table: str, region: str, key_maker: Callable[[Rng, int], str], image_maker: ImageMaker, sizes: Sizes
    ) -> None:
        self._head = f'"userIdentity":null,"recordFormat":"application/json","tableName":"{table}","dynamodb":{{'
        self._expired = self._head.replace("null", '{"type":"Service","principalId":"dynamodb.amazonaws.com"}', 1)
        self._region = region
        self._make_keys = key_maker
        self._make_image = image_maker
        self._sizes = sizes
        self._live: list[TableItem] = []
        self._inserted = 0

    def payload(self, rng: Rng, index: int) -> bytes:
        """Return the next change: six of ten are INSERT, three MODIFY, one REMOVE."""
        aim = self._sizes.aim(rng, index)
        kind = rng.below(10)
        head = self._envelope(rng, index, kind)
        if kind < 6 or len(self._live) < HOT_ITEMS:
            return self._insert(rng, index, aim, self._envelope(rng, index, 0) if kind >= 6 else head)
        number = rng.below(HOT_ITEMS) if rng.below(2) else rng.below(len(self._live))
        item = self._live[number]
        # A large item changes to a small one before it goes, so that one large record is followed by one other at most.
        if kind == 9 and len(item.image.encode()) <= max(aim, 700):
            self._live[number] = self._live[-1]
            self._live.pop()
            return self._finish(head, item.keys, f',"OldImage":{item.image}')
        if kind == 9:
            head = self._envelope(rng, index, 8)
        return self._modify(rng, item, index, aim, head)

    def _envelope(self, rng: Rng, index: int, kind: int) -> str:
        name = "INSERT" if kind < 6 else "MODIFY" if kind < 9 else "REMOVE"
        rest = self._expired if kind == 9 and rng.below(4) == 0 else self._head
        moment = START_MS + index * 3 + rng.below(40)
        return (
            f'{{"awsRegion":"{self._region}","eventID":"{rng.uuid()}","eventName":"{name}",{rest}'
            f'"ApproximateCreationDateTime":{moment},"Keys":{{'
        )

    def _insert(self, rng: Rng, index: int, aim: int, head: str) -> bytes:
        number = self._inserted
        self._inserted += 1
        item = TableItem(self._make_keys(rng, number), number, "")
        before, after = self._make_image(rng, item, index)
        room = aim - len((head + item.keys + before + after).encode()) - _AROUND_ONE_IMAGE
        item.image = before + fill(rng, room) + after
        if len(self._live) < LIVE_ITEMS:
            self._live.append(item)
        else:
            self._live[HOT_ITEMS + rng.below(LIVE_ITEMS - HOT_ITEMS)] = item
        return self._finish(head, item.keys, f',"NewImage":{item.image}')

    def _modify(self, rng: Rng, item: TableItem, index: int, aim: int, head: str) -> bytes:
        old = item.image
        before, after = self._make_image(rng, item, index)
        room = aim - len((head + item.keys + before + after + old).encode()) - _AROUND_TWO_IMAGES
        item.image = before + fill(rng, room) + after
        return self._finish(head, item.keys, f',"NewImage":{item.image},"OldImage":{old}')

    @staticmethod
    def _finish(head: str, keys: str, images: str) -> bytes:
        # The real number counts names and values without the JSON around them, of the keys too: about two thirds.
        size_bytes = (len(keys) + len(images)) * 2 // 3
        return f'{head}{keys}}}{images},"SizeBytes":{size_bytes}}},"eventSource":"aws:dynamodb"}}'.encode()


_AROUND_ONE_IMAGE: Final = len('},"NewImage":,"SizeBytes":999},"eventSource":"aws:dynamodb"}')
_AROUND_TWO_IMAGES: Final = _AROUND_ONE_IMAGE + len(',"OldImage":')


def dynamotest(size_bytes: int | None) -> TableChanges:
    """The table of a shell loop: `id` and `datetime` are the key; one id of fifty needs CSV quotes or is not ASCII."""

    def keys(rng: Rng, number: int) -> str:
        seconds = number * 7 % 86_400
        clock = f"{seconds // 3600:02d}:{seconds // 60 % 60:02d}:{seconds % 60:02d}"
        suffix = f" {odd(rng)}" if rng.below(50) == 0 else ""
        day = number // 12_343 % 28 + 1
        return f'"id":{{"S":"{number + 1}{suffix}"}},"datetime":{{"S":"2022-05-{day:02d}T{clock}+09:00"}}'

    def image(rng: Rng, item: TableItem, change: int) -> tuple[str, str]:
        status = rng.one(("new", "packed", "shipped", "", "returned, damaged"))
        amount = f',"amount":{{"N":"{rng.below(10**7)}.{rng.below(10)}5"}}' if rng.below(4) else ""
        return f'{{"status":{{"S":"{status}"}},{item.keys}{amount},"note":{{"S":"', '"}}'

    return TableChanges("dynamotest", "ap-northeast-1", keys, image, Sizes(size_bytes, 340, 664))


_PLACES: Final = (
    ("下野", "1950-9-7"),
    ("さいたま", "1950-10-2"),
    ("横浜, 港北", "1951-1-3"),
    ('Frankfurt \\"am Main\\"', "1952-12-31"),
    ("São Paulo", ""),
    ("Two\\nLines", "1953-2-28"),
    ("Reykjavík", "1954-3-1"),
    ("D'Arcy; old | new", "1955-4-4"),
    ("서울", "1956-5-5"),
    ("=SUM(A1)", "1957-6-6"),
    ("  spaced  ", "1958-7-7"),
    ("🏙️ City", "1959-8-8"),
    ("Springfield", "1960-9-9"),
    ("Kingston", "1961-10-10"),
    ("Georgetown", "1962-11-11"),
    ("San Salvador", "1963-12-12"),
)


def cities(size_bytes: int | None) -> TableChanges:
    """The table of cities: `key` is the key; name, population, day of the last change; area has up to 38 digits."""

    def keys(rng: Rng, number: int) -> str:
        return f'"key":{{"S":"t{number:04d}"}}'

    def image(rng: Rng, item: TableItem, change: int) -> tuple[str, str]:
        name, day = _PLACES[item.number % len(_PLACES)]
        population = rng.below(9) * rng.below(4_000_000)
        area = rng.one(
            (
                "12.5",
                "0",
                "-0.00000000000000000000000000000000000001",
                "3.1E+25",
                f"{rng.below(10**16)}{rng.below(10**16)}.123456",
            )
        )
        return (
            f'{{"population":{{"N":"{population}"}},{item.keys},"name":{{"S":"{name}"}},"date_mod":{{"S":"{day}"}},'
            f'"area":{{"N":"{area}"}},"remarks":{{"S":"',
            '"}}',
        )

    return TableChanges("cities", "ap-northeast-1", keys, image, Sizes(size_bytes, 340, 652))


class Ticker:
    """Stock prices, the payload of the Firehose demonstration; a fixed size adds a `NOTE` of that length."""

    def __init__(self, size_bytes: int | None) -> None:
        self._fixed = size_bytes

    def payload(self, rng: Rng, index: int) -> bytes:
        """Return one price."""
        symbol = "".join(rng.one("ABCDEFGHIJKLMNOPQRSTUVWXYZ") for _ in range(3))
        sector = rng.one(("HEALTHCARE", "ENERGY", "TECHNOLOGY", "FINANCIAL", "RETAIL"))
        sign = rng.one(("", "-"))
        body = (
            f'{{"TICKER_SYMBOL":"{symbol}","SECTOR":"{sector}","CHANGE":{sign}{rng.below(9)}.{rng.below(100):02d},'
            f'"PRICE":{rng.below(250)}.{rng.below(100):02d}'
        )
        if self._fixed is None:
            return f"{body}}}".encode()
        return f'{body},"NOTE":"{fill(rng, self._fixed - len(body) - 11)}"}}'.encode()


_AGENT: Final = 'Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko), like \\"Safari\\"'


class Mail:
    """SES events: mostly Send, Open and Click, and one of 25 of a type that no table of the example takes."""

    def __init__(self, size_bytes: int | None) -> None:
        self._sizes = Sizes(size_bytes, 900, 1_500)

    def payload(self, rng: Rng, index: int) -> bytes:
        """Return one event; its size is made by the subject."""
        aim = self._sizes.aim(rng, index)
        choice = rng.below(100)
        kind = (
            "Send"
            if choice < 50
            else "Open"
            if choice < 80
            else "Click"
            if choice < 96
            else rng.one(("Delivery", "Bounce"))
        )
        day, clock = (
            rng.below(28) + 1,
            f"{rng.below(24):02d}:{rng.below(60):02d}:{rng.below(60):02d}.{rng.below(1000):03d}",
        )
        message = f"EXAMPLE{rng.hex(16)}-{rng.uuid()}-000000"
        to_name = f'\\"{odd(rng)}\\" ' if rng.below(4) == 0 else ""
        to = f"{to_name}<user{rng.below(5_000)}@example.com>"
        head = (
            f'{{"eventType":"{kind}","mail":{{"timestamp":"2026-10-{day:02d}T{clock}Z","source":"sender@example.com",'
            f'"sendingAccountId":"123456789012","messageId":"{message}","destination":["{to}"],"headersTruncated":false,'
            f'"headers":[{{"name":"From","value":"sender@example.com"}},{{"name":"To","value":"{to}"}},{{"name":"Subject","value":"'
        )
        tail = (
            f'"}},{{"name":"MIME-Version","value":"1.0"}}],"tags":{{"ses:configuration-set":["ConfigSet"],"ses:source-ip":["192.0.2.{rng.below(256)}"],'
            f'"campaign":["{odd(rng)}"]}}}},{self._part(rng, kind, day, clock)}}}'
        )
        return f"{head}{fill(rng, aim - len((head + tail).encode()))}{tail}".encode()

    @staticmethod
    def _part(rng: Rng, kind: str, day: int, clock: str) -> str:
        moment = f'"timestamp":"2026-11-{day:02d}T{clock}Z"'
        reader = f'"ipAddress":"192.0.2.{rng.below(256)}",{moment},"userAgent":"{_AGENT}"'
        if kind == "Open":
            return f'"open":{{{reader}}}'
        if kind == "Click":
            return f'"click":{{{reader},"link":"http://example.com/a?b=c,d&e={rng.below(99)}","linkTags":{{"samplekey0":["{odd(rng)}"]}}}}'
        return '"send":{}' if kind == "Send" else f'"{kind.lower()}":{{{moment}}}'


class Logs:
    """CloudWatch Logs subscription messages, one of fifty a CONTROL_MESSAGE; as text: the service compresses them."""

    def __init__(self, size_bytes: int | None) -> None:
        self._fixed = size_bytes

    def payload(self, rng: Rng, index: int) -> bytes:
        """Return one message with one to eight log events, or as many as the fixed size takes."""
        if rng.below(50) == 0:
            message = "CWL CONTROL MESSAGE: Checking health of destination Firehose."
            event = f'{{"id":"","timestamp":{START_MS + index},"message":"{message}"}}'
            return (
                '{"messageType":"CONTROL_MESSAGE","owner":"CloudwatchLogs","logGroup":"","logStream":"",'
                f'"subscriptionFilters":[],"logEvents":[{event}]}}'
            ).encode()
        head = (
            '{"messageType":"DATA_MESSAGE","owner":"123456789012","logGroup":"/aws/lambda/orders",'
            f'"logStream":"2026/11/{rng.below(28) + 1:02d}/[$LATEST]{rng.hex(16)}",'
            '"subscriptionFilters":["to-firehose"],"logEvents":['
        )
        events: list[str] = []
        left = (self._fixed or 0) - len(head) - 2
        count = rng.below(8) + 1
        while left > 0 if self._fixed else len(events) < count:
            events.append(self._event(rng, index, len(events), left if self._fixed else None))
            left -= len(events[-1].encode()) + 1
        return f"{head}{','.join(events)}]}}".encode()

    @staticmethod
    def _event(rng: Rng, index: int, number: int, left: int | None) -> str:
        length = 20 + rng.below(180) if left is None else min(left, 4_000) - 120
        identity = f"3{index:027d}{rng.below(10**16):016d}{number:012d}"
        return (
            f'{{"id":"{identity}","timestamp":{START_MS + index * 3 + number},"message":"{fill(rng, max(length, 1))}"}}'
        )
