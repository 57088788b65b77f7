/**
 * Files: what the agent knows of the dump files, from what its looker says: the state of each, what is to be sent, and what a person
 * is to be told; of what is not about one file Troubles and Answers know. Plain state without Effect; it touches no file, and
 * goes through all of them only when somebody asks.
 */
import type { Round } from "../AgentSource.ts"
import { jobName } from "../SourceName.ts"
import { Answers } from "./Answers.ts"
import type { Place } from "./Holdings.ts"
import { News } from "./News.ts"
import { type Judged, kindOf } from "./Refusals.ts"
import type { Line, Subject } from "./Telling.ts"
import { Troubles } from "./Troubles.ts"
import type { FileState, FromLooker, Refused, RoundMessage } from "./Wire.ts"

/** One dump file as the agent sees it. Times are ms since the Unix epoch or, where said, durations in ms. @stable */
export interface FileStatus {
  /** As the walk found it. */
  readonly path: string
  /** The id that its rounds have. */
  readonly source: string
  /** What its last look found; `hung` where its file system does not answer. */
  readonly state: FileState
  /** For people; "" where there is nothing to say. */
  readonly why: string
  /** Ms since it was seen to change, or at its first sight since it was written; null before that. */
  readonly sinceChange: number | null
  /** What was wrong with it last, also when it is well again; "" where nothing was. */
  readonly lastError: string
  /** What pods would not show of its last dump that was checked; undefined where none was. */
  readonly refused: Refused | undefined
}

interface File extends Subject, Judged {
  readonly path: string
  readonly source: string
  state: FileState
  why: string
  group: string
  lastError: string
  refused: Refused | undefined
  /** Ms, monotonic. */
  changedAt: number | undefined
  /** Between its last two changes, ms. */
  interval: number
  taken: string
}

export interface FilesOptions {
  readonly expiry: number
  /** Ms, monotonic. */
  readonly now: () => number
  readonly note: (path: string, place: Place) => void
  readonly forget: (path: string) => void
}

export class Files {
  private readonly options: FilesOptions
  private readonly files = new Map<string, File>()
  private readonly ids = new Map<number, File>()
  private hasWalked = false
  private readonly answers: Answers
  private readonly troubles = new Troubles()
  private readonly news: News
  private sweptAt = 0
  private rounds: Array<Round> = []
  private left: Array<string> = []

  constructor(options: FilesOptions) {
    this.options = options
    this.answers = new Answers(options.now)
    this.news = new News(options.now)
  }

  /** What is to be sent, since the last call. */
  takeRounds(): ReadonlyArray<Round> {
    return this.rounds.length === 0 ? this.rounds : this.rounds.splice(0)
  }

  /** Sources whose files left, since the last call. */
  takeLeft(): ReadonlyArray<string> {
    return this.left.length === 0 ? this.left : this.left.splice(0)
  }

  /** What a person is to be told, since the last call. */
  takeLines(): ReadonlyArray<Line> {
    const now = this.options.now()
    if (now - this.sweptAt >= Math.min(10_000, this.options.expiry / 6)) this.sweep(now)
    return this.news.take()
  }

  /** Another looker begins. */
  begins(): void {
    this.ids.clear()
    this.answers.begins()
    this.troubles.begins()
  }

  sourceOf(id: number): string | undefined {
    return this.ids.get(id)?.source
  }

  /** Of each file the round that the agent has, for the next looker. */
  *taken(): Iterable<readonly [path: string, taken: string]> {
    for (const { path, taken } of this.files.values()) yield [path, taken]
  }

  status(): ReadonlyArray<FileStatus> {
    const now = this.options.now()
    return Array.from(this.files.values(), (file) => {
      const isHung = this.answers.isHung(file.group)
      return {
        path: file.path,
        source: file.source,
        state: isHung ? "hung" : file.state,
        why: isHung ? `${file.group} does not answer` : file.why,
        sinceChange: file.changedAt === undefined ? null : Math.max(0, now - file.changedAt),
        lastError: file.lastError,
        refused: file.refused
      }
    })
  }

  /** What is wrong beside single files: a glob that matches nothing, a directory that may not be listed. For people. */
  openTroubles(): ReadonlyArray<string> {
    return this.troubles.open()
  }

  /** All files are known that could be found; or none can be, for long. */
  get areKnown(): boolean {
    return this.hasWalked || this.uselessness() !== undefined
  }

