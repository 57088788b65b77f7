/**
 * Cache update: a record as the agent sends it, with all its headers, into a partition's cache up to the accepted round; the same for each
 * shape of input (`dumps/shapes.ts`), of which series come and go that were never seen before; and single lines in samples mode:
 * the first line of each series, and those that bring known series again. What the processor does for each record, without the
 * engine around it.
 *
 * Not measured: Kafka, the queue, commits. Why it does not favour us: each round replaces a living one, so the collector has
 * the garbage that a pod has; no record is ignored or refused, which would be cheaper (the run fails if one is).
 */
import { encodeRound } from "../../../src/agent/dump/RoundRecord.ts"
import type { Stage } from "../../support/processes.ts"
import type { Table } from "../Bench.ts"
import { corpora } from "../dumps/corpus.ts"
import { mixedService, sourceName } from "../dumps/mixed.ts"
import { headersOf, type Shape, shapes } from "../dumps/shapes.ts"
import { goalTable } from "../goals.ts"
import { type Pace, paceOf } from "./stopwatch.ts"
import { Subject, type Timestamps, type Unnumbered } from "./subject.ts"

const recordOf = (source: string, text: Uint8Array): Unnumbered => {
  const round = { source, text, format: "text", time: Date.now(), job: "checkout", origin: "", age: 0 } as const
  const encoded = encodeRound(round, "1.0", {})
  if (encoded.kind !== "round") throw new Error(encoded.why)
  const { key, chunks } = encoded.round
  return { key, value: chunks[0]!.value, headers: chunks[0]!.headers }
}

/** On average. */
const lineBytes = 145

/** Rounds of the sources in turn, numbered on and on. */
const rounds = (
  sources: ReadonlyArray<ReadonlyArray<Buffer>>,
  fresh: boolean,
  timestamps: Timestamps = "scrape"
): (() => number) => {
  const records = sources.map((texts, s) => texts.map((text) => recordOf(`site-1/source-${s}`, text)))
  let subject = new Subject(timestamps)
  let round = 0
  const pass = (): number => {
    let bytes = 0
    for (let i = 0; i < sources[0]!.length; i++) {
      // A source that was never seen: its first round.
      if (fresh) subject = new Subject(timestamps)
      round += 1
      const version = Buffer.from(`1.${round}`)
      for (const ofSource of records) {
        const record = ofSource[i]!
        subject.take({ ...record, headers: { ...record.headers, "k2p-round": version } })
        bytes += record.value!.length
      }
      subject.check()
    }
    return bytes
  }
  return pass
}

const wholeDumps: ReadonlyArray<Shape> = ["dumps", "snapshots", "headerless", "churn", "shuffled", "executors"]

/** So many rounds after the first one, of a partition that has seen that one only: a pass goes over them once. */
const laterRounds = (shape: Shape, sources: number, count: number) => {
  const made = Array.from({ length: sources }, (_, i) => {
    const source = shapes[shape].source(i)
    return Array.from({ length: count + 1 }, () => source())
  })
  const rounds = Array.from({ length: count + 1 }, (_, round) =>
    made.flatMap((values, i): ReadonlyArray<Unnumbered> => {
      const [key, headers] = [Buffer.from(sourceName(i)), headersOf(shape, `1.${round + 1}`)]
      return values[round]!.map((value) => ({ key, value, headers }))
    })
  )
  let subject = new Subject()
  const give = (round: ReadonlyArray<Unnumbered>): number => {
    let bytes = 0
    for (const record of round) {
      subject.take(record)
      bytes += record.value!.length
    }
    return bytes
  }
  return {
    prepare: () => {
      subject = new Subject()
      give(rounds[0]!)
    },
    pass: () => {
      const bytes = rounds.slice(1).reduce((sum, round) => sum + give(round), 0)
      subject.check()
      return bytes
    }
  }
}

/** One round of lines after the other, of the sources in turn. `fresh`: every line is the first of its series. */
const lines = (sources: number, fresh: boolean, timestamps: Timestamps = "scrape"): (() => number) => {
  const services = Array.from({ length: sources }, (_, i) => mixedService(i, true))
  const records = [0, 1, 2].map(() =>
    services.flatMap((service, i) => {
      const key = Buffer.from(sourceName(i))
      return service.lines().map((line): Unnumbered => ({ key, value: Buffer.from(line), headers: {} }))
    })
  )
  let subject = new Subject(timestamps)
  return () => {
    let bytes = 0
    for (const round of records) {
      if (fresh) subject = new Subject(timestamps)
      for (const record of round) {
        subject.take(record)
        bytes += record.value!.length
      }
      subject.check()
    }
    return bytes
  }
}

export const cacheUpdate = async (stage: Stage, quick: boolean): Promise<ReadonlyArray<Table>> => {
  const seconds = quick ? 0.2 : 3
  const cells = (pace: Pace, recordBytes?: number) => [
    pace.megabytesPerCpuSecond,
    pace.cpuNsPerByte,
    pace.wallNsPerByte,
    recordBytes === undefined ? "" : (pace.cpuNsPerByte * recordBytes).toFixed(0)
  ]
  const rows = []
  for (const { name, sources } of await corpora(stage, quick ? 2 : 8, quick ? 4 : 8)) {
    rows.push({ name: `${name}, first round`, cells: cells(await paceOf(rounds(sources, true), seconds)) })
    rows.push({ name: `${name}, next round`, cells: cells(await paceOf(rounds(sources, false), seconds)) })
    rows.push({
      name: `${name}, next round, event mode`,
      cells: cells(await paceOf(rounds(sources, false, "event"), seconds))
    })
  }
  const firsts = rows.filter(({ name }) => name.endsWith("first round")).map(({ cells }) => Number(cells[1]))
  const later = new Map<Shape, number>()
  for (const shape of wholeDumps) {
    const { prepare, pass } = laterRounds(shape, quick ? 2 : 8, quick ? 3 : 12)
    const pace = await paceOf(pass, seconds, prepare)
    later.set(shape, pace.cpuNsPerByte)
    rows.push({ name: `shape: ${shapes[shape].what}, next round`, cells: cells(pace) })
  }
  for (const [fresh, timestamps] of [
    [true, "scrape"],
    [false, "scrape"],
    [false, "event"]
  ] as const) {
    const pace = await paceOf(lines(quick ? 2 : 20, fresh, timestamps), seconds)
    const kind = fresh ? "each the first of its series" : "of known series"
    const name = `single lines of ${lineBytes} bytes, ${kind}${timestamps === "event" ? ", event mode" : ""}`
    rows.push({ name, cells: cells(pace, lineBytes) })
  }
  return [
    {
      title: "Cache update: record to accepted round",
      columns: [
        { name: "MB per CPU second", better: "more", digits: 0 },
        { name: "CPU ns per byte", better: "less", digits: 2 },
        { name: "wall ns per byte", better: "less", digits: 2 },
        { name: "CPU ns a line", better: "neither" }
      ],
      rows,
      notes: []
    },
    goalTable("cache update", [
      { what: shapes.churn.what, measured: later.get("churn")!, unit: "ns a byte", atMost: 1 },
      { what: "first rounds, the dearest kind", measured: Math.max(...firsts), unit: "ns a byte", atMost: 4 }
    ])
  ]
}
