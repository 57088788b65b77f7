/**
 * ArchiveWorld: plays one seed: a log, agents, archive pods and a store, in virtual time, with faults by chance: pods are killed, frozen, suspended, cut off
 * and stopped; agents crash; the store fails, hangs, answers late and loses answers; commits lose their metadata, and are set anew by a tool; the log's start
 * moves past C; the topic is truncated, made anew or grows. Then everything heals, all pods leave, and the judge reads what is there.
 */
import { Effect, Logger } from "effect"
import { parseObjectName } from "../../../src/archive/format/Names.ts"
import type { Fate } from "../../../src/testing/pods/Outside.ts"
import { random } from "../../../src/testing/Random.ts"
import { VirtualTime } from "../../../src/testing/VirtualTime.ts"
import { EmbeddedLog } from "../../../src/transport/embedded/EmbeddedLog.ts"
import { partitionKey } from "../../../src/transport/Transport.ts"
import { judge } from "./ArchiveJudge.ts"
import { ArchivePod, type Mutation } from "./ArchivePod.ts"
import { FileWriter, type Written } from "./FileWriter.ts"
import { type Op, SharedStore } from "./SharedStore.ts"

const topic = "logs"

export interface Mutant {
  readonly processor?: Mutation
  /** The store creates what is there already. */
  readonly unconditional?: boolean
  /** Changes what a pod asks of the store. */
  readonly name?: (name: string, pod: ArchivePod, now: number) => string
}

export interface Played {
  readonly violations: ReadonlyArray<string>
  readonly history: ReadonlyArray<string>
  readonly objects: number
  readonly lives: number
  readonly lines: number
  /** What happened, how often. */
  readonly happened: ReadonlyMap<string, number>
}

const group = "kafka2prom"

/** Ms that the faults go on. */
const troubled = 60_000
const healing = 120_000

/** Lines of files as `stream position`, other records as `plain` and their text. */
const heldBy = (log: EmbeddedLog["Service"], partitions: number) =>
  Effect.gen(function* () {
    const held = new Set<string>()
    const client = yield* log.transport.groupClient({ group: "judge", clientId: "judge" })
    const [info] = yield* client.metadata([topic])
    for (let partition = 0; partition < partitions; partition++) {
      const tp = { topic, partition }
      const { leader } = info!.partitions[partition]!
      for (let offset = log.start(tp); offset < log.end(tp); ) {
        const bounds = { maxWait: 0, maxBytes: 1e6, maxBytesPerPartition: 1e6 }
        const [fetched] = yield* client.fetch(leader, [{ tp, offset }], bounds)
        for (const { headers, value } of fetched!.records) {
          const text = Buffer.from(value!).toString()
          const [stream, from] = Buffer.from(headers["k2p-span"] ?? [])
            .toString()
            .split(/[.-]/)
          let at = Number(from)
          for (const line of text.split("\n")) {
            held.add(stream === "" ? `plain ${line}` : `${stream} ${at}`)
            at += line.length + 1
          }
        }
        offset = fetched!.next
      }
    }
    return held
  }).pipe(Effect.scoped, Effect.orDie)

