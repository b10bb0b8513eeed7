import type { contractRules } from './rules.ts';

export interface ContractCase {
  /** By name, relative to the workspace; the entry is `openapi.yaml` or `asyncapi.yaml`, with `overlay.yaml` and `contract.yaml` beside it. */
  readonly files: Readonly<Record<string, string>>;
  /** `file:line:column` of the finding, or `-` for one without a place; where it fires. */
  readonly at?: string;
  /** Operations that a connector names. */
  readonly named?: readonly string[];
}

/** An OpenAPI document around some paths and components. */
function openapi(rest: string, version = '3.1.0'): Record<string, string> {
  return { 'openapi.yaml': `openapi: ${version}\ninfo: { title: Case, version: '1' }\n${rest}\n` };
}

const NO_PATHS = 'paths: {}\n';

/** A document with one component schema, which begins at line 7, column 7. */
function schema(text: string, version?: string): Record<string, string> {
  const indented = text.replaceAll('\n', '\n      ');
  return openapi(
    `${NO_PATHS}components:\n  schemas:\n    Case:\n      ${indented}`.replace(
      'paths: {}\n\n',
      'paths: {}\n',
    ),
    version,
  );
}

/** A document with one operation `get /users/{id}`; `text` stands in it from line 6, column 7. */
function operation(
  text: string,
  parameters = '[{ name: id, in: path, required: true, schema: { type: string } }]',
): Record<string, string> {
  const indented = text.replaceAll('\n', '\n      ');
  return openapi(`paths:\n  /users/{id}:\n    get:\n      ${indented}\n      parameters: ${parameters}`);
}

const OK = "responses: { '200': { description: fine } }";
const GOOD = operation(`operationId: getUser\n${OK}`);
/** A success with these media types. */
const answer = (content: string) =>
  operation(`responses:\n  '200':\n    description: fine\n    content: { ${content} }`);
const STRING = 'components: { schemas: { Text: { type: string } } }';

function withPolicy(files: Record<string, string>, policy: string): Record<string, string> {
  return { ...files, 'contract.yaml': `steward: us\n${policy}` };
}

const FROM_ELSEWHERE = "provenance: { source: 'https://x.example', version: '1', fetched: '2026-11-01' }\n";

function withOverlay(action: string): Record<string, string> {
  return {
    ...GOOD,
    'overlay.yaml': `overlay: 1.0.0\ninfo: { title: Case, version: '1' }\nactions:\n  - ${action.replaceAll('\n', '\n    ')}\n`,
  };
}

function asyncapi(rest: string): Record<string, string> {
  return {
    'asyncapi.yaml': `asyncapi: 3.0.0\ninfo: { title: Case, version: '1' }\nchannels:\n  paid:\n    address: paid\n    messages:\n      invoicePaid:\n        ${rest}\n`,
  };
}

