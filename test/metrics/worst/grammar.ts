/**
 * grammar: chains of texts that one source sends, by a seed: pieces of both formats, right and wrong, each repeated with some variation, then
 * changed from text to text as sources do it and as nobody should. The same seed gives the same chain.
 */
import type { ReadOptions } from "../../../src/metrics/read/Memory.ts"
import { type Random, random, shuffled } from "../../../src/testing/Random.ts"
import { metricTypes } from "../oracle/pieces.ts"
import { resolveLimits } from "./limits.ts"

export interface Chain {
  readonly seed: number
  readonly mode: "snapshot" | "samples"
  readonly texts: ReadonlyArray<{ readonly bytes: Uint8Array; readonly options: ReadOptions }>
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
const types = [...metricTypes, "x", ""]
const blanks = ["", "", "", " ", "\t", "  "]

const labelsOf = (dice: Random): string => {
  const count = dice.chance(0.05) ? dice.int(0, 29) : dice.int(0, 3)
  const all = Array.from(
    { length: count },
    () => `${dice.pick(blanks)}${dice.pick(labelNames)}${dice.pick(blanks)}="${dice.pick(values)}"${dice.pick(blanks)}`
  )
  return all.join(dice.chance(0.05) ? " " : ",") + (dice.chance(0.1) ? "," : "")
}

const lineOf = (dice: Random): string => {
  const end = `${dice.pick(numbers)}${dice.pick(stamps)}${dice.chance(0.3) ? dice.pick(exemplars) : ""}${dice.chance(0.05) ? "\r" : ""}\n`
  if (dice.chance(0.15))
    return `${dice.pick(blanks)}{${dice.pick(['"foo"', '"f.#"', '"a\nb"', '"\\n#"', '""', '"x'])}${dice.pick(["", ",", " , "])}${labelsOf(dice)}} ${end}`
  return `${dice.pick(blanks)}${dice.pick(names)}${dice.pick(blanks)}${dice.chance(0.7) ? `{${labelsOf(dice)}}` : ""}${dice.chance(0.05) ? "" : " "}${end}`
}

const commentOf = (dice: Random): string => {
  const name = dice.pick([...names, '"f.#"', "", "-"])
  switch (dice.int(0, 6)) {
    case 0:
    case 1:
    case 2:
      return `# TYPE ${name} ${dice.pick(types)}\n`
    case 3:
      return `# HELP ${name} ${dice.pick(["", "help #", "x\\ny\\q", "\xff", "h".repeat(80)])}\n`
    case 4:
      return `# UNIT ${name} ${dice.pick(["seconds", "total", ""])}\n`
    case 5:
      return dice.pick(["#\n", "# #\n", "#EOF\n", "# EOF\n", "#  EOF\n", "  # x\n"])
    default:
      return dice.pick(["\n", " \n", "\t\n"])
  }
}

const bounds = ["0.1", "0.5", "1", "1.0", "2.5", "1e1", "+Inf", "x"]

const histogramOf = (dice: Random): string => {
  const kept = bounds.filter(() => dice.chance(0.6))
  const group = dice.chance(0.5) ? 'g="#",' : ""
  return `${kept.map((le, k) => `foo_bucket{${group}le="${le}"} ${dice.chance(0.9) ? k : "#"}\n`).join("")}foo_sum{${group}} 1\nfoo_count{${group}} ${kept.length - 1}\n`
}

/** A few pieces, as often as they like; `#` is the number of the turn. */
const piecesOf = (dice: Random, size: number): Array<string> => {
  const pieces: Array<string> = []
  while (pieces.length < size) {
    const motif = Array.from({ length: dice.int(1, 3) }, () =>
      dice.chance(0.2) ? commentOf(dice) : dice.chance(0.15) ? histogramOf(dice) : lineOf(dice)
    ).join("")
    const times = dice.chance(0.3) ? dice.int(1, size) : 1
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

const changed = (
  dice: Random,
  before: ReadonlyArray<string>,
  earlier: ReadonlyArray<ReadonlyArray<string>>
): Array<string> => {
  const pieces = [...before]
  for (let times = dice.int(1, 3); times > 0; times--) {
    const at = dice.int(0, pieces.length)
    switch (dice.int(0, 9)) {
      case 0:
        pieces.splice(0, pieces.length, ...shuffled(pieces, dice))
        break
      case 1:
        pieces.splice(at, dice.int(0, 4))
        break
      case 2:
        pieces.splice(at, 0, ...piecesOf(dice, dice.int(1, 5)))
        break
      case 3:
        pieces.splice(at, 0, ...pieces.slice(dice.int(0, pieces.length)).slice(0, 20))
        break
      case 4:
        for (let k = 0; k < pieces.length; k++)
          if (dice.chance(0.5)) pieces[k] = pieces[k]!.replace(/ [0-9.]+\n/, ` ${dice.int(0, 999)}\n`)
        break
      case 5: {
        const text = pieces[at % Math.max(1, pieces.length)] ?? ""
        const cut = dice.int(0, text.length)
        pieces[at] =
          text.slice(0, cut) +
          dice.pick(["", '"', "\\", "{", "}", ",", "\n", "\xff", "\0", " ", "#"]) +
          text.slice(cut + dice.int(0, 1))
        break
      }
      case 6:
        return [...dice.pick([...earlier, before])]
      case 7:
        pieces.splice(at, 0, commentOf(dice))
        break
      case 8:
        for (let k = 0; k < pieces.length; k++) if (dice.chance(0.5)) pieces.splice(k, 1)
        break
      default:
    }
  }
  return pieces
}

export const chainOf = (seed: number, size = 30): Chain => {
  const dice = random(seed)
  const format = dice.chance(0.3) ? "openmetrics" : "text"
  const timestamps = dice.chance(0.4) ? "event" : "scrape"
  const limits = resolveLimits(dice.chance(0.3))
  const labels = dice.chance(0.2) ? [["job", "j"] as const, ["l1", "x"] as const] : []
  const attach = { sourceLabel: "instance", source: "s", labels }
  const allowReservedNames = dice.chance(0.1)
  const rounds: Array<ReadonlyArray<string>> = [piecesOf(dice, dice.int(1, size))]
  const length = dice.int(1, dice.chance(0.2) ? 20 : 5)
  while (rounds.length < length) rounds.push(changed(dice, rounds.at(-1)!, rounds))
  return {
    seed,
    mode: dice.chance(0.4) ? "samples" : "snapshot",
    texts: rounds.map((pieces, round) => {
      const text = pieces.join("") + (format === "openmetrics" && !dice.chance(0.03) ? "# EOF\n" : "")
      const bytes = Buffer.from(dice.chance(0.02) ? text.slice(0, dice.int(0, text.length)) : text, "latin1")
      return { bytes, options: { format, attach, limits, timestamps, time: 5000 + round, allowReservedNames } }
    })
  }
}
