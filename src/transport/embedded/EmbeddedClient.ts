/**
 * EmbeddedClient: the Transport's clients over the embedded broker: which connection a request goes over, how long it
 * waits for an answer, and which part of the broker carries it out.
 */
import { Effect, type Scope } from "effect"
import {
  defaultMaxRecordBytes,
  type GroupClient,
  type Inspection,
  type JoinRequest,
  type Producer,
  type Transport
} from "../Transport.ts"
import { type Answer, answered, type Reply, refused, toError } from "./Answer.ts"
import type { Coordinator } from "./Coordinator.ts"
import type { JoinAnswer } from "./Group.ts"
import type { Topics } from "./Topics.ts"
import type { Wire } from "./Wire.ts"

export interface Broker {
  readonly topics: Topics
  readonly coordinator: Coordinator
  /** A new client's connections, none of them open yet. */
  readonly connect: () => Wire
  /** How long a client waits for an answer, beyond what the request itself may wait at the broker. */
  readonly requestTimeout: number
  readonly inspect: (topics: ReadonlyArray<string>, group: string | null) => Answer<Inspection>
}

/** For what the broker answers at once. */
const immediately =
  <A>(answer: () => Answer<A>) =>
  (reply: Reply<A>): undefined => {
    reply(answer())
  }

const connected = (broker: Broker): Effect.Effect<Wire, never, Scope.Scope> =>
  Effect.acquireRelease(Effect.sync(broker.connect), (wire) => Effect.sync(() => wire.close()))

const groupClient = (
  broker: Broker,
  {
    clientId,
    group,
    maxRecordBytes = defaultMaxRecordBytes
  }: { readonly group: string; readonly clientId: string; readonly maxRecordBytes?: number }
): Effect.Effect<GroupClient, never, Scope.Scope> =>
  Effect.map(connected(broker), (wire) => {
    const { coordinator, requestTimeout, topics } = broker
    const from = { clientId, group }
    let rebalanceTimeout = 0
    /** Counts joins and what gave them up, so that a join knows whether it is still wanted. */
    let joins = 0
    let asksForId = false
    return {
      joinGroup: (request: JoinRequest, given: (memberId: string) => void = () => {}) =>
        Effect.suspend(() => {
          rebalanceTimeout = request.rebalanceTimeout
          const mine = ++joins
          asksForId = request.memberId === ""
          const told = (answer: Answer<JoinAnswer>) => {
            if (mine === joins) asksForId = false
            if (answer.ok && "required" in answer.value) given(answer.value.required)
          }
          const send = (join: JoinRequest) =>
            wire.request<JoinAnswer>(
              "join",
              { ...from, op: "joinGroup", join },
              requestTimeout + rebalanceTimeout,
              (reply) => {
                coordinator.join(group, clientId, join, reply)
                return undefined
              },
              told
            )
          const failed = (detail: string) => Effect.fail(toError("joinGroup", refused("CONNECTION", detail)))
          return Effect.flatMap(send(request), (answer) => {
            if (!("required" in answer)) return Effect.succeed(answer)
            if (mine !== joins) return failed("the join was given up")
            return Effect.flatMap(send({ ...request, memberId: answer.required }), (joined) =>
              "required" in joined ? failed("an id was given twice") : Effect.succeed(joined)
            )
          })
        }),
      syncGroup: (member, assignments) =>
        wire.request("join", { ...from, op: "syncGroup", member }, requestTimeout + rebalanceTimeout, (reply) => {
          coordinator.sync(group, member, assignments, reply)
          return undefined
        }),
      heartbeat: (member) =>
        wire.request(
          "heartbeat",
          { ...from, op: "heartbeat", member },
          requestTimeout,
          immediately(() => coordinator.heartbeat(group, member))
        ),
      leaveGroup: (memberId) =>
        wire.request(
          "heartbeat",
          { ...from, op: "leaveGroup", memberId },
          requestTimeout,
          immediately(() => coordinator.leave(group, memberId))
        ),
      offsetCommit: (member, commits) =>
        wire.request(
          "commit",
          { ...from, op: "offsetCommit", member, commits },
          requestTimeout,
          immediately(() => coordinator.commit(group, member, commits, (tp) => topics.find(tp) !== undefined))
        ),
      offsetFetch: (tps) =>
        wire.request(
          "commit",
          { ...from, op: "offsetFetch", tps },
          requestTimeout,
          immediately(() => answered(coordinator.committed(group, tps)))
        ),
      abandon: Effect.sync(() => {
        joins += 1
        wire.abandon("join", asksForId)
        asksForId = false
      }),
      fetch: (node, requests, options) =>
        wire.request(
          "fetch",
          { ...from, op: "fetch", node, requests },
          requestTimeout + options.maxWait,
          (reply: Parameters<typeof topics.fetch>[3]) =>
            topics.fetch(node, requests, { ...options, maxRecordBytes }, reply)
        ),
      // Nothing is kept beyond an answer.
      forget: () => {},
      listOffsets: (tps, at) =>
        wire.request(
          "admin",
          { ...from, op: "listOffsets", tps },
          requestTimeout,
          immediately(() => topics.offsets(tps, at))
        ),
      metadata: (names) =>
        wire.request(
          "admin",
          { ...from, op: "metadata", topics: names },
          requestTimeout,
          immediately(() => topics.metadata(names))
        ),
      identify: (topic) =>
        wire.request(
          "admin",
          { ...from, op: "metadata", topics: [topic] },
          requestTimeout,
          immediately(() => topics.identify(topic))
        )
    }
  })

const producer = (
  broker: Broker,
  { acks, clientId }: Parameters<Transport["Service"]["producer"]>[0]
): Effect.Effect<Producer, never, Scope.Scope> =>
  Effect.map(connected(broker), (wire) => {
    const { requestTimeout, topics } = broker
    const from = { clientId, group: "" }
    const metadata: Producer["metadata"] = (names) =>
      wire.request(
        "admin",
        { ...from, op: "metadata", topics: names },
        requestTimeout,
        immediately(() => topics.metadata(names))
      )
    const appends = (records: Parameters<Producer["produce"]>[0]) => immediately(() => topics.append(records))
    return {
      metadata,
      produce: (records) => {
        const request = { ...from, op: "produce", records } as const
        // Without an acknowledgement a producer learns of nothing that the broker says.
        return acks === 0
          ? wire.tell("produce", request, appends(records))
          : wire.request("produce", request, requestTimeout, appends(records))
      }
    }
  })

/** The Transport of one embedded broker. */
export const transportOver = (broker: Broker): Transport["Service"] => ({
  groupClient: (options) => groupClient(broker, options),
  producer: (options) => producer(broker, options),
  inspect: (topics, group) =>
    Effect.flatMap(connected(broker), (wire) =>
      wire.request(
        "admin",
        { clientId: "", group: group ?? "", op: "inspect", topics },
        broker.requestTimeout,
        immediately(() => broker.inspect(topics, group))
      )
    )
})
