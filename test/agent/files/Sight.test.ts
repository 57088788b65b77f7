/** What a file's looks come to, on clocks that are set by hand. */
import { assert, describe, it } from "@effect/vitest"
import type { Look } from "../../../src/agent/files/Disk.ts"
import { digest, type Held } from "../../../src/agent/files/Holdings.ts"
import { type Known, Sight } from "../../../src/agent/files/Sight.ts"
import { lookAt, writtenAt } from "./look.ts"

const options = { maxDumpBytes: 1_000, poll: 250, expiry: 90_000 }
const epoch = 1_000_000
const dump: Held = { kind: "dump", start: 0, format: "text" }
const incomplete: Held = { kind: "incomplete", why: "its last line has no end" }

/** Each step is at a time in ms; the wall clock is `epoch` ahead. */
const setUp = (isStatic = false, known?: Known) => {
  const sight = new Sight(options, isStatic, known)
  const saw = (look: Look, at: number) => {
    const next = sight.saw(look, at, epoch + at)
    return next.kind === "later"
      ? `later ${next.ms}`
      : next.kind === "read"
        ? `read${next.isSame ? " again" : ""}`
        : next.kind
  }
  const took = (look: Look, at: number, found: Held = dump, text = "a 1\n") => {
    const bytes = Buffer.from(text)
    return sight.took({ part: { bytes, offset: 0 }, look, found, isOverdue: sight.isOverdue(at) }, at, epoch + at)
  }
  return { sight, saw, took }
}

