/**
 * Plots: faults that only together tell something, as they do on bad days: each is the history in brackets of a rule of the
 * handoff, with its times left to chance. Chance alone would take thousands of schedules to put them together.
 */
import { Effect, type Scope } from "effect"
import type { Fault } from "./Fault.ts"
import { rule, running, type Sim, wallNow } from "./Sim.ts"
import type { SimPod } from "./SimPod.ts"

export type Plot = Extract<
  Fault,
  { readonly type: "zombie" | "doubt" | "relay" | "dieRejoining" | "fadeOut" | "rollout" }
>

export interface Means {
  readonly startPod: Effect.Effect<void, never, Scope.Scope>
}

const after = <A>(ms: number, effect: Effect.Effect<A, never, Scope.Scope>) =>
  Effect.forkScoped(Effect.delay(effect, Math.max(0, ms)))

const burst = (sim: Sim, rounds: number) =>
  Effect.gen(function* () {
    for (let i = 0; i < rounds; i++) {
      const source = sim.sources[i % sim.sources.length]!
      if (sim.time.now >= source.silentUntil) yield* source.dump(sim.producer, wallNow(sim))
    }
  })

const kill = (sim: Sim, pod: SimPod) =>
  Effect.sync(() => {
    if (pod.state === "gone") return
    sim.tell(() => `${pod.name} dies`)
    pod.kill()
  })

const leave = (sim: Sim, pod: SimPod) =>
  Effect.suspend(() => {
    if (pod.state !== "running") return Effect.void
    sim.tell(() => `${pod.name} leaves`)
    return Effect.asVoid(Effect.forkDetach(pod.stop))
  })

/** Whoever takes over needs time for the replay, so that scrapes meet it. */
const slowHeirs = (sim: Sim, pod: SimPod | undefined, perRecord: number, ms: number) =>
  Effect.gen(function* () {
    const heirs = () => running(sim).filter((p) => p !== pod)
    for (const p of heirs()) p.recordDelay = perRecord
    yield* after(
      ms,
      Effect.sync(() => {
        for (const p of heirs()) p.recordDelay = 0
      })
    )
  })

export const carryOutPlot = (
  sim: Sim,
  pod: SimPod,
  plot: Plot,
  { startPod }: Means
): Effect.Effect<void, never, Scope.Scope> =>
  Effect.gen(function* () {
    const others = () => running(sim).filter((p) => p !== pod)
    const of = (q: { readonly clientId: string }) => q.clientId === pod.name
    switch (plot.type) {
      // It is put out of the group, others take over, and go again about when it wakes: it may get the same partitions back.
      case "zombie":
        pod.clock.freeze(plot.suspend)
        pod.evictionDelay = plot.evict
        yield* after(
          plot.ms,
          Effect.sync(() => {
            if (pod.state === "gone") return
            sim.tell(() => `${pod.name} wakes`)
            pod.clock.thaw()
          })
        )
        yield* after(
          plot.ms + plot.othersAfter,
          Effect.suspend(() => {
            pod.recordDelay = plot.perRecord
            return Effect.forEach(others(), (p) => (plot.others === "crash" ? kill(sim, p) : leave(sim, p)), {
              discard: true
            })
          })
        )
        yield* after(
          plot.ms + plot.othersAfter + 500,
          Effect.andThen(startPod, slowHeirs(sim, undefined, plot.perRecord, 10_000))
        )
        break
      // A commit is lost or late while much is shown, then its sender dies.
      case "doubt":
        pod.pace = pod.recordDelay = 0
        if (plot.how === "late")
          rule(
            sim,
            5_000,
            (q) => (of(q) && q.op === "offsetCommit" ? { delayRequest: plot.by, disconnect: true } : undefined),
            1
          )
        else
          rule(sim, plot.by + plot.later, (q) =>
            of(q) && q.op === "offsetCommit" ? { lose: "request", disconnect: true } : undefined
          )
        if (plot.unfinished) for (const source of sim.sources) yield* source.partial(sim.producer, wallNow(sim))
        yield* after(plot.by / 2, burst(sim, plot.burst))
        yield* after(plot.by + plot.later, Effect.andThen(slowHeirs(sim, pod, plot.perRecord, 12_000), kill(sim, pod)))
        break
      // An owner goes, its heirs are slow, and go too while they are still behind its fence.
      case "relay": {
        pod.pace = pod.recordDelay = 0
        yield* burst(sim, plot.burst)
        yield* startPod
        yield* after(
          1_500,
          Effect.andThen(
            slowHeirs(sim, pod, plot.perRecord, plot.later + 12_000),
            plot.crash ? kill(sim, pod) : leave(sim, pod)
          )
        )
        yield* after(
          1_500 + (plot.crash ? 6_500 : 500) + plot.later,
          Effect.suspend(() =>
            Effect.forEach(others().slice(0, -1), (p) => (plot.crash ? leave(sim, p) : kill(sim, p)), { discard: true })
          )
        )
        break
      }
      // It is asked to rejoin, is slow to, goes on showing and committing meanwhile, and dies.
      case "dieRejoining":
        pod.pace = pod.recordDelay = 0
        rule(sim, 10_000, (q) => (of(q) && q.op === "joinGroup" ? { delayRequest: 8_000 } : undefined), 1)
        yield* startPod
        yield* after(plot.later / 2, burst(sim, plot.burst))
        yield* after(plot.later, Effect.andThen(slowHeirs(sim, pod, plot.perRecord, 12_000), kill(sim, pod)))
        break
      // All dumps become such that stricter pods refuse them, and the others go.
      case "rollout":
        for (const source of sim.sources) source.wideUntil = sim.time.now + plot.ms
        yield* startPod
        yield* after(
          plot.later,
          Effect.suspend(() =>
            Effect.forEach(
              running(sim).filter((p) => !p.strict),
              (p) =>
                Effect.andThen(slowHeirs(sim, p, plot.perRecord, 10_000), plot.crash ? kill(sim, p) : leave(sim, p)),
              { discard: true }
            )
          )
        )
        break
      // Answers come later and later, then none.
      case "fadeOut":
        rule(sim, 2_500, (q) => (of(q) ? { delayAnswer: plot.by } : undefined))
        yield* after(
          2_500,
          Effect.sync(() => rule(sim, plot.ms, (q) => (of(q) ? { lose: "request" } : undefined)))
        )
        break
    }
  })
