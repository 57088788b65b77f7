/** `check` against transports that answer, refuse, and do not know a topic. */
import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { assert, describe, it } from "@effect/vitest"
import { Effect, Fiber, Layer } from "effect"
import { TestClock } from "effect/testing"
import { defaultLogOptions } from "../../src/agent/log/LogOptions.ts"
import type { CheckConfig } from "../../src/commands/CheckConfig.ts"
import { checked } from "../../src/commands/check.ts"
import { Assignor } from "../../src/engine/group/Assignor.ts"
import { EmbeddedLog } from "../../src/transport/embedded/EmbeddedLog.ts"
import { Transport, TransportError, type TransportErrorCode } from "../../src/transport/Transport.ts"

const config: CheckConfig = {
  connection: {
    kafka: { brokers: ["b:1"], clientId: "c", connectionTimeout: 1, requestTimeout: 1 },
    eventHubs: undefined,
    warnings: []
  },
  topics: ["metrics", "more"],
  group: "k2p",
  store: null,
  web: null,
  agent: null,
  sessionTimeout: 20_000,
  lookback: 90_000,
  log: { level: "info", format: "text" }
}

const refusing = (answer: (topics: ReadonlyArray<string>) => TransportErrorCode) =>
  Layer.mock(Transport, {
    inspect: (topics) =>
      Effect.suspend(() => {
        const code = answer(topics)
        const retriable = code.startsWith("COORDINATOR") || code.startsWith("UNKNOWN") || code === "CONNECTION"
        return Effect.fail(new TransportError({ op: "inspect", code, retriable, detail: "" }))
      })
  })

describe("check", () => {
  it.effect("names what is wrong with the topics there are, and those that are missing", () =>
    Effect.gen(function* () {
      yield* (yield* EmbeddedLog).createTopic("metrics", 3)
      const { code, stdout, stderr } = yield* checked(config)
      assert.deepStrictEqual([code, stderr], [1, ""])
      assert.include(stdout, "topic metrics: 3 partitions\n  ok")
      assert.include(stdout, "topic more\n  broken  it does not exist")
      assert.include(stdout, "group k2p\n  ok      no members now")
    }).pipe(Effect.provide([EmbeddedLog.transport, Assignor.layer]), Effect.provide(EmbeddedLog.layer()))
  )

  const hopeless: ReadonlyArray<[TransportErrorCode, RegExp]> = [
    ["CONNECTION", /could not be asked/],
    ["AUTHENTICATION", /refused the login/],
    ["AUTHORIZATION", /may not look/]
  ]
  for (const [code, what] of hopeless)
    it.effect(`ends with 3 at once on ${code}`, () => {
      let tries = 0
      const transport = refusing(() => {
        tries += 1
        return code
      })
      return Effect.gen(function* () {
        const result = yield* checked(config)
        assert.deepStrictEqual([result.code, result.stdout, tries], [3, "", 1])
        assert.match(result.stderr, what)
        assert.include(result.stderr, "b:1")
      }).pipe(Effect.provide([transport, Assignor.layer]))
    })

  it.effect("waits for a coordinator that loads, and in the end says what it waited for", () =>
    Effect.gen(function* () {
      const fiber = yield* Effect.forkChild(checked(config), { startImmediately: true })
      yield* TestClock.adjust("29 seconds")
      assert.isUndefined(fiber.pollUnsafe())
      yield* TestClock.adjust("1 second")
      const result = yield* Fiber.join(fiber)
      assert.strictEqual(result.code, 3)
      assert.include(result.stderr, "COORDINATOR_LOAD_IN_PROGRESS")
    }).pipe(Effect.provide([refusing(() => "COORDINATOR_LOAD_IN_PROGRESS"), Assignor.layer]))
  )

  it.live("of an agent of log files looks at their topic, at each file, and at where positions are kept", () =>
    Effect.gen(function* () {
      const dir = yield* Effect.acquireRelease(
        Effect.promise(() => mkdtemp(join(tmpdir(), "k2p-check-"))),
        (path) => Effect.promise(() => rm(path, { recursive: true, force: true }))
      )
      yield* Effect.promise(async () => {
        await writeFile(join(dir, "a.log"), "one\n")
        await mkdir(join(dir, "logs"))
        await writeFile(join(dir, "logs/partition-base-logs"), "5\n")
      })
      yield* (yield* EmbeddedLog).createTopic("logs", 3)
      const globs = [join(dir, "*.log"), join(dir, "*.txt")]
      const logs = { ...defaultLogOptions, globs, stateDir: join(dir, "logs") }
      const agent = { base: null, stateDir: dir, acks: 1 as const, requestBytes: 1_000_000, logs }
      const { code, stdout } = yield* checked({ ...config, topics: [], agent })
      assert.strictEqual(code, 1)
      assert.notInclude(stdout, "topic metrics")
      assert.match(stdout, /topic logs: 3 partitions\n/)
      assert.match(
        stdout,
        /broken {2}it has 3 partitions, fewer than the partition base 5: .*give --log-partition-base 3/
      )
      assert.match(stdout, /log files .*: 1\n {2}ok {6}positions can be kept in .*\/logs\n/)
      assert.match(stdout, /ok {6}\S*\/a\.log: 4 bytes\n/)
      assert.match(stdout, /broken {2}no file matches --log \S*\*\.txt/)
    }).pipe(Effect.scoped, Effect.provide([EmbeddedLog.transport, Assignor.layer]), Effect.provide(EmbeddedLog.layer()))
  )
})
