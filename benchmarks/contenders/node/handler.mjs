// The handler of `transforms.mjs` with the runtime's JSON.parse and JSON.stringify around it, spoken to as `benchmarks/worker.py` is, with
// the same frames; see `benchmarks/harness.py`.

import { readSync, writeSync } from 'node:fs';

import { makeHandler, transformOf, Unsupported } from './transforms.mjs';

function makeInvocation(transform) {
    const handler = makeHandler(transform);
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
