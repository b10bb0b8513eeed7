import type { Part } from './part.ts';
import { isJsonSchemaFormat } from './schema-reader.ts';
import type { ShapeChecker, Shapes } from './shape.ts';
import { schemaShapes } from './shapes-openapi.ts';

const told = {
  title: 'string',
  summary: 'string',
  description: 'string',
  tags: 'list of any',
  externalDocs: 'any',
} as const;

/** Of what both versions share, and of the schemas; the rest of the specification is `@asyncapi/parser`'s to check. */
const shared: Shapes = {
  ...schemaShapes,
  info: {
    title: 'info object',
    others: 'typo',
    members: {
      title: 'string!',
      version: 'string!',
      description: 'string',
      termsOfService: 'string',
      contact: 'any',
      license: 'any',
      tags: 'any',
      externalDocs: 'any',
    },
  },
  payload: { title: 'payload', others: 'any', members: {}, also: lintPayload },
  any: { title: 'object', others: 'any', members: {} },
};

/** A schema, or `{ schemaFormat, schema }` of which only JSON Schema can be looked into. */
function lintPayload(part: Part, check: ShapeChecker): void {
  const format = part.text('schemaFormat');
  const schema = part.get('schema');
  if (format === undefined || !schema) check.check(part, 'schema');
  else if (isJsonSchemaFormat(format)) check.check(schema, 'ref schema');
  else notRead(part, format, check);
}

function notRead(part: Part, format: string, check: ShapeChecker): void {
  check.findings.add('contract-schema-format', part.get('schemaFormat')!, {
    message: `schemas of format ${JSON.stringify(format)} are not read: any value passes here`,
  });
}

export const asyncApi3Shapes: Shapes = {
  ...shared,
  asyncapi: {
    title: 'AsyncAPI document',
    others: 'typo',
    members: {
      asyncapi: 'string!',
      id: 'string',
      info: 'info!',
      servers: 'map of ref any',
      defaultContentType: 'string',
      channels: 'map of ref channel',
      operations: 'map of ref asyncOperation',
      components: 'components',
    },
  },
  channel: {
    title: 'channel',
    others: 'typo',
    members: {
      ...told,
      address: 'any',
      messages: 'map of ref message',
      servers: 'list of ref any',
      parameters: 'map of ref channelParameter',
      bindings: 'ref any',
    },
    also: (part, check) => lintAddress(part, part.text('address'), check),
  },
  channelParameter: {
    title: 'channel parameter',
    others: 'typo',
    severity: 'warning',
    members: {
      enum: 'list of string',
      default: 'string',
      description: 'string',
      examples: 'list of string',
      location: 'string',
    },
  },
  asyncOperation: {
    title: 'operation',
    others: 'typo',
    members: {
      ...told,
      action: 'one of send|receive!',
      channel: 'ref channel!',
      security: 'list of ref any',
      bindings: 'ref any',
      traits: 'list of ref any',
      messages: 'list of ref message',
      reply: 'ref reply',
    },
  },
  reply: {
    title: 'reply',
    others: 'typo',
    members: { address: 'ref any', channel: 'ref channel', messages: 'list of ref message' },
  },
  message: {
    title: 'message',
    others: 'typo',
    severity: 'warning',
    members: {
      ...told,
      name: 'string',
      contentType: 'string',
      headers: 'ref payload',
      payload: 'ref payload',
      correlationId: 'ref any',
      bindings: 'ref any',
      examples: 'list of any',
      traits: 'list of ref any',
    },
  },
  components: {
    title: 'components object',
    others: 'typo',
    members: {
      schemas: 'map of ref payload',
      servers: 'map of ref any',
      channels: 'map of ref channel',
      operations: 'map of ref asyncOperation',
      messages: 'map of ref message',
      securitySchemes: 'map of ref any',
      parameters: 'map of ref channelParameter',
      correlationIds: 'map of ref any',
      operationTraits: 'map of ref any',
      messageTraits: 'map of ref any',
      replies: 'map of ref reply',
      replyAddresses: 'map of ref any',
      serverBindings: 'map of ref any',
      channelBindings: 'map of ref any',
      operationBindings: 'map of ref any',
      messageBindings: 'map of ref any',
      serverVariables: 'map of ref any',
      tags: 'any',
      externalDocs: 'any',
    },
  },
};

export const asyncApi2Shapes: Shapes = {
  ...shared,
  asyncapi: {
    title: 'AsyncAPI document',
    others: 'typo',
    members: {
      asyncapi: 'string!',
      id: 'string',
      info: 'info!',
      servers: 'map of ref any',
      defaultContentType: 'string',
      channels: 'channels!',
      components: 'components',
      tags: 'any',
      externalDocs: 'any',
    },
  },
  channels: {
    title: 'channels object',
    others: 'any',
    members: {},
    patterned: [{ name: /^(?!x-)/, shape: 'ref channel' }],
    also: (part, check) => {
      for (const [address, channel] of part.entries()) lintAddress(channel, address, check);
    },
  },
  channel: {
    title: 'channel item',
    others: 'typo',
    members: {
      $ref: 'string',
      description: 'string',
      servers: 'list of string',
      subscribe: 'asyncOperation',
      publish: 'asyncOperation',
      parameters: 'map of ref channelParameter',
      bindings: 'ref any',
    },
  },
  channelParameter: {
    title: 'channel parameter',
    others: 'typo',
    severity: 'warning',
    members: { description: 'string', schema: 'ref schema', location: 'string' },
  },
  asyncOperation: {
    title: 'operation',
    others: 'typo',
    members: {
      ...told,
      operationId: 'string',
      security: 'list of any',
      bindings: 'ref any',
      traits: 'list of ref any',
      message: 'ref message',
    },
  },
  message: {
    title: 'message',
    others: 'typo',
    severity: 'warning',
    members: {
      ...told,
      messageId: 'string',
      name: 'string',
      schemaFormat: 'string',
      contentType: 'string',
      headers: 'ref schema',
      payload: 'any',
      correlationId: 'ref any',
      bindings: 'ref any',
      examples: 'list of any',
      traits: 'list of ref any',
      oneOf: 'list of ref message',
    },
    also: (part, check) => {
      const format = part.text('schemaFormat');
      const payload = part.get('payload');
      if (format !== undefined && !isJsonSchemaFormat(format)) notRead(part, format, check);
      else if (payload) check.check(payload, 'ref schema');
    },
  },
  components: {
    title: 'components object',
    others: 'typo',
    members: {
      schemas: 'map of ref payload',
      servers: 'map of ref any',
      serverVariables: 'map of ref any',
      channels: 'map of ref channel',
      messages: 'map of ref message',
      securitySchemes: 'map of ref any',
      parameters: 'map of ref channelParameter',
      correlationIds: 'map of ref any',
      operationTraits: 'map of ref any',
      messageTraits: 'map of ref any',
      serverBindings: 'map of ref any',
      channelBindings: 'map of ref any',
      operationBindings: 'map of ref any',
      messageBindings: 'map of ref any',
    },
  },
};

function lintAddress(channel: Part, address: string | undefined, check: ShapeChecker): void {
  const declared = channel.get('parameters')?.object ?? {};
  for (const [, name] of address?.matchAll(/\{([^}]+)\}/g) ?? [])
    if (!Object.hasOwn(declared, name!))
      check.findings.add('contract-path-parameter-undeclared', channel, {
        message: `the address ${address} holds a parameter ${JSON.stringify(name)} that \`parameters\` does not declare`,
        onKey: true,
      });
}
