import type { Contract, HttpOperation, Parameter } from '@tenon/contract';
import { isObject, type Json, type Random } from '@tenon/model';
import { sample } from '@tenon/schema';
import { isJson } from './body.ts';
import { type ContractSchemas, contractSchemas, type SchemaSide } from './contract-schemas.ts';
import { sampledParts } from './multipart.ts';
import { pathOf } from './routes.ts';

/** A request as it goes over the wire. `path` starts with `/` and holds the query. */
export interface SampledRequest {
  readonly method: string;
  readonly path: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body?: string;
}

export interface SampleRequestOptions {
  readonly random: Random;
  /** Share of optional parameters and properties. Default 0: what is required alone. */
  readonly optional?: number;
  readonly schemas?: ContractSchemas;
}

/**
 * A request that the contract allows, with made-up parameters, body and credentials, each serialised as its style
 * says; `undefined` when some required part has no sample.
 */
export function sampleRequest(
  contract: Contract,
  operation: HttpOperation,
  options: SampleRequestOptions,
): SampledRequest | undefined {
  const { random, optional = 0 } = options;
  const side = (options.schemas ?? contractSchemas(contract)).request;
  const make = (schema: Parameter['schema'], share = optional) =>
    sample(side.of(schema), { random, definitions: side.definitions, optional: share });
  let path = pathOf(operation);
  const query: string[] = [];
  const headers: Record<string, string> = {};
  for (const parameter of operation.parameters) {
    if (!parameter.required && random.next() >= optional) continue;
    // An empty object would leave its place in the path empty, and the path another one.
    const value = make(parameter.schema, parameter.in === 'path' ? 1 : optional);
    if (value === undefined) {
      if (parameter.required) return undefined;
      continue;
    }
    if (parameter.in === 'path') path = path.replace(`{${parameter.name}}`, () => inPath(parameter, value));
    else if (parameter.in === 'query' || parameter.in === 'querystring')
      query.push(...inQuery(parameter, value));
    else if (parameter.in === 'header')
      headers[parameter.name.toLowerCase()] = plainText(simple(parameter, value));
    else headers['cookie'] = `${parameter.name}=${encodeURIComponent(simple(parameter, value))}`;
  }
  query.push(...credentials(contract, operation, headers));
  const body = sampledBody(operation, make, side);
  if (body === undefined) return undefined;
  return {
    method: operation.method.toUpperCase(),
    path: query.length === 0 ? path : `${path}?${query.join('&')}`,
    headers: { ...headers, ...body.headers },
    ...(body.text !== undefined && { body: body.text }),
  };
}

/** The body in the first media type we can write; `undefined` when a required one cannot be made. */
function sampledBody(
  operation: HttpOperation,
  make: (schema: Parameter['schema']) => Json | undefined,
  side: SchemaSide,
): { headers: Record<string, string>; text?: string } | undefined {
  const { body } = operation;
  // Some documents describe bodies of GET; HTTP gives them no meaning (RFC 9110 §9.3.1) and fetch refuses them.
  if (body === undefined || ['get', 'head'].includes(operation.method)) return { headers: {} };
  const media =
    body.content.find(({ type }) => isJson(type) || type === '*/*') ??
    body.content.find(({ type }) => type === FORM) ??
    body.content.find(({ type }) => type.startsWith('multipart/form-data'));
  const value = media === undefined ? undefined : make(media.schema ?? true);
  if (media === undefined || value === undefined) return body.required ? undefined : { headers: {} };
  if (media.type === FORM) return { headers: { 'content-type': FORM }, text: formPairs('', value).join('&') };
  if (media.type.startsWith('multipart/form-data')) {
    // No parts but those of an object.
    if (!isObject(value) || Array.isArray(value)) return body.required ? undefined : { headers: {} };
    const { contentType, text } = sampledParts(value as Json, media, side, make);
    return { headers: { 'content-type': contentType }, text };
  }
  return {
    headers: { 'content-type': media.type.replace('*/*', 'application/json') },
    text: JSON.stringify(value),
  };
}

const FORM = 'application/x-www-form-urlencoded';

