/**
 * An extension that brings a log of a team's own to all threads of a pod: the embedded log on the main thread, asked by the workers over a
 * BroadcastChannel. Each method of the Transport is one message there and one back; what a client opened ends with its Scope.
 */
import { BroadcastChannel, isMainThread, threadId } from "node:worker_threads"
import { Context, Effect, Exit, Layer, Scope } from "effect"
import { settings } from "../../../src/config/Setting.ts"
import type { Extension } from "../../../src/pod/Extension.ts"
import { EmbeddedLog } from "../../../src/transport/embedded/EmbeddedLog.ts"
import {
  type Fetched,
  type GroupClient,
  type Producer,
  Transport,
  TransportError
} from "../../../src/transport/Transport.ts"

interface Question {
  readonly from: number
  readonly id: number
  /** The client that is asked; the Transport itself where there is none. */
  readonly client?: number
  readonly method: string
  readonly args: ReadonlyArray<unknown>
}

type Answer = { readonly to: number; readonly id: number } & (
  | { readonly given: string }
  | { readonly value: unknown }
  | { readonly failed: ConstructorParameters<typeof TransportError>[0] }
)

const name = "test-shared-log"
const lost = { op: "ask", code: "CONNECTION", retriable: true, detail: "the log's thread failed" } as const

/** On the main thread, from the first question on. */
const host = (channel: BroadcastChannel): void => {
  const post = (answer: Answer): void => channel.postMessage(answer)
  const clients = new Map<number, { readonly client: object; readonly scope: Scope.Closeable }>()
  const ready = Effect.runPromise(
    Effect.gen(function* () {
      const log = Context.get(yield* Layer.buildWithScope(EmbeddedLog.layer(), yield* Scope.make()), EmbeddedLog)
      yield* log.createTopic("orders", 4)
      const producer = yield* log.transport
        .producer({ clientId: "p", acks: 1, compression: "none" })
        .pipe(Scope.provide(yield* Scope.make()))
      const record = (i: number) => ({ topic: "orders", partition: i % 4, key: null, value: null, headers: {} })
      yield* producer.produce(Array.from({ length: 40 }, (_, i) => record(i)))
      return log.transport
    })
  )
  const work = (transport: Transport["Service"], { from, id, client, method, args }: Question) =>
    Effect.gen(function* () {
      if (client === undefined) {
        const scope = yield* Scope.make()
        const open = transport[method as "groupClient"](args[0] as Parameters<typeof transport.groupClient>[0])
        clients.set(id, { client: yield* Scope.provide(open, scope), scope })
        return id
      }
      const { client: asked, scope } = clients.get(client)!
      if (method === "close") return yield* Scope.close(scope, Exit.void)
      const member = (asked as Record<string, unknown>)[method]
      if (typeof member !== "function") return yield* member as Effect.Effect<unknown, TransportError>
      const given = method === "joinGroup" ? [(memberId: string) => post({ to: from, id, given: memberId })] : []
      const done = yield* (member(...args, ...given) as Effect.Effect<unknown, TransportError> | undefined) ??
        Effect.void
      // What a fetch lends cannot be given back over a channel: its bytes are copies there.
      return method === "fetch" ? (done as Array<Fetched>).map(({ release, ...fetched }) => fetched) : done
    })
  channel.onmessage = async ({ data }) => {
    const question = data as Question
    const exit = await Effect.runPromise(Effect.exit(work(await ready, question)))
    const to = { to: question.from, id: question.id }
    if (Exit.isSuccess(exit)) return post({ ...to, value: exit.value })
    const reason = exit.cause.reasons.find((each) => each._tag === "Fail")
    post({ ...to, failed: reason === undefined ? lost : { ...(reason.error as TransportError) } })
  }
}

const ask = (channel: BroadcastChannel) => {
  const waiting = new Map<number, (answer: Answer) => void>()
  let last = 0
  channel.onmessage = ({ data }) => {
    const answer = data as Answer
    if (answer.to === threadId) waiting.get(answer.id)?.(answer)
  }
  return (method: string, args: ReadonlyArray<unknown>, client?: number, given?: (memberId: string) => void) =>
    Effect.callback<unknown, TransportError>((resume) => {
      // Of all threads: it names clients, too.
      const id = threadId * 1e9 + ++last
      waiting.set(id, (answer) => {
        if ("given" in answer) return given?.(answer.given)
        waiting.delete(id)
        resume("value" in answer ? Effect.succeed(answer.value) : Effect.fail(new TransportError(answer.failed)))
      })
      channel.postMessage({ from: threadId, id, method, args, ...(client === undefined ? {} : { client }) })
    })
}

const transport = Effect.gen(function* () {
  const channel = yield* Effect.acquireRelease(
    Effect.sync(() => new BroadcastChannel(name)),
    (each) => Effect.sync(() => each.close())
  )
  const asking = ask(channel)
  const opened = (what: "groupClient" | "producer", options: unknown) =>
    Effect.map(
      Effect.acquireRelease(asking(what, [options]), (client) => Effect.ignore(asking("close", [], client as number))),
      (client) => client as number
    )
  const method =
    (client: number, what: string) =>
    (...args: ReadonlyArray<unknown>) =>
      asking(what, args, client)
  return Transport.of({
    groupClient: (options) =>
      Effect.map(opened("groupClient", options), (client): GroupClient => {
        const methods = ["syncGroup", "heartbeat", "leaveGroup", "offsetCommit", "offsetFetch", "fetch"] as const
        const all = [...methods, "listOffsets", "metadata", "identify"].map((what) => [what, method(client, what)])
        return {
          ...Object.fromEntries(all),
          joinGroup: (request, given) => asking("joinGroup", [request], client, given),
          abandon: Effect.ignore(asking("abandon", [], client)),
          forget: (tp) => void Effect.runFork(asking("forget", [tp], client))
        } as GroupClient
      }),
    producer: (options) =>
      Effect.map(
        opened("producer", options),
        (client) => ({ produce: method(client, "produce"), metadata: method(client, "metadata") }) as Producer
      ),
    inspect: () => Effect.die("nobody looks into it")
  })
})

if (isMainThread) {
  const channel = new BroadcastChannel(name)
  channel.unref()
  host(channel)
}

const extension: Extension<null> = {
  name: "shared-log",
  module: import.meta.url,
  settings: settings({}),
  ownTransport: true,
  configure: () => ({ value: { settings: null, agreed: {} } }),
  layer: () => Layer.effect(Transport, transport)
}

export default extension
