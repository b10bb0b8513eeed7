import { lintSchema } from './schema-lint.ts';
import type { Shapes } from './shape.ts';
import { sandboxShapes } from './shapes-tenon.ts';
import { STATUS, statusMeant } from './status.ts';

const described = { summary: 'string', description: 'string' } as const;

const serialised = {
  description: 'string',
  required: 'boolean',
  deprecated: 'boolean',
  allowEmptyValue: 'boolean',
  style: 'string',
  explode: 'boolean',
  allowReserved: 'boolean',
  schema: 'ref schema',
  example: 'any',
  examples: 'map of ref example',
  content: 'map of ref mediaType',
} as const;

const operations = Object.fromEntries(
  ['get', 'put', 'post', 'delete', 'options', 'head', 'patch', 'trace'].map((method) => [
    method,
    'operation',
  ]),
);

/** JSON Schema's keywords: the same for OpenAPI and AsyncAPI. What is wrong here weakens a check and stops nothing. */
export const schemaShapes: Shapes = {
  schema: {
    title: 'schema',
    severity: 'warning',
    others: 'typo',
    also: lintSchema,
    members: {
      $ref: 'string',
      $id: 'string',
      $schema: 'string',
      $anchor: 'string',
      $dynamicRef: 'string',
      $dynamicAnchor: 'string',
      $comment: 'string',
      $defs: 'map of ref schema',
      definitions: 'map of ref schema',
      ...described,
      title: 'string',
      default: 'any',
      example: 'any',
      examples: 'any',
      deprecated: 'boolean',
      readOnly: 'boolean',
      writeOnly: 'boolean',
      nullable: 'boolean',
      type: 'any',
      format: 'string',
      enum: 'list of any',
      const: 'any',
      multipleOf: 'number',
      minimum: 'number',
      maximum: 'number',
      exclusiveMinimum: 'any',
      exclusiveMaximum: 'any',
      minLength: 'integer',
      maxLength: 'integer',
      pattern: 'string',
      minItems: 'integer',
      maxItems: 'integer',
      uniqueItems: 'boolean',
      minContains: 'integer',
      maxContains: 'integer',
      minProperties: 'integer',
      maxProperties: 'integer',
      required: 'list of string',
      dependentRequired: 'map of list of string',
      properties: 'map of ref schema',
      patternProperties: 'map of ref schema',
      dependentSchemas: 'map of ref schema',
      dependencies: 'any',
      additionalProperties: 'ref schema',
      propertyNames: 'ref schema',
      unevaluatedProperties: 'ref schema',
      items: 'any',
      additionalItems: 'ref schema',
      prefixItems: 'list of ref schema',
      unevaluatedItems: 'ref schema',
      contains: 'ref schema',
      allOf: 'list of ref schema',
      anyOf: 'list of ref schema',
      oneOf: 'list of ref schema',
      not: 'ref schema',
      if: 'ref schema',
      // biome-ignore lint/suspicious/noThenProperty: JSON Schema's keyword; this table is never awaited
      then: 'ref schema',
      else: 'ref schema',
      contentEncoding: 'string',
      contentMediaType: 'string',
      contentSchema: 'ref schema',
      discriminator: 'any',
      xml: 'any',
      externalDocs: 'any',
    },
  },
};

