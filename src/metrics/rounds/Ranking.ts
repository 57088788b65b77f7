/**
 * Ranking: of many things the one with the lowest number, where numbers mostly rise and do so by themselves. It keeps a lower bound for
 * each, in a heap; what a number is now is asked only of those that come out on top. So a thing costs the logarithm of their count
 * each time that its number was noted, and nothing while it is not looked for.
 */
export class Ranking<A> {
  private readonly items: Array<A> = []
  private readonly keys: Array<number> = []
  private readonly places = new Map<A, number>()

  get size(): number {
    return this.items.length
  }

  /** Its number is at least `key` from now on; also a lower one than before. */
  note(item: A, key: number): void {
    const place = this.places.get(item)
    if (place === undefined) {
      this.items.push(item)
      this.keys.push(key)
      this.rise(this.items.length - 1)
    } else if (key < this.keys[place]!) {
      this.keys[place] = key
      this.rise(place)
    }
  }

  remove(item: A): void {
    const place = this.places.get(item)
    if (place === undefined) return
    this.places.delete(item)
    const last = this.items.pop()!
    const key = this.keys.pop()!
    if (last === item) return
    this.items[place] = last
    this.keys[place] = key
    this.places.set(last, place)
    this.rise(place)
    this.sink(this.places.get(last)!)
  }

  clear(): void {
    this.items.length = this.keys.length = 0
    this.places.clear()
  }

  /** `now`: a thing's number, not below what was noted; Infinity takes it out. */
  lowest(now: (item: A) => number): { readonly item: A; readonly key: number } | undefined {
    while (this.items.length > 0) {
      const item = this.items[0]!
      const key = now(item)
      if (key <= this.keys[0]!) return { item, key }
      if (key === Number.POSITIVE_INFINITY) this.remove(item)
      else {
        this.keys[0] = key
        this.sink(0)
      }
    }
    return undefined
  }

  private rise(from: number): void {
    const { items, keys } = this
    const item = items[from]!
    const key = keys[from]!
    let place = from
    while (place > 0) {
      const parent = (place - 1) >> 1
      if (keys[parent]! <= key) break
      this.move(parent, place)
      place = parent
    }
    items[place] = item
    keys[place] = key
    this.places.set(item, place)
  }

  private sink(from: number): void {
    const { items, keys } = this
    const item = items[from]!
    const key = keys[from]!
    let place = from
    for (;;) {
      let child = 2 * place + 1
      if (child >= items.length) break
      if (child + 1 < items.length && keys[child + 1]! < keys[child]!) child++
      if (keys[child]! >= key) break
      this.move(child, place)
      place = child
    }
    items[place] = item
    keys[place] = key
    this.places.set(item, place)
  }

  private move(from: number, to: number): void {
    this.items[to] = this.items[from]!
    this.keys[to] = this.keys[from]!
    this.places.set(this.items[to], to)
  }
}
