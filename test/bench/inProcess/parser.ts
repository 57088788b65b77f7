/**
 * Parser: text in memory to an accepted round, for five kinds of dumps. First time: nothing is known of the source. Next round:
 * the source's rounds in their order, with values that moved as a real service's do, so that whatever is kept of the last
 * round may help.
 *
 * Not measured: Kafka, decompression. Why it does not favour us: in one row a series comes or goes with each round; all kinds are
 * warmed up before the first is measured, so that no loop is compiled for one kind alone; labels are attached as in production.
 */

import type { Stage } from "../../support/processes.ts"
import type { Table } from "../Bench.ts"
import { type Corpus, corpora } from "../dumps/corpus.ts"
import { type Pace, paceOf } from "./stopwatch.ts"
import { numbered, Subject } from "./subject.ts"

const firstTime =
  ({ sources }: Corpus) =>
  (): number => {
    let bytes = 0
    for (const [i, rounds] of sources.entries())
      for (const round of rounds) {
        const subject = new Subject()
        subject.take(numbered(`site-1/source-${i}`, 1, round))
        subject.check()
        bytes += round.length
      }
    return bytes
  }

const nextRound = ({ sources }: Corpus): (() => number) => {
  const subject = new Subject()
  let number = 0
  /** As they arrive: one round of every source, then the next. */
  const give = (round: number): number => {
    number += 1
    let bytes = 0
    for (const [i, rounds] of sources.entries()) {
      const text = rounds.at(round)!
      subject.take(numbered(`site-1/source-${i}`, number, text))
      bytes += text.length
    }
    return bytes
  }
  give(-1)
  return () => {
    let bytes = 0
    for (let round = 0; round < sources[0]!.length; round++) bytes += give(round)
    subject.check()
    return bytes
  }
}

export const parser = async (stage: Stage, quick: boolean): Promise<ReadonlyArray<Table>> => {
  const all = await corpora(stage, quick ? 2 : 8, quick ? 4 : 8)
  const seconds = quick ? 0.2 : 3
  for (const corpus of all) {
    await paceOf(firstTime(corpus), seconds / 6)
    await paceOf(nextRound(corpus), seconds / 6)
  }
  const cells = (pace: Pace) => [pace.megabytesPerCpuSecond, pace.cpuNsPerByte, pace.wallNsPerByte]
  const rows = []
  for (const corpus of all) {
    const first = await paceOf(firstTime(corpus), seconds)
    const next = await paceOf(nextRound(corpus), seconds)
    rows.push({ name: corpus.name, cells: [...cells(first), ...cells(next), first.cpuNsPerByte / next.cpuNsPerByte] })
  }
  const columns = (when: string) =>
    [
      { name: `${when}: MB per CPU second`, better: "more", digits: 0 },
      { name: `${when}: CPU ns per byte`, better: "less", digits: 2 },
      { name: `${when}: wall ns per byte`, better: "less", digits: 2 }
    ] as const
  return [
    {
      title: "Parser alone",
      columns: [
        ...columns("first time"),
        ...columns("next round"),
        { name: "first / next", better: "neither", digits: 2 }
      ],
      rows,
      notes: [`${all.map(({ name, sources }) => `${name}: ${sources[0]![0]!.length} bytes a dump`).join("; ")}.`]
    }
  ]
}
