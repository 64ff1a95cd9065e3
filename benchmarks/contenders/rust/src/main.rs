//! The handler as it is straightforwardly written in Rust: the event into structures with serde, each payload through base64 into a
//! `serde_json::Value`, one record at a time, and the response out with serde. Dates are by hand: Debian's serde_json brings no date crate.
//!
//! Spoken to as `benchmarks/worker.py` is, with the same frames; see `benchmarks/harness.py`.

mod typed;

use std::io::{self, Read, Write};
use std::time::{Instant, SystemTime, UNIX_EPOCH};

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use serde_json::{json, Value};

// ---- what the runtime crate for Rust would bring

#[derive(Deserialize)]
struct Event {
    records: Vec<Record>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Record {
    record_id: String,
    approximate_arrival_timestamp: i64,
    data: String,
}

#[derive(Serialize)]
struct Response {
    records: Vec<Entry>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Entry {
    record_id: String,
    result: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    data: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    metadata: Option<Value>,
}

// ---- the transforms

enum Answer {
    Row(String),
    Routed(String, Value),
    Dropped,
    Failed,
}

type Transform = Box<dyn Fn(&[u8], &Record) -> Option<Answer>>;

fn changes(payload: &[u8], _: &Record) -> Option<Answer> {
    let document: Value = serde_json::from_slice(payload).ok()?;
    let keys = &document["dynamodb"]["Keys"];
    Some(Answer::Row(format!("{},{}\n", keys["id"]["S"].as_str()?, keys["datetime"]["S"].as_str()?)))
}

fn pairs(payload: &[u8], _: &Record) -> Option<Answer> {
    let document: Value = serde_json::from_slice(payload).ok()?;
    Some(Answer::Row(format!("{},{}\n", document["T"].as_str()?, document["SECTOR"].as_str()?)))
}

fn wide(columns: usize) -> Transform {
    let names: Vec<String> =
        (0..columns).map(|place| format!("{}_{:02}", if place % 2 == 0 { "SYMBOL" } else { "SECTOR" }, place / 2)).collect();
    Box::new(move |payload, _| {
        let document: Value = serde_json::from_slice(payload).ok()?;
        let values: Option<Vec<&str>> = names.iter().map(|name| document[name].as_str()).collect();
        Some(Answer::Row(values?.join(",") + "\n"))
    })
}

fn typed(payload: &[u8], record: &Record) -> Option<Answer> {
    let document: Value = serde_json::from_slice(payload).ok()?;
    let change = &document["dynamodb"];
    let image = if change["NewImage"].is_object() { &change["NewImage"] } else { &change["OldImage"] };
    let amount: Option<f64> = match image["amount"]["N"].as_str() {
        Some(text) => Some(text.parse().ok()?),
        None => None,
    };
    let row = [
        quoted(change["Keys"]["id"]["S"].as_str()?),
        clock(instant(change["Keys"]["datetime"]["S"].as_str()?)? / 1_000, false),
        quoted(document["eventID"].as_str()?),
        quoted(document["eventName"].as_str()?),
        quoted(document["tableName"].as_str()?),
        clock(change["ApproximateCreationDateTime"].as_i64()?, true),
        change["SizeBytes"].as_i64()?.to_string(),
        amount.map(|number| format!("{number:.2}")).unwrap_or_default(),
        amount.map(|number| number.to_string()).unwrap_or_default(),
        clock(record.approximate_arrival_timestamp, true),
    ];
    Some(Answer::Row(row.join(",") + "\n"))
}

#[derive(Deserialize)]
#[serde(rename_all = "UPPERCASE")]
struct Price<'a> {
    ticker_symbol: String,
    sector: String,
    #[serde(borrow)]
    change: &'a RawValue,
    #[serde(borrow)]
    price: &'a RawValue,
}

fn ticker(payload: &[u8], _: &Record) -> Option<Answer> {
    let price: Price = serde_json::from_slice(payload).ok()?;
    let letters = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_uppercase());
    let digits = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.' || byte == b'-');
    let (change, amount) = (price.change.get(), price.price.get());
    if !(letters(&price.ticker_symbol) && letters(&price.sector) && digits(change) && digits(amount)) {
        return None;
    }
    if price.sector != "RETAIL" {
        return Some(Answer::Dropped);
    }
    let now = SystemTime::now().duration_since(UNIX_EPOCH).ok()?.as_millis();
    Some(Answer::Row(format!("{now},{},{},{change},{amount}\n", price.ticker_symbol, price.sector)))
}

