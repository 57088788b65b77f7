/**
 * RegistryDump: the service's side. Writes a prom-client registry (the global one by default) to a file every 30 seconds, the
 * same text that a scrape would return, in whichever format the registry is set to. Two lines in any Node service:
 *
 *     import { dumpRegistry } from "kafka2prom/registry-dump"
 *     dumpRegistry({ path: "/var/dumps/checkout.prom" })
 *
 * A reader sees the old dump or the new one, never a part: each is written beside the file and renamed over it. Nothing is ever
 * thrown into the service; a dump that fails is told once, when it begins to fail, and again when it works. A file is one
 * process': workers of a cluster need a path each. This file imports prom-client and nothing else: a service pays for no more.
 */
import { mkdir, rename, rm, writeFile } from "node:fs/promises"
import { basename, dirname, join } from "node:path"
import { threadId } from "node:worker_threads"
import { type Registry, register } from "prom-client"

export interface RegistryDumpOptions {
  /** The dump file; its name without the extension becomes part of the source's id. */
  readonly path: string
  readonly registry?: Pick<Registry, "metrics">
  readonly intervalMs?: number
  /** What the last dump gets when it is stopped; then it is given up, told, and the stop goes on. */
  readonly stopTimeoutMs?: number
  /** Where the sentences go; standard error by default. */
  readonly log?: (message: string) => void
}

const reason = (error: unknown): string => (error instanceof Error ? error.message : String(error))
const holdsSamples = (text: string): boolean => /^[^#\s]/m.test(text)

/** Dumps now and from then on. The answer stops it, after one last dump; it does not keep the process alive. */
export const dumpRegistry = (options: RegistryDumpOptions): (() => Promise<void>) => {
  const { path, registry = register, intervalMs = 30_000, stopTimeoutMs = 5_000 } = options
  const { log = (message) => console.error(message) } = options
  const temporary = join(dirname(path), `.${basename(path)}.${process.pid}-${threadId}.tmp`)
  let failures = 0
  let dumps = 0
  let toldEmpty = false
  let running: Promise<void> | null = null

  const failed = (why: string): void => {
    if (++failures > 1) return
    log(
      `metrics are not dumped to ${path}: ${why}. The agent shows the last dump until it expires; trying again every ${intervalMs} ms`
    )
  }
  /** The first dump may come before the service has made its metrics; that later ones are empty is hardly meant. */
  const noteEmpty = (text: string): void => {
    if (++dumps < 2 || toldEmpty || holdsSamples(text)) return
    toldEmpty = true
    log(
      `the registry that is dumped to ${path} holds no metrics. Where the service has another copy of prom-client than kafka2prom ` +
        '(npm ls prom-client), give its own: dumpRegistry({ path, registry: register }) with register from "prom-client"'
    )
  }
  const write = async (): Promise<void> => {
    try {
      const text = await registry.metrics()
      await mkdir(dirname(path), { recursive: true })
      await writeFile(temporary, text)
      await rename(temporary, path)
      noteEmpty(text)
    } catch (error) {
      failed(reason(error))
      // What is left of a failed write (a full disk) must not stay; that it cannot be removed either changes nothing.
      await rm(temporary, { force: true }).catch(() => undefined)
      return
    }
    if (failures > 0) log(`metrics are dumped to ${path} again, after ${failures} dumps that failed`)
    failures = 0
  }
  const dump = (): Promise<void> => {
    // A metric whose collect() hangs must not pile up one waiting dump per interval.
    if (running !== null) failed("the registry has not answered since the last dump")
    else running = write().finally(() => (running = null))
    return running ?? Promise.resolve()
  }
  const last = async (): Promise<void> => {
    await running
    await dump()
  }

  void dump()
  const timer = setInterval(() => void dump(), intervalMs)
  timer.unref()
  return () => {
    clearInterval(timer)
    return new Promise((resolve) => {
      const giveUp = setTimeout(() => {
        log(`the last dump to ${path} was given up: the registry did not answer within ${stopTimeoutMs} ms`)
        resolve()
      }, stopTimeoutMs)
      void last().then(() => {
        clearTimeout(giveUp)
        resolve()
      })
    })
  }
}
