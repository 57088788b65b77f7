/**
 * Growth: what one member knows of its topics' partition counts and of how keys are placed, and what follows when a topic grows.
 * It learns from the brokers' metadata, from commits of all the topic's partitions, and, through the leader, from all
 * members. A count is never forgotten and never falls.
 *
 * What follows is one instant: with the news, whatever is not at home any more is out of every owned partition (Homes says what),
 * and only commits that are made afterwards name the new count. From the commits of *all* partitions an owner then sees that a
 * count is known everywhere, and asks for the log's end: K, from which on it takes what came with that count.
 */
import { Effect } from "effect"
import type { Placement } from "../../transport/Placement.ts"
import { type Committed, partitionKey, type TopicPartition, type TransportError } from "../../transport/Transport.ts"
import type { Member } from "../Member.ts"
import { decodeCommitMetadata } from "../partition/CommitMetadata.ts"
import type { Partition } from "../partition/Partition.ts"
import { type HomesNote, isNamed, maxCounts, type Named } from "./Homes.ts"
import { ascending, type Counts, type TopicCounts } from "./TopicCounts.ts"
import { decided, noVote, together, type Vote, vote } from "./Votes.ts"

const maxNotes = 4096

interface Known {
  placement: Placement | undefined
  counts: ReadonlyArray<number>
  /** What the owned partitions' keys said when a larger count came up: by the counts before. Until the generation that follows. */
  vote?: Vote | undefined
}

export class Growth {
  private readonly member: Member
  private readonly topics = new Map<string, Known>()
  /** What commits name, by their text. */
  private readonly notes = new Map<string, HomesNote | undefined>()

  constructor(member: Member) {
    this.member = member
  }

  known(topic: string): Known {
    let known = this.topics.get(topic)
    if (known === undefined) {
      const { partitioner } = this.member.options
      known = { placement: partitioner === "auto" || partitioner === "none" ? undefined : partitioner, counts: [] }
      this.topics.set(topic, known)
    }
    return known
  }

  /** The brokers say that topics have so many. One that is behind the others may say fewer: that is no news. */
  counted(counts: ReadonlyMap<string, number>): void {
    for (const [topic, count] of counts) {
      const before = this.largest(topic)
      if (count <= before) continue
      this.learn(topic, undefined, [count])
      // The group should look at the topic's partitions, in a generation of its own.
      if (before > 0) this.member.report({ type: "rejoin" })
    }
  }

  /** What the leader told all. */
  assigned(all: Counts): void {
    this.heard(all)
    // Partitions may have moved: their keys are others' to tell now.
    for (const known of this.topics.values()) known.vote = undefined
  }

  /** What others told. */
  private heard(all: Counts): void {
    for (const [topic, { placement, counts }] of all) this.learn(topic, placement, counts)
  }

  /** As leader: what all members claim, and what that makes of it together. */
  collect(all: ReadonlyArray<Counts>): Counts {
    for (const counts of all) this.heard(counts)
    for (const topic of this.member.options.topics) {
      const agreed = decided(together(all.map((counts) => counts.get(topic)?.vote ?? noVote)))
      this.learn(topic, agreed, [])
    }
    return this.tell(() => noVote)
  }

  /** For the claims of a join that is sent now. */
  claim(): Counts {
    return this.tell((topic, known) => known.vote ?? this.vote(topic, known))
  }

  /** Everything that is committed of the topic, of which a new owner needs its own and what the others name. After a sync. */
  readonly commitOf = (tp: TopicPartition): Effect.Effect<Committed | undefined, TransportError> =>
    Effect.map(this.commits(tp.topic, [tp]), (all) => all.get(partitionKey(tp)))

  /** An owner begins with what its partition's commit says, and with everything else that is known by now. */
  begin(p: Partition, note: HomesNote | undefined): void {
    const { placement, counts } = this.known(p.tp.topic)
    if (note !== undefined && p.homes.steps.length === 0) p.homes.restore(note)
    p.homes.know(placement, counts)
    p.homes.fresh = () => this.member.topology.ask()
    this.wait(p)
  }

