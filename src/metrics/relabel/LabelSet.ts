/**
 * LabelSet: the labels of one series while rules work on them, `__name__` among them, in the order in which Prometheus' label builder has
 * them: those that were there by name, then those that were set, as they came. A rule that maps two labels to one depends on it.
 */
/** The labels of one series while rules change them. @experimental */
export class LabelSet {
  private readonly labels: Map<string, string>
  private readonly added = new Set<string>()

  /** An empty label is a missing one. */
  constructor(labels: Iterable<readonly [name: string, value: string]>) {
    this.labels = new Map([...labels].filter(([, value]) => value !== "").sort(([a], [b]) => (a < b ? -1 : 1)))
  }

  /** "" for one that is missing. */
  get(name: string): string {
    return this.labels.get(name) ?? ""
  }

  /** "" takes it away. */
  set(name: string, value: string): void {
    if (value === "") {
      this.delete(name)
      return
    }
    if (!this.added.has(name)) {
      this.labels.delete(name)
      this.added.add(name)
    }
    this.labels.set(name, value)
  }

  /** Nothing where it is missing. */
  delete(name: string): void {
    this.labels.delete(name)
    this.added.delete(name)
  }

  /** As they are now, whatever happens to them meanwhile. */
  all(): ReadonlyArray<readonly [name: string, value: string]> {
    return [...this.labels]
  }
}
