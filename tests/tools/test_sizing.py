"""`fastxform size`: sizes are the handler's, the overflow buffer is the simulator's, the bill is AWS's."""

import gzip
import json
import xml.etree.ElementTree as ET
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fastxform.errors import InputError
from fastxform.invocation.handler import make_handler
from fastxform.limits import REQUEST_LIMIT_BYTES, RESPONSE_LIMIT_BYTES
from fastxform.pipeline import Pipeline
from fastxform.tools.sample_data import burst
from fastxform.tools.sizing import picture
from fastxform.tools.sizing.billing import Prices, make_bill, read_prices
from fastxform.tools.sizing.buffer import model_buffer
from fastxform.tools.sizing.plan import calm_buffer_mb, make_plan
from fastxform.tools.sizing.runtime import Measurement, measure
from fastxform.tools.sizing.sample import entries_of, event, read_sample

EXAMPLES = Path(__file__).parents[2] / "fastxform/examples"
PLAIN = '[columns]\nid = "id"\n'
WIDE = "\n".join(f'c{number} = "text"' for number in range(12))


def lines(table, count, size=None):
    return list(burst.records(table, count, 0, size, 0.0))


def documents(count):
    """Records that each hold seven documents, gzipped: short on the way in, long on the way out."""
    row = json.dumps({"text": "abcdefghij" * 6}).encode()
    return [gzip.compress(b"\n".join([row] * 6 + [b'{"n":%d}' % number]), mtime=0) for number in range(count)]


FIVE = {
    "cloudwatch": (
        (EXAMPLES / "cloudwatch-logs/cloudwatch-logs.toml").read_text(),
        lambda: list(burst.compressed(lines("cloudwatch", 60))),
    ),
    "documents": ('documents = "many"\n[output]\nformat = "json"\n', lambda: documents(40)),
    "wide": (f"[columns]\n{WIDE}\n", lambda: [b'{"text":"%s"}' % (b"w" * (300 + n % 40)) for n in range(200)]),
    "mixed": (
        f"[columns]\n{WIDE}\n",
        lambda: [b'{"text":"%s"}' % (b"m" * (4_000 if n % 10 == 0 else 400)) for n in range(200)],
    ),
    "routed": (
        '[output]\nformat = "json"\n'
        '[[routes]]\niceberg = { database = "d", table = "t", operation = "insert" }\n[routes.columns]\n'
        + "\n".join(f'c{number} = {{ path = "text", type = "string" }}' for number in range(8)),
        lambda: [b'{"text":"%s"}' % (b"r" * (500 + n % 7)) for n in range(150)],
    ),
}


def sample_of(text, payloads, **options):
    return read_sample(Pipeline.from_toml(text), payloads, **options)


# -- what is counted


def test_sizes_are_those_of_the_response():
    """The entries of a sample, with envelope and separators, are exactly what the handler answers to one event."""
    pipeline = Pipeline.from_toml('where = "n != 3"\n[columns]\nn = { path = "n", type = "int64" }\nt = "t"\n')
    payloads = [b'{"n":%d,"t":"%s"}' % (n, b"x" * n) for n in range(50)] + [b"no", b'{"n":"a"}', b""]
    for kinesis in (False, True):
        sample = read_sample(pipeline, payloads, kinesis=kinesis)
        content = event(entries_of(payloads, kinesis), kinesis)
        answer = make_handler(pipeline)(content, None)
        assert len('{"records":[]}') + sum(sample.response_bytes) + len(payloads) - 1 == len(answer)
        assert sample.results.total() == len(payloads)
        assert sum(sample.request_bytes) + len(payloads) - 1 == len(content) - len(event([], kinesis))
    assert sum(sample.row_bytes) == sum(len(f"{n},{'x' * n}\n") for n in range(50) if n != 3)


def test_an_empty_sample_is_refused():
    """Nothing can be said of no record."""
    with pytest.raises(InputError, match="the sample has no record"):
        sample_of(PLAIN, [])


def test_a_record_that_no_event_holds_is_refused():
    """A record larger than a request is named by its number."""
    with pytest.raises(InputError, match=r"^record 2 of the sample makes an event of 6,6"):
        sample_of(PLAIN, [b"{}", b"x" * 5_000_000])