/** The objects of OpenAPI 3.0, 3.1 and 3.2. */
export const openApiShapes: Shapes = {
  ...schemaShapes,
  openapi: {
    title: 'OpenAPI document',
    others: 'report',
    members: {
      openapi: 'string!',
      $self: 'string@3.2',
      info: 'info!',
      jsonSchemaDialect: 'string@3.1',
      servers: 'list of server',
      paths: 'paths',
      webhooks: 'map of ref pathItem@3.1',
      'x-webhooks': 'map of ref pathItem',
      components: 'components',
      security: 'list of securityRequirement',
      tags: 'list of tag',
      externalDocs: 'externalDocs',
    },
    also: (part, check) => {
      const isOptional = check.version !== '3.0' && (part.get('webhooks') || part.get('components'));
      if (!part.get('paths') && !isOptional)
        check.findings.add('contract-member-missing', part, {
          message: 'this OpenAPI document lacks `paths`: it has no operations',
        });
    },
  },
  info: {
    title: 'info object',
    others: 'report',
    members: {
      title: 'string!',
      ...described,
      summary: 'string@3.1',
      termsOfService: 'string',
      contact: 'contact',
      license: 'license',
      version: 'string!',
    },
  },
  contact: {
    title: 'contact object',
    severity: 'warning',
    others: 'report',
    members: { name: 'string', url: 'string', email: 'string' },
  },
  license: {
    title: 'license object',
    severity: 'warning',
    others: 'report',
    members: { name: 'string~', identifier: 'string@3.1', url: 'string' },
  },
  server: {
    title: 'server object',
    severity: 'warning',
    others: 'report',
    members: {
      url: 'string~',
      description: 'string',
      name: 'string@3.2',
      variables: 'map of serverVariable',
    },
    also: (part, check) => {
      for (const [, name] of part.text('url')?.matchAll(/\{([^}]+)\}/g) ?? [])
        if (!part.get('variables')?.get(name!))
          check.findings.add('contract-server-variable', part.get('url')!, {
            message: `the URL takes a variable \`${name}\` that \`variables\` does not define`,
          });
    },
  },
  serverVariable: {
    title: 'server variable object',
    severity: 'warning',
    others: 'report',
    members: { enum: 'list of string', default: 'string~', description: 'string' },
  },
  paths: {
    title: 'paths object',
    others: 'report',
    members: {},
    patterned: [{ name: /^\//, shape: 'ref pathItem' }],
  },
  pathItem: {
    title: 'path item',
    others: 'report',
    members: {
      $ref: 'string',
      ...described,
      ...operations,
      query: 'operation@3.2',
      additionalOperations: 'map of operation@3.2',
      servers: 'list of server',
      parameters: 'list of ref parameter',
    },
  },
  operation: {
    title: 'operation',
    others: 'report',
    members: {
      tags: 'list of string',
      ...described,
      externalDocs: 'externalDocs',
      operationId: 'string',
      parameters: 'list of ref parameter',
      requestBody: 'ref requestBody',
      responses: 'responses',
      callbacks: 'map of ref callback',
      deprecated: 'boolean',
      security: 'list of securityRequirement',
      servers: 'list of server',
      'x-tenon-sandbox': 'sandboxHint',
    },
  },
  ...sandboxShapes,
  externalDocs: {
    title: 'external documentation object',
    severity: 'warning',
    others: 'report',
    members: { description: 'string', url: 'string~' },
  },
  parameter: {
    title: 'parameter',
    others: 'report',
    members: { name: 'string!', in: 'one of path|query|header|cookie|querystring!', ...serialised },
    also: (part, check) => {
      if (part.get('schema') || part.get('content')) return;
      check.findings.add('contract-member-missing', part, {
        message: 'this parameter has neither `schema` nor `content`: any value passes',
        severity: 'warning',
      });
    },
  },
  header: { title: 'header object', severity: 'warning', others: 'report', members: serialised },
  requestBody: {
    title: 'request body',
    others: 'report',
    members: { description: 'string', content: 'map of ref mediaType!', required: 'boolean' },
  },
  mediaType: {
    title: 'media type object',
    severity: 'warning',
    others: 'report',
    members: {
      schema: 'ref schema',
      itemSchema: 'ref schema@3.2',
      example: 'any',
      examples: 'map of ref example',
      encoding: 'map of encoding',
      prefixEncoding: 'list of encoding@3.2',
      itemEncoding: 'encoding@3.2',
    },
  },
  encoding: {
    title: 'encoding object',
    severity: 'warning',
    others: 'report',
    members: {
      contentType: 'string',
      headers: 'map of ref header',
      style: 'string',
      explode: 'boolean',
      allowReserved: 'boolean',
      encoding: 'map of encoding@3.2',
      prefixEncoding: 'list of encoding@3.2',
      itemEncoding: 'encoding@3.2',
    },
  },
  responses: {
    title: 'responses object',
    others: 'any',
    members: {},
    patterned: [{ name: STATUS, shape: 'ref response' }],
    also: (part, check) => {
      for (const [status, response] of part.entries()) {
        if (status.startsWith('x-') || STATUS.test(status)) continue;
        const meant = statusMeant(status);
        check.findings.add('contract-response-status', response, {
          message: `${JSON.stringify(status)} is no status: ${meant === undefined ? 'expected 200, 2XX or default' : `it is read as ${meant}`}`,
          onKey: true,
        });
        check.check(response, 'ref response');
      }
    },
  },
  response: {
    title: 'response',
    severity: 'warning',
    others: 'report',
    members: {
      summary: 'string@3.2',
      description: 'string',
      headers: 'map of ref header',
      content: 'map of ref mediaType',
      links: 'map of any',
    },
    also: (part, check) => {
      // OpenAPI 3.2 made it optional, and nothing is lost without it.
      if (!part.get('description') && check.version !== '3.2')
        check.findings.add('contract-member-missing', part, {
          message: 'this response lacks `description`: a text',
          severity: 'info',
        });
    },
  },
  example: {
    title: 'example object',
    severity: 'warning',
    others: 'report',
    members: {
      ...described,
      value: 'any',
      externalValue: 'string',
      dataValue: 'any@3.2',
      serializedValue: 'string@3.2',
    },
  },
  callback: {
    title: 'callback object',
    severity: 'warning',
    others: 'any',
    members: {},
    patterned: [{ name: /^(?!x-)/, shape: 'ref pathItem' }],
  },
  tag: {
    title: 'tag object',
    severity: 'warning',
    others: 'report',
    members: {
      name: 'string~',
      description: 'string',
      summary: 'string@3.2',
      parent: 'string@3.2',
      kind: 'string@3.2',
      externalDocs: 'externalDocs',
    },
  },
  components: {
    title: 'components object',
    others: 'report',
    members: {
      schemas: 'map of ref schema',
      responses: 'map of ref response',
      parameters: 'map of ref parameter',
      examples: 'map of ref example',
      requestBodies: 'map of ref requestBody',
      headers: 'map of ref header',
      securitySchemes: 'map of ref securityScheme',
      links: 'map of any',
      callbacks: 'map of ref callback',
      pathItems: 'map of ref pathItem@3.1',
      mediaTypes: 'map of ref mediaType@3.2',
    },
  },
  securityRequirement: {
    title: 'security requirement',
    others: 'any',
    members: {},
    patterned: [{ name: /^/, shape: 'list of string' }],
  },
  securityScheme: {
    title: 'security scheme',
    severity: 'warning',
    others: 'report',
    members: {
      type: 'one of apiKey|http|mutualTLS|oauth2|openIdConnect!',
      description: 'string',
      name: 'string',
      in: 'one of query|header|cookie',
      scheme: 'string',
      bearerFormat: 'string',
      flows: 'map of oauthFlow',
      openIdConnectUrl: 'string',
      oauth2MetadataUrl: 'string@3.2',
      deprecated: 'boolean@3.2',
    },
    also: (part, check) => {
      for (const member of SCHEME_NEEDS[part.text('type') ?? ''] ?? [])
        if (!part.get(member))
          check.findings.add('contract-member-missing', part, {
            message: `this security scheme of type ${part.text('type')} lacks \`${member}\``,
            severity: 'warning',
          });
    },
  },
  oauthFlow: {
    title: 'OAuth flow',
    severity: 'warning',
    others: 'report',
    members: {
      authorizationUrl: 'string',
      deviceAuthorizationUrl: 'string@3.2',
      tokenUrl: 'string',
      refreshUrl: 'string',
      scopes: 'map of string~',
    },
  },
};

const SCHEME_NEEDS: Readonly<Record<string, readonly string[]>> = {
  apiKey: ['name', 'in'],
  http: ['scheme'],
  oauth2: ['flows'],
  openIdConnect: ['openIdConnectUrl'],
};
