/** The process that tails log files, as the agent starts it: what it says, its death, and its end. No broker is needed: it tails without one. */
import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { assert, describe, it } from "@effect/vitest"
import { Effect, Exit, Logger, Scope } from "effect"
import { defaultLogOptions } from "../../../src/agent/log/LogOptions.ts"
import type { LogStatus } from "../../../src/agent/log/LogStatus.ts"
import { startTailing } from "../../../src/agent/log/LogTailing.ts"
import { tailersOf } from "../../support/lookers.ts"
import { until } from "../../support/until.ts"

const io = <A>(work: () => Promise<A>) => Effect.promise(work)
const kafka = { brokers: ["127.0.0.1:1"], clientId: "t", connectionTimeout: 1_000, requestTimeout: 1_000 }

const tailers = () => tailersOf(process.pid)

describe("the process that tails log files", () => {
  it.live("another one takes over where it was killed, which is told; at the end there is none", () =>
    Effect.gen(function* () {
      const dir = yield* Effect.acquireRelease(
        io(() => mkdtemp(join(tmpdir(), "k2p-tailing-"))),
        (path) => io(() => rm(path, { recursive: true, force: true }))
      )
      yield* io(() => mkdir(join(dir, "log")))
      yield* io(() => writeFile(join(dir, "log/a.log"), "one\n"))
      const options = { ...defaultLogOptions, globs: [join(dir, "log/*.log")], stateDir: join(dir, "state"), host: "h" }
      const said: Array<string> = []
      const logger = Logger.make<unknown, void>(({ message }) => void said.push(String(message)))
      const told: Array<LogStatus> = []
      const scope = yield* Scope.make()
      const tailing = yield* startTailing(options, kafka, (status) => void told.push(status)).pipe(
        Scope.provide(scope),
        Effect.provide(Logger.layer([logger]))
      )
      const sees = () => tailing.status()?.files[0]?.size === 4
      yield* io(() => until(sees, { what: "the file" }))
      const [first] = yield* io(tailers)
      process.kill(first!, "SIGKILL")
      const isOther = async () => (await tailers()).some((pid) => pid !== first)
      yield* io(() => until(isOther, { what: "another tailer" }))
      const before = told.length
      yield* io(() => until(() => told.length > before && sees(), { what: "its word" }))
      assert.include(tailing.status()!.files[0]!, { state: "behind", position: 0, behind: 4 })
      assert.isTrue(
        said.some((text) => /the process that tails the log files has ended \(SIGKILL\)/.test(text)),
        said.join("\n")
      )
      assert.isTrue(
        said.some((text) => /the log is not reached: .* log files keep their lines/.test(text)),
        said.join("\n")
      )
      yield* Scope.close(scope, Exit.void)
      assert.deepStrictEqual(yield* io(tailers), [])
    }).pipe(Effect.scoped)
  )
})
