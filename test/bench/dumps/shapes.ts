/**
 * Shapes: the ways in which sources send what they have, each as rounds of sources of about 1,000 series, with the headers that come with them.
 * All but `lines` send whole dumps, one a record; all but `executors` are the same web service.
 */

import { random, shuffled } from "../../../src/testing/Random.ts"
import { ExecutorService } from "./executors.ts"
import { mixedService } from "./mixed.ts"
import type { RoundBlock } from "./service.ts"

export const jobLabel = "checkout"

export interface ShapeSpec {
  /** In a table's title. */
  readonly what: string
  readonly sentAs: "numbered" | "snapshot" | "bare"
  /** Each line a record. */
  readonly singleLines: boolean
  /** The values of a source's next round. */
  readonly source: (index: number) => () => ReadonlyArray<Buffer>
}

const whole =
  (make: (index: number) => () => Buffer) =>
  (index: number): (() => ReadonlyArray<Buffer>) => {
    const round = make(index)
    return () => [round()]
  }

const steady = whole((index) => {
  const service = mixedService(index)
  return () => service.round()
})

const textOf = (blocks: ReadonlyArray<RoundBlock>): Buffer =>
  Buffer.from(blocks.map(({ head, sets }) => head + sets.join("")).join(""), "utf8")

/** A registry that walks a hash table: families, and the label sets in each, come in another order in each round. */
const anyOrder = whole((index) => {
  const [service, r] = [mixedService(index), random(index * 31 + 7)]
  return () => textOf(shuffled(service.roundBlocks(), r).map(({ head, sets }) => ({ head, sets: shuffled(sets, r) })))
})

/** One in a hundred label sets is gone in each round, and a new one has come at the end of its family, as registries do it. */
const churning = whole((index) => {
  const [service, r] = [mixedService(index), random(index * 37 + 11)]
  /** By family: its label sets in the order of the dump, and who of them is not the first one of its place. */
  let order: ReadonlyArray<Array<{ readonly at: number; readonly born: number }>> | undefined
  let round = 0
  return () => {
    const blocks = service.roundBlocks()
    order ??= blocks.map(({ sets }) => sets.map((_, at) => ({ at, born: 0 })))
    const text = blocks.map(({ head, sets }, family) => {
      const present = order![family]!
      const staying = present.filter(() => round === 0 || !r.chance(0.01))
      const gone = present.filter((each) => !staying.includes(each)).map(({ at }) => ({ at, born: round }))
      order![family]!.splice(0, present.length, ...staying, ...gone)
      const named = order![family]!.map(({ at, born }) =>
        born === 0 ? sets[at]! : sets[at]!.replaceAll(/^([^{]*\{[^=]*=")/gm, `$1${born}-`)
      )
      return { head, sets: named }
    })
    round += 1
    return textOf(text)
  }
})

const executing = whole((index) => {
  const service = new ExecutorService(index)
  return () => service.round()
})

const lineByLine = (index: number): (() => ReadonlyArray<Buffer>) => {
  const service = mixedService(index, true)
  return () => service.lines().map((line) => Buffer.from(line, "utf8"))
}

export const shapes = {
  dumps: { what: "whole dumps", sentAs: "numbered", singleLines: false, source: steady },
  snapshots: { what: "whole dumps with k2p-mode: snapshot", sentAs: "snapshot", singleLines: false, source: steady },
  headerless: { what: "whole dumps without headers", sentAs: "bare", singleLines: false, source: steady },
  churn: {
    what: "whole dumps, 1 % of the series come and go each round",
    ...{ sentAs: "numbered", singleLines: false, source: churning }
  },
  shuffled: {
    what: "whole dumps, lines in another order each round",
    ...{ sentAs: "numbered", singleLines: false, source: anyOrder }
  },
  executors: {
    what: "whole dumps of executors that come and go",
    ...{ sentAs: "numbered", singleLines: false, source: executing }
  },
  lines: { what: "single lines", sentAs: "bare", singleLines: true, source: lineByLine }
} as const satisfies Readonly<Record<string, ShapeSpec>>

export type Shape = keyof typeof shapes
export const allShapes = Object.keys(shapes) as ReadonlyArray<Shape>

const job = Buffer.from(`{"job":"${jobLabel}"}`)

/** `version`: of the round, where the shape numbers them. */
export const headersOf = (shape: Shape, version: string): Readonly<Record<string, Buffer>> => {
  switch (shapes[shape].sentAs) {
    case "numbered":
      return { "k2p-round": Buffer.from(version), "k2p-labels": job }
    case "snapshot":
      return { "k2p-mode": Buffer.from("snapshot"), "k2p-labels": job }
    case "bare":
      return {}
  }
}

/** What a pod adds to the series of a source, in text 0.0.4's own spelling. */
export const attachedByPod =
  (shape: Shape) =>
  (source: string): ReadonlyArray<string> =>
    shapes[shape].sentAs === "bare" ? [`instance="${source}"`] : [`instance="${source}"`, `job="${jobLabel}"`]
