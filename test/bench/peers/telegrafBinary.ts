/**
 * Telegraf's binary, built from its Go module with the three plugins that the comparison needs, once, into the user's cache. The
 * module's own versions of everything; no patches.
 */
import { execFile } from "node:child_process"
import { cp, rm } from "node:fs/promises"
import { join } from "node:path"
import { promisify } from "node:util"
import { cached } from "../../support/cached.ts"

export const telegrafVersion = "1.37.2"

const run = promisify(execFile)
const module = `github.com/influxdata/telegraf@v${telegrafVersion}`
const tags = "custom,inputs.kafka_consumer,outputs.prometheus_client,parsers.prometheus"

export const telegrafBinary = async (): Promise<string> => {
  const home = await cached(`telegraf-${telegrafVersion}`, async (folder) => {
    const { stdout } = await run("go", ["mod", "download", "-json", module], { cwd: folder, maxBuffer: 1 << 26 })
    const source = join(folder, "source")
    await cp((JSON.parse(stdout) as { readonly Dir: string }).Dir, source, { recursive: true })
    // The module cache is read-only.
    await run("chmod", ["-R", "u+w", source])
    await run("go", ["build", "-tags", tags, "-o", join(folder, "telegraf"), "./cmd/telegraf"], {
      cwd: source,
      env: { ...process.env, CGO_ENABLED: "0", GOFLAGS: "-mod=mod" },
      maxBuffer: 1 << 26
    })
    await rm(source, { recursive: true, force: true })
  })
  return join(home, "telegraf")
}
