/**
 * LogsTrial: services that log and rotate, agents, archive pods and a store, all of them processes on real brokers, and what is done to them, in two lanes that do not
 * wait for each other, until each has been done so often. The judge reads what the services wrote and what the store holds, and nothing else.
 */
import { mkdir, readdir, readFile } from "node:fs/promises"
import { join } from "node:path"
import { setTimeout as delay } from "node:timers/promises"
import { random as seeded } from "../../src/testing/Random.ts"
import { knownBy, LogWriter, verdict } from "../agent/log/writer.ts"
import { readChains } from "../archive/sim/ArchiveJudge.ts"
import { type ArchivePod, startArchivePod } from "./archivePods.ts"
import type { KafkaCluster } from "./kafka.ts"
import type { Running, Stage } from "./processes.ts"
import { until } from "./until.ts"

export type Trouble = (trial: LogsTrial) => Promise<void>

export interface TrialOptions {
  readonly stage: Stage
  readonly kafka: KafkaCluster
  readonly topic: string
  /** As it stands behind --to, with the options of the store. */
  readonly to: ReadonlyArray<string>
  readonly env?: Readonly<Record<string, string>>
  /** Where the store keeps what it holds. */
  readonly folder: string
  readonly agents: number
  readonly pods: number
  readonly seed: number
  /** Ms between two rotations of a file. */
  readonly rotateEvery: number
}

/** Ms of the archive pods' session. */
export const session = 6_000
/** Rotated files that stay: what is removed before an agent had time to start is nobody's loss. */
const keep = 1_000
/** Ms between two troubles of a lane, at most. */
const calm = 3_000

interface Agent {
  process: Running
  readonly start: () => Running
}

export class LogsTrial {
  readonly agents: Array<Agent> = []
  readonly pods: Array<ArchivePod> = []
  /** 0 to 1. */
  readonly random: () => number
  /** How often each trouble was met. */
  readonly played = new Map<string, number>()
  readonly #options: TrialOptions
  readonly #writers: Array<LogWriter> = []
  #podsStarted = 0

  private constructor(options: TrialOptions) {
    this.#options = options
    this.random = seeded(options.seed).next
  }

  static async open(options: TrialOptions): Promise<LogsTrial> {
    const trial = new LogsTrial(options)
    for (let i = 0; i < options.agents; i++) await trial.#startAgent(i)
    await Promise.all(Array.from({ length: options.pods }, () => trial.startPod()))
    return trial
  }

  readonly pick = <A>(all: ReadonlyArray<A>): A => all[Math.floor(this.random() * all.length)]!

