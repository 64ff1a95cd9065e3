// The blueprint style of Node.js: Buffer, JSON.parse, one record at a time.

import { gunzipSync } from 'node:zlib';

const TICKER = /\{"TICKER_SYMBOL":"([A-Z]+)","SECTOR":"([A-Z]+)","CHANGE":([-.0-9]+),"PRICE":([-.0-9]+)\}/;
const TABLES = { Send: 'send_log', Open: 'open_log', Click: 'click_log' };

const OPERATIONS = { INSERT: 'insert', MODIFY: 'update', REMOVE: 'delete' };

export class Unsupported extends Error {}

const ok = (text, metadata) => ({ result: 'Ok', data: Buffer.from(text, 'utf8').toString('base64'), ...(metadata && { metadata }) });
const parse = (payload) => JSON.parse(payload.toString('utf8'));
const quoted = (text) => (/[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text);
const clock = (milliseconds) => new Date(milliseconds).toISOString().slice(0, 23).replace('T', ' ');

function changes(payload) {
    const keys = parse(payload).dynamodb.Keys;
    return ok(`${keys.id.S},${keys.datetime.S}\n`);
}

function pairs(payload) {
    const document = parse(payload);
    return ok(`${document.T},${document.SECTOR}\n`);
}

function wide(columns) {
    const names = Array.from({ length: columns }, (_, place) => `${place % 2 === 0 ? 'SYMBOL' : 'SECTOR'}_${String(place >> 1).padStart(2, '0')}`);
    return (payload) => {
        const document = parse(payload);
        return ok(`${names.map((name) => document[name]).join(',')}\n`);
    };
}

function typed(payload, record) {
    const document = parse(payload);
    const change = document.dynamodb;
    const number = (change.NewImage ?? change.OldImage).amount?.N;
    const row = [
        change.Keys.id.S,
        clock(Date.parse(change.Keys.datetime.S)).slice(0, 19),
        document.eventID,
        document.eventName,
        document.tableName,
        clock(change.ApproximateCreationDateTime),
        String(change.SizeBytes),
        number === undefined ? '' : Number(number).toFixed(2),
        number === undefined ? '' : String(Number(number)),
        clock(record.approximateArrivalTimestamp),
    ];
    return ok(`${row.map(quoted).join(',')}\n`);
}

function ticker(payload) {
    const match = TICKER.exec(payload.toString('utf8'));
    if (!match) return { result: 'ProcessingFailed' };
    const [, symbol, sector, change, price] = match;
    if (sector !== 'RETAIL') return { result: 'Dropped' };
    return ok(`${Date.now()},${symbol},${sector},${change},${price}\n`);
}

function mail(payload) {
    const event = parse(payload);
    const table = TABLES[event.eventType];
    if (table === undefined) return { result: 'ProcessingFailed' };
    const part = event.eventType === 'Send' ? null : event[event.eventType.toLowerCase()];
    const header = (name) => event.mail.headers.find((entry) => entry.name === name)?.value ?? null;
    const row = {
        event_type: event.eventType,
        message_id: event.mail.messageId,
        tags: JSON.stringify(event.mail.tags),
        from_address: header('From'),
        to_address: header('To'),
    };
    if (part) row.ip_address = part.ipAddress;
    if (event.eventType === 'Click') Object.assign(row, { link: part.link, link_tags: JSON.stringify(part.linkTags) });
    if (part) row.user_agent = part.userAgent;
    row.timestamp = Date.parse((part ?? event.mail).timestamp) * 1000;
    const otfMetadata = { destinationDatabaseName: 'email_event', destinationTableName: table, operation: 'insert' };
    return ok(`${JSON.stringify(row)}\n`, { otfMetadata });
}

function logs(payload) {
    const message = JSON.parse(gunzipSync(payload).toString('utf8'));
    if (message.messageType === 'CONTROL_MESSAGE') return { result: 'Dropped' };
    if (message.messageType !== 'DATA_MESSAGE') return { result: 'ProcessingFailed' };
    const { logGroup, logStream } = message;
    const rows = message.logEvents.map(({ id, timestamp, message: text }) => `${JSON.stringify({ logGroup, logStream, id, timestamp, message: text })}\n`);
    return ok(rows.join(''));
}

function logMembers(payload) {
    const message = JSON.parse(gunzipSync(payload).toString('utf8'));
    if (message.messageType !== 'DATA_MESSAGE') return { result: 'Dropped' };
    const rows = message.logEvents.map(({ timestamp, message: text }) => {
        const log = JSON.parse(text);
        return `${JSON.stringify({ timestamp, level: log.level, request: log.requestId, message: log.message, took_ms: log.duration.ms })}\n`;
    });
    return ok(rows.join(''));
}

function plain(attribute) {
    const kind = Object.keys(attribute)[0];
    const value = attribute[kind];
    switch (kind) {
        case 'N': return Number(value);
        case 'M': return item(value);
        case 'L': return value.map(plain);
        case 'NS': return value.map(Number);
        case 'NULL': return null;
        default: return value;
    }
}

function item(image) {
    const row = {};
    for (const name in image) row[name] = plain(image[name]);
    return row;
}

function items(payload) {
    const change = parse(payload).dynamodb;
    return ok(`${JSON.stringify(item(change.NewImage ?? change.OldImage ?? change.Keys))}\n`);
}

function capture(payload) {
    const event = parse(payload);
    const change = event.dynamodb;
    const image = change.NewImage ?? change.OldImage;
    const row = {
        id: change.Keys.id.S,
        datetime: change.Keys.datetime.S,
        status: image.status?.S ?? null,
        amount: image.amount === undefined ? null : Number(image.amount.N),
        note: image.note?.S ?? null,
        changed_at: change.ApproximateCreationDateTime * 1000,
    };
    const otfMetadata = { destinationDatabaseName: 'shop', destinationTableName: 'orders', operation: OPERATIONS[event.eventName] };
    return ok(`${JSON.stringify(row)}\n`, { otfMetadata });
}

export function transformOf({ shape, columns }) {
    if (shape === 'wide') return wide(columns);
    const known = { changes, pairs, typed, ticker, mail, logs, 'log-members': logMembers, items, capture };
    if (!(shape in known)) throw new Unsupported(`no handler was written for ${shape}`);
    return known[shape];
}

export function makeHandler(transform) {
    return (event) => ({
        records: event.records.map((record) => {
            try {
                return { recordId: record.recordId, ...transform(Buffer.from(record.data, 'base64'), record) };
            } catch {
                // As the blueprint: what the transform throws fails one record.
                return { recordId: record.recordId, result: 'ProcessingFailed' };
            }
        }),
    });
}
