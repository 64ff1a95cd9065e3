//! The same transforms as a good Rust engineer writes them for speed: structures that name only what is wanted and borrow from the
//! payload, one buffer for all payloads and one for all rows, no `Value` on the way.

use std::borrow::Cow;
use std::io::{Read, Write};
use std::time::{SystemTime, UNIX_EPOCH};

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use crate::{clock, instant, operation_of, write_quoted};

#[derive(Deserialize)]
struct Event<'a> {
    #[serde(borrow)]
    records: Vec<Record<'a>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Record<'a> {
    #[serde(borrow)]
    record_id: Cow<'a, str>,
    approximate_arrival_timestamp: i64,
    #[serde(borrow)]
    data: Cow<'a, str>,
}

#[derive(Serialize)]
struct Response<'a> {
    records: Vec<Entry<'a>>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Entry<'a> {
    record_id: Cow<'a, str>,
    result: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    data: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    metadata: Option<Metadata>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Metadata {
    otf_metadata: Target,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Target {
    destination_database_name: &'static str,
    destination_table_name: &'static str,
    operation: &'static str,
}

pub enum Outcome {
    Row,
    Routed(&'static str),
    Captured(&'static str),
    Dropped,
}

/// Writes the row of a payload behind what the buffer holds; None where the record fails.
pub type Transform = fn(&[u8], i64, &mut Vec<u8>) -> Option<Outcome>;

#[derive(Deserialize)]
#[serde(rename_all = "UPPERCASE")]
struct Text<'a> {
    #[serde(borrow)]
    s: Cow<'a, str>,
}

#[derive(Deserialize)]
#[serde(rename_all = "UPPERCASE")]
struct Digits<'a> {
    #[serde(borrow)]
    n: &'a str,
}

#[derive(Deserialize)]
struct Keys<'a> {
    #[serde(borrow)]
    id: Text<'a>,
    #[serde(borrow)]
    datetime: Text<'a>,
}

#[derive(Deserialize)]
struct KeysOnly<'a> {
    #[serde(borrow, rename = "Keys")]
    keys: Keys<'a>,
}

#[derive(Deserialize)]
struct Change<'a> {
    #[serde(borrow)]
    dynamodb: KeysOnly<'a>,
}

fn changes(payload: &[u8], _: i64, row: &mut Vec<u8>) -> Option<Outcome> {
    let change: Change = serde_json::from_slice(payload).ok()?;
    row.extend_from_slice(change.dynamodb.keys.id.s.as_bytes());
    row.push(b',');
    row.extend_from_slice(change.dynamodb.keys.datetime.s.as_bytes());
    row.push(b'\n');
    Some(Outcome::Row)
}

#[derive(Deserialize)]
#[serde(rename_all = "UPPERCASE")]
struct Pair<'a> {
    #[serde(borrow)]
    t: Cow<'a, str>,
    #[serde(borrow)]
    sector: Cow<'a, str>,
}

fn pairs(payload: &[u8], _: i64, row: &mut Vec<u8>) -> Option<Outcome> {
    let pair: Pair = serde_json::from_slice(payload).ok()?;
    row.extend_from_slice(pair.t.as_bytes());
    row.push(b',');
    row.extend_from_slice(pair.sector.as_bytes());
    row.push(b'\n');
    Some(Outcome::Row)
}

#[derive(Deserialize)]
struct Image<'a> {
    #[serde(borrow)]
    amount: Option<Digits<'a>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct TypedChange<'a> {
    approximate_creation_date_time: i64,
    size_bytes: i64,
    #[serde(borrow)]
    keys: Keys<'a>,
    #[serde(borrow)]
    new_image: Option<Image<'a>>,
    #[serde(borrow)]
    old_image: Option<Image<'a>>,
}

