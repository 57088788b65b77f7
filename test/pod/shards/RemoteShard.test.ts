/** The two ends of a port: whatever an application says goes along as it is, in order, as far as there is credit, and memory comes back. */
import { setImmediate as turn } from "node:timers/promises"
import { assert, describe, it } from "@effect/vitest"
import { Effect, Logger } from "effect"
import type { Channel, Piece } from "../../../src/pod/shards/Channel.ts"
import { window } from "../../../src/pod/shards/Messages.ts"
import { absent, type Shard } from "../../../src/pod/shards/Shard.ts"
import { overPort } from "../fakePod.ts"

const shardOf = (parts: Partial<Shard>): Shard => ({
  number: 0,
  open: () => assert.fail("nobody opens a channel here"),
  ask: () => Effect.succeed(undefined),
  report: () => Effect.succeed(absent(0, "starting")),
  setBackpressure: () => Effect.succeed(false),
  metrics: Effect.succeed([]),
  ...parts
})

const channelOf = (parts: Partial<Channel>): Channel => ({
  send: () => {},
  pull: async () => undefined,
  giveBack: () => {},
  isLost: () => false,
  end: () => {},
  ...parts
})

const test = (name: string, shard: Shard, body: (port: Shard & { lost(): void }) => Promise<void>) =>
  it.live(name, () =>
    Effect.flatMap(overPort(shard), (port) => Effect.promise(() => body(port))).pipe(
      Effect.scoped,
      Effect.provide(Logger.layer([]))
    )
  )

/** Both sides have had all that the other one sent. */
const settled = (port: Shard) => Effect.runPromise(port.report(0))

describe("a piece's memory", () => {
  const spare: Array<ArrayBuffer> = []
  let fresh = 0
  let made = 0
  const pull = async (): Promise<Piece | undefined> => {
    if (made === 40) return undefined
    made += 1
    let memory = spare.pop()
    if (memory === undefined) {
      memory = new ArrayBuffer(4)
      fresh += 1
    }
    return { message: new Uint8Array(memory).fill(made), memory: [memory] }
  }
  const giveBack = (memory: ArrayBuffer) => spare.push(memory)
  const shard = shardOf({ open: () => channelOf({ pull, giveBack }) })
  test("goes back to the shard when it is free, and what is not free stays here", shard, async (port) => {
    const channel = port.open("all", 0n)
    const kept: Array<Uint8Array> = []
    for (let n = 1; ; n++) {
      const piece = await channel.pull()
      if (piece === undefined) break
      const bytes = piece.message as Uint8Array<ArrayBuffer>
      assert.deepStrictEqual([...bytes], [n, n, n, n])
      if (n % 10 === 0) kept.push(bytes)
      else channel.giveBack(bytes.buffer)
    }
    assert.deepStrictEqual(
      kept.map((bytes) => [...bytes]),
      [10, 20, 30, 40].map((n) => [n, n, n, n])
    )
    // Those that were kept, and some on their way.
    assert.isAtMost(fresh, 4 + 4)
    assert.strictEqual(made, 40)
    channel.end("enough")
  })
})

describe("a channel", () => {
  const seen: Array<unknown> = []
  const recorded = (request: unknown): Channel => {
    const waiting: Array<(piece: Piece | undefined) => void> = []
    return channelOf({
      send: (message) => {
        seen.push([request, message])
        waiting.shift()?.({ message: [request, message, "answered"] })
      },
      pull: () => new Promise((resolve) => waiting.push(resolve)),
      end: (message) => {
        seen.push([request, "ended", message])
        for (const answered of waiting) answered(undefined)
      }
    })
  }
  const opens: Array<unknown> = []
  const shard = shardOf({
    open: (request, arrivedAt) => {
      opens.push([request, arrivedAt])
      return recorded(request)
    },
    ask: (question) => Effect.succeed({ to: question })
  })
  test(
    "is opened, spoken on and ended in the order in which that was said, and knows no other",
    shard,
    async (port) => {
      const [a, b] = [port.open({ name: "a" }, 1n), port.open({ name: "b" }, 2n)]
      a.send(1)
      b.send(2)
      a.send(3)
      b.end("bye")
      assert.deepStrictEqual((await a.pull())?.message, [{ name: "a" }, 1, "answered"])
      assert.isUndefined(await b.pull())
      assert.deepStrictEqual(await Effect.runPromise(port.ask(["how", 5n])), { to: ["how", 5n] })
      assert.deepStrictEqual(opens, [
        [{ name: "a" }, 1n],
        [{ name: "b" }, 2n]
      ])
      assert.deepStrictEqual(seen, [
        [{ name: "a" }, 1],
        [{ name: "b" }, 2],
        [{ name: "a" }, 3],
        [{ name: "b" }, "ended", "bye"]
      ])
      assert.deepStrictEqual((await a.pull())?.message, [{ name: "a" }, 3, "answered"])
      const [pulled, ended] = [a.pull(), port.open("c", 3n)]
      ended.end(undefined)
      port.lost()
      assert.isUndefined(await pulled)
      assert.deepStrictEqual([a.isLost(), ended.isLost(), port.open("d", 4n).isLost()], [true, false, true])
      assert.isUndefined(await Effect.runPromise(port.ask("gone?")))
    }
  )

  let made = 0
  const endless = shardOf({ open: () => channelOf({ pull: () => turn({ message: made++ }) }) })
  test("is not filled beyond its credit while nobody pulls", endless, async (port) => {
    const channel = port.open("all", 0n)
    for (let i = 0; i < 5; i++) await settled(port)
    assert.strictEqual(made, window)
    assert.strictEqual((await channel.pull())?.message, 0)
    for (let i = 0; i < 5; i++) await settled(port)
    assert.strictEqual(made, window + 1)
    channel.end(undefined)
    for (let i = 0; i < 5; i++) await settled(port)
    assert.isAtMost(made, window + 2)
  })
})

describe("a throw of an application", () => {
  const wrong = (): never => {
    throw new Error("a team's mistake")
  }
  const shards: Readonly<Record<string, Partial<Channel> | undefined>> = {
    open: undefined,
    pull: { pull: async () => wrong() },
    send: { send: wrong, pull: () => new Promise(() => {}) }
  }
  for (const [where, parts] of Object.entries(shards)) {
    const other = { ...(where === "open" ? {} : { end: wrong }) }
    const shard = shardOf({
      open: (request) =>
        request === "fine"
          ? channelOf({ pull: async () => ({ message: "well" }) })
          : parts === undefined
            ? wrong()
            : channelOf({ ...parts, ...other }),
      ask: wrong
    })
    test(`in ${where} is told to whoever pulls there, and to nobody else`, shard, async (port) => {
      const [bad, good] = [port.open("bad", 0n), port.open("fine", 0n)]
      bad.send("anything")
      const why = await bad.pull().then(
        () => "nothing",
        (error: unknown) => String(error)
      )
      assert.match(why, /a team's mistake/)
      bad.end(undefined)
      assert.strictEqual((await good.pull())?.message, "well")
      assert.strictEqual((await settled(port)).state, "starting")
    })
  }
})
