/**
 * FileDelay: how long it takes from a rename into place until the round is handed to the agent's outbox: the looker's watch, its reading, the
 * pipe, and the agent's look ten times a second. One file after the other changes, among many that do not. The agent's end is
 * in this process, the looker is one of its own; there is no outbox and no broker.
 */
import { mkdir, rename, writeFile } from "node:fs/promises"
import { join } from "node:path"
import { setTimeout as delay } from "node:timers/promises"
import { Effect } from "effect"
import type { RoundSink } from "../../src/agent/AgentSource.ts"
import { make } from "../../src/agent/dump/DumpSource.ts"
import type { Rig, Row } from "./Bench.ts"

/** As the agent looks. */
const lookEvery = 100
const idle = 1_000

/** `pause`: ms between the last write and the rename. */
export const measureDelay = async (rig: Rig, pause: number): Promise<Row> => {
  const dir = join(rig.stage.dir, `delay-${pause}`)
  await mkdir(dir)
  const path = (i: number) => join(dir, `s${i}.prom`)
  for (let i = 0; i < idle; i++) await writeFile(path(i), "a 1\n")
  const delays: Array<number> = []
  let offered = 0
  let seen: ((at: number) => void) | undefined
  const sink: RoundSink = {
    room: () => true,
    offer: () =>
      Effect.sync(() => {
        offered++
        seen?.(performance.now())
      }),
    gone: () => {}
  }
  await Effect.runPromise(
    Effect.scoped(
      Effect.gen(function* () {
        const source = yield* make({
          ...{ dumps: [join(dir, "*.prom")], staticDumps: [], excludes: [], taken: [], host: "h" },
          ...{
            maxDumpBytes: 64e6,
            poll: 250,
            settle: 250,
            globEvery: 5_000,
            expiry: 900_000,
            stateDir: join(dir, "state")
          }
        })
        yield* Effect.forkScoped(Effect.forever(Effect.andThen(source.look(sink), Effect.sleep(lookEvery))))
        while (offered < idle) yield* Effect.sleep(lookEvery)
        const changes = rig.quick ? 10 : 100
        for (let i = 0; i < changes; i++) {
          // Not in step with the looks.
          yield* Effect.sleep(Math.random() * lookEvery)
          const took = yield* Effect.promise(async () => {
            const came = new Promise<number>((resolve) => {
              seen = resolve
            })
            await writeFile(`${path(i)}.tmp`, "a 2\n")
            await delay(pause)
            const began = performance.now()
            await rename(`${path(i)}.tmp`, path(i))
            return (await came) - began
          })
          delays.push(took)
        }
      })
    )
  )
  const sorted = delays.toSorted((a, b) => a - b)
  const at = (share: number) => sorted[Math.ceil(share * sorted.length) - 1]!
  rig.say(
    `${pause} ms after its write, a rename until the round is handed over: p50 ${at(0.5).toFixed(0)} ms, p99 ${at(0.99).toFixed(0)} ms`
  )
  return { name: `${idle} files, renamed ${pause} ms after its write`, cells: [at(0.5), at(0.99), sorted.at(-1)!] }
}
