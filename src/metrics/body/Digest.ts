/**
 * Digest: the families of a cut by what there is to know of them besides their lines. Sources of one kind have the same families,
 * so however many sources a shard carries its digest has a few hundred entries and no line: small enough to be sent to
 * another thread, and all that is needed to decide how the families of several shards become those of one body. Pure.
 *
 * `planBody` takes the shards' digests and answers the body's families, and for each shard which of its lines go where.
 */
import type { Dump, Family, MetricType } from "../text/Dump.ts"
import { type FamilyHead, type FamilyMeta, mergeFamilies, type OutputFormat } from "./MergedFamilies.ts"

export class Digest {
  /** Plain data. */
  readonly entries: Array<FamilyMeta> = []
  /** Those with lines, by entry. */
  readonly families: Array<Array<Family>> = []
  private readonly known = new Map<string, Map<string, Array<number>>>()

  add(dump: Dump): void {
    for (const family of dump.families) this.families[this.entryOf(family)]!.push(family)
  }

  private entryOf(family: Family): number {
    const alike = this.alike(family)
    for (const entry of alike) if (sameMeta(this.entries[entry]!, family)) return entry
    const entry = this.entries.length
    alike.push(entry)
    const { bytes: _, series: __, ...meta } = family
    this.entries.push(meta)
    this.families.push([])
    return entry
  }

  /** By name and help: of what is left only a handful of combinations exist, whoever the sources are. */
  private alike({ textName, help }: Family): Array<number> {
    let byHelp = this.known.get(textName)
    if (byHelp === undefined) {
      byHelp = new Map()
      this.known.set(textName, byHelp)
    }
    let alike = byHelp.get(help)
    if (alike === undefined) {
      alike = []
      byHelp.set(help, alike)
    }
    return alike
  }
}

export const digestOf = (dumps: Iterable<Dump>): Digest => {
  const digest = new Digest()
  for (const dump of dumps) digest.add(dump)
  return digest
}

const sameMeta = (a: FamilyMeta, b: FamilyMeta): boolean =>
  a.type === b.type &&
  a.name === b.name &&
  a.unit === b.unit &&
  a.conforms === b.conforms &&
  a.exemplars === b.exemplars &&
  a.floatLabels === b.floatLabels &&
  a.timestamps === b.timestamps &&
  sameList(a.sampleNames, b.sampleNames)

/** Mostly the same object. */
const sameList = (a: ReadonlyArray<string>, b: ReadonlyArray<string>): boolean =>
  a === b || (a.length === b.length && a.every((text, i) => text === b[i]))

/** A shard's part of one family of the body. */
export interface PlannedFamily {
  /** Its place in the body. */
  readonly family: number
  /** As the body calls it. */
  readonly type: MetricType
  readonly parts: ReadonlyArray<{
    readonly entry: number
    /** All lines, or those of these sample names. */
    readonly only: ReadonlyArray<string> | undefined
  }>
}

/** What one shard has to render, in the body's order. Plain data. */
export interface ShardPlan {
  readonly format: OutputFormat
  readonly families: ReadonlyArray<PlannedFamily>
}

export interface BodyPlan {
  readonly format: OutputFormat
  readonly heads: ReadonlyArray<FamilyHead>
  /** One for each digest. */
  readonly shards: ReadonlyArray<ShardPlan>
  readonly typeConflicts: number
}

export const planBody = (digests: ReadonlyArray<ReadonlyArray<FamilyMeta>>, format: OutputFormat): BodyPlan => {
  const placed = digests.map((entries, shard) => ({
    families: entries.map((meta, entry) => ({ ...meta, shard, entry }))
  }))
  const merged = mergeFamilies(placed, format)
  const shards = digests.map((): Array<PlannedFamily> => [])
  for (const [family, { type, parts }] of merged.families.entries()) {
    const byShard = new Map<number, Array<PlannedFamily["parts"][number]>>()
    for (const { family: of, only } of parts) {
      const part = { entry: of.entry, only }
      const others = byShard.get(of.shard)
      if (others === undefined) byShard.set(of.shard, [part])
      else others.push(part)
    }
    for (const [shard, own] of byShard) shards[shard]!.push({ family, type, parts: own })
  }
  return {
    format,
    heads: merged.families.map(({ name, type, help, unit }) => ({ name, type, help, unit })),
    shards: shards.map((families) => ({ format, families })),
    typeConflicts: merged.typeConflicts
  }
}
