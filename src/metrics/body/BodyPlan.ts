/**
 * BodyPlan: from the shards' digests to the body's families, and for each shard which of its lines go where. A coroutine: it yields
 * `undefined` where a slice of the work has ended, and questions about lines, for each shard its own, where families are in
 * dispute. Pure; what it gives is plain data.
 */
import type { MetricType } from "../text/Dump.ts"
import type { Output } from "../text/Negotiation.ts"
import { Slices } from "../text/Slices.ts"
import type { FamilyConflict } from "./FamilyConflicts.ts"
import type { DigestEntry, FamilyHead, OddParts, Part, Placed } from "./FamilyMeta.ts"
import { mergeFamilies, type Question } from "./MergedFamilies.ts"

/** Lines of one entry of a shard's digest. */
export interface EntryPart {
  readonly entry: number
  /** All lines, or those of these sample names, as the dumps spell them. */
  readonly only: ReadonlyArray<string> | undefined
}

/** Lines of a shard that have to be put in order, under the names that the body uses. */
export interface OddLinesPlan {
  readonly name: string
  readonly type: MetricType
  readonly parts: ReadonlyArray<EntryPart>
  /** Others of the family: those of a source that has odd ones are put in order with them. */
  readonly beside: ReadonlyArray<EntryPart>
}

/** A shard's part of one family of the body. */
export interface PlannedFamily {
  /** Its place in the body. */
  readonly family: number
  /** As the body calls it. */
  readonly type: MetricType
  readonly parts: ReadonlyArray<EntryPart>
  readonly odd?: OddLinesPlan
}

/** What one shard has to render, in the body's order. Plain data. */
export interface ShardPlan {
  readonly output: Output
  readonly families: ReadonlyArray<PlannedFamily>
}

/** May these lines stand in such a family? The answers come in the order of the questions, for each shard. */
export interface ShardQuestions {
  readonly output: Output
  readonly questions: ReadonlyArray<OddLinesPlan>
}

export interface BodyPlan {
  readonly output: Output
  readonly heads: ReadonlyArray<FamilyHead>
  /** One for each digest. */
  readonly shards: ReadonlyArray<ShardPlan>
  readonly typeConflicts: number
  readonly conflicts: ReadonlyArray<FamilyConflict>
}

export type PlanStep = undefined | ReadonlyArray<ShardQuestions>
export type PlanAnswer = undefined | ReadonlyArray<ReadonlyArray<boolean>>

export function* planning(
  digests: ReadonlyArray<ReadonlyArray<DigestEntry>>,
  output: Output
): Generator<PlanStep, BodyPlan, PlanAnswer> {
  const slices = new Slices()
  const placed: Array<Placed> = []
  for (const [shard, entries] of digests.entries())
    for (const [entry, meta] of entries.entries()) {
      placed.push({ shard, entry, meta })
      if (slices.step()) yield
    }
  const merging = mergeFamilies(placed, output)
  let step = merging.next()
  while (step.done !== true) {
    if (step.value === undefined) {
      yield
      step = merging.next()
    } else step = merging.next(yield* ask(step.value, digests.length, output))
  }
  const merged = step.value
  const shards = digests.map((): Array<PlannedFamily> => [])
  const heads: Array<FamilyHead> = []
  for (const [family, { name, type, help, unit, parts, odd }] of merged.families.entries()) {
    heads.push({ name, type, help, unit })
    if (odd === undefined) for (const [shard, own] of byShard(parts)) shards[shard]!.push({ family, type, parts: own })
    else {
      const plain = byShard(parts)
      const odds = oddByShard({ name, type, ...odd })
      for (const [shard, own] of plain) shards[shard]!.push(withOdd({ family, type, parts: own }, odds.get(shard)))
      for (const [shard, oddOnes] of odds)
        if (!plain.has(shard)) shards[shard]!.push({ family, type, parts: [], odd: oddOnes })
    }
    if (slices.step()) yield
  }
  const { typeConflicts, conflicts } = merged
  return { output, heads, shards: shards.map((families) => ({ output, families })), typeConflicts, conflicts }
}

const withOdd = (planned: PlannedFamily, odd: OddLinesPlan | undefined): PlannedFamily =>
  odd === undefined ? planned : { ...planned, odd }

/** A family takes others' lines where every shard says that its own fit. */
function* ask(
  questions: ReadonlyArray<Question>,
  shards: number,
  output: Output
): Generator<PlanStep, ReadonlyArray<boolean>, PlanAnswer> {
  const perShard = Array.from({ length: shards }, (): Array<OddLinesPlan> => [])
  const about = Array.from({ length: shards }, (): Array<number> => [])
  const slices = new Slices()
  for (const [i, question] of questions.entries()) {
    for (const [shard, odd] of oddByShard(question)) {
      perShard[shard]!.push(odd)
      about[shard]!.push(i)
    }
    if (slices.step()) yield
  }
  const answers = (yield perShard.map((own) => ({ output, questions: own }))) ?? []
  const fits = questions.map(() => true)
  for (const [shard, indices] of about.entries())
    for (const [k, i] of indices.entries()) if (answers[shard]?.[k] !== true) fits[i] = false
  return fits
}

type ByShard = ReadonlyMap<number, ReadonlyArray<EntryPart>>

const byShard = (parts: ReadonlyArray<Part>): ByShard => {
  const shards = new Map<number, Array<EntryPart>>()
  for (const { of, only } of parts) {
    const others = shards.get(of.shard)
    if (others === undefined) shards.set(of.shard, [{ entry: of.entry, only }])
    else others.push({ entry: of.entry, only })
  }
  return shards
}

const oddByShard = ({ name, type, parts, beside }: Question & OddParts): Map<number, OddLinesPlan> => {
  const others = byShard(beside)
  const shards = new Map<number, OddLinesPlan>()
  for (const [shard, own] of byShard(parts))
    shards.set(shard, { name, type, parts: own, beside: others.get(shard) ?? [] })
  return shards
}
