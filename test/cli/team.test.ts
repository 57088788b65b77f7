/** A team's modules on the command line: an application of its own, extensions, their options beside the pod's, and what is wrong with them. */
import { mkdtempSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { afterAll, assert, beforeAll, describe, it } from "@effect/vitest"
import counts from "../../docs/examples/own/counts.ts"
import { plan } from "../../src/cli.ts"
import { commandsOf } from "../../src/commands/Commands.ts"
import { withModules } from "../../src/commands/Modules.ts"
import type { Environment } from "../../src/config/Resolve.ts"

const at = (name: string): string => new URL(`../../docs/examples/own/${name}.ts`, import.meta.url).pathname
const sharedLog = new URL("../pod/apps/sharedLog.ts", import.meta.url).pathname
const [app, extension] = [at("counts"), at("skipping")]

let dir = ""
beforeAll(() => {
  dir = mkdtempSync(join(tmpdir(), "k2p-team-"))
})
afterAll(() => rmSync(dir, { recursive: true, force: true }))

const file = (name: string, content: string): string => {
  const path = join(dir, name)
  writeFileSync(path, content)
  return path
}

/** What the program prints, or "runs". */
const told = async (argv: ReadonlyArray<string>, env: Environment = {}, apps = [] as ReadonlyArray<typeof counts>) => {
  const modules = await withModules(argv, env, { apps, extensions: [] })
  if ("problems" in modules) return modules.problems
  const cli = { name: "ours", version: "1.2.3", about: "ours.", commands: commandsOf(modules.value.team) }
  const { plan: todo } = plan(modules.value.argv, env, cli)
  return todo._tag === "Run" ? ["runs"] : (todo.code === 0 ? todo.stdout : todo.stderr).trimEnd().split("\n")
}

const brokers = ["--brokers", "a:1"]

describe("an application of one's own", () => {
  it("has its options beside the pod's, in help, flags, variables and the file", async () => {
    const help = await told(["run", app, "--help"])
    for (const line of ["  --count-from n", "  --queue-bytes size", "  --listen host:port"]) assert.include(help, line)
    assert.notInclude(help.join("\n"), "--expiry")
    assert.deepStrictEqual(await told(["run", app, ...brokers, "--count-from", "7"]), ["runs"])
    assert.deepStrictEqual(await told(["run", app, ...brokers], { K2P_COUNT_FROM: "x" }), [
      'ours run: K2P_COUNT_FROM (--count-from) is "x": it must be a whole number from 0 to 1000'
    ])
    const path = file("app.yaml", "count-from: 666\nexpiry: 90s\n")
    assert.deepStrictEqual(await told(["run", app, ...brokers, "--config", path]), [
      "ours run: --count-from is 666: nobody counts from there"
    ])
  })

  it("is a command of a program of one's own", async () => {
    assert.deepStrictEqual(await told(["counts", ...brokers, "--count-from", "1"], {}, [counts]), ["runs"])
    assert.include((await told(["--help"], {}, [counts])).join("\n"), "\n  counts  counts records.\n")
    assert.deepStrictEqual(await told(["--version"], {}, [counts]), ["ours 1.2.3"])
  })

  it("must be named, and be one", async () => {
    assert.deepStrictEqual(await told(["run", ...brokers]), [
      "ours run: the path of the application's module must come first: run ./app.js"
    ])
    assert.match((await told(["run", join(dir, "none.js")])).join(), /^the application is ".*": it cannot be loaded: /)
    const wrongs = [
      ["empty", "export default {}", /its default export is no application, which has name, module, settings/],
      ["throws", "throw new Error('a mistake')", /it cannot be loaded: a mistake$/],
      [
        "named",
        'export default {name: "A b", about: "", module: "", settings: {}, configure() {}, load() {}}',
        /its name is "A b": it must be one word/
      ]
    ] as const
    for (const [name, text, expected] of wrongs)
      assert.match((await told(["run", file(`${name}.mjs`, text)])).join(), expected)
  })
})

describe("an extension", () => {
  it("brings its options to serve and to run, from wherever it is named", async () => {
    const skip = ["--skip-key", "x"]
    const path = file("extension.yaml", `extension: ${extension}\nskip-key: x\n`)
    assert.include(await told(["serve", "--extension", extension, "--help"]), "  --skip-key key")
    for (const command of [["serve"], ["run", app]]) {
      assert.deepStrictEqual(await told([...command, ...brokers, "--extension", extension, ...skip]), ["runs"])
      assert.deepStrictEqual(await told([...command, ...brokers, ...skip], { K2P_EXTENSION: extension }), ["runs"])
      assert.deepStrictEqual(await told([...command, ...brokers, "--config", path]), ["runs"])
      assert.match((await told([...command, ...brokers, `--extension=${extension}`])).join(), /--skip-key is missing/)
      assert.match((await told([...command, ...brokers, ...skip])).join(), /unknown option --skip-key/)
    }
  })

  it("that brings a log of its own takes the options of connections away", async () => {
    const own = ["--extension", sharedLog]
    assert.deepStrictEqual(await told(["run", app, ...own]), ["runs"])
    assert.match((await told(["run", app, ...own, ...brokers])).join(), /unknown option --brokers/)
    const help = (await told(["run", app, ...own, "--help"])).join("\n")
    for (const gone of ["--brokers", "--sasl-password", "--tls-ca", "--event-hubs"]) assert.notInclude(help, gone)
    for (const left of ["--client-id", "--group-id", "--count-from"]) assert.include(help, left)
  })

  it("must have names of its own, and be one", async () => {
    const clash = file(
      "clash.mjs",
      'export default {name: "ours", module: "", settings: {listen: {}, expiry: {}}, configure() {}, layer() {}}'
    )
    assert.deepStrictEqual(await told(["serve", ...brokers, "--extension", clash]), [
      "the option --listen of ours is one of the pod: give it another name",
      "the option --expiry of ours is one of metrics: give it another name"
    ])
    assert.match((await told(["serve", ...brokers, "--extension", app])).join(), /its default export is no extension/)
    // Other commands have none.
    assert.deepStrictEqual(await told(["agent", ...brokers, "--dump", "x"], { K2P_EXTENSION: clash }), ["runs"])
  })
})
