/** The looker is killed, by itself and while files change: another one goes on where it was. Real files, real processes. */
import { writeFile } from "node:fs/promises"
import { join } from "node:path"
import { assert, describe, it } from "@effect/vitest"
import { Effect, Fiber } from "effect"
import { lookersOf } from "../../support/lookers.ts"
import { dump, files, io, replace, setUp, start } from "./dumpFiles.ts"

const kill = io(async () => {
  const pids = await lookersOf(process.pid)
  assert.strictEqual(pids.length, 1)
  process.kill(pids[0]!, "SIGKILL")
})

describe("a looker that was killed", () => {
  it.live("is told and followed by another one, which sends what changed meanwhile and nothing else", () =>
    Effect.gen(function* () {
      const { dir, sink, source, take, told, states, until } = yield* setUp()
      const path = (name: string) => join(dir, `${name}.prom`)
      for (const name of ["a", "b", "c"]) yield* replace(path(name), dump(1))
      yield* take(3)
      yield* kill
      yield* until(() => told.length > 0)
      const line =
        /^the process that looks at the dump files has ended \(SIGKILL\); another process takes over in \d+ ms$/
      assert.match(told.filter((text) => !text.startsWith("no file matches")).join("|"), line)
      yield* replace(path("b"), dump(2))
      assert.deepStrictEqual(yield* take(), [dump(2)])
      yield* source.lastLook
      yield* until(() => states().length === 3)
      assert.deepStrictEqual(sink.rounds, [])
      assert.deepStrictEqual(sink.left, [])
      assert.deepStrictEqual(states().toSorted(), ["h/a taken", "h/b taken", "h/c taken"])
    })
  )

  it.live("at whatever moment: no round is sent twice, none goes back, and the newest one comes", () =>
    Effect.gen(function* () {
      const { dir, sink, told, until } = yield* setUp()
      const names = ["a", "b", "c", "d", "e"]
      let value = 0
      const writer = yield* Effect.forkChild(
        Effect.forever(
          Effect.gen(function* () {
            value++
            for (const name of names) yield* replace(join(dir, `${name}.prom`), dump(value))
            yield* Effect.sleep(5)
          })
        )
      )
      const deaths = () => told.filter((text) => text.includes("SIGKILL")).length
      for (let i = 1; i <= 3; i++) {
        const before = sink.rounds.length
        yield* until(() => sink.rounds.length > before + 20)
        yield* kill
        yield* until(() => deaths() === i)
      }
      yield* Fiber.interrupt(writer)
      value++
      for (const name of names) yield* replace(join(dir, `${name}.prom`), dump(value))
      const sent = (name: string) =>
        sink.rounds
          .filter(({ source }) => source === `h/${name}`)
          .map(({ text }) => Number(/a (\d+)/.exec(`${Buffer.from(text)}`)![1]))
      yield* until(() => names.every((name) => sent(name).at(-1) === value))
      for (const name of names) {
        const values = sent(name)
        assert.deepStrictEqual(
          values,
          [...new Set(values)].toSorted((a, b) => a - b)
        )
      }
    })
  )

  it.live("does not keep a static dump from being sent again", () =>
    Effect.gen(function* () {
      const dir = yield* files
      yield* io(() => writeFile(join(dir, "role.prom"), dump(1)))
      const { take, told, until } = yield* start(dir, [], { staticDumps: [join(dir, "*.prom")], expiry: 15_000 })
      yield* take()
      yield* kill
      yield* until(() => told.some((text) => text.includes("SIGKILL")))
      assert.deepStrictEqual(new Set(yield* take(3)), new Set([dump(1)]))
    })
  )
})
