/**
 * Tails: which files are tailed: those that the patterns mean, each under its source id (Claims), and no longer than they are there. A service
 * that removes its file before it writes the next one is not gone: what is missing is given the time between two walks.
 */
import { sourceBelow } from "../SourceName.ts"
import { Claims } from "./Claims.ts"
import type { Directory } from "./Directory.ts"
import type { Known } from "./Sight.ts"
import { Tail, type TailOptions } from "./Tail.ts"
import type { Candidate } from "./Walk.ts"
import type { LookerOptions } from "./Wire.ts"

/** More files than this are not tailed, and said so: an agent is for the services beside it. */
export const maxFiles = 10_000

export interface TailsOptions {
  readonly looker: LookerOptions
  readonly tail: Omit<TailOptions, "claim" | "rival">
  readonly places: Iterable<readonly [path: string, known: Known]>
  readonly directory: (path: string) => Directory
  /** "" where it is over. */
  readonly trouble: (key: string, text: string) => void
}

export class Tails {
  private readonly options: TailsOptions
  private readonly tailOptions: TailOptions
  private readonly tails = new Map<string, Tail>()
  private readonly claims: Claims
  /** Of files that were not found yet. */
  private readonly known: Map<string, Known>
  private ids = 0

  constructor(options: TailsOptions) {
    this.options = options
    this.claims = new Claims(options.looker.taken)
    this.known = new Map(options.places)
    this.tailOptions = {
      ...options.tail,
      claim: ({ source, candidate }) => this.claims.ask(source, candidate.path),
      rival: ({ source, candidate }) => this.claims.rival(source, candidate.path)
    }
  }

  [Symbol.iterator](): Iterator<Tail> {
    return this.tails.values()
  }

  /** `now`: ms, monotonic. */
  keep(candidates: ReadonlyMap<string, Candidate>, now: number): void {
    const { looker, trouble } = this.options
    for (const [path, tail] of this.tails) {
      if (candidates.has(path)) continue
      tail.goneSince ??= now
      if (now - tail.goneSince < looker.globEvery) continue
      this.leave(tail)
    }
    const fresh = [...candidates.values()]
      .filter(({ path }) => !this.tails.has(path))
      .sort((a, b) => a.glob - b.glob || (a.path < b.path ? -1 : 1))
    for (const candidate of fresh) {
      if (this.tails.size >= maxFiles) break
      this.add(candidate)
    }
    const text = `${candidates.size} files match --dump, only ${maxFiles} are tailed; run more agents with narrower globs`
    trouble("many", candidates.size > maxFiles ? text : "")
  }

  /** It is not there any more: its source id is another one's, if one wants it. */
  leave(tail: Tail): void {
    const { standing, source, candidate, directory } = tail
    tail.close()
    this.tails.delete(candidate.path)
    directory.files.delete(candidate.name)
    directory.links.delete(tail)
    standing.left()
    const next = this.claims.leave(source, candidate.path)
    if (next !== undefined) void this.tails.get(next)?.look()
  }

  private add(candidate: Candidate): void {
    const { path, base, glob, dir, name, isListed } = candidate
    const { looker } = this.options
    const directory = this.options.directory(dir)
    const source = sourceBelow(looker.host, base, path)
    const isStatic = glob >= looker.dumps.length
    const tail = new Tail(this.ids++, candidate, directory, source, isStatic, this.known.get(path), this.tailOptions)
    this.known.delete(path)
    this.tails.set(path, tail)
    directory.files.set(name, tail)
    // In order: what is listed has its id before anything is looked at.
    if (isListed) this.claims.ask(source, path)
  }
}
