import { spawn } from 'node:child_process';
import path from 'node:path';
import { text } from 'node:stream/consumers';
import { describe, expect, it } from 'vitest';

const MAIN = path.resolve(import.meta.dirname, '../main.ts');

describe('tenon language-server', () => {
  it('starts as editors start it, and leaves when they say so', async () => {
    const child = spawn(process.execPath, ['--conditions=source', MAIN, 'language-server', '--stdio'], {
      stdio: ['pipe', 'pipe', 'pipe'],
    });
    const ended = new Promise<number | null>((resolve) => child.once('exit', resolve));
    const [said, errors] = [text(child.stdout), text(child.stderr)];
    child.stdin.write(
      message({ id: 1, method: 'initialize', params: { processId: null, capabilities: {} } }),
    );
    child.stdin.write(message({ id: 2, method: 'shutdown' }));
    child.stdin.write(message({ method: 'exit' }));
    expect({ code: await ended, errors: await errors }).toEqual({ code: 0, errors: '' });
    expect(await said).toContain('"capabilities"');
  });
});

/** A message of the protocol: JSON-RPC after a header with its length in bytes. */
function message(body: object): string {
  const json = JSON.stringify({ jsonrpc: '2.0', ...body });
  return `Content-Length: ${Buffer.byteLength(json)}\r\n\r\n${json}`;
}
