/** Kept: what a partition has to keep besides what is shown, as its budget counts it. It keeps nothing itself. */
import type { Budget } from "./Budget.ts"

export class Kept {
  bytes = 0
  private readonly budget: Budget
  private readonly parts: ReadonlyArray<{ readonly bytes: number }>

  constructor(budget: Budget, parts: ReadonlyArray<{ readonly bytes: number }>) {
    this.budget = budget
    this.parts = parts
  }

  /** Some of it may have changed. */
  count(): void {
    let bytes = 0
    for (const part of this.parts) bytes += part.bytes
    this.set(bytes)
  }

  clear(): void {
    this.set(0)
  }

  private set(bytes: number): void {
    if (bytes !== this.bytes) this.budget.keep(bytes - this.bytes)
    this.bytes = bytes
  }
}
