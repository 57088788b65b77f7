/**
 * Oracle: what Prometheus itself stores of a text, by its own parser and the rules of its scrape loop; a small Go program beside this
 * file says so. It is built once into the user's cache, by the hash of its sources, and answers thousands of texts a second.
 */
import { type ChildProcessByStdio, execFile, spawn } from "node:child_process"
import { createHash } from "node:crypto"
import { existsSync, globSync, readFileSync } from "node:fs"
import { mkdir, mkdtemp, rename, rm } from "node:fs/promises"
import { homedir } from "node:os"
import { join } from "node:path"
import { createInterface } from "node:readline"
import type { Readable, Writable } from "node:stream"
import { promisify } from "node:util"

const run = promisify(execFile)
const cache = join(process.env.XDG_CACHE_HOME ?? join(homedir(), ".cache"), "kafka2prom")
const sources = join(import.meta.dirname, "oracle")

export interface Question {
  readonly text: Uint8Array
  /** "" asks as a pod takes it: as text. */
  readonly contentType: string
  /** Labels that the target brings; what a series says in their place is `exported_`. */
  readonly target?: ReadonlyArray<readonly [name: string, value: string]>
  /** Of the scrape, in milliseconds. */
  readonly time?: number
  /** Whether the Go library's text parser is asked as well. */
  readonly expfmt?: boolean
}

export interface StoredSample {
  /** Name, value, name, value, …, by name; `__name__` is one of them. */
  readonly labels: ReadonlyArray<string>
  /** As Go prints the shortest exact form: `NaN`, `+Inf`, `1e+06`, `-0`. */
  readonly value: string
  /** Its own, in milliseconds; null where it is the scrape's. */
  readonly timestamp: string | null
  /** Of its samples some have a timestamp of their own. */
  readonly mixed?: true
  /** A label name stood twice in one of its lines, and Prometheus left one. */
  readonly repeated?: true
}

export interface Answer {
  /** Why a scrape of the text fails as a whole, "" where it does not. */
  readonly refused: string
  /** Distinct series that the parser reads up to where it stops. */
  readonly read: number
  /** Why the text is not whole, so that not even its good lines count. */
  readonly broken: string
  /** Of its good lines: of a series that is there twice the first, or the newest where timestamps tell. */
  readonly samples: ReadonlyArray<StoredSample>
  /** Each alone would make the scrape fail. The line is in base64, for it need not be text. */
  readonly dropped: ReadonlyArray<{ readonly line: string; readonly reason: string }>
  readonly duplicates: number
  readonly types: Readonly<Record<string, string>>
  readonly expfmt?: {
    readonly error: string
    readonly samples: ReadonlyArray<{ readonly labels: ReadonlyArray<string>; readonly value: string }>
  }
}

export type LabelPairs = ReadonlyArray<readonly [name: string, value: string]>

export interface RelabelQuestion {
  /** YAML, what stands below `metric_relabel_configs` in Prometheus' file. */
  readonly rules: string
  readonly series: ReadonlyArray<LabelPairs>
  /** Texts whose upper and lower case is asked for, as Go has them. */
  readonly cases?: ReadonlyArray<string>
}

export interface RelabelAnswer {
  /** Why Prometheus refuses the rules, "" where it does not. */
  readonly refused: string
  /** Each as it is then, by name; null where it was dropped. */
  readonly series: ReadonlyArray<LabelPairs | null>
  readonly upper: ReadonlyArray<string> | null
  readonly lower: ReadonlyArray<string> | null
}

/** The program, built if need be. Two test files may ask at once: it appears whole, whoever is last. */
export const oracleProgram = async (): Promise<string> => {
  const hash = createHash("sha256")
  for (const file of globSync("*", { cwd: sources }).sort())
    hash.update(`${file}\n`).update(readFileSync(join(sources, file)))
  const program = join(cache, `oracle-${hash.digest("hex").slice(0, 16)}`)
  if (existsSync(program)) return program
  await mkdir(cache, { recursive: true })
  const building = await mkdtemp(`${program}.part-`)
  try {
    const built = join(building, "oracle")
    // An older Go fetches the one that go.mod names.
    const env = { GOTOOLCHAIN: "auto", ...process.env }
    await run("go", ["build", "-buildvcs=false", "-o", built, "."], { cwd: sources, env })
    await rename(built, program)
  } finally {
    await rm(building, { recursive: true, force: true })
  }
  return program
}

export class Oracle {
  private readonly child: ChildProcessByStdio<Writable, Readable, null>
  private readonly waiting: Array<PromiseWithResolvers<unknown>> = []

  static async start(): Promise<Oracle> {
    return new Oracle(await oracleProgram())
  }

  private constructor(program: string) {
    this.child = spawn(program, { stdio: ["pipe", "pipe", "inherit"] })
    createInterface({ input: this.child.stdout }).on("line", (line) => this.waiting.shift()?.resolve(JSON.parse(line)))
    const end = (why: string): void => {
      for (const one of this.waiting.splice(0)) one.reject(new Error(why))
    }
    this.child.on("error", (error) => end(error.message))
    this.child.on("exit", (code) => end(`the oracle ended with ${code}`))
  }

  ask({ text, contentType, target = [], time = 0, expfmt = false }: Question): Promise<Answer> {
    const base64 = Buffer.from(text.buffer, text.byteOffset, text.length).toString("base64")
    return this.send({ text: base64, contentType, target, time, expfmt }) as Promise<Answer>
  }

  /** By Prometheus' own model/relabel. */
  relabel(question: RelabelQuestion): Promise<RelabelAnswer> {
    return this.send({ relabel: question }) as Promise<RelabelAnswer>
  }

  private send(request: object): Promise<unknown> {
    const answer = Promise.withResolvers<unknown>()
    this.waiting.push(answer)
    this.child.stdin.write(`${JSON.stringify(request)}\n`)
    return answer.promise
  }

  stop(): void {
    this.child.stdin.end()
  }
}
