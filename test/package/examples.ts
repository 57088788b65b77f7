/**
 * The examples as a team has them: the worked ones and every piece of code that stands in a page, out of the packed package, in a project of its own
 * with the oldest Effect of the range, compiled strictly; two of the worked ones prove themselves by Node alone. (The two extensions run on real Kafka: system/examples.)
 *
 * Each block of TypeScript in a page is a module by itself, in the folder of its page.
 */
import { execFile } from "node:child_process"
import { cp, glob, mkdir, readFile, writeFile } from "node:fs/promises"
import { basename, dirname, join } from "node:path"
import { promisify } from "node:util"
import { assert, beforeAll, it } from "vitest"
import pkg from "../../package.json" with { type: "json" }
import { type Packed, root } from "../support/packed.ts"
import { blocksOf } from "../support/pages.ts"
import { peers } from "../support/serviceTools.ts"

const run = promisify(execFile)

/** Every case of a contract, and a few histories, by a loop: a team needs no test runner. */
const proves = `import { mkdtemp, rm } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { Effect } from "effect"
import { simulate } from "kafka2prom/testing"
import { directoryContract } from "./docs/examples/directory-transport/contract.ts"
import { type DirectoryLog, openDirectoryLog } from "./docs/examples/directory-transport/DirectoryLog.ts"
import { causeFirst } from "./docs/examples/ordering-rule/causeFirst.ts"
import { withoutDrops } from "./docs/examples/ordering-rule/histories.ts"
import { steps } from "./docs/examples/ordering-rule/Steps.ts"

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

/** Made by the build, and no page for people. */
const isReport = (page: string): boolean => page.startsWith("docs/api/")

/** Behind so many empty lines that a line has the number that it has in its page. */
const moduleOf = (line: number, text: string): string => `${"\n".repeat(line - 1)}${text}\nexport {}\n`

const compiler = {
  ...{ noEmit: true, strict: true, exactOptionalPropertyTypes: true, noUncheckedIndexedAccess: true },
  ...{ module: "nodenext", target: "es2024", types: ["node"], allowImportingTsExtensions: true, skipLibCheck: true },
  // The small package is the same source, built for older Nodes.
  paths: { "kafka2prom-registry-dump": ["./node_modules/kafka2prom/dist/agent/service/RegistryDump.d.ts"] }
}

/** Once the package is there. */
export const examples = (packedBefore: () => Packed): void => {
  let home = ""
  beforeAll(async () => {
    const packed = packedBefore()
    home = await packed.project("team", [...Object.keys(pkg.dependencies), "@types/node"])
    const theirs = await peers()
    for (const peer of Object.keys(pkg.peerDependencies)) await packed.link(home, peer, theirs)
    await cp(join(root, "docs/examples"), join(home, "docs/examples"), { recursive: true })
    await writeFile(join(home, "package.json"), JSON.stringify({ type: "module" }))
    await writeFile(join(home, "proves.ts"), proves)
  })

  it("are compiled strictly, and so is all code in pages", async () => {
    let blocks = 0
    for await (const page of glob("{README.md,docs/**/*.md,packages/*/README.md}", { cwd: root })) {
      if (isReport(page)) continue
      const folder = join(home, dirname(page))
      await mkdir(folder, { recursive: true })
      for (const { language, line, text } of blocksOf(await readFile(join(root, page), "utf8"))) {
        assert.notInclude(
          ["js", "javascript", "typescript"],
          language,
          `${page}:${line}: nothing compiles it; write ts`
        )
        if (language !== "ts") continue
        await writeFile(join(folder, `${basename(page)}.${line}.ts`), moduleOf(line, text))
        blocks += 1
      }
    }
    assert.isAbove(blocks, 10)
    await writeFile(join(home, "tsconfig.json"), JSON.stringify({ compilerOptions: compiler, include: ["**/*.ts"] }))
    const tsc = join(root, "node_modules", "typescript", "bin", "tsc")
    await run(process.execPath, [tsc, "-p", "."], { cwd: home }).catch((error: { stdout: string }) =>
      assert.fail(error.stdout)
    )
  })

  it("prove themselves, with the kit and without a test runner", async () => {
    const { stdout } = await run(process.execPath, ["proves.ts"], { cwd: home })
    assert.match(stdout, /^\d\d cases, 2 histories, none broken$/m)
  })
}
