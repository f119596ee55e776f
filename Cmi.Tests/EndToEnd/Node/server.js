// An HTTP/1.1 server of somebody else's making. Bytes of a length are always the same; NodeServer.Bytes makes them too.
// Argument: the port; a free one by default. SIGTERM: it ends when it has answered what it was asked.
'use strict';
const http = require('http');

const made = new Map();
function bytes(length) {
    if (made.has(length)) return made.get(length);
    const content = Buffer.alloc(length);
    if (made.size < 100) made.set(length, content);
    for (let i = 0; i < length; i++) content[i] = (i * 31 + (i >> 8) * 7 + length) & 255;
    return content;
}

let wholeUploads = 0, brokenUploads = 0, expectations = 0, ending = false;

function pieces(response, content, size, end) {
    let at = 0;
    (function next() {
        if (at >= content.length) return end();
        response.write(content.subarray(at, at += size));
        setImmediate(next);
    })();
}

function answer(request, response) {
    const [, what, first, second] = request.url.split('?')[0].split('/');
    const content = /^\d+$/.test(first) ? bytes(Number(first)) : Buffer.alloc(0);
    response.setHeader('X-Target', request.url);
    if (ending) response.shouldKeepAlive = false;
    switch (what) {
        case 'bytes':
            response.setHeader('Content-Length', content.length);
            return response.end(content);
        case 'chunked':
            return pieces(response, content, Number(second), () => response.end());
        case 'pieces':
            response.setHeader('Content-Length', content.length);
            return pieces(response, content, Number(second), () => response.end());
        case 'after':
            return setTimeout(() => response.end(content), Number(second));
        case 'trailers':
            response.setHeader('Trailer', 'X-Count');
            return pieces(response, content, Number(second), () => {
                response.addTrailers({ 'X-Count': String(content.length) });
                response.end();
            });
        case 'echo':
            response.setHeader('X-Method', request.method);
            return request.pipe(response);
        case 'early':
            response.statusCode = 403;
            return response.end('no');
        case 'cut':
            response.setHeader('Content-Length', content.length);
            response.write(content.subarray(0, content.length >> 1));
            return setImmediate(() => response.destroy());
        case 'sink':
            request.on('end', () => { wholeUploads++; response.end('taken'); });
            request.on('close', () => { if (!request.complete) brokenUploads++; });
            return request.resume();
        case 'counts':
            return response.end(JSON.stringify({ wholeUploads, brokenUploads, expectations }));
        default:
            response.statusCode = 404;
            return response.end();
    }
}

const server = http.createServer({ keepAliveTimeout: 60000 }, answer);
server.on('checkContinue', (request, response) => {
    expectations++;
    response.writeContinue();
    answer(request, response);
});
// Another protocol: every byte comes back, those behind the head too, and the end behind the last.
server.on('upgrade', (request, socket, head) => {
    socket.on('error', () => socket.destroy());
    socket.write('HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: echo\r\n\r\nhello ');
    socket.write(head);
    socket.allowHalfOpen = true;
    socket.on('data', data => socket.write(data));
    socket.on('end', () => socket.end('.'));
});
process.on('SIGTERM', () => {
    ending = true;
    server.close(() => process.exit());
    setInterval(() => server.closeIdleConnections(), 10);
});
server.listen(Number(process.argv[2] || 0), '127.0.0.1', () => console.log(server.address().port));
