/**
 * Generations: what texts mean, for as long as they are used: a bounded memory in two generations. What is asked for moves to the young
 * one; when that is half of all, the old one goes. So a flood of texts that come once takes away only what was not asked for in
 * the meantime, where starting over would take all. Each step costs the same.
 */
export class Generations<A> {
  private young = new Map<string, A>()
  private old = new Map<string, A>()
  private weight = 0
  private readonly limit: number
  private readonly weigh: (text: string) => number

  /** Of at most `limit` in all, by what each text weighs. What weighs much by itself is not remembered. */
  constructor(limit: number, weigh: (text: string) => number) {
    this.limit = limit
    this.weigh = weigh
  }

  get(text: string): A | undefined {
    const known = this.young.get(text)
    if (known !== undefined) return known
    const older = this.old.get(text)
    if (older !== undefined) this.set(text, older)
    return older
  }

  set(text: string, meaning: A): void {
    const weight = this.weigh(text)
    if (weight > this.limit / 16) return
    if (!this.young.has(text)) this.weight += weight
    if (this.weight > this.limit / 2) {
      this.old = this.young
      this.young = new Map()
      this.weight = weight
    }
    this.young.set(text, meaning)
  }

  /** It weighs on until its generation goes. */
  delete(text: string): void {
    this.young.delete(text)
    this.old.delete(text)
  }
}