#[derive(Deserialize)]
struct TypedEvent<'a> {
    #[serde(borrow, rename = "eventID")]
    event_id: Cow<'a, str>,
    #[serde(borrow, rename = "eventName")]
    event_name: Cow<'a, str>,
    #[serde(borrow, rename = "tableName")]
    table_name: Cow<'a, str>,
    #[serde(borrow)]
    dynamodb: TypedChange<'a>,
}

fn typed(payload: &[u8], arrival: i64, row: &mut Vec<u8>) -> Option<Outcome> {
    let event: TypedEvent = serde_json::from_slice(payload).ok()?;
    let change = &event.dynamodb;
    let image = change.new_image.as_ref().or(change.old_image.as_ref());
    let amount: Option<f64> = match image.and_then(|image| image.amount.as_ref()) {
        Some(digits) => Some(digits.n.parse().ok()?),
        None => None,
    };
    write_quoted(row, &change.keys.id.s);
    write!(row, ",{},", clock(instant(&change.keys.datetime.s)? / 1_000, false)).ok()?;
    for text in [&event.event_id, &event.event_name, &event.table_name] {
        write_quoted(row, text);
        row.push(b',');
    }
    write!(row, "{},{},", clock(change.approximate_creation_date_time, true), change.size_bytes).ok()?;
    match amount {
        Some(number) => write!(row, "{number:.2},{number},").ok()?,
        None => row.extend_from_slice(b",,"),
    }
    writeln!(row, "{}", clock(arrival, true)).ok()?;
    Some(Outcome::Row)
}

#[derive(Deserialize)]
#[serde(rename_all = "UPPERCASE")]
struct Price<'a> {
    #[serde(borrow)]
    ticker_symbol: Cow<'a, str>,
    #[serde(borrow)]
    sector: Cow<'a, str>,
    #[serde(borrow)]
    change: &'a RawValue,
    #[serde(borrow)]
    price: &'a RawValue,
}

fn ticker(payload: &[u8], _: i64, row: &mut Vec<u8>) -> Option<Outcome> {
    let price: Price = serde_json::from_slice(payload).ok()?;
    let letters = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_uppercase());
    let digits = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.' || byte == b'-');
    let (change, amount) = (price.change.get(), price.price.get());
    if !(letters(&price.ticker_symbol) && letters(&price.sector) && digits(change) && digits(amount)) {
        return None;
    }
    if price.sector != "RETAIL" {
        return Some(Outcome::Dropped);
    }
    let now = SystemTime::now().duration_since(UNIX_EPOCH).ok()?.as_millis();
    writeln!(row, "{now},{},{},{change},{amount}", price.ticker_symbol, price.sector).ok()?;
    Some(Outcome::Row)
}

