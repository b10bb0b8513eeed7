import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';

/** The HTTP front of our own subjects and of the floor: bare `node:http`, JSON in, an answer when `handle` is done. */
export function answering(handle: (body: string) => Promise<void> | void): Promise<string> {
  const headers = { 'content-type': 'application/json', 'content-length': '2' };
  const server = createServer((incoming, response) => {
    const chunks: Buffer[] = [];
    incoming.on('data', (chunk: Buffer) => chunks.push(chunk));
    incoming.on('end', async () => {
      try {
        await handle((chunks.length === 1 ? chunks[0]! : Buffer.concat(chunks)).toString());
        response.writeHead(200, headers).end('{}');
      } catch (error) {
        console.error(error);
        response.writeHead(500, headers).end('{}');
      }
    });
  });
  return new Promise((resolve) =>
    server.listen(0, '127.0.0.1', () => {
      // A TCP server's address is no pipe.
      const { port } = server.address() as AddressInfo;
      resolve(`http://127.0.0.1:${port}/`);
    }),
  );
}
