/**
 * Channel: one conversation about one cut of a shard. The pod's HTTP side opens it with a request, both sides say what their
 * application understands, and the HTTP side ends it. The same at both ends of a message port: what a shard's application answers with is
 * a Channel, and so is what the HTTP side holds, wherever the shard runs.
 *
 * What is sent arrives in order; so does what is pulled. The shard makes a piece when it is asked for, or a little earlier: behind a port
 * so many may wait as there is credit for, so a client that does not read holds up its own channel and nothing else.
 */
/** One conversation about one cut of a shard, the same at both ends of a message port. What is sent arrives in order; so does what is pulled. @experimental */
export interface Channel {
  /** To the shard: plain data. */
  readonly send: (message: unknown) => void
  /**
   * What the shard says next; undefined when it has nothing more to say, is lost, or the channel has ended. Rejects where its application
   * failed. One at a time.
   */
  readonly pull: () => Promise<Piece | undefined>
  /** Memory that came with a piece and that nobody reads any more, the kernel included: it is written over. Need not be told. */
  readonly giveBack: (memory: ArrayBuffer) => void
  /** The shard is gone, and what it would have said with it. */
  readonly isLost: () => boolean
  /** Nothing more is wanted; the last word, for the application. Once. A pull that waits is answered. */
  readonly end: (message: unknown) => void
}

/** What a shard says at once. Its memory is the reader's until it is given back. @experimental */
export interface Piece {
  /** Plain data. */
  readonly message: unknown
  /** Of the message: handed over to the other side, not copied. */
  readonly memory?: ReadonlyArray<ArrayBuffer>
}
