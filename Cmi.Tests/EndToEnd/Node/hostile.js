// Many connections of clients that mean ill: slow heads, slow contents, replies that are never read, and clients that vanish in the middle. Those that the
// gateway closes come back. A process of its own, so that the one that measures is not slowed by it, and with the least priority.
// Arguments: port, connections, actions a second. It says "open" when all are there, and acts until its input ends; then it says what it did, as JSON.
'use strict';
const net = require('net');
const [port, count, rate] = process.argv.slice(2).map(Number);

const sockets = new Array(count);
const counts = { opened: 0, vanished: 0, failed: 0, answered: 0 };

const kinds = {
    slowHead: { opening: () => 'GET /bytes/10 HTTP/1.1\r\nHost: a\r\nX-Slow: ', acts: socket => socket.write('a') },
    slowContent: { opening: () => 'POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 100000\r\n\r\n', acts: socket => socket.write('a') },
    vanishing: {
        opening: i => i % 2 === 0 ? 'GET /bytes/1000 HTTP/1.1\r\nHo' : 'GET /slow/1 HTTP/1.1\r\nHost: a\r\n\r\n',
        acts: (socket, i) => {
            if (Math.random() > 1 / 8) return;
            counts.vanished++;
            open(i);
        },
    },
    neverReading: { opening: () => 'GET /bytes/200000 HTTP/1.1\r\nHost: a\r\n\r\n', acts: () => {} },
};

function kindOf(i) {
    return i % 20 === 0 ? kinds.neverReading : [kinds.slowHead, kinds.slowContent, kinds.vanishing][i % 3];
}

function open(i) {
    if (sockets[i]) sockets[i].resetAndDestroy();
    const kind = kindOf(i);
    const socket = sockets[i] = net.connect({ port, host: '127.0.0.1', noDelay: true });
    socket.on('connect', () => {
        counts.opened++;
        socket.write(kind.opening(i));
        if (kind === kinds.neverReading) socket.pause();
        else socket.on('data', () => counts.answered++);
    });
    socket.on('error', () => counts.failed++);
    socket.on('close', () => {
        if (sockets[i] === socket) sockets[i] = undefined;
    });
}

let next = 0;
function act(actions) {
    for (; actions > 0; actions--) {
        next = (next + 1) % count;
        const socket = sockets[next];
        if (!socket) open(next);
        else if (socket.readyState === 'open') kindOf(next).acts(socket, next);
    }
}

// A few at a time: so many clients that know nothing of each other would not act in step either, and the backlog holds those that connect.
const periodMilliseconds = 2;
let opening = 0;
const timer = setInterval(() => {
    if (opening < count) {
        for (let i = 0; i < 40 && opening < count; i++) open(opening++);
        if (opening === count) console.log('open');
    } else {
        act(rate * periodMilliseconds / 1000);
    }
}, periodMilliseconds);

process.stdin.resume();
process.stdin.on('end', () => {
    clearInterval(timer);
    console.log(JSON.stringify(counts));
    process.exit();
});
