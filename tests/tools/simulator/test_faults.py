"""Overflow through `simulate` under faults: nothing lost, every duplicate counted, and the totals balance."""

import base64
import contextlib
import json
import re
import subprocess
import sys
from collections import Counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fastxform import Pipeline, limits
from fastxform.cli import main
from fastxform.errors import ConfigError
from fastxform.invocation import handler
from fastxform.tools.simulator.client import CallRefusedError, LocalClient
from fastxform.tools.simulator.faults import KINDS, Faults, broken_function, form, parse
from fastxform.tools.simulator.firehose import Firehose, StreamSettings
from fastxform.tools.simulator.function import lambda_function
from fastxform.tools.simulator.layout import MARKER, MemorySink
from fastxform.tools.simulator.ledger import Ledger
from fastxform.tools.simulator.recorder import Recorder
from fastxform.tools.simulator.workers import Workers

pytestmark = pytest.mark.processes

WIDE = """
where = "keep != 'no'"
[output]
format = "json"
[columns]
id = { path = "id", type = "int64" }
keep = { path = "keep", type = "string" }
a = { path = "a", type = "string" }
b = { path = "a", type = "string" }
c = { expr = "utf8_upper(a)" }
d = { expr = "utf8_reverse(a)" }
"""
"""Every record leaves a good four times as long as it came."""


