import { type Conditional, type Expr, type Field, parseExpression, type Type } from '@tenon/expression';
import { MapOver, MapUntil } from './growing-map.ts';
import type { NamedSource, Unreadable } from './scope.ts';

/** What can be read depends on the conditions that led to a place, and on the steps that are in other branches. */
interface Place {
  readonly conditions: readonly string[];
  readonly elsewhere: ReadonlyMap<string, Unreadable>;
}

export interface Result {
  readonly type: Type;
  /** Its type where it is known to have done what it is for; absent: the same. */
  readonly confirmed?: Type;
  readonly source?: NamedSource;
  /** It ran only if all of these held. */
  readonly conditions: readonly string[];
}

/** Steps whose results can be read at a place, before the step at the place is taken out. */
interface Visible {
  readonly fields: ReadonlyMap<string, Field>;
  readonly sources: ReadonlyMap<string, NamedSource>;
  readonly unreadable: ReadonlyMap<string, Unreadable>;
  readonly conditional: readonly Conditional[];
  /** Results and silent steps that it has taken in. */
  readonly results: number;
  readonly silent: number;
}

interface At<V> {
  /** How many steps had a result, or none, before. */
  readonly at: number;
  readonly value: V;
}

/** What becomes visible where no condition is known to hold, each part of it from some step on. */
interface Growth {
  readonly fields: Map<string, At<Field>>;
  readonly sources: Map<string, At<NamedSource>>;
  readonly silent: Map<string, At<Unreadable>>;
  readonly base: ReadonlyMap<string, Unreadable>;
  visible: Visible;
}

/**
 * What can be read grows by one step at a time, and each place sees what there was when the walk came by: made anew or
 * copied for every step, a pipeline of 200 steps would spend most of its check here. `results` and `silent` are the same
 * two at every call, and only grow.
 */
export function visibleSteps(
  ids: readonly string[],
  roots: ReadonlyMap<string, NamedSource>,
  withoutOutput: ReadonlySet<string>,
) {
  const growths = new Map<Place['elsewhere'], Growth>();
  const parsed = new Map<string, Expr>();
  const listed: (readonly [string, Result])[] = [];
  const silences: string[] = [];
  /** Where the walk's results and silent steps have been taken in to: never past their last, so they go on. */
  let unlisted: MapIterator<[string, Result]> | undefined;
  let unheard: SetIterator<string> | undefined;
  /** Results that are there only when a condition held, by that condition. */
  const byCondition = new Map<string, (readonly [string, Result])[]>();
  return {
    at(here: Place, results: ReadonlyMap<string, Result>, silent: ReadonlySet<string>): Visible {
      unlisted ??= results.entries();
      while (listed.length < results.size) note(unlisted.next().value!);
      unheard ??= silent.values();
      while (silences.length < silent.size) silences.push(unheard.next().value!);
      const growth = growths.get(here.elsewhere) ?? empty(here.elsewhere);
      growths.set(here.elsewhere, growth);
      const { visible } = growth;
      if (visible.results !== listed.length || visible.silent !== silences.length)
        growth.visible = grown(growth, here.elsewhere);
      return under(here.conditions, growth.visible, (id) => here.elsewhere.has(id) || silent.has(id));
    },
  };

  function note(entry: readonly [string, Result]): void {
    listed.push(entry);
    for (const one of new Set(entry[1].conditions))
      byCondition.set(one, [...(byCondition.get(one) ?? []), entry]);
  }

  /** The same where these conditions hold: what was there only under one of them is there for certain. */
  function under(
    conditions: readonly string[],
    visible: Visible,
    isHidden: (id: string) => boolean,
  ): Visible {
    const settled = new Map<string, Field>();
    const open = new Map<string, Conditional | undefined>();
    for (const [id, result] of conditions.flatMap((one) => byCondition.get(one) ?? [])) {
      if (settled.has(id) || isHidden(id)) continue;
      const when = conditionOf(result, conditions);
      settled.set(id, { type: () => result.type, required: when === undefined });
      open.set(id, when && { path: ['steps', id], when });
    }
    if (settled.size === 0) return visible;
    return {
      ...visible,
      fields: new MapOver(settled, visible.fields),
      conditional: visible.conditional.flatMap((one) => {
        const id = one.path[1]!;
        return open.has(id) ? (open.get(id) ?? []) : one;
      }),
    };
  }

  /** What must have held for a result to be there, beyond what does; `undefined` where nothing must. */
  function conditionOf(result: Result, conditions: readonly string[]): Expr | undefined {
    const open = result.conditions.filter((one) => !conditions.includes(one));
    if (open.length === 0) return undefined;
    const when = open.map((one) => `(${one})`).join(' && ');
    const condition = parsed.get(when) ?? parseExpression(when).ast;
    parsed.set(when, condition);
    return condition;
  }

  function empty(elsewhere: Place['elsewhere']): Growth {
    const base = new Map(ids.map((id): [string, Unreadable] => [id, elsewhere.get(id) ?? 'later']));
    const visible: Visible = {
      fields: new Map(),
      sources: roots,
      unreadable: base,
      conditional: [],
      results: 0,
      silent: 0,
    };
    return { fields: new Map(), sources: new Map(), silent: new Map(), base, visible };
  }

  function grown({ fields, sources, silent, base, visible }: Growth, elsewhere: Place['elsewhere']): Visible {
    const added: Conditional[] = [];
    for (let at = visible.silent; at < silences.length; at++) {
      const id = silences[at]!;
      const value = withoutOutput.has(id) ? 'withoutOutput' : 'withoutResult';
      if (!elsewhere.has(id)) silent.set(id, { at, value });
    }
    for (let at = visible.results; at < listed.length; at++) {
      const [id, result] = listed[at]!;
      if (elsewhere.has(id) || silent.has(id)) continue;
      const when = conditionOf(result, []);
      fields.set(id, { at, value: { type: () => result.type, required: when === undefined } });
      if (result.source) sources.set(`steps.${id}`, { at, value: result.source });
      if (when) added.push({ path: ['steps', id], when });
    }
    const readable = new MapUntil(fields, listed.length);
    return {
      fields: readable,
      sources: new MapOver(new MapUntil(sources, listed.length), roots),
      unreadable: new MapOver(new MapUntil(silent, silences.length), base, readable),
      conditional: added.length === 0 ? visible.conditional : [...visible.conditional, ...added],
      results: listed.length,
      silent: silences.length,
    };
  }
}
