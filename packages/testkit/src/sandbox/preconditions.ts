import { atPointer } from '@tenon/model';
import { type Answer, declares, type Refusal } from './answer.ts';
import { entityTag, tagged, versionField } from './perform.ts';
import type { ValidRequest, World } from './world.ts';

/** `If-Match` and `If-None-Match` (RFC 9110 §13) on operations that speak of entity tags; a version in the body where the manifest says so. */
export function precondition(
  request: ValidRequest,
  world: World,
): { readonly refusal: Refusal } | { readonly answer: Answer } | undefined {
  const { role, path, headers, operation } = request;
  const inBody = outdatedField(request, world);
  if (inBody !== undefined) return { refusal: inBody };
  if (!tagged(request, world)) return undefined;
  const isRead = operation.method === 'get' || operation.method === 'head';
  const expected = headers['if-match'];
  if (!isRead && role.item !== undefined && expected === undefined && declares(operation, 428))
    return { refusal: { status: 428, code: 'precondition_required', message: 'needs If-Match' } };
  const scope = role.scope.map((name) => path[name] ?? '');
  const row = world.store.find(role.collection, scope, path[role.item ?? ''] ?? '');
  if (row === undefined) return undefined;
  const tag = entityTag(row);
  if (expected !== undefined && !lists(expected, tag))
    return {
      refusal: {
        status: 412,
        code: 'precondition_failed',
        message: 'it was changed since: If-Match names another version',
      },
    };
  const known = headers['if-none-match'];
  if (isRead && known !== undefined && lists(known, tag))
    return { answer: { status: 304, headers: { etag: tag } } };
  return undefined;
}

/** A write whose body names another version than the row has. */
function outdatedField(request: ValidRequest, world: World): Refusal | undefined {
  const field = versionField(request.operation, world);
  const { role, path, body } = request;
  if (field === undefined) return undefined;
  const scope = role.scope.map((name) => path[name] ?? '');
  const row = world.store.find(role.collection, scope, path[role.item ?? ''] ?? '');
  const given = atPointer(body, field);
  if (row === undefined || given === atPointer(row.value, field)) return undefined;
  return {
    status: 409,
    code: 'version_outdated',
    message: 'it was changed since: the body names another version',
    issues: [{ pointer: field, message: 'is not its version now' }],
  };
}

function lists(header: string, tag: string): boolean {
  return header.trim() === '*' || header.split(',').some((one) => one.trim().replace(/^W\//, '') === tag);
}
