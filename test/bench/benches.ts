/** All benchmarks, in the order in which they run. */

import { agentFiles } from "./agentFiles.ts"
import { agentRoundTrip } from "./agentRoundTrip.ts"
import { aloneBenches } from "./alone.ts"
import { archive } from "./archive.ts"
import { archiveDelay } from "./archiveDelay.ts"
import type { Bench } from "./Bench.ts"
import { dumpsBesideLogs } from "./dumpsBesideLogs.ts"
import { idle } from "./idle.ts"
import { ingestBenches } from "./ingest.ts"
import { latency } from "./latency.ts"
import { logTailing } from "./logTailing.ts"
import { memoryBenches } from "./memory.ts"
import { movedPartitions } from "./movedPartitions.ts"
import { scrapeUnderIngest } from "./scrapeUnderIngest.ts"
import { turns } from "./turns.ts"
import { workers } from "./workers.ts"

export const benches: ReadonlyArray<Bench> = [
  ...aloneBenches,
  turns,
  ...ingestBenches,
  scrapeUnderIngest,
  ...memoryBenches,
  latency,
  movedPartitions,
  workers,
  idle,
  agentRoundTrip,
  archive,
  archiveDelay,
  agentFiles,
  logTailing,
  dumpsBesideLogs
]
