import type { DiagnosticRules } from '@tenon/model';

/**
 * Every code that the server itself answers or logs: to whoever asks the operations API, to the senders of webhooks, and of what comes
 * from brokers. What the runtime refuses has the runtime's codes. `tenon explain` and the docs are made of these.
 */
export const serverRules = {
  ACCESS_TOKEN_MISSING: {
    severity: 'error',
    title: 'no token came along, or one that is no operator’s',
    why: 'Whoever asks is known by a token alone; nothing was looked up and nothing changed.',
    fix: 'Set `TENON_TOKEN` to the token of an operator that `server.operators` in `tenon.config.yaml` of that Tenon names. Where it names none, the token lies in `.tenon/operator.token` of the workspace that is served: run the command there, without a `TENON_TOKEN` of somewhere else.',
  },
  ACCESS_GUESSES_LIMITED: {
    severity: 'error',
    title: 'too many tokens that are no operator’s came from one address',
    why: 'Whoever tries many may find one that can be guessed: short, or made up by a person. So of these only ten are looked at at once from one address, and then one in six seconds, the right one among them or not; a long random one is looked at whatever else came from there. Nothing was looked up and nothing changed.',
    fix: 'Wait as long as the answer says (`Retry-After`). Give operators tokens that nobody guesses, `openssl rand -base64 32` makes one: a start names whose are not. Where it is a program with an old token, set it right; where it is nobody you know, keep the address out in front of Tenon.',
  },
  ACCESS_ROLE_REFUSED: {
    severity: 'error',
    title: 'the operator’s role may not do that',
    why: 'A `scraper` is given the metrics alone, a `viewer` reads, an `approver` decides approvals too, an `operator` may do everything. Nothing was changed; the attempt is in the log.',
    fix: 'Ask somebody whose role may, or use their token; a role is given under `server.operators` in `tenon.config.yaml`, and counts from the next start.',
  },
  HTTP_RESOURCE_UNKNOWN: {
    severity: 'error',
    title: 'what is named is not there',
    why: 'The id is misspelt or not whole, or it belongs to another Tenon than the one that was asked.',
    fix: 'Copy the id whole from its list: `tenon runs ls`, `tenon dead-letters`, `tenon reconcile reports`; tokens are printed by the dry run. See with `--url` which Tenon is asked.',
  },
  HTTP_QUERY_INVALID: {
    severity: 'error',
    title: 'a filter in the address is none that can be used',
    why: 'Left out, it would show more than was asked for.',
    fix: 'Correct the value that the answer names; `--help` of the command says which there are.',
  },
  HTTP_BODY_UNREADABLE: {
    severity: 'error',
    title: 'the body of the request is not JSON, or nested too deep',
    why: 'What cannot be read is not guessed at. Nothing was changed.',
    fix: 'Send JSON, as `contracts/operations` describes it for the route.',
  },
  HTTP_BODY_INVALID: {
    severity: 'error',
    title: 'the body of the request is not what the route takes',
    why: 'The answer names the place (`pointer`) and what was expected. Nothing was changed.',
    fix: 'Correct that place; a reason has up to 1000 characters. Where the command line sent what you never gave, `tenon` here and the Tenon that was asked are of different versions: `tenon --version` on both.',
  },
  HTTP_ROUTE_UNKNOWN: {
    severity: 'error',
    title: 'nothing is served at this address',
    why: 'The path or the method is not one of the operations API, or the Tenon that was asked is older than the command.',
    fix: 'Look at the address (`--url` is the root, without a path), and compare `tenon --version` here and there; `contracts/operations` lists what is served.',
  },
  HTTP_ADDRESS_INVALID: {
    severity: 'error',
    title: 'the address cannot be read',
    why: 'A part of the path is too long, or is not percent-encoded UTF-8.',
    fix: 'Encode each part of the path; ids are shorter than that.',
  },
  HTTP_REQUEST_REFUSED: {
    severity: 'error',
    title: 'the request was refused before it was looked at',
    why: 'It is larger than the MiB that is taken, or broken off, or not HTTP as it should be. Nothing was stored.',
    fix: 'The answer says which. A sender of larger events puts them where they can be read, and sends a reference.',
  },
  HTTP_HANDLER_FAILED: {
    severity: 'error',
    title: 'the server failed at a request',
    why: 'That is a fault of Tenon’s own. A delivery that was answered so was not acknowledged, so its sender sends it again; whether a change was made shows only when it is looked at.',
    fix: 'See the log for the message with this code, look whether what was asked is there, ask again, and report the message.',
  },
  INTAKE_BUSY: {
    severity: 'error',
    title: 'as many deliveries are under way as are taken at a time',
    why: 'What they hold in memory is bounded. Nothing of this one was read; its sender was told to come again.',
    fix: 'Nothing, where it goes by. Where it stays, deliveries wait for the disk: `tenon flow` says what holds them up.',
  },
  WEBHOOK_EVENT_UNKNOWN: {
    severity: 'error',
    title: 'a webhook came in that no connection takes',
    why: 'The address is `/hooks/<connection>/<event>`, with a connection of `tenon.config.yaml` and a webhook of its connector. The delivery was not stored; most senders send it again for a while.',
    fix: 'Correct the address at the sender, or declare the webhook in `connector.yaml` and deploy it. Then have the sender send again what was refused.',
  },
  CONSUMER_FAILED: {
    severity: 'error',
    title: 'a message from a broker could not be taken in, for a reason that nobody foresaw',
    why: 'The broker keeps the message and hands it out again, so it is not lost; while it fails, others of its order key wait behind it.',
    fix: 'See the message in the log, and `tenon flow` for whether the source goes on (IN FLIGHT, LAG). Mend what it names, or report it where it is a fault of Tenon’s own.',
  },
  DELIVERY_ID_ABSENT: {
    severity: 'warning',
    title: 'messages of a source carry no id',
    why: 'A redelivery cannot be told from a new message by its id; the business key alone tells repeats apart. It is said once for each start.',
    fix: 'Have the sender put an id where `connector.yaml` says (`id` of the source), or see that `identity.key` of the pipelines is the same for a repeat and another for a new event.',
  },
} as const satisfies DiagnosticRules;

export type ServerCode = keyof typeof serverRules;