# -- the buffer


@pytest.mark.parametrize("name", FIVE)
def test_the_border_is_that_of_the_simulator(name, command, write):
    """Below the overflow buffer the simulator puts nothing back, above it puts records back, for five samples."""
    text, payloads = FIVE[name]
    payloads = payloads()
    config = write(text)
    border_mb = model_buffer(sample_of(text, payloads), batches=1).border_mb
    assert 0.25 < border_mb < 2.9, border_mb
    needed = int(1.6 * border_mb * 2**20 / (sum(map(len, payloads)) / len(payloads))) + 1
    records = [payloads[number % len(payloads)] for number in range(needed)]
    write(event(entries_of(records, False), False), "in.json")
    put_back = []
    for buffer_mb in (border_mb * 0.97, border_mb * 1.03):
        code, out, err = command(
            "simulate", config, "in.json", "--out", "out", "--json", "--buffer-mb", f"{buffer_mb:.4f}", "--rate", "1e9"
        )
        assert code == 0, err
        put_back.append(json.loads(out)["put_back"])
    assert put_back[0] == 0
    assert put_back[1] > 0


@given(
    st.lists(st.tuples(st.integers(1, 4_000), st.integers(1, 12)), min_size=1, max_size=12),
    st.integers(0, 3),
)
def test_no_drawn_batch_overflows_below_the_bound(shapes, seed):
    """Up to `never_mb` no batch that is drawn from the sample passes the limit."""
    payloads = [b'{"a":"%s"}' % (b"x" * size) for size, _ in shapes]
    text = "[columns]\n" + "\n".join(f'c{number} = "a"' for number in range(max(times for _, times in shapes)))
    model = model_buffer(sample_of(text, payloads), seed, batches=3)
    for line in model.odds:
        assert line.share_median <= line.share_max
        if model.never_mb is None or line.buffer_mb <= model.never_mb:
            assert line.overflow_share == 0


def test_the_bound_is_reached_by_the_costliest_record():
    """A batch of nothing but the costliest record fills the response at the bound, and one record more overflows."""
    text = f"[columns]\n{WIDE}\n"
    sample = sample_of(text, [b'{"text":"%s"}' % (b"x" * 500), b'{"text":"x"}', b'{"other":"%s"}' % (b"y" * 900)])
    model = model_buffer(sample)
    raw, response = sample.payload_bytes[0], sample.response_bytes[0] + 1
    count = round(model.never_mb * 2**20 / raw)
    assert count * response + 13 <= RESPONSE_LIMIT_BYTES < (count + 1) * response + 13
    assert model.never_mb < model.border_mb


def test_where_the_event_is_full_first_nothing_overflows():
    """Rows that are shorter than their records never overflow: a request holds fewer of them than a response."""
    sample = sample_of(PLAIN, [b'{"id":"1","more":"%s"}' % (b"x" * 400)])
    model = model_buffer(sample)
    assert (model.never_mb, model.border_mb) == (None, None)
    assert model.odds[-1].overflow_share == 0
    assert model.odds[-1].records * (sample.request_bytes[0] + 1) <= REQUEST_LIMIT_BYTES


def test_the_same_seed_draws_the_same_batches():
    """Odds are a function of sample and seed."""
    sample = sample_of(PLAIN, [b'{"id":"%s"}' % (b"x" * n) for n in range(1, 90, 7)])
    first, again, other = (model_buffer(sample, seed, batches=5) for seed in (1, 1, 2))
    assert first == again
    assert first.odds != other.odds


# -- the plan and the bill

MEASURED = Measurement(
    records=1_000, cpu_ms=20.0, cpu_median_ms=22.0, cold_ms=80.0, idle_bytes=60 * 2**20, peak_bytes=100 * 2**20
)


def planned(payloads=(b'{"id":"1"}',), text=PLAIN, **options):
    pipeline = Pipeline.from_toml(text)
    sample = read_sample(pipeline, list(payloads))
    model = model_buffer(sample, batches=3)
    options = {"buffer_mb": 1.0, **options}
    return sample, make_plan(sample, model, MEASURED, pipeline.spec.overflow, **options)


