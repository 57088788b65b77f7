/**
 * Loan: the bytes of one fetched batch and how many hold them: the queue, and each part of the batch that was taken of it. When
 * the last one gives them back they are released, once. Who keeps bytes never gives them back: then they are the collector's.
 */
export class Loan {
  private holders = 1
  private readonly release: () => void

  constructor(release: () => void) {
    this.release = release
  }

  hold(): Loan {
    this.holders += 1
    return this
  }

  /** Once for each that holds it. */
  giveBack(): void {
    this.holders -= 1
    if (this.holders === 0) this.release()
  }
}
