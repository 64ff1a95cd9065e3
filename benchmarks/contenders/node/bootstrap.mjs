// A runtime of Lambda's, as AWS's page on custom runtimes describes it: next event, handler, response, over one connection that is kept.

import { Agent, request } from 'node:http';

import { makeHandler, transformOf } from './transforms.mjs';

const [host, port] = process.env.AWS_LAMBDA_RUNTIME_API.split(':');
const agent = new Agent({ keepAlive: true, maxSockets: 1 });
const handler = makeHandler(transformOf({ shape: process.env.SHAPE, columns: Number(process.env.COLUMNS) }));

function call(method, path, body) {
    return new Promise((resolve, reject) => {
        const headers = body === undefined ? {} : { 'Content-Type': 'application/json', 'Content-Length': body.length };
        const sent = request({ agent, host, port, method, path: `/2018-06-01/runtime/invocation/${path}`, headers }, (answer) => {
            const parts = [];
            answer.on('data', (part) => parts.push(part));
            answer.on('end', () => resolve([answer.headers, Buffer.concat(parts)]));
        });
        sent.on('error', reject);
        sent.end(body);
    });
}

for (;;) {
    const [headers, event] = await call('GET', 'next');
    const response = Buffer.from(JSON.stringify(handler(JSON.parse(event.toString('utf8')))), 'utf8');
    await call('POST', `${headers['lambda-runtime-aws-request-id']}/response`, response);
}