def test_time_follows_memory():
    """A quarter of the processor takes four times as long, and more than one processor is no faster."""
    _, whole = planned(memory_mb=1_769)
    _, quarter = planned(memory_mb=442)
    _, more = planned(memory_mb=10_240)
    assert quarter.duration_ms == pytest.approx(whole.duration_ms * 1769 / 442)
    assert more.duration_ms == whole.duration_ms
    assert whole.duration_ms == pytest.approx(0.02 * whole.batch_records)


def test_memory_holds_the_peak_and_the_modules_of_puts():
    """1.5 times the peak and 64 MB, in steps of 64: (100 + 64) x 1.5 is 246, so 256."""
    assert planned()[1].memory_mb == 256


def test_concurrency_is_batches_a_second_times_their_duration():
    """Little's law: what arrives in a second, in batches, each of them for its duration."""
    _, plan = planned(memory_mb=1_769, rate=1_000_000)
    assert plan.concurrency == pytest.approx(1_000_000 * 0.02 / 1000)
    assert planned()[1].concurrency is None


def test_puts_lengthen_the_time_out():
    """All but one record of the batch in calls of 500 by eight workers, three times."""
    payload = b'{"id":"%s"}' % (b"x" * 200)
    _, plan = planned([payload], put_ms=1_000)
    calls = -(-(plan.batch_records - 1) // 500)
    assert plan.puts_ms == -(-calls // 8) * 1_000
    assert plan.timeout_with_puts_seconds - plan.timeout_seconds == pytest.approx(3 * plan.puts_ms / 1000, abs=1)


def test_a_planned_buffer_leaves_room():
    """The default hint keeps every drawn batch under 80 %, or is the least that AWS takes."""
    text, payloads = FIVE["wide"]
    model = model_buffer(sample_of(text, payloads()))
    hint = calm_buffer_mb(model)
    assert model.at(hint).share_max <= 0.8 < model.at(round(hint + 0.1, 1)).share_max
    costly = model_buffer(
        sample_of("[columns]\n" + "\n".join(f'c{n} = "a"' for n in range(60)), [b'{"a":"%s"}' % (b"x" * 500)])
    )
    assert calm_buffer_mb(costly) == 0.2


@pytest.mark.parametrize(("size", "steps"), [(0, 1), (1, 1), (5_120, 1), (5_121, 2), (10_240, 2)])
def test_firehose_bills_whole_steps(size, steps):
    """Each record is rounded up to the next 5 KB, an empty one too."""
    sample, plan = planned([b"x" * size])
    assert make_bill(sample, plan).firehose_gb == pytest.approx(steps * 5_120 * 1e6 / 2**30)


def test_money_is_units_times_prices():
    """Each price counts for its unit, partitions only where the stream has them, and no price that is not given."""
    sample, plan = planned(memory_mb=1_024)
    prices = Prices("EUR", firehose_gb=2.0, partitioned_gb=3.0, lambda_gb_second=5.0)
    bill = make_bill(sample, plan, prices)
    assert bill.cost == {"firehose_gb": 2.0 * bill.firehose_gb, "lambda_gb_second": 5.0 * bill.gb_seconds}
    assert bill.total == sum(bill.cost.values())
    assert bill.gb_seconds == pytest.approx(bill.requests * plan.duration_ms / 1000)
    partitioned = make_bill(sample, plan, prices, partitioned=True)
    assert partitioned.cost["partitioned_gb"] == pytest.approx(3.0 * 2 * 1e6 / 2**30)  # "1\n"


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"firehose = 1", "p.toml: firehose is no price; did you mean firehose_gb?"),
        (b'firehose_gb = "1"', "p.toml: firehose_gb is a number of 0 or more, the price of one unit"),
        (b"firehose_gb = -1", "p.toml: firehose_gb is a number of 0 or more, the price of one unit"),
        (b"firehose_gb = nan", "p.toml: firehose_gb is a number of 0 or more, the price of one unit"),
        (b"firehose_gb = true", "p.toml: firehose_gb is a number of 0 or more, the price of one unit"),
        (b"currency = 1", 'p.toml: currency is a text, such as "USD"'),
        (b"\xff", "p.toml: is not TOML: "),
        (b"a = ", "p.toml: is not TOML: "),
    ],
)
def test_a_price_file_is_read_strictly(content, message):
    """What is no price is named, with what it could be."""
    with pytest.raises(InputError) as caught:
        read_prices(content, "p.toml")
    assert str(caught.value).startswith(message)