def records(count, size=550, dropped_every=0):
    """Records with an id each; every n-th is one that the filter drops."""
    return [
        json.dumps(
            {"id": i, "keep": "no" if dropped_every and i % dropped_every == 0 else "x", "a": f"{i:08}" * (size // 8)}
        )
        for i in range(count)
    ]


@pytest.fixture
def simulate(tmp_path, capfdbinary):
    """Run `simulate --json` on records: (exit code, summary or standard error)."""

    def run(config, lines, *arguments):
        (tmp_path / "config.toml").write_text(config)
        (tmp_path / "input").write_text(lines if isinstance(lines, str) else "\n".join(lines) + "\n")
        paths = [tmp_path / "config.toml", tmp_path / "input", "--out", tmp_path / "out"]
        code = main(["simulate", *map(str, paths), "--json", "--buffer-mb", "3", *arguments])
        out, err = capfdbinary.readouterr()
        return code, json.loads(out) if out else err.decode()

    return run


def objects(root):
    """The objects of a run by key."""
    return {key: (root / key).read_bytes() for key in (root / MARKER).read_text().splitlines()[1:]}


def deliveries(found):
    """How often each id was delivered."""
    rows = b"".join(data for key, data in found.items() if key.startswith("2026/")).splitlines()
    return Counter(json.loads(row)["id"] for row in rows)


def failures(found):
    """How many error objects each id has."""
    lines = b"".join(data for key, data in found.items() if key.startswith("processing-failed/")).splitlines()
    return Counter(json.loads(base64.b64decode(json.loads(line)["rawData"]))["id"] for line in lines)


# ---- the command, at full size


@pytest.mark.parametrize(
    "faults",
    [
        pytest.param([], id="none"),
        pytest.param(["entries:0.3"], id="30 % of the entries fail"),
        pytest.param(["throttle:0.3", "server-error:0.2", "reset-before:0.2"], id="calls fail before acceptance"),
        pytest.param(["slow:3000"], id="slow"),
    ],
)
@pytest.mark.parametrize("kinesis", [[], ["--kinesis"]], ids=["direct", "kinesis"])
def test_what_expands_four_times_drains(simulate, tmp_path, faults, kinesis):
    """Every record is delivered once, in more than one pass, whatever failed before it was accepted."""
    arguments = [word for fault in faults for word in ("--fault", fault)]
    code, summary = simulate(WIDE, records(4_000), "--strict", *kinesis, *arguments)
    assert code == 0
    assert summary["balanced"]
    expected = {"records_in": 4_000, "delivered": 4_000, "dropped": 0, "failed": 0, "lost": 0, "duplicates": 0}
    assert {name: summary[name] for name in expected} == expected
    assert summary["put_back"] == summary["puts_taken"] > 1_000
    assert summary["passes"] > 1
    assert (summary["put_calls_again"] > 0) == (faults not in ([], ["slow:3000"]))
    assert (summary["put_calls_over_limit"], summary["findings"]) == (0, [])
    assert deliveries(objects(tmp_path / "out")) == Counter(range(4_000))


def test_calls_that_die_after_acceptance_make_duplicates_and_no_loss(simulate, tmp_path):
    """Each surplus delivery is counted, exactly, and the function had called its record possibly double."""
    code, summary = simulate(WIDE, records(4_000), "--fault", "reset-after:0.2", "--fault", "half:0.1", "--seed", "2")
    found = deliveries(objects(tmp_path / "out"))
    assert (code, summary["balanced"], summary["delivered"], summary["lost"]) == (0, True, 4_000, 0)
    assert set(found) == set(range(4_000))
    assert summary["duplicates"] == found.total() - 4_000 > 0
    # A record that was put twice in vain has failed, and its copy may be delivered all the same.
    assert summary["duplicates"] <= summary["puts_taken"] - summary["put_back"]
    assert summary["possible_duplicates"] >= sum(times > 1 for times in found.values())


@pytest.mark.parametrize("kind", ["crash", "timeout"])
def test_a_function_that_dies_after_its_puts_loses_nothing(simulate, tmp_path, kind):
    """Firehose invokes again, the overflow goes back again: duplicates, counted, and no loss."""
    code, summary = simulate(WIDE, records(4_000), "--fault", f"{kind}:0.3", "--seed", "0")
    found = deliveries(objects(tmp_path / "out"))
    assert (code, summary["balanced"], summary["lost"]) == (0, True, 0)
    assert summary["retries"] > 0
    assert set(found) | set(failures(objects(tmp_path / "out"))) == set(range(4_000))
    assert summary["duplicates"] == found.total() - len(found) > 0


@pytest.mark.parametrize(
    ("config", "faults", "reason"),
    [
        pytest.param(WIDE, ["--fault", "refuse"], "put_refused", id="refused"),
        pytest.param(WIDE, ["--fault", "refuse", "--kinesis"], "put_refused", id="refused by kinesis"),
        pytest.param('overflow = { policy = "fail" }\n' + WIDE, [], "overflow", id="policy"),
    ],
)
def test_overflow_that_cannot_go_back_is_failed(simulate, tmp_path, config, faults, reason):
    """Each record is delivered or has an error object with its original, never both, and none is lost."""
    code, summary = simulate(config, records(4_000), *faults)
    delivered, failed = deliveries(objects(tmp_path / "out")), failures(objects(tmp_path / "out"))
    assert (code, summary["put_back"], summary["lost"], summary["duplicates"]) == (0, 0, 0, 0)
    assert summary["failed_by_reason"] == {reason: failed.total()}
    assert delivered + failed == Counter(range(4_000))
    assert failed.total() > 1_000


def test_put_backs_keep_their_partition_keys(simulate, tmp_path):
    """A record of a Kinesis source comes round with the key that it came with."""
    config = WIDE + 'key = { meta = "partition_key" }\n'
    event = {"deliveryStreamArn": "x", "records": []}
    for i, line in enumerate(records(3_000, size=900)):
        metadata = {"partitionKey": f"ключ-{i}", "sequenceNumber": str(i), "shardId": "s"}
        data = base64.b64encode(line.encode()).decode()
        event["records"].append({"recordId": str(i), "data": data, "kinesisRecordMetadata": metadata})
    code, summary = simulate(config, json.dumps(event), "--kinesis", "--fault", "entries:0.3")
    assert (code, summary["delivered"], summary["duplicates"]) == (0, 3_000, 0)
    assert summary["passes"] > 1
    rows = b"".join(objects(tmp_path / "out").values()).splitlines()
    assert all(row["key"] == f"ключ-{row['id']}" for row in map(json.loads, rows))


def test_a_record_that_can_never_fit_does_not_circle(simulate, tmp_path):
    """It fails at once, and those around it are delivered."""
    lines = records(20, size=400)
    lines[5:5] = [json.dumps({"id": 100, "a": "x" * 1_020_000}), json.dumps({"id": 101, "a": "y" * 1_020_000})]
    config = WIDE + 'e = { expr = "utf8_lower(a)" }\n'
    code, summary = simulate(config, lines)
    assert (code, summary["failed_by_reason"], summary["put_back"]) == (0, {"never_fits": 2}, 0)
    assert deliveries(objects(tmp_path / "out")) == Counter(range(20))
    assert failures(objects(tmp_path / "out")) == Counter([100, 101])


def test_the_summary_shows_that_the_books_balance(tmp_path, capsys):
    """What went back, in how many passes and calls, what is twice, and what is lost."""
    (tmp_path / "config.toml").write_text(WIDE)
    (tmp_path / "input").write_text("\n".join(records(4_000)))
    paths = [str(tmp_path / name) for name in ("config.toml", "input", "out")]
    assert main(["simulate", *paths[:2], "--out", paths[2], "--buffer-mb", "3", "--fault", "half:0.5"]) == 0
    out = capsys.readouterr().out
    for pattern in (
        r"^put back     \d+ times a record that did not fit went back and came again, in \d+ passes at most$",
        r"^  \d+ +calls \(\d+ of them again\), [1-8] at once at most$",
        r"^  \d+ +puts taken and not acknowledged \(\d+ in doubt for the function\)$",
        r"^duplicates   \d+ deliveries of a record delivered before",
        r"^lost         0$",
        r"^totals       in = delivered \+ dropped \+ failed$",
    ):
        assert re.search(pattern, out, re.MULTILINE), pattern


def test_the_same_seed_gives_the_same_objects(simulate, tmp_path):
    """Calls, pauses and faults are the same again, byte for byte in every object; another seed gives others."""
    arguments = ["--fault", "entries:0.2", "--fault", "reset-after:0.2", "--fault", "slow:300"]
    runs = []
    for seed in ("3", "3", "4"):
        _, summary = simulate(WIDE, records(3_000), *arguments, "--seed", seed)
        runs.append((objects(tmp_path / "out"), summary["put_calls"], summary["duplicates"]))
    assert runs[0] == runs[1] != runs[2]


WITHOUT_BOTO3 = """
import sys
sys.modules["boto3"] = sys.modules["botocore"] = None
from fastxform.cli import main
sys.exit(main(["simulate", *sys.argv[1:], "--json", "--buffer-mb", "3", "--fault", "entries:0.3"]))
"""


def test_it_needs_no_boto3(tmp_path):
    """Put-backs of `simulate` work where AWS's library is not installed."""
    (tmp_path / "config.toml").write_text(WIDE)
    (tmp_path / "input").write_text("\n".join(records(4_000)))
    arguments = [str(tmp_path / "config.toml"), str(tmp_path / "input"), "--out", str(tmp_path / "out")]
    done = subprocess.run([sys.executable, "-c", WITHOUT_BOTO3, *arguments], capture_output=True, text=True, check=True)
    summary = json.loads(done.stdout)
    assert (summary["delivered"], summary["failed"]) == (4_000, 0)
    assert summary["put_back"] > 1_000


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        ("entrys:0.3", "there is no fault 'entrys': did you mean entries?"),
        ("zzz", "there is no fault 'zzz': the faults are " + ", ".join(KINDS)),
        ("", "there is no fault '': the faults are " + ", ".join(KINDS)),
        ("throttle", "'throttle' needs a share from 0 to 1, as in throttle:0.1"),
        ("throttle:1.5", "'throttle:1.5' needs a share from 0 to 1, as in throttle:0.1"),
        ("throttle:nan", "'throttle:nan' needs a share from 0 to 1, as in throttle:0.1"),
        ("slow:-1", "'slow:-1' needs milliseconds from 0 to 900000, as in slow:50"),
        ("refuse:1", "refuse has no value"),
    ],
)
def test_a_wrong_fault_is_one_line(simulate, tmp_path, spec, message):
    """Exit code 2, what is wrong and what is right, before anything is written."""
    code, err = simulate(WIDE, ["{}"], f"--fault={spec}")
    assert (code, err) == (2, f"fastxform: --fault: {message}\n")
    assert not (tmp_path / "out").exists()


