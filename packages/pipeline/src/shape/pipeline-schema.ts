import { failureClasses } from '@tenon/model';
import type { SchemaObject } from '@tenon/schema';
import {
  dottedName,
  duration,
  expression,
  header,
  identifierName,
  kebabName,
  object,
  template,
  text,
} from './schema-parts.ts';

const ref = (name: string): SchemaObject => ({ $ref: `#/$defs/${name}` });

const common = {
  id: identifierName('Name of the step; later expressions read its result as `steps.<id>`.'),
  when: expression('The step is skipped unless this is true.'),
  deadline: duration(
    'Working time after which it has failed: its attempts and pauses end. Of a `call`, a `forEach`, a `parallel`, a `choose` or a `run`. Default: the run’s own deadline alone.',
  ),
};

const retry: SchemaObject = {
  description:
    'How failed attempts are repeated. Default: 4 attempts, after waits of up to 500ms, 1s and 2s, on timeout, transient and rateLimited; none starts later than 30s after the first. So a call that fails at once is given up within 3.5s, mostly after half of that: to outlast an outage, say more `attempts` and a longer `within`. `none`: one attempt.',
  oneOf: [
    { const: 'none', description: 'Exactly one attempt.' },
    object('A bounded retry policy.', ['attempts', 'within'], {
      attempts: {
        type: 'integer',
        minimum: 1,
        maximum: 100,
        description: 'All attempts, the first included.',
      },
      within: duration('No attempt starts later than this after the first.'),
      backoff: object('Waiting between attempts: `initial × factor^n`, at most `max`.', [], {
        initial: duration('Wait before the second attempt. Default 500ms.'),
        factor: { type: 'number', minimum: 1, maximum: 10, description: 'Growth per attempt. Default 2.' },
        max: duration('Longest wait. Default 30s.'),
      }),
      jitter: {
        enum: ['full', 'none'],
        description: '`full` (default): each wait is drawn between zero and the computed one.',
      },
      on: {
        type: 'array',
        minItems: 1,
        items: { enum: Object.keys(failureClasses), description: 'A failure class.' },
        description:
          'Failure classes that are retried. Default: timeout, transient, rateLimited, and stale where the step says what is `fresh`.',
      },
    }),
  ],
};

const callStep = object('Calls one operation of a connector.', ['id', 'call'], {
  ...common,
  call: dottedName(
    '`<connection>.<operation>`; with `over`, `<connector>.<operation>`.',
    'billing.createInvoice',
  ),
  over: expression(
    'Names the connection of the connector that the call goes over: `${ connection }` is the one that the event came over. What undoes the step by the same connector goes over it too.',
  ),
  with: template('Input: each parameter by name, the body under `body`.'),
  retry: ref('retry'),
  refusals: {
    type: 'array',
    minItems: 1,
    uniqueItems: true,
    items: identifierName(
      'A name that the connector gives to such an answer (`refusal`), or `notFound` or `conflict`.',
    ),
    description:
      'Answers that say no and are taken as a value instead of a failure: `steps.<id>.refused` is then `{ code, status, body }`. Nothing was done, so nothing is undone.',
  },
  fresh: {
    description:
      'What is read must not be older than this; an older answer is a failure of class `stale`, and is read again.',
    oneOf: [
      object('By its age.', ['maxAge', 'at'], {
        maxAge: duration('How old it may be.'),
        at: expression(
          'The moment that it is of, over `result`, the answer: RFC 3339, or milliseconds since the epoch.',
        ),
      }),
      object('By its version.', ['version', 'atLeast'], {
        version: expression('Its version, over `result`, the answer.'),
        atLeast: expression('The version that it must have at least: that of the event, for example.'),
      }),
    ],
  },
  pages: object(
    'Of a listing whose connector declares `pagination`: all pages are read, and the result is the answer of the last one with the items of all of them in its list. More than `atMost`, or than 16 MiB of items, is a failure: the list is never cut.',
    ['atMost'],
    {
      atMost: {
        type: 'integer',
        minimum: 2,
        maximum: 200,
        description:
          'Pages at most. Where pages are counted, the empty one behind the last counts too. How many items a page has, the parameter of the operation says.',
      },
    },
  ),
  basedOn: object(
    'The read that its values come from: the write carries the version read, and when somebody has changed it since, that read and this mapping are made again.',
    ['read'],
    {
      read: text('Id of the step that reads it: an earlier one of the same list.'),
      attempts: {
        type: 'integer',
        minimum: 1,
        maximum: 20,
        description: 'Versions tried, the first included; then the run is parked with its owner. Default 5.',
      },
    },
  ),
  compensate: object('The effect that undoes this one when a later step fails.', ['call'], {
    call: dottedName('`<connection>.<operation>` that undoes the effect.', 'billing.voidInvoice'),
    with: template('Input; may read `steps.<this step>`.'),
    retry: ref('retry'),
    guard: object(
      'Looks before it undoes: what somebody has changed since is not undone blindly, but asked about.',
      ['read', 'unchanged'],
      {
        read: dottedName('`<connection>.<operation>` that reads the object.', 'billing.getInvoice'),
        with: template('Its input; may read `steps.<this step>`.'),
        unchanged: expression(
          'Is the object as this step left it? Over `current`, what was read, and `event` and `steps`.',
        ),
      },
    ),
    confirm: text('The team without whose word it is not undone.'),
  }),
  irreversible: object(
    'Says that the effect cannot be undone, and who mends it then.',
    ['because', 'forward'],
    {
      because: text('Why it cannot be undone.'),
      forward: object(
        'The task that is opened when the run fails after this effect.',
        ['task', 'owner', 'within'],
        {
          task: text('What has to be done.'),
          owner: text('The team that does it.'),
          within: duration('How soon.'),
        },
      ),
    },
  ),
});

