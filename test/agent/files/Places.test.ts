import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import type { Place } from "../../../src/agent/files/Holdings.ts"
import { Places, readPlaces } from "../../../src/agent/files/Places.ts"

const folder = Effect.acquireRelease(
  Effect.promise(() => mkdtemp(join(tmpdir(), "k2p-places-"))),
  (dir) => Effect.promise(() => rm(dir, { recursive: true, force: true }))
)
/** On a folder that is removed afterwards. */
const on = (work: (dir: string) => Promise<void>) =>
  Effect.gen(function* () {
    const dir = yield* folder
    yield* Effect.promise(() => work(dir))
  })

const place = (start: number, ino = "1", known = true): Place => ({ ino, start, end: start + 10, hash: "h", known })
const fileIn = (dir: string) => join(dir, "dump-places.json")

describe("Places", () => {
  it.live("what was noted is there after a restart, what was forgotten is not", () =>
    on(async (dir) => {
      const places = new Places(join(dir, "new"), new Map())
      places.note("/a", place(0))
      places.note("/b", place(5))
      places.forget("/b")
      await places.keep()
      const after = await readPlaces(join(dir, "new"))
      assert.deepStrictEqual(after, { places: new Map([["/a", place(0)]]), problem: "" })
      assert.deepStrictEqual(await readdir(join(dir, "new")), ["dump-places.json"])
    })
  )

  it.live("it is written for what is appended to, and not for each rename", () =>
    on(async (dir) => {
      const places = new Places(dir, new Map())
      const isWrittenAfter = async (noted: Place): Promise<boolean> => {
        await rm(fileIn(dir), { force: true })
        places.note("/a", noted)
        await places.keep()
        return (await readdir(dir)).length > 0
      }
      assert.isTrue(await isWrittenAfter(place(0, "1")))
      assert.isFalse(await isWrittenAfter(place(0, "2")))
      assert.isTrue(await isWrittenAfter(place(10, "2")))
      assert.isTrue(await isWrittenAfter(place(0, "3", false)))
      assert.isTrue(await isWrittenAfter(place(0, "4")))
      assert.deepStrictEqual(places.get("/a"), place(0, "4"))
    })
  )

  it.live("what cannot be used is told with its path, and is as if there were none; nothing is no problem", () =>
    on(async (dir) => {
      assert.deepStrictEqual(await readPlaces(dir), { places: new Map(), problem: "" })
      for (const text of ["", "{", '{"version":2,"places":{}}', '{"version":1,"places":null}']) {
        await writeFile(fileIn(dir), text)
        const { places, problem } = await readPlaces(dir)
        assert.strictEqual(places.size, 0)
        assert.include(problem, `${fileIn(dir)} cannot be used (`)
      }
      await writeFile(
        fileIn(dir),
        JSON.stringify({ version: 1, places: { "/a": place(1), "/b": { ino: 1 }, "/c": 3 } })
      )
      assert.deepStrictEqual(await readPlaces(dir), { places: new Map([["/a", place(1)]]), problem: "" })
    })
  )

  it.live("what could not be written is written when it can be", () =>
    on(async (dir) => {
      const places = new Places(join(dir, "state"), new Map())
      await writeFile(join(dir, "state"), "")
      places.note("/a", place(0))
      const problem = await places.keep().then(
        () => "",
        (error: unknown) => String(error)
      )
      assert.match(problem, /EEXIST|ENOTDIR/)
      await rm(join(dir, "state"))
      await mkdir(join(dir, "state"))
      await places.keep()
      assert.include(await readFile(fileIn(join(dir, "state")), "utf8"), '"/a"')
    })
  )
})
