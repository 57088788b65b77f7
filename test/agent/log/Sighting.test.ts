import { assert, describe, it } from "@effect/vitest"
import { idOf, type Known, type Seen, sight, withoutDevice } from "../../../src/agent/log/Sighting.ts"

const known = (id: string, path: string | undefined, read = 10, more: Partial<Known> = {}): Known => ({
  ...{ id, path, read, readAt: 0, isPacked: false },
  ...more
})
const seen = (id: string, size = 10, at = 1): Seen => ({ id, size, mtime: 0, at })

const verdicts = (streams: ReadonlyArray<Known>, looked: Readonly<Record<string, Seen | undefined>>) =>
  sight(new Map(Object.entries(looked)), {
    ofId: (id) => streams.find((stream) => stream.id === id),
    ofPath: (path) => streams.find((stream) => stream.path === path)
  }).map((verdict) =>
    verdict.kind === "new"
      ? `new ${verdict.path}`
      : verdict.kind === "lost"
        ? `lost ${verdict.stream.id}`
        : `${verdict.kind} ${verdict.stream.id} ${verdict.path}`
  )

describe("Sighting", () => {
  it("a file that grew is there; one of the same name that is another one is new, and the old one is lost", () => {
    assert.deepStrictEqual(verdicts([known("1", "a")], { a: seen("1", 20) }), ["there 1 a"])
    assert.deepStrictEqual(verdicts([known("1", "a")], { a: seen("2") }), ["new a", "lost 1"])
  })

  it("a chain of renames is each file under its new name, and the first name's new file", () => {
    const streams = [known("1", "a"), known("2", "a.1"), known("3", "a.2")]
    assert.deepStrictEqual(verdicts(streams, { a: seen("4"), "a.1": seen("1"), "a.2": seen("2"), "a.3": seen("3") }), [
      "new a",
      "there 1 a.1",
      "there 2 a.2",
      "there 3 a.3"
    ])
  })

  it("a file that is shorter than what was read of it is truncated, unless it was looked at before that was read", () => {
    assert.deepStrictEqual(verdicts([known("1", "a", 10)], { a: seen("1", 9) }), ["truncated 1 a"])
    assert.deepStrictEqual(verdicts([known("1", "a", 10, { readAt: 2 })], { a: seen("1", 9, 1) }), ["there 1 a"])
    assert.deepStrictEqual(verdicts([known("1", "a", 10, { isPacked: true })], { a: seen("1", 9) }), ["there 1 a"])
  })

  it("a file with two names keeps the one that it had", () => {
    assert.deepStrictEqual(verdicts([known("1", "b")], { a: seen("1"), b: seen("1") }), ["there 1 b"])
    assert.deepStrictEqual(verdicts([known("1", undefined)], { a: seen("1"), b: seen("1") }), ["there 1 a"])
    assert.deepStrictEqual(verdicts([], { a: seen("1"), b: seen("1") }), ["new a"])
  })

  it("a name without a file is lost; a new file without bytes is none yet", () => {
    assert.deepStrictEqual(verdicts([known("1", "a")], { a: undefined, b: seen("2", 0) }), ["lost 1"])
  })

  it("an inode that is used again is another file by its birth; a device may have another number after a restart", () => {
    const file = { dev: 1n, ino: 2n, birthNs: 3n }
    assert.notStrictEqual(idOf(file), idOf({ ...file, birthNs: 4n }))
    assert.strictEqual(withoutDevice(idOf(file)), withoutDevice(idOf({ ...file, dev: 9n })))
  })
})
