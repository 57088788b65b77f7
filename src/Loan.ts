/**
 * Loan: memory that others look at, and how many hold it: its owner, and each whom it was lent to. When the last one gives it back it is
 * released, once. Who keeps it never gives it back: then it is the collector's.
 */
export class Loan {
  private holders = 1
  private readonly release: () => void

  constructor(release: () => void) {
    this.release = release
  }

  /** Somebody besides its owner holds it. */
  get isShared(): boolean {
    return this.holders > 1
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