const emitStep = object('Publishes an event.', ['id', 'emit'], {
  ...common,
  emit: dottedName('`<contract>.<event>`.', 'onboarding.accountOnboarded'),
  over: expression(
    'Names the connection that it goes out over: `${ connection }` is the one that the event of the run came over. Default: each connection of the connectors that publish such events.',
  ),
  with: template('The payload of the event.'),
  headers: template('Headers of the message, where its contract declares them.'),
});

const approveStep = object('Waits for the decision of a person.', ['id', 'approve'], {
  ...common,
  approve: object('Who decides, and what happens when nobody does.', ['by', 'within', 'onExpiry', 'show'], {
    by: text('The team or role that decides.'),
    within: duration('How long the run waits.'),
    onExpiry: { enum: ['reject', 'approve', 'escalate'], description: 'The outcome when time is up.' },
    show: template('What the person sees before deciding.'),
    count: {
      type: 'integer',
      minimum: 2,
      maximum: 9,
      description:
        'How many persons must approve, each counted once. Default: one. One who rejects is enough to reject.',
    },
    except: {
      type: 'array',
      minItems: 1,
      uniqueItems: true,
      items: {
        type: 'string',
        pattern: '^(requester|steps\\.[A-Za-z_][A-Za-z0-9_]*)$',
        description:
          '`requester`: who started the run, or the run that started it. `steps.<id>`: whoever approved at that earlier step.',
        examples: ['requester', 'steps.checked'],
      },
      description: 'Who cannot approve here; they may reject.',
    },
  }),
});

const waitStep = object('Waits for a time or for an event; costs disk, not memory.', ['id', 'wait'], {
  ...common,
  wait: {
    description: 'One of: `for`, `until`, or `event` with `match`, `within` and `onExpiry`.',
    oneOf: [
      object('Waits this long.', ['for'], { for: duration('How long.') }),
      object('Waits until a moment.', ['until'], { until: expression('An RFC 3339 date and time.') }),
      object('Waits for an event.', ['event', 'match', 'within', 'onExpiry'], {
        event: dottedName('`<contract>.<event>`.', 'billing.invoicePaid'),
        over: expression(
          'Names the connection that it must have come over: `${ connection }` is the one that the event of the run came over. Default: any.',
        ),
        match: expression('Is it the one waited for? Over `signal`, its payload, and `event`, `steps`.'),
        within: duration('How long to wait.'),
        onExpiry: { enum: ['fail', 'continue'], description: 'What happens when it does not come.' },
      }),
    ],
  },
});

const setStep = object('Names a value, for later steps.', ['id', 'set'], {
  ...common,
  set: template('The value.'),
});

const conditions: SchemaObject = {
  type: 'array',
  minItems: 1,
  description: 'All must be true.',
  items: object('One condition.', ['condition', 'message'], {
    condition: expression('Must be true.'),
    message: text('What is wrong when it is not; no personal data.'),
  }),
};

