/**
 * BodyReaders: what the Go world says of bodies, names and Accept headers, each by its own code: Prometheus 3's parser, expfmt's text
 * parser, model.EscapeName, expfmt.NegotiateAccept. The program beside this file is built once into the user's cache; one process
 * answers for all that is asked at once.
 */
import { execFile, spawn } from "node:child_process"
import { createHash } from "node:crypto"
import { existsSync, globSync, readFileSync } from "node:fs"
import { mkdir, mkdtemp, rename, rm } from "node:fs/promises"
import { homedir } from "node:os"
import { join } from "node:path"
import { promisify } from "node:util"

const run = promisify(execFile)
const cache = join(process.env.XDG_CACHE_HOME ?? join(homedir(), ".cache"), "kafka2prom")
const sources = join(import.meta.dirname, "bodyReaders")

export interface ReadBody {
  readonly body: string
  readonly contentType: string
  /** Text only. */
  readonly expfmt?: boolean
}

export interface GoVerdict {
  /** The errors; "" where there is none. */
  readonly prometheus: string
  readonly expfmt: string
  /** As Prometheus names them, in order. */
  readonly samples: ReadonlyArray<{ readonly labels: Readonly<Record<string, string>>; readonly value: string }>
  readonly types: Readonly<Record<string, string>>
  readonly exemplars: number
  readonly expfmtSamples: number
}

export interface GoAnswers {
  readonly verdicts: ReadonlyArray<GoVerdict>
  /** Of each name: underscores, dots, values. */
  readonly names: ReadonlyArray<readonly [underscores: string, dots: string, values: string]>
  /** The content types. */
  readonly accepts: ReadonlyArray<string>
}

const program = async (): Promise<string> => {
  const hash = createHash("sha256")
  for (const file of globSync("*", { cwd: sources }).sort()) hash.update(readFileSync(join(sources, file)))
  const built = join(cache, `body-readers-${hash.digest("hex").slice(0, 16)}`)
  if (existsSync(built)) return built
  await mkdir(cache, { recursive: true })
  const building = await mkdtemp(`${built}.part-`)
  try {
    const env = { GOTOOLCHAIN: "auto", ...process.env }
    await run("go", ["build", "-buildvcs=false", "-o", join(building, "program"), "."], { cwd: sources, env })
    await rename(join(building, "program"), built)
  } finally {
    await rm(building, { recursive: true, force: true })
  }
  return built
}

export const askGo = async (questions: {
  readonly bodies?: ReadonlyArray<ReadBody>
  readonly names?: ReadonlyArray<string>
  readonly accepts?: ReadonlyArray<string>
}): Promise<GoAnswers> => {
  const child = spawn(await program(), { stdio: ["pipe", "pipe", "inherit"] })
  child.stdin.end(JSON.stringify({ bodies: [], names: [], accepts: [], ...questions }))
  let output = ""
  child.stdout.setEncoding("utf8")
  for await (const text of child.stdout) output += text
  return JSON.parse(output)
}