/** `a[b][0]=x`, as deepObject parameters and forms nest. */
function formPairs(name: string, value: Json): string[] {
  const inner = (key: string) => (name === '' ? key : `${name}[${key}]`);
  if (Array.isArray(value))
    return value.flatMap((item: Json, index) => formPairs(inner(String(index)), item));
  // The members of a JSON object are JSON.
  if (isObject(value))
    return Object.entries(value as Record<string, Json>).flatMap(([key, member]) =>
      formPairs(inner(key), member),
    );
  return [`${encodeURIComponent(name)}=${encodeURIComponent(value === null ? '' : String(value))}`];
}

function inPath(parameter: Parameter, value: Json): string {
  const { name, style, explode } = parameter;
  if (style === 'label') return `.${encodeURIComponent(simple(parameter, value, explode ? '.' : ','))}`;
  if (style !== 'matrix') return encodeURIComponent(simple(parameter, value));
  if (explode && Array.isArray(value))
    return value.map((item) => `;${name}=${encodeURIComponent(String(item))}`).join('');
  if (explode && isObject(value))
    return Object.entries(value)
      .map(([key, item]) => `;${key}=${encodeURIComponent(String(item))}`)
      .join('');
  return `;${name}=${encodeURIComponent(simple(parameter, value))}`;
}

const SEPARATORS: Readonly<Record<string, string>> = { spaceDelimited: '%20', pipeDelimited: '%7C' };

function inQuery(parameter: Parameter, value: Json): string[] {
  const { name, style, explode, mediaType } = parameter;
  const pair = (key: string, text: string) => `${encodeURIComponent(key)}=${text}`;
  if (mediaType !== undefined) return [pair(name, encodeURIComponent(JSON.stringify(value)))];
  if (isObject(value)) {
    if (style === 'deepObject') return formPairs(name, value as Json);
    if (explode || parameter.in === 'querystring') return formPairs('', value as Json);
  }
  if (Array.isArray(value) && explode)
    return value.map((item) => pair(name, encodeURIComponent(plainText(item))));
  if (Array.isArray(value))
    return [
      pair(name, value.map((item) => encodeURIComponent(plainText(item))).join(SEPARATORS[style] ?? ',')),
    ];
  return [pair(name, encodeURIComponent(simple(parameter, value)))];
}

/** RFC 6570 simple expansion: `a,b`, `k,v,k,v`, or `k=v,k=v` when exploded. */
function simple(parameter: Parameter, value: Json, separator = ','): string {
  if (parameter.mediaType !== undefined) return JSON.stringify(value);
  if (Array.isArray(value)) return value.map(plainText).join(separator);
  if (!isObject(value)) return String(value);
  const entries = Object.entries(value);
  return (
    parameter.explode
      ? entries.map(([key, item]) => `${key}=${plainText(item)}`)
      : entries.flatMap(([key, item]) => [key, plainText(item)])
  ).join(separator);
}

function plainText(value: unknown): string {
  // Headers are ASCII on the wire; sampled texts of patterns may not be.
  return (typeof value === 'object' ? JSON.stringify(value) : String(value)).replaceAll(/[^\x20-\x7e]/g, '');
}

/** Made-up credentials for the first way in; those that go into the query are returned. */
function credentials(
  contract: Contract,
  operation: HttpOperation,
  headers: Record<string, string>,
): string[] {
  const query: string[] = [];
  for (const id of Object.keys(operation.security[0] ?? {})) {
    const scheme = contract.securitySchemes.get(id);
    if (scheme === undefined || scheme.type === 'mutualTLS') continue;
    const isBasic = scheme.type === 'http' && scheme.scheme?.toLowerCase() === 'basic';
    const word = scheme.type === 'http' ? (scheme.scheme ?? 'bearer') : 'Bearer';
    if (scheme.type !== 'apiKey')
      headers['authorization'] = isBasic ? `Basic ${btoa('sandbox:sandbox')}` : `${word} sandbox`;
    else if (scheme.in === 'query') query.push(`${encodeURIComponent(scheme.name ?? '')}=sandbox`);
    else if (scheme.in === 'cookie') headers['cookie'] = `${scheme.name}=sandbox`;
    else headers[(scheme.name ?? '').toLowerCase()] ??= 'sandbox';
  }
  return query;
}
