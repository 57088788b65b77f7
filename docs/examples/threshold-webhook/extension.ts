/**
 * threshold-webhook: an extension that looks at metrics as they come and calls a webhook when a series passes a threshold and when it is back,
 * without a Prometheus. `kafka2prom serve --extension ./extension.ts --webhook http://pager/hook --threshold 'disk_free_bytes<1e9'`
 */
import { Effect, type Layer, Schedule } from "effect"
import { type Extension, Kind, settings } from "kafka2prom/extension"
import { type AcceptedRound, type GoneSource, type Sample, Tap } from "kafka2prom/metrics"

export interface Threshold {
  readonly name: string
  readonly above: boolean
  readonly bound: number
}

export interface Alert {
  readonly state: "firing" | "resolved"
  readonly series: string
  /** As it was last. Null where its source is gone as a whole. */
  readonly value: number | null
  readonly source: string
  /** The same for the same event, also when it is sent again: where it was found. */
  readonly id: string
}

const thresholdOf = (text: string): Threshold | undefined => {
  const [, name, sign, number] = /^([a-zA-Z_:][\w:]*)([<>])(\S+)$/.exec(text) ?? []
  const bound = Number(number)
  return name === undefined || Number.isNaN(bound) ? undefined : { name, above: sign === ">", bound }
}

/**
 * What fires now, by partition, source and series. A new owner builds it anew out of what it replays, which was told before: so nothing is
 * told twice where nothing changed. Bounded by the series that pass a threshold.
 */
export class Firing {
  private readonly thresholds: ReadonlyArray<Threshold>
  private readonly sources = new Map<string, Set<string>>()

  constructor(thresholds: ReadonlyArray<Threshold>) {
    this.thresholds = thresholds
  }

  round(round: AcceptedRound): ReadonlyArray<Alert> {
    const { source, tp, offset } = round
    const key = `${tp.topic}/${tp.partition} ${source}`
    const fires = this.sources.get(key) ?? new Set()
    const { changed, went } = round.changes()
    const alert = (state: Alert["state"], { series, value }: Sample): Alert => ({
      ...{ state, series, value, source },
      id: `${tp.topic}/${tp.partition}/${offset} ${series}`
    })
    const alerts: Array<Alert> = []
    for (const sample of changed) {
      const passes = this.passes(sample)
      if (passes === fires.has(sample.series)) continue
      if (passes) fires.add(sample.series)
      else fires.delete(sample.series)
      alerts.push(alert(passes ? "firing" : "resolved", sample))
    }
    for (const sample of went) if (fires.delete(sample.series)) alerts.push(alert("resolved", sample))
    if (fires.size > 0) this.sources.set(key, fires)
    else this.sources.delete(key)
    return alerts
  }

  gone({ tp, source, offset }: GoneSource): ReadonlyArray<Alert> {
    const key = `${tp.topic}/${tp.partition} ${source}`
    const fired = [...(this.sources.get(key) ?? [])]
    this.sources.delete(key)
    return fired.map((series) => ({
      ...{ state: "resolved", series, value: null, source },
      id: `${tp.topic}/${tp.partition}/${offset} ${series} gone`
    }))
  }

  private passes(sample: Sample): boolean {
    // Names are cheap to compare before the labels are read.
    return this.thresholds.some(
      ({ name, above, bound }) =>
        sample.series.startsWith(name) && sample.name === name && (above ? sample.value > bound : sample.value < bound)
    )
  }
}

/** Three tries of two seconds: a webhook that is away must not hold the partition up for long. */
export const call = (url: string, alerts: ReadonlyArray<Alert>): Effect.Effect<void> =>
  Effect.tryPromise(async (signal) => {
    const response = await fetch(url, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify(alerts),
      signal: AbortSignal.any([signal, AbortSignal.timeout(2_000)])
    })
    if (!response.ok) throw new Error(`${url} answers ${response.status}`)
  }).pipe(
    Effect.retry(Schedule.spaced("200 millis").pipe(Schedule.upTo({ times: 2 }))),
    Effect.catch((error) => Effect.logError(`${alerts.length} alerts are not told: ${String(error.cause)}`))
  )

interface Options {
  readonly webhook: string
  readonly thresholds: ReadonlyArray<Threshold>
}

export const layer = ({ webhook, thresholds }: Options): Layer.Layer<Tap> => {
  const firing = new Firing(thresholds)
  return Tap.layer({
    name: "threshold-webhook",
    round: (round) =>
      Effect.suspend(() => {
        const alerts = firing.round(round)
        // A replay was told to its end before: it only says what fires.
        return alerts.length === 0 || round.replay ? Effect.void : call(webhook, alerts)
      }),
    gone: (gone) =>
      Effect.suspend(() => {
        const alerts = firing.gone(gone)
        return alerts.length === 0 ? Effect.void : call(webhook, alerts)
      })
  })
}

const table = settings({
  webhook: {
    kind: Kind.matching("url", "a URL of http or https", /^https?:\/\/\S+$/),
    about: "What is called.",
    required: true
  },
  threshold: {
    kind: Kind.list("name>n", "a metric's name, < or >, and a number, such as errors_total>100", thresholdOf),
    about: "When it is called.",
    required: true
  }
})

const extension: Extension<Options, typeof table> = {
  name: "threshold-webhook",
  module: import.meta.url,
  settings: table,
  configure: ({ values }) => ({
    value: {
      settings: { webhook: values.webhook, thresholds: values.threshold },
      agreed: { thresholds: values.threshold }
    }
  }),
  layer
}

export default extension
