import type { DiagnosticRules } from '@tenon/model';

/** What comes next is the same for all of these: a sender that is refused keeps the delivery, for a while. */
const AGAIN =
  'Then have the sender send it again: most do by themselves for some hours or days, and have a list of what failed.';

/**
 * Every code that a delivery of a webhook is refused with. It goes to the sender with its status, and into the log with the address that was called; nothing
 * of the delivery is stored, so it is not in quarantine either.
 */
export const webhookRules = {
  WEBHOOK_BODY_TOO_LARGE: {
    severity: 'warning',
    title: 'the body of a delivery is larger than is taken',
    why: 'What one delivery may hold in memory is bounded: a MiB. Nothing of it was stored.',
    fix: `Have the sender put less into an event, or a reference from which the rest can be read. ${AGAIN}`,
  },
  WEBHOOK_TYPE_UNSUPPORTED: {
    severity: 'warning',
    title: 'a delivery is of another content type than its signature scheme has',
    why: 'A body is read in the way that its scheme names, and in no other. Mostly the sender is set to send a form, or the address was called by hand. Nothing was stored.',
    fix: `Set the sender to the content type of the scheme (mostly \`application/json\`); of a scheme of the connector’s own, \`parsers\` in its code lists them. ${AGAIN}`,
  },
  WEBHOOK_SECRET_UNSET: {
    severity: 'error',
    title: 'the connection has no secret to verify webhooks with',
    why: 'Without a secret nobody could tell the sender from anybody else, so every delivery is refused and none is stored.',
    fix: `Put the secret that the sender signs with under \`webhookSecrets\` of the connection in \`tenon.config.yaml\`, as a reference, and deploy it. ${AGAIN}`,
  },
  WEBHOOK_SCHEME_UNKNOWN: {
    severity: 'error',
    title: 'the connector names a signature scheme that nothing provides',
    why: 'Without its scheme no delivery can be verified, so every one is refused and none is stored.',
    fix: `Export the scheme from the connector’s code under the name in \`verify\` (\`webhookSchemes\`), or name one that Tenon has. ${AGAIN}`,
  },
  WEBHOOK_SIGNATURE_MISSING: {
    severity: 'warning',
    title: 'a delivery carries no signature that can be read',
    why: 'The header of its scheme is not there, or not in the form that the scheme has. Somebody else called the address, the sender does not sign yet, or it signs in another way than `verify` in `connector.yaml` says. Nothing was stored.',
    fix: `See which headers the sender sends, and hold \`verify\` against its documents. \`tenon deliver <connection>.<event>\` sends one that is signed as declared. ${AGAIN}`,
  },
  WEBHOOK_SIGNATURE_WRONG: {
    severity: 'warning',
    title: 'the signature of a delivery does not match its body',
    why: 'It was signed with another secret, or changed on its way: something in between (a proxy, a gateway) may have written the body anew. Or it is not from the sender at all. Nothing was stored.',
    fix: `Compare the secret at the sender with the one that \`webhookSecrets\` of the connection refers to; while one is rotated, list both. See that nothing on the way changes the body. ${AGAIN}`,
  },
  WEBHOOK_TIMESTAMP_OLD: {
    severity: 'warning',
    title: 'a delivery was signed longer ago than is tolerated',
    why: 'Whoever has recorded a delivery could send it again for ever. The signature was right; the time in it is further back than `tolerance` of the webhook. Or the clock here is ahead. Nothing was stored.',
    fix: `Compare the clock here with the true time. Where the sender keeps the first time when it sends again, raise \`tolerance\` in \`connector.yaml\`: a repeat is known by its id all the same. ${AGAIN}`,
  },
  WEBHOOK_TIMESTAMP_AHEAD: {
    severity: 'warning',
    title: 'a delivery was signed at a time that is yet to come',
    why: 'The signature was right; the time in it is further ahead than `tolerance` of the webhook. A clock is wrong, here or there, or the sender counts milliseconds where its scheme has seconds. Nothing was stored.',
    fix: `Compare the clock here with the true time, and the unit of the sender’s timestamp with its scheme. ${AGAIN}`,
  },
  WEBHOOK_BODY_MALFORMED: {
    severity: 'warning',
    title: 'the body of a delivery cannot be read',
    why: 'The signature was right, so the sender did send it, and it is no JSON; or, of a webhook with `envelope: cloudevents`, no event of CloudEvents. Nothing was stored.',
    fix: `Look at the delivery at the sender. Where its body is no CloudEvent, take \`envelope\` out of the webhook in \`connector.yaml\`. ${AGAIN}`,
  },
  WEBHOOK_ID_MISSING: {
    severity: 'error',
    title: 'a delivery carries no id where the connector says that it stands',
    why: 'By its id a delivery that comes again is known to be the same one. Its signature was right; at `id` of the webhook in `connector.yaml` there is nothing, or neither a text nor a number. Nothing was stored.',
    fix: `Hold \`id\` against a delivery of the sender: a header’s name, or a pointer into the body such as \`/id\`. ${AGAIN}`,
  },
} as const satisfies DiagnosticRules;
