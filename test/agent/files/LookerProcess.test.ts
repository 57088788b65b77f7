/** A looker that says nothing, though it runs: it is stopped by a signal. Real processes. */
import { mkdtemp, rename, rm, writeFile } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { Files } from "../../../src/agent/files/Files.ts"
import type { Place } from "../../../src/agent/files/Holdings.ts"
import { LookerProcess } from "../../../src/agent/files/LookerProcess.ts"
import { lookersOf } from "../../support/lookers.ts"
import { until } from "../../support/until.ts"

const setUp = Effect.gen(function* () {
  const dir = yield* Effect.acquireRelease(
    Effect.promise(() => mkdtemp(join(tmpdir(), "k2p-looker-"))),
    (path) => Effect.promise(() => rm(path, { recursive: true, force: true }))
  )
  const told: Array<string> = []
  const texts: Array<string> = []
  const places = new Map<string, Place>()
  const files = new Files({
    ...{ expiry: 90_000, now: () => performance.now(), forget: () => {} },
    note: (path, place) => void places.set(path, place)
  })
  const looker = yield* Effect.acquireRelease(
    Effect.sync(
      (): LookerProcess =>
        new LookerProcess({
          looker: {
            ...{ dumps: [join(dir, "*.prom")], staticDumps: [], excludes: [], taken: [], host: "h" },
            ...{ maxDumpBytes: 1_000_000, poll: 20, settle: 60, globEvery: 50, expiry: 90_000 }
          },
          knows: () => {
            const taken = new Map(files.taken())
            return { places: Array.from(places, ([path, place]) => [path, place, taken.get(path) ?? ""] as const) }
          },
          onMessage: (message, body) => {
            if (message.t === "ask") looker.send({ t: "room", id: message.id, ok: true })
            if (message.t === "round") texts.push(String(body))
            files.accept(message, body)
          },
          onStart: () => files.begins(),
          warn: (text) => void told.push(text),
          silence: 3
        })
    ),
    (process) => Effect.sync(() => process.close())
  )
  const replace = async (name: string, text: string) => {
    await writeFile(join(dir, `${name}.tmp`), text)
    await rename(join(dir, `${name}.tmp`), join(dir, `${name}.prom`))
  }
  return { told, texts, replace }
})

describe("LookerProcess", () => {
  it.live("a looker that says nothing is killed and followed by another one; what changed meanwhile comes once", () =>
    Effect.gen(function* () {
      const { told, texts, replace } = yield* setUp
      yield* Effect.promise(async () => {
        await replace("a", "a 1\n")
        await replace("b", "b 1\n")
        await until(() => texts.length === 2, { what: "both files" })
        const [stopped] = await lookersOf(process.pid)
        process.kill(stopped!, "SIGSTOP")
        await replace("a", "a 2\n")
        await until(() => texts.length > 2, { what: "another looker" })
        assert.deepStrictEqual(texts.slice(2), ["a 2\n"])
        const line =
          /^the process that looks at the dump files has said nothing for \d+ s; another process takes over in \d+ ms$/
        assert.match(told.join("|"), line)
        await until(async () => !(await lookersOf(process.pid)).includes(stopped!), { what: "the stopped one's end" })
        // It has looked at all files by then.
        await replace("c", "c 1\n")
        await until(() => texts.includes("c 1\n"), { what: "a new file" })
        assert.deepStrictEqual(texts.slice(2), ["a 2\n", "c 1\n"])
        assert.strictEqual(told.length, 1)
      })
    })
  )
})