def test_every_mistake_is_said_at_once():
    """A line each: an unknown fault, one given twice, shares that are more than all calls."""
    with pytest.raises(ConfigError) as caught:
        parse(["x", "half:0.6", "half:0.1", "throttle:0.6", "crash:0.6", "timeout:0.6"])
    assert [mistake.message.partition(":")[0] for mistake in caught.value.mistakes] == [
        "there is no fault 'x'",
        "half is given twice",
        "the shares of throttle, server-error, reset-before, reset-after, half add up to more than 1",
        "the shares of timeout, crash add up to more than 1",
    ]


def test_the_help_names_every_fault(capsys):
    """With what it does and what it takes."""
    assert main(["simulate", "--help"]) == 0
    text = " ".join(capsys.readouterr().out.split())
    assert all(f"{form(name)} {what}" in text for name, what in KINDS.items())


# ---- every mix of faults, with small responses


class Run:
    """A stream whose responses hold a good dozen of the twenty records that come, fed and closed."""

    def __init__(self, lines, faults, *, kinesis=False, config=WIDE, put=None, **buffer):
        self.sink = MemorySink()
        recorder = self.recorder = Recorder(
            Pipeline.from_toml(config), put or self.put_back, kinesis=kinesis, faults=faults
        )
        self.ledger = Ledger(recorder.is_put_back)
        function = broken_function(lambda_function(recorder.handler), faults)
        settings = StreamSettings(kinesis=kinesis, **{"max_records": 20} | buffer)
        self.firehose = Firehose(function, self.sink, settings, recorder.reason, self.ledger)
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(handler, "RESPONSE_LIMIT_BYTES", 9_000)
            patch.setattr("sys.stdout", Nowhere())
            for line in lines:
                self.firehose.put(line.encode())
            self.firehose.close()

    def put_back(self, place, data, key):
        """Take a record back, as the command does."""
        identity = self.firehose.put(data, key)
        self.ledger.took(place, identity)
        return identity


