import { chmod, mkdtemp, readFile, rm, writeFile } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { afterEach, assert, beforeEach, describe, it } from "vitest"
import { decode, encode, keepPositions, readPositions } from "../../../src/agent/log/Positions.ts"
import type { Place } from "../../../src/agent/log/Stream.ts"

const whose = { host: "h", machine: "m" }
const place: Place = {
  ...{
    stream: "0".repeat(32),
    source: "h/a.log",
    path: "/a.log",
    position: 7,
    head: { bytes: 7, hash: "x" },
    tail: "y"
  },
  ...{ ids: ["1:2:3"], isPacked: false, isTruncated: false, isOver: false }
}

describe("Positions", () => {
  let dir: string
  beforeEach(async () => {
    dir = await mkdtemp(join(tmpdir(), "k2p-positions-"))
  })
  afterEach(() => rm(dir, { recursive: true, force: true }))

  it("what was kept is read again; nothing where there is none", async () => {
    assert.deepStrictEqual(await readPositions(dir, whose), { streams: [], problem: "" })
    await keepPositions(dir, whose, [place])
    assert.deepStrictEqual(await readPositions(dir, whose), { streams: [place], problem: "" })
  })

  it("those of another host or machine are not used, and it is said whose they are", () => {
    const text = encode(whose, [place])
    assert.deepStrictEqual(decode(text, { ...whose, host: "other" }), {
      streams: [],
      problem: "it is of the host h, and this is other (see --host)"
    })
    assert.strictEqual(decode(text, { ...whose, machine: "other" }).problem, "it is of another machine")
  })

  it("what is damaged, cut off or of another version is used in no part, and told", async () => {
    const text = encode(whose, [place])
    assert.strictEqual(decode(text.slice(0, -10), whose).problem, "it is damaged")
    assert.strictEqual(decode(text.replace('"position":7', '"position":-7'), whose).problem, "it is damaged")
    assert.strictEqual(decode(text.replace('"version":1', '"version":2'), whose).problem, "it is of another version")
    assert.strictEqual(decode("null", whose).problem, "it is of another version")
    await writeFile(join(dir, "positions.json"), "{")
    assert.match(
      (await readPositions(dir, whose)).problem,
      /cannot be used \(it is damaged\): log files are sent again/
    )
  })

  it("where it cannot be written what was kept stays, and the error says what to do", async () => {
    await keepPositions(dir, whose, [place])
    const before = await readFile(join(dir, "positions.json"), "utf8")
    await rm(join(dir, ".positions.json.tmp"), { force: true })
    await writeFile(join(dir, "blocked"), "")
    const error = await keepPositions(join(dir, "blocked"), whose, []).then(
      () => "",
      ({ message }: Error) => message
    )
    assert.match(error, /cannot write .*positions\.json: .*New log files wait/)
    assert.strictEqual(await readFile(join(dir, "positions.json"), "utf8"), before)
  })

  it("one that cannot be read is an error: nobody knows what it says", async () => {
    await keepPositions(dir, whose, [place])
    await chmod(join(dir, "positions.json"), 0)
    if (process.getuid?.() === 0) return
    const error = await readPositions(dir, whose).then(
      () => "",
      ({ message }: Error) => message
    )
    assert.match(error, /make it readable, or remove it/)
  })
})
