/**
 * RegistryDump: the service's side. Writes a prom-client registry (the global one by default) to a file every 30 seconds, the
 * same text that a scrape would return, in whichever format the registry is set to. Two lines in any Node service:
 *
 *     import { dumpRegistry } from "kafka2prom"
 *     dumpRegistry({ path: "/var/dumps/checkout.prom" })
 *
 * A reader sees the old dump or the new one, never a part: each is written beside the file and renamed over it. Nothing is ever
 * thrown into the service; a dump that fails is told once, when it begins to fail, and again when it works. A file is one
 * process': workers of a cluster need a path each.
 */
import { mkdir, rename, rm, writeFile } from "node:fs/promises"
import { basename, dirname, join } from "node:path"
import { threadId } from "node:worker_threads"
import { Effect, Layer } from "effect"
import { type Registry, register } from "prom-client"

export interface RegistryDumpOptions {
  /** The dump file; its name without the extension becomes part of the source's id. */
  readonly path: string
  readonly registry?: Pick<Registry, "metrics">
  readonly intervalMs?: number
  /** Where the two sentences go; standard error by default. */
  readonly log?: (message: string) => void
}

const reason = (error: unknown): string => (error instanceof Error ? error.message : String(error))

/** Dumps now and from then on. The answer stops it, after one last dump; it does not keep the process alive. */
export const dumpRegistry = (options: RegistryDumpOptions): (() => Promise<void>) => {
  const { path, registry = register, intervalMs = 30_000, log = (message) => console.error(message) } = options
  const temporary = join(dirname(path), `.${basename(path)}.${process.pid}-${threadId}.tmp`)
  let failures = 0
  let running: Promise<void> | null = null

  const failed = (why: string): void => {
    if (++failures > 1) return
    log(
      `metrics are not dumped to ${path}: ${why}. The agent shows the last dump until it expires; trying again every ${intervalMs} ms`
    )
  }
  const write = async (): Promise<void> => {
    try {
      const text = await registry.metrics()
      await mkdir(dirname(path), { recursive: true })
      await writeFile(temporary, text)
      await rename(temporary, path)
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

  void dump()
  const timer = setInterval(() => void dump(), intervalMs)
  timer.unref()
  return async () => {
    clearInterval(timer)
    await running
    await dump()
  }
}

export const RegistryDump = {
  /** The same for a service built of Layers: dumps while the Layer lives, and once more when it is released. */
  layer: (options: RegistryDumpOptions): Layer.Layer<never> =>
    Layer.effectDiscard(
      Effect.acquireRelease(
        Effect.sync(() => dumpRegistry(options)),
        (stop) => Effect.promise(stop)
      )
    )
}