# -- the command


def test_the_command_measures(command, write):
    """One JSON object with all parts; a batch was really run, and money is there where prices are."""
    config = write(PLAIN)
    write("".join(f'{{"id":"{n}"}}\n' for n in range(100)), "s.jsonl")
    write('currency = "USD"\nfirehose_gb = 0.03\n', "p.toml")
    code, out, err = command("size", config, "s.jsonl", "--json", "--rate", "500", "--prices", "p.toml")
    assert (code, err) == (0, "")
    found = json.loads(out)
    assert found["sample"]["results"] == {"Ok": 100}
    measured = found["measured"]
    assert measured["records"] == round(found["plan"]["batch_records"])
    assert 0 < measured["cpu_ms"] <= measured["cpu_median_ms"]
    assert 10 * 2**20 < measured["idle_bytes"] <= measured["peak_bytes"]
    assert found["bill"]["total"] == pytest.approx(0.03 * found["bill"]["firehose_gb"])
    assert found["bill"]["currency"] == "USD"


def test_the_command_prints_a_page(command, write):
    """Each part has its lines, the share of overflowing batches too."""
    config = write(f"[columns]\n{WIDE}\n")
    write('{"text":"' + "x" * 500 + '"}\n', "s.jsonl")
    code, out, _ = command("size", config, "s.jsonl", "--rate", "500", "--memory-mb", "1024")
    assert code == 0
    assert [line.split()[0] for line in out.splitlines() if line[:1] != " "] == [
        "sample", "payload", "event", "response", "overflow", "buffer", "buffer", "memory", "duration", "time-out",
        "concurrency", "a",
    ]  # fmt: skip
    assert out.startswith("sample        1 record: 1 Ok\n")
    assert "\n  3.0 " in out
    assert "100%\n" in out


def test_the_picture_is_drawn_and_drawn_again(command, write):
    """An SVG of the model, the same bytes each time; a file that is something else, or a link, stays as it is."""
    config = write(PLAIN)
    line = '{"id":"%s"}' % ("x" * 3000)
    write(f"{line}\n", "s.jsonl")
    assert command("size", config, "s.jsonl", "--picture", "p.svg")[0] == 0
    text = Path("p.svg").read_text(encoding="utf-8")
    assert ET.fromstring(text).tag == "{http://www.w3.org/2000/svg}svg"
    assert text == picture.draw(model_buffer(sample_of(PLAIN, [line.encode()])), "c: response share")
    assert command("size", config, "s.jsonl", "--picture", "p.svg")[0] == 0
    assert Path("p.svg").read_text(encoding="utf-8") == text
    write("mine", "other.svg")
    Path("link.svg").symlink_to("p.svg")
    Path("directory").mkdir()
    for name in ("other.svg", "link.svg", "directory"):
        code, _, err = command("size", config, "s.jsonl", "--picture", name)
        assert (code, err) == (
            2,
            f"fastxform: {name}: is there and is no picture of this command; name a file that is not there\n",
        )
    assert Path("other.svg").read_text(encoding="utf-8") == "mine"


def test_titles_are_escaped():
    """A name with the characters of XML is text in the picture."""
    model = model_buffer(sample_of(PLAIN, [b'{"id":"1"}']))
    assert ET.fromstring(picture.draw(model, "a<b>&c"))[0].text == "a<b>&c"


def test_a_configuration_that_fails_when_it_is_measured_says_why(write):
    """What the measured process printed last is the message, and no traceback."""
    sample = sample_of(PLAIN, [b'{"id":"1"}'])
    with pytest.raises(InputError, match=r"^the batch could not be measured: .*gone\.toml"):
        measure("gone.toml", sample, model_buffer(sample).odds[0])
