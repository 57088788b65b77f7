/**
 * Looks for partitions that two members of a group can prove to own at one instant: cuts of all members in one step, then the proof of each. The
 * members come and go meanwhile, and their assignor answers nonsense. Arguments: brokers, topic, seconds. Says what it saw as JSON.
 */
import { setTimeout as delay } from "node:timers/promises"
import { Context, Effect, Exit, Layer, Logger, Scope } from "effect"
import {
  Backpressure,
  defaultEngineOptions,
  Engine,
  EngineLayer,
  KafkaTransport,
  PartitionProcessor,
  SelfMetrics,
  shown,
  Transport
} from "kafka2prom"
import { nonsense } from "./nonsense.ts"

const [brokers = "", topic = "", seconds = "10"] = process.argv.slice(2)
const kafka = { brokers: brokers.split(","), clientId: "doubles", connectionTimeout: 10_000, requestTimeout: 30_000 }

const processor = Layer.succeed(PartitionProcessor, {
  name: "nothing",
  needs: shown,
  open: () =>
    Effect.succeed({
      process: () => Effect.void,
      committable: (position: number) => position,
      lowest: (position: number) => position,
      status: () => ({})
    })
})

/** Kafka's, but the answer to a sync comes a second late: a member that goes on for so long by what it had. */
const lateSync = Layer.effect(
  Transport,
  Effect.map(Transport, (under) =>
    Transport.of({
      ...under,
      groupClient: (options) =>
        Effect.map(under.groupClient(options), (client) => ({
          ...client,
          syncGroup: (...sync) => Effect.tap(client.syncGroup(...sync), () => Effect.sleep(1_000))
        }))
    })
  )
)

const member = (clientId: string, late: boolean) =>
  EngineLayer.layer({
    ...defaultEngineOptions,
    group: "doubles",
    topics: [topic],
    clientId,
    sessionTimeout: 6_000
  }).pipe(
    Layer.provide([processor, nonsense, Backpressure.layerPause, Layer.fresh(SelfMetrics.layerBare)]),
    Layer.provide(late ? lateSync : Layer.empty),
    Layer.provide(KafkaTransport.layer({ ...kafka, clientId }))
  )

interface Member {
  readonly engine: Engine["Service"]
  readonly scope: Scope.Closeable
}

const quiet = Effect.provide(Logger.layer([]))
const join = async (name: string, late: boolean): Promise<Member> => {
  const scope = await Effect.runPromise(Scope.make())
  const built = Layer.buildWithScope(member(name, late), scope).pipe(quiet)
  return { engine: Context.get(await Effect.runPromise(built), Engine), scope }
}
const leave = ({ scope }: Member): Promise<void> => Effect.runPromise(Scope.close(scope, Exit.void).pipe(quiet))

const members: Array<Member | undefined> = await Promise.all(["a", "b", "c"].map((name, i) => join(name, i === 0)))
const seen = { cuts: 0, proven: 0, doubles: 0, most: 0, changes: 0, refused: 0 }
const until = Date.now() + Number(seconds) * 1_000

const look = async (): Promise<void> => {
  while (Date.now() < until) {
    const cuts = members.flatMap((each) => (each === undefined ? [] : [each.engine.cut()]))
    const exits = await Promise.all(cuts.map(({ prove }) => Effect.runPromise(Effect.exit(prove))))
    const keys = cuts.flatMap(({ partitions }, i) =>
      Exit.isSuccess(exits[i]!) ? partitions.map(({ key }) => key) : []
    )
    seen.cuts += cuts.length
    seen.proven += keys.length
    seen.doubles += keys.length - new Set(keys).size
    seen.most = Math.max(seen.most, keys.length)
    await delay(5)
  }
}

const comeAndGo = async (): Promise<void> => {
  for (let turn = 0; Date.now() < until; turn++) {
    // The first one stays.
    const place = 1 + (turn % 2)
    const going = members[place]!
    members[place] = undefined
    seen.refused += going.engine.status().wishes.refused
    await leave(going)
    members[place] = await join(`again-${turn}`, false)
    seen.changes += 1
    await delay(1_000)
  }
}

await Promise.all([look(), comeAndGo()])
for (const each of members)
  if (each !== undefined) {
    seen.refused += each.engine.status().wishes.refused
    await leave(each)
  }
process.stdout.write(`${JSON.stringify(seen)}\n`)
