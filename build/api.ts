/**
 * The API reports in docs/api: every public name with its signature and its stability, made of the declarations that are published. A change
 * of the public API is a change of these files, which a test compares. `npm run api` writes them anew.
 */
import { mkdirSync, readFileSync, writeFileSync } from "node:fs"
import { mkdtemp, rm } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { Extractor, ExtractorConfig, type ExtractorMessage } from "@microsoft/api-extractor"

/** What has a report: `index` has all that the other entries have, but for the testing kit. */
export const reported = { kafka2prom: "index", testing: "testing/index" } as const

export interface Report {
  readonly text: string
  /** What is wrong with the declarations, each in one line: names of public signatures that no entry exports, mistakes in doc comments. */
  readonly problems: ReadonlyArray<string>
}

/** Of one entry of the package at `root`, which is built. */
export const reportOf = async (root: string, name: keyof typeof reported): Promise<Report> => {
  const entry = join(root, "dist", `${reported[name]}.d.ts`)
  const folder = await mkdtemp(join(tmpdir(), "k2p-api-"))
  try {
    const problems: Array<string> = []
    const config = ExtractorConfig.prepare({
      configObjectFullPath: undefined,
      packageJsonFullPath: join(root, "package.json"),
      configObject: {
        projectFolder: root,
        mainEntryPointFilePath: entry,
        compiler: {
          overrideTsconfig: {
            compilerOptions: {
              ...{
                target: "ES2024",
                lib: ["ES2024"],
                module: "NodeNext",
                moduleResolution: "NodeNext",
                types: ["node"]
              },
              ...{ strict: true, exactOptionalPropertyTypes: true, skipLibCheck: true }
            },
            files: [entry]
          }
        },
        apiReport: {
          enabled: true,
          reportFileName: name,
          reportFolder: folder,
          reportTempFolder: join(folder, "temp"),
          // The shapes of services stand in bases of their classes.
          includeForgottenExports: true,
          tagsToReport: { "@stable": true, "@experimental": true }
        },
        newlineKind: "lf",
        docModel: { enabled: false },
        dtsRollup: { enabled: false },
        tsdocMetadata: { enabled: false },
        messages: {
          compilerMessageReporting: { default: { logLevel: "warning" as never } },
          tsdocMessageReporting: { default: { logLevel: "warning" as never } },
          extractorMessageReporting: {
            default: { logLevel: "warning" as never },
            // Stability is told by @stable and @experimental.
            "ae-missing-release-tag": { logLevel: "none" as never },
            // Stands in the report.
            "ae-undocumented": { logLevel: "none" as never }
          }
        }
      }
    })
    Extractor.invoke(config, {
      localBuild: true,
      messageCallback: (message: ExtractorMessage) => {
        message.handled = true
        if (message.category === "console") return
        if (message.logLevel !== "none")
          problems.push(`${message.messageId}: ${message.text} (${message.sourceFilePath}:${message.sourceFileLine})`)
      }
    })
    return { text: readFileSync(join(folder, `${name}.api.md`), "utf8"), problems }
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
}

if (import.meta.main) {
  const root = new URL("..", import.meta.url).pathname
  mkdirSync(join(root, "docs/api"), { recursive: true })
  for (const name of Object.keys(reported) as ReadonlyArray<keyof typeof reported>) {
    const report = await reportOf(root, name)
    for (const problem of report.problems) process.stderr.write(`${name}: ${problem}\n`)
    writeFileSync(join(root, "docs/api", `${name}.api.md`), report.text)
  }
}
