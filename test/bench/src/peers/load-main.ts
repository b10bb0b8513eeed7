import { connect, type Socket } from 'node:net';

// The sender of load, in a process of its own: raw sockets, so that it takes as little as it can from the two cores it
// shares with what it measures. `node load-main.ts '<json of LoadOrder>'`; prints `measuring` when the warm-up is over,
// then one line of JSON.

/** What to send, and for how long. Each body holds an id of its own, always of the same length. */
export interface LoadOrder {
  readonly url: string;
  readonly inFlight: number;
  readonly warmUpMs: number;
  readonly measureMs: number;
  /** Bytes of filler in each body. */
  readonly fillerBytes: number;
  /** Told apart from other rounds on the same server. */
  readonly round: number;
}

export interface LoadResult {
  readonly answered: number;
  readonly failed: number;
  readonly tookMs: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
}

// Handed over by the parent, which wrote it.
const order = JSON.parse(process.argv[2]!) as LoadOrder;
const { hostname, port, pathname } = new URL(order.url);
const filler = 'x'.repeat(order.fillerBytes);
const ID_DIGITS = 9;
const body = `{"id":"r${order.round}-${'0'.repeat(ID_DIGITS)}","filler":"${filler}"}`;
const head = `POST ${pathname} HTTP/1.1\r\nhost: ${hostname}:${port}\r\ncontent-type: application/json\r\ncontent-length: ${Buffer.byteLength(body)}\r\n\r\n`;
const idAt = Buffer.byteLength(head) + body.indexOf('-') + 1;
/** What any socket reads goes here, and is taken from it before the next one reads. */
const incoming = Buffer.alloc(65_536);
let index = 0;
let isMeasuring = false;
let isOver = false;
let failed = 0;
let warm = 0;
const latencies: number[] = [];

/** One connection: sends, waits for the whole answer, sends again. */
function drive(): void {
  // Of this connection alone, and not touched before the answer to it has come.
  const request = Buffer.from(head + body);
  let begun = 0;
  let received = '';
  const socket: Socket = connect({
    port: Number(port),
    host: hostname,
    noDelay: true,
    // Without a stream in between, which would cost a buffer and three turns for each answer.
    onread: {
      buffer: incoming,
      callback: (bytes) => {
        const chunk = incoming.toString('latin1', 0, bytes);
        received = received === '' ? chunk : received + chunk;
        const length = answerLength(received);
        if (length === undefined || received.length < length) return true;
        warm++;
        if (isMeasuring) {
          latencies.push(performance.now() - begun);
          if (!received.startsWith('HTTP/1.1 2')) failed++;
        }
        received = '';
        if (isOver) socket.destroy();
        else send();
        return true;
      },
    },
  });
  const send = (): void => {
    begun = performance.now();
    request.write(String(index++).padStart(ID_DIGITS, '0'), idAt, 'latin1');
    socket.write(request);
  };
  socket.on('connect', send);
  socket.on('error', () => {
    if (isOver) return;
    failed++;
    drive();
  });
}

/** Length of a whole answer, or `undefined` while that cannot be told. */
function answerLength(text: string): number | undefined {
  const end = text.indexOf('\r\n\r\n');
  if (end < 0) return undefined;
  const length = /\r\ncontent-length: *(\d+)/i.exec(text.slice(0, end + 2))?.[1];
  if (length !== undefined) return end + 4 + Number(length);
  if (!/\r\ntransfer-encoding: *chunked/i.test(text.slice(0, end + 2))) return end + 4;
  const last = text.indexOf('\r\n0\r\n\r\n', end + 2);
  return last < 0 ? undefined : last + 7;
}

for (let i = 0; i < order.inFlight; i++) drive();
await new Promise((resolve) => setTimeout(resolve, order.warmUpMs));
// A system that is slow to begin is warm when each connection has had an answer, or is given up on.
for (let i = 0; i < 600 && warm < 2 * order.inFlight; i++)
  await new Promise((resolve) => setTimeout(resolve, 100));
isMeasuring = true;
const startedAt = performance.now();
console.log('measuring');
await new Promise((resolve) => setTimeout(resolve, order.measureMs));
isOver = true;
const tookMs = performance.now() - startedAt;
latencies.sort((a, b) => a - b);
const result: LoadResult = {
  answered: latencies.length,
  failed,
  tookMs,
  p50Ms: latencies[Math.floor(latencies.length * 0.5)] ?? Number.NaN,
  p99Ms: latencies[Math.floor(latencies.length * 0.99)] ?? Number.NaN,
};
console.log(JSON.stringify(result));
process.exit(0);
