/**
 * The worked examples as a team has them: out of the packed package, in a project of its own with the oldest Effect of the range, compiled strictly and run by Node alone. (The
 * two extensions run on real Kafka: system/examples.)
 */
import { execFile } from "node:child_process"
import { cp, writeFile } from "node:fs/promises"
import { join } from "node:path"
import { promisify } from "node:util"
import { afterAll, assert, beforeAll, it, vi } from "vitest"
import pkg from "../../package.json" with { type: "json" }
import { type Packed, pack, root } from "../support/packed.ts"
import { peers } from "../support/serviceTools.ts"
import { describeWith } from "../support/tools.ts"

vi.setConfig({ testTimeout: 120_000, hookTimeout: 120_000 })

const run = promisify(execFile)

/** Every case of a contract, and a few histories, by a loop: a team needs no test runner. */
const proves = `import { mkdtemp, rm } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { Effect } from "effect"
import { simulate } from "kafka2prom/testing"
import { directoryContract } from "./examples/directory-transport/contract.ts"
import { type DirectoryLog, openDirectoryLog } from "./examples/directory-transport/DirectoryLog.ts"
import { causeFirst } from "./examples/ordering-rule/causeFirst.ts"
import { withoutDrops } from "./examples/ordering-rule/histories.ts"
import { steps } from "./examples/ordering-rule/Steps.ts"

const directory = await mkdtemp(join(tmpdir(), "k2p-team-"))
let log: DirectoryLog | undefined
const cases = directoryContract(() => log!)
const all = Effect.gen(function* () {
  log = yield* openDirectoryLog(directory, { minSessionTimeout: 400 })
  for (const { run } of cases) yield* run
})
await Effect.runPromise(Effect.scoped(all))
await rm(directory, { recursive: true })
const { broken, schedules } = simulate({ subject: steps, judge: causeFirst, histories: withoutDrops, seeds: { from: 1, count: 2 } })
console.log(\`\${cases.length} cases, \${schedules} histories, \${broken?.message ?? "none broken"}\`)
`

describeWith(["npm", "tar"], "the worked examples, packed", () => {
  let packed: Packed
  let home = ""
  beforeAll(async () => {
    packed = await pack()
    home = await packed.project("team", [...Object.keys(pkg.dependencies), "@types/node"])
    const theirs = await peers()
    for (const peer of Object.keys(pkg.peerDependencies)) await packed.link(home, peer, theirs)
    await cp(join(root, "docs/examples"), join(home, "examples"), { recursive: true })
    await writeFile(join(home, "package.json"), JSON.stringify({ type: "module" }))
    await writeFile(join(home, "proves.ts"), proves)
  })
  afterAll(() => packed?.remove())

  it("are compiled strictly", async () => {
    const how = ["--noEmit", "--strict", "--exactOptionalPropertyTypes", "--noUncheckedIndexedAccess", "--skipLibCheck"]
    const what = ["--module", "nodenext", "--target", "es2024", "--types", "node", "--allowImportingTsExtensions"]
    const extensions = ["source-priority", "threshold-webhook"].map((name) => `examples/${name}/extension.ts`)
    const tsc = join(root, "node_modules", "typescript", "bin", "tsc")
    await run(process.execPath, [tsc, ...how, ...what, "proves.ts", ...extensions], { cwd: home }).catch(
      (error: { stdout: string }) => assert.fail(error.stdout)
    )
  })

  it("prove themselves, with the kit and without a test runner", async () => {
    const { stdout } = await run(process.execPath, ["proves.ts"], { cwd: home })
    assert.match(stdout, /^\d\d cases, 2 histories, none broken$/m)
  })
})
