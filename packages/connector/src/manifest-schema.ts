import { failureClasses } from '@tenon/model';
import type { SchemaObject } from '@tenon/schema';

/** A host name or address, with an optional port; no scheme, path, user or wildcard. */
const HOST = '^(?:\\[[0-9a-fA-F:.]+\\]|[A-Za-z0-9](?:[A-Za-z0-9.-]*[A-Za-z0-9])?)(?::[0-9]{1,5})?$';

const POINTER = 'a JSON Pointer such as /data/next';
const STABLE: SchemaObject = {
  type: 'boolean',
  description:
    'Whether an item that is removed while pages are read leaves the others on the pages that they would have been on. Default: true for `cursor` and `after`, false for pages that are counted. Where it is false, a probe walks through the pages until two walks agree before it takes anything for absent.',
};

const ITEM_ID: SchemaObject = text(
  'What tells an item from all others, a JSON Pointer into it: an item that comes twice while pages are read is then taken once, whatever has changed of it.',
  '^/',
  POINTER,
);

/**
 * JSON Schema of `connector.yaml`: what editors complete from and what `loadManifest` checks. `x-tenon-kind` names a
 * check that a pattern cannot say well: `duration`, `expression`, `host`, `secretFree`.
 */
export const connectorSchema: SchemaObject = {
  $schema: 'https://json-schema.org/draft/2020-12/schema',
  $id: 'https://tenon.dev/schema/v1/connector.schema.json',
  title: 'Tenon connector',
  description: 'What a connector can do, with which rights, and what its answers mean.',
  ...closed(
    {
      apiVersion: { const: 'tenon/v1' },
      kind: { const: 'Connector' },
      metadata: closed(
        {
          name: name('Name in the workspace; steps call `name.operation`.'),
          version: text(
            'Semantic version of the connector.',
            '^\\d+\\.\\d+\\.\\d+(-[0-9A-Za-z.-]+)?$',
            'three numbers such as 1.0.0',
          ),
          owner: text('Team that answers for the connector.'),
        },
        ['name', 'version', 'owner'],
      ),
      contract: name('Folder under `contracts/` that it speaks.'),
      transport: name('`http` (default), or a transport that the connector’s own code provides.'),
      auth: {
        type: 'array',
        description: 'Ways to prove who calls; the connection holds the credentials.',
        items: { $ref: '#/$defs/auth' },
      },
      identities: map(
        { type: 'array', items: text('A scope.') },
        'Identity → scopes it is granted. Keep readers and writers apart.',
      ),
      egress: {
        type: 'array',
        description: 'Hosts it may talk to besides the connection’s own base URL.',
        items: { type: 'string', pattern: HOST, 'x-tenon-kind': 'host' },
      },
      defaults: closed(
        {
          timeout: duration('Total time for one attempt. Default 10s.'),
          rateLimit: closed(
            {
              quota: count('Calls allowed in a window.'),
              window: duration('Length of the window.'),
              key: text('What the quota is counted by: `connection` (default), `account` …'),
              headers: { type: 'array', items: { enum: ['RateLimit', 'X-RateLimit', 'Retry-After'] } },
            },
            ['quota', 'window'],
          ),
          breaker: closed(
            {
              failureRate: {
                type: 'number',
                exclusiveMinimum: 0,
                maximum: 1,
                description: 'Share of failed calls that opens it.',
              },
              window: duration('Time over which the share is taken.'),
              minimum: count('Calls in the window before it may open.'),
              openFor: duration('How long it stays open.'),
              probes: count('Calls let through to see whether to close.'),
            },
            ['failureRate', 'window'],
          ),
          retryBudget: closed(
            {
              share: {
                type: 'number',
                exclusiveMinimum: 0,
                maximum: 1,
                description: 'Retries of all runs together, as a share of the calls in a window.',
              },
              window: duration('Length of the window. Default 10s.'),
              minimum: count('Retries in a window that are always allowed. Default 10.'),
            },
            ['share'],
          ),
          inFlight: count('Calls in flight at most. Default 64.'),
          failures: { $ref: '#/$defs/failures' },
        },
        [],
      ),
      operations: map(
        { $ref: '#/$defs/operation' },
        'Operations of the contract in use; others cannot be called.',
        1,
      ),
      webhooks: map({ $ref: '#/$defs/webhook' }, 'Events of the contract that arrive as webhooks.'),
      sources: map(
        { $ref: '#/$defs/source' },
        'Events of the contract that a broker hands over, or that are fetched.',
      ),
      publications: map(
        { $ref: '#/$defs/publication' },
        'Events of the contract that are sent over each connection when a pipeline emits them.',
      ),
      health: {
        description: 'The read that tells whether the system is there; `false` where it has none.',
        oneOf: [
          closed(
            {
              operation: text('A read without effect.'),
              with: map({}, 'Its input, where it needs one: values that are good at any time.'),
            },
            ['operation'],
          ),
          { const: false },
        ],
      },
      sandbox: {
        description: 'Where the vendor lets it be tried; `false` where there is no such place.',
        oneOf: [
          closed(
            {
              server: text(
                'Base URL of the vendor’s sandbox.',
                '^https?://',
                'a URL such as https://sandbox.billing.example',
              ),
              synthetic: { type: 'boolean', description: 'Its data is made up: tests may write there.' },
            },
            ['server'],
          ),
          { const: false },
        ],
      },
    },
    ['apiVersion', 'kind', 'metadata', 'contract'],
  ),
  $defs: {
    auth: {
      oneOf: [
        closed(
          {
            id: name('Credentials are given under this id.'),
            type: { const: 'apiKey' },
            in: { enum: ['header', 'query', 'cookie'] },
            name: text('Name of the header, query parameter or cookie.'),
            prefix: text('Put before the key, with its space: `"Token "`.'),
          },
          ['id', 'type', 'in', 'name'],
        ),
        closed({ id: name('Credentials are given under this id.'), type: { const: 'bearer' } }, [
          'id',
          'type',
        ]),
        closed({ id: name('Credentials are given under this id.'), type: { const: 'basic' } }, [
          'id',
          'type',
        ]),
        closed(
          {
            id: name('Credentials are given under this id.'),
            type: { const: 'oauth2' },
            flow: { enum: ['clientCredentials', 'refreshToken', 'jwtBearer', 'tokenExchange'] },
            rotation: {
              enum: ['singleUse', 'reusable'],
              description: 'Of refresh tokens. Default `singleUse`.',
            },
            tokenUrl: text('Relative to the base URL, or absolute with its host in `egress`.'),
            clientAuth: {
              enum: ['basic', 'body', 'privateKeyJwt', 'mtls', 'none'],
              description:
                'How the client says who it is. Default `basic`; `none` for `jwtBearer`; `mtls` by the certificate of an `mtls` scheme.',
            },
            algorithm: {
              enum: ['RS256', 'PS256', 'ES256', 'EdDSA'],
              description: 'Of assertions. Default RS256.',
            },
            audience: text('Of assertions, default the token URL; in an exchange, whom the token is for.'),
            resource: text('In an exchange: URI of what the token is for.'),
            subjectTokenType: text(
              'In an exchange: what is given. Default `urn:ietf:params:oauth:token-type:jwt`.',
              '^[a-z][a-z0-9+.-]*:',
            ),
            actorTokenType: text(
              'In an exchange: what `actorToken` is. Default `urn:ietf:params:oauth:token-type:jwt`.',
              '^[a-z][a-z0-9+.-]*:',
            ),
            requestedTokenType: text('In an exchange: what is asked for.', '^[a-z][a-z0-9+.-]*:'),
            maxTtl: duration('A token is not used longer than this, whatever the server says.'),
          },
          ['id', 'type', 'flow', 'tokenUrl'],
        ),
        closed({ id: name('Credentials are given under this id.'), type: { const: 'mtls' } }, ['id', 'type']),
        closed(
          {
            id: name('Credentials are given under this id.'),
            type: { const: 'awsSigV4' },
            service: text('Name of the service in signatures, such as `s3` or `execute-api`.'),
            region: text('Default: `region` of the connection’s credentials.'),
          },
          ['id', 'type', 'service'],
        ),
        closed(
          {
            id: name('Credentials are given under this id.'),
            type: { const: 'hmac' },
            algorithm: { enum: ['sha256', 'sha384', 'sha512'], description: 'Default sha256.' },
            encoding: {
              enum: ['hex', 'base64', 'base64url'],
              description: 'Of `signature` and `bodyDigest`. Default hex.',
            },
            secretEncoding: {
              enum: ['utf8', 'hex', 'base64'],
              description: 'How the secret’s text holds the key. Default utf8: it is the key.',
            },
            timestamp: {
              enum: ['unixSeconds', 'unixMilliseconds', 'rfc3339', 'httpDate'],
              description: 'Form of `timestamp`. Default unixSeconds.',
            },
            sign: text(
              'The text that is signed: `${ }` over method, url, host, path, query, headers, body, bodyDigest, timestamp, nonce and keyId.',
            ),
            headers: map(
              text('A template as `sign` is, which knows `signature` too.'),
              'Headers put on the request.',
              1,
            ),
          },
          ['id', 'type', 'sign', 'headers'],
        ),
      ],
    },
    failures: {
      type: 'array',
      description: 'What an answer means. First match wins.',
      items: closed(
        {
          status: {
            description: '`429`, `5xx`, `default`.',
            anyOf: [
              { type: 'integer', minimum: 100, maximum: 599 },
              { type: 'string', pattern: '^([1-5][0-9]{2}|[1-5][xX]{2}|default)$' },
            ],
          },
          when: {
            type: 'string',
            'x-tenon-kind': 'expression',
            description: 'CEL-JSON over `status`, `headers` and `body`, in `${ }`.',
          },
          class: { enum: Object.keys(failureClasses) },
          says: text(
            'What it means, for whoever finds the failure: `bad_parcel: the carrier does not take it`. A fixed text, without `${ }`: an answer may hold somebody’s data.',
            '^(?![\\s\\S]*\\$\\{)[^\\u0000-\\u001f\\u007f]{1,200}$',
          ),
          refusal: text(
            'A name for it, by which a step may take it as a value (`refusals`): an ordinary answer that says no, and that nothing was done.',
            '^[a-z][A-Za-z0-9]{0,63}$',
          ),
          action: {
            enum: ['refreshOnce'],
            description: 'Refresh the credential and send once more; for class `auth` only.',
          },
        },
        ['status', 'class'],
      ),
    },
    operation: closed(
      {
        effect: {
          enum: ['read', 'create', 'update', 'delete', 'send'],
          description: 'What it changes in the other system.',
        },
        scopes: { type: 'array', items: text('A scope.'), description: 'Scopes it needs.' },
        idempotency: { $ref: '#/$defs/idempotency' },
        probe: closed(
          {
            operation: text('A read that settles whether the effect happened.'),
            by: text(
              'Short form: field of the request body and of the listed items, and query parameter, that all hold the same id.',
            ),
            with: map({}, 'Its input; expressions over `request` and `key`.'),
            found: {
              type: 'string',
              'x-tenon-kind': 'expression',
              description: 'The effect, or null: proof that there is none.',
            },
            state: {
              type: 'string',
              'x-tenon-kind': 'expression',
              description:
                'In place of `found`: the object as it is now. The effect is there when each member that the body of the call asks for is so; `checkFirst` then writes only what differs.',
            },
            settle: duration('Wait before believing in absence. Default 1s.'),
          },
          ['operation'],
        ),
        compensation: closed(
          { operation: text('The effect that undoes this one.'), within: duration('How long it can.') },
          ['operation'],
        ),
        pagination: { $ref: '#/$defs/pagination' },
        concurrency: {
          description:
            '`etag`, or `{ field: /version }`: a write carries the version that it is based on and is refused when that is no longer current. Declared for the write, and for the read that gives the version.',
          anyOf: [
            { const: 'etag', description: 'The read answers with an ETag, the write sends it as If-Match.' },
            closed(
              {
                field: text(
                  'JSON Pointer of the version, in the answer of the read and in the body of the write.',
                  '^/',
                  POINTER,
                ),
              },
              ['field'],
            ),
          ],
        },
        message: { $ref: '#/$defs/message' },
        timeout: duration('Total time for one attempt.'),
        stream: closed(
          {
            max: text(
              'Bytes of one body that is streamed, either way: `512MiB`. Default 64MiB.',
              '^[0-9]{1,6}(B|KiB|MiB|GiB)$',
              'a size such as 512MiB',
            ),
            stall: duration('Time without a byte while the other side is waited for. Default 30s.'),
          },
          [],
        ),
        failures: { $ref: '#/$defs/failures' },
      },
      ['effect'],
    ),
    idempotency: {
      oneOf: [
        closed(
          {
            mode: { const: 'header' },
            name: text(
              'Header that carries the key.',
              '^[A-Za-z0-9-]+$',
              'the name of a header such as Idempotency-Key',
            ),
            retention: duration('How long the target remembers keys.'),
          },
          ['mode', 'name'],
        ),
        ...['natural', 'upsert', 'checkFirst', 'none'].map((mode) =>
          closed({ mode: { const: mode } }, ['mode']),
        ),
      ],
    },
    pagination: {
      oneOf: [
        closed(
          {
            type: { const: 'cursor' },
            in: inInput('Takes the position of a page.'),
            out: pointer('Next cursor.'),
            items: pointer('List.'),
            more: pointer('Whether there is more, where the last page has a cursor too.'),
            id: ITEM_ID,
            stable: STABLE,
          },
          ['type', 'in', 'out'],
        ),
        closed(
          {
            type: { const: 'after' },
            in: inInput('Takes the id of the last item read.'),
            id: ITEM_ID,
            items: pointer('List.'),
            more: pointer('Whether there is more.'),
            stable: STABLE,
          },
          ['type', 'in', 'id'],
        ),
        closed(
          {
            type: { const: 'page' },
            in: inInput('Takes the position of a page.'),
            items: pointer('List.'),
            start: { type: 'integer', minimum: 0 },
            id: ITEM_ID,
            stable: STABLE,
          },
          ['type', 'in'],
        ),
        closed(
          {
            type: { const: 'offset' },
            in: inInput('Takes the position of a page.'),
            items: pointer('List.'),
            limit: inInput('How many items a page has.'),
            id: ITEM_ID,
            stable: STABLE,
          },
          ['type', 'in', 'limit'],
        ),
        closed({ type: { const: 'link' }, items: pointer('List.'), id: ITEM_ID, stable: STABLE }, ['type']),
      ],
    },
    message: closed(
      {
        orderBy: pointer('Messages with the same value there keep their order, where the broker can.'),
        envelope: closed(
          {
            mode: {
              enum: ['binary', 'structured'],
              description: 'Attributes in headers (default), or one JSON object.',
            },
            type: text('`type` of the CloudEvent.'),
            source: text('`source` of the CloudEvent: a URI reference of who sends it.'),
            prefix: {
              enum: ['ce-', 'ce_'],
              description: 'Of the headers; Kafka writes `ce_`. Default `ce-`.',
            },
          },
          ['type', 'source'],
        ),
      },
      [],
    ),
    source: closed(
      {
        from: text('Queue, subject, stream, topic or table. Default: the address of the event’s channel.'),
        group: text(
          'Name under which the broker remembers how far we have come. Default `tenon`.',
          '^[A-Za-z0-9_-]+$',
        ),
        prefetch: count('Messages out to us and not yet settled, at most. Default 100.'),
        create: {
          type: 'boolean',
          description: 'Make the place where there is none. Default false: the broker’s owner makes it.',
        },
        invalid: {
          enum: ['quarantine', 'reject'],
          description:
            'A message that the contract does not know: held here with an owner (default), or left to the broker’s dead letters.',
        },
        id: text(
          'Where the delivery’s own id stands: `message` (default: the broker’s), `header:<name>` or a JSON Pointer.',
          '^(message|header:[A-Za-z0-9_-]+|/.*)$',
          '`message`, a header such as header:id, or a JSON Pointer such as /id',
        ),
        orderBy: pointer('Events with the same value there are stored in the order in which they came.'),
        type: closed(
          {
            at: text(
              '`header:<name>`, `cloudevent:type` or a JSON Pointer.',
              '^(header:[A-Za-z0-9_-]+|cloudevent:type|/.*)$',
              'a header such as header:type, `cloudevent:type`, or a JSON Pointer such as /type',
            ),
            is: text('The value there that means this event.'),
          },
          ['at', 'is'],
        ),
        every: duration('How often a source that has to ask does so. Default 1s; of polls 5m.'),
        poll: closed(
          {
            operation: text('A read of this manifest that lists; its pagination is followed.'),
            with: map({}, 'Its input, besides the cursor.'),
            key: pointer('Id of an item.'),
            cursor: closed(
              {
                in: inInput('Takes it.'),
                from: pointer('In an item, what the listing goes by: a time or a number that only grows.'),
                initial: text('Of the very first listing. Default: none is sent.'),
                overlap: duration('Asked for again each time, for items that show up late. Default 0s.'),
              },
              ['in', 'from'],
            ),
          },
          ['operation', 'key', 'cursor'],
        ),
        schedule: closed(
          {
            cron: text(
              'Five fields (minute hour day month weekday), or six with seconds first.',
              '^\\S+( +\\S+){4,5}$',
              'five or six fields such as 0 3 * * *',
            ),
            zone: text('IANA name of the time zone: `Europe/Berlin`.'),
            missed: {
              enum: ['skip', 'once', 'all'],
              description: 'What was due while nobody was there: left out, the last one (default), or each.',
            },
            jitter: duration('By how much each is put off, by chance. Default 0s.'),
          },
          ['cron', 'zone'],
        ),
      },
      [],
    ),
    publication: closed(
      {
        to: text('Queue, subject, stream or topic. Default: the address of the event’s channel.'),
        idempotency: { $ref: '#/$defs/idempotency' },
        scopes: { type: 'array', items: text('A scope.'), description: 'Scopes it needs.' },
        message: { $ref: '#/$defs/message' },
      },
      ['idempotency'],
    ),
    webhook: closed(
      {
        verify: {
          // The names are what editors complete; the pattern lets a connector's own scheme in.
          anyOf: [
            { enum: ['standard-webhooks', 'stripe', 'github', 'slack'] },
            { type: 'string', pattern: '^own-[a-z0-9-]+$' },
          ],
          description:
            'Signature scheme: one of those known here, or `own-…`, which the connector’s own code provides.',
        },
        tolerance: duration('Oldest and newest timestamp taken. Default 5m.'),
        id: text('Header (lower case) or JSON Pointer of the delivery id.'),
        order: pointer('Value that orders events of one entity.'),
        type: text('Where the event’s type stands, when one URL receives several: JSON Pointer or header.'),
        envelope: {
          enum: ['cloudevents'],
          description: 'Deliveries are CloudEvents, in either mode: the event is their data.',
        },
      },
      ['verify'],
    ),
  },
};

