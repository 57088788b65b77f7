/**
 * grammar: chains of texts that one source sends, by a seed: pieces of both formats, right and wrong, each repeated with some variation, then
 * changed from text to text as sources do it and as nobody should. The same seed gives the same chain.
 */

import type { ReadOptions } from "../../../src/metrics/read/Memory.ts"
import { resolveLimits } from "./limits.ts"

export interface Chain {
  readonly seed: number
  readonly mode: "snapshot" | "samples"
  readonly texts: ReadonlyArray<{ readonly bytes: Uint8Array; readonly options: ReadOptions }>
}

/** Mulberry32. */
export class Dice {
  private state: number

  constructor(seed: number) {
    this.state = seed >>> 0
  }

  /** From 0 up to below 1. */
  roll(): number {
    this.state = (this.state + 0x6d2b79f5) >>> 0
    let t = Math.imul(this.state ^ (this.state >>> 15), this.state | 1)
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61)
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32
  }

  below(n: number): number {
    return Math.floor(this.roll() * n)
  }

  often(chance: number): boolean {
    return this.roll() < chance
  }

  of<A>(list: ReadonlyArray<A>): A {
    return list[this.below(list.length)]!
  }
}

const names = [
  "a",
  "foo",
  "foo_total",
  "foo_created",
  "foo_total_created",
  "foo_bucket",
  "foo_sum",
  "foo_count",
  "foo_info",
  "foo_gsum",
  "up",
  ":x",
  "f#",
  "foo_#"
]
const labelNames = [
  "b",
  "le",
  "quantile",
  "instance",
  "exported_instance",
  "job",
  "foo",
  "a",
  "l#",
  "__name__",
  '"b"',
  '"q.#"',
  '"x\\"y"'
]
const values = [
  "",
  "1",
  "1.0",
  "1e0",
  "#",
  "+Inf",
  "NaN",
  "-1",
  "x\\\\y",
  "\\n",
  '\\"',
  "\\q",
  "\xc3\xa9",
  "\xff",
  "\x7f",
  "\0",
  "\t",
  "x\ny",
  "instance",
  "s",
  "v".repeat(70)
]
const numbers = [
  "1",
  "#",
  "0",
  "-1",
  "1.5",
  "1e3",
  "1e-400",
  "NaN",
  "+Inf",
  "-inf",
  "0x1p3",
  "",
  "x",
  "1_0",
  "9".repeat(20),
  "0".repeat(120),
  "9".repeat(400),
  "1e400",
  "1E+05",
  ".5",
  "5.",
  "-",
  "--1"
]
const stamps = ["", "", "", " 1000", " #", " -1", " 1.5", " x", " 99999999999999999999", "\t7 "]
const exemplars = [
  "",
  "",
  ' # {t="#"} 1',
  " # {} 1 2",
  ' # {t="\xff"} 1',
  ' # {t="x",t="y"} 1',
  ` # {t="${"x".repeat(140)}"} 1`,
  ' # {t="1" 1',
  " # 1"
]
const types = [
  "counter",
  "gauge",
  "histogram",
  "summary",
  "untyped",
  "unknown",
  "info",
  "stateset",
  "gaugehistogram",
  "x",
  ""
]
const blanks = ["", "", "", " ", "\t", "  "]

const labelsOf = (dice: Dice): string => {
  const count = dice.often(0.05) ? dice.below(30) : dice.below(4)
  const all = Array.from(
    { length: count },
    () => `${dice.of(blanks)}${dice.of(labelNames)}${dice.of(blanks)}="${dice.of(values)}"${dice.of(blanks)}`
  )
  return all.join(dice.often(0.05) ? " " : ",") + (dice.often(0.1) ? "," : "")
}

const lineOf = (dice: Dice): string => {
  const end = `${dice.of(numbers)}${dice.of(stamps)}${dice.often(0.3) ? dice.of(exemplars) : ""}${dice.often(0.05) ? "\r" : ""}\n`
  if (dice.often(0.15))
    return `${dice.of(blanks)}{${dice.of(['"foo"', '"f.#"', '"a\nb"', '"\\n#"', '""', '"x'])}${dice.of(["", ",", " , "])}${labelsOf(dice)}} ${end}`
  return `${dice.of(blanks)}${dice.of(names)}${dice.of(blanks)}${dice.often(0.7) ? `{${labelsOf(dice)}}` : ""}${dice.often(0.05) ? "" : " "}${end}`
}

const commentOf = (dice: Dice): string => {
  const name = dice.of([...names, '"f.#"', "", "-"])
  switch (dice.below(7)) {
    case 0:
    case 1:
    case 2:
      return `# TYPE ${name} ${dice.of(types)}\n`
    case 3:
      return `# HELP ${name} ${dice.of(["", "help #", "x\\ny\\q", "\xff", "h".repeat(80)])}\n`
    case 4:
      return `# UNIT ${name} ${dice.of(["seconds", "total", ""])}\n`
    case 5:
      return dice.of(["#\n", "# #\n", "#EOF\n", "# EOF\n", "#  EOF\n", "  # x\n"])
    default:
      return dice.of(["\n", " \n", "\t\n"])
  }
}

