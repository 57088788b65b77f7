import { chmod, mkdtemp, readdir, readFile, rm, symlink, writeFile } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { afterEach, assert, beforeEach, describe, it } from "@effect/vitest"
import fc from "fast-check"
import { claimEpoch, nextEpoch } from "../../src/agent/Epoch.ts"
import { keepNumber, readNumber } from "../../src/agent/StateDir.ts"

describe("Epoch", () => {
  let dir = ""
  beforeEach(async () => {
    dir = await mkdtemp(join(tmpdir(), "k2p-epoch-"))
  })
  afterEach(() => rm(dir, { recursive: true, force: true }))

  it("an epoch is later than the last and not before the clock", () => {
    fc.assert(
      fc.property(fc.option(fc.nat()), fc.nat(), (last, now) => {
        const epoch = nextEpoch(last, now)
        assert.isTrue(epoch >= now && epoch > (last ?? -1))
      })
    )
  })

  it("a restart with the clock set back still has the higher epoch", async () => {
    const first = await claimEpoch(dir, 5_000)
    const second = await claimEpoch(dir, 1_000)
    const third = await claimEpoch(dir, 9_000)
    assert.deepStrictEqual([first.epoch, second.epoch, third.epoch], [5_000, 5_001, 9_000])
    assert.strictEqual(await readFile(join(dir, "epoch"), "utf8"), "9000\n")
    assert.deepStrictEqual(await readdir(dir), ["epoch"])
  })

  it("the state directory is made where it does not exist", async () => {
    const { epoch, warning } = await claimEpoch(join(dir, "a/b"), 7)
    assert.deepStrictEqual([epoch, warning], [7, null])
    assert.strictEqual(await readNumber(join(dir, "a/b"), "epoch"), 7)
  })

  it("a damaged epoch falls back to the clock and says so", async () => {
    for (const text of ["", "12x", "-4", "99999999999999999999"]) {
      await writeFile(join(dir, "epoch"), text)
      const { epoch, warning } = await claimEpoch(dir, 42)
      assert.strictEqual(epoch, 42)
      assert.include(warning, "is damaged")
    }
  })

  it("a directory that cannot be written is an error for people", async () => {
    const file = join(dir, "file")
    await writeFile(file, "")
    const error = await claimEpoch(file, 1).then(
      () => null,
      (error: Error) => error
    )
    assert.match(error?.message ?? "", /--state-dir/)
  })

  it("a full disk keeps nobody from starting where the last epoch is there and the clock is past it", async () => {
    await keepNumber(dir, "epoch", 100)
    await symlink("/dev/full", join(dir, ".epoch.tmp"))
    const { epoch, kept, warning } = await claimEpoch(dir, 101)
    assert.deepStrictEqual([epoch, kept], [101, false])
    assert.match(warning ?? "", /ENOSPC.*used unkept/)
    assert.strictEqual(await readNumber(dir, "epoch"), 100)
    for (const now of [100, 50]) assert.instanceOf(await claimEpoch(dir, now).catch((error: unknown) => error), Error)
    await rm(join(dir, "epoch"))
    assert.instanceOf(await claimEpoch(dir, 200).catch((error: unknown) => error), Error)
  })

  it("a crash while writing leaves the number that was kept", async () => {
    await keepNumber(dir, "epoch", 11)
    await writeFile(join(dir, ".epoch.tmp"), "1")
    await chmod(join(dir, ".epoch.tmp"), 0o600)
    assert.strictEqual(await readNumber(dir, "epoch"), 11)
  })
})