export const play = (seed: number, mutant: Mutant = {}, told = false): Played => {
  const r = random(seed)
  const time = new VirtualTime(seed, Date.UTC(2026, 10, 28, 9, 59, 20))
  const history: Array<string> = []
  const tell = (text: string): void => {
    if (told) history.push(`${String(Math.round(time.now)).padStart(7)} ms  ${text}`)
  }
  const happened = new Map<string, number>()
  const happens = (what: string, text = what): void => {
    happened.set(what, (happened.get(what) ?? 0) + 1)
    tell(text)
  }
  const store = new SharedStore(time, mutant.unconditional !== true)
  const violations: Array<string> = []
  const pods: Array<ArchivePod> = []
  const plain = { sent: new Set<string>(), acknowledged: new Set<string>() }
  /** How bad the store is, 0 to 1. */
  let weather = 0
  /** Until when a pod hears nothing of the brokers. */
  const cut = new Map<string, number>()
  /** Whose next object is on its way for long, and who then hears nothing any more, or is frozen, or killed. */
  let doomed: { readonly pod: ArchivePod; readonly fate: "killed" | "frozen" | "cut off" } | undefined
  let partitions = r.int(1, 3)
  const loses = seed % 4 === 3
  const topicIds = r.chance(0.7)
  const files = new Map<string, Written>()
  /** What the log holds at the end, of files and of others; it lost nothing where this is undefined. */
  let held: ReadonlySet<string> | undefined

  const fateOf =
    (pod: ArchivePod) =>
    (op: Op, name: string): Fate => {
      const object = op === "create" ? parseObjectName(topic, name) : undefined
      if (op === "create") tell(`${pod.name} creates ${name}`)
      if (object !== undefined && !pod.owns({ topic, partition: object.partition }))
        violations.push(`${pod.name} creates ${name} although it knows to have lost the partition`)
      if (object !== undefined && doomed?.pod === pod) {
        const { fate } = doomed
        happens("a pod ends with an object on its way", `${pod.name} is ${fate} while its object is on its way`)
        doomed = undefined
        if (fate === "killed") pod.kill()
        else if (fate === "frozen") pod.clock.freeze(false)
        else cut.set(pod.name, time.now + 20_000)
        return { there: r.int(7_000, 25_000), back: 10, how: "answered" }
      }
      const quick = { there: r.int(1, 60), back: r.int(1, 60) }
      if (!r.chance(weather)) return { ...quick, how: "answered" }
      const how = r.pick(["answered", "refused", "lost", "lost", "late", "late", "hangs"] as const)
      happens(`the store: ${how}`, `the store: ${how} to ${pod.name}, ${op} ${name}`)
      const slow = r.pick([500, 5_000, 25_000])
      return { there: how === "refused" ? 5 : r.int(1, slow), back: r.int(1, slow), how }
    }

  const world = Effect.gen(function* () {
    const log = yield* EmbeddedLog.make({ nodes: 2, requestTimeout: 4_000, topicIds })
    yield* log.createTopic(
      topic,
      partitions,
      r.chance(0.3) ? { sendersTime: (_, now) => now + r.int(-5_000, 5_000) } : {}
    )
    yield* log.intercept(({ clientId, op }) => {
      const pod = pods.find(({ name }) => name === clientId)
      if (pod?.state === "gone") return { lose: "request" }
      if ((cut.get(clientId) ?? -1) > time.now) return { lose: r.chance(0.5) ? "request" : "answer" }
      if (clientId === "agents" && op === "produce" && r.chance(0.1)) return { lose: "answer", timeout: 500 }
      return undefined
    })
    const tool = yield* log.transport.groupClient({ group, clientId: "tool" })
    const producer = yield* Effect.orDie(
      log.transport.producer({ clientId: "agents", acks: "all", compression: "none" })
    )
    const writers = Array.from(
      { length: r.int(2, 5) },
      (_, i) => new FileWriter(topic, `host/${i}`, i % partitions, random(seed * 31 + i))
    )
    let writing = true
    for (const writer of writers)
      yield* Effect.forkScoped(
        Effect.gen(function* () {
          yield* Effect.sleep(r.int(20, 900))
          if (writing && r.chance(0.8)) writer.write(r.int(1, 12))
          for (let i = 0; i < 4; i++) yield* writer.send(producer)
          if (writing && writer.allSent && r.chance(0.05)) writer.rotate()
        }).pipe(Effect.forever)
      )
    let plainly = 0
    yield* Effect.forkScoped(
      Effect.gen(function* () {
        yield* Effect.sleep(r.int(500, 3_000))
        if (!writing) return
        const line = `plain ${plainly++}`
        const record = {
          topic,
          partition: r.int(0, partitions - 1),
          key: Buffer.from("other"),
          value: Buffer.from(line),
          headers: {}
        }
        plain.sent.add(line)
        yield* Effect.ignore(
          Effect.tap(producer.produce([record]), () => Effect.sync(() => plain.acknowledged.add(line)))
        )
      }).pipe(Effect.forever)
    )
    const startPod = Effect.suspend(() => {
      const pod = new ArchivePod(`pod-${pods.length}`, time)
      pods.push(pod)
      tell(`${pod.name} starts`)
      const reached = store.through(pod.name, pod.clock, fateOf(pod))
      const named = (name: string) => mutant.name?.(name, pod, time.currentTimeMillisUnsafe()) ?? name
      return pod.start(
        log.transport,
        topic,
        {
          ...reached,
          create: (name, pieces) => reached.create(named(name), pieces),
          readTail: (name, n) => reached.readTail(named(name), n)
        },
        mutant.processor ?? ((processor) => processor)
      )
    })
    /** As a person does it with Kafka's own tool: all pods are stopped before. */
    const resetGroup = Effect.gen(function* () {
      for (const pod of running()) yield* Effect.forkDetach(pod.stop, { startImmediately: true })
      for (let i = 0; i < 40 && log.group(group).members.length > 0; i++) yield* Effect.sleep(1_000)
      const commits = Array.from({ length: partitions }, (_, partition) => {
        const tp = { topic, partition }
        const offset = r.pick([log.start(tp), log.end(tp), r.int(log.start(tp), log.end(tp))])
        return { tp, offset, metadata: "" }
      })
      const done = yield* Effect.isSuccess(tool.offsetCommit({ memberId: "", generation: -1 }, commits))
      if (done) happens("the group is reset", `the group is reset: ${commits.map(({ offset }) => offset).join(", ")}`)
      yield* startPod
    })
    const running = () => pods.filter(({ state }) => state === "running")
    for (let i = r.int(1, 3); i > 0; i--) yield* startPod

    while (time.now < troubled) {
      yield* Effect.sleep(r.int(200, 4_000))
      const pod = running().length === 0 ? undefined : r.pick(running())
      const tp = { topic, partition: r.int(0, partitions - 1) }
      const what = r.int(0, loses ? 17 : 13)
      if (what <= 1 && running().length < 4) yield* startPod
      else if (what === 2 && pod !== undefined) {
        happens("a pod is killed", `${pod.name} is killed`)
        pod.kill()
      } else if (what === 3 && pod !== undefined) {
        happens("a pod leaves", `${pod.name} is told to leave`)
        yield* Effect.forkDetach(pod.stop, { startImmediately: true })
      } else if ((what === 4 || what === 5) && pod !== undefined) {
        const ms = r.pick([500, 7_000, 20_000])
        happens("a pod is frozen", `${pod.name} is frozen for ${ms} ms`)
        pod.clock.freeze(what === 5)
        yield* Effect.forkScoped(
          Effect.andThen(
            Effect.sleep(ms),
            Effect.sync(() => pod.state !== "gone" && pod.clock.thaw())
          )
        )
      } else if (what === 6 && pod !== undefined) {
        happens("a pod is cut off", `${pod.name} is cut off`)
        cut.set(pod.name, time.now + r.pick([1_000, 8_000, 20_000]))
      } else if (what === 7 || what === 8) {
        weather = r.pick([0, 0.1, 0.5, 1])
        tell(`the store fails ${weather}`)
      } else if (what === 9 || what === 10) {
        if (r.pick(writers).crash()) happens("an agent crashes and repeats")
      } else if (what === 11) {
        happens("commits lose their metadata")
        yield* log.stripCommits(group)
      } else if (what === 13) yield* resetGroup
      else if (what === 12 && pod !== undefined)
        doomed = { pod, fate: r.pick(["killed", "frozen", "cut off"] as const) }
      else if (what === 14) {
        const to = r.int(log.start(tp), log.end(tp))
        const committed = (yield* Effect.orDie(tool.offsetFetch([tp]))).get(partitionKey(tp))?.offset ?? 0
        if (to > committed) happens("retention passes C")
        tell(`the log of ${tp.partition} begins at ${to}, C is ${committed}`)
        yield* log.deleteRecords(tp, to)
      } else if (what === 15) {
        const end = log.end(tp) - r.int(0, 3)
        happens("the log goes back", `the log of ${tp.partition} goes back to ${end}`)
        yield* log.truncate(tp, Math.max(log.start(tp), end))
      } else if (what === 16 && topicIds && r.chance(0.3)) {
        // Without ids it is not promised that a running pod sees it.
        happens("the topic is made anew")
        yield* log.recreate(topic)
      } else if (what === 17) {
        happens("a partition is added")
        partitions += 1
        yield* log.addPartitions(topic, partitions)
      }
    }
    tell("everything heals")
    weather = 0
    doomed = undefined
    cut.clear()
    for (const pod of pods) if (pod.state !== "gone") pod.clock.thaw()
    if (running().length === 0) yield* startPod
    yield* Effect.sleep(10_000)
    writing = false
    yield* Effect.sleep(healing)
    for (const pod of running()) yield* Effect.forkDetach(pod.stop, { startImmediately: true })
    const since = time.now
    while (pods.some(({ state }) => state === "leaving") && time.now - since < 60_000) yield* Effect.sleep(100)
    for (const { name, state } of pods) if (state === "leaving") violations.push(`${name} did not leave`)
    for (const writer of writers) {
      if (!writer.allSent) violations.push(`the agent of ${writer.source} did not come to an end`)
      for (const [stream, file] of writer.files) files.set(stream, file)
    }
    if (loses) held = yield* heldBy(log, partitions)
  }).pipe(Effect.scoped)

  const logger = Logger.make<unknown, void>(({ message, logLevel }) => {
    if (logLevel !== "Debug") tell(`        ${[message].flat().map(String).join(" ")}`)
  })
  const failed = (() => {
    try {
      const exit = time.run(Effect.provide(world, Logger.layer([logger])))
      return exit._tag === "Failure" ? String(exit.cause) : undefined
    } catch (error) {
      // The program got stuck: a finding like any other.
      return String(error)
    }
  })()
  if (failed !== undefined) violations.push(`the simulation itself failed: ${failed}`)
  const lives = [...store.objects.keys()].filter((name) => /\/life-\d+$/.test(name)).length
  violations.push(...judge(store.objects, { topic, files, plain, held }, failed === undefined))
  const lines = [...files.values()].reduce((sum, { lines }) => sum + lines.size, 0)
  happened.set("a create is refused", store.refusals)
  return { violations, history, objects: store.objects.size, lives, lines, happened }
}