const checkStep = object('Checks data before anything is written.', ['id', 'check'], {
  ...common,
  check: object('Conditions that must hold.', ['that', 'otherwise'], {
    that: conditions,
    otherwise: {
      enum: ['quarantine', 'fail'],
      description: '`quarantine` holds the input for its owner; `fail` ends the run.',
    },
  }),
});

const chooseStep = object('Takes the first branch whose condition holds.', ['id', 'choose'], {
  ...common,
  choose: {
    type: 'array',
    minItems: 1,
    description: 'Branches, tried in order; the last may go without `when` and always holds.',
    items: object('One branch.', ['steps'], {
      when: expression('The branch is taken when this is true.'),
      steps: { type: 'array', description: 'Steps of the branch.', items: ref('step') },
    }),
  },
});

const forEachStep = object('Carries out steps for each item of a list.', ['id', 'forEach'], {
  ...common,
  forEach: object('The list, its bounds, and what is done with each item.', ['in', 'max', 'steps'], {
    in: expression('Gives the list.'),
    as: identifierName('Name of the item in the expressions of its steps. Default `item`.'),
    key: template(
      'Text over the item, unique in the list: the idempotency keys of its effects are made from it. Needed where the steps have effects; two items of one key hold the list, before any effect.',
    ),
    max: {
      type: 'integer',
      minimum: 1,
      maximum: 10_000,
      description: 'Items at most; a longer list is held whole.',
    },
    concurrency: {
      type: 'integer',
      minimum: 1,
      maximum: 100,
      description: 'Items at work at the same time. Default 1.',
    },
    check: object(
      'What every item must be, looked at before anything is done with any of them.',
      ['that', 'otherwise'],
      {
        that: conditions,
        otherwise: {
          enum: ['quarantine', 'split'],
          description:
            '`quarantine`: one bad item holds the whole list. `split`: the bad ones are left out, each with an owner.',
        },
      },
    ),
    onItemFailure: {
      enum: ['stop', 'collect'],
      description:
        '`stop` (default): the step fails with the first item that does. `collect`: the others go on; what the failed item did is undone, and the result says which failed.',
    },
    steps: { type: 'array', minItems: 1, description: 'Steps for each item.', items: ref('step') },
    result: template('What an item leaves in the result, as `result`; may read the steps of the item.'),
  }),
});

const parallelStep = object('Carries out named branches beside each other.', ['id', 'parallel'], {
  ...common,
  parallel: {
    type: 'object',
    minProperties: 2,
    description:
      'Branches by name. Results of their steps can be read after it. When one fails, the others come to an end and all is undone.',
    propertyNames: { pattern: '^[A-Za-z_][A-Za-z0-9_]*$' },
    additionalProperties: {
      type: 'array',
      minItems: 1,
      description: 'Steps of the branch, in order.',
      items: ref('step'),
    },
  },
});

const runStep = object('Runs another pipeline as a child, and waits for its end.', ['id', 'run'], {
  ...common,
  run: object('Which pipeline, and what it is given.', ['pipeline'], {
    pipeline: text(
      'Name of a pipeline with a `manual` trigger. Its `output` is the result of the step; undone, it goes its own way back.',
    ),
    with: template('What its trigger takes as `input`.'),
  }),
});

/** Step kinds by their key. `pipelineSchema` and every reader of steps follow this table. */
export const stepSchemas = {
  call: callStep,
  emit: emitStep,
  approve: approveStep,
  wait: waitStep,
  set: setStep,
  check: checkStep,
  choose: chooseStep,
  forEach: forEachStep,
  parallel: parallelStep,
  run: runStep,
} as const satisfies Readonly<Record<string, SchemaObject>>;

/** Who is on call for something. */
export const ownerPart: SchemaObject = object(
  'Who answers for it.',
  ['team', 'backup', 'escalation', 'respond', 'recover'],
  {
    team: text('The owning team.'),
    backup: text('Who stands in.'),
    escalation: text('Where a page goes, for example `pager:revenue`.'),
    respond: duration('Somebody looks at a failure within this time.'),
    recover: duration('Service is back within this time.'),
    roles: object('Which team does what; whatever is not said is done by `team`.', [], {
      logic: text('The team that decides what the pipeline should do.'),
      data: text('The team that answers for the quality of the data.'),
      incidents: text('The team that leads when the pipeline fails. Required at tier `high`.'),
      triage: text('The team that looks through held inputs and dead letters. Required at tier `high`.'),
    }),
  },
);

