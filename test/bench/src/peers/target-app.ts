import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';

// The other system for real HTTP effects: takes any POST, answers 1 KiB.
const body = JSON.stringify({ id: 'i', filler: 'x'.repeat(1_000) });
const headers = { 'content-type': 'application/json', 'content-length': Buffer.byteLength(body) };
const server = createServer((incoming, response) => {
  incoming.resume().on('end', () => response.writeHead(200, headers).end(body));
});
server.keepAliveTimeout = 60_000;
server.listen(0, '127.0.0.1', () => {
  // A TCP server's address is no pipe.
  console.log(`ready http://127.0.0.1:${(server.address() as AddressInfo).port}`);
});