class Nowhere:
    """Standard output for log lines that no test reads."""

    def write(self, text):
        """Forget it."""

    def flush(self):
        """Do nothing."""


SHARES = st.fixed_dictionaries(
    {},
    optional={
        "entries": st.sampled_from([0.1, 0.3]),
        "throttle": st.sampled_from([0.1, 0.2]),
        "server-error": st.just(0.1),
        "reset-before": st.just(0.1),
        "reset-after": st.sampled_from([0.05, 0.1]),
        "half": st.sampled_from([0.05, 0.1]),
        "timeout": st.sampled_from([0.05, 0.1]),
        "crash": st.sampled_from([0.05, 0.1]),
    },
)
FAULTS = st.builds(
    Faults,
    shares=SHARES,
    slow_ms=st.sampled_from([0, 30, 2_500]),
    refuse=st.sampled_from([False] * 5 + [True]),
    seed=st.integers(0, 2**32),
)


@settings(max_examples=60)
@given(faults=FAULTS, kinesis=st.booleans(), count=st.integers(1, 80), dropped_every=st.sampled_from([0, 2, 7]))
def test_every_record_ends_once(faults, kinesis, count, dropped_every):
    """Delivered, at least once, or dropped by the filter, or failed; the totals say which and how often, exactly."""
    run = Run(records(count, 80, dropped_every), faults, kinesis=kinesis)
    ledger, totals = run.ledger, run.firehose.totals
    delivered, failed = deliveries(run.sink.objects), failures(run.sink.objects)
    dropped = {i for i in range(count) if dropped_every and i % dropped_every == 0}
    assert set(delivered).isdisjoint(dropped)
    assert set(delivered) | set(failed) | dropped == set(range(count)), "lost"
    assert ledger.balanced
    assert totals.balanced
    assert ledger.delivered == len(delivered)
    assert ledger.failed == len(set(failed) - set(delivered))
    assert ledger.dropped == len(dropped - set(failed))
    assert ledger.records == count == totals.records_in - totals.put_back
    assert ledger.duplicates == delivered.total() - len(delivered)
    assert ledger.delivered_and_failed == len(set(failed) & set(delivered))
    assert ledger.accepted == totals.put_back
    assert run.recorder.client.over_limit == 0
    assert run.recorder.workers.most <= 8
    if not {"reset-after", "half", "timeout", "crash"} & faults.shares.keys():
        assert (ledger.duplicates, ledger.accepted) == (0, ledger.acknowledged)
    if not {"timeout", "crash"} & faults.shares.keys():
        doubles = sum(times > 1 for times in (delivered + failed).values())
        assert doubles <= run.recorder.puts.possible_duplicates


def test_equal_records_are_told_apart():
    """Payloads that are equal are records of their own, put back and counted each for itself."""
    run = Run([records(1, 80)[0]] * 100, Faults({"reset-after": 0.1, "entries": 0.3}, seed=5))
    assert (run.ledger.delivered, run.ledger.balanced) == (100, True)
    assert run.ledger.duplicates == deliveries(run.sink.objects)[0] - 100 > 0


def test_a_put_that_is_acknowledged_and_not_taken_is_a_loss():
    """The ledger sees what no other number shows: a record that is nowhere any more."""
    run = Run(records(40, 80), Faults(), put=lambda place, data, key: "never taken")
    assert not run.ledger.balanced
    assert run.ledger.lost == 40 - run.ledger.delivered > 0


def test_put_backs_that_nobody_acknowledges_end():
    """Where every put is taken and none acknowledged the function leaves the stream alone: copies do not multiply."""
    run = Run(records(120, 80), Faults({"reset-after": 1.0}))
    assert run.ledger.balanced
    assert run.ledger.accepted <= 2 * 120


