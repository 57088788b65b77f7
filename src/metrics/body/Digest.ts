/**
 * Digest: the families of a cut by what there is to know of them besides their lines. Sources of one kind have the same families,
 * so however many sources a shard carries its digest has a few hundred entries and no line: small enough to be sent to
 * another thread, and mostly all that is needed to decide how the families of several shards become those of one body. Pure.
 */
import type { Dump, Family } from "../text/Dump.ts"
import { Slices } from "../text/Slices.ts"
import type { DigestEntry, FamilyMeta } from "./FamilyMeta.ts"

/** Sources that an entry names. */
const mostNames = 5

/** The families of one entry, and by the same index the dump that each is of. */
export interface EntryFamilies {
  readonly families: Array<Family>
  readonly dumps: Array<number>
}

type Growing = { -readonly [K in keyof DigestEntry]: DigestEntry[K] } & { names: Array<string> }

export class Digest {
  /** Plain data. */
  readonly entries: Array<DigestEntry> = []
  /** Those with lines, by entry. */
  readonly families: Array<EntryFamilies> = []
  private readonly known = new Map<string, Map<string, Array<number>>>()
  private dumps = 0;

  /** In slices. */
  *add(dump: Dump): Generator<undefined, void, unknown> {
    const slices = new Slices()
    const index = this.dumps++
    for (const family of dump.families) {
      const entry = this.entryOf(family)
      const { families, dumps } = this.families[entry]!
      families.push(family)
      dumps.push(index)
      const growing = this.entries[entry] as Growing
      growing.sources += 1
      if (dump.source !== undefined && growing.names.length < mostNames) growing.names.push(dump.source)
      if (slices.step()) yield
    }
  }

  private entryOf(family: Family): number {
    const alike = this.alike(family)
    for (const entry of alike) if (sameMeta(this.entries[entry]!, family)) return entry
    const entry = this.entries.length
    alike.push(entry)
    const { bytes: _, gather: __, series: ___, ...meta } = family
    this.entries.push({ ...meta, sources: 0, names: [] })
    this.families.push({ families: [], dumps: [] })
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

/** In slices. */
export function* digesting(dumps: Iterable<Dump>): Generator<undefined, Digest, unknown> {
  const digest = new Digest()
  let families = 0
  for (const dump of dumps) {
    yield* digest.add(dump)
    families += dump.families.length
    if (families < familiesOfSlice) continue
    families = 0
    yield
  }
  return digest
}

/** Of dumps with few families each. */
const familiesOfSlice = 4_096

const sameMeta = (a: FamilyMeta, b: FamilyMeta): boolean =>
  a.type === b.type &&
  a.name === b.name &&
  a.unit === b.unit &&
  a.conforms === b.conforms &&
  a.conformsText === b.conformsText &&
  a.quoted === b.quoted &&
  a.exemplars === b.exemplars &&
  a.floatLabels === b.floatLabels &&
  a.timestamps === b.timestamps &&
  sameList(a.sampleNames, b.sampleNames)

/** Mostly the same object. */
const sameList = (a: ReadonlyArray<string>, b: ReadonlyArray<string>): boolean =>
  a === b || (a.length === b.length && a.every((text, i) => text === b[i]))