fn mail(payload: &[u8], _: &Record) -> Option<Answer> {
    let event: Value = serde_json::from_slice(payload).ok()?;
    let kind = event["eventType"].as_str()?;
    let (table, part) = match kind {
        "Send" => ("send_log", None),
        "Open" => ("open_log", Some(&event["open"])),
        "Click" => ("click_log", Some(&event["click"])),
        _ => return Some(Answer::Failed),
    };
    let headers = event["mail"]["headers"].as_array()?;
    let header = |name: &str| headers.iter().find(|entry| entry["name"] == name).map_or(&Value::Null, |entry| &entry["value"]);
    let mut row = json!({
        "event_type": kind,
        "message_id": event["mail"]["messageId"],
        "tags": event["mail"]["tags"].to_string(),
        "from_address": header("From"),
        "to_address": header("To"),
        "timestamp": instant(part.unwrap_or(&event["mail"])["timestamp"].as_str()?)?,
    });
    if let Some(part) = part {
        row["ip_address"] = part["ipAddress"].clone();
        row["user_agent"] = part["userAgent"].clone();
    }
    if kind == "Click" {
        row["link"] = event["click"]["link"].clone();
        row["link_tags"] = event["click"]["linkTags"].to_string().into();
    }
    let metadata =
        json!({"otfMetadata": {"destinationDatabaseName": "email_event", "destinationTableName": table, "operation": "insert"}});
    Some(Answer::Routed(row.to_string() + "\n", metadata))
}

fn unpacked(payload: &[u8]) -> Option<Value> {
    let mut text = Vec::with_capacity(payload.len() * 8);
    flate2::read::MultiGzDecoder::new(payload).read_to_end(&mut text).ok()?;
    serde_json::from_slice(&text).ok()
}

fn log_members(payload: &[u8], _: &Record) -> Option<Answer> {
    let message = unpacked(payload)?;
    if message["messageType"] != "DATA_MESSAGE" {
        return Some(Answer::Dropped);
    }
    let mut rows = String::new();
    for event in message["logEvents"].as_array()? {
        let log: Value = serde_json::from_str(event["message"].as_str()?).ok()?;
        let row = json!({
            "timestamp": event["timestamp"],
            "level": log["level"],
            "request": log["requestId"],
            "message": log["message"],
            "took_ms": log["duration"]["ms"],
        });
        rows += &row.to_string();
        rows.push('\n');
    }
    Some(Answer::Row(rows))
}

fn plain(attribute: &Value) -> Option<Value> {
    let (kind, value) = attribute.as_object()?.iter().next()?;
    Some(match kind.as_str() {
        "N" => serde_json::from_str(value.as_str()?).ok()?,
        "M" => item(value)?,
        "L" => Value::Array(value.as_array()?.iter().map(plain).collect::<Option<_>>()?),
        "NS" => Value::Array(value.as_array()?.iter().map(|number| serde_json::from_str(number.as_str()?).ok()).collect::<Option<_>>()?),
        "NULL" => Value::Null,
        _ => value.clone(),
    })
}

fn item(image: &Value) -> Option<Value> {
    let members: Option<serde_json::Map<String, Value>> = image.as_object()?.iter().map(|(name, value)| Some((name.clone(), plain(value)?))).collect();
    Some(Value::Object(members?))
}

fn image_of(change: &Value) -> &Value {
    ["NewImage", "OldImage"].iter().map(|name| &change[*name]).find(|image| image.is_object()).unwrap_or(&change["Keys"])
}

fn items(payload: &[u8], _: &Record) -> Option<Answer> {
    let document: Value = serde_json::from_slice(payload).ok()?;
    Some(Answer::Row(item(image_of(&document["dynamodb"]))?.to_string() + "\n"))
}

/// What a change is to a table of Iceberg.
fn operation_of(event_name: &str) -> Option<&'static str> {
    match event_name {
        "INSERT" => Some("insert"),
        "MODIFY" => Some("update"),
        "REMOVE" => Some("delete"),
        _ => None,
    }
}

