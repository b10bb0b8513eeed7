import type { Contract, HttpOperation } from '@tenon/contract';
import type { Json } from '@tenon/model';

import type { Finding } from '../finding.ts';

/**
 * A witness as something to try: the HTTP request that carries it, or the answer that does. Values that the witness
 * does not speak of stand as `{name}`; nothing here is real data.
 */
export function exampleOf(finding: Finding, contract: Contract | undefined): string | undefined {
  if (finding.witness === undefined) return undefined;
  if (!contract) return JSON.stringify(finding.witness, null, 2);
  if (finding.operation === null) return undefined;
  const operation = contract.operations.get(finding.operation);
  if (operation?.kind !== 'http') return JSON.stringify(finding.witness, null, 2);
  return finding.direction === 'response' ? answer(finding, operation) : request(finding, operation);
}

function request(finding: Finding, operation: HttpOperation): string {
  const method = operation.method.toUpperCase();
  const parameter = operation.parameters.find((each) =>
    finding.message.includes(`parameter \`${each.name}\``),
  );
  if (parameter) {
    const text = parameterText(finding.witness!);
    if (parameter.in === 'query')
      return `${method} ${operation.path}?${parameter.name}=${encodeURIComponent(text)}`;
    if (parameter.in === 'path')
      return `${method} ${operation.path.replace(`{${parameter.name}}`, encodeURIComponent(text))}`;
    return `${method} ${operation.path}\n${parameter.in === 'cookie' ? 'cookie: ' : ''}${parameter.name}${parameter.in === 'cookie' ? '=' : ': '}${text}`;
  }
  const type = operation.body?.content[0]?.type ?? 'application/json';
  return `${method} ${operation.path}\ncontent-type: ${type}\n\n${JSON.stringify(finding.witness, null, 2)}`;
}

function answer(finding: Finding, operation: HttpOperation): string {
  const status = /the (\S+) response/.exec(finding.message)?.[1] ?? '200';
  return `${operation.method.toUpperCase()} ${operation.path} → ${status}\n\n${JSON.stringify(finding.witness, null, 2)}`;
}

function parameterText(value: Json): string {
  return typeof value === 'string' ? value : JSON.stringify(value);
}
