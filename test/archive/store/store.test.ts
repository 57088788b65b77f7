/** What every store must keep, on a folder: a name is given once whoever races for it, what is there is there whole, and failures say what to do. */
import { chmod, mkdir, mkdtemp, readdir, rm, utimes, writeFile } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { afterAll, beforeAll } from "vitest"
import { directory } from "../../../src/archive/store/Directory.ts"
import { formatPlace, parsePlace } from "../../../src/archive/store/Place.ts"
import { probe } from "../../../src/archive/store/Probe.ts"
import type { Store } from "../../../src/archive/store/Store.ts"

let folder: string
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "k2p-store-"))
})
afterAll(() => rm(folder, { recursive: true, force: true }))

const bytes = (text: string) => [Buffer.from(text)]
const names = (store: Store, prefix: string) => {
  const found: Array<string> = []
  return Effect.as(
    store.list(prefix, ({ name, bytes: size }) => found.push(`${name} ${size}`)),
    found
  ).pipe(Effect.map((all) => all.sort()))
}

describe("a folder as a store", () => {
  it.effect("gives a name once, whoever races for it, and what is there is one's own", () =>
    Effect.gen(function* () {
      const store = directory(join(folder, "race"))
      const outcomes = yield* Effect.forEach(
        Array.from({ length: 24 }, (_, i) => i),
        (i) => store.create("a/b=1/c", [Buffer.from(`${i}`), Buffer.from(" x".repeat(50_000))]),
        { concurrency: "unbounded" }
      )
      assert.strictEqual(outcomes.filter((outcome) => outcome === "created").length, 1)
      const winner = outcomes.indexOf("created")
      const there = Buffer.from((yield* store.read("a/b=1/c"))!).toString()
      assert.strictEqual(there, `${winner}${" x".repeat(50_000)}`)
      assert.deepStrictEqual(yield* Effect.promise(() => readdir(join(folder, "race/_k2p/unfinished"))), [])
    })
  )

  it.effect("reads ends, says what is missing, lists by the beginning of names, and removes", () =>
    Effect.gen(function* () {
      const store = directory(join(folder, "reads"))
      assert.isUndefined(yield* store.read("t/x"))
      assert.isUndefined(yield* store.readTail("t/x", 10))
      assert.deepStrictEqual(yield* names(store, "t/"), [])
      yield* store.create("t/life-1", bytes("0123456789"))
      yield* store.create("t/life-12", bytes(""))
      yield* store.create("t/date=1/y", bytes("abc"))
      yield* store.create("u/z", bytes("abc"))
      const tail = yield* store.readTail("t/life-1", 3)
      assert.deepStrictEqual([Buffer.from(tail!.bytes).toString(), tail!.size], ["789", 10])
      assert.strictEqual((yield* store.readTail("t/life-1", 100))!.bytes.length, 10)
      const part = (from: number, bytes: number) =>
        Effect.map(store.readPart("t/life-1", from, bytes), (found) => Buffer.from(found!).toString())
      assert.deepStrictEqual([yield* part(2, 3), yield* part(8, 9), yield* part(10, 1)], ["234", "89", ""])
      assert.isUndefined(yield* store.readPart("t/x", 0, 1))
      assert.deepStrictEqual(yield* names(store, "t/"), ["t/date=1/y 3", "t/life-1 10", "t/life-12 0"])
      assert.deepStrictEqual(yield* names(store, "t/life-"), ["t/life-1 10", "t/life-12 0"])
      assert.lengthOf(yield* names(store, ""), 4)
      yield* store.remove("t/life-1")
      yield* store.remove("t/life-1")
      assert.isUndefined(yield* store.read("t/life-1"))
    })
  )

  it.effect("makes its folders anew where somebody removed them", () =>
    Effect.gen(function* () {
      const root = join(folder, "removed")
      const store = directory(root)
      yield* store.create("t/a", bytes("a"))
      yield* Effect.promise(() => rm(root, { recursive: true }))
      assert.strictEqual((yield* Effect.flip(store.create("t/a", bytes("b")))).code, "ENOENT")
      assert.strictEqual(yield* store.create("t/a", bytes("c")), "created")
    })
  )

  it.effect("does not count what was never finished, and throws it away after a day", () =>
    Effect.gen(function* () {
      const root = join(folder, "unfinished")
      const store = directory(root)
      const left = join(root, "_k2p/unfinished")
      yield* Effect.promise(async () => {
        await mkdir(left, { recursive: true })
        for (const name of ["old", "new"]) await writeFile(join(left, name), "x")
        await utimes(join(left, "old"), 1, 1)
      })
      assert.deepStrictEqual(yield* names(store, ""), [])
      yield* store.sweep
      assert.deepStrictEqual(yield* Effect.promise(() => readdir(left)), ["new"])
    })
  )

  it.effect("says in words what a person has to see to", () =>
    Effect.gen(function* () {
      const file = join(folder, "file")
      yield* Effect.promise(() => writeFile(file, ""))
      const refused = yield* Effect.flip(directory(file).create("a/b", bytes("x")))
      assert.deepStrictEqual([refused.code, refused.refused], ["ENOTDIR", true])
      assert.match(refused.message, /writing .*\/file\/a\/b: ENOTDIR, a part of its path is a file/)
      const nowhere = yield* Effect.flip(directory("/proc/k2p-archive").create("a/b", bytes("x")))
      assert.isTrue(nowhere.refused, nowhere.message)
      if (process.getuid?.() === 0) return
      yield* Effect.promise(() => chmod(folder, 0o500))
      const denied = yield* Effect.flip(directory(join(folder, "denied")).create("a/b", bytes("x")))
      yield* Effect.promise(() => chmod(folder, 0o700))
      assert.strictEqual(denied.code, "EACCES")
    })
  )
})

describe("the probe", () => {
  const once = (store: Store) => Effect.result(probe(store))
  it.effect("passes a store that keeps conditions, again and again", () =>
    Effect.gen(function* () {
      const store = directory(join(folder, "probed"))
      for (let i = 0; i < 3; i++) assert.strictEqual((yield* once(store))._tag, "Success")
    })
  )
  it.effect("refuses one that creates what is there", () =>
    Effect.gen(function* () {
      const store: Store = { ...directory(join(folder, "careless")), create: () => Effect.succeed("created") }
      const error = yield* Effect.flip(probe(store))
      assert.deepStrictEqual([error.code, error.refused], ["IGNORES-CONDITIONS", true])
    })
  )
})

describe("a place", () => {
  it("is one of three, and written as it was given", () => {
    for (const text of ["file:///srv/logs", "s3://our-logs", "s3://our-logs/eu/a", "azblob://acct/logs/eu"])
      assert.strictEqual(formatPlace(parsePlace(text)!), text)
    assert.strictEqual(formatPlace(parsePlace("s3://b1c/a//b/")!), "s3://b1c/a/b")
    for (const text of [
      "",
      "/srv",
      "file://host/x",
      "file:///",
      "s3://",
      "s3:///x",
      "s3://b1c/../x",
      "azblob://a",
      "http://x/y",
      "s3://user:pw@b/x"
    ])
      assert.isUndefined(parsePlace(text), text)
  })
})
