/**
 * Chain: things in the order in which they came, of which any may leave at any time. Each step costs the same, however many there are
 * or were: a Map's first entry is found only past all that were deleted before it.
 */
export interface Link<A> {
  readonly item: A
  before: Link<A> | undefined
  after: Link<A> | undefined
}

export class Chain<A> {
  head: Link<A> | undefined
  tail: Link<A> | undefined

  push(item: A): Link<A> {
    const link: Link<A> = { item, before: this.tail, after: undefined }
    if (this.tail === undefined) this.head = link
    else this.tail.after = link
    this.tail = link
    return link
  }

  /** Of this chain, and once. */
  unlink(link: Link<A>): void {
    if (link.before === undefined) this.head = link.after
    else link.before.after = link.after
    if (link.after === undefined) this.tail = link.before
    else link.after.before = link.before
    link.before = link.after = undefined
  }
}