function closed(properties: Record<string, SchemaObject>, required: readonly string[]): SchemaObject {
  return { type: 'object', properties, required, additionalProperties: false };
}

function map(values: SchemaObject, description: string, minProperties?: number): SchemaObject {
  return {
    type: 'object',
    description,
    additionalProperties: values,
    ...(minProperties !== undefined && { minProperties }),
  };
}

/** A place in the request: a parameter, or a member of its body. */
function inInput(description: string): SchemaObject {
  return text(
    `${description} The name of a parameter, or a JSON Pointer into the request: \`/body/after\`.`,
    '^([^/]|/body/.)',
    'the name of a parameter, or a JSON Pointer into the body such as /body/after',
  );
}

/** `says`: what the pattern wants, with an example, as it stands in an error. */
function text(description: string, pattern?: string, says?: string): SchemaObject {
  return {
    type: 'string',
    minLength: 1,
    description,
    ...(pattern !== undefined && { pattern }),
    ...(says !== undefined && { patternErrorMessage: says }),
  };
}

function name(description: string): SchemaObject {
  return text(
    description,
    '^[A-Za-z][A-Za-z0-9_-]*$',
    'a name of letters, digits, "_" and "-" that begins with a letter',
  );
}

function pointer(description: string): SchemaObject {
  return text(`${description} A JSON Pointer into the body.`, '^/', POINTER);
}

function count(description: string): SchemaObject {
  return { type: 'integer', minimum: 1, description };
}

function duration(description: string): SchemaObject {
  return { type: 'string', pattern: '^([0-9]+(ms|s|m|h|d))+$', description, 'x-tenon-kind': 'duration' };
}
