/**
 * Demo: the whole pipeline in one process and no server: real services (child processes) dump their registries to files, an
 * agent tails them into the embedded log, two pods of one group serve them on two ports. One pod is taken away and brought back
 * again and again while a scraper goes round all pods and a judge looks for a value that is older than one already shown. What the
 * services log is archived beside it (see DemoLogs).
 */
import { mkdtemp, readdir, rm } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { Cause, Clock, Effect, Exit, Layer } from "effect"
import { Agent } from "../agent/Agent.ts"
import { defaultAgentOptions } from "../agent/AgentOptions.ts"
import type { DemoConfig } from "../Config.ts"
import { formatAddress } from "../config/Kind.ts"
import { defaultMetricsOptions } from "../metrics/cache/MetricsProcessor.ts"
import metricsApp from "../metrics/MetricsApp.ts"
import { metricsParts } from "../metrics/MetricsParts.ts"
import { SelfMetrics } from "../SelfMetrics.ts"
import { EmbeddedLog } from "../transport/embedded/EmbeddedLog.ts"
import { version } from "../version.ts"
import { startLogs } from "./DemoLogs.ts"
import { type DemoPod, demoPod, get, startPod, stopPod } from "./DemoPod.ts"
import { NeverOlder } from "./NeverOlder.ts"
import { failures, liveLine, type Summary, summaryText } from "./Report.ts"
import { ServiceFailed, startServices } from "./Services.ts"

const topic = "metrics"
const partitions = 6
const scrapeEvery = 100
const reportEvery = 2_000
const metrics = { app: metricsApp, parts: metricsParts, settings: defaultMetricsOptions, engine: { topics: [topic] } }

const say = (text: string) =>
  Effect.sync(() => {
    process.stdout.write(`${text}\n`)
  })

/** What the summary found; there also for a demo that was interrupted. */
interface Verdict {
  code: number
}

