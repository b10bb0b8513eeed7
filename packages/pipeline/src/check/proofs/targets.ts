import { WHOLE_BODY_BYTES_MAX } from '@tenon/connector';
import type { Operation } from '@tenon/contract';
import { type Diagnostic, formatByteSize, type Location } from '@tenon/model';
import { diagnostic } from '../../rules.ts';
import type { Located } from '../../spec/pipeline-spec.ts';
import type { ResolvedCall, ResolvedEvent } from '../catalog.ts';
import type { PipelineModel } from '../model.ts';

/** What a pipeline leans on must last: no operation or event that its contract announces the end of, no page made for people. */
export function checkTargets(model: PipelineModel): Diagnostic[] {
  return [...ending(model), ...scraped(model), ...streamed(model)];
}

/** A step's request and result are values that are kept on disk; what is larger than such a value cannot pass through one. */
function streamed({ calls }: PipelineModel): Diagnostic[] {
  return [...calls.values()].flatMap(({ step, call, compensation }) =>
    [
      { name: step.call, target: call },
      ...(step.compensate && compensation ? [{ name: step.compensate.call, target: compensation }] : []),
    ].flatMap(({ name, target }) => {
      const bytesMax = target.declared.stream?.bytesMax ?? 0;
      if (bytesMax <= WHOLE_BODY_BYTES_MAX) return [];
      return diagnostic('body-too-large-for-step', {
        message: `bodies of \`${name.value}\` may have ${formatByteSize(bytesMax)}, and a step takes ${formatByteSize(WHOLE_BODY_BYTES_MAX)}`,
        at: name.at,
        subject: `${step.id.value} ${name.value}`,
      });
    }),
  );
}

/** Operations and events whose end is announced (C89). */
function ending(model: PipelineModel): Diagnostic[] {
  const { spec, trigger, calls, events } = model;
  const named: (readonly [Located<string>, ResolvedEvent['definition'] | Operation])[] = [
    ...(spec.trigger?.kind === 'event' && trigger ? [[spec.trigger.event, trigger.definition] as const] : []),
    ...[...calls.values()].flatMap(({ step, call, compensation }) => [
      [step.call, call.operation] as const,
      ...(step.compensate && compensation ? [[step.compensate.call, compensation.operation] as const] : []),
    ]),
    ...[...events].flatMap(([step, { definition }]) => {
      const name = step.kind === 'emit' ? step.emit : step.kind === 'wait' ? step.event : undefined;
      return name ? [[name, definition] as const] : [];
    }),
  ];
  return named.flatMap(([{ value, at }, target]) => {
    const sunset = 'sunset' in target ? target.sunset : undefined;
    return target.deprecated ? [endingDiagnostic(value, at, sunset)] : [];
  });
}

function endingDiagnostic(name: string, at: Location, sunset: string | undefined): Diagnostic {
  const until = sunset === undefined ? 'with no date yet' : `and works until ${sunset}`;
  return diagnostic('operation-deprecated', {
    message: `\`${name}\` is deprecated, ${until}`,
    at,
    subject: name,
  });
}

/** Above the lowest tier nothing is read out of pages that are made for people (C92). */
function scraped({ spec, calls }: PipelineModel): Diagnostic[] {
  if (spec.tier?.value === 'low') return [];
  return [...calls.values()].flatMap(({ step, call }) =>
    isPage(call)
      ? [
          diagnostic('page-scraped', {
            message: `\`${step.call.value}\` answers with a page for people`,
            at: step.call.at,
            subject: step.id.value,
          }),
        ]
      : [],
  );
}

/** Does it answer with HTML and nothing else? */
function isPage({ operation }: ResolvedCall): boolean {
  if (operation.kind !== 'http') return false;
  const types = operation.responses
    .filter(({ status }) => status.startsWith('2'))
    .flatMap(({ content }) => content.map(({ type }) => type));
  return types.length > 0 && types.every((type) => /^(?:text\/html|application\/xhtml\+xml)\b/.test(type));
}
