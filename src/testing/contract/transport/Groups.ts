/**
 * Groups for the contract suite: forms and grows a consumer group over a Transport the way members do it, one request
 * at a time, waiting for the answers that a rebalance gives and never for a time.
 */
import { Effect, Fiber } from "effect"
import type {
  GroupClient,
  Joined,
  JoinRequest,
  Member,
  TopicPartition,
  TransportError
} from "../../../transport/Transport.ts"
import { Harness } from "./Harness.ts"

/** A consumer protocol subscription, version 0, without topics: brokers parse what claims to be one. */
export const subscription = (userData: string): Uint8Array => {
  const data = Buffer.from(userData)
  const head = Buffer.alloc(10)
  head.writeInt32BE(data.length, 6)
  return Buffer.concat([head, data])
}

export const userData = (metadata: Uint8Array): string => Buffer.from(metadata).subarray(10).toString()

export interface GroupMember {
  readonly client: GroupClient
  readonly joined: Joined
  readonly member: Member
}

export interface JoinOptions {
  readonly sessionTimeout: number
  readonly rebalanceTimeout: number
}

export const joinRequest = (options: JoinOptions, memberId: string, data: string, protocol = "k2p"): JoinRequest => ({
  memberId,
  sessionTimeout: options.sessionTimeout,
  rebalanceTimeout: options.rebalanceTimeout,
  protocols: [{ name: protocol, metadata: subscription(data) }]
})

export const asMember = (client: GroupClient, joined: Joined): GroupMember => ({
  client,
  joined,
  member: { memberId: joined.memberId, generation: joined.generation }
})

/** Repeats a request until it fails with `code`, which must happen before the caller's patience is over. */
export const untilFails = <A>(request: Effect.Effect<A, TransportError>, code: string): Effect.Effect<void> =>
  Effect.gen(function* () {
    while ((yield* codeOf(request)) !== code) yield* Effect.sleep(20)
  })

/** The code a request fails with, or "OK". */
export const codeOf = <A, R>(request: Effect.Effect<A, TransportError, R>): Effect.Effect<string, never, R> =>
  Effect.match(request, { onFailure: (error) => error.code, onSuccess: () => "OK" })

/** The assignment each member gets: the leader gives every member its own id. */
export const syncAll = (members: ReadonlyArray<GroupMember>): Effect.Effect<ReadonlyArray<string>, TransportError> =>
  Effect.forEach(
    members,
    ({ client, joined, member }) =>
      client
        .syncGroup(
          { ...member, protocol: joined.protocol },
          joined.members.map((m) => ({ memberId: m.memberId, assignment: Buffer.from(`for ${m.memberId}`) }))
        )
        .pipe(Effect.map((assignment) => Buffer.from(assignment).toString())),
    { concurrency: "unbounded" }
  )

/** All of them join again, each once it was told to rebalance, and sync. */
export const rejoinAll = (
  members: ReadonlyArray<GroupMember>,
  options: JoinOptions,
  data = "again"
): Effect.Effect<ReadonlyArray<GroupMember>, TransportError> =>
  Effect.gen(function* () {
    const joined = yield* Effect.forEach(
      members,
      ({ client, member }) =>
        untilFails(client.heartbeat(member), "REBALANCE_IN_PROGRESS").pipe(
          Effect.andThen(client.joinGroup(joinRequest(options, member.memberId, data))),
          Effect.map((joined) => asMember(client, joined))
        ),
      { concurrency: "unbounded" }
    )
    yield* syncAll(joined)
    return joined
  })

/** Adds one member to a stable group; all are stable in the next generation. The new one is the last. */
export const grow = (
  members: ReadonlyArray<GroupMember>,
  client: GroupClient,
  options: JoinOptions,
  data = "new"
): Effect.Effect<ReadonlyArray<GroupMember>, TransportError> =>
  Effect.gen(function* () {
    const joining = yield* Effect.forkChild(client.joinGroup(joinRequest(options, "", data)))
    const rejoined = yield* Effect.forEach(
      members,
      ({ client, member }) =>
        untilFails(client.heartbeat(member), "REBALANCE_IN_PROGRESS").pipe(
          Effect.andThen(client.joinGroup(joinRequest(options, member.memberId, "old"))),
          Effect.map((joined) => asMember(client, joined))
        ),
      { concurrency: "unbounded" }
    )
    const all = [...rejoined, asMember(client, yield* Fiber.join(joining))]
    yield* syncAll(all)
    return all
  })

/** A stable group of these clients, the first one leading. */
export const form = (
  clients: ReadonlyArray<GroupClient>,
  options: JoinOptions
): Effect.Effect<ReadonlyArray<GroupMember>, TransportError> =>
  Effect.gen(function* () {
    let members: ReadonlyArray<GroupMember> = []
    for (const client of clients) members = yield* grow(members, client, options)
    return members
  })

export const partition = (topic: string, index: number): TopicPartition => ({ topic, partition: index })

/** A rebalance that no test waits out. */
export const patient = 30_000

export const clients = (count: number) =>
  Effect.gen(function* () {
    const group = Harness.unique("group")
    const made: Array<GroupClient> = []
    for (let i = 0; i < count; i++) made.push(yield* Harness.client(group))
    return made
  })

export const options = Effect.map(Harness, ({ sessionTimeout }) => ({ sessionTimeout, rebalanceTimeout: patient }))

/** Sessions of members that a test does not keep alive must outlast it. */
export const longOptions = Effect.map(Harness, ({ sessionTimeout }) => ({
  sessionTimeout: Math.max(sessionTimeout, 20_000),
  rebalanceTimeout: patient
}))

/** The code of a request that must be answered while something else is pending, not after it. */
export const soon = <A>(request: Effect.Effect<A, TransportError>) =>
  Effect.timeoutOrElse(codeOf(request), { duration: 5_000, orElse: () => Effect.succeed("TOO LATE") })