const run = (config: DemoConfig, verdict: Verdict) =>
  Effect.gen(function* () {
    const log = yield* EmbeddedLog
    yield* log.createTopic(topic, partitions)
    const dir = yield* Effect.acquireRelease(
      Effect.promise(() => mkdtemp(join(tmpdir(), "kafka2prom-demo-"))),
      (path) => (config.keep ? Effect.void : Effect.promise(() => rm(path, { recursive: true, force: true })))
    )
    const services = yield* startServices(config.services, dir, config.dumpEvery)
    /** An agent that finds nothing says so: it starts when there is something to find. */
    const firstDump = Effect.promise(() => readdir(dir)).pipe(
      Effect.delay(100),
      Effect.repeat({ until: (names) => names.some((name) => name.endsWith(".prom")) })
    )
    const agent = Agent.run({
      ...defaultAgentOptions,
      partitionBase: partitions,
      dumps: [join(dir, "*.prom")],
      stateDir: join(dir, "state"),
      host: "demo",
      // The demo counts its services.
      selfEvery: 0,
      poll: 100,
      globEvery: 500,
      topic
    })
    const pods: ReadonlyArray<DemoPod> = ["pod-a", "pod-b"].map(demoPod)
    yield* Effect.addFinalizer(() => Effect.forEach(pods, stopPod, { concurrency: "unbounded", discard: true }))
    const portOf = (i: number) => (config.port === 0 ? 0 : config.port + i)
    for (const [i, pod] of pods.entries()) yield* startPod(pod, metrics, portOf(i))
    const logs = yield* startLogs(dir, portOf(pods.length))
    yield* say(
      [
        `kafka2prom ${version}: ${config.services} services (pids ${services.pids.join(", ")}), each dumping its registry every ${config.dumpEvery} ms to ${dir}, and logging there`,
        `an agent, an embedded log with ${partitions} partitions, and two pods:`,
        ...pods.map(
          (p) =>
            `  ${p.name}  http://${formatAddress(p.address!)}/metrics   status: http://${formatAddress(p.address!)}/`
        ),
        "an agent for the log files, and an archive pod:",
        `  archive  ${logs.folder}   status: http://${formatAddress(logs.pod.address!)}/`,
        config.duration === undefined
          ? "Ctrl-C ends it with a summary."
          : `ends by itself after ${config.duration / 1000} s`,
        ""
      ].join("\n")
    )

    const judge = new NeverOlder()
    const started = yield* Clock.currentTimeMillis
    const all: Array<number> = []
    let recent: Array<number> = []
    let moves = 0
    const older: Array<string> = []

    /** One scrape after the other: what is shown later must not be older. */
    const scrapeLoop = Effect.gen(function* () {
      for (const pod of pods) {
        const { fiber } = pod
        if (fiber === undefined) continue
        const body = yield* Effect.exit(get(pod, "/metrics"))
        // A pod that is being taken away may break off; a pod that should be there may not.
        if (Exit.isFailure(body)) {
          if (pod.fiber === fiber) yield* Effect.logWarning(`scraping ${pod.name} failed`, body.cause)
          continue
        }
        const now = yield* Clock.currentTimeMillis
        const { latencies, sources } = judge.judge(pod.name, body.value, now)
        pod.shown = pod.fiber === fiber ? sources : new Set()
        all.push(...latencies)
        recent.push(...latencies)
        if (all.length > 100_000) all.splice(0, all.length - 100_000)
        for (const o of judge.older.splice(0)) {
          const text = `${o.series} ${o.shown} on ${o.pod} after ${o.before} on ${o.beforePod}`
          older.push(text)
          yield* say(`OLDER VALUE: ${text}`)
        }
      }
      yield* Effect.sleep(scrapeEvery)
    }).pipe(Effect.forever)

    const countPartitions = Effect.forEach(
      pods.filter((p) => p.fiber !== undefined),
      (pod) =>
        get(pod, "/api/v1/status").pipe(
          Effect.tap((text) =>
            Effect.sync(() => {
              const { shards } = JSON.parse(text) as {
                shards: ReadonlyArray<{ partitions: ReadonlyArray<{ visible: boolean }> }>
              }
              pod.partitions = shards.flatMap((s) => s.partitions).filter((p) => p.visible).length
            })
          ),
          // A pod that is just coming or going does not answer: its last count stands for one line.
          Effect.ignore
        ),
      { discard: true }
    )

    const reportLoop = Effect.gen(function* () {
      yield* Effect.sleep(reportEvery)
      yield* countPartitions
      const archived = yield* Effect.orElseSucceed(logs.rows, () => Number.NaN)
      const elapsed = (yield* Clock.currentTimeMillis) - started
      yield* say(
        liveLine({
          elapsed,
          sources: judge.sources,
          roundsPerSecond: recent.length / (reportEvery / 1000),
          latencies: recent,
          pods: pods.map((p) => ({ name: p.name, partitions: p.fiber === undefined ? null : p.partitions })),
          scrapes: judge.scrapes,
          older: older.length,
          archived
        })
      )
      recent = []
    }).pipe(Effect.forever)

    // A third of the time each: both, one, both; without an end, again and again.
    const third = config.duration === undefined ? 15_000 : config.duration / 3
    const moveLoop = Effect.gen(function* () {
      const pod = pods[1]!
      const { port } = pod.address!
      yield* Effect.sleep(third)
      yield* say(`--- taking ${pod.name} away`)
      yield* stopPod(pod)
      moves += 1
      yield* Effect.sleep(third)
      yield* say(`--- bringing ${pod.name} back`)
      yield* startPod(pod, metrics, port)
      moves += 1
    }).pipe(config.duration === undefined ? Effect.forever : (once) => Effect.andThen(once, Effect.never))

    /** Every pod by itself ends the demo where it ends by itself. */
    const podFailed = Effect.gen(function* () {
      yield* Effect.sleep(500)
      for (const { fiber, name } of [...pods, logs.pod]) {
        const exit = fiber?.pollUnsafe()
        if (exit !== undefined && Exit.isFailure(exit) && !Cause.hasInterruptsOnly(exit.cause))
          return yield* new ServiceFailed({ message: `${name} ended by itself: ${Cause.squash(exit.cause)}` })
      }
    }).pipe(Effect.forever)

    const work = Effect.all(
      [scrapeLoop, reportLoop, moveLoop, Effect.andThen(firstDump, agent), services.failed, podFailed, logs.failed],
      {
        concurrency: "unbounded",
        discard: true
      }
    )
    const summarise = Effect.fnUntraced(function* (stopped: boolean) {
      const shown = new Set(pods.flatMap((p) => [...p.shown]))
      const elapsed = (yield* Clock.currentTimeMillis) - started
      yield* services.stop
      const summary: Summary = {
        elapsed,
        sources: judge.sources,
        expectedSources: config.services,
        rounds: all.length,
        latencies: all,
        scrapes: judge.scrapes,
        values: judge.values,
        older,
        missing: [...judge.allSources].filter((s) => !shown.has(s)),
        moves,
        stopped,
        logs: yield* logs.finish
      }
      yield* say(summaryText(summary))
      if (config.keep) yield* say(`dumps, log files and the archive stay in ${dir}`)
      verdict.code = failures(summary).length === 0 ? 0 : 1
    })
    return yield* work.pipe(
      Effect.raceFirst(config.duration === undefined ? Effect.never : Effect.sleep(config.duration)),
      Effect.onInterrupt(() => summarise(true)),
      Effect.andThen(summarise(false)),
      Effect.map(() => verdict.code)
    )
  })

/** Succeeds with the exit code, interrupted or not: 0, or 1 where the check failed or a part of the demo did. */
export const demo = (config: DemoConfig): Effect.Effect<number> =>
  Effect.uninterruptibleMask((restore) => {
    const verdict: Verdict = { code: 0 }
    return restore(run(config, verdict).pipe(Effect.scoped)).pipe(
      Effect.provide(
        Layer.merge(EmbeddedLog.transport.pipe(Layer.provideMerge(EmbeddedLog.layer())), SelfMetrics.layerAgent)
      ),
      Effect.catch((error) => Effect.as(Effect.logError(error.message), 1)),
      Effect.catchCause((cause) =>
        Cause.hasInterruptsOnly(cause) ? Effect.succeed(verdict.code) : Effect.failCause(cause)
      )
    )
  })