#[derive(Deserialize)]
struct Header<'a> {
    #[serde(borrow)]
    name: Cow<'a, str>,
    #[serde(borrow)]
    value: Cow<'a, str>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Mail<'a> {
    #[serde(borrow)]
    message_id: Cow<'a, str>,
    #[serde(borrow)]
    tags: &'a RawValue,
    #[serde(borrow)]
    headers: Vec<Header<'a>>,
    #[serde(borrow)]
    timestamp: Cow<'a, str>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Visit<'a> {
    #[serde(borrow)]
    ip_address: Cow<'a, str>,
    #[serde(borrow)]
    user_agent: Cow<'a, str>,
    #[serde(borrow)]
    timestamp: Cow<'a, str>,
    #[serde(borrow)]
    link: Option<Cow<'a, str>>,
    #[serde(borrow)]
    link_tags: Option<&'a RawValue>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct MailEvent<'a> {
    #[serde(borrow)]
    event_type: Cow<'a, str>,
    #[serde(borrow)]
    mail: Mail<'a>,
    #[serde(borrow)]
    open: Option<Visit<'a>>,
    #[serde(borrow)]
    click: Option<Visit<'a>>,
}

#[derive(Serialize)]
struct MailRow<'a> {
    event_type: &'a str,
    message_id: &'a str,
    tags: &'a str,
    from_address: Option<&'a str>,
    to_address: Option<&'a str>,
    timestamp: i64,
    #[serde(skip_serializing_if = "Option::is_none")]
    ip_address: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    user_agent: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    link: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    link_tags: Option<&'a str>,
}

fn mail(payload: &[u8], _: i64, row: &mut Vec<u8>) -> Option<Outcome> {
    let event: MailEvent = serde_json::from_slice(payload).ok()?;
    let (table, part) = match event.event_type.as_ref() {
        "Send" => ("send_log", None),
        "Open" => ("open_log", Some(event.open.as_ref()?)),
        "Click" => ("click_log", Some(event.click.as_ref()?)),
        _ => return None,
    };
    let header = |name: &str| event.mail.headers.iter().find(|entry| entry.name == name).map(|entry| entry.value.as_ref());
    let written = MailRow {
        event_type: &event.event_type,
        message_id: &event.mail.message_id,
        tags: event.mail.tags.get(),
        from_address: header("From"),
        to_address: header("To"),
        timestamp: instant(part.map_or(&event.mail.timestamp, |part| &part.timestamp))?,
        ip_address: part.map(|part| part.ip_address.as_ref()),
        user_agent: part.map(|part| part.user_agent.as_ref()),
        link: part.and_then(|part| part.link.as_deref()),
        link_tags: part.and_then(|part| part.link_tags).map(RawValue::get),
    };
    serde_json::to_writer(&mut *row, &written).ok()?;
    row.push(b'\n');
    Some(Outcome::Routed(table))
}

#[derive(Deserialize)]
struct LogEvent<'a> {
    #[serde(borrow)]
    id: Cow<'a, str>,
    timestamp: i64,
    #[serde(borrow)]
    message: Cow<'a, str>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Message<'a> {
    #[serde(borrow)]
    message_type: Cow<'a, str>,
    #[serde(borrow)]
    log_group: Cow<'a, str>,
    #[serde(borrow)]
    log_stream: Cow<'a, str>,
    #[serde(borrow)]
    log_events: Vec<LogEvent<'a>>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct LogRow<'a> {
    log_group: &'a str,
    log_stream: &'a str,
    id: &'a str,
    timestamp: i64,
    message: &'a str,
}

fn logs(payload: &[u8], _: i64, row: &mut Vec<u8>) -> Option<Outcome> {
    let mut text = Vec::with_capacity(payload.len() * 8);
    flate2::read::MultiGzDecoder::new(payload).read_to_end(&mut text).ok()?;
    let message: Message = serde_json::from_slice(&text).ok()?;
    match message.message_type.as_ref() {
        "CONTROL_MESSAGE" => return Some(Outcome::Dropped),
        "DATA_MESSAGE" => {}
        _ => return None,
    }
    for event in &message.log_events {
        let written = LogRow {
            log_group: &message.log_group,
            log_stream: &message.log_stream,
            id: &event.id,
            timestamp: event.timestamp,
            message: &event.message,
        };
        serde_json::to_writer(&mut *row, &written).ok()?;
        row.push(b'\n');
    }
    Some(Outcome::Row)
}

#[derive(Deserialize)]
struct LogDuration {
    ms: i64,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Log<'a> {
    #[serde(borrow)]
    level: Cow<'a, str>,
    #[serde(borrow)]
    request_id: Cow<'a, str>,
    #[serde(borrow)]
    message: Cow<'a, str>,
    duration: LogDuration,
}

#[derive(Serialize)]
struct LogMemberRow<'a> {
    timestamp: i64,
    level: &'a str,
    request: &'a str,
    message: &'a str,
    took_ms: i64,
}

fn log_members(payload: &[u8], _: i64, row: &mut Vec<u8>) -> Option<Outcome> {
    let mut text = Vec::with_capacity(payload.len() * 8);
    flate2::read::MultiGzDecoder::new(payload).read_to_end(&mut text).ok()?;
    let message: Message = serde_json::from_slice(&text).ok()?;
    if message.message_type != "DATA_MESSAGE" {
        return Some(Outcome::Dropped);
    }
    for event in &message.log_events {
        let log: Log = serde_json::from_str(&event.message).ok()?;
        let written =
            LogMemberRow { timestamp: event.timestamp, level: &log.level, request: &log.request_id, message: &log.message, took_ms: log.duration.ms };
        serde_json::to_writer(&mut *row, &written).ok()?;
        row.push(b'\n');
    }
    Some(Outcome::Row)
}

/// An attribute value, written as what it holds.
#[derive(Deserialize)]
enum Attribute<'a> {
    #[serde(borrow)]
    S(Cow<'a, str>),
    N(&'a str),
    B(&'a str),
    BOOL(bool),
    NULL(bool),
    #[serde(borrow)]
    M(Item<'a>),
    #[serde(borrow)]
    L(Vec<Attribute<'a>>),
    #[serde(borrow)]
    SS(Vec<Cow<'a, str>>),
    #[serde(borrow)]
    NS(Vec<&'a str>),
    #[serde(borrow)]
    BS(Vec<&'a str>),
}

/// Members in the order of the record.
struct Item<'a>(Vec<(Cow<'a, str>, Attribute<'a>)>);

impl<'de: 'a, 'a> Deserialize<'de> for Item<'a> {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Members;
        impl<'de> serde::de::Visitor<'de> for Members {
            type Value = Item<'de>;
            fn expecting(&self, formatter: &mut std::fmt::Formatter) -> std::fmt::Result {
                formatter.write_str("an item")
            }
            fn visit_map<A: serde::de::MapAccess<'de>>(self, mut members: A) -> Result<Item<'de>, A::Error> {
                let mut found = Vec::with_capacity(8);
                while let Some((name, value)) = members.next_entry::<Name<'de>, Attribute<'de>>()? {
                    found.push((name.0, value));
                }
                Ok(Item(found))
            }
        }
        deserializer.deserialize_map(Members)
    }
}

#[derive(Deserialize)]
struct Name<'a>(#[serde(borrow)] Cow<'a, str>);

fn digits<S: serde::Serializer>(text: &str, serializer: S) -> Result<S::Ok, S::Error> {
    // DynamoDB's numbers are JSON's: written as they are.
    RawValue::from_string(text.to_string()).map_err(serde::ser::Error::custom)?.serialize(serializer)
}

struct Number<'a>(&'a str);

impl Serialize for Number<'_> {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        digits(self.0, serializer)
    }
}

impl Serialize for Attribute<'_> {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Attribute::S(text) => serializer.serialize_str(text),
            Attribute::N(text) => digits(text, serializer),
            Attribute::B(text) => serializer.serialize_str(text),
            Attribute::BOOL(value) => serializer.serialize_bool(*value),
            Attribute::NULL(_) => serializer.serialize_unit(),
            Attribute::M(item) => item.serialize(serializer),
            Attribute::L(list) => list.serialize(serializer),
            Attribute::SS(list) => list.serialize(serializer),
            Attribute::NS(list) => serializer.collect_seq(list.iter().map(|text| Number(text))),
            Attribute::BS(list) => list.serialize(serializer),
        }
    }
}

