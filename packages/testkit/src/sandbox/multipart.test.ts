import { httpTransport, loadManifest, type OperationPlan } from '@tenon/connector';
import { type Contract, loadContractText } from '@tenon/contract';
import { type JsonObject, Secret, seededRandom, systemClock, systemRandom } from '@tenon/model';
import { planOperation } from '@tenon/pipeline';
import { compileValidator } from '@tenon/schema';
import fc from 'fast-check';
import { describe, expect, onTestFinished, test } from 'vitest';
import { readParts } from './multipart.ts';
import { sampleRequest } from './sample-request.ts';
import { startSandbox } from './sandbox.ts';

const CONTRACT = `openapi: 3.1.0
info: { title: Vault, version: 1.0.0 }
paths:
  /documents:
    post:
      operationId: createDocument
      requestBody:
        required: true
        content:
          multipart/form-data:
            schema: { $ref: '#/components/schemas/Upload' }
            encoding:
              file: { contentType: 'application/pdf, image/*', headers: { X-Scanner: { required: true, schema: { type: integer } } } }
              scans: { contentType: image/png }
              meta: { contentType: application/json }
              tags: { style: form, explode: false }
              note: { headers: { X-Language: { required: true, schema: { enum: [en, de] } } } }
      responses:
        '201': { description: made, content: { application/json: { schema: { $ref: '#/components/schemas/Document' } } } }
  /documents/{documentId}:
    get:
      operationId: getDocument
      parameters: [{ name: documentId, in: path, required: true, schema: { type: string } }]
      responses:
        '200': { description: one, content: { application/json: { schema: { $ref: '#/components/schemas/Document' } } } }
components:
  schemas:
    Upload:
      allOf:
        - type: object
          required: [file]
          properties:
            file: { type: string, format: binary, maxLength: 6 }
            scans: { type: array, items: {} }
            meta: { type: object, properties: { pages: { type: integer } } }
        - type: object
          properties:
            tags: { type: array, items: { type: string } }
            count: { type: integer }
            note: { type: string, minLength: 1 }
    Document:
      type: object
      required: [id]
      properties:
        id: { type: string }
        file: { type: string }
        scans: { type: array, items: { type: string } }
        meta: { type: object, properties: { pages: { type: integer } } }
        tags: { type: array, items: { type: string } }
        count: { type: integer }
        note: { type: string }
`;
const MANIFEST = `apiVersion: tenon/v1
kind: Connector
metadata: { name: vault, version: 1.0.0, owner: team }
contract: vault
operations:
  createDocument: { effect: create, idempotency: { mode: none } }
`;

async function vault(text = CONTRACT): Promise<{ contract: Contract; plan: OperationPlan }> {
  const { value: contract, diagnostics } = await loadContractText('vault', 'vault.openapi.yaml', text);
  expect(diagnostics.filter(({ severity }) => severity === 'error')).toEqual([]);
  const { manifest } = loadManifest('connector.yaml', MANIFEST).value!;
  return { contract: contract!, plan: planOperation(contract!, manifest, 'createDocument')! };
}

async function opened(text?: string) {
  const { contract, plan } = await vault(text);
  const sandbox = await startSandbox({ contract });
  const transport = httpTransport({
    connection: {
      name: 'vault',
      connector: 'vault',
      baseUrl: sandbox.url,
      credentials: {},
      webhookSecrets: [],
    },
    secrets: { resolve: async (reference) => new Secret(reference, '') },
    clock: systemClock,
    random: systemRandom,
  });
  onTestFinished(async () => {
    await transport.close();
    await sandbox.close();
  });
  return { sandbox, plan, call: (body: JsonObject) => transport.call({ operation: plan, input: { body } }) };
}

const file = {
  content: 'AP8B',
  filename: 'a.pdf',
  contentType: 'application/pdf',
  headers: { 'X-Scanner': 7 },
};

