/**
 * Mutant: one rule of the handoff, broken on purpose: a module of the engine with a function replaced, or a part of the pod with
 * one behaviour replaced. The engine knows nothing of them. Here is what a mutant consists of and how the parts are replaced.
 *
 * Where a second guard hides a broken first one, the mutant takes the second away too, and `baseline` says that this
 * alone breaks nothing: the rule is tested by itself.
 */
import { Effect } from "effect"
import { vi } from "vitest"
import type { HandoffEvent, HandoffState } from "../../../src/engine/group/Handoff.ts"
import type { PlanInput, StartPlan } from "../../../src/engine/partition/StartPlan.ts"
import type { Fault } from "../../../src/testing/simulation/Fault.ts"
import type { Profile } from "../../../src/testing/simulation/Profile.ts"
import type { Schedule } from "../../../src/testing/simulation/Schedule.ts"
import type { Parts } from "../../../src/testing/simulation/SimPod.ts"
import type { GroupClient, Transport } from "../../../src/transport/Transport.ts"

export interface Replaced {
  /** Replaces modules until they are disposed of. */
  readonly modules?: () => ReadonlyArray<Disposable>
  readonly parts?: Parts
}

/** What the judges say of a broken promise. `healing`: the end did not become whole. */
export type Verdict = "older" | "torn" | "committed unseen" | "absent" | "healing" | "durable" | "told"

export interface Mutant extends Replaced {
  /** As docs/handoff.md numbers them. */
  readonly rule: string
  readonly breaks: string
  /** The finding that counts. Any other one does not. */
  readonly found: Verdict
  readonly profile?: Profile
  /** Faults that its histories meet more often: those that the rule is for. */
  readonly often?: ReadonlyArray<Fault["type"]>
  /** What its histories are like besides. */
  readonly histories?: (made: Schedule) => Schedule
  /** What is replaced besides the rule itself, and breaks nothing. */
  readonly baseline?: Replaced
}

export const without =
  (left: (fault: Fault) => boolean) =>
  (made: Schedule): Schedule => ({ ...made, faults: made.faults.filter(({ fault }) => !left(fault)) })

type Module = Record<string, unknown>
const pathOf = (name: string): string => `../../../src/${name}.ts`

/** Replaces exports of a module of src, given the real ones. A module can be replaced once at a time. */
export const replacing = (name: string, changes: Record<string, (real: never) => unknown>): Disposable =>
  vi.doMock(pathOf(name), async (original) => {
    const module = { ...(await original<Module>()) }
    for (const [key, change] of Object.entries(changes)) {
      if (!(key in module)) throw new Error(`${name} has no ${key}`)
      module[key] = change(module[key] as never)
    }
    return module
  })

type Methods = Record<string, (this: never, ...args: ReadonlyArray<never>) => unknown>

/** Replaces methods of a class of a module that was loaded anew. The class is named as its module. */
export const patching = (name: string, change: (prototype: Methods) => void): Disposable =>
  vi.doMock(pathOf(name), async (original) => {
    const module = await original<Module>()
    change((module[name.slice(name.lastIndexOf("/") + 1)] as { readonly prototype: Methods }).prototype)
    return module
  })

export const planning = (change: (plan: StartPlan, i: PlanInput) => StartPlan): ReadonlyArray<Disposable> => [
  replacing("engine/partition/StartPlan", {
    planStart: (real: (i: PlanInput) => StartPlan) => (i: PlanInput) => change(real(i), i)
  })
]

export type Step = (
  s: HandoffState,
  e: HandoffEvent
) => readonly [HandoffState, ReadonlyArray<{ readonly type: string }>]

export const stepping = (change: (step: Step) => Step): Disposable =>
  replacing("engine/group/Handoff", { step: change })

export const overClient =
  (change: (c: GroupClient) => GroupClient): NonNullable<Parts["transport"]> =>
  (transport: Transport["Service"]) => ({
    ...transport,
    groupClient: (options) => Effect.map(transport.groupClient(options), change)
  })
