/** What the embedded log's own tests share: one log on the test's clock, and members that speak to it by hand. */
import { Effect } from "effect"
import { EmbeddedLog, type EmbeddedLogOptions } from "../../../src/transport/embedded/EmbeddedLog.ts"
import type { GroupClient, Joined, JoinRequest, Member, TransportError } from "../../../src/transport/Transport.ts"

export const tp = { topic: "metrics", partition: 0 }
export const group = "g"

export const world = (options: Partial<EmbeddedLogOptions> = {}) =>
  Effect.gen(function* () {
    const log = yield* EmbeddedLog.make(options)
    yield* log.createTopic(tp.topic, 2)
    const client = (clientId: string) => log.transport.groupClient({ group, clientId })
    const producer = yield* log.transport.producer({ clientId: "producer", acks: "all", compression: "none" })
    const produce = (...values: ReadonlyArray<string>) =>
      producer.produce(values.map((value) => ({ ...tp, key: null, value: Buffer.from(value), headers: {} })))
    return { log, client, produce }
  })

export const joinRequest = (memberId = "", changes: Partial<JoinRequest> = {}, data = ""): JoinRequest => ({
  memberId,
  sessionTimeout: 10_000,
  rebalanceTimeout: 30_000,
  protocols: [{ name: "k2p", metadata: Buffer.from(data) }],
  ...changes
})

/** The code a request fails with, or "OK". */
export const codeOf = <A, R>(request: Effect.Effect<A, TransportError, R>): Effect.Effect<string, never, R> =>
  Effect.match(request, { onFailure: (error) => error.code, onSuccess: () => "OK" })

export const memberOf = ({ generation, memberId }: Joined): Member => ({ generation, memberId })

/** As leader: every member gets its own id. As follower: nothing to give. */
export const sync = (client: GroupClient, joined: Joined) =>
  Effect.map(
    client.syncGroup(
      { ...memberOf(joined), protocol: joined.protocol },
      joined.members.map((m) => ({ memberId: m.memberId, assignment: Buffer.from(m.memberId) }))
    ),
    (assignment) => Buffer.from(assignment).toString()
  )

/** Joins an empty group and completes the generation. */
export const alone = (client: GroupClient, request = joinRequest()) =>
  Effect.gen(function* () {
    const joined = yield* client.joinGroup(request)
    yield* sync(client, joined)
    return memberOf(joined)
  })

/** Two members of one stable generation; the first leads. */
export const pair = (a: GroupClient, b: GroupClient, changes: Partial<JoinRequest> = {}) =>
  Effect.gen(function* () {
    const first = yield* alone(a, joinRequest("", changes))
    const [joinedB, joinedA] = yield* Effect.all(
      [b.joinGroup(joinRequest("", changes)), a.joinGroup(joinRequest(first.memberId, changes))],
      { concurrency: "unbounded" }
    )
    yield* Effect.all([sync(b, joinedB), sync(a, joinedA)], { concurrency: "unbounded" })
    return [memberOf(joinedA), memberOf(joinedB)] as const
  })
