/** A scrape's conversation with one shard: parts become whole again, late answers are nobody's, what is lost is no. */
import { assert, describe, it } from "@effect/vitest"
import { Cause, Effect, Exit } from "effect"
import type { OddLinesPlan } from "../../../src/metrics/body/BodyPlan.ts"
import { type FromShard, familiesOfMessage, type ToShard } from "../../../src/metrics/scrape/ScrapeMessages.ts"
import { ShardScrape } from "../../../src/metrics/scrape/ShardScrape.ts"
import { Inbox } from "../../../src/pod/shards/Inbox.ts"

const output = { format: "text", escaping: "underscores" } as const
const odd: OddLinesPlan = { name: "x", type: "counter", parts: [], beside: [] }
const chunk = (n: number): FromShard => ({ type: "chunk", chunk: { bytes: new Uint8Array([n]), segments: [] } })

const scraped = () => {
  const said = new Inbox<FromShard>()
  const sent: Array<ToShard> = []
  const scrape = new ShardScrape({
    send: (message) => sent.push(message as ToShard),
    pull: async () => {
      const message = await said.next()
      return message === undefined ? undefined : { message }
    },
    giveBack: () => {},
    isLost: () => false,
    end: () => {}
  })
  return { said, sent, scrape }
}

describe("a scrape of a shard", () => {
  it.live("has its digest when the last part has come, or the reason why it has none", () =>
    Effect.gen(function* () {
      const entry = { name: "a" } as never
      const whole = scraped()
      for (const last of [false, false, true]) whole.said.put({ type: "digest", entries: [entry, entry], last })
      assert.strictEqual((yield* whole.scrape.digest).length, 6)
      const why = (exit: Exit.Exit<unknown, unknown>) => (Exit.isFailure(exit) ? Cause.pretty(exit.cause) : "none")
      const unproven = scraped()
      unproven.said.put({ type: "unproven", why: "no answer" })
      assert.include(why(yield* Effect.exit(unproven.scrape.digest)), "no answer")
      const half = scraped()
      half.said.put({ type: "digest", entries: [entry], last: false })
      half.said.end()
      assert.include(why(yield* Effect.exit(half.scrape.digest)), "the shard's thread is gone")
    })
  )

  it.live("asks in parts, and takes what does not come for a no", () =>
    Effect.gen(function* () {
      const { said, sent, scrape } = scraped()
      said.put({ type: "fits", id: 1, fits: Array.from({ length: familiesOfMessage }, () => true) })
      said.put({ type: "fits", id: 2, fits: [true] })
      const questions = Array.from({ length: familiesOfMessage + 2 }, () => odd)
      const fits = yield* scrape.fit({ output, questions })
      assert.deepStrictEqual(
        [fits.length, fits.filter((fit) => fit).length, fits.at(-2), fits.at(-1)],
        [familiesOfMessage + 2, familiesOfMessage + 1, true, false]
      )
      assert.deepStrictEqual(
        sent.map((message) => (message.type === "fit" ? message.questions.questions.length : -1)),
        [familiesOfMessage, 2]
      )
      said.end()
      assert.deepStrictEqual(yield* scrape.fit({ output, questions: [odd] }), [false])
    })
  )

  it.live("gives no late answer to a later question, and no line to who asked before", () =>
    Effect.gen(function* () {
      const { said, scrape } = scraped()
      const ask = scrape.fit({ output, questions: [odd] })
      const impatient = ask.pipe(Effect.timeoutOrElse({ duration: 1, orElse: () => Effect.succeed("late") }))
      assert.strictEqual(yield* impatient, "late")
      said.put({ type: "fits", id: 1, fits: [true] })
      said.put({ type: "fits", id: 2, fits: [false] })
      assert.deepStrictEqual(yield* ask, [false])
      assert.strictEqual(yield* impatient, "late")
      const lines = scrape.lines({ output, families: [] })
      const first = lines.next()
      for (const n of [7, 8, 9]) said.put(chunk(n))
      said.put({ type: "fits", id: 3, fits: [true] })
      said.end()
      const seen = yield* Effect.promise(async () => [await first, await lines.next(), await lines.next()])
      assert.deepStrictEqual(
        seen.map((each) => each?.bytes[0]),
        [7, 8, 9]
      )
      assert.isUndefined(yield* Effect.promise(() => lines.next()))
    })
  )

  it.live("fails with its lines where the shard failed at a question", () =>
    Effect.gen(function* () {
      const { said, scrape } = scraped()
      said.end(new Error("shard: broken"))
      assert.deepStrictEqual(yield* scrape.fit({ output, questions: [odd] }), [false])
      const told = yield* Effect.exit(Effect.tryPromise(() => scrape.lines({ output, families: [] }).next()))
      assert.isTrue(Exit.isFailure(told))
    })
  )
})
