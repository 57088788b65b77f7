/** How far the log is ahead of its archive: by where it ended when that was asked last, whether its partition is read or waits for its store. */
import { assert, it } from "@effect/vitest"
import { Effect } from "effect"
import { TestClock } from "effect/testing"
import type { Archiver } from "../../src/archive/Archiver.ts"
import { type Archived, Archives } from "../../src/archive/Archives.ts"
import { LogEnd } from "../../src/archive/LogEnd.ts"
import { StoreAsker } from "../../src/archive/StoreAsker.ts"
import { directory } from "../../src/archive/store/Directory.ts"
import { SelfMetrics } from "../../src/SelfMetrics.ts"
import { noTime } from "../../src/testing/NoTime.ts"
import { openingOf } from "../../src/testing/TestOpening.ts"
import { TransportError } from "../../src/transport/Transport.ts"

const tp = { topic: "logs", partition: 3 }
const away = new TransportError({ op: "listOffsets", code: "OTHER", retriable: true, detail: "away" })

it.effect("counts what is in no object, and says how old its figure is", () =>
  Effect.gen(function* () {
    const archives = yield* Archives
    const metrics = yield* SelfMetrics
    let now = 1_000
    let end: number | undefined = 42
    const asked = Effect.suspend(() => (end === undefined ? Effect.fail(away) : Effect.succeed(end)))
    const opening = openingOf(tp, { time: { ...noTime, appendedAgo: () => 5_000 } })
    const log = { ...opening.log, end: asked }
    const logEnd = new LogEnd(log, () => now)
    const asker = new StoreAsker(directory("/nowhere"), "logs/3", metrics)
    const archived: Archived = { opening, asker, logEnd, archiver: undefined }
    const lag = () => {
      const { lagRecords, lagMs, logEndAgeMs } = archives.status("logs/3", 100_000)!
      return [lagRecords, lagMs, logEndAgeMs]
    }
    yield* Effect.scoped(
      Effect.gen(function* () {
        yield* archives.opening(archived)
        assert.deepStrictEqual(lag(), [null, 5_000, null])
        yield* Effect.forkScoped(logEnd.asking, { startImmediately: true })
        // What it has of its archiver.
        const state = { end: { from: 40, life: 1 }, open: undefined as unknown, last: undefined, gathered: () => null }
        archived.archiver = state as unknown as Archiver
        assert.deepStrictEqual(lag(), [2, 5_000, 0])
        state.open = { rows: 0, since: 10_000 }
        assert.deepStrictEqual(lag(), [2, 0, 0])
        state.open = { rows: 1, since: 10_000 }
        end = undefined
        now += 10_000
        yield* TestClock.adjust("10 seconds")
        assert.deepStrictEqual(lag(), [2, 90_000, 10_000])
        end = 50
        yield* TestClock.adjust("10 seconds")
        assert.deepStrictEqual(lag(), [10, 90_000, 0])
        archives.measure(metrics, 100_000)
        assert.match(
          yield* Effect.promise(() => metrics.text()),
          /k2p_archive_lag_records\{topic="logs",partition="3"\} 10\n/
        )
      })
    )
    assert.isUndefined(archives.status("logs/3", 0))
    archives.measure(metrics, 0)
    assert.notMatch(yield* Effect.promise(() => metrics.text()), /k2p_archive_lag_records\{/)
  }).pipe(Effect.provide([Archives.layer, SelfMetrics.layerBare]))
)