describe('a multipart body', () => {
  test('goes from an input through the transport into the sandbox as the contract says', async () => {
    const { call, sandbox } = await opened();
    const result = await call({
      file,
      scans: [{ content: 'AAAA', filename: 'one' }, 'AQEB'],
      meta: { pages: 3 },
      tags: ['x', 'y'],
      count: 0,
      note: { content: 'hello', headers: { 'X-Language': 'en' } },
    });
    expect(result).toMatchObject({ ok: true, status: 201 });
    expect(sandbox.state()['documents']).toMatchObject([
      {
        file: 'AP8B',
        scans: ['AAAA', 'AQEB'],
        meta: { pages: 3 },
        tags: ['x', 'y'],
        count: 0,
        note: 'hello',
      },
    ]);
  });

  test('is held against the contract before it is sent', async () => {
    const { call, sandbox } = await opened();
    const wrong: [JsonObject, string][] = [
      [{ file: { ...file, content: 'no base64!' } }, '/body/file/content'],
      // Seven bytes; the contract takes six.
      [{ file: { ...file, content: 'AAAAAAAAAA==' } }, '/body/file/content'],
      [{ file: { content: 'AP8B', filename: 'a' } }, '/body/file/headers'],
      [{ file: { ...file, headers: { 'X-Scanner': 'x' } } }, '/body/file/headers/X-Scanner'],
      [{ file: { ...file, contentType: 'text/html' } }, '/body/file/contentType'],
      [{ file, note: 'without its header' }, '/body/note'],
      [{ file, note: { content: 'x', headers: { 'X-Language': 'fr' } } }, '/body/note/headers/X-Language'],
    ];
    for (const [body, pointer] of wrong)
      expect(await call(body)).toMatchObject({
        failure: { class: 'validation', delivery: 'notSent', pointer },
      });
    expect(sandbox.effects()).toEqual([]);
  });

  test('that is not as its encoding says is refused by the sandbox, part by part', async () => {
    const { sandbox } = await opened();
    const send = async (change: (form: Map<string, string>) => void): Promise<string> => {
      const parts = new Map([
        ['file', 'filename="a"\r\nContent-Type: application/pdf\r\nX-Scanner: 7\r\n\r\nabc'],
        ['note', '\r\nX-Language: en\r\n\r\nhello'],
      ]);
      change(parts);
      const text = [...parts]
        .map(
          ([name, rest]) =>
            `--b\r\nContent-Disposition: form-data; name="${name}"${rest.startsWith('\r\n') ? '' : '; '}${rest}\r\n`,
        )
        .join('');
      const response = await fetch(`${sandbox.url}/documents`, {
        method: 'POST',
        headers: { 'content-type': 'multipart/form-data; boundary=b' },
        body: `${text}--b--\r\n`,
      });
      return `${response.status} ${await response.text()}`;
    };
    expect(await send(() => {})).toMatch(/^201 /);
    expect(
      await send((parts) =>
        parts.set('file', 'filename="a"\r\nContent-Type: text/html\r\nX-Scanner: 7\r\n\r\nabc'),
      ),
    ).toMatch(/^4.*application\/pdf or image/);
    expect(
      await send((parts) => parts.set('file', 'filename="a"\r\nContent-Type: image/gif\r\n\r\nabc')),
    ).toMatch(/^4.*X-Scanner/);
    expect(
      await send((parts) =>
        parts.set('file', 'filename="a"\r\nContent-Type: image/gif\r\nX-Scanner: 7\r\n\r\nabcdefg'),
      ),
    ).toMatch(/^4.*\/body\/file/);
    expect(await send((parts) => parts.set('note', '\r\nX-Language: fr\r\n\r\nhello'))).toMatch(
      /^4.*X-Language/,
    );
    expect(await send((parts) => parts.delete('file'))).toMatch(/^4.*file/);
    const broken = await fetch(`${sandbox.url}/documents`, {
      method: 'POST',
      headers: { 'content-type': 'multipart/form-data; boundary=b' },
      body: '--b\r\nContent-Disposition: form-data; name="file"\r\n\r\nno end',
    });
    expect(broken.status).toBe(400);
  });

  test('in OpenAPI 3.0 has no styles', async () => {
    const { contract } = await vault(
      CONTRACT.replace('3.1.0', '3.0.3').replace('items: {}', 'items: { type: string, format: binary }'),
    );
    const plan = planOperation(
      contract,
      loadManifest('connector.yaml', MANIFEST).value!.manifest,
      'createDocument',
    );
    expect(plan?.http?.parts?.['tags']).toEqual({});
    expect(plan?.http?.parts?.['scans']).toEqual({ bytes: true, types: ['image/png'] });
  });

  test('that is made up from the contract is one that the sandbox and the input take', async () => {
    const { sandbox, plan } = await opened();
    const { contract } = await vault();
    const operation = contract.operations.get('createDocument')!;
    if (operation.kind !== 'http') throw new Error('it is one over HTTP');
    for (let seed = 0; seed < 20; seed++) {
      const sampled = sampleRequest(contract, operation, { random: seededRandom(seed), optional: 0.7 })!;
      const response = await fetch(sandbox.url + sampled.path, {
        method: 'POST',
        headers: sampled.headers,
        body: sampled.body!,
      });
      expect(`${response.status} ${await response.text()}`).toMatch(/^201 /);
    }
    expect(compileValidator(plan.input)({ body: { file } })).toEqual([]);
  });

  test('is read as the platform’s own parser reads it', async () => {
    const word = fc.string({ unit: 'grapheme', minLength: 1 });
    await fc.assert(
      fc.asyncProperty(fc.array(fc.tuple(word, word, fc.option(word))), async (given) => {
        const form = new FormData();
        for (const [name, text, filename] of given)
          if (filename === null) form.append(name, text);
          else form.append(name, new Blob([text]), filename);
        const response = new Response(form);
        const type = response.headers.get('content-type')!;
        const bytes = Buffer.from(await response.arrayBuffer());
        const theirs = await new Response(bytes, { headers: { 'content-type': type } }).formData();
        const ours = readParts(bytes, type);
        expect(ours.map(({ name }) => name)).toEqual([...theirs.keys()]);
        for (const [index, value] of [...theirs.values()].entries()) {
          const isFile = typeof value !== 'string';
          expect(ours[index]!.content.toString()).toBe(isFile ? await value.text() : value);
          expect(ours[index]!.filename).toBe(isFile ? value.name : undefined);
        }
      }),
    );
  });
});
