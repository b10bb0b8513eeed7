import { checkExpression, presentOf, type Reference, references } from '@tenon/expression';
import type { Diagnostic } from '@tenon/model';
import { diagnostic } from '../../rules.ts';
import type { CallSpec } from '../../spec/pipeline-spec.ts';
import type { SpecExpression, Template } from '../../spec/template.ts';
import type { ResolvedCall } from '../catalog.ts';
import type { DataCheck } from '../data/data.ts';
import { OVER_OWN } from '../data/incoming.ts';
import type { CallMeaning } from '../model.ts';
import type { Checked } from './masters.ts';

/**
 * An id is of the account that gave it: in another account of the same system it names another thing, or nothing. Only what is sent as it
 * was given is looked at, by a name that says that it is an id; what is put together from one may well be a key of our own.
 */
export function checkIdsOfAccounts({ model, data }: Checked): Diagnostic[] {
  const calls = new Map([...model.calls.values()].map((one) => [one.step.id.value, one]));
  return [...calls.values()].flatMap((one) => {
    const there = goesOver(one, one.step, data);
    return idsSent(one.step.with).flatMap(({ expression, reference }): Diagnostic[] => {
      const giver = calls.get(reference.path[0]?.name ?? '');
      if (!giver || giver.call.manifest !== one.call.manifest || isSameWay(giver.call, one.call)) return [];
      const here = goesOver(giver, one.step, data);
      // Where either is not known, that is a finding of its own.
      if (!here?.length || !there?.length) return [];
      if (here.length === 1 && there.length === 1 && here[0] === there[0]) return [];
      return [
        diagnostic('id-of-another-account', {
          message: `\`${expression.source}\` is an id that \`${giver.step.id.value}\` was given over \`${wayOf(giver.call)}\`, and \`${one.step.id.value}\` sends it over \`${wayOf(one.call)}\``,
          at: expression.at,
          subject: `${model.spec.name.value} ${one.step.id.value} ${expression.source}`,
          fix: `go over the same connection: ${sameWay(giver.call, one.call)}; where the id is the same in both accounts, say so on the line above: \`# tenon: allow id-of-another-account because <reason>\``,
        }),
      ];
    });
  });
}

function isSameWay(a: ResolvedCall, b: ResolvedCall): boolean {
  return a.connection === b.connection && a.over === b.over;
}

function wayOf({ connection, over }: ResolvedCall): string {
  return over ?? connection;
}

function sameWay({ connection, over }: ResolvedCall, { manifest, operation }: ResolvedCall): string {
  if (over === undefined) return `\`call: ${connection}.${operation.id}\``;
  const written = over === 'connection' ? OVER_OWN : `\`over: ${JSON.stringify(`\${ ${over} }`)}\``;
  return `\`call: ${manifest.name}.${operation.id}\` with ${written}`;
}

/** Connections that a step goes over, by what is known where another one stands: its condition says it of both. */
function goesOver({ step, call }: CallMeaning, at: CallSpec, data: DataCheck): readonly string[] | undefined {
  if (call.over === undefined) return [call.connection];
  const environment = data.environments.get(at);
  const type = step.over && environment && presentOf(checkExpression(step.over.parsed.ast, environment).type);
  return type?.kind === 'string' && type.values ? type.values : data.over.get(step);
}

interface Sent {
  readonly expression: SpecExpression;
  readonly reference: Reference;
}

/** What a step is sent that is a field of another one's result, whole, and an id by the name of either. */
function idsSent(template: Template | undefined, name = ''): readonly Sent[] {
  switch (template?.kind) {
    case 'object':
      return template.entries.flatMap((entry) => idsSent(entry.value, entry.name));
    case 'array':
      return template.items.flatMap((item) => idsSent(item, name));
    case 'expression': {
      const { expression } = template;
      const { ast, errors } = expression.parsed;
      const [reference, ...more] = errors.length > 0 ? [] : references(ast);
      if (reference?.root !== 'steps' || more.length > 0) return [];
      const isWhole = reference.span.start === ast.start && reference.span.end === ast.end;
      const given = reference.path.length > 1 ? (reference.path.at(-1)?.name ?? '') : '';
      // A field that is there for another system's id is meant to have one.
      const isId = (ID.test(given) || ID.test(name)) && !OF_ANOTHER.test(name);
      return isWhole && isId ? [{ expression, reference }] : [];
    }
    default:
      return [];
  }
}

const ID = /^id$|[a-z0-9]I[dD]$|[_-]id$/;
const OF_ANOTHER = /extern|foreign|origin|source|reference/i;
