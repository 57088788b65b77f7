/**
 * Book: all streams that are known, by file, by path and by source. Those of one source are in the order in which they were seen first, and
 * one is sent when those before it are read to their ends. State without I/O, bounded: what is over and gone is forgotten, the oldest first.
 */
import { withoutDevice } from "./Sighting.ts"
import type { Stream } from "./Stream.ts"

/** Streams that are over and of which no file is seen, beyond those that are. */
const maxGone = 10_000
/** So long, ms, one is remembered: a packed file may come of it. */
const rememberedFor = 600_000
/** So often a stream is looked for, and so long, ms, before what comes after it goes on: its renamed file, or its copy, is there by then. */
const timesSought = 2
const soughtFor = 1_000

/** It was looked for and is not there; it may come yet. */
export const isMissing = ({ lostAt, sought }: Stream, now: number): boolean =>
  lostAt !== undefined && sought >= timesSought && now - lostAt >= soughtFor

export class Book {
  private readonly streams = new Set<Stream>()
  private readonly byId = new Map<string, Stream>()
  /** Of those that an earlier run kept: the machine may have numbered its devices anew. */
  private readonly byInode = new Map<string, Stream>()
  private readonly byPath = new Map<string, Stream>()
  private readonly bySource = new Map<string, Array<Stream>>()

  ofId(id: string): Stream | undefined {
    return this.byId.get(id) ?? this.byInode.get(withoutDevice(id))
  }

  [Symbol.iterator](): Iterator<Stream> {
    return this.streams.values()
  }

  ofPath(path: string): Stream | undefined {
    return this.byPath.get(path)
  }

  /** `isOld`: an earlier run kept it. */
  add(stream: Stream, isOld: boolean): void {
    this.streams.add(stream)
    for (const id of stream.ids) {
      this.byId.set(id, stream)
      if (isOld) this.byInode.set(withoutDevice(id), stream)
    }
    const others = this.bySource.get(stream.source)
    if (others === undefined) this.bySource.set(stream.source, [stream])
    else others.push(stream)
  }

  /** The stream's file is at the path, under that id. */
  bind(stream: Stream, path: string, id: string): void {
    this.unbind(stream)
    this.byInode.delete(withoutDevice(id))
    if (!stream.ids.includes(id)) stream.ids.push(id)
    this.byId.set(id, stream)
    const other = this.byPath.get(path)
    if (other !== undefined) other.path = undefined
    this.byPath.set(path, stream)
    stream.path = stream.lastPath = path
    stream.lostAt = undefined
  }

  unbind(stream: Stream): void {
    if (stream.path !== undefined) this.byPath.delete(stream.path)
    stream.path = undefined
  }

  /** The file is another stream's from here on. */
  takeId(stream: Stream, id: string): void {
    const at = stream.ids.indexOf(id)
    if (at !== -1 && stream.ids.length > 1) stream.ids.splice(at, 1)
    this.byId.delete(id)
    this.byInode.delete(withoutDevice(id))
  }

  /** Those of its source that were seen before it and may still have something to send. */
  *before(stream: Stream): Iterable<Stream> {
    for (const other of this.bySource.get(stream.source) ?? []) {
      if (other === stream) return
      if (!other.isOver) yield other
    }
  }

  /** Whether its source's earlier streams are read to their ends, as they were when this one had bytes. `now`: ms, monotonic. */
  mayBegin(stream: Stream, now: number): boolean {
    for (const other of this.before(stream)) {
      // One that cannot be read holds nobody.
      if (other.why !== "") continue
      if (other.file === undefined && other.path === undefined) {
        if (!isMissing(other, now)) return false
      } else if (other.endSeenAt < stream.bornAt) return false
    }
    return true
  }

  /** `now`: ms, monotonic. Answers whether any was forgotten. */
  forget(now: number): boolean {
    const gone = [...this.streams]
      .filter(({ isOver, lostAt }) => isOver && lostAt !== undefined)
      .sort((a, b) => a.lostAt! - b.lostAt!)
    const tooMany = gone.length - maxGone
    let any = false
    for (const [i, stream] of gone.entries()) {
      if (i >= tooMany && now - stream.lostAt! < rememberedFor) break
      this.remove(stream)
      any = true
    }
    return any
  }

  private remove(stream: Stream): void {
    this.unbind(stream)
    this.streams.delete(stream)
    for (const id of stream.ids) {
      if (this.byId.get(id) === stream) this.byId.delete(id)
      if (this.byInode.get(withoutDevice(id)) === stream) this.byInode.delete(withoutDevice(id))
    }
    const others = this.bySource.get(stream.source)?.filter((other) => other !== stream) ?? []
    if (others.length === 0) this.bySource.delete(stream.source)
    else this.bySource.set(stream.source, others)
  }
}