  /** Its actor is at work from now on: what came up while it was being opened counts as known before. */
  opened(p: Partition): void {
    const { placement, counts } = this.known(p.tp.topic)
    if (p.homes.know(placement, counts)) this.wait(p)
  }

  /** Finds out K where it can be known by now, and ends windows. Runs until interrupted. */
  readonly loop: Effect.Effect<never> = Effect.suspend(() => {
    const { member } = this
    return Effect.gen({ self: this }, function* () {
      yield* Effect.raceFirst(
        member.signal.until(() => this.pending()),
        Effect.sleep(Math.min(60_000, Math.max(1_000, member.options.growthWindow / 10)))
      )
      yield* Effect.forEach(this.topics.keys(), (topic) => this.look(topic), { discard: true })
      yield* Effect.sleep(member.options.commitInterval / 2)
    }).pipe(
      Effect.catch((error) =>
        Effect.andThen(
          Effect.logDebug(`reading what a topic's commits name failed: ${error.message}; retrying`),
          Effect.sleep(member.options.commitInterval)
        )
      ),
      Effect.forever
    )
  })

  private vote(topic: string, { placement, counts }: Known): Vote {
    if (this.member.options.partitioner !== "auto" || placement !== undefined) return noVote
    const owned = [...this.member.partitions.values()].filter((p) => p.tp.topic === topic)
    return together(owned.map((p) => vote(p.tp.partition, counts, p.processing?.keys?.() ?? [])))
  }

  private largest(topic: string): number {
    return this.known(topic).counts.at(-1) ?? 0
  }

  private tell(votes: (topic: string, known: Known) => TopicCounts["vote"]): Counts {
    const all = new Map<string, TopicCounts>()
    for (const topic of this.member.options.topics) {
      const known = this.known(topic)
      const { placement, counts } = known
      all.set(topic, { placement, counts, vote: votes(topic, known) })
    }
    return all
  }

  /** One instant: nothing of what is not at home any more is in a later cut, or was in one after a commit that names the count. */
  private learn(topic: string, placement: Placement | undefined, counts: ReadonlyArray<number>): void {
    const { member } = this
    const known = this.known(topic)
    const before = known.counts
    // Mostly there is nothing new, and a new owner hears it from every partition.
    const news = counts.some((count) => !before.includes(count))
    const all = news ? ascending([...before, ...counts]).slice(-maxCounts) : before
    const more = news && all.some((count) => !before.includes(count))
    // An option is what it is; what was found out stays so.
    const found = member.options.partitioner === "auto" ? (known.placement ?? placement) : known.placement
    if (!more && found === known.placement) return
    if (before.length > 0 && more)
      member.fibers.say(Effect.logInfo(`topic ${topic} has had ${all.join(", ")} partitions; ${placementText(found)}`))
    if (more && before.length > 0) known.vote ??= this.vote(topic, known)
    known.counts = all
    known.placement = found
    for (const p of member.partitions.values()) if (p.tp.topic === topic) this.apply(p, known)
    member.wantCommit()
    member.signal.notify()
  }

  private apply(p: Partition, { placement, counts }: Known): void {
    // See `begin` and `opened`.
    if (p.processing === undefined) return
    if (!p.homes.know(placement, counts)) return
    this.wait(p)
    p.homes.endWanted = p.homes.waiting
    p.processing.grown?.()
  }

  /** Where nobody can tell who moved. */
  private wait({ homes }: Partition): void {
    const { growthWindow } = this.member.options
    homes.waitsUntil = this.member.now() + growthWindow
    if (growthWindow === 0 && homes.placement === undefined) homes.settle(0)
  }

  private pending(): boolean {
    for (const { homes, processing } of this.member.partitions.values())
      if (processing !== undefined && (homes.open.length > 0 || (homes.waiting && homes.endWanted))) return true
    return false
  }

