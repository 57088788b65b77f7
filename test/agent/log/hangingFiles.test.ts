/** Log files on a mount that hangs, beside one that does not, in one partition: the one holds itself alone, and goes on when its mount does. */
import { appendFile, mkdir, writeFile } from "node:fs/promises"
import { dirname, join } from "node:path"
import { assert, it } from "@effect/vitest"
import { Effect } from "effect"
import { cannotMount, mountHanging } from "../../support/hangingMount.ts"
import { describeWith } from "../../support/tools.ts"
import { io, linesOf, onEmbedded, setUp, start } from "./tailing.ts"

const problem = cannotMount()
if (problem !== undefined && process.env.K2P_REQUIRE_ALL === "1") throw new Error(problem)

describeWith(problem === undefined ? ["go"] : [], "log files on a mount that hangs", () => {
  it.live("hold no other file, and go on when the mount does", () =>
    onEmbedded(
      Effect.gen(function* () {
        const { dir, options, until } = yield* setUp()
        const [behind, point] = [join(dirname(dir), "behind"), join(dirname(dir), "mnt")]
        yield* io(async () => {
          for (const folder of [behind, point]) await mkdir(folder)
          await writeFile(join(behind, "far.log"), "far 1\n")
          await writeFile(join(dir, "near.log"), "near 1\n")
        })
        const mount = yield* Effect.acquireRelease(
          io(() => mountHanging(behind, point)),
          ({ close }) => io(close)
        )
        yield* start({ ...options, globs: [...options.globs, join(point, "*.log")], shutdownTimeout: 500 })
        const has = (line: string) => (records: ReadonlyArray<{ readonly value: string }>) =>
          records.some(({ value }) => value.split("\n").includes(line))
        yield* until((got) => has("far 1")(got) && has("near 1")(got), "both files")
        mount.hang()
        yield* io(() => appendFile(join(behind, "far.log"), "far 2\n"))
        for (let n = 2; n < 12; n++) {
          yield* io(() => appendFile(join(dir, "near.log"), `near ${n}\n`))
          yield* until(has(`near ${n}`), `line ${n} of the file beside it`)
        }
        mount.goOn()
        const records = yield* until(has("far 2"), "the file on the mount")
        assert.lengthOf([...linesOf(records).values()].flat(), 13)
      })
    )
  )
})
