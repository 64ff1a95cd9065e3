"""Changes into tables through the simulated stream, with responses that overflow: no older row overwrites."""

import json

import pytest
from overflowing_changes import additions, failures, newest, run

pytestmark = pytest.mark.usefixtures("with_and_without_kernel")


class Tables:
    """Rows by table: of `orders` by key, as Iceberg's operations leave them, of `log` all; and all that was done."""

    def __init__(self):
        self.orders, self.log, self.done = {}, [], []

    def commit(self, rows):
        """Apply rows in their order."""
        for row in rows:
            values = json.loads(row.data)
            if row.destination.table == "log":
                self.log.append(values["number"])
                continue
            self.done.append((values["id"], values["number"]))
            if row.destination.operation == "delete":
                self.orders.pop(values["id"], None)
            else:
                self.orders[values["id"]] = values["number"]
        return [None] * len(rows)


@pytest.mark.parametrize("seed", range(3))
def test_put_backs_never_break_the_order_of_changes(monkeypatch, seed):
    """Every addition arrives once, however late; changes arrive in their order or fail; misfits fail alone."""
    tables = Tables()
    ran = run(monkeypatch, tables, seed)
    assert ran.put_back > 0
    assert sorted(tables.log) == additions(ran)
    assert tables.log != sorted(tables.log), "nothing came late"
    assert ran.lost, "no change overflowed"
    assert {ran.sent[number]["table"] for number in ran.lost} == {"orders"}
    assert tables.done == sorted(tables.done, key=lambda done: done[1])
    assert tables.orders == newest(ran)
    assert ran.kept == failures(ran)