const bounds = ["0.1", "0.5", "1", "1.0", "2.5", "1e1", "+Inf", "x"]

const histogramOf = (dice: Dice): string => {
  const kept = bounds.filter(() => dice.often(0.6))
  const group = dice.often(0.5) ? 'g="#",' : ""
  return `${kept.map((le, k) => `foo_bucket{${group}le="${le}"} ${dice.often(0.9) ? k : "#"}\n`).join("")}foo_sum{${group}} 1\nfoo_count{${group}} ${kept.length - 1}\n`
}

/** A few pieces, as often as they like; `#` is the number of the turn. */
const piecesOf = (dice: Dice, size: number): Array<string> => {
  const pieces: Array<string> = []
  while (pieces.length < size) {
    const motif = Array.from({ length: 1 + dice.below(3) }, () =>
      dice.often(0.2) ? commentOf(dice) : dice.often(0.15) ? histogramOf(dice) : lineOf(dice)
    ).join("")
    const times = dice.often(0.3) ? 1 + dice.below(size) : 1
    for (let k = 0; k < times; k++)
      pieces.push(
        motif
          .replaceAll(" # {", "\x01")
          .replace(/#(?! |\n|EOF)/g, String(k))
          .replaceAll("\x01", " # {")
      )
  }
  return pieces
}

const shuffle = <A>(dice: Dice, list: Array<A>): void => {
  for (let i = list.length - 1; i > 0; i--) {
    const j = dice.below(i + 1)
    ;[list[i], list[j]] = [list[j]!, list[i]!]
  }
}

const changed = (
  dice: Dice,
  before: ReadonlyArray<string>,
  earlier: ReadonlyArray<ReadonlyArray<string>>
): Array<string> => {
  const pieces = [...before]
  for (let times = 1 + dice.below(3); times > 0; times--) {
    const at = dice.below(pieces.length + 1)
    switch (dice.below(10)) {
      case 0:
        shuffle(dice, pieces)
        break
      case 1:
        pieces.splice(at, dice.below(5))
        break
      case 2:
        pieces.splice(at, 0, ...piecesOf(dice, 1 + dice.below(5)))
        break
      case 3:
        pieces.splice(at, 0, ...pieces.slice(dice.below(pieces.length + 1)).slice(0, 20))
        break
      case 4:
        for (let k = 0; k < pieces.length; k++)
          if (dice.often(0.5)) pieces[k] = pieces[k]!.replace(/ [0-9.]+\n/, ` ${dice.below(1000)}\n`)
        break
      case 5: {
        const text = pieces[at % Math.max(1, pieces.length)] ?? ""
        const cut = dice.below(text.length + 1)
        pieces[at] =
          text.slice(0, cut) +
          dice.of(["", '"', "\\", "{", "}", ",", "\n", "\xff", "\0", " ", "#"]) +
          text.slice(cut + dice.below(2))
        break
      }
      case 6:
        return [...dice.of([...earlier, before])]
      case 7:
        pieces.splice(at, 0, commentOf(dice))
        break
      case 8:
        for (let k = 0; k < pieces.length; k++) if (dice.often(0.5)) pieces.splice(k, 1)
        break
      default:
    }
  }
  return pieces
}

export const chainOf = (seed: number, size = 30): Chain => {
  const dice = new Dice(seed)
  const format = dice.often(0.3) ? "openmetrics" : "text"
  const timestamps = dice.often(0.4) ? "event" : "scrape"
  const limits = resolveLimits(dice.often(0.3))
  const labels = dice.often(0.2) ? [["job", "j"] as const, ["l1", "x"] as const] : []
  const attach = { sourceLabel: "instance", source: "s", labels }
  const allowReservedNames = dice.often(0.1)
  const rounds: Array<ReadonlyArray<string>> = [piecesOf(dice, 1 + dice.below(size))]
  const length = 1 + dice.below(dice.often(0.2) ? 20 : 5)
  while (rounds.length < length) rounds.push(changed(dice, rounds.at(-1)!, rounds))
  return {
    seed,
    mode: dice.often(0.4) ? "samples" : "snapshot",
    texts: rounds.map((pieces, round) => {
      const text = pieces.join("") + (format === "openmetrics" && !dice.often(0.03) ? "# EOF\n" : "")
      const bytes = Buffer.from(dice.often(0.02) ? text.slice(0, dice.below(text.length + 1)) : text, "latin1")
      return { bytes, options: { format, attach, limits, timestamps, time: 5000 + round, allowReservedNames } }
    })
  }
}
