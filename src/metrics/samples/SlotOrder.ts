/**
 * SlotOrder: numbered slots in the order in which they were last moved to the end, as a list through the records that their owner
 * keeps (see SlotIndex): moving one costs the same however many there are.
 */
export class SlotOrder {
  private readonly stride: number
  private readonly field: number
  private records: Int32Array = new Int32Array(0)
  /** Slot + 1, 0 where there is none; so are the neighbours in the records, the one before and the one after. */
  private head = 0
  private tail = 0

  /** In records of `stride` integers it has those at `field` and after it. */
  constructor(stride: number, field: number) {
    this.stride = stride
    this.field = field
  }

  /** The records are there from now on, as they were. */
  use(records: Int32Array): void {
    this.records = records
  }

  /** -1 where there is none. */
  get first(): number {
    return this.head - 1
  }

  get last(): number {
    return this.tail - 1
  }

  /** -1 after the last. */
  after(slot: number): number {
    return this.records[slot * this.stride + this.field + 1]! - 1
  }

  /** The slot must not be in it. */
  append(slot: number): void {
    const { records, stride, field, tail } = this
    records[slot * stride + field] = tail
    records[slot * stride + field + 1] = 0
    if (tail === 0) this.head = slot + 1
    else records[(tail - 1) * stride + field + 1] = slot + 1
    this.tail = slot + 1
  }

  remove(slot: number): void {
    const { records, stride, field } = this
    const before = records[slot * stride + field]!
    const after = records[slot * stride + field + 1]!
    if (before === 0) this.head = after
    else records[(before - 1) * stride + field + 1] = after
    if (after === 0) this.tail = before
    else records[(after - 1) * stride + field] = before
  }
}
