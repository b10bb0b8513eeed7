import { type ChangeRules, NEW_VERSION } from './rule.ts';

export const securityRules = {
  'security-tightened': {
    direction: 'request',
    severity: 'policy',
    title: 'An operation asks for credentials that it did not ask for',
    why: 'Callers without them are refused, whatever they send: a break for the pipelines that call it.',
    fix: 'Accept the old way as an alternative until callers have the new credentials.',
    mirror: 'security-loosened',
  },
  'security-loosened': {
    direction: 'request',
    severity: 'policy',
    title: 'An operation asks for fewer credentials than before',
    why: 'Callers are not hurt; whether it was meant is for its owner to say.',
    fix: 'Have the owner of the data confirm it.',
    mirror: 'security-tightened',
  },
  'security-scheme-changed': {
    direction: 'request',
    severity: 'policy',
    title: 'A security scheme works differently',
    why: 'Credentials are sent another way, or fetched elsewhere. Where they are sent another way, it is a break for the pipelines that call what asks for them.',
    fix: 'Add a new scheme beside the old one.',
  },
  'security-scheme-removed': {
    direction: 'request',
    severity: 'info',
    title: 'A security scheme is gone',
    why: 'What it means for callers stands with the operations that used it.',
    fix: 'Nothing to do.',
    mirror: 'security-scheme-added',
  },
  'security-scheme-added': {
    direction: 'request',
    severity: 'info',
    title: 'A security scheme is new',
    why: 'What it means for callers stands with the operations that use it.',
    fix: 'Nothing to do.',
    mirror: 'security-scheme-removed',
  },
} as const satisfies ChangeRules;

export const serverRules = {
  'server-removed': {
    direction: 'none',
    severity: 'risky',
    title: 'A server is no longer listed',
    why: 'Connections that point at it may find nothing there.',
    fix: 'Keep it listed until it is switched off.',
    mirror: 'server-added',
  },
  'server-added': {
    direction: 'none',
    severity: 'info',
    title: 'A server is new',
    why: 'Nobody has to use it.',
    fix: 'Nothing to do.',
    mirror: 'server-removed',
  },
} as const satisfies ChangeRules;

export const lifecycleRules = {
  'became-deprecated': {
    direction: 'both',
    severity: 'info',
    title: 'Something is deprecated',
    why: 'It still works, and will not for ever.',
    fix: 'Plan the move to its replacement.',
    mirror: 'no-longer-deprecated',
  },
  'no-longer-deprecated': {
    direction: 'both',
    severity: 'info',
    title: 'Something is no longer deprecated',
    why: 'It stays.',
    fix: 'Nothing to do.',
    mirror: 'became-deprecated',
  },
  'deprecation-without-sunset': {
    direction: 'none',
    severity: 'policy',
    title: 'A deprecation names no end',
    why: 'Without a sunset date nobody can plan the move, and nobody will.',
    fix: 'Add `x-sunset` with a date, and `x-replacement` with the operation to use instead.',
  },
  'deprecation-without-replacement': {
    direction: 'none',
    severity: 'policy',
    title: 'A deprecation names no replacement',
    why: 'Callers know when it ends, and not where to go. There may be no such place, so this blocks nothing by itself.',
    fix: 'Add `x-replacement` with the operation to use instead, or say in the description that there is none.',
  },
  'deprecation-window-too-short': {
    direction: 'none',
    severity: 'policy',
    title: 'A deprecation ends sooner than the policy allows',
    why: 'Consumers were promised more time (`deprecationWindow` in contract.yaml).',
    fix: 'Move the sunset to a later date.',
  },
  'sunset-passed': {
    direction: 'none',
    severity: 'policy',
    title: 'Something is still there after its sunset',
    why: 'What stays past its date teaches everybody to ignore dates.',
    fix: 'Remove it, or agree on a new date.',
  },
  'sunset-moved-earlier': {
    direction: 'none',
    severity: 'policy',
    title: 'A sunset is earlier than announced',
    why: 'Consumers planned with the old date.',
    fix: 'Keep the announced date.',
    mirror: 'sunset-moved-later',
  },
  'sunset-moved-later': {
    direction: 'none',
    severity: 'info',
    title: 'A sunset is later than announced',
    why: 'Consumers have more time.',
    fix: 'Nothing to do.',
    mirror: 'sunset-moved-earlier',
  },
  'sunset-removed': {
    direction: 'none',
    severity: 'policy',
    title: 'A sunset is no longer announced',
    why: 'It is still deprecated, and nobody can plan any more.',
    fix: 'Give the date, or take the deprecation back.',
  },
  'removed-before-sunset': {
    direction: 'none',
    severity: 'policy',
    title: 'Something was removed before its sunset',
    why: 'Consumers planned with the announced date.',
    fix: 'Keep it until then.',
  },
  'sunset-unreadable': {
    direction: 'none',
    severity: 'policy',
    title: 'A sunset is no date',
    why: 'Nobody can plan with it, and no check can hold it.',
    fix: 'Write the date as RFC 3339: `2027-03-31`.',
  },
  'stability-decreased': {
    direction: 'none',
    severity: 'policy',
    title: 'Something is promised less than before',
    why: '`x-stability-level` fell (stable, beta, alpha, draft): consumers built on the old promise.',
    fix: 'Keep the level; deprecate what is to go.',
    mirror: 'stability-increased',
  },
  'stability-increased': {
    direction: 'none',
    severity: 'info',
    title: 'Something is promised more than before',
    why: '`x-stability-level` rose.',
    fix: 'Nothing to do.',
    mirror: 'stability-decreased',
  },
  'stability-unknown': {
    direction: 'none',
    severity: 'policy',
    title: 'A stability level is none of the known ones',
    why: 'What is promised cannot be told.',
    fix: 'Use `draft`, `alpha`, `beta` or `stable`.',
  },
  'version-not-raised': {
    direction: 'none',
    severity: 'policy',
    title: 'The contract breaks and its version says it does not',
    why: 'A consumer that pins a version gets another contract under the same number. A break that no pipeline here is hit by counts too, and the message says so: who else reads the number is not known. Only of a document that came from elsewhere (`provenance` in contract.yaml) it blocks nothing then, as the number is not yours to raise.',
    fix: 'Raise the major version in `info.version`.',
  },
} as const satisfies ChangeRules;

