/**
 * SimTransport: a pod's Transport through its PodClock: a frozen pod sends nothing, and the answers it gets wait for it.
 * The bytes of records are lent as by a real transport: once they are released they are others'.
 * `deposed`: the pod's heartbeats are answered by a coordinator that was replaced and does not know it.
 */
import { Effect } from "effect"
import type { Fetched, GroupClient, LogRecord, Transport } from "../../transport/Transport.ts"
import type { PodClock } from "./PodClock.ts"

export const throughClock = (
  transport: Transport["Service"],
  clock: PodClock,
  deposed: () => boolean
): Transport["Service"] => {
  const gate = <A, E>(request: Effect.Effect<A, E>): Effect.Effect<A, E> =>
    clock.open.pipe(
      Effect.andThen(Effect.exit(request)),
      Effect.tap(() => clock.open),
      Effect.flatten
    )
  return {
    ...transport,
    groupClient: (options) =>
      Effect.map(
        transport.groupClient(options),
        (c): GroupClient => ({
          joinGroup: (request, given) =>
            Effect.flatMap(Effect.context<never>(), (context) => {
              const hear = Effect.runForkWith(context)
              const told = (memberId: string) =>
                hear(
                  Effect.andThen(
                    clock.open,
                    Effect.sync(() => given?.(memberId))
                  )
                )
              return gate(c.joinGroup(request, told))
            }),
          syncGroup: (member, assignments) => gate(c.syncGroup(member, assignments)),
          heartbeat: (member) => gate(Effect.suspend(() => (deposed() ? Effect.void : c.heartbeat(member)))),
          leaveGroup: (memberId) => gate(c.leaveGroup(memberId)),
          offsetCommit: (member, commits) => gate(c.offsetCommit(member, commits)),
          offsetFetch: (tps) => gate(c.offsetFetch(tps)),
          abandon: c.abandon,
          fetch: (node, requests, fetchOptions) =>
            gate(Effect.map(c.fetch(node, requests, fetchOptions), (answer) => answer.map(lent))),
          forget: c.forget,
          listOffsets: (tps, at) => gate(c.listOffsets(tps, at)),
          metadata: (topics) => gate(c.metadata(topics)),
          identify: (topic) => gate(c.identify(topic))
        })
      )
  }
}

const ZERO = 0x30

/** Copies, of which nothing but zeros in text is left when they are released: whoever kept a view would show older values. */
const lent = (fetched: Fetched): Fetched => {
  const copies: Array<Uint8Array> = []
  const copy = <A extends Uint8Array | null>(bytes: A): A => {
    if (bytes === null) return bytes
    const own = Buffer.from(bytes)
    copies.push(own)
    return own as Uint8Array as A
  }
  const records = fetched.records.map((r): LogRecord => {
    const headers: Record<string, Uint8Array> = {}
    for (const name in r.headers) headers[name] = copy(r.headers[name]!)
    return { ...r, key: copy(r.key), value: copy(r.value), headers }
  })
  const release = () => {
    for (const bytes of copies) bytes.fill(ZERO)
  }
  return { ...fetched, records, release }
}
