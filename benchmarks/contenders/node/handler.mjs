// The blueprint style of Node.js: Buffer, JSON.parse, one record at a time; the runtime's JSON.parse and JSON.stringify around it.
// Spoken to as `benchmarks/worker.py` is, with the same frames; see `benchmarks/harness.py`.

import { readSync, writeSync } from 'node:fs';
import { gunzipSync } from 'node:zlib';

const TICKER = /\{"TICKER_SYMBOL":"([A-Z]+)","SECTOR":"([A-Z]+)","CHANGE":([-.0-9]+),"PRICE":([-.0-9]+)\}/;
const TABLES = { Send: 'send_log', Open: 'open_log', Click: 'click_log' };

class Unsupported extends Error {}

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

function transformOf({ shape, columns }) {
    if (shape === 'wide') return wide(columns);
    const known = { changes, pairs, typed, ticker, mail, logs };
    if (!(shape in known)) throw new Unsupported(`no handler was written for ${shape}`);
    return known[shape];
}

function makeInvocation(transform) {
    const handler = (event) => ({
        records: event.records.map((record) => {
            try {
                return { recordId: record.recordId, ...transform(Buffer.from(record.data, 'base64'), record) };
            } catch {
                // As the blueprint: what the transform throws fails one record.
                return { recordId: record.recordId, result: 'ProcessingFailed' };
            }
        }),
    });
    return (event) => Buffer.from(JSON.stringify(handler(JSON.parse(event.toString('utf8')))), 'utf8');
}

// ---- the frames: two lengths of four bytes, little-endian, a JSON header and a body

function readExactly(length) {
    const buffer = Buffer.alloc(length);
    for (let filled = 0; filled < length; ) {
        const count = readSync(0, buffer, filled, length - filled, null);
        if (count === 0) process.exit(0);
        filled += count;
    }
    return buffer;
}

function writeAll(buffer) {
    for (let written = 0; written < buffer.length; ) written += writeSync(1, buffer, written);
}

function receive() {
    const lengths = readExactly(8);
    const header = JSON.parse(readExactly(lengths.readUInt32LE(0)).toString('utf8'));
    return [header, readExactly(lengths.readUInt32LE(4))];
}

function send(header, body = Buffer.alloc(0)) {
    const text = Buffer.from(JSON.stringify(header), 'utf8');
    const lengths = Buffer.alloc(8);
    lengths.writeUInt32LE(text.length, 0);
    lengths.writeUInt32LE(body.length, 4);
    writeAll(Buffer.concat([lengths, text, body]));
}

function cpuNanoseconds() {
    const { user, system } = process.cpuUsage();
    return (user + system) * 1000;
}

let event;
let invoke;

function answer(request, body) {
    if (request.op === 'load') {
        event = body;
        invoke = makeInvocation(transformOf(request));
        return [{ versions: { node: process.versions.node, v8: process.versions.v8 } }];
    }
    if (request.op === 'answer') return [{}, invoke(event)];
    const cpu = [];
    const wall = [];
    for (let i = 0; i < request.times; i++) {
        const wallStart = process.hrtime.bigint();
        const cpuStart = cpuNanoseconds();
        invoke(event);
        cpu.push(cpuNanoseconds() - cpuStart);
        wall.push(Number(process.hrtime.bigint() - wallStart));
    }
    return [{ cpu_ns: cpu, wall_ns: wall }];
}

for (;;) {
    const [request, body] = receive();
    try {
        send(...answer(request, body));
    } catch (error) {
        send(error instanceof Unsupported ? { unsupported: error.message } : { error: String(error) });
    }
}
