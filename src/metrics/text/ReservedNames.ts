/**
 * ReservedNames: the names of the series that Prometheus itself writes beside what it scrapes, and of those that the pod does. A proxied series of such a name, with
 * the job and instance of a pod's own target, would stand in the place of Prometheus' own word on that pod; so its lines are
 * not shown unless `--allow-reserved-names` says so.
 *
 * So are those of names that are read as one of them where names are escaped with underscores (`scrape.duration_seconds`), by a
 * Prometheus 2 above all. No other way of escaping leads to one.
 *
 * A list, not a pattern: exactly what Prometheus 2.42 to 3.14 writes (scrape/scrape.go, rules/alerting.go). A counter `up` of
 * OpenMetrics is not meant: its line is `up_total`.
 */
import { escapeMetric } from "./Escaping.ts"

export const reservedNames: ReadonlySet<string> = new Set([
  // Of each scrape.
  "up",
  "scrape_duration_seconds",
  "scrape_samples_scraped",
  "scrape_samples_post_metric_relabeling",
  "scrape_series_added",
  // Of each scrape, where extra scrape metrics are on.
  "scrape_timeout_seconds",
  "scrape_sample_limit",
  "scrape_body_size_bytes",
  // Of alerting rules.
  "ALERTS",
  "ALERTS_FOR_STATE",
  // Of each source, by the pod (cache/SourceTimes).
  "k2p_source_accepted_timestamp_seconds",
  "k2p_source_refused_timestamp_seconds"
])

export const isReserved = (name: string): boolean => reservedNames.has(escapeMetric(name, "underscores"))
