/**
 * Mutations: what goes wrong with dumps on their way, at random and from a seed: bytes, lines, names, labels, escapes, values, timestamps,
 * series that come twice, metadata in any order, the other format. They know no grammar: many leave a text that is still good.
 */

import { type Random, random } from "../../../src/testing/Random.ts"
import { openMetricsType, textType } from "../../support/onePod.ts"
import { bytes, exemplars, labels, latin1, metadata, names, stamps, types, values } from "./pieces.ts"

export interface Text {
  readonly name: string
  /** One character a byte. */
  readonly text: string
  readonly contentType: string
}

type Mutation = (text: string, r: Random) => string

const lines =
  (change: (lines: Array<string>, at: number, r: Random) => void): Mutation =>
  (text, r) => {
    const all = text.split("\n")
    change(all, r.int(0, Math.max(0, all.length - 2)), r)
    return all.join("\n")
  }

const isSample = (line: string): boolean => line !== "" && !line.startsWith("#")

/** Of one of the sample lines, parted into name, labels with their braces, and the rest. */
const samples =
  (change: (name: string, labels: string, rest: string, r: Random, whole: string) => string): Mutation =>
  (text, r) => {
    const all = text.split("\n")
    const which = all.flatMap((line, at) => (isSample(line) ? [at] : []))
    if (which.length === 0) return text
    const at = r.pick(which)
    const [, name = "", own = "", rest = ""] = /^([^{ ]*)(\{.*\})?(.*)$/s.exec(all[at]!) ?? []
    all[at] = change(name, own, rest, r, all[at]!)
    return all.join("\n")
  }

const withLabel = (own: string, label: string, r: Random): string => {
  const inner = own.slice(1, -1)
  return inner === "" ? `{${label}}` : r.chance(0.5) ? `{${label},${inner}}` : `{${inner},${label}}`
}

const withValue = (rest: string, value: string): string => rest.replace(/[^ ]+/, () => value)

const mutations: Readonly<Record<string, Mutation>> = {
  "a byte comes": (text, r) => {
    const at = r.int(0, text.length)
    return text.slice(0, at) + r.pick(bytes) + text.slice(at)
  },
  "a byte changes": (text, r) => {
    const at = r.int(0, text.length)
    return text.slice(0, at) + r.pick(bytes) + text.slice(at + 1)
  },
  "bytes go": (text, r) => {
    const at = r.int(0, text.length)
    return text.slice(0, at) + text.slice(at + r.int(1, 6))
  },
  "the end is cut": (text, r) => text.slice(0, text.length - r.int(1, 12)),
  "a line goes": lines((all, at) => all.splice(at, 1)),
  "a line comes twice": lines((all, at, r) => all.splice(r.int(0, all.length - 1), 0, all[at]!)),
  "lines change places": lines((all, at, r) => {
    const [line = ""] = all.splice(at, 1)
    all.splice(r.int(0, all.length - 1), 0, line)
  }),
  "lines are shuffled": (text, r) => {
    const all = text.replace(/\n$/, "").split("\n")
    for (let i = all.length - 1; i > 0; i--) {
      const j = r.int(0, i)
      ;[all[i], all[j]] = [all[j]!, all[i]!]
    }
    return `${all.join("\n")}\n`
  },
  "two lines become one": lines((all, at) => all.splice(at, 2, all.slice(at, at + 2).join(""))),
  "a line is empty": lines((all, at, r) => all.splice(at, 0, r.pick(["", " ", "\t"]))),
  "a series twice, with another value": samples(
    (_name, _own, rest, r, whole) =>
      `${whole}\n${whole.slice(0, whole.length - rest.length)}${withValue(rest, r.pick(values))}`
  ),
  "a series twice, with a timestamp": samples(
    (_name, _own, rest, r, whole) =>
      `${whole}\n${whole.slice(0, whole.length - rest.length)} ${r.pick(values)} ${r.pick(stamps)}`
  ),
  "a value changes": samples((name, own, rest, r) => name + own + withValue(rest, r.pick(values))),
  "a timestamp comes": samples((_name, _own, _rest, r, whole) => `${whole} ${r.pick(stamps)}`),
  "an exemplar comes": samples((_name, _own, _rest, r, whole) => whole + r.pick(exemplars)),
  "a label comes": samples((name, own, rest, r) => name + withLabel(own, r.pick(labels), r) + rest),
  "the labels are in another order": samples(
    (name, own, rest) => name + (own === "" ? "{}" : `{${own.slice(1, -1).split(",").reverse().join()}}`) + rest
  ),
  "blanks come": samples((name, own, rest, r) => {
    const blank = (): string => r.pick(["", "", " ", "\t", "  "])
    return blank() + name + blank() + own.replace(/[{},=]/g, (c) => blank() + c + blank()) + blank() + rest + blank()
  }),
  "commas go": samples((name, own, rest, r) => name + own.replaceAll(",", r.pick(["", " ", ",,"])) + rest),
  "a trailing comma comes": samples((name, own, rest) => name + own.replace(/\}$/, ",}") + rest),
  "another name": samples((_name, own, rest, r) => r.pick(names) + own + rest),
  "a quoted name": samples((name, own, rest, r) => {
    const quoted = `"${r.pick([name, "http.requests", "größe", "a b", "", 'q\\"q', "n\\nn"].map(latin1))}"`
    const inner = own.slice(1, -1)
    return `{${inner === "" ? quoted : r.chance(0.8) ? `${quoted},${inner}` : `${inner},${quoted}`}}${rest}`
  }),
  "another type": (text, r) =>
    text.replace(/^(# TYPE [^ \n]+) .*$/m, (_, start: string) => `${start} ${r.pick(types)}`),
  "a type comes twice": (text, r) =>
    text.replace(/^(# TYPE [^ \n]+) .*$/m, (line, start: string) => `${line}\n${start} ${r.pick(types)}`),
  "a type comes late": (text) => {
    const type = /^# TYPE .*\n/m.exec(text)?.[0] ?? ""
    const rest = text.replace(type, "")
    return rest.endsWith("# EOF\n") ? `${rest.slice(0, -6)}${type}# EOF\n` : rest + type
  },
  "the types go": (text) => text.replace(/^# TYPE .*\n/gm, ""),
  "a line about a family": lines((all, at, r) => all.splice(at, 0, r.pick(metadata))),
  "a family named as the sample": (text) => text.replace(/^# TYPE ([^ \n]+) /gm, "# TYPE $1_total "),
  "carriage returns": (text, r) => (r.chance(0.3) ? text.replaceAll("\n", "\r\n") : text.replace("\n", "\r\n")),
  "a byte order mark": (text) => `\xef\xbb\xbf${text}`,
  "no # EOF": (text) => text.replace(/# EOF\n?$/, ""),
  "text after # EOF": (text) => `${text.replace(/# EOF\n?$/, "")}# EOF\nlate 1\n`,
  "two # EOF": (text) => `${text}# EOF\n`
}

const contentTypes = [
  textType,
  "",
  "text/plain",
  "text/plain; version=1.0.0; escaping=allow-utf-8; charset=utf-8",
  openMetricsType
]

/** One of the texts with one to three mutations. The same seed makes the same. */
export const mutated = (texts: ReadonlyArray<Text>, seed: number): Text => {
  const r = random(seed * 2654435761)
  const { name, text, contentType } = r.pick(texts)
  const all = Object.keys(mutations)
  const chosen = Array.from({ length: r.pick([1, 1, 1, 2, 3]) }, () => r.pick(all))
  const type = r.chance(0.15) ? r.pick(contentTypes) : contentType
  return {
    name: `${name}, ${chosen.join(", ")}, ${type === "" ? "no content type" : type}`,
    text: chosen.reduce((changed, one) => mutations[one]!(changed, r), text),
    contentType: type
  }
}
