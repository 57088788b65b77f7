/** All benchmarks, in the order in which they run. */
import type { Bench } from "./Bench.ts"
import { ingestBenches } from "./ingest.ts"

export const benches: ReadonlyArray<Bench> = [...ingestBenches]
