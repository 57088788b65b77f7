/**
 * ConsumerProtocol: Kafka's own envelope around what members of a group tell each other, version 0, which the brokers' tools read: topics
 * and partitions in the open, anything else as user data. Pure codec, of bytes that other members wrote: what cannot be read throws a
 * RangeError and nothing else, and no length that is claimed costs memory before its bytes are there.
 */

/** What a member says in its join. */
export interface Subscription {
  readonly topics: ReadonlyArray<string>
  readonly userData: Uint8Array
}

/** What the leader gives a member. */
export interface Assigned {
  readonly partitions: ReadonlyMap<string, ReadonlyArray<number>>
  readonly userData: Uint8Array
}

const version = 0
const none = new Uint8Array(0)

const int16 = (n: number): Uint8Array => {
  const bytes = Buffer.alloc(2)
  bytes.writeInt16BE(n)
  return bytes
}
const int32 = (n: number): Uint8Array => {
  const bytes = Buffer.alloc(4)
  bytes.writeInt32BE(n)
  return bytes
}
const string = (text: string): ReadonlyArray<Uint8Array> => [int16(Buffer.byteLength(text)), Buffer.from(text)]
const bytes = (data: Uint8Array): ReadonlyArray<Uint8Array> => [int32(data.length), data]

export const encodeSubscription = ({ topics, userData }: Subscription): Uint8Array =>
  Buffer.concat([int16(version), int32(topics.length), ...topics.flatMap(string), ...bytes(userData)])

export const encodeAssigned = ({ partitions, userData }: Assigned): Uint8Array =>
  Buffer.concat(
    [
      int16(version),
      int32(partitions.size),
      ...Array.from(partitions, ([topic, numbers]) => [...string(topic), int32(numbers.length), ...numbers.map(int32)]),
      ...bytes(userData)
    ].flat()
  )

/** Reads on through bytes; a read beyond their end throws. */
class Reading {
  private readonly from: Buffer
  private at = 0

  constructor(from: Uint8Array) {
    this.from = Buffer.from(from.buffer, from.byteOffset, from.length)
  }

  int16(): number {
    this.at += 2
    return this.from.readInt16BE(this.at - 2)
  }

  int32(): number {
    this.at += 4
    return this.from.readInt32BE(this.at - 4)
  }

  string(): string {
    return this.take(this.int16()).toString("utf8")
  }

  /** A length of -1 is Kafka's null. */
  bytes(): Uint8Array {
    const length = this.int32()
    return length === -1 ? none : this.take(length)
  }

  list<A>(read: () => A): ReadonlyArray<A> {
    const items: Array<A> = []
    for (let left = this.int32(); left > 0; left--) items.push(read())
    return items
  }

  private take(length: number): Buffer {
    if (length < 0 || this.at + length > this.from.length)
      throw new RangeError(`${length} bytes are claimed at ${this.at} of ${this.from.length}`)
    this.at += length
    return this.from.subarray(this.at - length, this.at)
  }
}

/** Of any version: later ones put their fields behind these. */
export const decodeSubscription = (from: Uint8Array): Subscription => {
  const reading = new Reading(from)
  reading.int16()
  return { topics: reading.list(() => reading.string()), userData: reading.bytes() }
}

/** Of any version, as above. No bytes at all are an empty assignment: the leader left the member out. */
export const decodeAssigned = (from: Uint8Array): Assigned => {
  if (from.length === 0) return { partitions: new Map(), userData: none }
  const reading = new Reading(from)
  reading.int16()
  const partitions = reading.list(() => [reading.string(), reading.list(() => reading.int32())] as const)
  return { partitions: new Map(partitions), userData: reading.bytes() }
}
