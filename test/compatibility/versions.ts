/**
 * `npm run test:versions [-- <commit>]`: pods of an older commit and of this checkout in one group on a real broker: three old ones become new ones, one
 * after the other, and, killed, old ones again, while numbered rounds are written and agents of both builds send dumps. What scrapers see is judged as in the
 * system tests: nothing older, nothing missing from a pod that has no part in it, all served after each step. The default is the last commit before
 * applications were modules. Ends with 1 where something is wrong.
 */
import { execFile } from "node:child_process"
import { mkdir, mkdtemp, readFile, rename, rm, symlink, writeFile } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { setTimeout as delay } from "node:timers/promises"
import { fileURLToPath } from "node:url"
import { isDeepStrictEqual, promisify } from "node:util"
import { Fleet } from "../support/fleet.ts"
import { startKafka } from "../support/kafka.ts"
import { startRounds } from "../support/numberedRounds.ts"
import { openStage } from "../support/processes.ts"
import { latest } from "../support/sightings.ts"
import { until } from "../support/until.ts"
import { Witness } from "../support/witness.ts"
import { buildIn, type Codecs, thisBuild } from "./builds.ts"
import { assignments, claims, commits, written } from "./Wire.ts"

const run = promisify(execFile)
const root = fileURLToPath(new URL("../..", import.meta.url))
const partitions = 12
const say = (line: string): void => void process.stdout.write(`${line}\n`)

/** The older build in a folder of its own, with our dependencies where it names the same. */
const checkOut = async (commit: string): Promise<string> => {
  const folder = await mkdtemp(join(tmpdir(), "k2p-older-"))
  const archive = join(folder, "older.tar")
  await run("git", ["archive", "-o", archive, commit], { cwd: root })
  await run("tar", ["xf", archive, "-C", folder])
  const dependencies = async (of: string): Promise<unknown> =>
    (JSON.parse(await readFile(join(of, "package.json"), "utf8")) as { readonly dependencies: unknown }).dependencies
  if (isDeepStrictEqual(await dependencies(folder), await dependencies(root)))
    await symlink(join(root, "node_modules"), join(folder, "node_modules"))
  else await run("npm", ["ci", "--ignore-scripts"], { cwd: folder })
  return folder
}

/** What one build writes the other one reads, as it was meant. */
const understand = (writer: Codecs, reader: Codecs): void => {
  const { subscriptions, assignments: told, commits: kept } = written(writer)
  const check = (what: string, read: unknown, meant: unknown): void => {
    if (!isDeepStrictEqual(read, meant)) throw new Error(`${what} is read as ${JSON.stringify(read)}`)
  }
  for (const what in claims) check(what, reader.decodeClaims(Buffer.from(subscriptions[what]!, "base64")), claims[what])
  for (const what in assignments)
    check(what, reader.decodeAssignment(Buffer.from(told[what]!, "base64")), assignments[what])
  // A field that came later is not there for the older one.
  for (const what in commits)
    for (const [field, read] of Object.entries(reader.decodeCommitMetadata(kept[what]!) ?? { nothing: undefined }))
      check(`${field} of ${what}`, read, (commits[what] as unknown as Readonly<Record<string, unknown>>)[field])
}

/** Dumps of one source, each with its number as its values, as the witness reads them. */
const startDumps = async (folder: string) => {
  await mkdir(folder)
  let round = 0
  const stopping = new AbortController()
  const write = async (): Promise<void> => {
    round += 1
    const text = `# TYPE test_rounds_total counter\ntest_rounds_total ${round}\n# TYPE test_round gauge\ntest_round ${round}\n`
    await writeFile(join(folder, "shop.part"), text)
    await rename(join(folder, "shop.part"), join(folder, "shop.prom"))
  }
  const work = (async () => {
    while (!stopping.signal.aborted) {
      await write()
      await delay(300)
    }
  })()
  return {
    written: () => round,
    stop: async () => {
      stopping.abort()
      await work
    }
  }
}

