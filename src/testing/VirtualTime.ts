/**
 * VirtualTime: runs an Effect program to its end in virtual time, synchronously: a clock whose timers are a heap, and a scheduler whose
 * tasks are a queue. First everything that can run runs, then the clock jumps to the next timer. No event loop, no real
 * time, so a run is as fast as its code and the same every time. Programs must not wait for promises.
 */
import { Clock, Duration, Effect, type Exit, Random, References, Scheduler } from "effect"

interface Timer {
  readonly at: number
  readonly order: number
  readonly fire: () => void
  cancelled: boolean
}

const sooner = (a: Timer, b: Timer): boolean => a.at < b.at || (a.at === b.at && a.order < b.order)

export class VirtualTime implements Clock.Clock {
  /** Ms since the start; the Unix epoch of the wall clock is `epoch`. */
  now = 0
  private readonly epoch: number
  private readonly seed: number
  private readonly heap: Array<Timer> = []
  private order = 0
  private tasks: Array<() => void> = []
  readonly scheduler: Scheduler.Scheduler

  /** `seed`: of Effect's `Random`. */
  constructor(seed = 1, epoch = 1_700_000_000_000) {
    this.seed = seed
    this.epoch = epoch
    this.scheduler = new Scheduler.MixedScheduler("async", (f) => {
      let cancelled = false
      this.tasks.push(() => {
        if (!cancelled) f()
      })
      return () => {
        cancelled = true
      }
    })
  }

  currentTimeMillisUnsafe(): number {
    return this.epoch + Math.floor(this.now)
  }
  currentTimeNanosUnsafe(): bigint {
    return BigInt(this.epoch) * 1_000_000n + BigInt(Math.round(this.now * 1e6))
  }
  monotonicTimeNanosUnsafe(): bigint {
    return BigInt(Math.round(this.now * 1e6))
  }
  readonly currentTimeMillis = Effect.sync(() => this.currentTimeMillisUnsafe())
  readonly currentTimeNanos = Effect.sync(() => this.currentTimeNanosUnsafe())
  readonly monotonicTimeNanos = Effect.sync(() => this.monotonicTimeNanosUnsafe())

  sleep(duration: Duration.Duration): Effect.Effect<void> {
    const ms = Duration.toMillis(duration)
    if (ms <= 0) return Effect.yieldNow
    if (!Number.isFinite(ms)) return Effect.never
    return Effect.callback((resume) => {
      // Whole microseconds, and always later than now: a sum of fractions must not stand still.
      const at = Math.max(Math.ceil((this.now + ms) * 1000), Math.round(this.now * 1000) + 1) / 1000
      const timer = this.push(at, () => resume(Effect.void))
      return Effect.sync(() => {
        timer.cancelled = true
      })
    })
  }

  /** The program's exit; throws where it can never end (nothing is left to run) or does not end within `limit` ms of virtual time. */
  run<A, E>(program: Effect.Effect<A, E>, limit = 3_600_000): Exit.Exit<A, E> {
    const fiber = Effect.runFork(
      program.pipe(
        Random.withSeed(this.seed),
        Effect.provideService(Clock.Clock, this),
        Effect.provideService(Scheduler.Scheduler, this.scheduler),
        Effect.provideService(References.TracerEnabled, false)
      ),
      { scheduler: this.scheduler }
    )
    for (;;) {
      let turns = 0
      while (this.tasks.length > 0) {
        const tasks = this.tasks
        this.tasks = []
        for (const task of tasks) task()
        if (++turns > 100_000) throw new Error(`something runs in circles at ${this.now} ms of virtual time`)
      }
      const exit = fiber.pollUnsafe()
      if (exit !== undefined) return exit
      const timer = this.pop()
      if (timer === undefined) throw new Error(`the program waits for ever (at ${this.now} ms of virtual time)`)
      if (timer.cancelled) continue
      if (timer.at > limit) throw new Error(`the program did not end within ${limit} ms of virtual time`)
      this.now = timer.at
      timer.fire()
    }
  }

  private push(at: number, fire: () => void): Timer {
    const timer: Timer = { at, order: this.order++, fire, cancelled: false }
    const { heap } = this
    let i = heap.push(timer) - 1
    while (i > 0) {
      const parent = (i - 1) >> 1
      if (!sooner(heap[i]!, heap[parent]!)) break
      ;[heap[i], heap[parent]] = [heap[parent]!, heap[i]!]
      i = parent
    }
    return timer
  }

  private pop(): Timer | undefined {
    const { heap } = this
    const top = heap[0]
    const last = heap.pop()
    if (top === undefined || heap.length === 0) return top
    heap[0] = last!
    for (let i = 0; ; ) {
      const left = 2 * i + 1
      if (left >= heap.length) break
      const least = left + 1 < heap.length && sooner(heap[left + 1]!, heap[left]!) ? left + 1 : left
      if (!sooner(heap[least]!, heap[i]!)) break
      ;[heap[i], heap[least]] = [heap[least]!, heap[i]!]
      i = least
    }
    return top
  }
}

/**
 * Runs a program to its end in virtual time, at once, and answers its exit; the same each time. `limit`: ms of virtual time that it
 * may take, an hour where nothing else is said. Throws where it does not end, or waits for something outside, such as a promise.
 * @experimental
 */
export const virtualTime = <A, E>(
  program: Effect.Effect<A, E>,
  options: { readonly limit?: number; readonly seed?: number } = {}
): Exit.Exit<A, E> => new VirtualTime(options.seed).run(program, options.limit)
