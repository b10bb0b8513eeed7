import {
  aborted,
  connectionProblem,
  goodbye,
  type IncomingMessage,
  MessageRefused,
  PeerSilent,
  type Source,
  type SourceContext,
  sourceLoop,
} from '@tenon/connector';
import { sleep } from '@tenon/model';
import type { IPublishPacket, MqttClient } from 'mqtt';
import { mqttBinding, openClient } from './open-client.ts';

/** How long the broker keeps our subscription, and what comes meanwhile, while we are away. */
const SESSION_S = 7 * 24 * 60 * 60;
const REFUSED = 128;
/** The broker is asked so often whether it is there, and is to answer as soon. */
const PING_MS = 15_000;

/**
 * Subscribes to a topic filter under a session that the broker keeps while we are away. One message at a time: it is
 * acknowledged (PUBACK, or PUBREC) only when it is on our disk, and the next is looked at then, so the order of a topic is kept
 * without further ado. A session that ends leaves the unacknowledged to be sent again.
 */
export function mqttSource(context: SourceContext): Source {
  const { plan, clock, connection } = context;
  const loop = sourceLoop(context, session, problemOf);
  return { canReject: false, stop: () => loop.stop() };

  async function session(signal: AbortSignal, consuming: () => void): Promise<void> {
    const over = new AbortController();
    let underWay: Promise<unknown> = Promise.resolve();
    let isBusy = false;
    const client = await openClient(context, 'consume', {
      // The broker knows the session by it: the same at each start, and in no other process at the same time.
      clientId: `tenon-${connection.name}-${plan.group}`,
      clean: false,
      properties: { sessionExpiryInterval: SESSION_S, receiveMaximum: Math.min(plan.prefetchMax, 65_535) },
      // Packets are handled one after another: while a message waits to be stored an answer to a ping waits behind it, and the client would
      // take the broker for gone. So pings are sent here.
      keepalive: 0,
      customHandleAcks: (topic, payload, packet, acknowledge) => {
        // What was kept for us comes before the answer to our subscription.
        consuming();
        isBusy = true;
        underWay = context.deliver(incoming(topic, payload, packet)).then((settlement) => {
          isBusy = false;
          if (over.signal.aborted) return;
          // Without an acknowledgement the broker sends it again, to the next session alone, and nothing behind it is looked at in this one.
          if (settlement === 'accepted') acknowledge(0);
          else over.abort(new Returned());
        });
      },
    });
    client.on('close', () => over.abort(new Error('closed')));
    void watchPeer(client, () => isBusy, over);
    try {
      const { qos = 1 } = mqttBinding(plan.bindings);
      const filter = plan.from.replace(/\{[^}]+\}/g, '+');
      // The answer may stand behind a message that waits to be stored for as long as we are asked to run.
      const subscribed = client.subscribeAsync(filter, { qos }).then(([granted]) => {
        if (granted !== undefined && Number(granted.qos) >= REFUSED) over.abort(new SubscriptionRefused());
        else consuming();
      });
      await Promise.race([subscribed, aborted(signal, over.signal)]);
      await aborted(signal, over.signal);
    } finally {
      await underWay;
      // Not before what was under way is acknowledged; without a DISCONNECT the session would count as lost, and stay as well.
      await goodbye(clock, () => client.endAsync(over.signal.aborted));
      client.stream.destroy();
    }
    if (!signal.aborted) throw over.signal.reason;
  }

  /** Ends a session whose broker says nothing while nothing of ours is in its way. */
  async function watchPeer(client: MqttClient, isBusy: () => boolean, over: AbortController): Promise<void> {
    let hasHeard = true;
    client.on('packetreceive', () => {
      hasHeard = true;
    });
    while (!over.signal.aborted) {
      hasHeard = isBusy();
      if (!hasHeard && client.connected) client.sendPing();
      await sleep(clock, PING_MS, over.signal);
      if (!hasHeard && !isBusy()) over.abort(new PeerSilent(PING_MS));
    }
  }
}

class SubscriptionRefused extends Error {}
class Returned extends Error {}

function problemOf(error: unknown): string | MessageRefused {
  if (error instanceof Returned) return 'a message could not be taken; it is sent again';
  return error instanceof SubscriptionRefused
    ? new MessageRefused('permission', 'the broker refuses the subscription')
    : connectionProblem(error);
}

function incoming(topic: string, payload: Buffer, packet: IPublishPacket): IncomingMessage {
  const headers: Record<string, string> = { topic };
  const properties = packet.properties?.userProperties ?? {};
  // The MQTT binding of CloudEvents writes attributes without a prefix.
  const prefix = 'specversion' in properties ? 'ce-' : '';
  for (const [name, value] of Object.entries(properties)) {
    const text = Array.isArray(value) ? value.join(', ') : String(value);
    headers[name.toLowerCase()] = text;
    if (prefix !== '') headers[`${prefix}${name.toLowerCase()}`] = text;
  }
  const contentType = packet.properties?.contentType;
  return {
    body: payload,
    headers,
    redelivered: packet.dup,
    ...(contentType !== undefined && { contentType }),
  };
}
