/**
 * A made-up service: families with series whose values move from round to round as a real service's do. Most counters move, a good
 * third stands still, buckets stay cumulative, gauges change the length of their text, what is constant stays. Its numbers are
 * written as its client library would. Series that come and go, and lines in another order, are made of its blocks: see `shapes.ts`.
 */
import { type Random, random } from "../../../src/testing/Random.ts"

export type NumberFormat = "js" | "go" | "java"

/** How a value moves: see `move`. */
export type Movement = "busy" | "seconds" | "idle" | "ratio" | "bytes" | "level" | "constant"

export interface SeriesSpec {
  /** As written between braces, "" for none. */
  readonly labels: string
  readonly movement: Movement
  readonly value?: number
}

export interface FamilySpec {
  readonly name: string
  readonly help: string
  readonly type: "counter" | "gauge" | "histogram" | "summary" | "untyped"
  /** Of a histogram: one entry a label set; its movement says whether it is in use. */
  readonly series: ReadonlyArray<SeriesSpec>
  /** Upper bounds as written, `+Inf` excluded. */
  readonly buckets?: ReadonlyArray<string>
}

export const formatNumber = (value: number, format: NumberFormat): string => {
  if (format === "js" || value === 0) return format === "java" ? "0.0" : String(value)
  if (format === "java") {
    if (Math.abs(value) >= 1e7 || Math.abs(value) < 1e-3) {
      const [digits, exponent] = value.toExponential().split("e")
      return `${digits!.includes(".") ? digits : `${digits}.0`}E${Number(exponent)}`
    }
    return Number.isInteger(value) ? `${value}.0` : String(value)
  }
  if (Math.abs(value) >= 1e6 || Math.abs(value) < 1e-4) {
    const [digits, exponent] = value.toExponential().split("e")
    const power = Number(exponent)
    return `${digits}e${power < 0 ? "-" : "+"}${String(Math.abs(power)).padStart(2, "0")}`
  }
  return String(value)
}

const first = (movement: Movement, r: Random): number => {
  switch (movement) {
    case "busy":
    case "idle":
      return r.chance(0.2) ? 0 : Math.floor(10 ** (r.next() * 7))
    case "seconds":
      return Math.round(10 ** (r.next() * 5) * 1e6) / 1e6
    case "ratio":
      return r.next()
    case "bytes":
      return Math.floor(2 ** (20 + r.next() * 12))
    case "level":
      return r.int(0, 200)
    case "constant":
      return 1
  }
}

const move = (value: number, movement: Movement, r: Random): number => {
  switch (movement) {
    case "busy":
      return r.chance(0.85) ? value + r.int(1, 3_000) : value
    case "seconds":
      return r.chance(0.85) ? Math.round((value + r.next() * 30) * 1e6) / 1e6 : value
    case "ratio":
      // Now with sixteen digits, now with two.
      return r.chance(0.2) ? r.int(0, 100) / 100 : r.next()
    case "bytes":
      return Math.max(0, value + 4096 * r.int(-500, 500))
    case "level":
      return Math.max(0, value + r.int(-20, 20))
    default:
      return value
  }
}

/** One line of the dump, up to its value. */
interface Line {
  readonly text: string
  readonly movement: Movement
  value: number
}

interface Block {
  readonly head: string
  readonly lines: ReadonlyArray<Line>
  /** Lines of each label set of a histogram: its buckets, sum and count. */
  readonly perSet: number
}

/** A family of a round: its metadata, and the lines of each label set (those of a histogram's together). */
export interface RoundBlock {
  readonly head: string
  readonly sets: ReadonlyArray<string>
}

export class SyntheticService {
  readonly series: number
  private readonly blocks: ReadonlyArray<Block>
  private readonly format: NumberFormat
  private readonly random: Random
  private started = false

  constructor(families: ReadonlyArray<FamilySpec>, seed: number, format: NumberFormat) {
    this.random = random(seed)
    this.format = format
    this.blocks = families.map((family) => this.block(family))
    this.series = this.blocks.reduce((sum, { lines }) => sum + lines.length, 0)
  }

  /** The next round's text. */
  round(): Buffer {
    let text = ""
    for (const { head, sets } of this.roundBlocks()) text += head + sets.join("")
    return Buffer.from(text, "utf8")
  }

  /** The next round, family by family. */
  roundBlocks(): ReadonlyArray<RoundBlock> {
    this.step()
    return this.blocks.map(({ head, lines, perSet }) => {
      const sets: Array<string> = []
      for (const [i, line] of lines.entries()) {
        const text = `${line.text}${formatNumber(line.value, this.format)}\n`
        if (perSet === 0 || i % perSet === 0) sets.push(text)
        else sets[sets.length - 1] += text
      }
      return { head, sets }
    })
  }

  /** The round's sample lines alone, without metadata: as a tail of single lines would carry them. */
  lines(): ReadonlyArray<string> {
    this.step()
    return this.blocks.flatMap(({ lines }) =>
      lines.map((line) => `${line.text}${formatNumber(line.value, this.format)}\n`)
    )
  }

  private step(): void {
    if (this.started) for (const block of this.blocks) this.move(block)
    this.started = true
  }

  private block({ name, help, type, series, buckets }: FamilySpec): Block {
    const head = `# HELP ${name} ${help}\n# TYPE ${name} ${type}\n`
    const braced = (labels: string): string => (labels === "" ? "" : `{${labels}}`)
    if (buckets === undefined) {
      const lines = series.map(({ labels, movement, value }) => ({
        text: `${name}${braced(labels)} `,
        movement,
        value: value ?? first(movement, this.random)
      }))
      return { head, lines, perSet: 0 }
    }
    const lines = series.flatMap(({ labels, movement }) => {
      const before = labels === "" ? "" : `${labels},`
      const set: Array<Line> = [...buckets, "+Inf"].map((le) => ({
        text: `${name}_bucket{${before}le="${le}"} `,
        movement,
        value: 0
      }))
      set.push({ text: `${name}_sum${braced(labels)} `, movement, value: 0 })
      set.push({ text: `${name}_count${braced(labels)} `, movement, value: 0 })
      this.observe(set, this.random.int(0, 5_000))
      return set
    })
    return { head, lines, perSet: buckets.length + 3 }
  }

  private move({ lines, perSet }: Block): void {
    if (perSet === 0) for (const line of lines) line.value = move(line.value, line.movement, this.random)
    else
      for (let at = 0; at < lines.length; at += perSet)
        if (lines[at]!.movement === "busy" && this.random.chance(0.85))
          this.observe(lines.slice(at, at + perSet), this.random.int(1, 800))
  }

  /** So many observations, most of them in a few buckets; cumulative, sum and count agree. */
  private observe(set: ReadonlyArray<Line>, count: number): void {
    const bounds = set.length - 2
    const middle = this.random.next() * bounds
    let seen = 0
    for (let i = 0; i < bounds; i++) {
      const share = 1 / (1 + Math.exp(middle - i))
      seen = i === bounds - 1 ? count : Math.max(seen, Math.floor(count * share))
      set[i]!.value += seen
    }
    set[bounds]!.value = Math.round((set[bounds]!.value + count * this.random.next()) * 1e9) / 1e9
    set[bounds + 1]!.value += count
  }
}