impl Serialize for Item<'_> {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.0.iter().map(|(name, value)| (name, value)))
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct ItemChange<'a> {
    #[serde(borrow)]
    keys: Item<'a>,
    #[serde(borrow)]
    new_image: Option<Item<'a>>,
    #[serde(borrow)]
    old_image: Option<Item<'a>>,
}

#[derive(Deserialize)]
struct ItemEvent<'a> {
    #[serde(borrow)]
    dynamodb: ItemChange<'a>,
}

fn items(payload: &[u8], _: i64, row: &mut Vec<u8>) -> Option<Outcome> {
    let event: ItemEvent = serde_json::from_slice(payload).ok()?;
    let change = &event.dynamodb;
    let item = change.new_image.as_ref().or(change.old_image.as_ref()).unwrap_or(&change.keys);
    serde_json::to_writer(&mut *row, item).ok()?;
    row.push(b'\n');
    Some(Outcome::Row)
}

#[derive(Deserialize)]
struct OrderImage<'a> {
    #[serde(borrow)]
    status: Option<Text<'a>>,
    #[serde(borrow)]
    amount: Option<Digits<'a>>,
    #[serde(borrow)]
    note: Option<Text<'a>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct OrderChange<'a> {
    #[serde(borrow)]
    keys: Keys<'a>,
    approximate_creation_date_time: i64,
    #[serde(borrow)]
    new_image: Option<OrderImage<'a>>,
    #[serde(borrow)]
    old_image: Option<OrderImage<'a>>,
}