  async #startAgent(i: number): Promise<void> {
    const { stage, kafka, topic } = this.#options
    const [logs, state] = [join(stage.dir, `logs-${i}`), join(stage.dir, `state-${i}`)]
    await mkdir(logs)
    const start = () =>
      stage.program(`agent-${i}`, [
        ...["agent", "--brokers", kafka.bootstrap.join(","), "--host", `h${i}`, "--state-dir", state],
        ...["--log", join(logs, "*.log*"), "--log-topic", topic, "--log-linger", "20ms"]
      ])
    this.agents.push({ process: start(), start })
    const isKnown = knownBy(join(state, "logs"))
    for (const rotation of ["rename", "copytruncate"] as const) {
      const path = join(logs, `${rotation}${i}.log`)
      this.#writers.push(new LogWriter({ path, rotation, packFrom: 2, keep, random: this.random, isKnown }))
    }
  }

  async startPod(): Promise<void> {
    const { stage, kafka, topic, to, env = {} } = this.#options
    const args = ["--brokers", kafka.bootstrap.join(","), "--topic", topic, "--group-id", topic, "--to", ...to]
    const session6s = ["--roll-age", "1s", "--session-timeout", `${session}ms`, "--workers", "1"]
    this.pods.push(await startArchivePod(stage, `pod-${this.#podsStarted++}`, [...args, ...session6s], { env }))
  }

  /** Some pod, which is none of the trial's from then on; another one is started in its place. */
  async replacePod(end: (pod: ArchivePod) => Promise<void>): Promise<void> {
    const [pod] = this.pods.splice(Math.floor(this.random() * this.pods.length), 1)
    await end(pod!)
    await this.startPod()
  }

  /** Services write and rotate while each trouble of each lane is met so many times, in an order by chance. */
  async play(lanes: ReadonlyArray<Readonly<Record<string, Trouble>>>, rounds: number): Promise<void> {
    let writing = true
    const write = async () => {
      const rotated = new Map<LogWriter, number>()
      while (writing) {
        for (const writer of this.#writers) {
          writer.write(Math.floor(this.random() * 40))
          const now = performance.now()
          if (now - (rotated.get(writer) ?? now) >= this.#options.rotateEvery) writer.rotate()
          else if (rotated.has(writer)) continue
          rotated.set(writer, now)
        }
        await delay(20 + this.random() * 120)
      }
    }
    const meet = async (troubles: Readonly<Record<string, Trouble>>) => {
      for (let round = 0; round < rounds; round++)
        for (const [name, trouble] of Object.entries(troubles).toSorted(() => this.random() - 0.5)) {
          await delay(this.random() * calm)
          await trouble(this)
          this.played.set(name, (this.played.get(name) ?? 0) + 1)
        }
    }
    const written = write()
    try {
      await Promise.all(lanes.map(meet))
    } finally {
      writing = false
      await written
    }
    for (const writer of this.#writers) writer.finish()
  }

  /** What the judge has against the archive as it stands; `missing`: lines that are not there (yet). */
  async #judge(): Promise<{ readonly missing: ReadonlyArray<string>; readonly wrong: ReadonlyArray<string> }> {
    const { topic, folder } = this.#options
    const objects = new Map<string, Buffer>()
    for (const name of await readdir(folder, { recursive: true }).catch(() => []))
      if (/\.ndjson\.zst$|\/life-\d+$/.test(name)) objects.set(name, await readFile(join(folder, name)))
    const { found, rows } = readChains(objects, topic)
    const streams = Map.groupBy(rows, ({ stream }) => String(stream))
    const lines = new Map([...streams].map(([stream, all]) => [stream, all.map(({ line }) => line)] as const))
    const { missing, wrong } = verdict(this.#writers, lines)
    return { missing, wrong: [...found, ...wrong] }
  }

  get lines(): number {
    return this.#writers.reduce((sum, { written }) => sum + written, 0)
  }

  /** When everything has arrived and everybody has ended: what is wrong. */
  async finish(within: number): Promise<ReadonlyArray<string>> {
    let missing: ReadonlyArray<string> = []
    const arrived = async () => {
      missing = (await this.#judge()).missing
      return missing.length === 0
    }
    await until(arrived, {
      what: () => {
        const parts = [missing.slice(0, 20), missing.slice(-20)].map((some) => some.join(", "))
        return `all ${this.lines} lines; missing are ${missing.length}, ${parts.join(" … ")}`
      },
      within,
      every: 1_000
    })
    const wrong: Array<string> = []
    for (const { process } of [...this.pods, ...this.agents]) {
      process.signal("SIGTERM")
      const { code, signal } = await process.ended
      if (code !== 0) wrong.push(`${process.name} ended with ${signal ?? code}`)
    }
    const { stage, to, env = {} } = this.#options
    const verify = stage.program("verify", ["archive", "verify", "--to", ...to], { env })
    if ((await verify.ended).code !== 0) wrong.push(`verify: ${verify.out.stdout}${verify.out.stderr}`)
    const judged = await this.#judge()
    return [...wrong, ...judged.missing, ...judged.wrong]
  }
}

/** The processes that this one started. */
const childrenOf = async (pid: number): Promise<ReadonlyArray<number>> =>
  (await readFile(`/proc/${pid}/task/${pid}/children`, "utf8").catch(() => ""))
    .trim()
    .split(" ")
    .filter(Boolean)
    .map(Number)

export const killPod: Trouble = (trial) => trial.replacePod(({ process }) => process.kill())

export const stopPod: Trouble = (trial) =>
  trial.replacePod(async ({ process }) => {
    process.signal("SIGTERM")
    const { code, signal } = await process.ended
    if (code !== 0) throw new Error(`${process.name} ended with ${signal ?? code}`)
  })

/** For longer than its session: it wakes when its partitions are others'. */
export const freezePod: Trouble = async (trial) => {
  const { process } = trial.pick(trial.pods)
  process.signal("SIGSTOP")
  await delay(session * (1.2 + trial.random()))
  process.signal("SIGCONT")
}

export const killAgent: Trouble = async (trial) => {
  const agent = trial.pick(trial.agents)
  await agent.process.kill()
  agent.process = agent.start()
}

/** What of the agent reads log files; it starts another one. */
export const killTailer: Trouble = async (trial) => {
  const children = await childrenOf(trial.pick(trial.agents).process.pid)
  for (const pid of children)
    try {
      process.kill(pid, "SIGKILL")
    } catch {
      // It was ending.
    }
}