fn capture(payload: &[u8], _: &Record) -> Option<Answer> {
    let document: Value = serde_json::from_slice(payload).ok()?;
    let change = &document["dynamodb"];
    let image = image_of(change);
    let amount: Option<f64> = match image["amount"]["N"].as_str() {
        Some(text) => Some(text.parse().ok()?),
        None => None,
    };
    let row = json!({
        "id": change["Keys"]["id"]["S"],
        "datetime": change["Keys"]["datetime"]["S"],
        "status": image["status"]["S"],
        "amount": amount,
        "note": image["note"]["S"],
        "changed_at": change["ApproximateCreationDateTime"].as_i64()? * 1_000,
    });
    let operation = operation_of(document["eventName"].as_str()?)?;
    let metadata = json!({"otfMetadata": {"destinationDatabaseName": "shop", "destinationTableName": "orders", "operation": operation}});
    Some(Answer::Routed(row.to_string() + "\n", metadata))
}

fn transform_of(shape: &str, columns: usize) -> Result<Transform, String> {
    Ok(match shape {
        "changes" => Box::new(changes),
        "pairs" => Box::new(pairs),
        "wide" => wide(columns),
        "typed" => Box::new(typed),
        "ticker" => Box::new(ticker),
        "mail" => Box::new(mail),
        "log-members" => Box::new(log_members),
        "items" => Box::new(items),
        "capture" => Box::new(capture),
        _ => return Err(format!("no handler was written for {shape}")),
    })
}

// ---- text and time

fn quoted(text: &str) -> String {
    if text.contains(['"', ',', '\n', '\r']) {
        format!("\"{}\"", text.replace('"', "\"\""))
    } else {
        text.to_string()
    }
}

fn write_quoted(row: &mut Vec<u8>, text: &str) {
    if !text.contains(['"', ',', '\n', '\r']) {
        return row.extend_from_slice(text.as_bytes());
    }
    row.push(b'"');
    row.extend_from_slice(text.replace('"', "\"\"").as_bytes());
    row.push(b'"');
}

/// Days since 1970-01-01 of a proleptic Gregorian date (Howard Hinnant, "chrono-compatible low-level date algorithms").
fn days_from_civil(year: i64, month: i64, day: i64) -> i64 {
    let shifted = if month <= 2 { year - 1 } else { year };
    let era = shifted.div_euclid(400);
    let year_of_era = shifted - era * 400;
    let day_of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    era * 146_097 + year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year - 719_468
}