/** The pipeline format as JSON Schema 2020-12: what editors complete from, and what `check` enforces. */
export const pipelineSchema: SchemaObject = {
  $schema: 'https://json-schema.org/draft/2020-12/schema',
  title: 'Tenon pipeline',
  ...object(
    'A pipeline: what starts it, what it does, who owns it and what happens when it fails.',
    [
      'apiVersion',
      'kind',
      'metadata',
      'owner',
      'tier',
      'trigger',
      'identity',
      'limits',
      'steps',
      'onFailure',
    ],
    {
      ...header('Pipeline'),
      metadata: object('Name and version.', ['name', 'version', 'description'], {
        name: kebabName('Unique in the workspace.'),
        version: { type: 'integer', minimum: 1, description: 'Raised with each change of behaviour.' },
        description: text('What the pipeline is for, in a sentence.'),
      }),
      owner: ownerPart,
      tier: {
        enum: ['low', 'medium', 'high'],
        description: 'How far a failure reaches; decides which controls are required.',
      },
      trigger: {
        description: 'What starts a run.',
        oneOf: [
          object('A business event.', ['event'], {
            event: dottedName('`<contract>.<event>`.', 'crm.subscriptionUpgraded'),
            where: expression('Only events for which this is true start a run.'),
          }),
          object('Started by a person, a program or another pipeline.', ['manual'], {
            manual: object('The input that must be given.', ['input'], {
              input: {
                type: 'object',
                description:
                  'JSON Schema of the input, read as `event`. `x-tenon-class: personal` (or `secret`, `financial`) on a member says what it may hold, `x-tenon-residency` where that must stay.',
              },
            }),
          }),
        ],
      },
      identity: object('What makes two events the same business event.', ['key', 'retain'], {
        key: template(
          'Text over `event`, and over `connection` where events come from several accounts: the idempotency key of every effect is made from it.',
        ),
        retain: duration('How long a repeated event is recognised.'),
        orderBy: template('Runs with the same value go one at a time, in order.'),
        account: template(
          'Whose event it is. A flag turns the pipeline on for chosen accounts by it, and a share of a flag is one of accounts.',
        ),
        version: expression(
          'A number, a moment or a text that grows with each change of what `orderBy` names: an event older than one already taken is left out, recorded and counted.',
        ),
      }),
      limits: object('Bounds of a run.', ['deadline'], {
        concurrency: {
          type: 'integer',
          minimum: 1,
          maximum: 10_000,
          description: 'Runs at the same time. Default 20.',
        },
        deadline: duration('Working time of a run; time spent waiting for people or events does not count.'),
      }),
      steps: {
        type: 'array',
        minItems: 1,
        description: 'Carried out in order.',
        items: ref('step'),
      },
      success: expression('What "complete" means: a run has not succeeded until this is true.'),
      output: object('What a pipeline that runs this one is given.', ['schema', 'value'], {
        schema: {
          type: 'object',
          description: 'JSON Schema of the value; its members are classed as those of an input are.',
        },
        value: template('The value; may read `event` and `steps`.'),
      }),
      onFailure: {
        enum: ['compensate', 'forward', 'hold'],
        description: 'After a failure: undo confirmed effects, open forward fixes, or hold for the owner.',
      },
      slo: object('What users are promised.', ['objective', 'within'], {
        objective: {
          type: 'number',
          exclusiveMinimum: 0,
          exclusiveMaximum: 1,
          description: 'Share of runs, for example 0.99.',
        },
        within: duration('From event to success.'),
      }),
      review: object(
        'Who outside the owning team looks at the pipeline. Required at tier `high`.',
        ['by', 'every'],
        {
          by: text('The team that reviews; never the owning one.'),
          every: duration('How often: at least a day apart; at tier `high` at least once in 366d.'),
        },
      ),
      drills: object('How often its failure paths are rehearsed. Required at tier `high`.', ['every'], {
        every: duration('How often: at least a day apart; at tier `high` at least once in 180d.'),
      }),
      metrics: {
        type: 'object',
        description: 'Business metrics by name.',
        propertyNames: { pattern: '^[a-z][a-z0-9_]*$' },
        additionalProperties: object('One metric.', [], {
          when: expression('Counts when this is true.'),
          value: expression('The number observed.'),
        }),
      },
    },
  ),
  $defs: {
    retry,
    step: {
      description: 'One step; its kind is the key that is not `id` or `when`.',
      oneOf: Object.values(stepSchemas),
    },
  },
};
