/**
 * SourceTimes: beside what sources show, when the broker took the last accepted round of each and the last refused one: two families of the
 * pod's own in the proxied body, so that "which one fell silent" and "which one is refused" are queries, as with Pushgateway's `push_time_seconds`.
 *
 * Both are the broker's times of records in the log, so they do not run back from pod to pod; of a topic with senders' timestamps there
 * are none. Bounded: a source's accepted time comes and goes with its content, of refused ones the latest are kept.
 */
import type { Dump, Family } from "../text/Dump.ts"

export const acceptedName = "k2p_source_accepted_timestamp_seconds"
export const refusedName = "k2p_source_refused_timestamp_seconds"

/** Refused sources of one partition; who was refused longest ago goes. */
const maxRefused = 1_000

/** A source and a broker's time in ms; -Infinity where no broker told one. */
export type SourceTime = readonly [source: string, timestamp: number]

export class SourceTimes {
  private readonly refused = new Map<string, number>()

  refuse(source: string, timestamp: number): void {
    if (source === "" || timestamp === Number.NEGATIVE_INFINITY) return
    const latest = Math.max(timestamp, this.refused.get(source) ?? 0)
    this.refused.delete(source)
    this.refused.set(source, latest)
    if (this.refused.size > maxRefused) this.refused.delete(this.refused.keys().next().value!)
  }

  /** `label`: by which sources are told apart. Undefined where there is nothing to tell. */
  dump(label: string, accepted: ReadonlyArray<SourceTime>): Dump | undefined {
    const families = [
      familyOf(acceptedName, "When the broker took the source's last accepted round.", label, accepted),
      familyOf(refusedName, "When the broker took the source's last refused round.", label, [...this.refused])
    ].filter((family) => family !== undefined)
    if (families.length === 0) return undefined
    const series = families.reduce((sum, family) => sum + family.series, 0)
    return { families, series, bytes: families.reduce((sum, family) => sum + family.bytes.length, 0) }
  }
}

const familyOf = (name: string, help: string, label: string, times: ReadonlyArray<SourceTime>): Family | undefined => {
  const known = times.filter(([, timestamp]) => timestamp !== Number.NEGATIVE_INFINITY)
  if (known.length === 0) return undefined
  const lines = known.map(([source, timestamp]) => `${name}{${label}="${escaped(source)}"} ${timestamp / 1000}\n`)
  return {
    name,
    textName: name,
    type: "gauge",
    help,
    unit: "",
    series: known.length,
    sampleNames: [name],
    bytes: Buffer.from(lines.join("")),
    conforms: true,
    conformsText: true,
    exemplars: false,
    floatLabels: false,
    quoted: false,
    timestamps: false
  }
}

const escaped = (source: string): string =>
  source.replaceAll("\\", "\\\\").replaceAll('"', '\\"').replaceAll("\n", "\\n")