fn civil_from_days(days: i64) -> (i64, i64, i64) {
    let shifted = days + 719_468;
    let era = shifted.div_euclid(146_097);
    let day_of_era = shifted - era * 146_097;
    let year_of_era = (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted_month = (5 * day_of_year + 2) / 153;
    let month = if shifted_month < 10 { shifted_month + 3 } else { shifted_month - 9 };
    (year_of_era + era * 400 + i64::from(month <= 2), month, day_of_year - (153 * shifted_month + 2) / 5 + 1)
}

/// Epoch microseconds of an RFC 3339 text.
fn instant(text: &str) -> Option<i64> {
    let number = |from: usize, to: usize| text.get(from..to)?.parse::<i64>().ok();
    let days = days_from_civil(number(0, 4)?, number(5, 7)?, number(8, 10)?);
    let seconds = days * 86_400 + number(11, 13)? * 3_600 + number(14, 16)? * 60 + number(17, 19)?;
    let rest = text.get(19..)?;
    let zone = rest.find(['Z', '+', '-'])?;
    let fraction = rest[..zone].trim_start_matches('.');
    let micros: i64 = format!("{fraction:0<6}").get(..6)?.parse().ok()?;
    let offset = match &rest[zone..] {
        "Z" => 0,
        signed => {
            let minutes = signed.get(1..3)?.parse::<i64>().ok()? * 60 + signed.get(4..6)?.parse::<i64>().ok()?;
            if signed.starts_with('-') { -minutes } else { minutes }
        }
    };
    Some((seconds - offset * 60) * 1_000_000 + micros)
}

/// Epoch milliseconds as Athena reads them.
fn clock(milliseconds: i64, fraction: bool) -> String {
    let (seconds, millis) = (milliseconds.div_euclid(1_000), milliseconds.rem_euclid(1_000));
    let (year, month, day) = civil_from_days(seconds.div_euclid(86_400));
    let second = seconds.rem_euclid(86_400);
    let text = format!("{year:04}-{month:02}-{day:02} {:02}:{:02}:{:02}", second / 3_600, second / 60 % 60, second % 60);
    if fraction { format!("{text}.{millis:03}") } else { text }
}

// ---- one invocation

enum Way {
    Values(Transform),
    Typed(typed::Transform),
}

impl Way {
    fn invoke(&self, event: &[u8]) -> Vec<u8> {
        match self {
            Way::Values(transform) => invoke(event, transform),
            Way::Typed(transform) => typed::invoke(event, *transform),
        }
    }
}

fn invoke(event: &[u8], transform: &Transform) -> Vec<u8> {
    let event: Event = serde_json::from_slice(event).expect("the event is JSON");
    let records = event
        .records
        .into_iter()
        .map(|record| {
            let answer = base64::decode(&record.data).ok().and_then(|payload| transform(&payload, &record)).unwrap_or(Answer::Failed);
            let (result, data, metadata) = match answer {
                Answer::Row(row) => ("Ok", Some(base64::encode(row)), None),
                Answer::Routed(row, metadata) => ("Ok", Some(base64::encode(row)), Some(metadata)),
                Answer::Dropped => ("Dropped", None, None),
                Answer::Failed => ("ProcessingFailed", None, None),
            };
            Entry { record_id: record.record_id, result, data, metadata }
        })
        .collect();
    serde_json::to_vec(&Response { records }).expect("the response is JSON")
}

// ---- the frames: two lengths of four bytes, little-endian, a JSON header and a body

fn receive(input: &mut impl Read) -> io::Result<(Value, Vec<u8>)> {
    let mut lengths = [0; 8];
    input.read_exact(&mut lengths)?;
    let length = |from: usize| u32::from_le_bytes(lengths[from..from + 4].try_into().expect("four bytes")) as usize;
    let mut header = vec![0; length(0)];
    input.read_exact(&mut header)?;
    let mut body = vec![0; length(4)];
    input.read_exact(&mut body)?;
    Ok((serde_json::from_slice(&header)?, body))
}

fn send(output: &mut impl Write, header: &Value, body: &[u8]) -> io::Result<()> {
    let text = header.to_string();
    output.write_all(&(text.len() as u32).to_le_bytes())?;
    output.write_all(&(body.len() as u32).to_le_bytes())?;
    output.write_all(text.as_bytes())?;
    output.write_all(body)?;
    output.flush()
}

fn cpu_nanoseconds() -> i64 {
    // SAFETY: all zeros is a valid `rusage`, and getrusage fills it in.
    let usage = unsafe {
        let mut usage: libc::rusage = std::mem::zeroed();
        libc::getrusage(libc::RUSAGE_SELF, &mut usage);
        usage
    };
    let nanoseconds = |time: libc::timeval| time.tv_sec * 1_000_000_000 + time.tv_usec * 1_000;
    nanoseconds(usage.ru_utime) + nanoseconds(usage.ru_stime)
}

fn main() -> io::Result<()> {
    let (mut input, mut output) = (io::stdin().lock(), io::stdout().lock());
    let mut event = Vec::new();
    let is_typed = std::env::args().nth(1).as_deref() == Some("typed");
    let mut way = Way::Values(Box::new(|_, _| None));
    loop {
        let (request, body) = match receive(&mut input) {
            Ok(message) => message,
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => return Ok(()),
            Err(error) => return Err(error),
        };
        match request["op"].as_str() {
            Some("load") => {
                event = body;
                let columns = request["columns"].as_u64().unwrap_or(0) as usize;
                let shape = request["shape"].as_str().unwrap_or("");
                let found = if is_typed { typed::transform_of(shape).map(Way::Typed) } else { transform_of(shape, columns).map(Way::Values) };
                let header = match found {
                    Ok(found) => {
                        way = found;
                        json!({"versions": {"serde_json": env!("BENCH_SERDE_JSON"), "base64": env!("BENCH_BASE64"), "rustc": env!("BENCH_RUSTC")}})
                    }
                    Err(reason) => json!({"unsupported": reason}),
                };
                send(&mut output, &header, &[])?;
            }
            Some("answer") => send(&mut output, &json!({}), &way.invoke(&event))?,
            _ => {
                let (mut cpu, mut wall) = (Vec::new(), Vec::new());
                for _ in 0..request["times"].as_u64().unwrap_or(1) {
                    let (wall_start, cpu_start) = (Instant::now(), cpu_nanoseconds());
                    let response = way.invoke(&event);
                    cpu.push(cpu_nanoseconds() - cpu_start);
                    wall.push(wall_start.elapsed().as_nanos() as u64);
                    drop(response);
                }
                send(&mut output, &json!({"cpu_ns": cpu, "wall_ns": wall}), &[])?;
            }
        }
    }
}