  private commits(
    topic: string,
    also: ReadonlyArray<TopicPartition>
  ): Effect.Effect<ReadonlyMap<string, Committed>, TransportError> {
    return Effect.gen({ self: this }, function* () {
      const largest = this.largest(topic)
      const all = Array.from({ length: largest }, (_, partition) => ({ topic, partition }))
      const beyond = also.filter(({ partition }) => partition >= largest)
      const committed = yield* this.member.client.offsetFetch([...all, ...beyond])
      for (const { metadata } of committed.values()) {
        const note = this.read(metadata)
        if (note !== undefined)
          this.learn(
            topic,
            note.placement,
            note.steps.map(({ count }) => count)
          )
      }
      return committed
    })
  }

  /** The owned partitions of a topic that wait for something. */
  private look(topic: string): Effect.Effect<void, TransportError> {
    return Effect.gen({ self: this }, function* () {
      const owned = () =>
        [...this.member.partitions.values()].filter((p) => p.tp.topic === topic && p.processing !== undefined)
      const over = owned().filter(
        ({ homes }) => !homes.waited && homes.steps.length > 0 && this.member.now() >= homes.waitsUntil
      )
      for (const { homes } of over) if (homes.placement === undefined) homes.settle(0)
      const settling = over.filter(({ homes }) => homes.placement !== undefined && homes.open.length === 0)
      if (settling.length > 0) yield* this.ends(settling, (p, end) => p.homes.settle(end))
      const unseen = owned().filter((p) => p.homes.waiting && p.homes.endWanted)
      if (unseen.length > 0) yield* this.ends(unseen, resolving([this.largest(topic)]))
      if (owned().every((p) => p.homes.open.length === 0)) return
      const committed = yield* this.commits(topic, [])
      const { placement } = this.known(topic)
      const named = this.named(topic, committed)
      const everywhere = this.known(topic).counts.filter((count) => isNamed(named, count, placement))
      const ready = owned().filter((p) => p.homes.open.some((count) => everywhere.includes(count)))
      if (ready.length > 0) yield* this.ends(ready, resolving(everywhere))
    })
  }

  /** By all the topic's partitions: one without a commit may have an owner that still knows a smaller count. */
  private named(topic: string, committed: ReadonlyMap<string, Committed>): Named {
    return Array.from({ length: this.largest(topic) }, (_, partition) => {
      const metadata = committed.get(partitionKey({ topic, partition }))?.metadata
      return metadata === undefined ? undefined : this.read(metadata)
    })
  }

  /** Partitions that are acquired together read the same commits. */
  private read(metadata: string): HomesNote | undefined {
    if (this.notes.has(metadata)) return this.notes.get(metadata)
    if (this.notes.size >= maxNotes) this.notes.clear()
    const note = decodeCommitMetadata(metadata)?.homes
    this.notes.set(metadata, note)
    return note
  }

  /** Asked for now, so nothing that was written before lies beyond them. */
  private ends(ready: ReadonlyArray<Partition>, use: (p: Partition, end: number) => void): Effect.Effect<void> {
    const each = (p: Partition) =>
      this.member.client.listOffsets([p.tp], "end").pipe(
        Effect.map((ends) => {
          const end = ends.get(p.key)
          if (end === undefined) return
          use(p, end)
          this.member.wantCommit()
        }),
        // One that has no leader now is asked again, and holds up no other.
        Effect.catch((error) => Effect.logDebug(`the end of ${p.key} cannot be read: ${error.message}; retrying`))
      )
    return Effect.forEach(ready, each, { concurrency: "unbounded", discard: true })
  }
}

const resolving =
  (counts: ReadonlyArray<number>) =>
  ({ homes }: Partition, end: number): void => {
    for (const count of counts) homes.resolve(count, end)
    homes.endWanted = false
  }

const placementText = (placement: Placement | undefined): string =>
  placement === undefined
    ? "how its keys are placed is not known, so what is new in a partition waits for --growth-window, which is no proof"
    : `what moves by ${placement} is hidden until all owners know`
