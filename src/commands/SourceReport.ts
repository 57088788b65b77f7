/** SourceReport: what pods say of one source, in words for a person: where it is, whether it is shown, and why not. Pure. */
import type { SourceAnswer, SourcePlace } from "../metrics/scrape/SourceRoute.ts"

/** What one pod answered, or why it did not. */
export interface Heard {
  readonly pod: string
  readonly answer: SourceAnswer | { readonly failed: string }
}

/** Of what is shown: in a scrape now. */
const isShown = ({ shown, visible }: SourcePlace): boolean => shown !== null && visible

const at = ({ topic, partition }: { readonly topic: string; readonly partition: number }): string =>
  `${topic}/${partition}`

const time = (ms: number): string => new Date(ms).toISOString()

const refusalsOf = ({ refusals }: SourcePlace): ReadonlyArray<string> =>
  refusals.map(
    ({ reason, offset, detail, count, at: when, sample }) =>
      `    refused ${count} times as ${reason}, last at ${time(when)}, offset ${offset}: ${detail}${sample === "" ? "" : `: ${JSON.stringify(sample)}`}`
  )

const placeLines = (place: SourcePlace): ReadonlyArray<string> => {
  const { phase, shard, shown, trouble, visible } = place
  const where = `  ${at(place)} (shard ${shard}, ${phase}): `
  if (shown === null) return [`${where}nothing of it is shown`, ...refusalsOf(place)]
  const what = `${shown.series} series, ${shown.mode}, version ${shown.version} at offset ${shown.offset}, dumped ${time(shown.time)}, leaves in ${Math.round(shown.expiresInMs / 1000)} s`
  const hidden =
    trouble === null
      ? `the partition is ${phase}, behind its fence or without a lease`
      : `the partition cannot be read: ${trouble}`
  return [`${where}${visible ? what : `held, not shown, ${hidden}: ${what}`}`, ...refusalsOf(place)]
}

/** What is to be said of all of it; `code`: 0 it is shown, 1 it is not, 3 not every pod answered and none shows it. */
export const reportSource = (
  id: string,
  heard: ReadonlyArray<Heard>
): { readonly text: string; readonly code: 0 | 1 | 3 } => {
  const lines: Array<string> = []
  const places: Array<SourcePlace> = []
  let missing = 0
  for (const { pod, answer } of heard) {
    if ("failed" in answer) {
      missing += 1
      lines.push(`${pod} did not answer: ${answer.failed}`)
      continue
    }
    if (answer.silent.length > 0) {
      missing += 1
      lines.push(`${pod}: shards ${answer.silent.join(", ")} did not answer`)
    }
    if (answer.places.length > 0) lines.push(`${pod}:`, ...answer.places.flatMap(placeLines))
    places.push(...answer.places)
  }
  return { text: `${[...lines, verdict(id, places, missing)].join("\n")}\n`, code: codeOf(places, missing) }
}

const codeOf = (places: ReadonlyArray<SourcePlace>, missing: number): 0 | 1 | 3 =>
  places.some(isShown) ? 0 : missing > 0 ? 3 : 1

const verdict = (id: string, places: ReadonlyArray<SourcePlace>, missing: number): string => {
  const name = JSON.stringify(id)
  const shown = places.filter(isShown)
  if (shown.length === 1) return `${name} is shown, from ${at(shown[0]!)}.`
  if (shown.length > 1)
    return `${name} is shown from ${shown.map(at).join(" and ")}: two senders have one id, or one changed its --partition-base.`
  if (missing > 0) return `${name} is shown by none of the pods that answered; ask those that did not.`
  if (places.some(({ shown: held }) => held !== null))
    return `${name} is held and not shown now: its partition is, as soon as its owner may.`
  const last = places.flatMap(({ refusals }) => refusals).sort((a, b) => b.at - a.at)[0]
  if (last !== undefined) return `${name} is not shown: what it sent last was refused as ${last.reason}.`
  return `${name} is unknown to all pods: no record of it came within its expiry. Look at its agent's /api/v1/status, and at whether it writes to a topic that these pods read.`
}
