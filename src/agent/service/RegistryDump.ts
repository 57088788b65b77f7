/**
 * RegistryDump: the service's side. Writes a prom-client registry (the global one by default) to a file every 30 seconds, the
 * same text that a scrape would return, in whichever format the registry is set to. Two lines in any Node service:
 *
 *     const stop = dumpRegistry({ path: "/var/dumps/checkout.prom" })
 *     process.once("SIGTERM", () => stop().finally(() => process.exit()))
 *
 * A reader sees the old dump or the new one, never a part: each is written beside the file and renamed over it. Nothing is ever
 * thrown into the service; a dump that fails is told once, when it begins to fail, and again when it works. The last values are
 * written when the process ends by itself and by `stop`; not at a `process.exit()` or an error that nobody catches, because a
 * registry answers later only. Within a thread a path has one writer, the one that was started last; processes, and the workers of
 * a cluster, need a path each. It is also published alone, for older Nodes and for `require` (packages/registry-dump): it imports
 * prom-client and nothing else.
 */
import { randomBytes } from "node:crypto"
import { mkdir, rename, rm, writeFile } from "node:fs/promises"
import { basename, dirname, join, resolve } from "node:path"
// Not the global ones, which a test's environment (fake timers, jsdom) replaces.
import { clearInterval, clearTimeout, setInterval, setTimeout } from "node:timers"
import { register } from "prom-client"

/** Which registry is written to which file, and how often. @stable */
export interface RegistryDumpOptions {
  /** The dump file; its name without the extension becomes part of the source's id. */
  readonly path: string
  /** What is dumped: a prom-client Registry, or anything else that answers with the text of a scrape. */
  readonly registry?: { readonly metrics: () => Promise<string> }
  /** From 1 to 2,147,483,647, 30,000 by default; anything else is told, and the default is used. */
  readonly intervalMs?: number
  /** What the last dump gets when it is stopped, 5,000 by default; then it is given up, told, and the stop goes on. */
  readonly stopTimeoutMs?: number
  /** Where the sentences go; standard error by default. What it throws is dropped. */
  readonly log?: (message: string) => unknown
}

/** Timers take no more: they would fire at once. */
const maxMs = 2 ** 31 - 1

/** Who writes a path. */
interface Writer {
  readonly registry: object
  /** One dump more, now that the process has nothing left to do. */
  readonly atExit: () => void
  /** One dump more, after the one that is under way. */
  readonly last: () => Promise<void>
  /** Another one writes the path from now on. Resolves when this one has let go of the file. */
  readonly end: () => Promise<void>
}

/** By path: of all copies of this file in the thread, for a module that is loaded again must find what it had started. */
const writersOfThread = (): Map<string, Writer> => {
  const key = Symbol.for("kafka2prom/registry-dump")
  const known = (globalThis as { [key]?: Map<string, Writer> })[key]
  if (known !== undefined) return known
  const writers = new Map<string, Writer>()
  Object.defineProperty(globalThis, key, { value: writers })
  process.on("beforeExit", () => {
    for (const writer of writers.values()) writer.atExit()
  })
  return writers
}

