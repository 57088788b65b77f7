/** NoTime: a partition's time in which nothing ever gets old: for what does not depend on it. */
import type { LogTime } from "../engine/PartitionProcessor.ts"

export const noTime: LogTime = {
  settled: () => 0,
  readBefore: () => 0,
  readAgo: () => undefined,
  appendedAgo: () => 0,
  keptFrom: () => 0,
  shownFrom: () => 0
}
