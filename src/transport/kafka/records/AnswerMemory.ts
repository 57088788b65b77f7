/**
 * AnswerMemory: the memory of one fetch's answer, freed as soon as nobody looks at it any more instead of when the collector
 * comes by. Answers are megabytes outside of the collector's heap: left to it they pile up to tens of megabytes, and each time
 * it collects everything because of them.
 *
 * Memory is freed by detaching it: whoever looks at it too late finds nothing there, never the bytes of another answer.
 */
/** Less is not worth a call, and may be a part of a pool that others have parts of. */
const LEAST = 128 * 1024

/** Just below what glibc still learns from. */
const HABIT = 30 * 1024 * 1024

/**
 * glibc hands large freed blocks back to the kernel, which zeroes each page anew for the next one, until a larger block was freed
 * once: blocks up to that size are kept for reuse from then on, in the whole process. So one that nobody touches is freed first. Unpacking
 * zstd took a third of its CPU in the kernel without it. Other allocators take no notice.
 */
export const keepFreed = (): void => free(Buffer.allocUnsafeSlow(HABIT))

export class AnswerMemory {
  readonly #answer: Buffer
  /** The decoder, and each partition whose records are views of the answer. */
  #viewers = 1

  constructor(answer: Buffer) {
    this.#answer = answer
  }

  /** A partition's records go out; answers what to call when they are done with. */
  lend({ unpacked, views }: { readonly unpacked: ReadonlyArray<Buffer>; readonly views: boolean }): () => void {
    if (views) this.#viewers += 1
    return () => {
      for (const bytes of unpacked) free(bytes)
      if (views) this.#leave()
    }
  }

  /** All that is lent of it was. */
  decoded(): void {
    this.#leave()
  }

  #leave(): void {
    this.#viewers -= 1
    if (this.#viewers === 0) free(this.#answer)
  }
}

/** At once; nothing where the memory is small. Whoever else has a view of it finds it empty. */
export const free = ({ buffer }: Buffer): void => {
  if (buffer instanceof ArrayBuffer && buffer.byteLength >= LEAST) buffer.transfer(0)
}
