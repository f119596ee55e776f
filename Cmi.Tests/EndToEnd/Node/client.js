// A client of somebody else's making: many requests over kept connections, a stack on one, uploads that break off. Every content is compared.
// Arguments: the URL of the gateway. Behind it is server.js. The last line of its output is what it counted, as JSON.
'use strict';
const http = require('http');
const net = require('net');
const url = new URL(process.argv[2]);

function bytes(length) {
    const content = Buffer.alloc(length);
    for (let i = 0; i < length; i++) content[i] = (i * 31 + (i >> 8) * 7 + length) & 255;
    return content;
}

const agent = new http.Agent({ keepAlive: true, maxSockets: 8 });
let connections = 0, right = 0;
const wrong = [];

function check(name, got, expected) {
    if (Buffer.compare(got, expected) === 0) right++;
    else wrong.push(`${name}: ${got.length} bytes for ${expected.length}`);
}

function ask(method, path, content) {
    return new Promise((resolve, reject) => {
        const request = http.request({ agent, host: url.hostname, port: url.port, method, path }, response => {
            const got = [];
            response.on('data', data => got.push(data));
            response.on('end', () => response.complete ? resolve(Buffer.concat(got)) : reject(new Error(`${path} was cut`)));
        });
        request.on('socket', socket => {
            if (!socket.counted) connections++;
            socket.counted = true;
        });
        request.on('error', reject);
        if (content) {                                              // without a length: in chunks
            request.write(content.subarray(0, content.length >> 1));
            request.end(content.subarray(content.length >> 1));
        } else {
            request.end();
        }
    });
}

async function many() {
    const work = [];
    for (let i = 0; i < 200; i++) {
        const length = i * 997;
        if (i % 3 === 0) work.push(ask('GET', `/bytes/${length}`).then(got => check('bytes', got, bytes(length))));
        else if (i % 3 === 1) work.push(ask('GET', `/chunked/${length}/4096`).then(got => check('chunked', got, bytes(length))));
        else work.push(ask('PUT', '/echo', bytes(length)).then(got => check('echo', got, bytes(length))));
    }
    await Promise.all(work);
}

// One write, and replies that come in order, each with a length.
function stack(count) {
    return new Promise((resolve, reject) => {
        const socket = net.connect(url.port, url.hostname);
        let received = Buffer.alloc(0), next = 1;
        socket.on('error', reject);
        socket.on('end', () => reject(new Error(`the stack ended behind ${next - 1}`)));
        socket.on('data', data => {
            received = Buffer.concat([received, data]);
            for (;;) {
                const end = received.indexOf('\r\n\r\n');
                if (end < 0) return;
                const head = received.toString('latin1', 0, end);
                const length = Number(/content-length: (\d+)/i.exec(head)[1]);
                if (received.length < end + 4 + length) return;
                check('stacked', received.subarray(end + 4, end + 4 + length), bytes(next * 1000));
                received = received.subarray(end + 4 + length);
                if (next++ === count) {
                    socket.destroy();
                    return resolve();
                }
            }
        });
        let requests = '';
        for (let i = 1; i <= count; i++) requests += `GET /chunked/${i * 1000}/700 HTTP/1.1\r\nHost: a\r\n\r\n`;
        socket.write(requests);
    });
}

function brokenUpload(i) {
    return new Promise(resolve => {
        const socket = net.connect(url.port, url.hostname, () => {
            const framing = i % 2 === 0 ? 'Content-Length: 100000\r\n\r\n' : 'Transfer-Encoding: chunked\r\n\r\n10000\r\n';
            socket.write(`POST /sink HTTP/1.1\r\nHost: a\r\n${framing}${'x'.repeat(20000)}`, () => i % 4 < 2 ? socket.destroy() : socket.end());
        });
        socket.on('error', () => {});
        socket.on('close', resolve);
        socket.resume();
    });
}

(async () => {
    await many();
    await stack(40);
    const broken = [];
    for (let i = 0; i < 40; i++) broken.push(brokenUpload(i));
    await Promise.all(broken);
    const counts = JSON.parse(await ask('GET', '/counts'));
    console.log(JSON.stringify({ right, wrong, connections, ...counts }));
    agent.destroy();
})().catch(error => {
    console.error(error);
    process.exit(1);
});
