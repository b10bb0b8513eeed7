import { loadContract } from '@tenon/contract';
import { describe, expect, it } from 'vitest';
import { diffContracts } from './diff.ts';
import { toDiagnostics } from './report/diagnostics.ts';
import { changeRules } from './rules/registry.ts';
import {
  CASE_NOW,
  type ChangeCase,
  type DocumentPair,
  diffCases,
  PRESENT,
  undecidedCase,
  waiverCases,
} from './rules.cases.ts';
import { applyWaivers, loadWaivers } from './waivers.ts';

async function load(document: unknown, policy?: string) {
  const files: Record<string, string> = {
    'api.json': JSON.stringify(document),
    ...(policy !== undefined && { 'contract.yaml': policy }),
  };
  const loaded = await loadContract(
    { name: 'case', document: 'api.json', ...(policy !== undefined && { policy: 'contract.yaml' }) },
    { read: async (file) => files[file] },
  );
  expect(loaded.value, loaded.diagnostics[0]?.message).toBeDefined();
  return loaded.value!;
}

async function report({ base, revision, policy }: DocumentPair) {
  return diffContracts(await load(base), await load(revision, policy), { now: CASE_NOW });
}

describe('each rule of change', () => {
  for (const [rule, { fires, silent }] of Object.entries<ChangeCase>(diffCases)) {
    it(`${rule} fires`, async () => {
      const { findings } = await report(fires);
      expect(findings.map((finding) => finding.rule)).toContain(rule);
    });
    it(`${rule} stays silent near by`, async () => {
      const { findings } = await report(silent);
      expect(findings.map((finding) => finding.rule)).not.toContain(rule);
    });
  }
});

describe('each code about waivers', () => {
  const codesOf = (text: string): string[] => {
    const loaded = loadWaivers('waivers.yaml', text);
    const present = { fingerprint: PRESENT };
    // Only the fingerprints of a report matter to waivers.
    const held = { findings: [present], undecided: [] } as unknown as Parameters<typeof applyWaivers>[0];
    const applied = loaded.value ? applyWaivers(held, loaded.value, CASE_NOW).diagnostics : [];
    return [...loaded.diagnostics, ...applied].map((diagnostic) => diagnostic.code);
  };
  for (const [code, { fires, silent }] of Object.entries(waiverCases)) {
    it(`${code} fires`, () => expect(codesOf(fires)).toContain(code));
    it(`${code} stays silent near by`, () => expect(codesOf(silent)).toEqual([]));
  }
});

describe('schema-undecided', () => {
  it('fires where neither a proof nor a witness exists', async () => {
    const codes = toDiagnostics(await report(undecidedCase.fires)).map((diagnostic) => diagnostic.code);
    expect(codes).toContain('schema-undecided');
  });
  it('stays silent near by', async () => {
    expect((await report(undecidedCase.silent)).undecided).toEqual([]);
  });
});

/** Rules that stand alone, each with the reason why. */
const WITHOUT_MIRROR: Readonly<Record<string, string>> = {
  'operation-moved': 'a move back is a move',
  'operation-id-changed': 'a change has no direction',
  'parameter-renamed': 'a change has no direction',
  'parameter-moved': 'a move back is a move',
  'parameter-serialization-changed': 'a change has no direction',
  'parameter-media-type-changed': 'a change has no direction',
  'string-content-changed': 'a change has no direction',
  'access-changed': 'readOnly and writeOnly are each their own opposite',
  'enum-values-replaced': 'a change has no direction',
  'default-changed': 'a change has no direction',
  'parameter-default-changed': 'a change has no direction',
  'discriminator-changed': 'a change has no direction',
  'component-renamed': 'a change has no direction',
  'security-scheme-changed': 'a change has no direction',
  'deprecation-without-sunset': 'keeping an agreement is no finding',
  'deprecation-without-replacement': 'keeping an agreement is no finding',
  'deprecation-window-too-short': 'keeping an agreement is no finding',
  'sunset-passed': 'keeping an agreement is no finding',
  'sunset-unreadable': 'keeping an agreement is no finding',
  'sunset-removed': 'keeping an agreement is no finding',
  'removed-before-sunset': 'keeping an agreement is no finding',
  'stability-unknown': 'keeping an agreement is no finding',
  'version-not-raised': 'keeping an agreement is no finding',
  'channel-address-changed': 'a change has no direction',
  'message-content-type-changed': 'a change has no direction',
  'correlation-id-changed': 'a change has no direction',
  'bindings-changed': 'a change has no direction',
  'reply-address-changed': 'a change has no direction',
};

describe('the taxonomy', () => {
  const rules = Object.entries(changeRules);
  it('has a mirror for every rule, or a reason why not', () => {
    const missing = rules.filter(
      ([id, rule]) => !rule.mirror && !WITHOUT_MIRROR[id] && !id.endsWith('-changed'),
    );
    expect(missing.map(([id]) => id)).toEqual([]);
  });
  it('has no reason left over', () => {
    const known: Readonly<Record<string, { readonly mirror?: string }>> = changeRules;
    expect(Object.keys(WITHOUT_MIRROR).filter((id) => !known[id] || known[id].mirror !== undefined)).toEqual(
      [],
    );
  });
  it('names mirrors that exist', () => {
    const known = new Set(rules.map(([id]) => id));
    expect(
      rules.flatMap(([, rule]) => (rule.mirror && !known.has(rule.mirror as never) ? [rule.mirror] : [])),
    ).toEqual([]);
  });
});
