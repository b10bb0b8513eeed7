import {
  type ConnectorManifest,
  inputPointer,
  type PaginationManifest,
  type ProbeManifest,
} from '@tenon/connector';
import type { Contract } from '@tenon/contract';
import type { PositionedDocument } from '@tenon/document';
import { atPointer, type Diagnostic, fromPointer, toPointer } from '@tenon/model';
import { isSchemaObject, type JsonSchema, validatorFor } from '@tenon/schema';
import { planOperation } from '../../plan-operation.ts';
import { diagnostic } from '../../rules.ts';
import { fieldOf, placeOf } from '../data/schema-path.ts';
import { near } from './near.ts';
import { probeAnswerProblem } from './probe-answers.ts';
import { shortForm, shortFormProblem } from './probe-short-form.ts';

/** Does the probe of an operation ask for what its own operation takes and needs, and answer with the effect? */
export function checkProbe(
  manifest: ConnectorManifest,
  contract: Contract,
  document: PositionedDocument,
  operation: string,
  probe: ProbeManifest,
): Diagnostic[] {
  const here = ['operations', operation, 'probe'];
  const at = document.locate(toPointer(here));
  const subject = `${manifest.name} ${operation}`;
  const plan = planOperation(contract, manifest, probe.operation);
  const found: Diagnostic[] = [];
  if (plan) {
    for (const name of Object.keys(probe.with)) {
      const field = fieldOf(placeOf(plan.input), name);
      if (field.place) continue;
      found.push(
        diagnostic('manifest-probe-input-unknown', {
          message: `\`${probe.operation}\` takes no \`${name}\``,
          at,
          subject: `${subject} ${name}`,
          fix: near(name, field.candidates).fix ?? whatItTakes(probe.operation, [...field.candidates]),
        }),
      );
    }
    // A name that is misspelt is missing under its own; that is one fault.
    if (found.length === 0)
      for (const { name, message } of refusals(plan.input, probe, plan.pagination))
        found.push(
          diagnostic('manifest-probe-input-invalid', {
            message: `\`${probe.operation}\` \`${name}\` ${message}`,
            at,
            subject: `${subject} ${name}`,
          }),
        );
  }
  const by = shortForm(document, here);
  const blind = by === undefined ? undefined : shortFormProblem(contract, manifest, operation, by);
  const problem = blind?.message ?? probeAnswerProblem(contract, manifest, operation, by);
  if (problem !== undefined)
    found.push(
      diagnostic('manifest-probe-answer-wrong', {
        message: problem,
        at: document.locate(
          toPointer([...here, by !== undefined ? 'by' : probe.compares ? 'state' : 'found']),
        ),
        subject: `${subject} found`,
        fix: blind?.fix,
      }),
    );
  return found;
}

/** What is surely refused: something left out, or a value that is written out and does not fit. */
function refusals(
  input: JsonSchema,
  probe: ProbeManifest,
  pagination: PaginationManifest | undefined,
): { readonly name: string; readonly message: string }[] {
  if (!isSchemaObject(input)) return [];
  const { $defs = {}, ...schema } = input;
  const paged = ['in', 'limit'].flatMap((key) => {
    const named = pagination?.[key as keyof typeof pagination];
    return typeof named === 'string' ? [inputPointer(named)] : [];
  });
  return validatorFor(
    schema,
    $defs,
  )(probe.with).flatMap(({ pointer, message }) => {
    const value = atPointer(probe.with, pointer);
    const isKnown = value === undefined || !JSON.stringify(value).includes('${');
    // The pages of a listing are asked for one by one.
    if (!isKnown || paged.some((place) => pointer === place || pointer.startsWith(`${place}/`))) return [];
    return { name: fromPointer(pointer).join('.'), message };
  });
}

function whatItTakes(operation: string, names: readonly string[]): string {
  const takes = names.length === 0 ? 'nothing' : names.map((name) => `\`${name}\``).join(', ');
  return `\`${operation}\` takes ${takes}; what it cannot be asked for is told apart in \`found\``;
}
