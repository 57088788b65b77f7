/**
 * MetricsSettings: the options of metrics, beside those of any pod, and what they mean together: the lookback follows the expiry, what
 * all pods of a group must agree on is told apart from what each may choose.
 */
import * as Kind from "../config/Kind.ts"
import { relabelRules } from "../config/RelabelSettings.ts"
import type { Outcome, Resolved } from "../config/Resolve.ts"
import { settings } from "../config/Setting.ts"
import { expiry } from "../config/Settings.ts"
import type { Configured } from "../pod/App.ts"
import type { AdmissionSettings } from "./admission/Admission.ts"
import type { MetricsOptions } from "./cache/MetricsProcessor.ts"
import { GoRegexp } from "./relabel/GoRegexp.ts"
import { relabelRule } from "./relabel/RelabelRule.ts"

export const metricsSettings = settings({
  expiry,
  lookback: {
    kind: Kind.duration("1s", "7d"),
    about: "How far back a new owner starts to read where the group left no note.",
    otherwise: "the expiry"
  },
  timestamps: {
    kind: Kind.choice("scrape", "event"),
    about: "Samples with the time of their dump, or without one: then Prometheus gives them the scrape's.",
    fallback: "event"
  },
  commit: {
    kind: Kind.choice("visible", "scraped"),
    about: "Commit what a scrape could have shown, or only what Prometheus fetched whole.",
    fallback: "visible"
  },
  sourceLabel: { kind: Kind.label, about: "The label that carries the source id.", fallback: "instance" },
  allowReservedNames: {
    kind: Kind.flag,
    about:
      "Show series of the names that Prometheus itself writes (up, scrape_duration_seconds, ALERTS and their like).",
    fallback: "false"
  },
  sourceTimes: {
    kind: Kind.flag,
    about:
      "Show beside each source's series when the broker took its last accepted round, and its last refused one: k2p_source_accepted_timestamp_seconds, k2p_source_refused_timestamp_seconds.",
    fallback: "false"
  },
  admissionRelabelConfigs: {
    kind: relabelRules,
    about:
      "Rules on the series of all records before they are shown, as Prometheus has them under that name; best in the file, as admission_relabel_configs.",
    otherwise: "none"
  },
  refuseSources: {
    kind: Kind.text("regex", "a regular expression (RE2)"),
    about: "Sources whose whole id matches are refused.",
    otherwise: "none"
  },
  maxSourceSeries: {
    kind: Kind.integer(1, 100_000_000),
    about: "Series of one source beyond which its round is refused.",
    fallback: "200000"
  },
  maxSourceBytes: {
    kind: Kind.size("1KiB", "4GiB"),
    about: "Bytes of one source's round beyond which it is refused.",
    fallback: "64MiB"
  },
  maxLabels: {
    kind: Kind.integer(2, 10_000),
    about: "Labels of one series, with the attached ones, beyond which it is left out.",
    fallback: "256"
  },
  maxLabelValue: {
    kind: Kind.size("64B", "1MiB"),
    about: "Bytes of one label value, or of a name, beyond which its series is left out.",
    fallback: "64KiB"
  },
  maxHelp: {
    kind: Kind.size("0B", "1MiB"),
    about: "Bytes of one HELP beyond which it is left out.",
    fallback: "64KiB"
  },
  maxSources: {
    kind: Kind.integer(1, 10_000_000),
    about: "Sources of one partition beyond which a new one is refused, or takes the place of one that came once.",
    fallback: "10000"
  },
  maxRememberedSources: {
    kind: Kind.integer(1, 100_000_000),
    about: "Sources of one partition whose round numbers are remembered, beyond which a new one is refused.",
    otherwise: "four times --max-sources"
  },
  maxPartitionSeries: {
    kind: Kind.integer(1, 1_000_000_000),
    about: "Series of one partition beyond which new sources are refused; known ones may grow by a quarter.",
    fallback: "2000000"
  },
  maxPartitionBytes: {
    kind: Kind.size("1MiB", "256GiB"),
    about: "Bytes of one partition beyond which new sources are refused; known ones may grow by a quarter.",
    fallback: "512MiB"
  },
  maxPodSeries: {
    kind: Kind.integer(1, 1_000_000_000),
    about: "The same for series of the whole pod; each worker gets its share.",
    fallback: "5000000"
  },
  maxPodBytes: {
    kind: Kind.size("1MiB", "256GiB"),
    about: "The same for bytes of the whole pod; each worker gets its share.",
    fallback: "1GiB"
  },
  maxGatherBytes: {
    kind: Kind.size("1KiB", "64GiB"),
    about:
      "Bytes of chunks in one partition, half of it of one source, after which a round that is still unfinished is given up.",
    otherwise: "four times --max-source-bytes"
  },
  maxPodGatherBytes: {
    kind: Kind.size("1KiB", "256GiB"),
    about:
      "Bytes that unfinished rounds may hold in the whole pod, beyond which those of the largest source are refused; each worker gets its share, and room for one round.",
    fallback: "256MiB"
  }
})

