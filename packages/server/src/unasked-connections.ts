import type { Socket } from 'node:net';
import type { FastifyInstance } from 'fastify';

/**
 * Gives what ends the connections on which no whole request has come. A server that stops waits for all that are not idle, and from
 * then on nothing bounds them any more: whoever has begun a request and never ends it would keep the process from ending.
 */
export function unaskedConnections(app: FastifyInstance): () => void {
  const open = new Set<Socket>();
  const asked = new Set<Socket>();
  app.server.on('connection', (socket: Socket) => {
    open.add(socket);
    socket.once('close', () => {
      open.delete(socket);
      asked.delete(socket);
    });
  });
  // The body has been read, where there is one.
  app.addHook('preValidation', (request, reply, done) => {
    const { socket } = request.raw;
    asked.add(socket);
    reply.raw.once('close', () => asked.delete(socket));
    done();
  });
  return () => {
    for (const socket of open) if (!asked.has(socket)) socket.destroy();
  };
}
