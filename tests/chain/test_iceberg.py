"""Direct PUT -> Firehose -> handler -> Iceberg tables, by the table and the operation that the handler names."""

import base64
import json
from collections import Counter
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pyarrow as pa
from function import KILL
from lambda_runtime import ROOT
from producer import change, put_all

from fastxform.tools.sample_data import burst
from fastxform.tools.simulator.faults import Faults

EXAMPLES = ROOT / "fastxform" / "examples"
EPOCH = datetime(1970, 1, 1)

ORDERS = pa.schema(
    [
        ("customer", pa.string()),
        ("order_id", pa.int64()),
        ("status", pa.string()),
        ("total", pa.decimal128(12, 2)),
        ("address", pa.string()),
        ("items", pa.string()),
        ("changed_at", pa.timestamp("us")),
    ]
)

MAIL = [("event_type", pa.string()), ("message_id", pa.string()), ("tags", pa.string())]
MAIL += [("from_address", pa.string()), ("to_address", pa.string())]
OPENED = [("ip_address", pa.string()), ("user_agent", pa.string())]
TIME = [("timestamp", pa.timestamp("us", tz="UTC"))]

SHAKY = Faults({"entries": 0.1, "throttle": 0.2, "server-error": 0.1}, seed=7)
"""What a producer that keeps its order can stand: nothing that is refused was taken."""


class Orders:
    """Items of a table, the changes that made them, and what the Iceberg table must hold at the end."""

    def __init__(self) -> None:
        self.items = {}
        self._number = 0

    def write(self, numbers, status):
        """Insert or change items; return the records."""
        return [self._write(number, status) for number in numbers]

    def delete(self, numbers):
        """Delete items; return the records."""
        return [self._record("REMOVE", number, old=self.items.pop(number)[0]) for number in numbers]

    def _write(self, number, status):
        old = self.items.get(number, (None,))[0]
        image = _keys(number) | {
            "status": {"S": status},
            "total": {"N": f"{number}.5"},
            "address": {"M": {"city": {"S": "仙台, 青葉"}}},
        }
        record = self._record("INSERT" if old is None else "MODIFY", number, image, old)
        self.items[number] = (image, status, EPOCH + timedelta(milliseconds=1_767_225_600_000 + self._number))
        return record

    def _record(self, event, number, new=None, old=None):
        self._number += 1
        return change(event, self._number, _keys(number), new, old)

    def rows(self):
        """Return the rows of the table as it is."""
        return [
            {
                "customer": f"c{number % 7}",
                "order_id": number,
                "status": status,
                "total": Decimal(f"{number}.50"),
                "address": '{"city":"仙台, 青葉"}',
                "items": None,
                "changed_at": changed_at,
            }
            for number, (_, status, changed_at) in sorted(self.items.items())
        ]


def _keys(number):
    return {"customer": {"S": f"c{number % 7}"}, "order_id": {"N": str(number)}}


def test_items_of_a_table(chain):
    """An Iceberg table holds every item as it is after inserts, updates and deletes, whatever was refused on the way.

    Each round is acknowledged whole before the next begins: whoever puts changes of one item again behind newer ones
    writes old images over them.
    """
    chain.catalog.create_namespace("shop")
    chain.catalog.create_table("shop.orders", schema=ORDERS)
    chain.function("capture", (EXAMPLES / "change-capture" / "change-capture.toml").read_text(), faults={3: KILL})
    chain.stream("orders", "capture", tables={("shop", "orders"): ("customer", "order_id")}, faults=SHAKY)
    orders = Orders()
    bad = [change("INSERT", 0, _keys(1), {"total": {"N": "1.005"}}), b"{"]
    rounds = [
        orders.write(range(1_500), "new") + bad,
        orders.write(range(0, 1_800, 2), "paid"),
        orders.delete(range(0, 1_500, 5)),
        orders.write(range(0, 1_500, 10), "again"),
    ]
    for records in rounds:
        put_all(chain.firehose, "orders", records)
    faults = chain.api.client("orders").faults_met
    totals = chain.finish("orders", sum(map(len, rounds)))
    assert sorted(chain.rows("shop.orders"), key=lambda row: row["order_id"]) == orders.rows()
    assert min(faults[name] for name in ("entries", "throttle", "server-error")) > 0
    assert totals.retries == 1
    failures = chain.failures("orders")
    assert {kind for kind, _ in failures} == {"processing-failed"}
    assert Counter(base64.b64decode(line["rawData"]) for _, line in failures) == Counter(bad)


def test_routes_to_several_tables(chain):
    """Each mail event is in the table of its type; what no table takes, and what has no table, is kept in errors."""
    chain.catalog.create_namespace("email_event")
    chain.catalog.create_table("email_event.send_log", schema=pa.schema(MAIL + TIME))
    chain.catalog.create_table("email_event.open_log", schema=pa.schema(MAIL + OPENED + TIME))
    chain.function("ses", (EXAMPLES / "ses" / "ses.toml").read_text())
    tables = {("email_event", f"{name}_log"): () for name in ("send", "open", "click")}
    chain.stream("mail", "ses", tables=tables)
    records = list(burst.records("ses", 1_200, seed=3))
    put_all(chain.firehose, "mail", records)
    chain.finish("mail", len(records))
    mails = [(json.loads(data), data) for data in records]
    for kind, table in (("Send", "send_log"), ("Open", "open_log")):
        rows = [_mail_row(mail, kind) for mail, _ in mails if mail["eventType"] == kind]
        assert _in_order(chain.rows(f"email_event.{table}")) == _in_order(rows)
    failures = chain.failures("mail")
    by_kind = {kind: Counter() for kind, _ in failures}
    for kind, line in failures:
        by_kind[kind][base64.b64decode(line["rawData"])] += 1
    assert by_kind == {
        "iceberg-failed": Counter(data for mail, data in mails if mail["eventType"] == "Click"),
        "processing-failed": Counter(data for mail, data in mails if mail["eventType"] in ("Bounce", "Delivery")),
    }
    codes = {line["errorCode"] for kind, line in failures if kind == "iceberg-failed"}
    assert codes == {"Iceberg.NoSuchTable"}


def _in_order(rows):
    """Sort rows, and read their JSON text, in which the transform keeps escapes as they came."""
    read = [row | {"tags": json.loads(row["tags"])} for row in rows]
    return sorted(read, key=lambda row: row["message_id"])


def _mail_row(mail, kind):
    """Return the row of a mail event, taken from it member by member."""
    headers = {header["name"]: header["value"] for header in reversed(mail["mail"]["headers"])}
    row = {
        "event_type": mail["eventType"],
        "message_id": mail["mail"]["messageId"],
        "tags": json.dumps(mail["mail"]["tags"]),
        "from_address": headers["From"],
        "to_address": headers["To"],
    }
    moment = mail["mail"]["timestamp"]
    if kind == "Open":
        row |= {"ip_address": mail["open"]["ipAddress"], "user_agent": mail["open"]["userAgent"]}
        moment = mail["open"]["timestamp"]
    return row | {"timestamp": datetime.fromisoformat(moment).astimezone(UTC)}
