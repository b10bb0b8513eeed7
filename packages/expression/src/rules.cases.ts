import type { expressionRules } from './rules.ts';
import type { SchemaInput } from './types/from-schema.ts';

export interface ExpressionCase {
  readonly source: string;
  /** As what it is checked; `send` gives it to a receiver of type `target`. Default `value`. */
  readonly as?: 'value' | 'condition' | 'text' | 'send';
  readonly target?: SchemaInput;
  /** The text of the span at fault, where it fires; none for what is sent. */
  readonly at?: string;
}

/** The event that the cases read: a little of everything that a contract can say. */
export const caseEvent: SchemaInput = {
  type: 'object',
  required: ['id', 'plan', 'total', 'count', 'method', 'tags', 'nickname', 'customer'],
  properties: {
    id: { type: 'string' },
    plan: { enum: ['free', 'team', 'pro'] },
    total: { type: 'number' },
    count: { type: 'integer' },
    coupon: { type: 'string' },
    nickname: { type: ['string', 'null'] },
    tags: { type: 'array', items: { type: 'string' } },
    method: { oneOf: [{ $ref: '#/$defs/card' }, { $ref: '#/$defs/bank' }] },
    customer: {
      type: 'object',
      required: ['email'],
      properties: { email: { type: 'string' }, age: { type: 'integer' } },
    },
  },
};

export const caseDefinitions: Readonly<Record<string, SchemaInput>> = {
  card: {
    type: 'object',
    required: ['type', 'last4'],
    properties: { type: { const: 'card' }, last4: { type: 'string' } },
  },
  bank: {
    type: 'object',
    required: ['type', 'iban'],
    properties: { type: { const: 'bank' }, iban: { type: 'string' } },
  },
};

const CUSTOMER_WITH_AGE: SchemaInput = {
  type: 'object',
  required: ['email', 'age'],
  properties: { email: { type: 'string' }, age: { type: 'integer' } },
};

/** For each code an expression that makes it fire, and one near to it that must not. */
export const expressionCases = {
  'unknown-name': {
    fires: { source: "evnt.plan == 'free'", at: 'evnt' },
    silent: { source: "event.plan == 'free'" },
  },
  'unknown-field': {
    fires: { source: 'event.custmer.email', at: 'custmer' },
    silent: { source: 'event.customer.email' },
  },
  'field-may-be-absent': {
    fires: { source: 'event.coupon', at: 'coupon' },
    silent: { source: "has(event.coupon) ? event.coupon : 'none'" },
  },
  'value-may-be-null': {
    fires: { source: 'event.nickname.trim()', at: 'event.nickname' },
    silent: { source: "event.nickname != null ? event.nickname.trim() : 'there'" },
  },
  'value-may-be-absent': {
    fires: { source: "event.?coupon + '!'", at: 'event.?coupon' },
    silent: { source: "event.?coupon.orValue('none') + '!'" },
  },
  'variant-not-narrowed': {
    fires: { source: 'event.method.last4', at: 'last4' },
    silent: { source: "event.method.type == 'card' ? event.method.last4 : event.method.iban" },
  },
  'wrong-operand': {
    fires: { source: "event.id + ':' + event.count", at: "event.id + ':' + event.count" },
    silent: { source: "event.id + ':' + string(event.count)" },
  },
  'wrong-arguments': {
    fires: { source: 'event.id.contains(1)', at: '1' },
    silent: { source: "event.id.contains('1')" },
  },
  'unknown-function': {
    fires: { source: 'length(event.tags)', at: 'length' },
    silent: { source: 'size(event.tags)' },
  },
  'unknown-policy': {
    fires: { source: 'policy.larg(event.total)', at: 'larg' },
    silent: { source: 'policy.large(event.total)' },
  },
  'policy-arguments': {
    fires: { source: 'policy.large(event.id)', at: 'policy.large(event.id)' },
    silent: { source: 'policy.large(event.count)' },
  },
  'policy-broken': {
    fires: { source: 'policy.circular(event.total)', at: 'policy.circular(event.total)' },
    silent: { source: 'policy.veryLarge(event.total)' },
  },
  'condition-not-boolean': {
    fires: { source: 'event.id', as: 'condition', at: 'event.id' },
    silent: { source: "event.id != ''", as: 'condition' },
  },
  'value-outside-enum': {
    fires: { source: "event.plan in ['free', 'tem']", at: "'tem'" },
    silent: { source: "event.plan in ['free', 'team']" },
  },
  'comparison-of-types': {
    fires: { source: "event.count == '3'", at: "'3'" },
    silent: { source: 'event.count == 3' },
  },
  'always-true': {
    fires: { source: 'has(event.id) && event.count > 1', at: 'has(event.id)' },
    silent: { source: 'has(event.coupon) && event.count > 1' },
  },
  'always-false': {
    fires: { source: 'event.id == null', at: 'event.id == null' },
    silent: { source: 'event.nickname == null' },
  },
  'always-fails': {
    fires: { source: "timestamp(event.id) + duration('2 hours')", at: "duration('2 hours')" },
    silent: { source: "timestamp(event.id) + duration('2h')" },
  },
  'integer-expected': {
    fires: { source: 'event.total * 100 % 2', at: 'event.total * 100' },
    silent: { source: 'round(event.total * 100) % 2' },
  },
  'cannot-interpolate': {
    fires: { source: 'event.tags', as: 'text', at: 'event.tags' },
    silent: { source: "event.tags.join(', ')", as: 'text' },
  },
  'wrong-type': {
    fires: { source: 'event.id', as: 'send', target: { type: 'number' } },
    silent: { source: 'event.total', as: 'send', target: { type: 'number' } },
  },
  'list-may-be-too-short': {
    fires: {
      source: 'event.tags',
      as: 'send',
      target: { type: 'array', items: { type: 'string' }, minItems: 1 },
    },
    silent: {
      source: 'event.tags + [event.id]',
      as: 'send',
      target: { type: 'array', items: { type: 'string' }, minItems: 1 },
    },
  },
  'missing-member': {
    fires: { source: 'event.customer', as: 'send', target: CUSTOMER_WITH_AGE },
    silent: { source: "{'email': event.customer.email, 'age': 1}", as: 'send', target: CUSTOMER_WITH_AGE },
  },
  'unknown-member': {
    fires: {
      source: "{'email': event.id, 'mail': event.id}",
      as: 'send',
      target: { type: 'object', properties: { email: { type: 'string' } }, additionalProperties: false },
    },
    silent: {
      source: "{'email': event.id}",
      as: 'send',
      target: { type: 'object', properties: { email: { type: 'string' } }, additionalProperties: false },
    },
  },
} as const satisfies Record<
  keyof typeof expressionRules,
  { readonly fires: ExpressionCase; readonly silent: ExpressionCase }
>;
