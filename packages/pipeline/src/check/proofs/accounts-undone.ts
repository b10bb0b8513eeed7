import type { Diagnostic } from '@tenon/model';
import { diagnostic } from '../../rules.ts';
import type { Located } from '../../spec/pipeline-spec.ts';
import type { ResolvedCall } from '../catalog.ts';
import type { CallMeaning } from '../model.ts';
import { calledOver } from './called-over.ts';
import type { Checked } from './masters.ts';

/**
 * What an effect left is in the account that it was made in. An undoing over another connection of the connector names something else there
 * by the same id, or nothing, and so does the look before it. Another connector is another system: which account of it is meant, the step says.
 */
export function checkUndoing({ model, data }: Checked): Diagnostic[] {
  return [...model.calls.values()].flatMap((meaning) => {
    const { step, call, compensation, guard } = meaning;
    const elsewhere = (name: Located<string> | undefined, one: ResolvedCall | undefined): Diagnostic[] => {
      if (!name || !one || one.manifest !== call.manifest || one.over !== undefined) return [];
      const others = calledOver(call, step, data).filter((connection) => connection !== one.connection);
      if (others.length === 0) return [];
      const listed = others.map((connection) => `\`${connection}\``).join(' or ');
      return [
        diagnostic('undone-in-another-account', {
          message: `\`${name.value}\` goes over \`${one.connection}\`, and the effect of \`${step.id.value}\` may be in ${listed}`,
          at: name.at,
          subject: `${model.spec.name.value} ${step.id.value} ${name.value}`,
          fix: `${sameWay(meaning, one)}; where both connections are of one account, say so on the line above: \`# tenon: allow undone-in-another-account because <reason>\``,
        }),
      ];
    };
    return [
      ...elsewhere(step.compensate?.call, compensation),
      ...elsewhere(step.compensate?.guard?.read, guard),
    ];
  });
}

function sameWay({ call }: CallMeaning, { manifest, operation }: ResolvedCall): string {
  if (call.over === undefined) return `write \`call: ${call.connection}.${operation.id}\``;
  return `write \`call: ${manifest.name}.${operation.id}\`, which goes over the connection that the step went over`;
}
