/**
 * causeFirst: a team's own ordering rule, as a judge of histories: **what is shown of a partition is its log up to one record**. Who sees
 * an order packed because another one was sent must see that one sent, too. The project promises nothing of the kind: it promises that no
 * single source runs backwards.
 */
import type { Happening } from "kafka2prom/testing"

type Sent = Happening & { readonly type: "sent" }
type Shown = Happening & { readonly type: "shown" }

/** Of one source: what it sent, in the log's order. */
const bySource = (history: ReadonlyArray<Happening>): ReadonlyMap<string, ReadonlyArray<Sent>> => {
  const all = new Map<string, Array<Sent>>()
  for (const each of history)
    if (each.type === "sent" && each.accepted) all.set(each.source, [...(all.get(each.source) ?? []), each])
  return all
}

/** What one body shows of one partition must be a prefix of its log. */
const judgeBody = (
  { values, pod, at }: Shown,
  sent: ReadonlyMap<string, ReadonlyArray<Sent>>
): ReadonlyArray<string> => {
  const shown = [...values].flatMap(
    ([source, n]) =>
      sent
        .get(source)
        ?.filter((each) => each.n === n)
        .slice(0, 1) ?? []
  )
  return [...Map.groupBy(shown, ({ partition }) => partition).values()].flatMap((ofOne) => {
    const latest = ofOne.reduce((a, b) => (a.end > b.end ? a : b))
    return ofOne.flatMap(({ source, n }) => {
      const due = sent.get(source)!.findLast(({ end }) => end <= latest.end)!
      return due.n <= n
        ? []
        : [
            `${pod} shows ${source} at ${n} (at ${Math.round(at)} ms), and ${latest.source} at ${latest.n}, which came after ${source} was at ${due.n}`
          ]
    })
  })
}

export const causeFirst = (history: ReadonlyArray<Happening>): ReadonlyArray<string> => {
  const sent = bySource(history)
  return history.flatMap((each) => (each.type === "shown" && each.whole ? judgeBody(each, sent) : []))
}