/** What each choice of `--timestamps` means to whoever sets up the Prometheus. */
const timestampsMean: Readonly<Record<MetricsOptions["timestamps"], string>> = {
  event:
    "samples carry the time of their dump; Prometheus needs track_timestamps_staleness: true to end at once what is gone, which it shows for five minutes otherwise",
  scrape:
    "samples carry no time and get that of the scrape; what is gone ends at once, rates over only a few dumps swing by whole dumps"
}

const problemsOf = ({ rules, refusedSources, sourceLabel }: AdmissionSettings): ReadonlyArray<string> => {
  const problems = rules.flatMap((one, i) => {
    const rule = relabelRule(one, sourceLabel)
    const which = rules.length === 1 ? "" : `item ${i + 1} of it: `
    return typeof rule === "function" ? [] : [`--admission-relabel-configs is not usable: ${which}${rule.wrong}`]
  })
  try {
    if (refusedSources !== undefined) new GoRegexp(refusedSources)
  } catch (error) {
    problems.push(`--refuse-sources is not usable: ${error instanceof Error ? error.message : String(error)}`)
  }
  return problems
}

/** JSON knows no large numbers. */
const versionOf = (settings: AdmissionSettings): string =>
  JSON.stringify(settings, (_, value: unknown) => (typeof value === "bigint" ? String(value) : value))

export const metricsConfig = ({ values }: Resolved<typeof metricsSettings>): Outcome<Configured<MetricsOptions>> => {
  // Two whole rounds of the largest kind may be under way, of one source and of others.
  const gatherBytes = values.maxGatherBytes ?? 4 * values.maxSourceBytes
  if (gatherBytes < 2 * values.maxSourceBytes)
    return {
      problems: ["--max-gather-bytes is less than two rounds of --max-source-bytes: half of it has to hold one"]
    }
  const relabel = {
    rules: values.admissionRelabelConfigs ?? [],
    refusedSources: values.refuseSources,
    sourceLabel: values.sourceLabel
  }
  const problems = problemsOf(relabel)
  if (problems.length > 0) return { problems }
  const admits = relabel.rules.length > 0 || relabel.refusedSources !== undefined
  const agreed = {
    expiry: values.expiry,
    timestamps: values.timestamps,
    sourceLabel: values.sourceLabel,
    allowReservedNames: values.allowReservedNames,
    limits: {
      maxSeries: values.maxSourceSeries,
      maxBytes: values.maxSourceBytes,
      maxLabels: values.maxLabels,
      maxLabelValue: values.maxLabelValue,
      maxHelp: values.maxHelp,
      maxSources: values.maxSources,
      partitionSeries: values.maxPartitionSeries,
      partitionBytes: values.maxPartitionBytes,
      rememberedSources: values.maxRememberedSources ?? 4 * values.maxSources,
      gatherBytes
    }
  }
  // The pod's own limits may differ: machines do.
  const limits = {
    ...agreed.limits,
    podSeries: values.maxPodSeries,
    podBytes: values.maxPodBytes,
    podGatherBytes: values.maxPodGatherBytes
  }
  return {
    value: {
      settings: {
        ...agreed,
        commit: values.commit,
        sourceTimes: values.sourceTimes,
        limits,
        ...(admits ? { relabel } : {})
      },
      // Nothing is said where nothing is left out: pods without the options agree with those that do not know them.
      agreed: admits ? { ...agreed, admission: versionOf(relabel) } : agreed,
      engine: { lateness: values.expiry / 2, lookback: values.lookback ?? values.expiry },
      notes: [`timestamps ${values.timestamps}: ${timestampsMean[values.timestamps]} (docs/rate.md)`]
    }
  }
}
