import type { DiagnosticRules } from '@tenon/model';

/** The document's meaning: well-formed, yet contradicting itself. */
export const lintRules = {
  'contract-operation-id-duplicate': {
    severity: 'warning',
    title: 'Two operations have one operationId',
    why: 'A step that names the operation means the first; the second goes by a name that depends on their order.',
    fix: 'Give each operation an id of its own; for a document that is not yours, by an overlay.',
    example: {
      bad: 'operationId: getUser   # twice',
      good: 'operationId: getUser\n…\noperationId: getUserByName',
    },
  },
  'contract-path-ambiguous': {
    severity: 'warning',
    title: 'Two paths match the same requests',
    why: 'Templates that differ only in the names of their parameters are one path to a server.',
    fix: 'Put their operations under one path.',
    example: { bad: '/users/{id}: …\n/users/{name}: …', good: '/users/{id}: …' },
  },
  'contract-path-parameter-undeclared': {
    severity: 'warning',
    title: "A path's template holds a parameter that is not declared",
    why: 'Its type is unknown, so any text passes.',
    fix: 'Declare it with `in: path` and `required: true`.',
    example: {
      bad: '/users/{id}: { get: { parameters: [] } }',
      good: '/users/{id}: { get: { parameters: [{ name: id, in: path, required: true, schema: { type: string } }] } }',
    },
  },
  'contract-path-parameter-unused': {
    severity: 'warning',
    title: "A path parameter is not in the path's template",
    why: 'Its value would go nowhere.',
    fix: 'Correct its name, or its `in`.',
    example: {
      bad: '/users/{id}: parameters: [{ name: userId, in: path }]',
      good: '/users/{id}: parameters: [{ name: id, in: path }]',
    },
  },
  'contract-path-parameter-optional': {
    severity: 'info',
    title: 'A path parameter does not say that it is required',
    why: 'OpenAPI asks for `required: true`; without the parameter there is no such path.',
    fix: 'Add `required: true`.',
  },
  'contract-parameter-duplicate': {
    severity: 'warning',
    title: 'A parameter is declared twice',
    why: 'One of the two declarations is lost.',
    fix: 'Remove one of them.',
  },
  'contract-response-missing': {
    severity: 'warning',
    title: 'An operation declares no response',
    why: 'Nothing is known of its answer, so nothing in it can be read or checked.',
    fix: 'Declare at least the answer of success.',
    example: {
      bad: 'get: { responses: {} }',
      good: "get: { responses: { '200': { description: the user } } }",
    },
  },
  'contract-answer-is-text': {
    severity: 'warning',
    title: 'An answer is a text by its media type, and none by its schema',
    why: 'Only JSON and forms are read into values: `text/…` is handed on as it comes, and anything else, XML too, as base64. Each success would fail as a violation of the contract.',
    fix: 'Declare the answer as JSON if the service can give it, or `type: string` in an overlay.',
    example: {
      bad: 'application/xml: { schema: { type: object } }',
      good: 'application/xml: { schema: { type: string } }',
    },
  },
  'contract-response-status': {
    severity: 'warning',
    title: 'A response is not under a status',
    why: 'It is never the answer to anything.',
    fix: 'Use a status (404), a range (4XX) or default.',
    example: { bad: 'responses: { ok: … }', good: "responses: { '200': … }" },
  },
  'contract-security-unknown': {
    severity: 'warning',
    title: 'A security scheme is not defined',
    why: 'Nobody can know how to authenticate.',
    fix: 'Define it under `components.securitySchemes`, or correct its name.',
    example: { bad: 'security: [{ beerer: [] }]', good: 'security: [{ bearer: [] }]' },
  },
  'contract-server-variable': {
    severity: 'warning',
    title: "A server's URL holds a variable that is not defined",
    why: 'The URL cannot be completed.',
    fix: 'Define the variable with a default.',
    example: {
      bad: 'url: https://{region}.x.example',
      good: 'url: https://{region}.x.example\nvariables: { region: { default: eu } }',
    },
  },
  'contract-schema-type-unknown': {
    severity: 'warning',
    title: 'A schema names a type that does not exist',
    why: 'It is read as if no type were given, so any value passes.',
    fix: 'Use string, number, integer, boolean, object, array or null.',
    example: { bad: 'type: int', good: 'type: integer' },
  },
  'contract-schema-enum-type': {
    severity: 'warning',
    title: "An enum value does not fit the schema's type",
    why: 'No value can be both, so the choice can never be taken.',
    fix: 'Write the value as the type asks (quotes make a text), or correct the type.',
    example: { bad: 'type: string\nenum: [1, 2]', good: "type: string\nenum: ['1', '2']" },
  },
  'contract-schema-default': {
    severity: 'warning',
    title: 'A default does not fit its schema',
    why: 'Whoever relies on the default sends a value that is refused.',
    fix: 'Correct the default, or the schema.',
    example: { bad: "type: integer\ndefault: '10'", good: 'type: integer\ndefault: 10' },
  },
  'contract-schema-bounds': {
    severity: 'warning',
    title: 'The bounds of a schema leave no value',
    why: 'Every value would be refused.',
    fix: 'Correct the bounds.',
    example: { bad: 'minLength: 5\nmaxLength: 3', good: 'minLength: 3\nmaxLength: 5' },
  },
  'contract-schema-required-unknown': {
    severity: 'warning',
    title: 'A required property is not among the properties',
    why: 'Every value must have it, and nothing is said of what it is: most often its name is misspelt.',
    fix: 'Add it to `properties`, or correct its name.',
    example: {
      bad: 'required: [emial]\nproperties: { email: … }',
      good: 'required: [email]\nproperties: { email: … }',
    },
  },
  'contract-schema-dialect': {
    severity: 'info',
    title: 'A schema keyword is of an earlier version of OpenAPI',
    why: 'It is read as it was meant; strict readers ignore it.',
    fix: "Write `type: [string, 'null']` for nullable, and a number for exclusiveMinimum.",
  },
  'contract-ref-siblings': {
    severity: 'warning',
    title: 'Keywords stand beside a $ref, where they are ignored',
    why: 'OpenAPI 3.0 reads nothing beside a $ref, so they are not in force.',
    fix: 'Wrap the reference: `allOf: [{ $ref: … }]` with the keywords beside it, or go to OpenAPI 3.1.',
    example: { bad: "$ref: '#/…/Name'\nmaxLength: 5", good: "allOf: [{ $ref: '#/…/Name' }]\nmaxLength: 5" },
  },
  'contract-discriminator': {
    severity: 'warning',
    title: 'A discriminator does not fit its variants',
    why: 'The variant cannot be told from the value.',
    fix: 'Give each variant the property, and each mapping a schema that exists.',
  },
  'contract-example-invalid': {
    severity: 'warning',
    title: 'An example does not fit its schema',
    why: 'Readers copy examples, and the sandbox answers with them.',
    fix: 'Correct the example, or the schema.',
  },
  'contract-pattern-invalid': {
    severity: 'warning',
    title: 'A pattern is no regular expression',
    why: 'JSON Schema patterns are ECMAScript regular expressions; one that is not checks nothing.',
    fix: 'Write it as an ECMAScript regular expression.',
    example: { bad: "pattern: '(?i)abc'", good: "pattern: '[aA][bB][cC]'" },
  },
} as const satisfies DiagnosticRules;
