/** The kit needs no test runner of its own: its suites under node:test, and the guide's example, which is compiled, run, and the same as on its page. */
import { spawnSync } from "node:child_process"
import { readFileSync } from "node:fs"
import { assert, describe, it } from "@effect/vitest"

const root = new URL("../../", import.meta.url).pathname

/** What node:test says of a file, once it has ended. */
const underNode = (file: string) => {
  const args = ["--import", "./test/support/asPackage.mjs", "--test", "--test-reporter", "tap", file]
  // It must not take itself for a part of a run of node:test.
  const { NODE_TEST_CONTEXT: _, ...env } = process.env
  const { stdout, stderr } = spawnSync(process.execPath, args, { cwd: root, encoding: "utf8", env, timeout: 280_000 })
  const figure = (name: string) => Number(new RegExp(`^# ${name} (\\d+)$`, "m").exec(stdout)?.[1])
  return { pass: figure("pass"), fail: figure("fail"), told: `${stdout}\n${stderr}` }
}

const failures = (told: string): string =>
  told
    .split("\n")
    .filter((line) => /not ok|error:|expected|found/.test(line))
    .join("\n")

describe("under node:test", () => {
  it("all four contracts are kept by what is right, and broken by what is wrong", { timeout: 300_000 }, () => {
    const { pass, fail, told } = underNode("test/testing/contracts.node.ts")
    assert.strictEqual(fail, 0, failures(told))
    assert.isAbove(pass, 80, told.slice(-3_000))
  })

  it("the examples of the guide run, and are what the page shows", { timeout: 300_000 }, () => {
    const page = readFileSync(new URL("../../docs/testing-kit.md", import.meta.url), "utf8")
    const shown = Array.from(page.matchAll(/```ts\n([\s\S]*?)```/g), ([, code]) => code)
    const examples = ["testingKit", "durableKit"].map((name) => `test/examples/${name}.node.ts`)
    assert.deepStrictEqual(
      shown,
      examples.map((path) => readFileSync(`${root}${path}`, "utf8").replaceAll("../../docs/examples/", "./examples/"))
    )
    for (const path of examples) {
      const { pass, fail, told } = underNode(path)
      assert.strictEqual(fail, 0, failures(told))
      assert.isAbove(pass, 10, told.slice(-3_000))
    }
  })
})