const reason = (error: unknown): string => (error instanceof Error ? error.message : String(error))
const holdsSamples = (text: string): boolean => /^[^#\s]/m.test(text)

/** The file, whole or as it was. */
const replace = async (path: string, text: string): Promise<void> => {
  const temporary = join(dirname(path), `.${basename(path)}.${randomBytes(6).toString("hex")}.tmp`)
  try {
    await mkdir(dirname(path), { recursive: true })
    await writeFile(temporary, text)
    await rename(temporary, path)
  } catch (error) {
    // What is left of a failed write (a full disk) must not stay; that it cannot be removed either changes nothing.
    await rm(temporary, { force: true }).catch(() => undefined)
    throw error
  }
}

/** Dumps now and from then on. The answer stops it, after one last dump; it does not keep the process alive. @stable */
export const dumpRegistry = (options: RegistryDumpOptions): (() => Promise<void>) => {
  const { registry = register, log = console.error } = options
  /** A log that fails has nowhere to be told. */
  const say = (message: string): void => void (async () => log(message))().catch(() => undefined)
  if (typeof options.path !== "string" || options.path === "") {
    say(`no metrics are dumped: dumpRegistry needs the path of a file, it got ${JSON.stringify(options.path)}`)
    return () => Promise.resolve()
  }
  const path = resolve(options.path)
  const milliseconds = (name: "intervalMs" | "stopTimeoutMs", otherwise: number): number => {
    const value: unknown = options[name] ?? otherwise
    if (typeof value === "number" && value >= 1 && value <= maxMs) return value
    say(`${name} of the dumps to ${path} must be 1 to ${maxMs} (ms), not ${String(value)}: ${otherwise} is used`)
    return otherwise
  }
  const intervalMs = milliseconds("intervalMs", 30_000)
  const stopTimeoutMs = milliseconds("stopTimeoutMs", 5_000)

  const writers = writersOfThread()
  const before = writers.get(path)
  if (before !== undefined && before.registry !== registry)
    say(
      `a second dumpRegistry took over ${path}: the registry that was dumped there is not any more, it needs another path`
    )
  /** Of the dump that touches the file. */
  let replacing = before?.end() ?? Promise.resolve()
  let running: Promise<void> | null = null
  let ended = false
  let failures = 0
  let dumps = 0
  let toldEmpty = false
  let leftOut = 0
  /** An interval has passed since the dump that is under way began. */
  let late = false
  let dumpedAtExit = false

  const failed = (why: string): void => {
    if (++failures > 1) return
    say(
      `metrics are not dumped to ${path}: ${why}. The agent shows the last dump until it expires; trying again every ${intervalMs} ms`
    )
  }
  /** The first dump may come before the service has made its metrics; that later ones are empty is hardly meant. */
  const noteEmpty = (text: string): void => {
    if (++dumps < 2 || toldEmpty || holdsSamples(text)) return
    toldEmpty = true
    say(
      `the registry that is dumped to ${path} holds no metrics. Where the service has another copy of prom-client than this one ` +
        '(npm ls prom-client), give its own: dumpRegistry({ path, registry: register }) with register from "prom-client"'
    )
  }
  const write = async (): Promise<void> => {
    try {
      const text = await registry.metrics()
      await replacing
      if (ended) return
      const replaced = replace(path, text)
      replacing = replaced.catch(() => undefined)
      await replaced
      noteEmpty(text)
    } catch (error) {
      return failed(reason(error))
    }
    if (failures > 0) say(`metrics are dumped to ${path} again, after ${failures} dumps that failed`)
    failures = 0
  }
  const dump = async (): Promise<void> => {
    late = false
    await write()
    running = null
    if (late || leftOut === 0) return
    say(`metrics are dumped to ${path} every ${intervalMs} ms again, after ${leftOut} dumps that were left out`)
    leftOut = 0
  }
  const start = (): Promise<void> => (running ??= dump())
  /** A metric whose collect() is slow must not pile up one waiting dump per interval. */
  const tick = (): void => {
    dumpedAtExit = false
    if (running === null) return void start()
    late = true
    if (++leftOut > 1) return
    say(`metrics are dumped to ${path} less often than every ${intervalMs} ms: the registry takes longer to answer`)
  }
  const last = async (): Promise<void> => {
    await running
    await start()
  }
  const timer = setInterval(tick, intervalMs)
  timer.unref()
  const writer: Writer = {
    registry,
    atExit: () => {
      // What the dump itself lets the process do ends in a second `beforeExit`.
      if (dumpedAtExit) return
      dumpedAtExit = true
      void start()
    },
    last,
    end: () => {
      clearInterval(timer)
      ended = true
      return replacing
    }
  }
  writers.set(path, writer)
  void start()

  const stop = (): Promise<void> => {
    // Who was taken over from still means: write what there is.
    const owner = writers.get(path) ?? writer
    clearInterval(timer)
    return new Promise((done) => {
      const giveUp = setTimeout(() => {
        say(`the last dump to ${path} was given up: the registry did not answer within ${stopTimeoutMs} ms`)
        finish()
      }, stopTimeoutMs)
      const finish = (): void => {
        clearTimeout(giveUp)
        void writer.end()
        if (writers.get(path) === writer) writers.delete(path)
        done()
      }
      void owner.last().then(finish)
    })
  }
  let stopping: Promise<void> | undefined
  return () => (stopping ??= stop())
}