/** For each code documents that make it fire, and near ones that must not (and in which nothing else is wrong). */
export const contractCases = {
  'contract-file-missing': {
    fires: { files: {}, at: '-' },
    silent: { files: GOOD },
  },
  'contract-format-unknown': {
    fires: { files: { 'openapi.yaml': 'info: { title: Case }\n' }, at: 'openapi.yaml:1:1' },
    silent: { files: GOOD },
  },
  'contract-version-unsupported': {
    fires: { files: { 'openapi.yaml': "swagger: '2.0'\n" }, at: 'openapi.yaml:1:10' },
    silent: { files: openapi(NO_PATHS, '3.2.0') },
  },
  'contract-member-missing': {
    fires: {
      files: { 'openapi.yaml': 'openapi: 3.1.0\ninfo: { title: Case }\npaths: {}\n' },
      at: 'openapi.yaml:2:7',
    },
    silent: { files: openapi(NO_PATHS) },
  },
  'contract-member-type': {
    fires: { files: schema('type: integer\nminimum: "1"'), at: 'openapi.yaml:8:16' },
    silent: { files: schema('type: integer\nminimum: 1') },
  },
  'contract-member-unknown': {
    fires: { files: operation(`operationID: getUser\n${OK}`), at: 'openapi.yaml:6:7' },
    silent: { files: operation(`x-operationID: getUser\n${OK}`) },
  },
  'contract-member-version': {
    fires: { files: openapi(`${NO_PATHS}webhooks: {}`, '3.0.3'), at: 'openapi.yaml:4:1' },
    silent: { files: openapi(`${NO_PATHS}webhooks: {}`, '3.1.0') },
  },
  'contract-value-unknown': {
    fires: {
      files: openapi(
        'paths:\n  /users:\n    get:\n      parameters: [{ name: q, in: qurey, schema: {} }]\n      responses: { "200": { description: ok } }',
      ),
      at: 'openapi.yaml:6:35',
    },
    silent: {
      files: openapi(
        'paths:\n  /users:\n    get:\n      parameters: [{ name: q, in: query, schema: {} }]\n      responses: { "200": { description: ok } }',
      ),
    },
  },
  'contract-ref-unresolved': {
    fires: { files: schema("$ref: '#/components/schemas/Cas'"), at: 'openapi.yaml:7:13' },
    silent: { files: { ...schema("$ref: 'text.yaml'"), 'text.yaml': 'type: string\n' } },
  },
  'contract-ref-remote': {
    fires: { files: schema('$ref: https://x.example/money.yaml'), at: 'openapi.yaml:7:13' },
    silent: { files: { ...schema('$ref: money.yaml'), 'money.yaml': 'type: number\n' } },
  },
  'contract-ref-outside': {
    fires: { files: schema('$ref: ../money.yaml'), at: 'openapi.yaml:7:13' },
    silent: { files: { ...schema('$ref: ./shared/../money.yaml'), 'money.yaml': 'type: number\n' } },
  },
  'contract-ref-circular': {
    fires: { files: schema("$ref: '#/components/schemas/Case'"), at: 'openapi.yaml:7:13' },
    silent: { files: schema("type: object\nproperties: { inner: { $ref: '#/components/schemas/Case' } }") },
  },
  'contract-ref-kind': {
    fires: {
      files: openapi(
        "paths: {}\ncomponents:\n  responses: { A: { description: a } }\n  schemas: { B: { $ref: '#/components/responses/A' } }",
      ),
      at: 'openapi.yaml:6:25',
    },
    silent: {
      files: openapi("paths: {}\ncomponents:\n  schemas: { A: {}, B: { $ref: '#/components/schemas/A' } }"),
    },
  },
  'contract-schema-format': {
    fires: {
      files: asyncapi('payload: { schemaFormat: application/vnd.apache.avro;version=1.9.0, schema: {} }'),
      at: 'asyncapi.yaml:8:34',
    },
    silent: {
      files: asyncapi('payload: { schemaFormat: application/schema+json;version=draft-07, schema: {} }'),
    },
  },
  'contract-asyncapi-invalid': {
    fires: {
      files: asyncapi('contentType: application/json\n        surprise: 1'),
      at: 'asyncapi.yaml:9:19',
    },
    silent: { files: asyncapi('contentType: application/json') },
  },
  'contract-operation-id-duplicate': {
    fires: {
      files: operation(
        `operationId: x\n${OK}\ncallbacks: {}`,
        '[{ name: id, in: path, required: true, schema: {} }]\n    put: { operationId: x, responses: { default: { description: a } }, parameters: [{ name: id, in: path, required: true, schema: {} }] }',
      ),
      at: 'openapi.yaml:10:25',
    },
    silent: { files: GOOD },
  },
  'contract-path-ambiguous': {
    fires: { files: openapi('paths:\n  /users/{id}: {}\n  /users/{name}: {}'), at: 'openapi.yaml:5:3' },
    silent: { files: openapi('paths:\n  /users/{id}: {}\n  /users/me: {}') },
  },
  'contract-path-parameter-undeclared': {
    fires: { files: operation(OK, '[]'), at: 'openapi.yaml:5:5' },
    silent: { files: GOOD },
  },
  'contract-path-parameter-unused': {
    fires: {
      files: operation(
        OK,
        '[{ name: id, in: path, required: true, schema: {} }, { name: idd, in: path, required: true, schema: {} }]',
      ),
      at: 'openapi.yaml:7:72',
    },
    silent: {
      files: operation(
        OK,
        '[{ name: id, in: path, required: true, schema: {} }, { name: idd, in: query, schema: {} }]',
      ),
    },
  },
  'contract-path-parameter-optional': {
    fires: { files: operation(OK, '[{ name: id, in: path, schema: {} }]'), at: 'openapi.yaml:7:20' },
    silent: { files: GOOD },
  },
  'contract-parameter-duplicate': {
    fires: {
      files: operation(
        OK,
        '[{ name: id, in: path, required: true, schema: {} }, { name: q, in: query, schema: {} }, { name: q, in: query, schema: {} }]',
      ),
      at: 'openapi.yaml:7:108',
    },
    silent: {
      files: operation(
        OK,
        '[{ name: id, in: path, required: true, schema: {} }, { name: q, in: query, schema: {} }, { name: q, in: header, schema: {} }]',
      ),
    },
  },
  'contract-response-missing': {
    fires: { files: operation('responses: {}'), at: 'openapi.yaml:6:7' },
    silent: { files: operation("responses: { '204': { description: gone } }") },
  },
  'contract-answer-is-text': {
    fires: { files: answer('application/xml: { schema: { type: object } }'), at: 'openapi.yaml:9:22' },
    silent: {
      files: answer(
        'text/csv: { schema: { type: string } }, application/pdf: { schema: { anyOf: [{ type: object }, { enum: [none] }] } }',
      ),
    },
  },
  'contract-response-status': {
    fires: {
      files: operation("responses: { '404 Not Found': { description: none } }"),
      at: 'openapi.yaml:6:20',
    },
    silent: {
      files: operation("responses: { '4XX': { description: none }, default: { description: any } }"),
    },
  },
  'contract-security-unknown': {
    fires: { files: operation(`${OK}\nsecurity: [{ beerer: [] }]`), at: 'openapi.yaml:7:20' },
    silent: {
      files: openapi(
        'paths: {}\nsecurity: [{ bearer: [] }, {}]\ncomponents: { securitySchemes: { bearer: { type: http, scheme: bearer } } }',
      ),
    },
  },
  'contract-server-variable': {
    fires: {
      files: openapi("paths: {}\nservers: [{ url: 'https://{region}.x.example' }]"),
      at: 'openapi.yaml:4:18',
    },
    silent: {
      files: openapi(
        "paths: {}\nservers: [{ url: 'https://{region}.x.example', variables: { region: { default: eu } } }]",
      ),
    },
  },
  'contract-schema-type-unknown': {
    fires: { files: schema('type: int'), at: 'openapi.yaml:7:13' },
    silent: { files: schema("type: [integer, 'null']") },
  },
  'contract-schema-enum-type': {
    fires: { files: schema('type: string\nenum: [a, 1]'), at: 'openapi.yaml:8:17' },
    silent: { files: schema('type: [string, number]\nenum: [a, 1]') },
  },
  'contract-schema-default': {
    fires: { files: schema("type: integer\ndefault: '10'"), at: 'openapi.yaml:8:16' },
    silent: { files: schema('type: integer\ndefault: 10') },
  },
  'contract-schema-bounds': {
    fires: { files: schema('type: string\nminLength: 5\nmaxLength: 3'), at: 'openapi.yaml:8:18' },
    silent: { files: schema('type: string\nminLength: 3\nmaxLength: 3') },
  },
  'contract-schema-required-unknown': {
    fires: {
      files: schema('type: object\nrequired: [emial]\nproperties: { email: {} }'),
      at: 'openapi.yaml:8:18',
    },
    silent: {
      files: schema(
        'type: object\nrequired: [emial]\nproperties: { email: {} }\nadditionalProperties: { type: string }',
      ),
    },
  },
  'contract-schema-dialect': {
    fires: { files: schema('type: string\nnullable: true'), at: 'openapi.yaml:8:7' },
    silent: { files: schema('type: string\nnullable: true', '3.0.3') },
  },
  'contract-ref-siblings': {
    fires: {
      files: openapi(
        `paths: {}\n${STRING.replace('} } }', "}, Case: { $ref: '#/components/schemas/Text', maxLength: 5 } } }")}`,
        '3.0.3',
      ),
      at: 'openapi.yaml:4:93',
    },
    silent: {
      files: openapi(
        `paths: {}\n${STRING.replace('} } }', "}, Case: { $ref: '#/components/schemas/Text', maxLength: 5 } } }")}`,
      ),
    },
  },
  'contract-discriminator': {
    fires: {
      files: schema(
        'oneOf: [{ type: object, properties: { b: {} } }]\ndiscriminator: { propertyName: kind }',
      ),
      at: 'openapi.yaml:7:15',
    },
    silent: {
      files: schema(
        'oneOf: [{ type: object, properties: { kind: {} } }]\ndiscriminator: { propertyName: kind }',
      ),
    },
  },
  'contract-example-invalid': {
    fires: { files: schema('type: integer\nexample: ten'), at: 'openapi.yaml:8:16' },
    silent: { files: schema('type: integer\nexample: 10') },
  },
  'contract-pattern-invalid': {
    fires: { files: schema("type: string\npattern: '(?i)abc('"), at: 'openapi.yaml:8:16' },
    silent: { files: schema("type: string\npattern: '^[\\w-.]+\\-$'") },
  },
  'contract-pattern-doubles': {
    fires: { files: schema("type: string\npattern: '^(?!x)(a+)+$'"), at: 'openapi.yaml:8:16' },
    silent: { files: schema("type: string\npattern: '^(?!x)a+(?:-a+)*$'") },
  },
  'contract-pattern-unjudged': {
    fires: { files: schema("type: string\npattern: '^(?!x)(?:a{400}|a)+$'"), at: 'openapi.yaml:8:16' },
    silent: { files: schema("type: string\npattern: '^(?:a{400}|a)+$'") },
  },
  'contract-overlay-target-invalid': {
    fires: { files: withOverlay('target: paths./users\nupdate: {}'), at: 'overlay.yaml:4:13' },
    silent: { files: withOverlay("target: $.paths['/users/{id}']\nupdate: { summary: users }") },
  },
  'contract-overlay-target-nothing': {
    fires: { files: withOverlay("target: $.paths['/user']\nremove: true"), at: 'overlay.yaml:4:13' },
    silent: { files: withOverlay('target: $.paths.*.get\nupdate: { deprecated: true }') },
  },
  'contract-overlay-update-kind': {
    fires: { files: withOverlay('target: $.info\nupdate: text'), at: 'overlay.yaml:5:13' },
    silent: { files: withOverlay('target: $.info.title\nupdate: text') },
  },
  'contract-policy-pointer': {
    fires: {
      files: withPolicy(GOOD, 'classes: { /components/schemas/User: personal }'),
      at: 'contract.yaml:2:12',
    },
    silent: { files: withPolicy(GOOD, 'classes: { /info/title: personal }') },
  },
  'contract-policy-duration': {
    fires: { files: withPolicy(GOOD, 'deprecationWindow: 3 months'), at: 'contract.yaml:2:20' },
    silent: { files: withPolicy(GOOD, 'deprecationWindow: 90d') },
  },
  'contract-secret-unclassed': {
    fires: {
      files: withPolicy(schema('type: object\nproperties:\n  clientSecret: { type: string }'), ''),
      at: 'openapi.yaml:9:9',
    },
    silent: {
      files: withPolicy(
        schema(
          'type: object\nproperties:\n  clientSecret: { type: string }\n  tokenType: { type: string }\n  password: { type: string, format: password }',
        ),
        "classes: { '/components/schemas/Case/properties/clientSecret': secret }",
      ),
    },
  },
  'contract-event-imperative': {
    fires: {
      files: withPolicy(
        openapi(
          'webhooks:\n  createInvoice: { post: { operationId: a, responses: { default: { description: ok } } } }',
        ),
        '',
      ),
      at: 'openapi.yaml:4:20',
    },
    silent: {
      files: withPolicy(
        openapi(
          'webhooks:\n  invoiceCreated: { post: { operationId: a, responses: { default: { description: ok } } } }',
        ),
        '',
      ),
    },
  },
  'contract-operation-id-missing': {
    fires: { files: withPolicy(operation(OK), ''), at: 'openapi.yaml:5:5' },
    silent: { files: withPolicy(GOOD, '') },
  },
  'contract-deprecated-without-sunset': {
    fires: {
      files: withPolicy(operation(`operationId: a\n${OK}\ndeprecated: true`), ''),
      at: 'openapi.yaml:5:5',
    },
    silent: {
      files: withPolicy(operation(`operationId: a\n${OK}\ndeprecated: true\nx-sunset: '2027-03-31'`), ''),
    },
  },
  'contract-findings-aside': {
    fires: {
      files: withPolicy(operation(`operationId: a\n${OK}\ndeprecated: true`), FROM_ELSEWHERE),
      named: ['b'],
      at: '-',
    },
    silent: {
      files: withPolicy(operation(`operationId: a\n${OK}`), FROM_ELSEWHERE),
      named: ['b'],
    },
  },
  'contract-sunset-date': {
    fires: {
      files: withPolicy(operation(`operationId: a\n${OK}\nx-sunset: next spring`), ''),
      at: 'openapi.yaml:6:7',
    },
    silent: { files: withPolicy(operation(`operationId: a\n${OK}\nx-sunset: '2027-03-31'`), '') },
  },
} satisfies Record<keyof typeof contractRules, { fires: ContractCase; silent: ContractCase }>;