  /** Ms since some operation on dump files returned. */
  lookAge(): number {
    return this.answers.age()
  }

  /** Why no file can be looked at; undefined where some can. */
  uselessness(): string | undefined {
    return this.answers.uselessness()
  }

  accept(message: FromLooker, body: Buffer): void {
    if (message.t === "found") this.found(message.id, message.path, message.source, message.group)
    else if (message.t === "left") this.leave(message.id)
    else if (message.t === "state") this.stands(message)
    else if (message.t === "old") this.isOld(message)
    else if (message.t === "round") this.round(message, body)
    else if (message.t === "group")
      this.news.add(this.answers.group(message.group, message.hung, message.ms, this.filesOf(message.group)))
    else if (message.t === "trouble") this.news.add(this.troubles.note(message.key, message.text))
    else if (message.t === "walked") this.walked(message.complete)
    else if (message.t === "beat") this.answers.beat(message.ms)
  }

  private found(id: number, path: string, source: string, group: string): void {
    let file = this.files.get(path)
    if (file === undefined) {
      file = {
        ...{ path, source, group, state: "settling", why: "", lastError: "", refused: undefined },
        ...{ changedAt: undefined, interval: 0, taken: "", told: "", toldRefusal: "" }
      }
      this.files.set(path, file)
    }
    file.group = group
    this.ids.set(id, file)
  }

  private leave(id: number): void {
    const file = this.ids.get(id)
    if (file === undefined) return
    this.ids.delete(id)
    this.drop(file)
  }

  private drop(file: File): void {
    this.files.delete(file.path)
    this.options.forget(file.path)
    if (file.state !== "duplicate") this.left.push(file.source)
    this.become(file, "gone", "")
  }

  private stands({ id, state, why }: FromLooker & { t: "state" }): void {
    const file = this.ids.get(id)
    // Another looker knows what was taken, not how old it is: only a round ends that.
    if (state !== "taken" || file?.state !== "stale") this.become(file, state, why)
  }

  private become(file: File | undefined, state: FileState, why: string): void {
    if (file === undefined || (file.state === state && file.why === why)) return
    file.state = state
    file.why = why
    if (why !== "") file.lastError = `${state}: ${why}`
    this.news.ofFile(file)
  }

  private isOld({ id, age, place, taken }: FromLooker & { t: "old" }): void {
    const file = this.ids.get(id)
    if (file === undefined) return
    file.changedAt = this.options.now() - age
    file.taken = taken
    this.options.note(file.path, place)
    this.become(file, "stale", `it was last written ${Math.round(age / 1000)} s ago`)
  }

  private round({ id, format, time, age, place, taken, again, check }: RoundMessage, text: Buffer): void {
    const file = this.ids.get(id)
    if (file === undefined) return
    const { path, source } = file
    const at = this.options.now() - age
    if (!again) {
      if (file.changedAt !== undefined) file.interval = Math.max(0, at - file.changedAt)
      file.changedAt = at
    }
    file.taken = taken
    file.refused = check
    if (kindOf(check) !== file.toldRefusal) this.news.ofDump(file)
    this.options.note(path, place)
    this.become(file, "taken", "")
    this.rounds.push({ source, job: jobName(path), origin: path, text, format, time, age })
  }

  private filesOf(group: string): number {
    let files = 0
    for (const file of this.files.values()) if (file.group === group) files++
    return files
  }

  /** All that could be listed is. */
  private walked(complete: boolean): void {
    this.hasWalked = true
    this.news.allFound()
    if (!complete) return
    // What a looker before this one knew and this one did not find.
    const there = new Set(this.ids.values())
    for (const file of this.files.values()) if (!there.has(file)) this.drop(file)
    for (const line of this.troubles.sawAll()) this.news.add(line)
  }

  /** Of a service that dumps less often than the pods expect, its own interval counts, as it does there. */
  private sweep(now: number): void {
    this.sweptAt = now
    const { expiry } = this.options
    for (const file of this.files.values()) {
      if (file.state !== "taken" || file.changedAt === undefined) continue
      const since = now - file.changedAt
      if (since > Math.max(expiry, 3 * file.interval))
        this.become(file, "stale", `it was last written ${Math.round(since / 1000)} s ago`)
    }
  }
}