export const channelRules = {
  'event-removed': {
    direction: 'response',
    severity: 'breaking',
    title: 'An event is no longer sent',
    why: 'What waits for it waits for ever.',
    fix: NEW_VERSION,
    mirror: 'event-added',
  },
  'event-added': {
    direction: 'response',
    severity: 'info',
    title: 'An event is new',
    why: 'Nobody has to listen.',
    fix: 'Nothing to do.',
    mirror: 'event-removed',
  },
  'channel-address-changed': {
    direction: 'both',
    severity: 'breaking',
    title: 'A channel has another address',
    why: 'Messages go where nobody listens, or come from where nobody sends.',
    fix: 'Serve both addresses until everybody has moved.',
  },
} as const satisfies ChangeRules;

export const messageRules = {
  'message-removed': {
    direction: 'both',
    severity: 'breaking',
    title: 'A message is gone from its operation',
    why: 'What sends it is refused; what waits for it waits for ever.',
    fix: NEW_VERSION,
    mirror: 'message-added',
  },
  'message-added': {
    direction: 'both',
    severity: 'info',
    title: 'A message is new in its operation',
    why: 'Receivers see a kind that they do not know.',
    fix: 'Say in the changelog when it comes.',
    mirror: 'message-removed',
  },
  'message-content-type-changed': {
    direction: 'both',
    severity: 'breaking',
    title: 'A message is written in another format',
    why: 'The other side reads the bytes as something else.',
    fix: 'Send the new format as a new message.',
  },
  'correlation-id-changed': {
    direction: 'both',
    severity: 'risky',
    title: 'Messages are matched by another field',
    why: 'A reply is no longer found by the one who waits.',
    fix: 'Fill both fields until everybody has moved.',
  },
} as const satisfies ChangeRules;

export const bindingRules = {
  'bindings-changed': {
    direction: 'both',
    severity: 'risky',
    title: 'Protocol bindings differ',
    why: 'Queues, topics, keys and QoS decide whether messages arrive, and in which order.',
    fix: 'Check the change with the operators of the broker.',
  },
} as const satisfies ChangeRules;

export const replyRules = {
  'reply-removed': {
    direction: 'response',
    severity: 'breaking',
    title: 'An operation no longer replies',
    why: 'What waits for the reply waits for ever.',
    fix: NEW_VERSION,
    mirror: 'reply-added',
  },
  'reply-added': {
    direction: 'response',
    severity: 'info',
    title: 'An operation now replies',
    why: 'Nobody waits for it yet.',
    fix: 'Nothing to do.',
    mirror: 'reply-removed',
  },
  'reply-address-changed': {
    direction: 'response',
    severity: 'breaking',
    title: 'Replies come to another address',
    why: 'What waits for the reply listens elsewhere.',
    fix: 'Reply to both addresses until everybody has moved.',
  },
} as const satisfies ChangeRules;
