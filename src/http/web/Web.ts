/**
 * Web: the web configuration as it is now. Its files are looked at every second; when one changed, all are read again: requests and new
 * connections follow at once. What cannot be used changes nothing: the configuration before it stays, and that is told.
 */
import { stat } from "node:fs/promises"
import { Effect, type Scope } from "effect"
import type { Outcome } from "../../config/Resolve.ts"
import { loadWebConfig, type WebConfig, warningsOf } from "./WebConfig.ts"

/** Ms. */
const every = 1_000
/** A file so young, ms, may change again within what its time can tell apart. */
const young = 3_000

export class Web {
  current: WebConfig
  private readonly listeners = new Set<() => void>()

  constructor(config: WebConfig) {
    this.current = config
  }

  /** Called after each change, until what it answers is called. */
  onChange(listener: () => void): () => void {
    this.listeners.add(listener)
    return () => void this.listeners.delete(listener)
  }

  change(config: WebConfig): void {
    this.current = config
    for (const listener of this.listeners) listener()
  }
}

/** What tells that a file is another one. */
const stampOf = async (path: string): Promise<string> => {
  try {
    const { ino, size, mtimeNs, ctimeNs, mtimeMs } = await stat(path, { bigint: true })
    const isYoung = Math.abs(Date.now() - Number(mtimeMs)) < young
    return `${ino} ${size} ${mtimeNs} ${ctimeNs}${isYoung ? ` ${Date.now()}` : ""}`
  } catch {
    // Whoever reads it says why it cannot be.
    return "gone"
  }
}

const reloaded = (path: string, { tls }: WebConfig): Outcome<WebConfig> => {
  const loaded = loadWebConfig(path)
  if ("problems" in loaded || (loaded.value.tls === undefined) === (tls === undefined)) return loaded
  return { problems: [`${path}: TLS cannot be switched on or off while the pod runs: restart it`] }
}

/** For the Scope's life. `told`: how each reading of something new went. */
export const watchWeb = (
  web: Web,
  path: string,
  told: (isGood: boolean) => void
): Effect.Effect<void, never, Scope.Scope> => {
  let stamps = ""
  let failure = ""
  const look = Effect.gen(function* () {
    const now = (yield* Effect.promise(() => Promise.all(web.current.files.map(stampOf)))).join("\n")
    // What made it fail may stand in a file that only the failed one names.
    if (now === stamps && failure === "") return
    stamps = now
    const loaded = reloaded(path, web.current)
    if ("problems" in loaded) {
      const before = failure
      failure = loaded.problems.join("; ")
      told(false)
      if (failure === before) return
      return yield* Effect.logError(`the new web configuration is not used, the one before stays: ${failure}`)
    }
    if (loaded.value.fingerprint === web.current.fingerprint && failure === "") return
    failure = ""
    web.change(loaded.value)
    told(true)
    yield* Effect.logInfo(`the web configuration ${path} was read again`)
    for (const warning of warningsOf(loaded.value, Date.now())) yield* Effect.logWarning(warning)
  })
  return Effect.asVoid(Effect.forkScoped(Effect.forever(Effect.andThen(look, Effect.sleep(every)))))
}