describe("Sight", () => {
  it("a file is read when it is another one than was read, at most once a poll, and rests otherwise", () => {
    const { sight, saw, took } = setUp()
    const [first, second] = [lookAt(epoch - 5_000), lookAt(epoch + 100, 2)]
    assert.strictEqual(saw(first, 0), "read")
    assert.isFalse(sight.rests)
    assert.deepInclude(took(first, 1), { kind: "round", age: 5_001, time: epoch - 5_000, again: false })
    assert.isTrue(sight.rests)
    assert.strictEqual(saw(first, 50), "rests")
    assert.strictEqual(saw(second, 101), "later 150")
    assert.strictEqual(saw(second, 251), "read")
    assert.deepInclude(took(second, 251), { kind: "round", age: 150, time: epoch + 100, again: false })
    assert.strictEqual(sight.changes, 2)
  })

  it("one of another inode that was renamed is whole, and one that was written in place never", () => {
    const { sight, saw, took } = setUp()
    assert.isTrue(sight.isWhole(lookAt(epoch)))
    assert.isFalse(sight.isWhole(writtenAt(epoch)))
    saw(lookAt(epoch), 0)
    took(lookAt(epoch), 0)
    assert.isFalse(sight.isWhole(lookAt(epoch + 300)))
    assert.isTrue(sight.isWhole(lookAt(epoch + 300, 2)))
  })

  it("at its first sight one that is older than half the expiry is old; what changes later is not, whatever its time", () => {
    const { sight, saw, took } = setUp()
    const [first, second] = [lookAt(epoch - 45_000), lookAt(0, 2)]
    saw(first, 0)
    assert.deepStrictEqual(took(first, 0), { kind: "old", age: 45_000 })
    assert.deepStrictEqual(sight.outcome, { state: "stale", why: "" })
    saw(second, 60_000)
    // There was no room for it.
    assert.deepInclude(took(second, 110_000), { kind: "round", age: 50_000, time: epoch + 60_000 })
  })

  it("what a looker before this one took is not read; what came after it is new, however old", () => {
    const look = lookAt(epoch - 80_000)
    const place = { ...{ ino: "1", start: 0, end: 4, known: true }, hash: digest(Buffer.from("a 1\n")) }
    const known = { place, taken: `${look.ino}.${look.size}.${look.mtimeNs}` }
    const { sight, saw } = setUp(false, known)
    assert.strictEqual(saw(look, 0), "rests")
    assert.deepStrictEqual(sight.outcome, { state: "taken", why: "" })
    // Else nothing would send it again.
    assert.strictEqual(setUp(true, known).saw(look, 0), "read")
    const other = setUp(false, known)
    const next = lookAt(epoch - 70_000, 2)
    assert.strictEqual(other.saw(next, 0), "read")
    assert.deepInclude(other.took(next, 5), { kind: "round", age: 5 })
  })

  it("what lacks its end is read once more after ten seconds, and told then", () => {
    const { sight, saw, took } = setUp()
    const look = writtenAt(epoch)
    saw(look, 0)
    assert.deepStrictEqual(took(look, 100, incomplete), { kind: "nothing" })
    assert.deepStrictEqual(sight.outcome, { state: "settling", why: "" })
    assert.strictEqual(sight.lookIn(100), 10_000)
    assert.strictEqual(saw(look, 9_999), "rests")
    assert.strictEqual(saw(look, 10_100), "read again")
    took(look, 10_101, incomplete)
    assert.deepStrictEqual(sight.outcome, { state: "incomplete", why: "its last line has no end" })
    assert.strictEqual(saw(look, 30_000), "rests")
  })

  it("one whose time is in whole seconds is read once more, and is a round only if its text is another", () => {
    for (const [text, kind] of [
      ["a 1\n", "nothing"],
      ["a 2\n", "round"]
    ] as const) {
      const { sight, saw, took } = setUp()
      const look = { ...lookAt(epoch), mtimeNs: BigInt(epoch) * 1_000_000n }
      saw(look, 500)
      took(look, 500)
      assert.strictEqual(sight.lookIn(500), 1_501)
      assert.strictEqual(saw(look, 1_000), "rests")
      assert.strictEqual(saw(look, 2_000), "read again")
      assert.isTrue(sight.isWhole(look))
      assert.strictEqual(took(look, 2_000, dump, text).kind, kind)
      assert.strictEqual(saw(look, 60_000), "rests")
    }
  })

  it("a static dump is of now, and there again each third of the expiry", () => {
    const { sight, saw, took } = setUp(true)
    const look = lookAt(0)
    saw(look, 0)
    assert.deepInclude(took(look, 0), { kind: "round", age: 0, time: epoch, again: false })
    assert.strictEqual(sight.lookIn(0), 30_001)
    assert.strictEqual(saw(look, 30_001), "read again")
    assert.deepInclude(took(look, 30_001), { kind: "round", age: 0, time: epoch + 30_001, again: true })
  })

  it("one that changes all the time is restless after ten seconds, and not any more when it was read", () => {
    const { sight, saw, took } = setUp()
    for (let at = 0; at < 10_000; at += 1_000) {
      assert.strictEqual(sight.isRestless(at), false)
      saw(writtenAt(epoch + at, 1, at), at)
    }
    assert.isTrue(sight.isRestless(10_000))
    took(writtenAt(epoch + 9_000, 1, 9_000), 10_300)
    assert.isFalse(sight.isRestless(99_000))
  })

  it("what is no regular file is nothing, and one that comes there afterwards is new", () => {
    const { saw, took } = setUp()
    const look = lookAt(epoch - 80_000)
    assert.strictEqual(saw({ ...look, kind: "directory" }, 0), "none")
    assert.strictEqual(saw(look, 100), "read")
    assert.deepInclude(took(look, 100), { kind: "round", age: 0 })
  })

  it("what holds no dump that may be sent says why, and rests until it changes", () => {
    const { sight, saw, took } = setUp()
    const look = lookAt(epoch)
    for (const [found, why] of [
      [{ kind: "too-large" }, /larger than --max-dump-bytes, 1000 bytes/],
      [{ kind: "unknown", why: "several dumps" }, /several dumps/]
    ] as const) {
      saw(look, 0)
      assert.deepStrictEqual(took(look, 0, found), { kind: "nothing" })
      assert.strictEqual(sight.outcome?.state, found.kind)
      assert.match(sight.outcome!.why, why)
      assert.strictEqual(saw(look, 20_000), "rests")
    }
  })

  it("OpenMetrics is expected to stay so", () => {
    const { sight, saw, took } = setUp()
    assert.isFalse(sight.hadEof)
    saw(lookAt(epoch), 0)
    took(lookAt(epoch), 0, { kind: "dump", start: 0, format: "openmetrics" })
    assert.isTrue(sight.hadEof)
  })
})
