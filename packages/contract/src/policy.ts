import { parseDuration } from '@tenon/model';
import { type BuildContext, textItems } from './build.ts';
import { type ContractPolicy, type DataClass, dataClasses } from './ir.ts';
import type { Part } from './part.ts';
import { pointerOf } from './place.ts';
import { ShapeChecker } from './shape.ts';
import { policyShapes } from './shapes-tenon.ts';

const COMPATIBILITIES = ['none', 'backward', 'full'] as const;

/** Reads `contract.yaml`; `undefined` when it is missing or is no object. */
export async function readPolicy(file: string, context: BuildContext): Promise<ContractPolicy | undefined> {
  const { sources, findings } = context;
  await sources.open(file);
  const root = sources.root(file);
  if (!root) {
    if (!sources.isUnreadable(file)) findings.addMissingFile(file);
    return undefined;
  }
  new ShapeChecker({ shapes: policyShapes, findings, sources, version: '1.0' }).check(root, 'policy');
  if (!root.object) return undefined;
  const deprecationWindowMs = durationOf(root.get('deprecationWindow'), context);
  const steward = root.get('steward');
  const stewardAt = typeof steward?.value === 'string' ? sources.locate(steward.place) : undefined;
  const retention = root.get('retention');
  const provenance = provenanceOf(root.get('provenance'));
  const residency = root.text('residency');
  const blocks = root.get('blocks');
  const compatibility = COMPATIBILITIES.find((known) => known === root.text('compatibility')) ?? 'backward';
  return {
    file,
    steward: root.text('steward') ?? '',
    ...(stewardAt && { stewardAt }),
    systemOfRecord: pointers(root.get('systemOfRecord'), context),
    compatibility,
    ...(deprecationWindowMs !== undefined && { deprecationWindowMs }),
    ...(provenance && { provenance }),
    classes: classesOf(root.get('classes'), context),
    ...(residency !== undefined && { residency }),
    ...(retention && { retentionMs: retentionOf(retention, context) }),
    ...(blocks && { blocks: textItems(blocks) }),
  };
}

function durationOf(part: Part | undefined, { findings }: BuildContext): number | undefined {
  if (typeof part?.value !== 'string') return undefined;
  const ms = parseDuration(part.value);
  if (ms === undefined)
    findings.add('contract-policy-duration', part, {
      message: `${JSON.stringify(part.value)} is no duration; write one such as 90d or 12h`,
    });
  return ms;
}

function retentionOf(part: Part, context: BuildContext): NonNullable<ContractPolicy['retentionMs']> {
  return Object.fromEntries(
    dataClasses.flatMap((one) => {
      const ms = durationOf(part.get(one), context);
      return ms === undefined ? [] : [[one, ms] as const];
    }),
  );
}

function provenanceOf(part: Part | undefined): ContractPolicy['provenance'] {
  const source = part?.text('source');
  if (!part || source === undefined) return undefined;
  const found: { source: string; version?: string; digest?: string; fetched?: string } = { source };
  for (const key of ['version', 'digest', 'fetched'] as const) {
    const text = part.text(key);
    if (text !== undefined) found[key] = text;
  }
  return found;
}

function pointers(part: Part | undefined, context: BuildContext): string[] {
  const found = new Set<string>();
  for (const item of part?.items() ?? [])
    if (typeof item.value === 'string')
      for (const pointer of namesOf(item.value, item, false, context)) found.add(pointer);
  return [...found];
}

function classesOf(part: Part | undefined, context: BuildContext): Record<string, DataClass> {
  const found: Record<string, DataClass> = {};
  for (const [pointer, item] of part?.entries() ?? []) {
    const dataClass = dataClasses.find((known) => known === item.value);
    const names = namesOf(pointer, item, true, context);
    if (dataClass) for (const name of names) found[name] = dataClass;
  }
  return found;
}

/**
 * The pointer as written and, where it leads through a reference or to what an overlay added, that of the field's own
 * place, by which `originOf` knows it. Empty for a pointer that names nothing, and thus protects nothing: the field was
 * renamed, or never was.
 */
function namesOf(pointer: string, at: Part, onKey: boolean, context: BuildContext): string[] {
  const isPointer = pointer.startsWith('/');
  // A "%" in a pointer is itself; in a reference it would begin an escape.
  const found = isPointer
    ? context.sources.resolve(`#${pointer.replaceAll('%', '%25')}`, context.root.base)
    : undefined;
  if (found && !('failure' in found)) {
    const own = pointerOf(found.part.place);
    return own === pointer || found.part.base !== context.root.base ? [pointer] : [pointer, own];
  }
  context.findings.add('contract-policy-pointer', at, {
    message: isPointer
      ? `${JSON.stringify(pointer)} names nothing in ${context.root.base}`
      : `${JSON.stringify(pointer)} is no JSON Pointer: it must begin with "/"`,
    onKey,
  });
  return [];
}
