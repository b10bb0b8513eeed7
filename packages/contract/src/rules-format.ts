import type { DiagnosticRules } from '@tenon/model';

/** The document's form: can it be read, is each part what the format says it is, do its references lead somewhere? */
export const formatRules = {
  'contract-file-missing': {
    severity: 'error',
    title: 'A file of the contract is not there',
    why: 'Without it nothing of the contract is known.',
    fix: 'Create the file, or correct its name.',
  },
  'contract-format-unknown': {
    severity: 'error',
    title: 'The document is neither OpenAPI nor AsyncAPI',
    why: 'The first member of such a document says its format and version; without it nothing can be read.',
    fix: 'Begin the document with `openapi: 3.1.0` or `asyncapi: 3.0.0`.',
    example: { bad: 'info: { title: Billing }', good: 'openapi: 3.1.0\ninfo: { title: Billing }' },
  },
  'contract-version-unsupported': {
    severity: 'error',
    title: 'The version of the format is not supported',
    why: 'Versions differ in what their members mean; reading one as another would be a guess.',
    fix: 'Convert the document to OpenAPI 3.0, 3.1 or 3.2, or to AsyncAPI 2.x or 3.x.',
    example: { bad: "swagger: '2.0'", good: 'openapi: 3.0.3' },
  },
  'contract-member-missing': {
    severity: 'error',
    title: 'A member that the format requires is missing',
    why: 'The part cannot be used, or not in full, without it.',
    fix: 'Add the member.',
    example: { bad: 'info: { title: Billing }', good: "info: { title: Billing, version: '1.0' }" },
  },
  'contract-member-type': {
    severity: 'error',
    title: 'A member is not of the type that the format gives it',
    why: 'A member of another type is not read: what it was to say is not in force.',
    fix: 'Write the member as the format says.',
    example: { bad: 'minimum: "1"', good: 'minimum: 1' },
  },
  'contract-member-unknown': {
    severity: 'warning',
    title: 'A member is unknown to the format',
    why: 'It is ignored; most often it is a typing error, and what it was to say is not in force.',
    fix: 'Correct its name; begin it with "x-" if it is an extension.',
    example: { bad: 'operationID: getUser', good: 'operationId: getUser' },
  },
  'contract-member-version': {
    severity: 'warning',
    title: 'A member came with a later version of the format',
    why: 'Other tools that keep to the stated version ignore it.',
    fix: 'Raise the version at the top of the document, or take the member out.',
    example: { bad: 'openapi: 3.0.3\nwebhooks: {}', good: 'openapi: 3.1.0\nwebhooks: {}' },
  },
  'contract-value-unknown': {
    severity: 'error',
    title: 'A member has a value that the format does not know',
    why: 'Only the values listed have a meaning.',
    fix: 'Use one of the values that the format names.',
    example: { bad: 'in: qurey', good: 'in: query' },
  },
  'contract-ref-unresolved': {
    severity: 'error',
    title: 'A reference names nothing',
    why: 'What it was to stand for is unknown, so nothing can be checked there.',
    fix: 'Correct the reference, or add what it names.',
    example: { bad: "$ref: '#/components/schemas/Cutsomer'", good: "$ref: '#/components/schemas/Customer'" },
  },
  'contract-ref-remote': {
    severity: 'error',
    title: 'A reference leads to the network',
    why: 'A contract is what is checked in: nothing is fetched, for it could change under a running pipeline.',
    fix: 'Save the file beside the contract and refer to it there.',
    example: { bad: '$ref: https://x.example/money.yaml', good: '$ref: money.yaml' },
  },
  'contract-ref-outside': {
    severity: 'error',
    title: 'A reference leads out of the workspace',
    why: 'A file outside is not under version control with the contract, and may hold anything.',
    fix: 'Copy the file into the workspace.',
    example: { bad: '$ref: ../../../etc/money.yaml', good: '$ref: ../shared/money.yaml' },
  },
  'contract-ref-circular': {
    severity: 'error',
    title: 'References lead back to themselves and to nothing else',
    why: 'A circle of bare references stands for no value at all.',
    fix: 'Let one of them say what it is.',
    example: {
      bad: 'A: { $ref: "#/…/B" }\nB: { $ref: "#/…/A" }',
      good: 'A: { $ref: "#/…/B" }\nB: { type: string }',
    },
  },
  'contract-ref-kind': {
    severity: 'warning',
    title: 'A reference names another kind of thing than is expected there',
    why: 'It is read as what is expected there, and what it cannot give (a schema in a response, say) is missing.',
    fix: 'Refer to the right part of `components`.',
    example: {
      bad: "schema: { $ref: '#/components/responses/User' }",
      good: "schema: { $ref: '#/components/schemas/User' }",
    },
  },
  'contract-schema-format': {
    severity: 'info',
    title: 'A schema is in a format that is not read',
    why: 'Avro, Protobuf and the like are not read: any value passes where such a schema stands.',
    fix: 'Describe the payload in JSON Schema beside it where it should be checked.',
  },
  'contract-asyncapi-invalid': {
    severity: 'error',
    title: 'The AsyncAPI parser refuses a part of the document',
    why: 'The part does not keep to the AsyncAPI specification, so other tools will read it otherwise or not at all.',
    fix: 'Correct the part as the message says.',
  },
} as const satisfies DiagnosticRules;