#[derive(Deserialize)]
struct OrderEvent<'a> {
    #[serde(borrow, rename = "eventName")]
    event_name: Cow<'a, str>,
    #[serde(borrow)]
    dynamodb: OrderChange<'a>,
}

#[derive(Serialize)]
struct OrderRow<'a> {
    id: &'a str,
    datetime: &'a str,
    status: Option<&'a str>,
    amount: Option<f64>,
    note: Option<&'a str>,
    changed_at: i64,
}

fn capture(payload: &[u8], _: i64, row: &mut Vec<u8>) -> Option<Outcome> {
    let event: OrderEvent = serde_json::from_slice(payload).ok()?;
    let change = &event.dynamodb;
    let image = change.new_image.as_ref().or(change.old_image.as_ref())?;
    let amount = match &image.amount {
        Some(digits) => Some(digits.n.parse().ok()?),
        None => None,
    };
    let written = OrderRow {
        id: &change.keys.id.s,
        datetime: &change.keys.datetime.s,
        status: image.status.as_ref().map(|text| text.s.as_ref()),
        amount,
        note: image.note.as_ref().map(|text| text.s.as_ref()),
        changed_at: change.approximate_creation_date_time * 1_000,
    };
    serde_json::to_writer(&mut *row, &written).ok()?;
    row.push(b'\n');
    Some(Outcome::Captured(operation_of(&event.event_name)?))
}

pub fn transform_of(shape: &str) -> Result<Transform, String> {
    Ok(match shape {
        "changes" => changes,
        "pairs" => pairs,
        "typed" => typed,
        "ticker" => ticker,
        "mail" => mail,
        "logs" => logs,
        "log-members" => log_members,
        "items" => items,
        "capture" => capture,
        _ => return Err(format!("no handler was written for {shape}")),
    })
}

pub fn invoke(event: &[u8], transform: Transform) -> Vec<u8> {
    let event: Event = serde_json::from_slice(event).expect("the event is JSON");
    let (mut payload, mut row) = (Vec::new(), Vec::new());
    let records = event
        .records
        .into_iter()
        .map(|record| {
            payload.clear();
            row.clear();
            let outcome = base64::decode_config_buf(record.data.as_bytes(), base64::STANDARD, &mut payload)
                .ok()
                .and_then(|()| transform(&payload, record.approximate_arrival_timestamp, &mut row));
            let target = |database, table, operation| {
                Some(Metadata { otf_metadata: Target { destination_database_name: database, destination_table_name: table, operation } })
            };
            let (result, data, metadata) = match outcome {
                Some(Outcome::Row) => ("Ok", Some(base64::encode(&row)), None),
                Some(Outcome::Routed(table)) => ("Ok", Some(base64::encode(&row)), target("email_event", table, "insert")),
                Some(Outcome::Captured(operation)) => ("Ok", Some(base64::encode(&row)), target("shop", "orders", operation)),
                Some(Outcome::Dropped) => ("Dropped", None, None),
                None => ("ProcessingFailed", None, None),
            };
            Entry { record_id: record.record_id, result, data, metadata }
        })
        .collect();
    serde_json::to_vec(&Response { records }).expect("the response is JSON")
}