@pytest.mark.parametrize(("slow_ms", "is_late", "held_s"), [(9_999, False, 9.999), (10_001, True, 10)])
def test_calls_that_time_out_were_taken(slow_ms, is_late, held_s):
    """The client gives up on a call after its time-out, which the service does not know: the records are taken."""
    taken, held = [], []
    faults = Faults(slow_ms=slow_ms)
    client = LocalClient(lambda data, key: taken.append(data) or "id", faults=faults, hold=held.append)
    client.read_timeout_s = 10
    with pytest.raises(TimeoutError) if is_late else contextlib.nullcontext():
        client.put_record_batch(Records=[{"Data": b"a"}, {"Data": b"b"}], DeliveryStreamName="s")
    assert (taken, held) == ([b"a", b"b"], [held_s])


# ---- the parts


def test_faults_come_as_often_as_they_say():
    """Of 4,000 calls, entries and invocations the shares, within a tenth; another seed draws others."""
    faults = parse(["throttle:0.2", "half:0.3", "entries:0.25", "crash:0.5"], seed=1)
    calls = Counter(faults.of_call(number) for number in range(4_000))
    assert calls["throttle"] == pytest.approx(800, rel=0.1)
    assert calls["half"] == pytest.approx(1_200, rel=0.1)
    assert sum(len(faults.of_entries(number, 40)) for number in range(100)) == pytest.approx(1_000, rel=0.1)
    assert Counter(map(faults.of_invocation, range(4_000)))["crash"] == pytest.approx(2_000, rel=0.1)
    other = parse(["throttle:0.2", "half:0.3"], seed=2)
    assert [*map(faults.of_call, range(50))] != [*map(other.of_call, range(50))]
    assert Faults().of_call(0) is Faults().of_invocation(0) is None
    assert parse(["throttle:1"]).of_call(7) == "throttle"


def test_workers_share_simulated_time():
    """Four calls of ten seconds on two workers take twenty; the pool never runs a third beside two."""
    pool, order = Workers(2), []

    def call(name):
        pool.hold(10)
        order.append((name, pool.clock()))
        return name

    futures = [pool.submit(call, name) for name in "abcd"]
    assert [future.done() for future in futures] == [False] * 4
    pool.wait(futures[:2], 60)
    assert (pool.clock(), futures[0].result(0)) == (10, "a")
    pool.wait(futures[2:], 5)
    assert pool.clock() == 15
    pool.sleep(5)
    assert [future.result(0) for future in futures] == list("abcd")
    assert order == [("a", 0), ("b", 0), ("c", 10), ("d", 10)]
    assert (pool.clock(), pool.most) == (20, 2)


def test_a_call_in_flight_cannot_be_taken_back():
    """One that waits for its worker can, and then never runs."""
    pool, ran = Workers(1), []

    def call():
        pool.hold(1)
        ran.append(pool.clock())
        raise KeyError

    flying, waiting = pool.submit(call), pool.submit(call)
    assert (flying.cancel(), waiting.cancel()) == (False, True)
    pool.sleep(10)
    assert isinstance(flying.exception(0), KeyError)
    assert ran == [0]


@pytest.mark.parametrize(
    ("records", "code"),
    [
        pytest.param([], "ValidationException", id="none"),
        pytest.param([(b"x", "k")] * 501, "ValidationException", id="too many"),
        pytest.param([(b"x", "")], "ValidationException", id="no key"),
        pytest.param([(b"x", "k" * 257)], "ValidationException", id="a key too long"),
        pytest.param(
            [(bytes(limits.KINESIS_RECORD_LIMIT_BYTES), "k")], "InvalidArgumentException", id="a record too big"
        ),
        pytest.param([(bytes(2**20 - 1), "k")] * 6, "InvalidArgumentException", id="a call too big"),
    ],
)
def test_calls_over_a_limit_are_refused_and_counted(records, code):
    """As the service does, and so that a run shows if the function made one."""
    taken = []
    client = LocalClient(lambda data, key: taken.append(data) or "id", kinesis=True)
    entries = [{"Data": data} | ({"PartitionKey": key} if key else {}) for data, key in records]
    with pytest.raises(CallRefusedError) as caught:
        client.put_records(Records=entries, StreamName="s")
    assert caught.value.response["Error"]["Code"] == code
    assert (client.over_limit, client.calls, taken) == (1, 1, [])
