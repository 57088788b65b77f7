/**
 * AnswerReader: bytes as a socket reads them -> whole answers of Kafka's protocol (an int32 length, then so many bytes). Each
 * answer is gathered in a buffer of its own, made once its length is known. A socket that can may read the rest of a large one right into
 * it (`space`), and into one buffer over and over for everything else. Pure but for what it calls; knows nothing of requests.
 *
 * A whole answer's buffer is the receiver's. Throws AnswerTooLong where a length cannot be one: the stream is not Kafka's then.
 */

/** Far above what any fetch asks for; message.max.bytes may lift one batch over that. */
const MAX_ANSWER = 512 * 1024 * 1024

const LENGTH = 4

/** Less of an answer is not worth a read of its own: what follows it comes with the same read. */
const LEAST_SPACE = 32 * 1024

export class AnswerTooLong extends Error {
  constructor(length: number) {
    super(`the answer claims a length of ${length} bytes: what answers there may not be a Kafka broker`)
  }
}

export class AnswerReader {
  readonly #whole: (answer: Buffer) => void
  readonly #length = Buffer.alloc(LENGTH)
  #lengthRead = 0
  #answer: Buffer | undefined
  #read = 0

  constructor(whole: (answer: Buffer) => void) {
    this.#whole = whole
  }

  /** `bytes` may be overwritten once this returned. */
  feed(bytes: Uint8Array): void {
    let at = 0
    while (at < bytes.length) {
      if (this.#answer === undefined) {
        this.#length[this.#lengthRead++] = bytes[at++]!
        if (this.#lengthRead === LENGTH) this.#begin(this.#length.readInt32BE(0))
        continue
      }
      const size = Math.min(bytes.length - at, this.#answer.length - this.#read)
      this.#answer.set(bytes.subarray(at, at + size), this.#read)
      this.#read += size
      at += size
      if (this.#read === this.#answer.length) this.#end(this.#answer)
    }
  }

  /** The part of the answer under way that is still to come; undefined where it is small, or none is under way. */
  space(): Uint8Array | undefined {
    const rest = this.#answer?.subarray(this.#read)
    return rest !== undefined && rest.length >= LEAST_SPACE ? rest : undefined
  }

  /** So many bytes were read to where `space` said. */
  filled(size: number): void {
    this.#read += size
    if (this.#read === this.#answer!.length) this.#end(this.#answer!)
  }

  #begin(length: number): void {
    if (length < LENGTH || length > MAX_ANSWER) throw new AnswerTooLong(length)
    // Not of the shared pool: records are views of it and may live long.
    this.#answer = Buffer.allocUnsafeSlow(length)
    this.#read = 0
  }

  #end(answer: Buffer): void {
    this.#answer = undefined
    this.#lengthRead = 0
    this.#whole(answer)
  }
}