const play = async (commit: string, folder: string): Promise<ReadonlyArray<string>> => {
  const older = await buildIn(folder)
  understand(older, thisBuild)
  understand(thisBuild, older)
  if (!isDeepStrictEqual(written(older), written(thisBuild))) say("the builds do not write the same bytes")
  const kafka = await startKafka({ version: "3.9.1" })
  const stage = await openStage()
  const mains = { old: join(folder, "src/main.ts"), new: undefined }
  const dumps = new Map<string, Awaited<ReturnType<typeof startDumps>>>()
  try {
    await kafka.createTopic("metrics", partitions)
    for (const build of ["old", "new"] as const) {
      dumps.set(`${build}/shop`, await startDumps(join(stage.dir, build)))
      const args = ["agent", "--brokers", kafka.bootstrap.join(), "--host", build, "--job", "numbered"]
      const files = ["--dump", join(stage.dir, build, "*.prom"), "--state-dir", join(stage.dir, `${build}-state`)]
      const main = mains[build]
      stage.program(`agent-${build}`, [...args, ...files, "--self-every", "0s"], main === undefined ? {} : { main })
    }
    const sources = { brokers: kafka.bootstrap, topic: "metrics", partitions, sources: 24 }
    const rounds = await startRounds({ ...sources, every: 300, burst: 10, rare: 240, history: 15_000 })
    const exists = (source: string): number => dumps.get(source)?.written() ?? rounds.sent(source)
    const witness = new Witness({ scrapers: 3, pause: 20, timeout: 10_000, exists })
    const builds = new Map<string, "old" | "new">(["a", "b", "c"].map((name) => [name, "old"]))
    const fleet = new Fleet({
      ...{ stage, topic: "metrics", group: "k2p-versions", sessionTimeout: 6_000, rounds, witness },
      brokers: () => kafka.bootstrap,
      // Workers are members like any other; one pod has two.
      workers: (name) => (name === "a" ? 2 : 1),
      main: (name) => mains[builds.get(name)!],
      args: ["--expiry", "10m"]
    })
    const served = async (): Promise<void> => {
      await fleet.whole()
      const wanted = new Map([...dumps].map(([source, { written: count }]) => [source, count()]))
      const seen = (source: string): number =>
        Math.max(-1, ...[...latest(witness.sightings).values()].map(({ rounds: shown }) => shown.get(source) ?? -1))
      await until(() => [...wanted].every(([source, round]) => seen(source) >= round), { what: "both agents' dumps" })
    }
    const faults: Array<string> = []
    const differ = new Set<string>()
    try {
      for (const name of builds.keys()) await fleet.serve(name)
      await served()
      for (const to of ["new", "old"] as const)
        for (const name of builds.keys()) {
          faults.push(
            ...(await fleet.phase(fleet.others(name), async () => {
              // There in order, and back by kill -9: what was shown then is known from commits alone.
              await (to === "new" ? fleet.leave(name) : fleet.kill(name))
              builds.set(name, to)
              await fleet.serve(name)
              await served()
            }))
          )
          for (const pod of fleet.running())
            for (const { settingsDiffer } of (await pod.status()).shards)
              for (const hash of settingsDiffer) differ.add(hash)
          say(
            `${name} is ${to} now: ${[...builds].map((each) => each.join(" ")).join(", ")}; ${witness.sightings.length} scrapes`
          )
        }
    } catch (error) {
      process.stderr.write(`${stage.logs()}\n`)
      throw error
    } finally {
      await witness.stop()
      await rounds.stop()
    }
    const moved = witness.sightings.reduce((sum, { rounds: shown }) => sum + shown.size, 0)
    if (differ.size > 0) say("pods of the two builds tell that their settings differ (the hash of what must agree)")
    say(`${commit} and this build: ${witness.sightings.length} scrapes with ${moved} values, ${faults.length} faults`)
    return [...new Set(faults)]
  } finally {
    for (const each of dumps.values()) await each.stop()
    await stage.close()
    await kafka.stop()
  }
}

const [commit = "83d188a"] = process.argv.slice(2)
const folder = await checkOut(commit)
try {
  const faults = await play(commit, folder)
  for (const fault of faults) say(fault)
  process.exitCode = faults.length === 0 ? 0 : 1
} finally {
  await rm(folder, { recursive: true, force: true })
}
