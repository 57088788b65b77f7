/** The judge is worth something only if it finds what is wrong: each rule of the archive, broken on purpose, is found in some seed, where nothing is found unless it is broken. */
import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { vi } from "vitest"
import { parseObjectName } from "../../../src/archive/format/Names.ts"
import { Keeper } from "../../../src/archive/Keeper.ts"
import type { Memory } from "../../../src/archive/memory/Memory.ts"
import type { Mutation } from "./ArchivePod.ts"
import { type Mutant, play } from "./ArchiveWorld.ts"

vi.setConfig({ testTimeout: 240_000 })

/** Seeds that are tried before a mutant counts as not found. */
const tries = 60

const hunt = (mutant: Mutant): { readonly seed: number; readonly violations: ReadonlyArray<string> } => {
  for (let seed = 1; seed <= tries; seed++) {
    const { violations } = play(seed, mutant)
    if (violations.length > 0) return { seed, violations }
  }
  return assert.fail(`not found in ${tries} seeds`)
}

/** C moves with what was read, and is trusted. */
const commitsBefore: Mutation = (processor) => ({
  ...processor,
  open: (opening) =>
    Effect.map(processor.open(opening), ({ from: _, ...processing }) => ({
      ...processing,
      committable: (position) => position
    }))
})

/** It goes on at C, whatever the store has. */
const trustsC: Mutation = (processor) => ({
  ...processor,
  open: (opening) => Effect.map(processor.open(opening), ({ from: _, ...processing }) => processing)
})

/** What was gathered is created when the partition is gone. */
const drainsLate: Mutation = (processor) => ({
  ...processor,
  open: (opening) =>
    Effect.gen(function* () {
      const processing = yield* processor.open({ ...opening, prove: Effect.void })
      yield* Effect.addFinalizer(() => Effect.ignore(Effect.timeout(processing.drain!, 500)))
      return processing
    })
})

/** What a pod has seen, archived or not, binds it, whatever the log says. */
const remembering = <A>(body: () => A): A => {
  const { open } = Keeper
  const memories = new Map<string, Memory>()
  Keeper.open = (end, most, store, ...rest) => {
    const key = `${store.place} ${end.partition}`
    return Effect.map(open(end, most, store, ...rest), (keeper) => {
      const memory = memories.get(key) ?? keeper.memory
      memories.set(key, memory)
      Object.defineProperty(keeper, "memory", { value: memory })
      return keeper
    })
  }
  try {
    return body()
  } finally {
    Keeper.open = open
  }
}

describe("a mutant is found that", () => {
  const found = (name: string, finding: () => ReturnType<typeof hunt>, words: RegExp): void => {
    it(name, () => {
      const { seed, violations } = finding()
      assert.isTrue(
        violations.some((text) => words.test(text)),
        violations.slice(0, 5).join("\n")
      )
      assert.deepStrictEqual(play(seed).violations, [])
    })
  }
  found("creates without the condition", () => hunt({ unconditional: true }), /a hole|an overlap|twice|nowhere/)
  found("commits before the create, and trusts it", () => hunt({ processor: commitsBefore }), /is nowhere/)
  found("goes on at C without asking the store", () => hunt({ processor: trustsC }), /is nowhere/)
  found(
    "remembers what the pod saw instead of what the log says",
    () => remembering(() => hunt({})),
    /is nowhere|is there twice/
  )
  found("creates after a loss", () => hunt({ processor: drainsLate }), /although it knows to have lost/)
  found(
    "names an object by the time of its creation",
    () =>
      hunt({
        name: (name, _, now) =>
          parseObjectName("logs", name) === undefined
            ? name
            : name.replace(/hour=\d\d/, `hour=${String(Math.floor(now / 10_000) % 24).padStart(2, "0")}`)
      }),
    /an overlap|twice/
  )
})
